import { describe, expect, test } from 'vitest';
import type { Actor } from '../../domain/command.ts';
import { applyDecision, requiresView } from '../../domain/decision.ts';
import type { RequestState, Verdict } from '../../domain/request.ts';
import { resolve } from '../../domain/resolution.ts';
import {
  actOf,
  aDecision,
  aGroup,
  anApp,
  aPerson,
  aRequest,
  aSecondStage,
  aStage,
  CONTENT_DIGEST,
  decide,
  HELD,
  NOW,
  OTHER_DIGEST,
  VIEWED,
} from '../support/builders.ts';
import { expectRefused } from './expect-refused.ts';

const act = (actor: Actor) => actOf(actor);
const ended = (kind: 'approved' | 'rejected' | 'expired' | 'withdrawn'): RequestState =>
  resolve(aRequest(), { kind, cause: 'people', by: [] }, NOW).state;

/** Lets people answer one after the other; an answer that is refused fails the test. */
function afterAll(state: RequestState, ...answers: readonly (readonly [string, Verdict])[]) {
  let current = state;
  for (const [person, verdict] of answers) {
    const answered = applyDecision(current, decide(verdict), act(aPerson(person)));
    expect(answered.outcome.kind, person).not.toBe('refused');
    current = answered.state;
  }
  return current;
}

describe('a decision that counts', () => {
  test('is recorded as it was given, and answered with what is still missing', () => {
    const before = aRequest();
    const omar = aPerson('omar', { assurance: 2, viewed: VIEWED });
    const { state, outcome, events } = applyDecision(before, decide(), act(omar));
    const decision = aDecision('omar', { assurance: 2 });
    expect(outcome).toEqual({ kind: 'counted', approvals: 1, needed: 2 });
    expect(state).toEqual({ ...before, decisions: [decision] });
    const tally = { approvals: 1, rejections: 0, needed: 2 };
    expect(events).toEqual([{ type: 'decided', decision, tally, viewed: VIEWED }]);
  });

  test('that reaches the quorum approves, by everybody who approved', () => {
    const before = aRequest({ decisions: [aDecision('eve')] });
    const { state, outcome, events } = applyDecision(before, decide(), act(aPerson('omar')));
    expect(state.stage).toBeNull();
    expect(state.resolution).toEqual({
      kind: 'approved',
      effect: null,
      mayProceed: true,
      at: NOW,
      by: ['eve', 'omar'],
      cause: 'people',
    });
    expect(outcome).toEqual({ kind: 'settled', resolution: state.resolution });
    expect(events.map((event) => event.type)).toEqual(['decided', 'resolved']);
  });

  test('that rejects ends it at once, by those who rejected', () => {
    const before = aRequest({ decisions: [aDecision('eve')] });
    const { state, outcome } = applyDecision(before, decide('reject'), act(aPerson('omar')));
    expect(state.resolution).toMatchObject({ kind: 'rejected', mayProceed: false, by: ['omar'] });
    expect(outcome.kind).toBe('settled');
    expect(state.decisions).toHaveLength(2);
  });

  test('that opens the next stage answers with the stage it was given in', () => {
    const before = aRequest({
      stages: [aStage(), aSecondStage()],
      decisions: [aDecision('eve')],
    });
    const { state, outcome, events } = applyDecision(before, decide(), act(aPerson('omar')));
    expect(outcome).toEqual({ kind: 'counted', approvals: 2, needed: 2 });
    expect(events.map((event) => event.type)).toEqual(['decided', 'stage_opened']);
    expect(state).toMatchObject({ resolution: null, stage: { index: 1, openedAt: NOW } });
  });
});

describe('stories', () => {
  test('two officers, then the risk manager: all three answer for it', () => {
    const before = aRequest({ stages: [aStage(), aSecondStage()] });
    const state = afterAll(before, ['eve', 'approve'], ['omar', 'approve'], ['rui', 'approve']);
    expect(state.resolution).toMatchObject({ kind: 'approved', by: ['eve', 'omar', 'rui'] });
  });

  test('the last stage can still reject', () => {
    const before = aRequest({ stages: [aStage(), aSecondStage()] });
    const state = afterAll(before, ['eve', 'approve'], ['omar', 'approve'], ['rui', 'reject']);
    expect(state.resolution).toMatchObject({ kind: 'rejected', by: ['rui'] });
  });

  test('two of three officers outvote one where two rejections are needed', () => {
    const before = aRequest({ stages: [aStage({ rejectQuorum: 2 })] });
    const state = afterAll(before, ['dana', 'reject'], ['eve', 'approve'], ['omar', 'approve']);
    expect(state.resolution).toMatchObject({ kind: 'approved', by: ['eve', 'omar'] });
  });

  test('somebody who decided in two stages is named once', () => {
    const second = aSecondStage({ role: 'credit-officer', distinctFrom: [] });
    const before = aRequest({ stages: [aStage({ quorum: 1 }), second] });
    const state = afterAll(before, ['eve', 'approve'], ['eve', 'approve']);
    expect(state.resolution?.by).toEqual(['eve']);
    expect(state.decisions.map((one) => one.stage)).toEqual([0, 1]);
  });

  const groups = [aGroup(), aGroup({ role: 'security', quorum: 1 })];

  test('all groups: officers and security must both agree', () => {
    const before = aRequest({ stages: [aStage({ groups })] });
    const officers = afterAll(before, ['eve', 'approve'], ['omar', 'approve']);
    expect(officers.resolution).toBeNull();
    expect(afterAll(officers, ['sam', 'approve']).resolution?.kind).toBe('approved');
    expect(afterAll(officers, ['sam', 'reject']).resolution?.kind).toBe('rejected');
  });

  test('any group: security alone settles; a rejection only closes its own group', () => {
    const before = aRequest({ stages: [aStage({ groups, join: 'any' })] });
    expect(afterAll(before, ['sam', 'approve']).resolution?.kind).toBe('approved');
    const rejectedHere = afterAll(before, ['sam', 'reject']);
    expect(rejectedHere.resolution).toBeNull();
    expect(afterAll(rejectedHere, ['eve', 'reject']).resolution).toMatchObject({
      kind: 'rejected',
      by: ['sam', 'eve'],
    });
  });
});

describe('refuses', () => {
  const eve = aPerson('eve');
  const strict = aRequest({ tier: 'high', stages: [aStage({ assurance: 3 })] });

  test.each([
    { why: 'after an approval', before: ended('approved'), reason: 'RESOLVED' },
    { why: 'after a rejection', before: ended('rejected'), reason: 'RESOLVED' },
    { why: 'after a withdrawal', before: ended('withdrawn'), reason: 'RESOLVED' },
    { why: 'after an expiry', before: ended('expired'), reason: 'EXPIRED' },
    { why: 'while it is held', before: aRequest({ heldBy: [HELD] }), reason: 'STAGE_CLOSED' },
    {
      why: 'of the person acted for',
      before: aRequest({ onBehalfOf: 'eve' }),
      reason: 'OWN_REQUEST',
    },
    {
      why: 'given a second time',
      before: aRequest({ decisions: [aDecision('eve')] }),
      reason: 'ALREADY_DECIDED',
    },
    { why: 'of an app', actor: anApp(), reason: 'NOT_ELIGIBLE' },
    { why: 'of another role', actor: aPerson('sam'), reason: 'NOT_ELIGIBLE' },
    { why: 'of somebody absent', actor: aPerson('eve', { absent: true }), reason: 'NOT_ELIGIBLE' },
    { why: 'on another text', contentDigest: OTHER_DIGEST, reason: 'STALE_DIGEST' },
    {
      why: 'without a view of a high tier',
      before: aRequest({ tier: 'high' }),
      reason: 'NOT_VIEWED',
    },
    {
      why: 'from a channel where a passkey is asked for',
      before: strict,
      actor: aPerson('eve', { viewed: VIEWED, assurance: 2 }),
      reason: 'ASSURANCE_TOO_LOW',
    },
  ] as const)('a decision $why', (row) => {
    const {
      before = aRequest(),
      actor = eve,
      contentDigest = CONTENT_DIGEST,
      reason,
    } = {
      ...{ before: undefined, actor: undefined, contentDigest: undefined },
      ...row,
    };
    for (const verdict of ['approve', 'reject'] as const) {
      const answered = applyDecision(before, decide(verdict, contentDigest), act(actor));
      expectRefused(answered, before, { command: 'decide', reason, contentDigest });
    }
  });

  test('where all of it fits, in the order of the contract', () => {
    const party = aPerson('eve', { roles: [], assurance: 0 });
    const stale = decide('approve', OTHER_DIGEST);
    const open = { tier: 'high', stages: [aStage({ assurance: 3 })] } as const;
    const own = { ...open, onBehalfOf: 'eve', decisions: [aDecision('eve')] };
    const expired = resolve(aRequest(own), { kind: 'expired', cause: 'deadline', by: [] }, NOW);
    const viewed = aPerson('eve', { viewed: VIEWED });
    const rows = [
      ['EXPIRED', expired.state, stale, party],
      [
        'RESOLVED',
        { ...aRequest(own), stage: null, resolution: ended('rejected').resolution },
        stale,
        party,
      ],
      ['STAGE_CLOSED', aRequest({ ...own, heldBy: [HELD] }), stale, party],
      ['OWN_REQUEST', aRequest(own), stale, party],
      ['ALREADY_DECIDED', aRequest({ ...own, onBehalfOf: null }), stale, party],
      ['NOT_ELIGIBLE', aRequest(open), stale, party],
      ['STALE_DIGEST', aRequest(open), stale, eve],
      ['NOT_VIEWED', aRequest(open), decide(), eve],
      ['ASSURANCE_TOO_LOW', aRequest(open), decide(), viewed],
    ] as const;
    for (const [reason, before, command, actor] of rows) {
      const { contentDigest } = command;
      const answered = applyDecision(before, command, act(actor));
      expectRefused(answered, before, { command: 'decide', reason, contentDigest });
    }
  });
});

describe('who must have looked', () => {
  test.each([
    { tier: 'low', requireView: null, asked: false },
    { tier: 'medium', requireView: null, asked: false },
    { tier: 'high', requireView: null, asked: true },
    { tier: 'low', requireView: true, asked: true },
    { tier: 'high', requireView: false, asked: false },
  ] as const)('tier $tier, rule says $requireView: $asked', ({ tier, requireView, asked }) => {
    const state = aRequest({ tier, rule: { requireView } });
    expect(requiresView(state)).toBe(asked);
    const unseen = applyDecision(state, decide(), act(aPerson('eve')));
    expect(unseen.outcome.kind).toBe(asked ? 'refused' : 'counted');
    const seen = applyDecision(state, decide(), act(aPerson('eve', { viewed: VIEWED })));
    expect(seen.outcome.kind).toBe('counted');
  });
});

test.each([
  { least: 0, given: 0, counts: true },
  { least: 2, given: 1, counts: false },
  { least: 2, given: 2, counts: true },
  { least: 2, given: 3, counts: true },
] as const)('a stage of assurance $least takes a decision of $given: $counts', (row) => {
  const before = aRequest({ stages: [aStage({ assurance: row.least })] });
  const answered = applyDecision(before, decide(), act(aPerson('eve', { assurance: row.given })));
  expect(answered.outcome.kind).toBe(row.counts ? 'counted' : 'refused');
});
