import { z } from 'zod';

import {
  assuranceLevel,
  closed,
  count,
  day,
  hex64,
  instant,
  itemId,
  kindPattern,
  nameId,
  opaqueId,
  ordinal,
  permille,
  person_c,
  scopeId,
  streamId,
} from './fields.ts';

// People and their rights, apps, policies.
// @source docs/record-format.md, section 6.3

/** People: who they are is a commitment, what they may do is not. */
export const peopleBodies = {
  /** First record of a person's stream. */
  person_added: closed({
    person_c,
    source: z.enum(['sample', 'directory', 'import', 'sign_in', 'scim']),
  }),
  /** [name, email …] */
  person_changed: closed({
    person_c,
    change: z.enum([
      'updated',
      'team_changed',
      'manager_changed',
      'quiet_hours_set',
      'left',
      'returned',
      'removed',
      'merged',
    ]),
    manager_c: person_c.nullable(),
    source: z.enum(['directory', 'import', 'sign_in', 'scim', 'self']),
  }),
  slack_linked: closed({
    person_c,
    account_c: person_c,
    change: z.enum(['linked', 'unlinked']),
    method: z.enum(['self', 'admin', 'import', 'system']),
  }),
  /** `actor` is the grantor. */
  role_granted: closed({
    grant: opaqueId,
    person_c,
    role: nameId,
    from: instant,
    until: instant.nullable(),
    source: z.enum(['sample', 'directory', 'import', 'claims', 'scim', 'request']),
    /** the request that granted it */
    request: streamId.nullable(),
    /** what an auditor's grant is limited to; null: what the role allows */
    scope: z.enum(['all', 'policy', 'system', 'vendor', 'period']).nullable(),
  }),
  role_ended: closed({
    grant: opaqueId,
    person_c,
    role: nameId,
    /** the first instant without it */
    at: instant,
    reason: z.enum(['REVOKED', 'REPLACED', 'PERSON_REMOVED', 'UPSTREAM', 'REVIEW', 'DEBT']),
  }),
  /** [reason] */
  absence_set: closed({
    absence: opaqueId,
    change: z.enum(['set', 'changed', 'cancelled']),
    person_c,
    deputy_c: person_c.nullable(),
    from: instant,
    until: instant,
  }),
  /** [reason] */
  delegation_set: closed({
    delegation: opaqueId,
    change: z.enum(['set', 'changed', 'cancelled']),
    person_c,
    to_c: person_c,
    role: nameId.nullable(),
    /** only requests of this kind; null: all */
    kind: nameId.nullable(),
    from: instant,
    until: instant,
  }),
  training: closed({
    training: opaqueId,
    course: nameId,
    version: ordinal,
    change: z.enum(['completed', 'failed', 'waived', 'revoked']),
    person_c,
    role: nameId.nullable(),
    from: instant,
    until: instant.nullable(),
    score_permille: permille.nullable(),
  }),
  /** A means to prove who one is [public_key, account]. */
  credential_added: closed({
    credential: opaqueId,
    person_c,
    type: z.enum(['passkey', 'oidc_account', 'sample_token', 'recovery']),
    level: assuranceLevel,
    by: z.enum(['self', 'admin', 'import', 'system']),
    attested: z.boolean(),
    hardware: z.boolean().nullable(),
    expires: instant.nullable(),
  }),
  credential_revoked: closed({
    credential: opaqueId,
    person_c,
    reason: z.enum(['LOST', 'REPLACED', 'COMPROMISED', 'PERSON_REMOVED', 'EXPIRED', 'OPERATOR']),
  }),
  /** Somebody confirmed having read or accepted something. */
  acknowledged: closed({
    person_c,
    of: z.enum([
      'policy',
      'procedure',
      'alert',
      'finding',
      'incident',
      'exception',
      'exclusion',
      'condition',
      'residual_risk',
      'terms',
    ]),
    policy_id: nameId.nullable(),
    version: ordinal.nullable(),
    item: itemId.nullable(),
    about_stream: streamId.nullable(),
  }),
} as const;

/** Apps, their keys and their endpoints. */
export const appBodies = {
  app_changed: closed({
    app: opaqueId,
    change: z.enum([
      'created',
      'updated',
      'disabled',
      'enabled',
      'owner_changed',
      'limits_changed',
      'key_created',
      'key_rotated',
      'key_revoked',
    ]),
    owner_c: person_c.nullable(),
    /** the public part of the key that changed; null where none did */
    key: opaqueId.nullable(),
    expires: instant.nullable(),
    /** its rights as they are now; null where the change is not about them */
    scopes: z.array(scopeId).max(32).nullable(),
    kinds: z.array(kindPattern).max(64).nullable(),
  }),
  /** [url] */
  webhook_changed: closed({
    endpoint: opaqueId,
    app: opaqueId.nullable(),
    change: z.enum([
      'created',
      'updated',
      'paused',
      'resumed',
      'secret_rotated',
      'deleted',
      'dead_lettered',
      'replayed',
    ]),
    /** kinds of events it gets; null: all */
    events: count.nullable(),
    /** deliveries concerned, where it is about deliveries */
    deliveries: count.nullable(),
  }),
  /** A chat workspace that may bring decisions. */
  workspace_changed: closed({
    workspace: opaqueId,
    change: z.enum(['installed', 'updated', 'token_rotated', 'uninstalled', 'refused']),
    scopes: count.nullable(),
  }),
} as const;

/** Rules. */
export const policyBodies = {
  /** First record of a policy's stream is its first version [author]. */
  policy_changed: closed({
    policy_id: nameId,
    version: ordinal,
    change: z.enum(['published', 'proposed', 'rejected', 'retired', 'mode_changed']),
    mode: z.enum(['enforced', 'shadow', 'off']),
    /** which requests it is for */
    kind: nameId.nullable(),
    rules: count.nullable(),
    /** SHA-256 of the policy's text as stored, and of the text before */
    policy_digest: hex64,
    before_digest: hex64.nullable(),
    effective: instant.nullable(),
    review_on: day.nullable(),
    owner_c: person_c.nullable(),
    /** the request that gated it */
    request: streamId.nullable(),
  }),
  /** A rule, check or control does not apply, for a time [reason]. */
  exception: closed({
    exception: opaqueId,
    change: z.enum(['granted', 'renewed', 'used', 'expired', 'ended']),
    of: z.enum(['rule', 'check', 'control', 'client_requirement', 'setting']),
    policy_id: nameId.nullable(),
    rule: count.nullable(),
    check: itemId.nullable(),
    control: itemId.nullable(),
    about_stream: streamId.nullable(),
    approver_c: person_c.nullable(),
    from: instant,
    until: instant,
    /** how often it has been used, this time included */
    uses: count,
  }),
  /** Data that rules read: mappings, catalogues, calendars, settings, lists. */
  register_changed: closed({
    register: z.enum([
      'framework_mapping',
      'check_catalogue',
      'accreditation_list',
      'equivalents',
      'calendar',
      'client_profile',
      'detector',
      'channel',
      'procedure',
      'template',
      'retention',
      'sampling_rule',
      'alert_rule',
      'canary_list',
      'role',
      'witness',
      'timestamp_authority',
      'setting',
    ]),
    item: nameId,
    version: ordinal.nullable(),
    change: z.enum(['published', 'updated', 'proposed', 'rejected', 'opened', 'retired']),
    /** SHA-256 of the text; null where the text may be personal: then it is a commitment [text] */
    digest: hex64.nullable(),
    effective: instant.nullable(),
    request: streamId.nullable(),
  }),
} as const;
