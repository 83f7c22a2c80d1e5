import { describe, expect, test } from 'vitest';
import { applyCommand } from '../../domain/apply.ts';
import type { Command } from '../../domain/command.ts';
import type { Group } from '../../domain/policy.ts';
import type { RefusalReason } from '../../domain/refusal.ts';
import type { RequestState } from '../../domain/request.ts';
import type { Candidate } from '../../domain/reviewer.ts';
import {
  aCandidate,
  actOf,
  aDecision,
  aGroup,
  aPerson,
  aRequest,
  aStage,
  aStandIn,
  CONTENT_DIGEST,
  decide,
  OTHER_DIGEST,
  VIEWED,
} from '../support/builders.ts';
import { expectRefused } from './expect-refused.ts';

type Differs = Partial<Candidate>;
const counts = (state: RequestState, differs: Differs): boolean =>
  applyCommand(state, decide(), actOf(aPerson('eve', differs))).outcome?.kind === 'counted';

describe('a group can ask for a team and a region', () => {
  const asking = (conditions: Partial<Group['conditions']>): RequestState =>
    aRequest({ stages: [aStage({ conditions: { team: [], region: [], ...conditions } })] });
  test.each<{ why: string; asked: Partial<Group['conditions']>; has: Differs; may: boolean }>([
    { why: 'nothing', asked: {}, has: {}, may: true },
    { why: 'the team', asked: { team: ['north'] }, has: { team: 'north' }, may: true },
    { why: 'one of two', asked: { team: ['south', 'north'] }, has: { team: 'north' }, may: true },
    { why: 'another team', asked: { team: ['south'] }, has: { team: 'north' }, may: false },
    { why: 'of somebody without team', asked: { team: ['south'] }, has: {}, may: false },
    { why: 'the region', asked: { region: ['eu'] }, has: { region: 'eu' }, may: true },
    { why: 'another region', asked: { region: ['eu'] }, has: { region: 'us' }, may: false },
    {
      why: 'both, of which one fits',
      asked: { team: ['north'], region: ['eu'] },
      has: { team: 'north', region: 'us' },
      may: false,
    },
    {
      why: 'a team that is named like the region',
      asked: { region: ['eu'] },
      has: { team: 'eu' },
      may: false,
    },
  ])('asks for $why: $may', ({ asked, has, may }) => {
    const before = asking(asked);
    expect(counts(before, has)).toBe(may);
    if (may) return;
    const applied = applyCommand(before, decide(), actOf(aPerson('eve', has)));
    const refusal = { command: 'decide', reason: 'NOT_ELIGIBLE' } as const;
    expectRefused(applied, before, { ...refusal, contentDigest: CONTENT_DIGEST });
  });

  test('of one group only: who is elsewhere counts in the other', () => {
    const roles = ['credit-officer', 'security'];
    const groups = [
      aGroup({ conditions: { team: ['north'], region: [] } }),
      aGroup({ role: 'security' }),
    ];
    const before = aRequest({ stages: [aStage({ groups })] });
    const applied = applyCommand(before, decide(), actOf(aPerson('eve', { roles, team: 'south' })));
    expect(applied.state.decisions).toMatchObject([{ groups: [1], role: 'security' }]);
  });

  test('in somebody else’s name those of the other count', () => {
    const before = asking({ team: ['north'] });
    const north = { ...aCandidate('omar'), team: 'north' };
    const forNorth = [aStandIn('omar', { principal: north })];
    expect(counts(before, { roles: [], team: 'south', standsFor: forNorth })).toBe(true);
    const forOmar = [aStandIn('omar')];
    expect(counts(before, { roles: [], team: 'north', standsFor: forOmar })).toBe(false);
  });
});

describe('a group can ask for trainings', () => {
  const asked = { course: 'credit-risk', version: 2 };
  const before = aRequest({ stages: [aStage({ trainings: [asked] })] });
  const refusal = { command: 'decide', contentDigest: CONTENT_DIGEST } as const;
  test.each([
    { why: 'this version', trainings: [asked], may: true },
    { why: 'a later one', trainings: [{ ...asked, version: 3 }], may: true },
    { why: 'an earlier one', trainings: [{ ...asked, version: 1 }], may: false },
    { why: 'another course', trainings: [{ course: 'security', version: 9 }], may: false },
    { why: 'none', trainings: [], may: false },
  ])('$why: $may', ({ trainings, may }) => {
    expect(counts(before, { trainings })).toBe(may);
    if (may) return;
    const applied = applyCommand(before, decide(), actOf(aPerson('eve', { trainings })));
    expectRefused(applied, before, { ...refusal, reason: 'TRAINING_EXPIRED' });
  });

  test('all of several', () => {
    const two = [asked, { course: 'gdpr', version: 1 }];
    const both = aRequest({ stages: [aStage({ trainings: two })] });
    expect(counts(both, { trainings: two })).toBe(true);
    expect(counts(both, { trainings: [asked] })).toBe(false);
  });

  test('one that has ended takes the right at once, and gives it back with the next', () => {
    const trained = aPerson('eve', { trainings: [asked] });
    const first = applyCommand(before, { kind: 'claim' }, actOf(trained)).state;
    const lapsed = applyCommand(first, decide(), actOf(aPerson('eve')));
    expectRefused(lapsed, first, { ...refusal, reason: 'TRAINING_EXPIRED' });
    expect(applyCommand(lapsed.state, decide(), actOf(trained)).outcome?.kind).toBe('counted');
  });

  test.each(['claim', 'ask'] as const)('nobody can %s without', (kind) => {
    const applied = applyCommand(before, { kind }, actOf(aPerson('eve')));
    expectRefused(applied, before, { command: kind, reason: 'TRAINING_EXPIRED' });
  });

  test('who stands in must have them; that the other has them is not enough', () => {
    const principal = { ...aCandidate('omar'), trainings: [asked] };
    const standsFor = [aStandIn('omar', { principal })];
    expect(counts(before, { roles: [], standsFor })).toBe(false);
    expect(counts(before, { roles: [], standsFor: [aStandIn('omar')], trainings: [asked] })).toBe(
      true,
    );
  });

  test('of one group: who lacks it counts in the other, under the role of the other', () => {
    const groups = [aGroup({ trainings: [asked] }), aGroup({ role: 'security' })];
    const parallel = aRequest({ stages: [aStage({ groups })] });
    const eve = aPerson('eve', { roles: ['credit-officer', 'security'] });
    const applied = applyCommand(parallel, decide(), actOf(eve));
    expect(applied.state.decisions).toMatchObject([{ groups: [1], role: 'security' }]);
  });
});

describe('a policy can ask that its version is known', () => {
  const open = aRequest();
  const before = { ...open, policy: { ...open.policy, requireAcknowledgement: true } };
  test.each([
    { why: 'this version', acknowledged: ['credit-decisions@4'], may: true },
    { why: 'among others', acknowledged: ['other@1', 'credit-decisions@4'], may: true },
    { why: 'the version before', acknowledged: ['credit-decisions@3'], may: false },
    { why: 'the same number of another', acknowledged: ['other@4'], may: false },
    { why: 'none', acknowledged: [], may: false },
  ])('$why: $may', ({ acknowledged, may }) => {
    expect(counts(before, { acknowledged })).toBe(may);
    expect(counts(open, { acknowledged })).toBe(true);
    if (may) return;
    const applied = applyCommand(before, decide(), actOf(aPerson('eve', { acknowledged })));
    const refusal = { command: 'decide', reason: 'ACKNOWLEDGEMENT_MISSING' } as const;
    expectRefused(applied, before, { ...refusal, contentDigest: CONTENT_DIGEST });
  });

  test('whoever acts must know it, not the one they stand in for', () => {
    const principal = { ...aCandidate('omar'), acknowledged: ['credit-decisions@4'] };
    expect(counts(before, { roles: [], standsFor: [aStandIn('omar', { principal })] })).toBe(false);
  });
});

describe('where several reasons fit, in the order of the contract', () => {
  const course = { course: 'credit-risk', version: 2 };
  const open = aRequest({ tier: 'high', stages: [aStage({ trainings: [course], assurance: 3 })] });
  const strict = { ...open, policy: { ...open.policy, requireAcknowledgement: true } };
  const known = { acknowledged: ['credit-decisions@4'] };
  const stale = decide('approve', OTHER_DIGEST);
  const rows: readonly [
    RefusalReason,
    RequestState,
    Extract<Command, { kind: 'decide' }>,
    object,
  ][] = [
    ['ALREADY_DECIDED', { ...strict, decisions: [aDecision('eve')] }, stale, {}],
    ['NOT_ELIGIBLE', strict, stale, { roles: [] }],
    ['STALE_DIGEST', strict, stale, {}],
    ['NOT_VIEWED', strict, decide(), {}],
    ['ACKNOWLEDGEMENT_MISSING', strict, decide(), { viewed: VIEWED }],
    ['TRAINING_EXPIRED', strict, decide(), { viewed: VIEWED, ...known }],
    ['ASSURANCE_TOO_LOW', strict, decide(), { viewed: VIEWED, ...known, trainings: [course] }],
  ];
  test.each(rows)('%s', (reason, before, command, differs) => {
    const { contentDigest } = command;
    const applied = applyCommand(before, command, actOf(aPerson('eve', differs)));
    expectRefused(applied, before, { command: 'decide', reason, contentDigest });
  });
});
