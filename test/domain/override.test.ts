import { describe, expect, test } from 'vitest';
import type { Actor } from '../../domain/command.ts';
import { applyOverride } from '../../domain/override.ts';
import { statusOf, type RequestState, type RequestStatus } from '../../domain/request.ts';
import { resolve } from '../../domain/resolution.ts';
import {
  actOf,
  aDecision,
  anApp,
  anOverrideRight,
  aPerson,
  aRequest,
  HELD,
  NOW,
  override,
} from '../support/builders.ts';
import { expectRefused } from './expect-refused.ts';

const LATER = '2026-03-09T09:00:00.000Z';
const olga = aPerson('olga');
const act = (actor: Actor = olga) => actOf(actor, LATER);
const decisions = [aDecision('eve'), aDecision('omar')];

/** One request of each status; all but the held one carry decisions. */
const inStatus: Readonly<Record<RequestStatus, RequestState>> = {
  held: aRequest({ heldBy: [HELD] }),
  pending: aRequest({ decisions }),
  approved: ended('approved'),
  rejected: ended('rejected'),
  expired: ended('expired'),
  withdrawn: ended('withdrawn'),
  overridden: ended('overridden'),
};

function ended(kind: Exclude<RequestStatus, 'held' | 'pending'>): RequestState {
  return resolve(aRequest({ decisions }), { kind, cause: 'people', by: ['eve'] }, NOW).state;
}

/** Product contract 3.2: where an override has an effect. */
const hasEffect = {
  stop: ['held', 'pending'],
  reverse: ['approved'],
  force: ['held', 'pending', 'rejected', 'expired'],
} as const satisfies Record<string, readonly RequestStatus[]>;

const statuses = Object.keys(inStatus) as RequestStatus[];
const effects = Object.keys(hasEffect) as (keyof typeof hasEffect)[];
const square = effects.flatMap((effect) =>
  statuses.map((status) => {
    const works = hasEffect[effect].some((one) => one === status);
    return { effect, status, works };
  }),
);

test('the table shows every status as it is', () => {
  for (const status of statuses) expect(statusOf(inStatus[status])).toBe(status);
});

test.each(square.filter((row) => row.works))('$effect on $status resolves as overridden', (row) => {
  const before = inStatus[row.status];
  const { state, outcome, events } = applyOverride(before, override(row.effect), act());
  const resolution = {
    kind: 'overridden',
    effect: row.effect,
    mayProceed: row.effect === 'force',
    at: LATER,
    by: ['olga'],
    cause: 'override',
  } as const;
  expect(state).toEqual({ ...before, stage: null, resolution });
  expect(outcome).toEqual({ kind: 'settled', resolution });
  expect(events).toEqual([
    {
      ...{ type: 'overridden', effect: row.effect, before: row.status, person: 'olga' },
      ...{ second: null, breakGlass: false },
    },
    { type: 'resolved', resolution, decisions: before.decisions.length },
  ]);
});

test.each(square.filter((row) => !row.works))('$effect on $status has no effect', (row) => {
  const before = inStatus[row.status];
  const answered = applyOverride(before, override(row.effect), act());
  expectRefused(answered, before, { command: 'override', reason: 'OVERRIDE_NOT_ALLOWED' });
});

describe('who may not', () => {
  const stopOnly = aRequest({ rule: { override: anOverrideRight({ effects: ['stop'] }) } });
  test.each([
    { why: 'a person without the right', actor: aPerson('eve') },
    { why: 'an app', actor: anApp() },
    { why: 'an app that somehow holds the role', actor: { ...anApp(), roles: olga.roles } },
    { why: 'an authority who is absent', actor: aPerson('olga', { absent: true }) },
    {
      why: 'anybody, where the rule has no override',
      before: aRequest({ rule: { override: null } }),
    },
    { why: 'anybody, with an effect that the rule does not list', before: stopOnly },
  ])('$why', ({ actor = olga, before = aRequest() }) => {
    const answered = applyOverride(before, override('force'), act(actor));
    expectRefused(answered, before, { command: 'override', reason: 'OVERRIDE_NOT_ALLOWED' });
  });

  const byApp = { type: 'app', id: 'loan-agent', owner: 'olga' } as const;
  const byPerson = { type: 'person', id: 'olga', owner: null } as const;
  test.each([
    { why: 'asked for it', differs: { requester: byPerson } },
    { why: 'owns the app that asked', differs: { requester: byApp } },
    { why: 'is acted for', differs: { onBehalfOf: 'olga' } },
    { why: 'changed the content', differs: { editors: ['olga'] } },
  ])('an authority who $why', ({ differs }) => {
    const before = aRequest(differs);
    for (const effect of effects) {
      const answered = applyOverride(before, override(effect), act());
      expectRefused(answered, before, { command: 'override', reason: 'OWN_REQUEST' });
    }
  });
});

describe('the reason', () => {
  test.each([
    { why: 'blanks only, which have length 0', length: 0 },
    { why: 'one character short', length: 19 },
  ])('is too short: $why', ({ length }) => {
    const before = aRequest();
    const answered = applyOverride(before, override('stop', length), act());
    expectRefused(answered, before, { command: 'override', reason: 'REASON_TOO_SHORT' });
  });

  test.each([20, 21])('is long enough with %i characters', (length) => {
    const answered = applyOverride(aRequest(), override('stop', length), act());
    expect(answered.outcome.kind).toBe('settled');
  });

  test('is not asked for before the right is', () => {
    const before = inStatus.approved;
    const answered = applyOverride(before, override('stop', 0), act());
    expectRefused(answered, before, { command: 'override', reason: 'OVERRIDE_NOT_ALLOWED' });
  });
});

test('a rule may name another authority than the installation does', () => {
  const before = aRequest({ rule: { override: anOverrideRight({ role: 'risk-manager' }) } });
  expect(applyOverride(before, override('stop'), act(aPerson('rui'))).outcome.kind).toBe('settled');
  const answered = applyOverride(before, override('stop'), act());
  expectRefused(answered, before, { command: 'override', reason: 'OVERRIDE_NOT_ALLOWED' });
});
