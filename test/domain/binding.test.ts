import { describe, expect, test } from 'vitest';
import { bindPolicy, type Binding, type EvaluateCondition } from '../../domain/binding.ts';
import { fallbackPolicy, type Policy, type RiskTier } from '../../domain/policy.ts';
import { aPolicy, aRule } from '../support/builders.ts';

/** Conditions of these tests are `yes`, `no`, `broken` and the name of a tier. */
const evaluate: EvaluateCondition = (expression, tier) =>
  expression === 'broken'
    ? { kind: 'error', message: 'no such key' }
    : { kind: 'value', value: expression === 'yes' || expression === tier };

const fallback = fallbackPolicy('compliance', 'ai-decision');

function bind(policies: readonly Policy[], tier: RiskTier = 'medium'): Binding {
  return bindPolicy(policies, fallback, { tier, evaluate });
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
    const asked = { tier: 'low', evaluate } as const;
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
