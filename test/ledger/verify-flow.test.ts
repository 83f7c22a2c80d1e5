import { expect, test } from 'vitest';

import { canonicalBytes, parseCanonical } from '../../ledger/canonical-json.ts';
import { RECORD_KINDS, type RecordKind } from '../../ledger/record.ts';
import { HOMES } from '../../ledger/streams.ts';
import { aDraft, digest } from './support/drafts.ts';
import {
  approvedChain,
  bound,
  closed,
  decided,
  emptyChain,
  engine,
  extend,
  leafOf,
  people,
  requested,
  resolved,
  stageOpened,
  verify,
  viewed,
  waitingChain,
  type Chain,
} from './support/story.ts';

const { dana, eve, omar } = people;
const bothApproved = () =>
  extend(
    waitingChain(),
    viewed(eve),
    decided(eve),
    viewed(omar),
    decided(omar, { body: { approvals: 2 } }),
  );
const override = (body: object) => aDraft('overridden', { body: { person_c: omar.c, ...body } });
const settled = (body: object) => aDraft('resolved', { ...engine, body });
const group = (index: number) => aDraft('stage_opened', { ...engine, body: { group: index } });
/** Omar decides for Eve, who has delegated to him for this request. */
const byDelegation = (made: object) =>
  extend(
    waitingChain(),
    aDraft('delegated', {
      body: { delegation: 'd-7', person_c: eve.c, to_c: omar.c, ...made },
    }),
    viewed(omar),
    decided(omar, { body: { delegated_by_c: eve.c, delegation: 'd-7' } }),
  );
const stopped = { resolution: 'overridden', effect: 'stop', may_proceed: false, decisions: 0 };

test.each<{ story: string; chain: () => Chain }>([
  { story: 'approved by two people', chain: approvedChain },
  {
    story: 'approved by the policy alone',
    chain: () =>
      extend(
        emptyChain,
        requested,
        aDraft('policy_bound', { ...engine, body: { effect: 'approve', stages: 0 } }),
        settled({ decisions: 0 }),
        closed,
      ),
  },
  {
    story: 'held, released, rejected by one',
    chain: () =>
      extend(
        extend(emptyChain, requested, aDraft('held', engine), aDraft('released', engine)),
        bound,
        stageOpened,
        viewed(eve),
        decided(eve, { body: { verdict: 'reject', approvals: 0, rejections: 1 } }),
        settled({ resolution: 'rejected', may_proceed: false, decisions: 1 }),
        closed,
      ),
  },
  {
    story: 'reminded, escalated, expired; refused afterwards',
    chain: () =>
      extend(
        waitingChain(),
        aDraft('reminded', engine),
        aDraft('escalated', engine),
        aDraft('expired', engine),
        settled({ resolution: 'expired', may_proceed: false, decisions: 0 }),
        closed,
        aDraft('refused', { body: { reason: 'EXPIRED', person_c: eve.c } }),
      ),
  },
  {
    story: 'withdrawn',
    chain: () =>
      extend(
        waitingChain(),
        aDraft('withdrawn', { body: { person_c: null } }),
        settled({ resolution: 'withdrawn', may_proceed: false, decisions: 0 }),
        closed,
      ),
  },
  {
    story: 'stopped while pending',
    chain: () => extend(waitingChain(), override({ effect: 'stop' }), settled(stopped), closed),
  },
  {
    story: 'approved and closed; then used, read, exported, held, erased',
    chain: () =>
      extend(
        extend(bothApproved(), resolved, closed),
        aDraft('receipt_issued'),
        aDraft('refused', { body: { command: 'consume', reason: 'ACTION_MISMATCH' } }),
        aDraft('receipt_consumed'),
        aDraft('outcome'),
        aDraft('notified', engine),
        aDraft('reminded', { ...engine, body: { about: 'outcome', stage: null } }),
        aDraft('accessed'),
        aDraft('exported', { body: { head_seq: 9 } }),
        aDraft('legal_hold_set'),
        aDraft('legal_hold_released'),
        aDraft('erased'),
        aDraft('incident', engine),
        aDraft('receipt_revoked', { body: { reason: 'LEASE_LAPSED' } }),
        closed,
      ),
  },
  {
    story: 'approved for somebody who delegated, in their time',
    chain: () => byDelegation({}),
  },
  {
    story: 'the installation: keys, silence, checks',
    chain: () =>
      extend(
        extend(emptyChain, aDraft('key_rotated', engine), aDraft('log_changed', engine)),
        aDraft('heartbeat', engine),
        aDraft('self_check', engine),
        aDraft('incident', engine),
        aDraft('accessed'),
      ),
  },
  {
    story: 'an app, a policy, a vendor, an AI system and a register of their own',
    chain: () =>
      extend(emptyChain, aDraft('vendor_changed'), aDraft('evidence_added'), aDraft('asked')),
  },
  {
    story: 'approved, used, reversed after it was closed',
    chain: () =>
      extend(
        extend(bothApproved(), resolved, aDraft('receipt_issued'), aDraft('receipt_consumed')),
        aDraft('outcome'),
        closed,
        override({ effect: 'reverse', before: 'approved' }),
        aDraft('receipt_revoked'),
        settled({ ...stopped, effect: 'reverse', decisions: 2 }),
        closed,
      ),
  },
  {
    story: 'two parallel groups, reminded and expired as one stage',
    chain: () =>
      extend(
        extend(emptyChain, requested, bound, group(0), group(1), aDraft('reminded', engine)),
        viewed(eve),
        decided(eve, { body: { group: 0, needed: 4 } }),
        viewed(omar),
        decided(omar, { body: { group: 1, approvals: 2, needed: 4 } }),
        aDraft('expired', engine),
        settled({ resolution: 'expired', may_proceed: false }),
      ),
  },
  {
    story: 'two parallel groups; somebody who can count in both names neither',
    chain: () =>
      extend(
        extend(emptyChain, requested, bound, group(0), group(1), viewed(eve)),
        decided(eve, { body: { group: null, needed: 2 } }),
        viewed(omar),
        decided(omar, { body: { group: 1, approvals: 2, needed: 2 } }),
        resolved,
      ),
  },
  {
    story: 'amended, and decided again by the same person',
    chain: () =>
      extend(
        extend(waitingChain(), viewed(eve), decided(eve)),
        aDraft('amended', { actor: { type: 'agent', role: 'requester', c: people.agent.c } }),
        aDraft('viewed', { body: { person_c: eve.c, content_digest: digest('content 2') } }),
        decided(eve, { body: { content_digest: digest('content 2') } }),
      ),
  },
])('$story: the procedure holds', async ({ chain }) => {
  expect((await verify(chain())).problems).toEqual([]);
});

test.each<{ why: string; code?: string; chain: () => Chain }>([
  { why: 'a stage before a policy', chain: () => extend(emptyChain, requested, stageOpened) },
  { why: 'a stream that begins in the middle', chain: () => extend(emptyChain, bound) },
  { why: 'requested twice', chain: () => extend(waitingChain(), requested) },
  {
    why: 'V-46 a decision without the view that the rule asks for',
    chain: () => extend(waitingChain(), viewed(eve), decided(eve, { body: { viewed: null } })),
  },
  {
    why: 'V-46 a decision that names another record as its view',
    chain: () =>
      extend(waitingChain(), viewed(eve), (so) =>
        decided(eve, { body: { viewed: leafOf(so, 'stage_opened') } })(so),
      ),
  },
  {
    why: 'a decision on what somebody else saw',
    chain: () => extend(waitingChain(), viewed(omar), decided(eve)),
  },
  {
    why: 'a decision on content that was not asked about',
    chain: () =>
      extend(
        waitingChain(),
        viewed(eve),
        decided(eve, { body: { content_digest: digest('other') } }),
      ),
  },
  {
    why: 'a decision on a stage that was not opened',
    chain: () => extend(waitingChain(), viewed(eve), decided(eve, { body: { stage: 1 } })),
  },
  {
    why: 'V-46 a decision after the end',
    chain: () =>
      extend(extend(bothApproved(), resolved), viewed(people.lena), decided(people.lena)),
  },
  {
    why: 'V-45 one person counted twice',
    code: 'QUORUM_RULE',
    chain: () =>
      extend(waitingChain(), viewed(eve), decided(eve), decided(eve, { body: { approvals: 2 } })),
  },
  {
    why: 'V-45 the person acted for decides',
    code: 'QUORUM_RULE',
    chain: () => extend(waitingChain(), viewed(dana), decided(dana)),
  },
  {
    why: 'a count that does not add up',
    code: 'QUORUM_RULE',
    chain: () => extend(waitingChain(), viewed(eve), decided(eve, { body: { approvals: 2 } })),
  },
  {
    why: 'more approvals than there are, in parallel groups',
    code: 'QUORUM_RULE',
    chain: () =>
      extend(
        extend(emptyChain, requested, bound, group(0), viewed(eve)),
        decided(eve, { body: { group: 0, approvals: 2 } }),
      ),
  },
  {
    why: 'one person for a parallel group and for the stage as a whole',
    code: 'QUORUM_RULE',
    chain: () =>
      extend(
        extend(emptyChain, requested, bound, group(0), group(1), viewed(eve)),
        decided(eve, { body: { group: 0, needed: 2 } }),
        decided(eve, { body: { group: null, approvals: 2, needed: 2 } }),
      ),
  },
  {
    why: 'a decision on a stage as a whole that is not open',
    chain: () =>
      extend(
        extend(emptyChain, requested, bound, group(0), group(1), viewed(eve)),
        decided(eve, { body: { stage: 1, group: null, needed: 2 } }),
      ),
  },
  {
    why: 'a reminder of a stage that was not opened',
    chain: () => extend(waitingChain(), aDraft('reminded', { ...engine, body: { stage: 1 } })),
  },
  {
    why: 'a resolution that forgets a decision',
    code: 'QUORUM_RULE',
    chain: () => extend(bothApproved(), settled({ decisions: 1 })),
  },
  {
    why: 'approved without anybody',
    chain: () => extend(waitingChain(), settled({ decisions: 0 })),
  },
  {
    why: 'expired before the time ran out',
    chain: () =>
      extend(waitingChain(), settled({ resolution: 'expired', may_proceed: false, decisions: 0 })),
  },
  {
    why: 'a rejection that may proceed',
    chain: () =>
      extend(
        waitingChain(),
        viewed(eve),
        decided(eve, { body: { verdict: 'reject', approvals: 0, rejections: 1 } }),
        settled({ resolution: 'rejected', decisions: 1 }),
      ),
  },
  { why: 'resolved twice', chain: () => extend(bothApproved(), resolved, resolved) },
  {
    why: 'V-24 another action resolved than decided on',
    code: 'ACTION_MISMATCH',
    chain: () => extend(bothApproved(), settled({ action_digest: digest('other') })),
  },
  {
    why: 'V-24 another action executed than decided on',
    code: 'ACTION_MISMATCH',
    chain: () =>
      extend(
        extend(bothApproved(), resolved, aDraft('receipt_issued')),
        aDraft('receipt_consumed', { body: { action_digest: digest('other') } }),
      ),
  },
  {
    why: 'a receipt used twice',
    chain: () =>
      extend(
        extend(bothApproved(), resolved, aDraft('receipt_issued'), aDraft('receipt_consumed')),
        aDraft('receipt_consumed'),
      ),
  },
  {
    why: 'a receipt before an approval',
    chain: () => extend(waitingChain(), aDraft('receipt_issued')),
  },
  {
    why: 'overridden without an override',
    chain: () => extend(waitingChain(), settled(stopped)),
  },
  {
    why: 'another effect than the override had',
    chain: () => extend(waitingChain(), override({ effect: 'force' }), settled(stopped)),
  },
  {
    why: 'an override of a state that was not',
    chain: () => extend(waitingChain(), override({ effect: 'reverse', before: 'approved' })),
  },
  { why: 'closed while it waits', chain: () => extend(waitingChain(), closed) },
  {
    why: 'V-46 a decision after the time of its stage ran out',
    chain: () =>
      extend(
        extend(waitingChain(), viewed(eve), aDraft('expired', { body: { then: 'next_stage' } })),
        decided(eve),
      ),
  },
  {
    why: 'V-46 a decision on a stage that the next one replaced',
    chain: () =>
      extend(
        extend(waitingChain(), aDraft('stage_opened', { ...engine, body: { stage: 1 } })),
        viewed(eve),
        decided(eve),
      ),
  },
  {
    why: 'V-46 a decision after it was closed',
    chain: () =>
      extend(bothApproved(), resolved, closed, viewed(people.lena), decided(people.lena)),
  },
  {
    why: 'V-45 approved by fewer than the stage asked for',
    chain: () => extend(waitingChain(), viewed(eve), decided(eve), settled({ decisions: 1 })),
  },
  {
    why: 'V-45 a decision that says fewer are needed',
    code: 'QUORUM_RULE',
    chain: () => extend(waitingChain(), viewed(eve), decided(eve, { body: { needed: 1 } })),
  },
  {
    why: 'V-45 a delegate of the person acted for',
    code: 'QUORUM_RULE',
    chain: () =>
      extend(waitingChain(), viewed(eve), decided(eve, { body: { delegated_by_c: dana.c } })),
  },
  {
    why: 'V-45 a delegate outside their time',
    code: 'QUORUM_RULE',
    chain: () => byDelegation({ until: '2026-11-21T08:00:01.000Z' }),
  },
  {
    why: 'V-45 a delegate before their time',
    code: 'QUORUM_RULE',
    chain: () => byDelegation({ from: '2026-11-21T09:00:00.000Z' }),
  },
  {
    why: 'V-45 a delegation between others',
    code: 'QUORUM_RULE',
    chain: () => byDelegation({ to_c: people.lena.c }),
  },
  {
    why: 'a precedent left without a word',
    chain: () =>
      extend(waitingChain(), aDraft('precedent_cited', { body: { stance: 'distinguish' } })),
  },
  {
    why: 'a reminder of a stage after the resolution',
    chain: () => extend(bothApproved(), resolved, aDraft('reminded', engine)),
  },
  {
    why: 'an export of what is not there yet',
    chain: () => extend(waitingChain(), aDraft('exported', { body: { head_seq: 3 } })),
  },
  {
    why: 'an erasure of what is not there yet',
    chain: () =>
      extend(
        waitingChain(),
        aDraft('erased', {
          body: { commitments: [{ seq: 9, path: 'reason', c: digest('c') }] },
        }),
      ),
  },
  {
    why: 'a heartbeat in the stream of a request',
    chain: () => extend(waitingChain(), aDraft('heartbeat', engine)),
  },
  {
    why: 'a role in the stream of a policy',
    chain: () => extend(emptyChain, aDraft('policy_changed'), aDraft('role_granted')),
  },
  {
    why: 'a decision in the stream of a person',
    chain: () => extend(extend(emptyChain, aDraft('person_added'), viewed(eve)), decided(eve)),
  },
])('$why is named', async ({ chain, code = 'FLOW_RULE' }) => {
  const sealed = chain();
  const report = await verify(sealed);
  expect(report.problems.map((problem) => problem.code)).toContain(code);
});

/** @source docs/record-format.md, section 8 */
const AFTER_CLOSED: readonly RecordKind[] = [
  ...([
    'closed',
    'overridden',
    'review_debt',
    'refused',
    'viewed',
    'commented',
    'answered',
  ] as const),
  ...(['notified', 'reminded', 'acknowledged', 'linked', 'task_changed', 'link_changed'] as const),
  ...([
    'receipt_issued',
    'receipt_consumed',
    'receipt_revoked',
    'outcome',
    'outcome_rated',
  ] as const),
  ...([
    'lease_started',
    'lease_changed',
    'lease_ended',
    'evidence_added',
    'check_evaluated',
  ] as const),
  ...(['exception', 'precedent_changed', 'accessed', 'exported', 'legal_hold_set'] as const),
  ...(['legal_hold_released', 'erased', 'incident', 'finding', 'reviewed', 'alert'] as const),
];

// ---- the places of kinds --------------------------------------------------------------------------

const OTHERS = {
  person: 'person_added',
  app: 'app_changed',
  policy: 'policy_changed',
  vendor: 'vendor_changed',
  ai_system: 'system_changed',
  register: 'ai_recorded',
  installation: 'log_changed',
} as const;

test.each(Object.entries(OTHERS))(
  'a stream of type %s takes exactly the kinds of it',
  async (type, first) => {
    for (const kind of RECORD_KINDS) {
      const report = await verify(extend(emptyChain, aDraft(first), aDraft(kind)));
      const isHome = (HOMES[kind] as readonly string[]).includes(type);
      const expected = isHome ? [] : [expect.objectContaining({ code: 'FLOW_RULE', seq: 1 })];
      expect(report.problems, kind).toEqual(expected);
    }
  },
);

test.each(RECORD_KINDS)('%s after closed: only what does not move the request', async (kind) => {
  const ended = extend(bothApproved(), resolved, closed);
  const draft = kind === 'reminded' ? aDraft(kind, { body: { about: 'lease' } }) : aDraft(kind);
  const report = await verify(extend(ended, draft));
  const moved = report.problems.filter(({ detail }) =>
    /after the|has no place|begins with/.test(detail),
  );
  expect(moved.length === 0).toBe(AFTER_CLOSED.includes(kind));
});

test('an override without its reason is named, whoever sealed it', async () => {
  const chain = extend(waitingChain(), override({ effect: 'stop' }));
  const record = parseCanonical(chain.records.at(-1)!.bytes) as object;
  const records = [
    ...chain.records.slice(0, -1).map(({ bytes }) => bytes),
    canonicalBytes({ ...record, commits: [] }),
  ];
  const report = await verify(chain, { records, expected: {} });
  expect(report.problems.map(({ code, seq }) => `${code}@${seq}`)).toEqual(['FLOW_RULE@3']);
});
