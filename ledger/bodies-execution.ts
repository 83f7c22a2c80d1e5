import { z } from 'zod';

import {
  closed,
  codeId,
  count,
  hex64,
  instant,
  itemId,
  nameId,
  opaqueId,
  ordinal,
  people_c,
  person_c,
  seconds,
  streamId,
} from './fields.ts';

// The executor's side of a request, what people were told, and what it is linked with.
// @source docs/record-format.md, section 6.2

const stage = count.nullable();

/** Receipts, outcomes, leases. */
export const receiptBodies = {
  receipt_issued: closed({
    receipt: opaqueId,
    cause: z.enum(['resolved', 'renewed', 'released']),
    action_digest: hex64,
    expires: instant,
    /** SHA-256 of the public key it is signed with; null where it is not signed */
    key_digest: hex64.nullable(),
    /** leaf hash of the `resolved` record it rests on */
    resolved: hex64.nullable(),
    lease: opaqueId.nullable(),
    /** dense number of the gate, so that nothing can be left out of a count */
    gate_seq: count.nullable(),
  }),
  /** The action executed is the action decided; another one is a `refused` record. */
  receipt_consumed: closed({ receipt: opaqueId, action_digest: hex64, gate_seq: count.nullable() }),
  receipt_revoked: closed({
    receipt: opaqueId,
    reason: z.enum([
      'OVERRIDE',
      'LEASE_LAPSED',
      'INCIDENT',
      'SYSTEM_SUSPENDED',
      'REPLACED',
      'OPERATOR',
    ]),
    /** it was used before: a reversal after the fact */
    was_consumed: z.boolean(),
    fact: nameId.nullable(),
  }),
  /** What the executor reported [detail]. */
  outcome: closed({
    status: z.enum(['succeeded', 'failed', 'partial', 'not_executed', 'compensated']),
    receipt: opaqueId.nullable(),
    executed_at: instant.nullable(),
    /** SHA-256 of what came out, where the executor names it */
    output_digest: hex64.nullable(),
    /** after the time in which an outcome was due */
    late: z.boolean(),
  }),
  /** Later judgement of the result, by people or from facts [text]. */
  outcome_rated: closed({
    quality: z.enum(['good', 'bad', 'unclear']),
    source: z.enum(['person', 'fact', 'complaint', 'sampling']),
    person_c: person_c.nullable(),
  }),
  /** The approval lives as long as these facts do. */
  lease_started: closed({
    lease: opaqueId,
    until: instant.nullable(),
    depends: z
      .array(
        closed({
          fact: nameId,
          until: instant.nullable(),
          about_stream: streamId.nullable(),
        }),
      )
      .max(32),
  }),
  lease_changed: closed({
    lease: opaqueId,
    change: z.enum(['renewed', 'shortened', 'suspended', 'resumed']),
    before_until: instant.nullable(),
    until: instant.nullable(),
    fact: nameId.nullable(),
    about_stream: streamId.nullable(),
  }),
  lease_ended: closed({
    lease: opaqueId,
    reason: z.enum(['FACT_ENDED', 'TIME', 'REVOKED', 'REPLACED', 'OVERRIDE', 'CLOSED']),
    fact: nameId.nullable(),
    check: itemId.nullable(),
    about_stream: streamId.nullable(),
    /** requests that went on hold because of it */
    dependants: count,
  }),
} as const;

/** Who was told, what was handed over, what belongs together. */
export const messageBodies = {
  /** One notice, told or given up. */
  notified: closed({
    notice: opaqueId.nullable(),
    channel: z.enum(['slack', 'email', 'webhook', 'console', 'portal']),
    purpose: z.enum([
      'announce',
      'update',
      'remind',
      'escalate',
      'resolve',
      'ask',
      'answer',
      'refuse',
      'lapse',
      'revoke',
      'alert',
      'acknowledge',
      'credential',
      'event',
    ]),
    recipients: count,
    recipients_c: people_c,
    /** the account it went to, where it is one; the webhook's endpoint and its event */
    account_c: person_c.nullable(),
    endpoint: opaqueId.nullable(),
    event: opaqueId.nullable(),
    /** the record it tells of */
    about_seq: count.nullable(),
    stage,
    delivered: z.boolean(),
    attempts: ordinal,
    failure: z
      .enum([
        'UNLINKED',
        'CHANNEL_MISSING',
        'NOT_IN_CHANNEL',
        'TOKEN_REVOKED',
        'DATA_CLASS',
        'RATE_LIMITED',
        'REFUSED',
        'UNREACHABLE',
        'TIMEOUT',
        'TOO_LARGE',
        'ADDRESS_FORBIDDEN',
        'GIVEN_UP',
      ])
      .nullable(),
    /** SHA-256 of the message as it was sent */
    message_digest: hex64.nullable(),
  }),
  attachment_stored: closed({
    attachment: opaqueId,
    sha256: hex64,
    bytes: count,
    media: z.enum(['pdf', 'image', 'text', 'csv', 'spreadsheet', 'document', 'json', 'other']),
    /** does the content fit the declared type */
    checked: z.enum(['matches', 'differs', 'not_checked']),
    encrypted: z.boolean(),
  }),
  /** This stream and another belong together; the other one says so too. */
  linked: closed({
    relation: z.enum([
      'reopens',
      'reopened_as',
      'compensates',
      'compensated_by',
      'incident',
      'incident_of',
      'review_of',
      'reviewed_by',
      'change_of',
      'changed_by',
      'depends_on',
      'dependency_of',
      'duplicate_of',
    ]),
    to_stream: streamId,
    to_leaf: hex64.nullable(),
  }),
  /** Work that follows from a record: undo an action, reconcile, close a gap [text]. */
  task_changed: closed({
    task: opaqueId,
    of: z.enum([
      'compensation',
      'reconciliation',
      'condition',
      'finding',
      'gap',
      'procedure_step',
      'management_action',
      'correction',
      'review',
    ]),
    change: z.enum(['opened', 'assigned', 'done', 'failed', 'overdue', 'cancelled']),
    receipt: opaqueId.nullable(),
    about_stream: streamId.nullable(),
    about_seq: count.nullable(),
    owner_c: person_c.nullable(),
    person_c: person_c.nullable(),
    due: instant.nullable(),
  }),
  /** A link for somebody outside: a vendor's portal, a shared chain, a step-up page. */
  link_changed: closed({
    link: opaqueId,
    purpose: z.enum(['portal', 'share', 'step_up', 'account']),
    change: z.enum(['issued', 'opened', 'used', 'expired', 'revoked']),
    scope: z.enum(['questions', 'evidence', 'chain', 'report', 'decision', 'account']),
    fields: count.nullable(),
    contact_c: person_c.nullable(),
    question: opaqueId.nullable(),
    expires: instant.nullable(),
  }),
  /** A probe of a way in or out of the installation. */
  probed: closed({
    probe: opaqueId,
    of: z.enum(['app', 'slack', 'webhook', 'sidecar', 'worker', 'witness', 'timestamp', 'sign_in']),
    result: z.enum(['passed', 'failed']),
    failure: codeId.nullable(),
    took_seconds: seconds,
    about_stream: streamId.nullable(),
  }),
} as const;
