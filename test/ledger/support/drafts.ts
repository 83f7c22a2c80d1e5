import { createHash } from 'node:crypto';

import type { Draft, DraftBody, DraftOf, SealContext } from '../../../ledger/append.ts';
import { commandKey } from '../../../ledger/hash.ts';
import type { RecordKind } from '../../../ledger/record.ts';

/** A made-up digest that is always the same for the same label. */
export function digest(label: string): string {
  return createHash('sha256').update(label).digest('hex');
}

/** Bytes that look random and are the same in every run: SHA-256 of seed and counter. */
export function fixedRandom(seed: string): (size: number) => Uint8Array {
  let used = 0;
  return (size) => {
    const blocks: Buffer[] = [];
    for (let length = 0; length < size; length += 32) {
      blocks.push(createHash('sha256').update(`${seed}/${used++}`).digest());
    }
    return Buffer.concat(blocks).subarray(0, size);
  };
}

export const STREAM = '5f0c2a52-7d7e-4b0e-9a51-3f5a8f1f6c01';

export function aContext(change: Partial<SealContext> = {}): SealContext {
  return {
    log: 'countersign.example/log',
    stream: STREAM,
    ts: '2026-11-21T08:00:00.000Z',
    software: '0.1.0',
    randomBytes: fixedRandom('nonce'),
    ...change,
  };
}

const eve = digest('eve');
const omar = digest('omar');
const dana = digest('dana');
const from = '2026-11-21T08:00:00.000Z';
const until = '2026-11-28T08:00:00.000Z';

/** One ordinary body for every kind; the type makes sure that no kind is forgotten. */
export const sampleBodies: { readonly [K in RecordKind]: DraftBody<K> } = {
  requested: {
    kind: 'ai-decision',
    tier: 'high',
    action_digest: digest('action'),
    content_digest: digest('content'),
    on_behalf_of_c: dana,
    owner_c: null,
    attachments: 1,
    completeness: { supplied: 7, of: 9 },
  },
  policy_bound: {
    policy_id: 'credit-decisions',
    version: 4,
    rule: 1,
    effect: 'review',
    stages: 1,
    tier: 'high',
    require_view: true,
  },
  held: { reason: 'FACT_MISSING', fact: 'vendor.soc2' },
  released: { reason: 'FACT_RETURNED', fact: 'vendor.soc2' },
  stage_opened: {
    stage: 0,
    group: null,
    name_digest: digest('first line'),
    role: 'credit-officer',
    quorum: 2,
    reject_quorum: 1,
    deadline: '2026-11-22T08:00:00.000Z',
    assurance: 1,
    eligible: 2,
    eligible_c: [eve, omar],
  },
  viewed: {
    person_c: eve,
    content_digest: digest('content'),
    view_digest: digest('view'),
    stage: 0,
  },
  reminded: { stage: 0, group: null, ordinal: 1, recipients: 2 },
  escalated: {
    stage: 0,
    group: null,
    to_role: 'credit-manager',
    mode: 'add',
    after_seconds: 14400,
  },
  decided: {
    verdict: 'approve',
    stage: 0,
    group: null,
    approvals: 1,
    rejections: 0,
    needed: 2,
    content_digest: digest('content'),
    viewed: digest('some viewed record'),
    person_c: eve,
    delegated_by_c: null,
  },
  refused: {
    command: 'decide',
    reason: 'OWN_REQUEST',
    content_digest: digest('content'),
    person_c: dana,
  },
  overridden: { effect: 'stop', before: 'pending', person_c: omar },
  expired: { stage: 0, group: null, then: 'expire' },
  withdrawn: { person_c: dana },
  resolved: {
    resolution: 'approved',
    effect: null,
    may_proceed: true,
    decisions: 2,
    action_digest: digest('action'),
  },
  closed: {},
  delegated: { delegation: 'd-1', person_c: eve, to_c: omar, from, until, stage: 0 },
  claimed: { change: 'claimed', stage: 0, group: null, person_c: eve },
  reassigned: { stage: 0, group: null, from_c: eve, to_c: omar, reason: 'ABSENCE' },
  commented: { comment: 'c-1', person_c: eve },
  asked: { question: 'q-1', person_c: eve, clock_stopped: true },
  answered: { question: 'q-1', person_c: null },
  amended: {
    tier: 'high',
    action_digest: digest('action 2'),
    content_digest: digest('content 2'),
    before_content_digest: digest('content'),
    voided: 1,
  },
  notified: { channel: 'slack', purpose: 'announce', recipients: 2, delivered: true },
  receipt_issued: { receipt: 'r-1', action_digest: digest('action'), expires: until },
  receipt_consumed: { receipt: 'r-1', action_digest: digest('action') },
  receipt_revoked: { receipt: 'r-1', reason: 'OVERRIDE' },
  outcome: { status: 'succeeded', receipt: 'r-1' },
  person_added: { person_c: eve, source: 'sample' },
  slack_linked: { person_c: eve, account_c: digest('T1/U1'), change: 'linked' },
  role_granted: { grant: 'g-1', person_c: eve, role: 'credit-officer', from, until: null },
  role_ended: { grant: 'g-1', person_c: eve, role: 'credit-officer', reason: 'REVOKED' },
  absence_set: { absence: 'a-1', change: 'set', person_c: eve, deputy_c: omar, from, until },
  delegation_set: {
    delegation: 'd-1',
    change: 'set',
    person_c: eve,
    to_c: omar,
    role: null,
    from,
    until,
  },
  policy_changed: {
    policy_id: 'credit-decisions',
    version: 4,
    change: 'published',
    policy_digest: digest('policy text'),
  },
  app_changed: { app: 'agent-1', change: 'key_created', owner_c: dana, key: 'k-1', expires: until },
  accessed: { what: 'chain', person_c: eve, sha256: null },
  exported: { what: 'evidence', sha256: digest('zip'), bytes: 60000, records: 9, person_c: eve },
  incident: { code: 'CLOCK_JUMP', severity: 'warning', about_stream: STREAM, about_seq: 3 },
  heartbeat: { size: 1000, silent_seconds: 600 },
  self_check: { result: 'passed', records: 1000, size: 1000, problems: 0, took_seconds: 2 },
  key_rotated: {
    use: 'log',
    old_digest: digest('old key'),
    new_digest: digest('new key'),
    size: 1000,
  },
};

type DraftChange<K extends RecordKind> = Partial<Omit<DraftOf<K>, 'body' | 'kind'>> & {
  readonly body?: Partial<DraftBody<K>>;
};

const texts: Partial<Record<RecordKind, string>> = {
  overridden: 'reason',
  commented: 'text',
  asked: 'text',
  answered: 'text',
};

/** An ordinary draft of one kind; the row shows only what differs. */
export function aDraft<K extends RecordKind>(kind: K, change: DraftChange<K> = {}): Draft {
  const { body, ...rest } = change;
  const path = texts[kind];
  const draft: DraftOf<K> = {
    kind,
    cmd: commandKey('command-1', kind),
    actor: { type: 'human', role: 'reviewer', c: eve },
    auth: { level: 1, method: 'sample_token', proof: null },
    surface: 'rest',
    policy: 'credit-decisions@4',
    ...(path === undefined ? {} : { erasable: [{ path, value: 'because of the audit finding' }] }),
    ...rest,
    body: { ...sampleBodies[kind], ...body },
  };
  return draft as Draft;
}
