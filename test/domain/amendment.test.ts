import { describe, expect, test } from 'vitest';
import { applyCommand, type Applied } from '../../domain/apply.ts';
import type { Binding } from '../../domain/binding.ts';
import type { Actor, Command } from '../../domain/command.ts';
import type { RiskTier } from '../../domain/policy.ts';
import type { RefusalReason } from '../../domain/refusal.ts';
import { statusOf, type RequestState } from '../../domain/request.ts';
import {
  aBinding,
  ACTION_DIGEST,
  actOf,
  aDecision,
  anApp,
  anOverrideRight,
  aPerson,
  aPolicy,
  aRequest,
  aRule,
  aSecondStage,
  aStage,
  CONTENT_DIGEST,
  decide,
  HELD,
  NOW,
  openStageOf,
  override,
} from '../support/builders.ts';
import { expectRefused } from './expect-refused.ts';

const LATER = '2026-03-02T15:00:00.000Z';
const NEW_ACTION = 'b'.repeat(64);
const NEW_CONTENT = 'd'.repeat(64);

function amend(binding: Binding = aBinding()): Command {
  const amendment = { actionDigest: NEW_ACTION, contentDigest: NEW_CONTENT, binding };
  return { kind: 'amend', amendment };
}
const apply = (state: RequestState, command: Command, actor: Actor = anApp(), now = LATER) =>
  applyCommand(state, command, actOf(actor, now));
const typesOf = ({ events }: Applied): readonly string[] => events.map(({ type }) => type);

describe('an amended content', () => {
  const before = aRequest({ decisions: [aDecision('eve')] });

  test('voids every approval: it was given for something else', () => {
    const applied = apply(before, amend());
    expect(applied.state).toMatchObject({
      ...{ actionDigest: NEW_ACTION, contentDigest: NEW_CONTENT, amendments: 1, decisions: [] },
      revision: before.revision + 1,
    });
    expect(applied.events).toEqual([
      {
        ...{ type: 'amended', voided: 1 },
        ...{ beforeActionDigest: ACTION_DIGEST, beforeContentDigest: CONTENT_DIGEST },
      },
      { type: 'stage_closed', stage: 0, approvals: 1, rejections: 0 },
      { type: 'policy_bound', cause: 'amended' },
      {
        ...{ type: 'stage_opened', stage: 0, cause: 'amended' },
        deadline: '2026-03-03T15:00:00.000Z',
      },
    ]);
    expect(applied.outcome).toEqual({ kind: 'done' });
  });

  test('begins anew: its time counts from the amendment', () => {
    const { state, wakeAt } = apply(before, amend());
    expect(openStageOf(state)).toMatchObject({ index: 0, openedAt: LATER, claims: [], barred: [] });
    expect(wakeAt).toBe('2026-03-03T15:00:00.000Z');
  });

  test('from a later stage: begins with the first', () => {
    const rule = aRule({ stages: [aStage({ quorum: 1 }), aSecondStage()] });
    const second = apply(aRequest({ rule }), decide(), aPerson('eve')).state;
    expect(openStageOf(second).index).toBe(1);
    const applied = apply(second, amend(aBinding({ rule })));
    expect(openStageOf(applied.state).index).toBe(0);
    expect(applied.events).toContainEqual({
      ...{ type: 'stage_closed', stage: 1, approvals: 0, rejections: 0 },
    });
  });

  test('whoever approved approves anew, and only what is there now', () => {
    const { state } = apply(before, amend());
    const old = apply(state, decide(), aPerson('eve'));
    expect(old.outcome).toEqual({ kind: 'refused', reason: 'STALE_DIGEST' });
    const anew = apply(state, decide('approve', NEW_CONTENT), aPerson('eve'));
    expect(anew.outcome).toMatchObject({ kind: 'counted', approvals: 1 });
  });

  test('whoever changed it is a party for ever', () => {
    const byDana = { type: 'person', id: 'dana', owner: null } as const;
    const { state } = apply(aRequest({ requester: byDana }), amend(), aPerson('dana'));
    expect(state.editors).toEqual(['dana']);
    const twice = apply(state, amend(), aPerson('dana')).state;
    expect(twice).toMatchObject({ editors: ['dana'], amendments: 2 });
  });

  test('an app is no editor', () => {
    expect(apply(before, amend()).state.editors).toEqual([]);
  });

  test('what people have said and handed over stays; what was proposed is gone', () => {
    const rule = { override: anOverrideRight({ secondPerson: ['stop'] }) };
    const asked = apply(aRequest({ rule }), { kind: 'ask' }, aPerson('eve')).state;
    const proposed = apply(asked, override('stop'), aPerson('olga')).state;
    expect(proposed.proposals).toHaveLength(1);
    const applied = apply(proposed, amend(aBinding({ rule: aRule(rule) })));
    expect(applied.state).toMatchObject({ proposals: [], discussion: proposed.discussion });
    const second = apply(applied.state, override('stop'), aPerson('max', authority));
    expect(second.outcome).toEqual({ kind: 'refused', reason: 'SECOND_PERSON_REQUIRED' });
  });
  const authority = { roles: ['override-authority'] };

  test('a question that is open still stops the new clock', () => {
    const asked = apply(aRequest(), { kind: 'ask' }, aPerson('eve'), NOW).state;
    const { state } = apply(asked, amend());
    expect(openStageOf(state).pausedSince).toBe(LATER);
  });
});

describe('the tier of an amended content', () => {
  test.each<{ was: RiskTier; says: RiskTier; is: RiskTier }>([
    { was: 'low', says: 'high', is: 'high' },
    { was: 'medium', says: 'medium', is: 'medium' },
    { was: 'high', says: 'low', is: 'high' },
    { was: 'medium', says: 'low', is: 'medium' },
  ])('never falls: $was, then $says: $is', ({ was, says, is }) => {
    const { state } = apply(aRequest({ tier: was }), amend(aBinding({ tier: says })));
    expect(state.tier).toBe(is);
  });
});

describe('an amended content is put before policy again', () => {
  test('and may come under another rule of another policy', () => {
    const rule = aRule({ name: 'large loans', stages: [aStage({ role: 'security', quorum: 1 })] });
    const policy = aPolicy({ id: 'z-policy', version: 7, rules: [aRule(), rule] });
    const boundUnder = [
      { id: 'credit-decisions', version: 4 },
      { id: 'z-policy', version: 7 },
    ];
    const binding: Binding = {
      ...aBinding({ rule }),
      ...{ policy, ruleIndex: 1, boundUnder, controls: ['c-1'] },
      deadlines: ['2026-03-02T20:00:00.000Z'],
    };
    const { state } = apply(aRequest(), amend(binding));
    expect(state.policy).toEqual({
      ...{ id: 'z-policy', version: 7, ruleIndex: 1, rule, controls: ['c-1'], boundUnder },
      requireAcknowledgement: false,
      deadlines: ['2026-03-02T20:00:00.000Z'],
    });
    expect(openStageOf(state)).toMatchObject({
      roles: [['security']],
      deadline: '2026-03-02T20:00:00.000Z',
    });
  });

  test('what was skipped and what shadows said is sealed again', () => {
    const exception = {
      ...{ id: 'x-1', policy: 'credit-decisions', rule: 'everything else', ruleIndex: 0, uses: 0 },
    } as unknown as Binding['exceptions'][number];
    const shadow: Binding['shadow'][number] = {
      ...{ policy: 'new', version: 1, rule: 0, effect: 'reject', stages: 0 },
      ...{ tier: null, differs: true },
    };
    const binding = aBinding({ exceptions: [exception], shadow: [shadow] });
    const applied = apply(aRequest({ heldBy: [HELD] }), amend(binding));
    expect(applied.events.slice(1, 4)).toEqual([
      { type: 'policy_bound', cause: 'amended' },
      { type: 'exception_used', exception },
      { type: 'shadow_evaluated', shadow },
    ]);
  });

  test.each([
    { from: 'held', to: 'pending', heldBy: [HELD], now: [] },
    { from: 'pending', to: 'held', heldBy: [], now: [HELD] },
    { from: 'held', to: 'held', heldBy: [HELD], now: [HELD] },
  ])('$from becomes $to', ({ from, to, heldBy, now }) => {
    const before = aRequest({ heldBy });
    expect(statusOf(before)).toBe(from);
    const applied = apply(before, amend(aBinding({ heldBy: now })));
    expect(statusOf(applied.state)).toBe(to);
    expect(applied.events.at(-1)?.type).toBe(to === 'held' ? 'held' : 'stage_opened');
    expect(typesOf(applied).includes('stage_closed')).toBe(from === 'pending');
    expect(applied.state.stage === null).toBe(to === 'held');
    expect(applied.outcome).toEqual({ kind: 'done' });
  });

  test.each([
    { effect: 'approve', kind: 'approved', mayProceed: true },
    { effect: 'reject', kind: 'rejected', mayProceed: false },
  ] as const)('and is $kind at once where the rule says $effect', ({ effect, ...ending }) => {
    const before = aRequest({ decisions: [aDecision('eve')] });
    const applied = apply(before, amend(aBinding({ rule: aRule({ effect }) })));
    const { resolution } = applied.state;
    expect(resolution).toMatchObject({ ...ending, cause: 'policy', by: [], at: LATER });
    expect(applied.outcome).toEqual({ kind: 'settled', resolution });
    expect(typesOf(applied)).toEqual(['amended', 'stage_closed', 'policy_bound', 'resolved']);
    expect(applied.wakeAt).toBeNull();
  });
});

describe('nobody else changes it, and nobody too late', () => {
  const byDana = { type: 'person', id: 'dana', owner: null } as const;
  test.each<{
    why: string;
    before?: RequestState;
    actor?: Actor;
    reason: RefusalReason;
  }>([
    { why: 'the owner of the app', actor: aPerson('otto'), reason: 'NOT_ELIGIBLE' },
    { why: 'another app', actor: anApp('other-agent'), reason: 'NOT_ELIGIBLE' },
    { why: 'a reviewer', actor: aPerson('eve'), reason: 'NOT_ELIGIBLE' },
    { why: 'an authority', actor: aPerson('olga'), reason: 'NOT_ELIGIBLE' },
    {
      why: 'an app with the id of the person',
      before: aRequest({ requester: byDana }),
      actor: anApp('dana'),
      reason: 'NOT_ELIGIBLE',
    },
    { why: 'after the end', before: aRequest({ rule: { effect: 'reject' } }), reason: 'RESOLVED' },
    {
      why: 'after the end, whoever',
      before: aRequest({ rule: { effect: 'approve' } }),
      actor: aPerson('eve'),
      reason: 'RESOLVED',
    },
  ])('$why: $reason', ({ before = aRequest(), actor = anApp(), reason }) => {
    expectRefused(apply(before, amend(), actor), before, { command: 'amend', reason });
  });

  test('behind the deadline: EXPIRED, and nothing of it is kept', () => {
    const applied = apply(aRequest(), amend(), anApp(), '2026-03-03T09:00:00.000Z');
    expect(applied.outcome).toEqual({ kind: 'refused', reason: 'EXPIRED' });
    expect(applied.state).toMatchObject({ contentDigest: CONTENT_DIGEST, amendments: 0 });
  });
});
