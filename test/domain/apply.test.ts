import { describe, expect, test } from 'vitest';
import { applyCommand, openRequest, type Applied } from '../../domain/apply.ts';
import type { Actor, Command } from '../../domain/command.ts';
import { statusOf, type RequestState } from '../../domain/request.ts';
import {
  actOf,
  at,
  tickAt,
  aBinding,
  aDecision,
  anApp,
  anEscalation,
  aPerson,
  aRequest,
  aRule,
  aSecondStage,
  aStage,
  aSubmission,
  CONTENT_DIGEST,
  decide,
  HELD,
  NOW,
  OTHER_DIGEST,
  override,
} from '../support/builders.ts';
import { expectRefused } from './expect-refused.ts';

const AFTER_DEADLINE = '2026-03-03T09:00:00.001Z';
const typesOf = ({ events }: Applied): readonly string[] => events.map((event) => event.type);

function apply(state: RequestState, actor: Actor, command: Command, now = NOW): Applied {
  return applyCommand(state, command, actOf(actor, now));
}
const tick = (state: RequestState, now: string): Applied => applyCommand(state, null, tickAt(now));

describe('a request opens', () => {
  test.each([
    { effect: 'approve', status: 'approved', last: 'resolved', mayProceed: true },
    { effect: 'reject', status: 'rejected', last: 'resolved', mayProceed: false },
    { effect: 'review', status: 'pending', last: 'stage_opened', mayProceed: undefined },
  ] as const)('$status where the policy says $effect', (row) => {
    const opened = openRequest(
      aSubmission(),
      aBinding({ rule: aRule({ effect: row.effect }) }),
      at(),
    );
    expect(statusOf(opened.state)).toBe(row.status);
    expect(opened.state.resolution?.mayProceed).toBe(row.mayProceed);
    expect(typesOf(opened)).toEqual(['requested', 'policy_bound', row.last]);
    expect(opened.outcome).toBeNull();
    expect(opened.state.revision).toBe(1);
  });

  test('as a decision of the policy, not of a person', () => {
    const { state } = openRequest(
      aSubmission(),
      aBinding({ rule: aRule({ effect: 'approve' }) }),
      at(),
    );
    expect(state.resolution).toMatchObject({ cause: 'policy', by: [], at: NOW });
    expect(state.decisions).toEqual([]);
  });

  test.each(['approve', 'review', 'reject'] as const)(
    'held where something could not be evaluated, although the rule says %s',
    (effect) => {
      const binding = aBinding({ rule: aRule({ effect }), heldBy: [HELD] });
      const opened = openRequest(aSubmission(), binding, at());
      expect(statusOf(opened.state)).toBe('held');
      expect(opened.state).toMatchObject({ stage: null, resolution: null });
      expect(opened.events.at(-1)).toEqual({ type: 'held', heldBy: [HELD] });
      expect(opened.wakeAt).toBeNull();
    },
  );

  test('with the rule as it is now: later versions do not touch it', () => {
    const rule = aRule();
    const { state } = openRequest(aSubmission(), aBinding({ rule, tier: 'high' }), at());
    expect(state.policy).toEqual({
      ...{ id: 'credit-decisions', version: 4, ruleIndex: 0, rule, controls: [] },
      requireAcknowledgement: false,
      deadlines: [null],
      boundUnder: [{ id: 'credit-decisions', version: 4 }],
    });
    expect(state).toMatchObject({ ...aSubmission(), tier: 'high', editors: [], createdAt: NOW });
  });

  test('and wakes for the first thing that time brings', () => {
    const rule = aRule({ stages: [aStage({ reminders: ['PT2H'] })] });
    const { wakeAt } = openRequest(aSubmission(), aBinding({ rule }), at());
    expect(wakeAt).toBe('2026-03-02T11:00:00.000Z');
  });
});

describe('time comes first, then the command', () => {
  test('a decision behind the deadline meets an expired request, however late the timer was', () => {
    const before = aRequest({ decisions: [aDecision('eve')] });
    const applied = apply(before, aPerson('omar'), decide(), AFTER_DEADLINE);
    expect(applied.outcome).toEqual({ kind: 'refused', reason: 'EXPIRED' });
    expect(typesOf(applied)).toEqual(['expired', 'resolved', 'refused']);
    expect(applied.state).toMatchObject({
      decisions: before.decisions,
      resolution: { kind: 'expired' },
      revision: 2,
    });
  });

  test('an escalation that is due lets the manager decide in the same step', () => {
    const before = aRequest({ stages: [aStage({ escalations: [anEscalation()] })] });
    const applied = apply(before, aPerson('mia'), decide(), '2026-03-02T13:00:00.000Z');
    expect(applied.outcome).toEqual({ kind: 'counted', approvals: 1, needed: 2 });
    expect(typesOf(applied)).toEqual(['escalated', 'decided']);
    expect(applied.state.revision).toBe(2);
  });

  test('a withdrawal behind the deadline comes too late', () => {
    const applied = apply(aRequest(), anApp(), { kind: 'withdraw' }, AFTER_DEADLINE);
    expect(applied.outcome).toEqual({ kind: 'refused', reason: 'EXPIRED' });
  });

  test('an override behind the deadline meets an expired request: force works, stop does not', () => {
    const forced = apply(aRequest(), aPerson('olga'), override('force'), AFTER_DEADLINE);
    expect(typesOf(forced)).toEqual(['expired', 'resolved', 'overridden', 'resolved']);
    expect(forced.events[2]).toMatchObject({ before: 'expired' });
    expect(forced.state.resolution).toMatchObject({ kind: 'overridden', mayProceed: true });
    const stopped = apply(aRequest(), aPerson('olga'), override('stop'), AFTER_DEADLINE);
    expect(stopped.outcome).toEqual({ kind: 'refused', reason: 'OVERRIDE_NOT_ALLOWED' });
  });
});

describe('a refusal changes nothing', () => {
  test.each([
    {
      why: 'a decision on other text',
      actor: aPerson('eve'),
      command: decide('approve', OTHER_DIGEST),
      reason: 'STALE_DIGEST',
      contentDigest: OTHER_DIGEST,
    },
    {
      why: 'a decision by somebody else',
      actor: aPerson('sam'),
      command: decide(),
      reason: 'NOT_ELIGIBLE',
      contentDigest: CONTENT_DIGEST,
    },
    {
      why: 'an override without the right',
      actor: aPerson('eve'),
      command: override('stop'),
      reason: 'OVERRIDE_NOT_ALLOWED',
    },
    {
      why: 'a withdrawal by somebody else',
      actor: aPerson('eve'),
      command: { kind: 'withdraw' },
      reason: 'NOT_ELIGIBLE',
    },
  ] as const)('$why', ({ actor, command, reason, ...rest }) => {
    const before = aRequest();
    const applied = apply(before, actor, command);
    expectRefused(applied, before, { command: command.kind, reason, ...rest });
    expect(applied.wakeAt).toBe('2026-03-03T09:00:00.000Z');
  });
});

describe('the revision rises exactly when a reader can see a change', () => {
  const sample = [aStage({ reminders: ['PT2H'], escalations: [anEscalation()] })];
  const before = aRequest({ stages: sample });
  test.each<{ why: string; applied: Applied; rises: number }>([
    { why: 'a view', applied: apply(before, aPerson('eve'), { kind: 'view' }), rises: 0 },
    { why: 'a refusal', applied: apply(before, aPerson('sam'), decide()), rises: 0 },
    { why: 'a tick too early', applied: tick(before, NOW), rises: 0 },
    { why: 'a reminder', applied: tick(before, '2026-03-02T11:00:00.000Z'), rises: 0 },
    { why: 'an escalation', applied: tick(before, '2026-03-02T13:00:00.000Z'), rises: 1 },
    { why: 'a whole outage', applied: tick(before, AFTER_DEADLINE), rises: 1 },
    { why: 'a decision', applied: apply(before, aPerson('eve'), decide()), rises: 1 },
    { why: 'a rejection', applied: apply(before, aPerson('eve'), decide('reject')), rises: 1 },
    { why: 'an override', applied: apply(before, aPerson('olga'), override('stop')), rises: 1 },
    { why: 'a withdrawal', applied: apply(before, anApp(), { kind: 'withdraw' }), rises: 1 },
  ])('$why: +$rises', ({ applied, rises }) => {
    expect(applied.state.revision).toBe(before.revision + rises);
    const { revision, ...rest } = applied.state;
    const seen = (state: RequestState) => [state.stage?.roles, state.decisions, statusOf(state)];
    expect(JSON.stringify(seen({ ...rest, revision })) !== JSON.stringify(seen(before))).toBe(
      rises === 1,
    );
  });
});

describe('a view', () => {
  test.each([
    { why: 'of an open request', before: aRequest() },
    { why: 'of a held one', before: aRequest({ heldBy: [HELD] }) },
    { why: 'of one that has ended', before: aRequest({ rule: { effect: 'reject' } }) },
  ])('$why is sealed and changes nothing', ({ before }) => {
    const applied = apply(before, aPerson('eve'), { kind: 'view' });
    expect(applied.outcome).toEqual({ kind: 'done' });
    expect(applied.events).toEqual([{ type: 'viewed', person: 'eve' }]);
    expect(applied.state).toBe(before);
  });
});

test.each([
  { why: 'that does not say which content it was', amendments: undefined, is: 'done' },
  { why: 'of the content there is', amendments: 2, is: 'done' },
  { why: 'of the content before', amendments: 1, is: 'refused' },
  { why: 'of a content to come', amendments: 3, is: 'refused' },
])('a view $why: $is', ({ amendments, is }) => {
  const before = { ...aRequest(), amendments: 2 };
  const applied = apply(before, aPerson('eve'), {
    kind: 'view',
    ...(amendments !== undefined && { amendments }),
  });
  expect(applied.outcome?.kind).toBe(is);
  if (is === 'refused') expectRefused(applied, before, { command: 'view', reason: 'STALE_DIGEST' });
});

describe('a tick', () => {
  test('answers nobody and, when nothing is due, does nothing', () => {
    const before = aRequest();
    const applied = tick(before, NOW);
    expect(applied).toEqual({
      state: before,
      outcome: null,
      events: [],
      wakeAt: '2026-03-03T09:00:00.000Z',
    });
    expect(applied.state).toBe(before);
  });

  test('given twice changes nothing the second time', () => {
    const once = tick(aRequest({ stages: [aStage({ reminders: ['PT2H'] })] }), AFTER_DEADLINE);
    const twice = tick(once.state, AFTER_DEADLINE);
    expect(typesOf(once)).toEqual(['reminded', 'expired', 'resolved']);
    expect(twice).toEqual({ state: once.state, outcome: null, events: [], wakeAt: null });
  });
});

describe('the state survives being stored', () => {
  const escalated = aStage({ reminders: ['PT2H'], escalations: [anEscalation()] });
  const pending = aRequest({ stages: [escalated, aSecondStage()], onBehalfOf: 'dana' });
  const decided = apply(pending, aPerson('eve'), decide(), '2026-03-02T14:00:00.000Z').state;
  test.each<{ why: string; state: RequestState }>([
    { why: 'held', state: aRequest({ heldBy: [HELD] }) },
    { why: 'pending', state: pending },
    { why: 'decided in part', state: decided },
    { why: 'decided by policy', state: aRequest({ rule: { effect: 'approve' } }) },
    { why: 'expired', state: tick(decided, AFTER_DEADLINE).state },
    { why: 'overridden', state: apply(decided, aPerson('olga'), override('force')).state },
    { why: 'withdrawn', state: apply(decided, anApp(), { kind: 'withdraw' }).state },
  ])('$why: its JSON reads back as itself', ({ state }) => {
    expect(JSON.parse(JSON.stringify(state))).toStrictEqual(state);
  });
});
