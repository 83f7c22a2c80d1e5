import { expect, test } from 'vitest';
import type { Actor } from '../../domain/command.ts';
import { resolve } from '../../domain/resolution.ts';
import { applyWithdrawal } from '../../domain/withdrawal.ts';
import { actOf, aDecision, anApp, aPerson, aRequest, HELD, NOW } from '../support/builders.ts';
import { expectRefused } from './expect-refused.ts';

const act = (actor: Actor) => actOf(actor);
const byDana = { type: 'person', id: 'dana', owner: null } as const;
const byApp = { type: 'app', id: 'loan-agent', owner: 'dana' } as const;

test.each([
  { why: 'the app that asked', before: aRequest(), actor: anApp(), by: [] },
  {
    why: 'the person who asked',
    before: aRequest({ requester: byDana }),
    actor: aPerson('dana'),
    by: ['dana'],
  },
  { why: 'also while it is held', before: aRequest({ heldBy: [HELD] }), actor: anApp(), by: [] },
  {
    why: 'also after a decision, which stays',
    before: aRequest({ decisions: [aDecision('eve')] }),
    actor: anApp(),
    by: [],
  },
])('takes it back: $why', ({ before, actor, by }) => {
  const { state, outcome, events } = applyWithdrawal(before, act(actor));
  const resolution = {
    kind: 'withdrawn',
    effect: null,
    mayProceed: false,
    at: NOW,
    by,
    cause: 'requester',
  } as const;
  expect(state).toEqual({ ...before, stage: null, resolution });
  expect(outcome).toEqual({ kind: 'settled', resolution });
  expect(events).toEqual([
    { type: 'withdrawn' },
    { type: 'resolved', resolution, decisions: before.decisions.length },
  ]);
});

test.each([
  { why: 'the owner of the app', actor: aPerson('dana'), differs: { requester: byApp } },
  { why: 'the person acted for', actor: aPerson('eve'), differs: { onBehalfOf: 'eve' } },
  { why: 'who changed the content', actor: aPerson('eve'), differs: { editors: ['eve'] } },
  { why: 'another app', actor: anApp('other-agent') },
  { why: 'a person with the id of the app', actor: aPerson('loan-agent') },
  { why: 'an app with the id of the person', actor: anApp('dana'), differs: { requester: byDana } },
  { why: 'a reviewer', actor: aPerson('omar') },
  { why: 'an override authority', actor: aPerson('olga') },
])('nobody else may: $why', ({ actor, differs = {} }) => {
  const before = aRequest(differs);
  const answered = applyWithdrawal(before, act(actor));
  expectRefused(answered, before, { command: 'withdraw', reason: 'NOT_ELIGIBLE' });
});

test.each([
  { kind: 'approved', reason: 'RESOLVED' },
  { kind: 'rejected', reason: 'RESOLVED' },
  { kind: 'withdrawn', reason: 'RESOLVED' },
  { kind: 'overridden', reason: 'RESOLVED' },
  { kind: 'expired', reason: 'EXPIRED' },
] as const)('too late once it is $kind, for whoever tries', ({ kind, reason }) => {
  const before = resolve(aRequest(), { kind, cause: 'people', by: [] }, NOW).state;
  for (const actor of [anApp(), aPerson('omar')])
    expectRefused(applyWithdrawal(before, act(actor)), before, { command: 'withdraw', reason });
});
