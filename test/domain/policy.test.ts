import { describe, expect, test } from 'vitest';
import { policyProblems } from '../../domain/policy-problems.ts';
import { EFFECTS, fallbackPolicy, policyVersionName, RISK_TIERS } from '../../domain/policy.ts';
import { aPerson } from '../support/builders.ts';

describe('where no policy matches', () => {
  const fallback = fallbackPolicy('compliance', 'ai-decision');

  test('one person of the fallback role is asked, for a day, and silence approves nothing', () => {
    const [rule] = fallback.rules;
    expect(rule).toMatchObject({ when: null, effect: 'review' });
    expect(rule?.stages).toMatchObject([
      { groups: [{ role: 'compliance', quorum: 1 }], deadline: 'P1D', onTimeout: 'expire' },
    ]);
  });

  test('the fallback is itself a policy that could be published', () => {
    expect(
      policyProblems(fallback, { people: [aPerson('cora'), aPerson('olga')], reachable: 1 }),
    ).toEqual([]);
  });
});

test('a version is named by policy and number', () => {
  expect(policyVersionName({ id: 'credit-decisions', version: 4 })).toBe('credit-decisions@4');
});

test('the strictest effect and the highest tier come last', () => {
  expect(EFFECTS).toEqual(['approve', 'review', 'reject']);
  expect(RISK_TIERS).toEqual(['low', 'medium', 'high']);
});
