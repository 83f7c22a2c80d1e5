import { describe, expect, test } from 'vitest';
import { applyCommand, type Applied } from '../../domain/apply.ts';
import type { Actor, Command } from '../../domain/command.ts';
import { holdsOverride } from '../../domain/override.ts';
import type { RefusalReason } from '../../domain/refusal.ts';
import type { RequestState, Resolution } from '../../domain/request.ts';
import { nextInstant } from '../../domain/timeline.ts';
import {
  actOf,
  aDecision,
  anApp,
  anOverrideRight,
  aPerson,
  aRequest,
  aStandIn,
  HELD,
  NOW,
  openStageOf,
  override,
  tickAt,
} from '../support/builders.ts';
import { expectRefused } from './expect-refused.ts';

const LATER = '2026-03-02T15:00:00.000Z';
const DUE = '2026-03-05T09:00:00.000Z';
const EXPIRED: Resolution = {
  ...{ kind: 'expired', effect: null, mayProceed: false, at: NOW, by: [], cause: 'deadline' },
};
const olga = aPerson('olga');
const max = aPerson('max', { roles: ['override-authority'] });
const cora = aPerson('cora');

const apply = (state: RequestState, command: Command, actor: Actor, now = NOW): Applied =>
  applyCommand(state, command, actOf(actor, now, 'act-7'));

describe('where a rule gives nobody the right', () => {
  const nobody = { rule: { override: null } };
  const pending = aRequest(nobody);
  const held = aRequest({ ...nobody, heldBy: [HELD] });
  const stage = { ...openStageOf(pending), isStuck: true };
  const reason = 'OVERRIDE_NOT_ALLOWED';

  test.each([
    { what: 'held', state: held },
    { what: 'nobody can approve any more', state: { ...pending, stage } },
  ])('what is $what can be stopped by an override authority, and not forced', ({ state }) => {
    const stopped = apply(state, override('stop'), olga);
    expect(stopped.state.resolution).toMatchObject({ kind: 'overridden', mayProceed: false });
    const forced = apply(state, override('force'), olga);
    expectRefused(forced, state, { command: 'override', reason });
    const byEve = apply(state, override('stop'), aPerson('eve'));
    expectRefused(byEve, state, { command: 'override', reason });
  });

  test('what can be approved waits for its people', () => {
    const stopped = apply(pending, override('stop'), olga);
    expectRefused(stopped, pending, { command: 'override', reason });
  });
});

describe('where a rule asks for two', () => {
  const right = anOverrideRight({ secondPerson: ['force', 'reverse'] });
  const before = aRequest({ rule: { override: right }, decisions: [aDecision('eve')] });
  const proposed = apply(before, override('force'), olga);

  test('the first is told so, and it is kept that they wanted it', () => {
    expect(proposed.outcome).toEqual({ kind: 'refused', reason: 'SECOND_PERSON_REQUIRED' });
    expect(proposed.events).toEqual([
      {
        ...{ type: 'refused', command: 'override', reason: 'SECOND_PERSON_REQUIRED' },
        contentDigest: null,
      },
    ]);
    const proposals = [{ person: 'olga', effect: 'force', at: NOW }];
    expect(proposed.state).toEqual({ ...before, proposals });
  });

  test('the second brings it about, with both names', () => {
    const applied = apply(proposed.state, override('force'), max, LATER);
    expect(applied.state.resolution).toMatchObject({
      ...{ kind: 'overridden', effect: 'force', mayProceed: true, at: LATER },
      by: ['olga', 'max'],
    });
    expect(applied.state.decisions).toEqual(before.decisions);
    expect(applied.events).toMatchObject([
      { type: 'overridden', person: 'max', second: 'olga', breakGlass: false, before: 'pending' },
      { type: 'resolved' },
    ]);
    expect(applied.state.debt).toBeNull();
  });

  test('the same person twice is one, however often', () => {
    let { state } = proposed;
    for (const now of [LATER, DUE.replace('05', '03').replace('09:', '08:')]) {
      const again = apply(state, override('force'), olga, now);
      expect(again.outcome).toEqual({ kind: 'refused', reason: 'SECOND_PERSON_REQUIRED' });
      expect(again.state.proposals).toEqual([{ person: 'olga', effect: 'force', at: now }]);
      ({ state } = again);
    }
  });

  test('another effect is another proposal', () => {
    const settled = { kind: 'approved', effect: null, mayProceed: true, at: NOW } as const;
    const resolution = { ...settled, by: ['eve'], cause: 'people' } as const;
    const approved: RequestState = { ...proposed.state, stage: null, resolution };
    const reversed = apply(approved, override('reverse'), max);
    expect(reversed.outcome).toEqual({ kind: 'refused', reason: 'SECOND_PERSON_REQUIRED' });
    expect(reversed.state.proposals).toHaveLength(2);
    expect(apply(reversed.state, override('reverse'), olga).state.resolution).toMatchObject({
      by: ['max', 'olga'],
      effect: 'reverse',
    });
  });

  test.each([
    { when: '2026-03-03T08:59:59.999Z', settles: true },
    { when: '2026-03-03T09:00:00.000Z', settles: false },
  ])('what nobody took up for a day is over: at $when $settles', ({ when, settles }) => {
    const long = { ...before, stage: null, resolution: EXPIRED };
    const first = apply(long, override('force'), olga).state;
    const second = apply(first, override('force'), max, when);
    expect(second.outcome?.kind).toBe(settles ? 'settled' : 'refused');
    if (settles) return;
    expect(second.state.proposals).toMatchObject([{ person: 'olga' }, { person: 'max', at: when }]);
    const third = apply(second.state, override('force'), olga, when);
    expect(third.state.resolution).toMatchObject({ by: ['max', 'olga'] });
  });

  test('a first who has lost the right is none: the second becomes the first', () => {
    const again = apply(proposed.state, { ...override('force'), lapsed: ['olga'] }, max);
    expect(again.outcome).toEqual({ kind: 'refused', reason: 'SECOND_PERSON_REQUIRED' });
    expect(again.state.proposals.map(({ person }) => person)).toEqual(['olga', 'max']);
  });

  test.each<{ who: string; person: Actor; holds: boolean }>([
    { who: 'an authority', person: olga, holds: true },
    { who: 'who is absent', person: { ...olga, absent: true }, holds: false },
    { who: 'who owes a review', person: { ...olga, owesReview: true }, holds: false },
    { who: 'whose role has ended', person: { ...olga, roles: [] }, holds: false },
    { who: 'a party', person: aPerson('otto', { roles: max.roles }), holds: false },
  ])('the right over a request, held by $who: $holds', ({ person, holds }) => {
    expect(holdsOverride(before, person, person)).toBe(holds);
  });

  test('an effect that asks for one takes effect at once', () => {
    const applied = apply(before, override('stop'), olga);
    expect(applied.state.resolution).toMatchObject({ effect: 'stop', by: ['olga'] });
    expect(applied.events[0]).toMatchObject({ second: null });
  });

  test.each<{ why: string; actor: Actor; reason: RefusalReason; length?: number }>([
    { why: 'without the right', actor: aPerson('eve'), reason: 'OVERRIDE_NOT_ALLOWED' },
    { why: 'a party', actor: aPerson('otto', { roles: max.roles }), reason: 'OWN_REQUEST' },
    { why: 'who owes a review', actor: { ...max, owesReview: true }, reason: 'REVIEW_DEBT' },
    { why: 'without a reason of their own', actor: max, length: 19, reason: 'REASON_TOO_SHORT' },
  ])('nobody is a second $why: $reason', ({ actor, reason, length = 20 }) => {
    const applied = apply(proposed.state, override('force', length), actor);
    expectRefused(applied, proposed.state, { command: 'override', reason });
  });
});

describe('who may override at all', () => {
  const strong = aRequest({ rule: { override: anOverrideRight({ assurance: 2 }) } });
  test.each<{
    why: string;
    before?: RequestState;
    actor: Actor;
    length?: number;
    reason: RefusalReason;
  }>([
    {
      why: 'stands in for a party',
      actor: aPerson('olga', { standsFor: [aStandIn('otto')] }),
      reason: 'OWN_REQUEST',
    },
    {
      why: 'only stands in for an authority',
      actor: aPerson('pia', { standsFor: [aStandIn('olga')] }),
      reason: 'OVERRIDE_NOT_ALLOWED',
    },
    { why: 'owes a review', actor: { ...olga, owesReview: true }, reason: 'REVIEW_DEBT' },
    { why: 'came by a weak way', before: strong, actor: olga, reason: 'ASSURANCE_TOO_LOW' },
    {
      why: 'owes a review and came by a weak way',
      before: strong,
      actor: { ...olga, owesReview: true },
      reason: 'REVIEW_DEBT',
    },
    {
      why: 'came by a weak way and says no reason',
      before: strong,
      actor: olga,
      length: 0,
      reason: 'ASSURANCE_TOO_LOW',
    },
  ])('not who $why: $reason', ({ before = aRequest(), actor, length = 20, reason }) => {
    const applied = apply(before, override('stop', length), actor);
    expectRefused(applied, before, { command: 'override', reason });
  });

  test('but who came by a strong one', () => {
    const applied = apply(strong, override('stop'), { ...olga, assurance: 2 });
    expect(applied.outcome?.kind).toBe('settled');
  });
});

const GLASS = { role: 'compliance', due: 'P3D' };
const breakGlass = (effect: 'stop' | 'force' = 'force'): Command => ({
  ...{ kind: 'override', effect, reasonLength: 20, breakGlass: true, lapsed: [] },
});

describe('who breaks the glass', () => {
  const right = anOverrideRight({ secondPerson: ['force'], breakGlass: GLASS });
  const before = aRequest({ rule: { override: right } });
  const debt = {
    ...{ id: 'act-7', person: 'olga', role: 'compliance', due: DUE, status: 'open' },
    ...{ reviewedBy: null, verdict: null },
  };

  test('acts at once and alone, and owes a review', () => {
    const applied = apply(before, breakGlass(), olga);
    expect(applied.state).toMatchObject({ resolution: { by: ['olga'], effect: 'force' }, debt });
    expect(applied.events).toEqual([
      {
        ...{ type: 'overridden', effect: 'force', before: 'pending', person: 'olga' },
        ...{ second: null, breakGlass: true },
      },
      { type: 'resolved', resolution: applied.state.resolution, decisions: 0 },
      { type: 'review_debt', change: 'opened', debt },
    ]);
    expect(applied.wakeAt).toBe(DUE);
  });

  test('who proposed it before has no part in it', () => {
    const { state } = apply(before, override('force'), max);
    const applied = apply(state, breakGlass(), olga);
    expect(applied.state.resolution?.by).toEqual(['olga']);
  });

  test.each<{ why: string; state: RequestState; actor: Actor; reason: RefusalReason }>([
    {
      why: 'where the rule has no glass',
      state: aRequest(),
      actor: olga,
      reason: 'OVERRIDE_NOT_ALLOWED',
    },
    {
      why: 'without the right to override',
      state: before,
      actor: cora,
      reason: 'OVERRIDE_NOT_ALLOWED',
    },
    {
      why: 'as a party',
      state: { ...before, owners: ['olga'] },
      actor: olga,
      reason: 'OWN_REQUEST',
    },
    {
      why: 'owing a review already',
      state: before,
      actor: { ...olga, owesReview: true },
      reason: 'REVIEW_DEBT',
    },
  ])('cannot $why: $reason', ({ state, actor, reason }) => {
    expectRefused(apply(state, breakGlass(), actor), state, { command: 'override', reason });
  });

  describe('and then', () => {
    const owed = apply(before, breakGlass(), olga).state;
    const review = (verdict: 'justified' | 'not_justified' = 'justified', reasonLength = 5) =>
      ({ kind: 'review', verdict, reasonLength }) as const;

    test.each(['justified', 'not_justified'] as const)('somebody else says: %s', (verdict) => {
      const applied = apply(owed, review(verdict), cora, LATER);
      const settled = { ...debt, status: 'settled', reviewedBy: 'cora', verdict };
      expect(applied.state).toEqual({ ...owed, debt: settled, revision: owed.revision + 1 });
      expect(applied.events).toEqual([{ type: 'review_debt', change: 'settled', debt: settled }]);
      expect(applied.outcome).toEqual({ kind: 'done' });
      expect(applied.wakeAt).toBeNull();
    });

    test('its time passes: that is sealed at its due, once, and it can still be paid', () => {
      expect(nextInstant(owed)).toBe(DUE);
      const early = applyCommand(owed, null, tickAt('2026-03-05T08:59:59.999Z'));
      expect(early.events).toEqual([]);
      const over = applyCommand(owed, null, tickAt(DUE));
      const overdue = { ...debt, status: 'overdue' };
      expect(over.events).toEqual([{ type: 'review_debt', change: 'overdue', debt: overdue }]);
      expect(over.state.resolution).toEqual(owed.resolution);
      expect(over.wakeAt).toBeNull();
      expect(applyCommand(over.state, null, tickAt(DUE)).events).toEqual([]);
      const paid = apply(over.state, review(), cora, '2027-01-01T00:00:00.000Z');
      expect(paid.state.debt).toMatchObject({ status: 'settled', reviewedBy: 'cora' });
    });

    const settled = apply(owed, review(), cora).state;
    const party = { ...owed, editors: ['cora'] };
    const reviewers = { roles: ['compliance'] };
    test.each<{
      why: string;
      state?: RequestState;
      actor?: Actor;
      length?: number;
      reason: RefusalReason;
    }>([
      { why: 'where nothing is owed', state: before, reason: 'STAGE_CLOSED' },
      { why: 'twice', state: settled, reason: 'STAGE_CLOSED' },
      {
        why: 'by who owes it',
        actor: { ...olga, roles: ['override-authority', 'compliance'] },
        reason: 'OWN_REQUEST',
      },
      { why: 'by a party', state: party, reason: 'OWN_REQUEST' },
      {
        why: 'by who stands in for a party',
        actor: { ...cora, standsFor: [aStandIn('otto')] },
        reason: 'OWN_REQUEST',
      },
      {
        why: 'by who stands in for who owes it',
        actor: { ...cora, standsFor: [aStandIn('olga')] },
        reason: 'OWN_REQUEST',
      },
      { why: 'by another authority', actor: max, reason: 'NOT_ELIGIBLE' },
      { why: 'by somebody absent', actor: { ...cora, absent: true }, reason: 'NOT_ELIGIBLE' },
      {
        why: 'by an app with the role',
        actor: { ...anApp(), ...reviewers },
        reason: 'NOT_ELIGIBLE',
      },
      { why: 'without a word', length: 0, reason: 'REASON_TOO_SHORT' },
    ])('is not reviewed $why: $reason', ({ state = owed, actor = cora, length = 5, reason }) => {
      const applied = apply(state, review('justified', length), actor);
      expectRefused(applied, state, { command: 'review', reason });
    });
  });
});
