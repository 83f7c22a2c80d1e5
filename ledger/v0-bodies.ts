import { z } from 'zod';

import { closed } from './fields.ts';
import {
  assuranceLevel,
  COMMANDS,
  count,
  hex64,
  instant,
  nameId,
  opaqueId,
  ordinal,
  OVERRIDE_EFFECTS,
  REFUSAL_REASONS,
  RESOLUTIONS,
  seconds,
  streamId,
  tier,
} from './v0-fields.ts';

// The bodies of version 0, as they stood when version 1 was frozen. Read only; never edited.
// @source docs/adr/0009-record-version-1.md

/** Which of a stage's parallel groups, from 0; null: it has only one, or the stage as a whole. */
const group = count.nullable();
/** Stages count from 0. */
const stage = count;
const person_c = hex64;

/** The life of one request. */
const requestBodies = {
  /** First record of a request's stream. The requester is the record's `actor`. */
  requested: closed({
    kind: nameId,
    tier,
    action_digest: hex64,
    content_digest: hex64,
    /** the person acted for */
    on_behalf_of_c: person_c.nullable(),
    /** the requesting app's owner */
    owner_c: person_c.nullable(),
    attachments: count,
    /** how many optional parts of the context were supplied; null where the kind counts none */
    completeness: closed({ supplied: count, of: count }).nullable(),
  }),
  /** The rule that governs the request; sealed again when a held request is evaluated again. */
  policy_bound: closed({
    /** null: no policy matched and the installation's fallback role reviews */
    policy_id: nameId.nullable(),
    version: ordinal.nullable(),
    /** index of the rule in the policy file, from 0 */
    rule: count.nullable(),
    effect: z.enum(['approve', 'reject', 'review']),
    stages: count,
    tier,
    /** a decision must then name a `viewed` record */
    require_view: z.boolean(),
  }),
  held: closed({
    reason: z.enum([
      'POLICY_ERROR',
      'POLICY_UNSATISFIABLE',
      'FACT_MISSING',
      'FACT_LAPSED',
      'DEPENDENCY',
      'LEGAL_HOLD',
    ]),
    /** which fact; null where the reason is about none */
    fact: nameId.nullable(),
  }),
  released: closed({
    reason: z.enum(['FACT_RETURNED', 'POLICY_REPLACED', 'REEVALUATED', 'OVERRIDE']),
    fact: nameId.nullable(),
  }),
  stage_opened: closed({
    stage,
    group,
    /** SHA-256 of the stage's name in UTF-8; the name itself is operator's text */
    name_digest: hex64,
    role: nameId,
    quorum: ordinal,
    reject_quorum: ordinal,
    deadline: instant.nullable(),
    /** least assurance level of a decision */
    assurance: assuranceLevel,
    /** how many could decide at that instant */
    eligible: count,
    /** who; empty where there are more than 64 and a blob named `eligibility` lists them */
    eligible_c: z.array(person_c).max(64),
  }),
  /** The exact content was shown to a person. */
  viewed: closed({
    person_c,
    content_digest: hex64,
    /** SHA-256 of what was rendered; null where the surface cannot tell */
    view_digest: hex64.nullable(),
    stage: stage.nullable(),
  }),
  reminded: closed({ stage, group, ordinal, recipients: count }),
  escalated: closed({
    stage,
    group,
    to_role: nameId,
    mode: z.enum(['add', 'replace']),
    /** after the opening of the stage; null for an escalation by a person [reason] */
    after_seconds: seconds.nullable(),
  }),
  /** One established answer [rationale]. `actor` is the account that acted, `person_c` who it is. */
  decided: closed({
    verdict: z.enum(['approve', 'reject']),
    stage,
    group,
    /** of the stage, this decision included; with parallel groups as the policy counts them */
    approvals: count,
    rejections: count,
    needed: ordinal,
    content_digest: hex64,
    /** leaf hash of the `viewed` record of this stream that this decision rests on */
    viewed: hex64.nullable(),
    person_c,
    /** who delegated to this person, where the decision rests on a delegation */
    delegated_by_c: person_c.nullable(),
  }),
  /** A submission that was not accepted. */
  refused: closed({
    command: z.enum(COMMANDS),
    reason: z.enum(REFUSAL_REASONS),
    /** the content the submission named; null where it named none */
    content_digest: hex64.nullable(),
    /** null where the account is nobody we know */
    person_c: person_c.nullable(),
  }),
  /** [reason], always. */
  overridden: closed({
    effect: z.enum(OVERRIDE_EFFECTS),
    /** the request's status before */
    before: z.enum(['held', 'pending', ...RESOLUTIONS]),
    person_c,
  }),
  /** The time of a stage ran out; what its rule does then. */
  expired: closed({ stage, group, then: z.enum(['expire', 'next_stage', 'approve']) }),
  /** By the requester [reason]. */
  withdrawn: closed({ person_c: person_c.nullable() }),
  resolved: closed({
    resolution: z.enum(RESOLUTIONS),
    /** of the override; null unless `overridden` */
    effect: z.enum(OVERRIDE_EFFECTS).nullable(),
    may_proceed: z.boolean(),
    /** `decided` records in this stream so far */
    decisions: count,
    /** what was resolved, as amended last */
    action_digest: hex64,
  }),
  /** Nothing of substance follows. Append fills `count` in. */
  closed: closed({
    /** records of the stream, this one included */
    count: ordinal,
  }),
  delegated: closed({
    delegation: opaqueId,
    person_c,
    to_c: person_c,
    from: instant,
    until: instant,
    stage: stage.nullable(),
  }),
  claimed: closed({ change: z.enum(['claimed', 'released', 'lapsed']), stage, group, person_c }),
  reassigned: closed({
    stage,
    group,
    from_c: person_c.nullable(),
    to_c: person_c.nullable(),
    reason: z.enum(['ABSENCE', 'ROLE_ENDED', 'PERSON_REMOVED', 'MANUAL']),
  }),
  /** [text] */
  commented: closed({ comment: opaqueId, person_c: person_c.nullable() }),
  /** [text] */
  asked: closed({ question: opaqueId, person_c, clock_stopped: z.boolean() }),
  /** [text] */
  answered: closed({ question: opaqueId, person_c: person_c.nullable() }),
  /** By the requester; decisions so far are void. */
  amended: closed({
    tier,
    action_digest: hex64,
    content_digest: hex64,
    before_content_digest: hex64,
    voided: count,
  }),
  notified: closed({
    channel: z.enum(['slack', 'email', 'webhook']),
    purpose: z.enum(['announce', 'update', 'remind', 'escalate', 'resolve']),
    recipients: count,
    delivered: z.boolean(),
  }),
  receipt_issued: closed({ receipt: opaqueId, action_digest: hex64, expires: instant }),
  receipt_consumed: closed({ receipt: opaqueId, action_digest: hex64 }),
  receipt_revoked: closed({
    receipt: opaqueId,
    reason: z.enum(['OVERRIDE', 'LEASE_LAPSED', 'OPERATOR']),
  }),
  /** What the executor reported [detail]. */
  outcome: closed({ status: z.enum(['succeeded', 'failed']), receipt: opaqueId.nullable() }),
} as const;

/** Directory, policies, apps. */
const directoryBodies = {
  person_added: closed({ person_c, source: z.enum(['sample', 'directory', 'import', 'sign_in']) }),
  slack_linked: closed({
    person_c,
    account_c: hex64,
    change: z.enum(['linked', 'unlinked']),
  }),
  /** `actor` is the grantor. */
  role_granted: closed({
    grant: opaqueId,
    person_c,
    role: nameId,
    from: instant,
    until: instant.nullable(),
  }),
  role_ended: closed({
    grant: opaqueId,
    person_c,
    role: nameId,
    reason: z.enum(['REVOKED', 'REPLACED', 'PERSON_REMOVED']),
  }),
  /** [reason] */
  absence_set: closed({
    absence: opaqueId,
    change: z.enum(['set', 'cancelled']),
    person_c,
    deputy_c: person_c.nullable(),
    from: instant,
    until: instant,
  }),
  /** [reason] */
  delegation_set: closed({
    delegation: opaqueId,
    change: z.enum(['set', 'cancelled']),
    person_c,
    to_c: person_c,
    role: nameId.nullable(),
    from: instant,
    until: instant,
  }),
  policy_changed: closed({
    policy_id: nameId,
    version: ordinal,
    change: z.enum(['published', 'proposed', 'rejected', 'retired']),
    /** SHA-256 of the policy's text as stored */
    policy_digest: hex64,
  }),
  app_changed: closed({
    app: opaqueId,
    change: z.enum([
      'created',
      'updated',
      'disabled',
      'enabled',
      'owner_changed',
      'key_created',
      'key_rotated',
      'key_revoked',
    ]),
    owner_c: person_c.nullable(),
    /** the public part of the key that changed; null where none did */
    key: opaqueId.nullable(),
    expires: instant.nullable(),
  }),
} as const;

/** The system watching itself and those who read it. */
const oversightBodies = {
  accessed: closed({
    what: z.enum(['view', 'chain', 'attachment', 'opening', 'evidence', 'log', 'trace']),
    person_c: person_c.nullable(),
    /** of what was read, where that is one blob */
    sha256: hex64.nullable(),
  }),
  exported: closed({
    what: z.enum(['evidence', 'report', 'log']),
    sha256: hex64,
    bytes: count,
    records: count,
    person_c: person_c.nullable(),
  }),
  incident: closed({
    code: z.enum([
      'RECORD_CONFLICT',
      'UNKNOWN_COMMAND',
      'CLOCK_JUMP',
      'CHAIN_BROKEN',
      'PROJECTION_MISMATCH',
      'SIGNER_REFUSED',
      'SELF_CHECK_FAILED',
      'STATE_LOST',
      'KEY_COMPROMISED',
      'CREDENTIAL_MISUSED',
    ]),
    severity: z.enum(['notice', 'warning', 'critical']),
    about_stream: streamId.nullable(),
    about_seq: count.nullable(),
  }),
  heartbeat: closed({ size: count, silent_seconds: seconds }),
  self_check: closed({
    result: z.enum(['passed', 'failed']),
    records: count,
    size: count,
    problems: count,
    took_seconds: seconds,
  }),
  key_rotated: closed({
    use: z.enum(['log', 'stream_head', 'receipt', 'encryption']),
    /** SHA-256 of the public key, or of the key's name where there is no public part */
    old_digest: hex64.nullable(),
    new_digest: hex64,
    size: count,
  }),
} as const;

/** The closed schema of `body` for every kind of version 0. */
export const bodySchemasV0 = { ...requestBodies, ...directoryBodies, ...oversightBodies } as const;

export type KindV0 = keyof typeof bodySchemasV0;
export type BodyV0<K extends KindV0> = z.infer<(typeof bodySchemasV0)[K]>;
