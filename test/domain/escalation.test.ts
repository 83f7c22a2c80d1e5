import { describe, expect, test } from 'vitest';
import { andWhereStuck, applyCommand } from '../../domain/apply.ts';
import type { Actor, Command } from '../../domain/command.ts';
import { escalateTo, escalateWhereStuck } from '../../domain/escalation.ts';
import type { Escalation } from '../../domain/policy.ts';
import type { RefusalReason } from '../../domain/refusal.ts';
import type { RequestState } from '../../domain/request.ts';
import type { Candidate } from '../../domain/reviewer.ts';
import {
  aCandidate,
  actOf,
  aDecision,
  aGroup,
  anApp,
  anEscalation,
  aPerson,
  aRequest,
  aStage,
  aStandIn,
  decide,
  HELD,
  NOW,
  openStageOf,
  tickAt,
} from '../support/builders.ts';
import { expectRefused } from './expect-refused.ts';

const toSecurity = anEscalation({ after: 'PT8H', to: 'security' });
const escalate = (to: string | null = null): Command => ({ kind: 'escalate', to, reasonLength: 5 });
const withEscalations = (...escalations: readonly Escalation[]): RequestState =>
  aRequest({ stages: [aStage({ escalations })] });
const rolesOf = (state: RequestState): readonly string[] => openStageOf(state).roles[0] ?? [];

describe('somebody brings an escalation forward', () => {
  const before = withEscalations(anEscalation(), toSecurity);

  test('the next one in time, once; who did it is sealed', () => {
    const applied = applyCommand(before, escalate(), actOf(aPerson('eve')));
    expect(applied.events).toEqual([
      {
        ...{ type: 'escalated', stage: 0, cause: 'person', index: 0, to: 'credit-manager' },
        ...{ mode: 'add', person: 'eve' },
      },
    ]);
    expect(rolesOf(applied.state)).toEqual(['credit-officer', 'credit-manager']);
    expect(applied.outcome).toEqual({ kind: 'done' });
    const later = applyCommand(applied.state, null, tickAt('2026-03-02T13:00:00.000Z'));
    expect(later.events).toEqual([]);
  });

  test('the one that is named, and the others keep their time', () => {
    const { state } = applyCommand(before, escalate('security'), actOf(aPerson('eve')));
    expect(rolesOf(state)).toEqual(['credit-officer', 'security']);
    expect(openStageOf(state).agenda.map(({ kind }) => kind)).toEqual(['escalation', 'deadline']);
  });

  test('one after the other, until none is left', () => {
    const once = applyCommand(before, escalate(), actOf(aPerson('eve'))).state;
    const twice = applyCommand(once, escalate(), actOf(aPerson('eve'))).state;
    expect(rolesOf(twice)).toEqual(['credit-officer', 'credit-manager', 'security']);
    const refusal = { command: 'escalate', reason: 'NOT_ELIGIBLE' } as const;
    expectRefused(applyCommand(twice, escalate(), actOf(aPerson('eve'))), twice, refusal);
  });

  test('replace: whoever did it may not decide any more', () => {
    const state = withEscalations(anEscalation({ mode: 'replace' }));
    const replaced = applyCommand(state, escalate(), actOf(aPerson('eve'))).state;
    const answered = applyCommand(replaced, decide(), actOf(aPerson('eve')));
    expect(answered.outcome).toEqual({ kind: 'refused', reason: 'NOT_ELIGIBLE' });
    expect(applyCommand(replaced, decide(), actOf(aPerson('mia'))).outcome?.kind).toBe('counted');
  });

  test.each<{ why: string; actor: Actor; state?: RequestState }>([
    {
      why: 'somebody who has decided',
      actor: aPerson('eve'),
      state: { ...before, decisions: [aDecision('eve')] },
    },
    { why: 'somebody who stands in', actor: aPerson('pia', { standsFor: [aStandIn('eve')] }) },
    { why: 'whom it would turn to', actor: aPerson('mia') },
    { why: 'who may override', actor: aPerson('olga') },
  ])('can be done by $why', ({ actor, state = before }) => {
    expect(applyCommand(state, escalate(), actOf(actor)).outcome).toEqual({ kind: 'done' });
  });

  test.each<{
    why: string;
    state?: RequestState;
    to?: string;
    actor?: Actor;
    reasonLength?: number;
    reason: RefusalReason;
  }>([
    { why: 'while it is held', state: aRequest({ heldBy: [HELD] }), reason: 'STAGE_CLOSED' },
    { why: 'after the end', state: aRequest({ rule: { effect: 'reject' } }), reason: 'RESOLVED' },
    { why: 'by a party', state: { ...before, onBehalfOf: 'eve' }, reason: 'OWN_REQUEST' },
    {
      why: 'by who stands in for a party',
      actor: aPerson('olga', { standsFor: [aStandIn('otto')] }),
      reason: 'OWN_REQUEST',
    },
    { why: 'by somebody else', actor: aPerson('pia'), reason: 'NOT_ELIGIBLE' },
    {
      why: 'by an absent lead',
      actor: aPerson('olga', { absent: true }),
      reason: 'NOT_ELIGIBLE',
    },
    { why: 'by the app that asked', actor: anApp(), reason: 'NOT_ELIGIBLE' },
    { why: 'to people the rule does not name', to: 'privacy', reason: 'NOT_ELIGIBLE' },
    { why: 'where the rule has none', state: aRequest(), reason: 'NOT_ELIGIBLE' },
    { why: 'without a reason', reasonLength: 0, reason: 'REASON_TOO_SHORT' },
  ])('is refused $why: $reason', (row) => {
    const { state = before, to = null, actor = aPerson('eve'), reasonLength = 5, reason } = row;
    const command: Command = { kind: 'escalate', to, reasonLength };
    const applied = applyCommand(state, command, actOf(actor));
    expectRefused(applied, state, { command: 'escalate', reason });
  });

  test('one that the rule does not have is a bug', () => {
    const how = { index: 7, cause: 'person', person: 'eve' } as const;
    expect(() => escalateTo(before, openStageOf(before), how)).toThrow(TypeError);
  });
});

const people = (...ids: readonly string[]): readonly Candidate[] => ids.map((id) => aCandidate(id));
const escalated = (index: number, to: string, mode: 'add' | 'replace' = 'add') => ({
  ...{ type: 'escalated', stage: 0, cause: 'unsatisfiable', index, to, mode, person: null },
});
const LAST_RESORT = { ...escalated(0, 'override-authority'), index: null };

describe('a stage that cannot be approved by the people there are', () => {
  test('turns to others at once when it opens', () => {
    const before = withEscalations(anEscalation());
    const { state, events } = escalateWhereStuck(before, people('eve', 'mia'));
    expect(events).toEqual([escalated(0, 'credit-manager')]);
    expect(rolesOf(state)).toEqual(['credit-officer', 'credit-manager']);
    expect(openStageOf(state)).toMatchObject({ isStuck: false });
    expect(openStageOf(state).agenda.map(({ kind }) => kind)).toEqual(['deadline']);
  });

  test.each<{ why: string; crowd: readonly Candidate[]; before?: RequestState; stuck: boolean }>([
    { why: 'enough people', crowd: people('eve', 'omar'), stuck: false },
    { why: 'one too few', crowd: people('eve', 'sam'), stuck: true },
    { why: 'nobody', crowd: [], stuck: true },
    {
      why: 'one of two absent',
      crowd: [aCandidate('eve'), aCandidate('omar', { absent: true })],
      stuck: true,
    },
    {
      why: 'a deputy for who is absent',
      crowd: [
        aCandidate('eve'),
        aCandidate('omar', { absent: true }),
        aCandidate('pia', { standsFor: [aStandIn('omar', { source: 'absence' })] }),
      ],
      stuck: false,
    },
    {
      why: 'two people with one voice',
      crowd: [aCandidate('eve'), aCandidate('pia', { standsFor: [aStandIn('eve')] })],
      stuck: true,
    },
    {
      why: 'two who stand in for the same',
      crowd: [
        aCandidate('pia', { standsFor: [aStandIn('eve')] }),
        aCandidate('sam', { standsFor: [aStandIn('eve')] }),
      ],
      stuck: true,
    },
    {
      why: 'one who stands in for two',
      crowd: [aCandidate('pia', { standsFor: [aStandIn('eve'), aStandIn('omar')] })],
      stuck: true,
    },
    {
      why: 'an approval and one more',
      before: aRequest({ decisions: [aDecision('dana')] }),
      crowd: people('dana', 'eve'),
      stuck: false,
    },
    {
      why: 'a rejection that is not enough to end it, of one of two',
      before: aRequest({
        stages: [aStage({ rejectQuorum: 2 })],
        decisions: [aDecision('eve', { verdict: 'reject' })],
      }),
      crowd: people('eve', 'omar'),
      stuck: true,
    },
    {
      why: 'a party among two',
      before: aRequest({ onBehalfOf: 'omar' }),
      crowd: people('eve', 'omar'),
      stuck: true,
    },
  ])('$why: stuck $stuck', ({ crowd, before = aRequest(), stuck }) => {
    const { state, events } = escalateWhereStuck(before, crowd);
    expect(openStageOf(state).isStuck).toBe(stuck);
    expect(events).toEqual(stuck ? [LAST_RESORT] : []);
  });

  test('parallel groups: the same two people do not make four voices', () => {
    const roles = ['credit-officer', 'security'];
    const both = (id: string): Candidate => aCandidate(id, { roles });
    const groups = [aGroup(), aGroup({ role: 'security' })];
    const before = aRequest({ stages: [aStage({ groups })] });
    const two = escalateWhereStuck(before, [both('x'), both('y')]);
    expect(openStageOf(two.state).isStuck).toBe(true);
    const four = escalateWhereStuck(before, [both('x'), both('y'), both('z'), both('w')]);
    expect(four).toEqual({ state: before, events: [] });
  });

  test('parallel groups: who can sit in two sits where nobody else can', () => {
    const groups = [aGroup({ quorum: 1 }), aGroup({ role: 'security', quorum: 1 })];
    const before = aRequest({ stages: [aStage({ groups })] });
    const both = aCandidate('x', { roles: ['credit-officer', 'security'] });
    expect(escalateWhereStuck(before, [both, aCandidate('eve')]).events).toEqual([]);
  });

  test('any group: it is enough that one can', () => {
    const groups = [aGroup({ quorum: 3 }), aGroup({ role: 'security', quorum: 1 })];
    const before = aRequest({ stages: [aStage({ groups, join: 'any' })] });
    expect(escalateWhereStuck(before, people('sam')).events).toEqual([]);
    const rejected = {
      ...before,
      decisions: [aDecision('sam', { verdict: 'reject', groups: [1] })],
    };
    expect(escalateWhereStuck(rejected, people('eve', 'omar')).events).toEqual([LAST_RESORT]);
  });

  test('goes on through its escalations in the order of time until one is enough', () => {
    const third = anEscalation({ after: 'PT9H', to: 'privacy' });
    const before = withEscalations(toSecurity, anEscalation(), third);
    const { state, events } = escalateWhereStuck(before, people('eve', 'mia', 'sam'));
    expect(events).toEqual([escalated(1, 'credit-manager')]);
    const without = escalateWhereStuck(before, people('eve', 'sam'));
    expect(without.events).toEqual([escalated(1, 'credit-manager'), escalated(0, 'security')]);
    expect(openStageOf(state).agenda.map(({ kind }) => kind)).toEqual([
      ...['escalation', 'escalation', 'deadline'],
    ]);
  });

  test('tells the last resort once, and nobody gets a right by it', () => {
    const before = withEscalations(anEscalation());
    const first = escalateWhereStuck(before, people('eve'));
    expect(first.events).toEqual([escalated(0, 'credit-manager'), LAST_RESORT]);
    expect(rolesOf(first.state)).not.toContain('override-authority');
    const again = escalateWhereStuck(first.state, people('eve'));
    expect(again).toEqual({ state: first.state, events: [] });
  });

  test('tells the override authorities where the rule has none of its own, and is known to be stuck', () => {
    const before = aRequest({ rule: { override: null } });
    const { state, events } = escalateWhereStuck(before, []);
    expect(events).toEqual([{ ...LAST_RESORT, to: 'override-authority' }]);
    expect(openStageOf(state).isStuck).toBe(true);
  });

  test('is not stuck any more when somebody comes back, and can be told anew', () => {
    const stuck = escalateWhereStuck(aRequest(), people('eve')).state;
    const free = escalateWhereStuck(stuck, people('eve', 'omar'));
    expect(free.events).toEqual([]);
    expect(openStageOf(free.state).isStuck).toBe(false);
    expect(escalateWhereStuck(free.state, people('eve')).events).toEqual([LAST_RESORT]);
  });

  test('nothing is asked where no stage is open', () => {
    const held = aRequest({ heldBy: [HELD] });
    expect(escalateWhereStuck(held, [])).toEqual({ state: held, events: [] });
  });
});

describe('in the same step as what made it so', () => {
  const before = aRequest({
    stages: [aStage({ rejectQuorum: 2, escalations: [anEscalation()] })],
  });

  test('a rejection that leaves too few turns to others at once', () => {
    const crowd = people('eve', 'omar', 'mia');
    const rejected = applyCommand(before, decide('reject'), actOf(aPerson('eve')));
    const applied = andWhereStuck(before, rejected, crowd);
    expect(applied.events.map(({ type }) => type)).toEqual(['decided', 'escalated']);
    expect(applied.outcome).toEqual(rejected.outcome);
    expect(applied.state.revision).toBe(before.revision + 1);
    expect(applied.wakeAt).toBe('2026-03-03T09:00:00.000Z');
  });

  test('one that leaves enough changes nothing', () => {
    const crowd = people('eve', 'omar', 'dana');
    const rejected = applyCommand(before, decide('reject'), actOf(aPerson('eve')));
    expect(andWhereStuck(before, rejected, crowd)).toBe(rejected);
  });

  test('a look around in which nothing else happened raises the revision by what readers see', () => {
    const tick = applyCommand(before, null, tickAt(NOW));
    const told = andWhereStuck(before, tick, people('eve', 'mia'));
    expect(told.state.revision).toBe(before.revision + 1);
    const quiet = andWhereStuck(told.state, { ...told, events: [] }, people('eve', 'mia'));
    expect(quiet.state.revision).toBe(told.state.revision);
  });
});
