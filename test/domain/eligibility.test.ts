import { describe, expect, test } from 'vitest';
import type { Actor } from '../../domain/command.ts';
import { eligibility } from '../../domain/eligibility.ts';
import type { RequestState } from '../../domain/request.ts';
import { openStage } from '../../domain/stage.ts';
import { catchUp } from '../../domain/timeline.ts';
import {
  at,
  aDecision,
  aGroup,
  anApp,
  anEscalation,
  aPerson,
  aRequest,
  aSecondStage,
  aStage,
  openStageOf,
} from '../support/builders.ts';

function answerOf(state: RequestState, person: Actor): string {
  const may = eligibility(state, openStageOf(state), person);
  return may.kind === 'eligible' ? `group ${may.groups.join('+')}` : may.reason;
}

const parallel = [aGroup({ quorum: 1 }), aGroup({ role: 'security', quorum: 1 })];

describe('nobody decides on what is theirs', () => {
  const byApp = { type: 'app', id: 'loan-agent', owner: 'eve' } as const;
  const byPerson = { type: 'person', id: 'eve', owner: null } as const;
  test.each([
    { why: 'who asked', differs: { requester: byPerson } },
    { why: 'who owns the app that asked', differs: { requester: byApp } },
    { why: 'for whom the app acts', differs: { onBehalfOf: 'eve' } },
    { why: 'who changed the content', differs: { editors: ['dana', 'eve'] } },
  ])('not a person $why, whatever their roles', ({ differs }) => {
    const state = aRequest(differs);
    expect(answerOf(state, aPerson('eve'))).toBe('OWN_REQUEST');
    expect(answerOf(state, aPerson('omar'))).toBe('group 0');
  });
});

describe('one person counts once', () => {
  test.each([
    { why: 'in the same group', roles: ['credit-officer'] },
    { why: 'in a second group by a second role', roles: ['credit-officer', 'security'] },
    { why: 'after the role was lost', roles: [] },
  ])('not $why', ({ roles }) => {
    const groups = [aGroup(), aGroup({ role: 'security' })];
    const state = aRequest({ stages: [aStage({ groups })], decisions: [aDecision('eve')] });
    expect(answerOf(state, aPerson('eve', { roles }))).toBe('ALREADY_DECIDED');
  });

  test('but may decide in two stages where the rule does not ask for other people', () => {
    const stages = [aStage(), aSecondStage({ role: 'credit-officer', distinctFrom: [] })];
    const state = aRequest({ stages, decisions: [aDecision('eve')] });
    expect(answerOf(openStage(state, 1, at()).state, aPerson('eve'))).toBe('group 0');
  });
});

describe('who is not eligible', () => {
  test.each([
    { why: 'holds no role', person: aPerson('eve', { roles: [] }) },
    { why: 'holds another role', person: aPerson('sam') },
    { why: 'is absent', person: aPerson('eve', { absent: true }) },
    { why: 'is an app', person: anApp() },
    { why: 'may override, which is another right', person: aPerson('olga') },
  ])('somebody who $why', ({ person }) => {
    expect(answerOf(aRequest(), person)).toBe('NOT_ELIGIBLE');
  });

  test('somebody who decided in a stage this one must be distinct from', () => {
    const stages = [aStage(), aSecondStage({ role: 'credit-officer' })];
    const decisions = [aDecision('eve'), aDecision('omar', { verdict: 'reject' })];
    const { state } = openStage(aRequest({ stages, decisions }), 1, at());
    expect(answerOf(state, aPerson('eve'))).toBe('NOT_ELIGIBLE');
    expect(answerOf(state, aPerson('omar'))).toBe('NOT_ELIGIBLE');
    expect(answerOf(state, aPerson('dana'))).toBe('group 0');
  });

  test('only the named stages are to be distinct', () => {
    const stages = [
      aStage(),
      aStage({ name: 'middle' }),
      aStage({ name: 'last', distinctFrom: ['middle'] }),
    ];
    const decisions = [aDecision('eve'), aDecision('omar', { stage: 1 })];
    const { state } = openStage(aRequest({ stages, decisions }), 2, at());
    expect(answerOf(state, aPerson('eve'))).toBe('group 0');
    expect(answerOf(state, aPerson('omar'))).toBe('NOT_ELIGIBLE');
  });

  test.each([
    { why: 'has its quorum', verdict: 'approve', join: 'all' },
    { why: 'was rejected', verdict: 'reject', join: 'any' },
  ] as const)('somebody whose group $why', ({ verdict, join }) => {
    const state = aRequest({
      stages: [aStage({ groups: parallel, join })],
      decisions: [aDecision('eve', { verdict })],
    });
    expect(answerOf(state, aPerson('omar'))).toBe('NOT_ELIGIBLE');
    expect(answerOf(state, aPerson('sam'))).toBe('group 1');
  });
});

describe('in which group a decision counts', () => {
  const both = aPerson('eve', { roles: ['security', 'credit-officer'] });

  test('every one that asks for a role of theirs, in the order of the stage', () => {
    expect(answerOf(aRequest({ stages: [aStage({ groups: parallel })] }), both)).toBe('group 0+1');
  });

  test('those that still lack somebody', () => {
    const stages = [aStage({ groups: parallel })];
    expect(answerOf(aRequest({ stages, decisions: [aDecision('omar')] }), both)).toBe('group 1');
  });
});

describe('escalation', () => {
  const after = (mode: 'add' | 'replace'): RequestState => {
    const stages = [aStage({ escalations: [anEscalation({ mode })] })];
    return catchUp(aRequest({ stages }), at('2026-03-02T13:00:00.000Z')).state;
  };

  test('before it the manager is not asked', () => {
    const state = aRequest({ stages: [aStage({ escalations: [anEscalation()] })] });
    expect(answerOf(state, aPerson('mia'))).toBe('NOT_ELIGIBLE');
  });

  test('add: both are asked', () => {
    expect(answerOf(after('add'), aPerson('mia'))).toBe('group 0');
    expect(answerOf(after('add'), aPerson('eve'))).toBe('group 0');
  });

  test('replace: only the manager is asked', () => {
    expect(answerOf(after('replace'), aPerson('mia'))).toBe('group 0');
    expect(answerOf(after('replace'), aPerson('eve'))).toBe('NOT_ELIGIBLE');
  });
});

test.each([
  { why: 'own before decided', editors: ['eve'], decided: true, first: 'OWN_REQUEST' },
  { why: 'own before absent', editors: ['eve'], decided: false, first: 'OWN_REQUEST' },
  { why: 'decided before absent', editors: [], decided: true, first: 'ALREADY_DECIDED' },
])('where several reasons fit, $why', ({ editors, decided, first }) => {
  const state = aRequest({ editors, decisions: decided ? [aDecision('eve')] : [] });
  expect(answerOf(state, aPerson('eve', { absent: true, roles: [] }))).toBe(first);
});
