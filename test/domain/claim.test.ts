import { describe, expect, test } from 'vitest';
import { applyCommand } from '../../domain/apply.ts';
import { CLAIM_LASTS } from '../../domain/claim.ts';
import type { Actor, Command } from '../../domain/command.ts';
import type { RefusalReason } from '../../domain/refusal.ts';
import type { RequestState } from '../../domain/request.ts';
import {
  aCandidate,
  actOf,
  aDecision,
  anApp,
  anEscalation,
  anOverrideRight,
  aPerson,
  aRequest,
  aSecondStage,
  aStage,
  aStandIn,
  decide,
  HELD,
  NOW,
  openStageOf,
  tickAt,
} from '../support/builders.ts';
import { expectRefused } from './expect-refused.ts';

const IN_AN_HOUR = '2026-03-02T10:00:00.000Z';
const CLAIM_ENDS = '2026-03-02T13:00:00.000Z';
const AFTER_DEADLINE = '2026-03-03T09:00:00.000Z';
const CLAIM: Command = { kind: 'claim' };
const RELEASE: Command = { kind: 'release' };
const eve = aPerson('eve');
const omar = aPerson('omar');

const apply = (state: RequestState, command: Command, actor: Actor, now = NOW) =>
  applyCommand(state, command, actOf(actor, now));
const claimed = apply(aRequest(), CLAIM, eve).state;

describe('a claim', () => {
  test(`lasts ${CLAIM_LASTS}, is sealed and seen`, () => {
    const before = aRequest();
    const applied = apply(before, CLAIM, eve);
    const claim = { person: 'eve', until: CLAIM_ENDS };
    expect(openStageOf(applied.state).claims).toEqual([claim]);
    expect(applied.events).toEqual([{ type: 'claimed', change: 'claimed', stage: 0, ...claim }]);
    expect(applied.outcome).toEqual({ kind: 'done' });
    expect(applied.state.revision).toBe(before.revision + 1);
    expect(applied.wakeAt).toBe(CLAIM_ENDS);
  });

  test('takes nobody the right to decide', () => {
    expect(apply(claimed, decide(), omar).outcome?.kind).toBe('counted');
  });

  test('several people may be at it', () => {
    const { state } = apply(claimed, CLAIM, omar, IN_AN_HOUR);
    expect(openStageOf(state).claims.map(({ person }) => person)).toEqual(['eve', 'omar']);
  });

  test('made again lasts anew', () => {
    const { state } = apply(claimed, CLAIM, eve, IN_AN_HOUR);
    const until = '2026-03-02T14:00:00.000Z';
    expect(openStageOf(state).claims).toEqual([{ person: 'eve', until }]);
  });

  test('ends with the decision of who made it, and with nobody else', () => {
    expect(openStageOf(apply(claimed, decide(), eve).state).claims).toEqual([]);
    expect(openStageOf(apply(claimed, decide(), omar).state).claims).toHaveLength(1);
  });

  test('lapses by itself at its end, not before, once', () => {
    const early = applyCommand(claimed, null, tickAt('2026-03-02T12:59:59.999Z'));
    expect(early).toMatchObject({ events: [], state: claimed });
    const lapsed = applyCommand(claimed, null, tickAt(CLAIM_ENDS));
    const event = { type: 'claimed', change: 'lapsed', stage: 0, person: 'eve', until: null };
    expect(lapsed.events).toEqual([event]);
    expect(openStageOf(lapsed.state).claims).toEqual([]);
    expect(applyCommand(lapsed.state, null, tickAt(CLAIM_ENDS)).events).toEqual([]);
  });

  test('belongs to its stage: the next one begins without', () => {
    const before = aRequest({ stages: [aStage({ quorum: 1 }), aSecondStage()] });
    const { state } = apply(apply(before, CLAIM, eve).state, decide(), omar);
    expect(openStageOf(state)).toMatchObject({ index: 1, claims: [] });
  });

  test('can be made by who stands in for somebody', () => {
    const pia = aPerson('pia', { standsFor: [aStandIn('eve')] });
    expect(apply(aRequest(), CLAIM, pia).outcome).toEqual({ kind: 'done' });
  });

  test.each<{ why: string; before?: RequestState; actor?: Actor; reason: RefusalReason }>([
    { why: 'while it is held', before: aRequest({ heldBy: [HELD] }), reason: 'STAGE_CLOSED' },
    { why: 'after the end', before: aRequest({ rule: { effect: 'reject' } }), reason: 'RESOLVED' },
    { why: 'of what is mine', before: aRequest({ onBehalfOf: 'eve' }), reason: 'OWN_REQUEST' },
    {
      why: 'of what I have decided',
      before: aRequest({ decisions: [aDecision('eve')] }),
      reason: 'ALREADY_DECIDED',
    },
    { why: 'by somebody else', actor: aPerson('sam'), reason: 'NOT_ELIGIBLE' },
    { why: 'by somebody absent', actor: aPerson('eve', { absent: true }), reason: 'NOT_ELIGIBLE' },
    { why: 'by an app', actor: anApp(), reason: 'NOT_ELIGIBLE' },
  ])('is refused $why: $reason', ({ before = aRequest(), actor = eve, reason }) => {
    expectRefused(apply(before, CLAIM, actor), before, { command: 'claim', reason });
  });

  test('is refused behind the deadline', () => {
    const applied = apply(aRequest(), CLAIM, eve, AFTER_DEADLINE);
    expect(applied.outcome).toEqual({ kind: 'refused', reason: 'EXPIRED' });
    expect(applied.state.stage).toBeNull();
  });
});

describe('a release', () => {
  test('ends one’s own claim and leaves the others', () => {
    const both = apply(claimed, CLAIM, omar).state;
    const applied = apply(both, RELEASE, eve, IN_AN_HOUR);
    const event = { type: 'claimed', change: 'released', stage: 0, person: 'eve', until: null };
    expect(applied.events).toEqual([event]);
    expect(openStageOf(applied.state).claims.map(({ person }) => person)).toEqual(['omar']);
  });

  test('works for who may not decide any more', () => {
    const applied = apply(claimed, RELEASE, aPerson('eve', { roles: [], absent: true }));
    expect(applied.outcome).toEqual({ kind: 'done' });
  });

  test.each<{ why: string; before: RequestState; reason: RefusalReason }>([
    { why: 'of nothing', before: aRequest(), reason: 'STAGE_CLOSED' },
    {
      why: 'of somebody else’s',
      before: apply(aRequest(), CLAIM, omar).state,
      reason: 'STAGE_CLOSED',
    },
    { why: 'while it is held', before: aRequest({ heldBy: [HELD] }), reason: 'STAGE_CLOSED' },
    { why: 'after the end', before: aRequest({ rule: { effect: 'approve' } }), reason: 'RESOLVED' },
  ])('is refused $why: $reason', ({ before, reason }) => {
    expectRefused(apply(before, RELEASE, eve), before, { command: 'release', reason });
  });
});

type Reassign = Extract<Command, { kind: 'reassign' }>;
function reassign(from: string, to: string, differs: Partial<Reassign> = {}): Reassign {
  return { kind: 'reassign', from, to, reasonLength: 5, receiver: aCandidate(to), ...differs };
}

describe('a lead takes the stage from one and gives it to another', () => {
  const led = (): RequestState => aRequest({ stages: [aStage({ escalations: [anEscalation()] })] });
  const mia = aPerson('mia');

  test('who has it now holds a claim; both names are sealed', () => {
    const before = apply(led(), CLAIM, eve).state;
    const applied = apply(before, reassign('eve', 'omar'), mia, IN_AN_HOUR);
    const until = '2026-03-02T14:00:00.000Z';
    expect(applied.events).toEqual([
      { type: 'reassigned', stage: 0, from: 'eve', to: 'omar' },
      { type: 'claimed', change: 'claimed', stage: 0, person: 'omar', until },
    ]);
    expect(openStageOf(applied.state)).toMatchObject({
      barred: ['eve'],
      claims: [{ person: 'omar', until }],
    });
    expect(applied.outcome).toEqual({ kind: 'done' });
  });

  test.each([
    { why: 'in their own right', actor: eve },
    {
      why: 'with more roles than before',
      actor: aPerson('eve', { roles: ['credit-officer', 'credit-manager'] }),
    },
    {
      why: 'through somebody who stands in',
      actor: aPerson('pia', { standsFor: [aStandIn('eve')] }),
    },
    { why: 'by standing in for another', actor: aPerson('eve', { standsFor: [aStandIn('dana')] }) },
  ])('who lost it cannot decide it any more: not $why', ({ actor }) => {
    const before = apply(led(), reassign('eve', 'omar'), mia).state;
    const { contentDigest } = decide();
    const refusal = { command: 'decide', reason: 'NOT_ELIGIBLE', contentDigest } as const;
    expectRefused(apply(before, decide(), actor), before, refusal);
    expect(apply(before, decide(), omar).outcome?.kind).toBe('counted');
  });

  test('for this stage only', () => {
    const stages = [
      aStage({ quorum: 1, escalations: [anEscalation()] }),
      aSecondStage({ role: 'credit-officer' }),
    ];
    const before = apply(aRequest({ stages }), reassign('eve', 'omar'), mia).state;
    const { state } = apply(before, decide(), omar);
    expect(apply(state, decide(), eve).state.resolution?.kind).toBe('approved');
  });

  test.each<{ why: string; differs: Parameters<typeof aRequest>[0]; actor: Actor }>([
    {
      why: 'the target of an escalation',
      differs: { stages: [aStage({ escalations: [anEscalation()] })] },
      actor: mia,
    },
    { why: 'who may override', differs: {}, actor: aPerson('olga') },
  ])('$why is a lead', ({ differs, actor }) => {
    expect(apply(aRequest(differs), reassign('eve', 'omar'), actor).outcome?.kind).toBe('done');
  });

  const decidedByPia = aDecision('pia', { delegatedBy: 'eve' });
  test.each<{
    why: string;
    before?: RequestState;
    command?: Reassign;
    actor?: Actor;
    reason: RefusalReason;
  }>([
    { why: 'while it is held', before: aRequest({ heldBy: [HELD] }), reason: 'STAGE_CLOSED' },
    { why: 'after the end', before: aRequest({ rule: { effect: 'reject' } }), reason: 'RESOLVED' },
    {
      why: 'by a lead whose own it is',
      before: aRequest({ onBehalfOf: 'olga' }),
      reason: 'OWN_REQUEST',
    },
    {
      why: 'by a lead who stands in for a party',
      actor: aPerson('olga', { standsFor: [aStandIn('otto')] }),
      reason: 'OWN_REQUEST',
    },
    { why: 'by a colleague', actor: aPerson('dana'), reason: 'NOT_ELIGIBLE' },
    {
      why: 'by a lead who is absent',
      actor: aPerson('olga', { absent: true }),
      reason: 'NOT_ELIGIBLE',
    },
    {
      why: 'by an app with the role',
      actor: { ...anApp(), roles: ['override-authority'] },
      reason: 'NOT_ELIGIBLE',
    },
    {
      why: 'where the rule has no authority',
      before: aRequest({ rule: { override: null } }),
      reason: 'NOT_ELIGIBLE',
    },
    {
      why: 'by the authority of other rules',
      before: aRequest({ rule: { override: anOverrideRight({ role: 'risk-manager' }) } }),
      reason: 'NOT_ELIGIBLE',
    },
    {
      why: 'from somebody who has decided',
      before: aRequest({ decisions: [aDecision('eve')] }),
      reason: 'ALREADY_DECIDED',
    },
    {
      why: 'from somebody in whose name it was decided',
      before: aRequest({ decisions: [decidedByPia] }),
      reason: 'ALREADY_DECIDED',
    },
    {
      why: 'to somebody without the right',
      command: reassign('eve', 'sam'),
      reason: 'NOT_ELIGIBLE',
    },
    {
      why: 'to somebody absent',
      command: reassign('eve', 'omar', { receiver: aCandidate('omar', { absent: true }) }),
      reason: 'NOT_ELIGIBLE',
    },
    { why: 'to a party', before: aRequest({ onBehalfOf: 'omar' }), reason: 'NOT_ELIGIBLE' },
    {
      why: 'to somebody who has decided',
      before: aRequest({ decisions: [aDecision('omar')] }),
      reason: 'NOT_ELIGIBLE',
    },
    { why: 'to the same person', command: reassign('omar', 'omar'), reason: 'NOT_ELIGIBLE' },
    {
      why: 'to somebody whom it was taken from',
      before: apply(aRequest(), reassign('omar', 'dana'), aPerson('olga')).state,
      reason: 'NOT_ELIGIBLE',
    },
    {
      why: 'without a reason',
      command: reassign('eve', 'omar', { reasonLength: 0 }),
      reason: 'REASON_TOO_SHORT',
    },
  ])('is refused $why: $reason', (row) => {
    const { before = aRequest(), command = reassign('eve', 'omar'), actor = aPerson('olga') } = row;
    const refusal = { command: 'reassign', reason: row.reason } as const;
    expectRefused(apply(before, command, actor), before, refusal);
  });
});
