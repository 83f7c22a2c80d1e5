import { EFFECTS, RISK_TIERS, type Policy, type RiskTier, type Rule } from './policy.ts';

/** What a CEL condition gave. An error never counts as true or false: it holds the request. */
export type ConditionResult =
  | { readonly kind: 'value'; readonly value: boolean }
  | { readonly kind: 'error'; readonly message: string };

/**
 * Evaluates one condition for the request that is being bound.
 * @param expression CEL; @param tier what `request.riskTier` shall read.
 */
export type EvaluateCondition = (expression: string, tier: RiskTier) => ConditionResult;

/** Why a request is held: `fact` names the thing, `reason` says it in words without values. */
export interface HeldFact {
  readonly fact: string;
  readonly reason: string;
}

/** The rule that a request is bound to for its whole life, or why it could not be found. */
export interface Binding {
  readonly policy: Policy;
  readonly rule: Rule;
  readonly ruleIndex: number;
  readonly tier: RiskTier;
  /** Not empty = the request starts `held`. */
  readonly heldBy: readonly HeldFact[];
}

/**
 * Chooses the rule for a request: within a policy the first that matches, across policies the
 * strictest effect (reject > review > approve; among equals the first by policy id), none = fallback.
 * A condition that cannot be evaluated holds the request under the rule that it belongs to.
 *
 * @param policies newest enabled version of each policy of the request's kind.
 * @param asked tier the requester gave; rules of a policy can only raise it.
 * @throws never.
 * @source product contract 5; docs/adr/0004-policies.md
 */
export function bindPolicy(
  policies: readonly Policy[],
  fallback: Policy,
  asked: { readonly tier: RiskTier; readonly evaluate: EvaluateCondition },
): Binding {
  const ordered = [...policies].sort((a, b) => (a.id < b.id ? -1 : 1));
  const { tier, heldBy } = raisedTier(ordered, asked);
  const evaluate = (expression: string): ConditionResult => asked.evaluate(expression, tier);
  const matches = ordered.flatMap((policy) => firstMatch(policy, evaluate));
  const strictest = matches.reduce<Match | null>(
    (best, match) => (best === null || strictness(match) > strictness(best) ? match : best),
    null,
  );
  const chosen = strictest ?? fallbackMatch(fallback);
  const errors = [...heldBy, ...matches.flatMap((match) => match.heldBy)];
  return { ...chosen, tier, heldBy: errors };
}

type Match = Omit<Binding, 'tier'>;

/** A held match outranks everything: what could not be judged must not pass by another policy. */
function strictness(match: Match): number {
  return (match.heldBy.length > 0 ? EFFECTS.length : 0) + EFFECTS.indexOf(match.rule.effect);
}

function raisedTier(
  policies: readonly Policy[],
  asked: { readonly tier: RiskTier; readonly evaluate: EvaluateCondition },
): { tier: RiskTier; heldBy: HeldFact[] } {
  let tier = asked.tier;
  const heldBy: HeldFact[] = [];
  const concerned = policies.filter(({ when }) => {
    if (when === null) return true;
    const scope = asked.evaluate(when, asked.tier);
    return scope.kind === 'error' || scope.value;
  });
  for (const policy of concerned) {
    for (const [index, row] of policy.tier.entries()) {
      const result = asked.evaluate(row.when, asked.tier);
      if (result.kind === 'error')
        heldBy.push({ fact: `${policy.id}#tier/${index}`, reason: result.message });
      else if (result.value && rank(row.atLeast) > rank(tier)) tier = row.atLeast;
    }
  }
  return { tier, heldBy };
}

function rank(tier: RiskTier): number {
  return RISK_TIERS.indexOf(tier);
}

function firstMatch(policy: Policy, evaluate: (expression: string) => ConditionResult): Match[] {
  const scope = policy.when === null ? ALWAYS : evaluate(policy.when);
  if (scope.kind === 'value' && !scope.value) return [];
  for (const [ruleIndex, rule] of policy.rules.entries()) {
    const result = scope.kind === 'error' || rule.when === null ? scope : evaluate(rule.when);
    if (result.kind === 'error') {
      const where = scope.kind === 'error' ? `policy ${policy.id}` : `rule "${rule.name}"`;
      const reason = `${where} could not be evaluated: ${result.message}`;
      return [{ policy, rule, ruleIndex, heldBy: [{ fact: `${policy.id}#${ruleIndex}`, reason }] }];
    }
    if (result.value) return [{ policy, rule, ruleIndex, heldBy: [] }];
  }
  return [];
}

const ALWAYS: ConditionResult = { kind: 'value', value: true };

function fallbackMatch(fallback: Policy): Match {
  const rule = fallback.rules[0];
  if (rule === undefined) throw new TypeError('a fallback policy has one rule');
  return { policy: fallback, rule, ruleIndex: 0, heldBy: [] };
}
