import { describe, expect, test } from 'vitest';
import { applyCommand } from '../../domain/apply.ts';
import type { Actor, Command } from '../../domain/command.ts';
import {
  applyDelegation,
  delegationsTo,
  MOST_DELEGATIONS,
  withDelegations,
} from '../../domain/delegation.ts';
import { eligibility } from '../../domain/eligibility.ts';
import type { RequestState } from '../../domain/request.ts';
import type { Candidate } from '../../domain/reviewer.ts';
import { openStage } from '../../domain/stage.ts';
import {
  aCandidate,
  actOf,
  aDecision,
  aGroup,
  anApp,
  anEscalation,
  aPerson,
  aRequest,
  aSecondStage,
  aStage,
  aStandIn,
  at,
  decide,
  HELD,
  NOW,
  openStageOf,
} from '../support/builders.ts';
import { expectRefused } from './expect-refused.ts';

const TOMORROW = '2026-03-03T09:00:00.000Z';
type Delegate = Extract<Command, { kind: 'delegate' }>;

function delegate(to: string, differs: Partial<Delegate> = {}): Delegate {
  return { kind: 'delegate', to, from: NOW, until: TOMORROW, reasonLength: 5, ...differs };
}

function answerOf(state: RequestState, person: Candidate): string {
  const may = eligibility(state, openStageOf(state), person);
  if (may.kind === 'excluded') return may.reason;
  const inName = may.standIn === null ? '' : ` for ${may.standIn.principal.id}`;
  return `group ${may.groups.join('+')} as ${may.role}${inName}`;
}

/** Pia holds no role that the ordinary rule asks for; Eve does. */
const piaForEve = (differs: Parameters<typeof aStandIn>[1] = {}): Actor =>
  aPerson('pia', { standsFor: [aStandIn('eve', differs)] });

describe('whoever stands in decides with the rights of the other', () => {
  test.each([
    { why: 'by a delegation of the directory', source: 'delegation' },
    { why: 'as the deputy of somebody absent', source: 'absence' },
    { why: 'for this one request', source: 'request' },
  ] as const)('$why, and both names are on the decision', ({ source }) => {
    const before = aRequest();
    const pia = piaForEve({ source, id: 'the-right' });
    const applied = applyCommand(before, decide(), actOf(pia));
    const decision = aDecision('pia', { delegatedBy: 'eve', delegation: 'the-right' });
    expect(applied.outcome).toEqual({ kind: 'counted', approvals: 1, needed: 2 });
    expect(applied.state.decisions).toEqual([decision]);
    expect(applied.events).toMatchObject([{ type: 'decided', decision }]);
  });

  test('who acted is named as the one who approved', () => {
    const before = aRequest({ stages: [aStage({ quorum: 1 })] });
    const applied = applyCommand(before, decide(), actOf(piaForEve()));
    expect(applied.state.resolution).toMatchObject({ kind: 'approved', by: ['pia'] });
  });

  test.each([
    { why: 'own rights first', roles: ['credit-officer'], answer: 'group 0 as credit-officer' },
    { why: 'else those of the other', roles: [], answer: 'group 0 as credit-officer for eve' },
  ])('$why', ({ roles, answer }) => {
    expect(answerOf(aRequest(), aPerson('pia', { ...piaForEve(), roles }))).toBe(answer);
  });

  test('the rights are those of now: a role the other has lost opens nothing', () => {
    const eve = { ...aCandidate('eve'), roles: [] };
    expect(answerOf(aRequest(), piaForEve({ principal: eve }))).toBe('NOT_ELIGIBLE');
  });

  test('the absence of the other does not stop who stands in; their own does', () => {
    const away = piaForEve({ principal: { ...aCandidate('eve'), absent: true } });
    expect(answerOf(aRequest(), away)).toBe('group 0 as credit-officer for eve');
    expect(answerOf(aRequest(), { ...piaForEve(), absent: true })).toBe('NOT_ELIGIBLE');
  });

  test('never on: what was handed to somebody is not theirs to hand on', () => {
    const eveForOmar = { ...aCandidate('sam'), standsFor: [aStandIn('omar')] };
    const pia = aPerson('pia', { standsFor: [aStandIn('sam', { principal: eveForOmar })] });
    expect(answerOf(aRequest(), pia)).toBe('NOT_ELIGIBLE');
  });

  test('also after an escalation, which asks for the role of the other', () => {
    const stages = [aStage({ escalations: [anEscalation({ after: 'PT1H' })] })];
    const piaForMia = aPerson('pia', { standsFor: [aStandIn('mia')] });
    const act = actOf(piaForMia, '2026-03-02T10:00:00.000Z');
    const applied = applyCommand(aRequest({ stages }), decide(), act);
    expect(applied.state.decisions).toMatchObject([{ delegatedBy: 'mia', role: 'credit-manager' }]);
  });
});

describe('a delegation can be for less than everything', () => {
  const groups = [aGroup({ quorum: 1 }), aGroup({ role: 'security', quorum: 1 })];
  const before = aRequest({ stages: [aStage({ groups })] });
  const principal = { ...aCandidate('eve'), roles: ['credit-officer', 'security'] };
  test.each([
    { why: 'all of it', differs: {}, answer: 'group 0+1 as credit-officer for eve' },
    { why: 'one role', differs: { role: 'security' }, answer: 'group 1 as security for eve' },
    { why: 'a role the other does not hold', differs: { role: 'privacy' }, answer: 'NOT_ELIGIBLE' },
    {
      why: 'requests of this kind',
      differs: { kind: 'ai-decision' },
      answer: 'group 0+1 as credit-officer for eve',
    },
    { why: 'requests of another kind', differs: { kind: 'payment' }, answer: 'NOT_ELIGIBLE' },
  ])('$why: $answer', ({ differs, answer }) => {
    expect(answerOf(before, piaForEve({ principal, ...differs }))).toBe(answer);
  });
});

describe('two names are one voice', () => {
  const byPia = aDecision('pia', { delegatedBy: 'eve', delegation: 'the-right' });
  const rui = aPerson('rui', { standsFor: [aStandIn('eve')] });
  test.each([
    { why: 'the other has decided', given: aDecision('eve'), actor: piaForEve() },
    { why: 'it was said in my name', given: byPia, actor: aPerson('eve') },
    { why: 'I have said it for the other', given: byPia, actor: piaForEve() },
    { why: 'a second one who stands in for the same', given: byPia, actor: rui },
    {
      why: 'I decided myself and stand in for somebody else too',
      given: aDecision('omar'),
      actor: aPerson('omar', { standsFor: [aStandIn('eve')] }),
    },
    {
      why: 'the other has used theirs for somebody else',
      given: aDecision('eve', { delegatedBy: 'omar' }),
      actor: piaForEve(),
    },
  ])('not again, where $why', ({ given, actor }) => {
    const before = aRequest({ stages: [aStage({ quorum: 3 })], decisions: [given] });
    const answered = applyCommand(before, decide(), actOf(actor));
    const { contentDigest } = decide();
    expectRefused(answered, before, {
      command: 'decide',
      reason: 'ALREADY_DECIDED',
      contentDigest,
    });
  });

  test('who stands in for two speaks for the one who has not spoken', () => {
    const pia = aPerson('pia', { standsFor: [aStandIn('eve'), aStandIn('omar')] });
    const before = aRequest({ decisions: [aDecision('eve')] });
    expect(answerOf(before, pia)).toBe('group 0 as credit-officer for omar');
  });

  test('where the other decided under a role that was not handed over, it was never mine', () => {
    const pia = piaForEve({ role: 'security' });
    expect(answerOf(aRequest({ decisions: [aDecision('eve')] }), pia)).toBe('NOT_ELIGIBLE');
  });
});

describe('a stage that asks for other people than one before', () => {
  const stages = [aStage(), aSecondStage({ role: 'credit-officer' })];
  const byPia = aDecision('pia', { delegatedBy: 'eve' });
  const { state } = openStage(aRequest({ stages, decisions: [byPia] }), 1, at());
  const forThem = (id: string, principal: string) =>
    aPerson(id, { standsFor: [aStandIn(principal)] });
  test.each([
    { why: 'who spoke', person: aPerson('pia', { roles: ['credit-officer'] }), answer: null },
    { why: 'for whom it was said', person: aPerson('eve'), answer: null },
    { why: 'somebody else for either', person: forThem('sam', 'eve'), answer: null },
    { why: 'who spoke, for a third', person: forThem('pia', 'omar'), answer: null },
    {
      why: 'a third in their own right',
      person: aPerson('omar'),
      answer: 'group 0 as credit-officer',
    },
  ])('$why: $answer', ({ person, answer }) => {
    expect(answerOf(state, person)).toBe(answer ?? 'NOT_ELIGIBLE');
  });
});

describe('whoever stands in for a party is as bound as the party', () => {
  const own = aRequest({ onBehalfOf: 'eve' });
  test.each([
    { why: 'without a right of their own', actor: piaForEve() },
    { why: 'with one', actor: aPerson('omar', { standsFor: [aStandIn('eve')] }) },
    { why: 'as a deputy', actor: piaForEve({ source: 'absence' }) },
    { why: 'for one role only', actor: piaForEve({ role: 'security' }) },
    { why: 'for requests of this kind', actor: piaForEve({ kind: 'ai-decision' }) },
  ])('$why', ({ actor }) => {
    const answered = applyCommand(own, decide(), actOf(actor));
    const { contentDigest } = decide();
    expectRefused(answered, own, { command: 'decide', reason: 'OWN_REQUEST', contentDigest });
  });

  test('not where the delegation is for other kinds of requests', () => {
    const omar = aPerson('omar', { standsFor: [aStandIn('eve', { kind: 'payment' })] });
    expect(answerOf(own, omar)).toBe('group 0 as credit-officer');
  });
});

describe('handing over one request', () => {
  test('is kept with its time, sealed, and decides nothing yet', () => {
    const before = aRequest();
    const answered = applyDelegation(before, delegate('pia'), actOf(aPerson('eve'), NOW, 'd-1'));
    const delegation = { id: 'd-1', person: 'eve', to: 'pia', from: NOW, until: TOMORROW };
    expect(answered.state).toEqual({ ...before, delegations: [delegation] });
    expect(answered.events).toEqual([{ type: 'delegated', delegation, stage: 0 }]);
    expect(answered.outcome).toEqual({ kind: 'done', made: 'delegation' });
  });

  test('opens the decision to the other, and either of the two has the one voice', () => {
    const { state } = applyDelegation(aRequest(), delegate('pia'), actOf(aPerson('eve')));
    const principals = [aCandidate('eve')];
    const pia = withDelegations(state, aPerson('pia'), { principals, now: NOW });
    expect(answerOf(state, pia)).toBe('group 0 as credit-officer for eve');
    expect(answerOf(state, aPerson('eve'))).toBe('group 0 as credit-officer');
    const decided = applyCommand(state, decide(), actOf(pia)).state;
    expect(decided.decisions).toMatchObject([{ person: 'pia', delegatedBy: 'eve' }]);
    expect(answerOf(decided, aPerson('eve'))).toBe('ALREADY_DECIDED');
  });

  test('works for who is absent: that is what it is for', () => {
    const away = aPerson('eve', { absent: true });
    const answered = applyDelegation(aRequest(), delegate('pia'), actOf(away));
    expect(answered.outcome.kind).toBe('done');
  });

  const from = '2026-03-02T10:00:00.000Z';
  const until = '2026-03-02T12:00:00.000Z';
  test.each([
    { when: '2026-03-02T09:59:59.999Z', counts: false },
    { when: from, counts: true },
    { when: '2026-03-02T11:59:59.999Z', counts: true },
    { when: until, counts: false },
  ])('counts from its start and not at its end: at $when $counts', ({ when, counts }) => {
    const given = applyDelegation(
      aRequest(),
      delegate('pia', { from, until }),
      actOf(aPerson('eve')),
    );
    expect(delegationsTo(given.state, 'pia', when)).toHaveLength(counts ? 1 : 0);
    const principals = [aCandidate('eve')];
    const pia = withDelegations(given.state, aPerson('pia'), { principals, now: when });
    expect(answerOf(given.state, pia)).toBe(
      counts ? 'group 0 as credit-officer for eve' : 'NOT_ELIGIBLE',
    );
  });

  test('means nothing where the one who handed it over is not in the directory any more', () => {
    const { state } = applyDelegation(aRequest(), delegate('pia'), actOf(aPerson('eve')));
    const pia = aPerson('pia');
    expect(withDelegations(state, pia, { principals: [], now: NOW })).toBe(pia);
  });
});

/** Hands over one after the other; what is refused fails the test. */
function handed(...pairs: readonly (readonly [string, string])[]): RequestState {
  let state = aRequest({ stages: [aStage({ quorum: 4 })] });
  for (const [index, [person, to]] of pairs.entries()) {
    const act = actOf(aPerson(person), NOW, `d-${index}`);
    const answered = applyDelegation(state, delegate(to), act);
    expect(answered.outcome.kind).toBe('done');
    state = answered.state;
  }
  return state;
}

describe('refuses to hand over', () => {
  const eve = aPerson('eve');
  const full = aRequest();
  const many = Array.from({ length: MOST_DELEGATIONS }, (_, index) => ({
    ...{ id: `d-${index}`, person: 'omar', to: `other-${index}`, from: NOW, until: TOMORROW },
  }));
  test.each<{
    why: string;
    before?: RequestState;
    actor?: Actor;
    to?: string;
    differs?: Partial<Delegate>;
    reason: string;
  }>([
    { why: 'while it is held', before: aRequest({ heldBy: [HELD] }), reason: 'STAGE_CLOSED' },
    {
      why: 'after the end',
      before: aRequest({ rule: { effect: 'reject' } }),
      reason: 'RESOLVED',
    },
    { why: 'what is mine', before: aRequest({ onBehalfOf: 'eve' }), reason: 'OWN_REQUEST' },
    {
      why: 'what I have decided',
      before: aRequest({ decisions: [aDecision('eve')] }),
      reason: 'ALREADY_DECIDED',
    },
    {
      why: 'what was decided in my name',
      before: aRequest({ decisions: [aDecision('pia', { delegatedBy: 'eve' })] }),
      reason: 'ALREADY_DECIDED',
    },
    { why: 'without the right', actor: aPerson('sam'), reason: 'NOT_ELIGIBLE' },
    { why: 'as an app', actor: anApp(), reason: 'NOT_ELIGIBLE' },
    { why: "somebody else's right", actor: piaForEve(), to: 'sam', reason: 'DELEGATION_INVALID' },
    { why: 'to myself', to: 'eve', reason: 'DELEGATION_INVALID' },
    { why: 'to a party', to: 'otto', reason: 'DELEGATION_INVALID' },
    { why: 'for a time that is over', differs: { until: NOW }, reason: 'DELEGATION_INVALID' },
    {
      why: 'for no time at all',
      differs: { from: TOMORROW, until: TOMORROW },
      reason: 'DELEGATION_INVALID',
    },
    {
      why: 'more than so often',
      before: { ...full, delegations: many },
      reason: 'DELEGATION_INVALID',
    },
    {
      why: 'back to who handed it to me',
      before: handed(['omar', 'eve']),
      to: 'omar',
      reason: 'DELEGATION_INVALID',
    },
    {
      why: 'around a longer circle',
      before: handed(['dana', 'eve'], ['omar', 'dana'], ['ines', 'omar']),
      to: 'ines',
      reason: 'DELEGATION_INVALID',
    },
    { why: 'without a reason', differs: { reasonLength: 0 }, reason: 'REASON_TOO_SHORT' },
    {
      why: 'to myself and without a reason, which comes later in the contract',
      to: 'eve',
      differs: { reasonLength: 0 },
      reason: 'DELEGATION_INVALID',
    },
  ])('$why: $reason', ({ before = aRequest(), actor = eve, to = 'sam', differs = {}, reason }) => {
    const answered = applyDelegation(before, delegate(to, differs), actOf(actor));
    expectRefused(answered, before, { command: 'delegate', reason: reason as 'RESOLVED' });
  });

  test('after the deadline, which comes first', () => {
    const act = actOf(eve, TOMORROW);
    const applied = applyCommand(
      aRequest(),
      delegate('pia', { until: '2026-03-09T09:00:00.000Z' }),
      act,
    );
    expect(applied.outcome).toEqual({ kind: 'refused', reason: 'EXPIRED' });
    expect(applied.state.delegations).toEqual([]);
  });

  test('a circle is one only while its times touch', () => {
    const given = handed(['omar', 'eve']);
    const later = { from: TOMORROW, until: '2026-03-04T09:00:00.000Z' };
    const answered = applyDelegation(given, delegate('omar', later), actOf(eve));
    expect(answered.outcome.kind).toBe('done');
  });
});
