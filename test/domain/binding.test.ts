import { describe, expect, test } from 'vitest';
import {
  bindPolicy,
  controlsOf,
  type Binding,
  type EvaluateCondition,
  type EvaluateMoment,
} from '../../domain/binding.ts';
import { fallbackPolicy, type Policy, type RiskTier } from '../../domain/policy.ts';
import { isInForce, type RuleException } from '../../domain/rule-exception.ts';
import { aPolicy, aRule, aStage } from '../support/builders.ts';

/** Conditions of these tests are `yes`, `no`, `broken` and the name of a tier. */
const evaluate: EvaluateCondition = (expression, tier) =>
  expression === 'broken'
    ? { kind: 'error', message: 'no such key' }
    : { kind: 'value', value: expression === 'yes' || expression === tier };

const fallback = fallbackPolicy('compliance', 'ai-decision');

/** Instants of these tests are themselves; `broken` is none. */
const moment: EvaluateMoment = (expression) =>
  expression === 'broken'
    ? { kind: 'error', message: 'no such key' }
    : { kind: 'value', value: expression };

function bind(
  policies: readonly Policy[],
  tier: RiskTier = 'medium',
  exceptions: readonly RuleException[] = [],
): Binding {
  return bindPolicy(policies, fallback, { tier, evaluate, moment, exceptions });
}

const named = (name: string, when: string | null = null) => aRule({ name, when });
const approves = aRule({ name: 'approves', effect: 'approve' });
const reviews = aRule({ name: 'reviews' });
const rejects = aRule({ name: 'rejects', effect: 'reject' });

describe('within a policy', () => {
  test('the first rule that matches counts, with its place in the policy', () => {
    const rules = [named('a', 'no'), named('b', 'yes'), named('c', 'yes')];
    expect(bind([aPolicy({ rules })])).toMatchObject({
      rule: { name: 'b' },
      ruleIndex: 1,
      heldBy: [],
    });
  });

  test('a later rule is not asked, so its error holds nothing', () => {
    const bound = bind([aPolicy({ rules: [named('a', 'yes'), named('b', 'broken')] })]);
    expect(bound).toMatchObject({ rule: { name: 'a' }, heldBy: [] });
  });

  test('a policy that is not meant does not speak, however its rules read', () => {
    const bound = bind([aPolicy({ when: 'no', rules: [rejects] })]);
    expect(bound.policy).toBe(fallback);
  });
});

describe('across policies', () => {
  test.each([
    { why: 'reject before review', rules: [reviews, rejects], winner: 'rejects' },
    { why: 'review before approve', rules: [approves, reviews], winner: 'reviews' },
    { why: 'reject before approve', rules: [rejects, approves], winner: 'rejects' },
    { why: 'an approval when nobody is stricter', rules: [approves], winner: 'approves' },
  ])('the strictest effect counts: $why', ({ rules, winner }) => {
    const policies = rules.map((rule, index) => aPolicy({ id: `p${index}`, rules: [rule] }));
    expect(bind(policies).rule.name).toBe(winner);
    expect(bind(policies.toReversed()).rule.name).toBe(winner);
  });

  test('among equals the first by id, in whatever order they come', () => {
    const policies = ['b', 'c', 'a'].map((id) => aPolicy({ id, rules: [named(`of ${id}`)] }));
    expect(bind(policies).rule.name).toBe('of a');
    expect(bind(policies.toReversed()).rule.name).toBe('of a');
    expect(policies.map((policy) => policy.id)).toEqual(['b', 'c', 'a']);
  });
});

describe('where nothing matches', () => {
  test.each([
    { why: 'there is no policy', policies: [] },
    { why: 'no rule matches', policies: [aPolicy({ rules: [named('a', 'no')] })] },
    { why: 'no policy is meant', policies: [aPolicy({ when: 'no' })] },
  ])('the fallback asks somebody: $why', ({ policies }) => {
    const bound = bind(policies);
    expect(bound).toMatchObject({ policy: fallback, ruleIndex: 0, heldBy: [], tier: 'medium' });
    expect(bound.rule.stages[0]?.groups[0]?.role).toBe('compliance');
  });

  test('a fallback without a rule is a bug', () => {
    const asked = { tier: 'low', evaluate, moment, exceptions: [] } as const;
    expect(() => bindPolicy([], aPolicy({ rules: [] }), asked)).toThrow(TypeError);
  });
});

describe('what cannot be evaluated holds', () => {
  test('a rule: under this rule, not under the next one that would match', () => {
    const bound = bind([aPolicy({ rules: [named('a', 'broken'), named('b', 'yes')] })]);
    expect(bound).toMatchObject({ rule: { name: 'a' }, ruleIndex: 0 });
    expect(bound.heldBy.map((held) => held.fact)).toEqual(['credit-decisions#0']);
    expect(bound.heldBy[0]?.reason).toContain('no such key');
  });

  test('the scope of a policy: even where another policy says clearly no', () => {
    const bound = bind([
      aPolicy({ id: 'a', rules: [rejects] }),
      aPolicy({ id: 'b', when: 'broken', rules: [approves] }),
    ]);
    expect(bound.policy.id).toBe('b');
    expect(bound.heldBy.map((held) => held.fact)).toEqual(['b#0']);
  });

  test('a row of a tier: an unknown tier never counts as a low one', () => {
    const tier = [{ when: 'broken', atLeast: 'high' }] as const;
    const bound = bind([aPolicy({ tier, rules: [approves] })], 'low');
    expect(bound).toMatchObject({ tier: 'low', rule: { name: 'approves' } });
    expect(bound.heldBy.map((held) => held.fact)).toEqual(['credit-decisions#tier/0']);
  });

  test('every error is named, of tiers and rules alike', () => {
    const tier = [{ when: 'broken', atLeast: 'high' }] as const;
    const bound = bind([
      aPolicy({ id: 'a', tier, rules: [named('x', 'broken')] }),
      aPolicy({ id: 'b', rules: [named('y', 'no'), named('z', 'broken')] }),
    ]);
    expect(bound.heldBy.map((held) => held.fact)).toEqual(['a#tier/0', 'a#0', 'b#1']);
  });
});

describe('the tier only rises', () => {
  const TIERS = ['low', 'medium', 'high'] as const;
  const pairs = TIERS.flatMap((asked) => TIERS.map((atLeast) => ({ asked, atLeast })));

  test.each(pairs)('asked $asked, at least $atLeast', ({ asked, atLeast }) => {
    const { tier } = bind([aPolicy({ tier: [{ when: 'yes', atLeast }] })], asked);
    expect(TIERS.indexOf(tier)).toBe(Math.max(TIERS.indexOf(asked), TIERS.indexOf(atLeast)));
  });

  test('a row that does not apply raises nothing', () => {
    expect(bind([aPolicy({ tier: [{ when: 'no', atLeast: 'high' }] })], 'low').tier).toBe('low');
  });

  test.each([
    { why: 'of a policy that is not meant raise nothing', when: 'no', tier: 'low', held: [] },
    { why: 'of a policy that is meant do', when: 'yes', tier: 'high', held: [] },
    {
      why: 'of a policy whose scope is unknown do, and it holds',
      when: 'broken',
      tier: 'high',
      held: ['b#0'],
    },
  ])('rows $why', ({ when, tier, held }) => {
    const rows = [{ when: 'yes', atLeast: 'high' }] as const;
    const bound = bind([aPolicy({ id: 'a' }), aPolicy({ id: 'b', when, tier: rows })], 'low');
    expect(bound.tier).toBe(tier);
    expect(bound.heldBy.map((one) => one.fact)).toEqual(held);
  });

  test('rows of a policy that is not meant are not even asked: an error there holds nothing', () => {
    const rows = [{ when: 'broken', atLeast: 'high' }] as const;
    const bound = bind([aPolicy({ id: 'a' }), aPolicy({ id: 'b', when: 'no', tier: rows })], 'low');
    expect(bound).toMatchObject({ tier: 'low', heldBy: [], policy: { id: 'a' } });
  });

  test('several rows: the highest, whatever their order', () => {
    const rows = [
      { when: 'yes', atLeast: 'high' },
      { when: 'yes', atLeast: 'medium' },
    ] as const;
    expect(bind([aPolicy({ tier: rows })], 'low').tier).toBe('high');
    expect(bind([aPolicy({ tier: rows.toReversed() })], 'low').tier).toBe('high');
  });

  test('rows see the tier that was asked for, rules the raised one', () => {
    const tier = [
      { when: 'low', atLeast: 'medium' },
      { when: 'medium', atLeast: 'high' },
    ] as const;
    const bound = bind(
      [aPolicy({ tier, rules: [named('low', 'low'), named('medium', 'medium')] })],
      'low',
    );
    expect(bound).toMatchObject({ tier: 'medium', rule: { name: 'medium' } });
  });
});

describe('what an amended content is bound under again', () => {
  test('every enforced version that was asked, whether it spoke or not, in order of id', () => {
    const policies = [
      aPolicy({ id: 'b', version: 3, when: 'no' }),
      aPolicy({ id: 'a', version: 7 }),
      aPolicy({ id: 'c', mode: 'shadow' }),
    ];
    expect(bind(policies).boundUnder).toEqual([
      { id: 'a', version: 7 },
      { id: 'b', version: 3 },
    ]);
    expect(bind([]).boundUnder).toEqual([]);
  });
});

describe('deadlines that the request itself gives', () => {
  const stages = [
    aStage({ name: 'a', deadlineAt: '2027-01-31T00:00:00.000Z' }),
    aStage({ name: 'b' }),
    aStage({ name: 'c', deadlineAt: '2027-02-28T00:00:00.000Z' }),
  ];

  test('are known per stage when it is bound', () => {
    const bound = bind([aPolicy({ rules: [aRule({ stages })] })]);
    expect(bound.heldBy).toEqual([]);
    expect(bound.deadlines).toEqual(['2027-01-31T00:00:00.000Z', null, '2027-02-28T00:00:00.000Z']);
  });

  test('hold it, with the stage in words, where they cannot be evaluated', () => {
    const broken = stages.map((stage) =>
      stage.name === 'c' ? { ...stage, deadlineAt: 'broken' } : stage,
    );
    const bound = bind([aPolicy({ rules: [named('x', 'no'), aRule({ stages: broken })] })]);
    expect(bound.heldBy).toEqual([
      {
        fact: 'credit-decisions#1/stages/2',
        reason: 'the deadline of stage "c" could not be evaluated: no such key',
      },
    ]);
    expect(bound.deadlines).toEqual(['2027-01-31T00:00:00.000Z', null, null]);
  });

  test('of rules that do not govern are not even asked', () => {
    const broken = aRule({ name: 'x', when: 'no', stages: [aStage({ deadlineAt: 'broken' })] });
    expect(bind([aPolicy({ rules: [broken, reviews] })]).heldBy).toEqual([]);
  });
});

describe('controls', () => {
  test('decisions inherit those of the policy, then those of the rule, each once', () => {
    const policy = aPolicy({ controls: ['A', 'B'], rules: [aRule({ controls: ['C', 'A'] })] });
    expect(bind([policy]).controls).toEqual(['A', 'B', 'C']);
    expect(controlsOf({ controls: [] }, { controls: [] })).toEqual([]);
  });
});

describe('shadow mode', () => {
  const shadow = (differs: Partial<Policy>): Policy =>
    aPolicy({ id: 's', mode: 'shadow', ...differs });

  test.each([
    { why: 'never governs, however strict', rules: [rejects], effect: 'reject', differs: true },
    { why: 'agrees', rules: [reviews], effect: 'review', differs: false },
    { why: 'is milder than what governs', rules: [approves], effect: 'approve', differs: false },
    { why: 'has nothing to say', rules: [named('x', 'no')], effect: 'none', differs: false },
    { why: 'cannot be evaluated', rules: [named('x', 'broken')], effect: 'error', differs: true },
  ])('$why', ({ rules, effect, differs }) => {
    const enforced = aPolicy({ id: 'e', rules: [reviews] });
    const bound = bind([shadow({ rules }), enforced]);
    expect(bound).toMatchObject({ policy: { id: 'e' }, rule: { name: 'reviews' }, heldBy: [] });
    const said = effect === 'none' || effect === 'error' ? null : 0;
    expect(bound.shadow).toMatchObject([{ policy: 's', rule: said, effect, differs }]);
  });

  test('a newer version of the policy that governs is asked in its place', () => {
    const enforced = aPolicy({ id: 'p', version: 1, rules: [reviews] });
    const milder = shadow({ id: 'p', version: 2, rules: [approves] });
    const bound = bind([enforced, milder]);
    expect(bound.policy.version).toBe(1);
    expect(bound.shadow).toEqual([
      {
        ...{ policy: 'p', version: 2, rule: 0, effect: 'approve', stages: 0 },
        ...{ tier: 'medium', differs: true },
      },
    ]);
  });

  test('raises no tier, and says to what it would have raised it', () => {
    const tier = [{ when: 'yes', atLeast: 'high' }] as const;
    const bound = bind(
      [aPolicy({ id: 'e', rules: [reviews] }), shadow({ tier, rules: [reviews] })],
      'low',
    );
    expect(bound.tier).toBe('low');
    expect(bound.shadow).toMatchObject([{ tier: 'high', differs: false }]);
    const unknown = shadow({ tier: [{ when: 'broken', atLeast: 'high' }] });
    expect(bind([aPolicy({ id: 'e' }), unknown]).heldBy).toEqual([]);
    expect(bind([aPolicy({ id: 'e' }), unknown]).shadow).toMatchObject([
      { tier: null, effect: 'error' },
    ]);
  });

  test('other stages differ, the same ones under another name of the rule do not', () => {
    const enforced = aPolicy({ id: 'p', version: 1, rules: [reviews] });
    const renamed = shadow({ id: 'p', version: 2, rules: [{ ...reviews, name: 'other' }] });
    expect(bind([enforced, renamed]).shadow[0]?.differs).toBe(false);
    const more = { ...reviews, stages: [...reviews.stages, aStage({ name: 'one more' })] };
    const longer = shadow({ id: 'p', version: 2, rules: [more] });
    expect(bind([enforced, longer]).shadow[0]?.differs).toBe(true);
  });
});

describe('exceptions to rules', () => {
  const anException = (differs: Partial<RuleException> = {}): RuleException => ({
    id: 'x',
    policy: 'credit-decisions',
    rule: 'rejects',
    when: null,
    from: '2026-01-01T00:00:00.000Z',
    until: '2027-01-01T00:00:00.000Z',
    approver: 'rui',
    ...differs,
  });
  const policies = [aPolicy({ rules: [rejects, reviews] })];

  test('take out the rule, so that the next one counts, and say so', () => {
    const bound = bind(policies, 'medium', [anException()]);
    expect(bound).toMatchObject({ rule: { name: 'reviews' }, ruleIndex: 1 });
    expect(bound.exceptions).toEqual([{ ...anException(), ruleIndex: 0, uses: 0 }]);
  });

  test.each([
    { why: 'another policy', differs: { policy: 'other' } },
    { why: 'another rule', differs: { rule: 'reviews at night' } },
    { why: 'another scope', differs: { when: 'no' } },
    { why: 'a scope that cannot be evaluated', differs: { when: 'broken' } },
  ])('do not apply: $why', ({ differs }) => {
    const bound = bind(policies, 'medium', [anException(differs)]);
    expect(bound).toMatchObject({ rule: { name: 'rejects' }, exceptions: [], heldBy: [] });
  });

  test('are not used where the rule would not have matched', () => {
    const rules = [{ ...rejects, when: 'no' }, reviews];
    const bound = bind([aPolicy({ rules })], 'medium', [anException()]);
    expect(bound).toMatchObject({ rule: { name: 'reviews' }, exceptions: [] });
  });

  test('get nobody past a rule that cannot be evaluated', () => {
    const rules = [{ ...rejects, when: 'broken' }, approves];
    const bound = bind([aPolicy({ rules })], 'medium', [anException()]);
    expect(bound).toMatchObject({ rule: { name: 'rejects' }, exceptions: [] });
    expect(bound.heldBy).toHaveLength(1);
  });

  test('of the only rule leave the request to the built-in policy', () => {
    const bound = bind([aPolicy({ rules: [rejects] })], 'medium', [anException()]);
    expect(bound.policy).toBe(fallback);
    expect(bound.exceptions).toHaveLength(1);
  });

  test('are in force from their first millisecond to the last before their end', () => {
    const one = { from: '2026-01-01T00:00:00.000Z', until: '2026-01-02T00:00:00.000Z' };
    expect(
      [
        '2025-12-31T23:59:59.999Z',
        '2026-01-01T00:00:00.000Z',
        '2026-01-01T23:59:59.999Z',
        '2026-01-02T00:00:00.000Z',
      ].map((now) => isInForce(one, now)),
    ).toEqual([false, true, true, false]);
  });
});
