import type { Instant } from './instant.ts';
import {
  EFFECTS,
  RISK_TIERS,
  type Effect,
  type Policy,
  type RiskTier,
  type Rule,
} from './policy.ts';
import { isInScope, type RuleException, type UsedException } from './rule-exception.ts';

/** What a CEL condition gave. An error never counts as true or false: it holds the request. */
export type ConditionResult =
  | { readonly kind: 'value'; readonly value: boolean }
  | { readonly kind: 'error'; readonly message: string };

/** What a CEL expression gave that names an instant. */
export type MomentResult =
  | { readonly kind: 'value'; readonly value: Instant }
  | { readonly kind: 'error'; readonly message: string };

/**
 * Evaluates one condition for the request that is being bound.
 * @param expression CEL; @param tier what `request.riskTier` shall read.
 */
export type EvaluateCondition = (expression: string, tier: RiskTier) => ConditionResult;

/** The same for an expression that names an instant. */
export type EvaluateMoment = (expression: string, tier: RiskTier) => MomentResult;

/** Why a request is held: `fact` names the thing, `reason` says it in words without values. */
export interface HeldFact {
  readonly fact: string;
  readonly reason: string;
}

/** What a policy in shadow mode would have said of a request. */
export interface ShadowEvaluation {
  readonly policy: string;
  readonly version: number;
  /** Index of the rule; null where none matches or it cannot be evaluated. */
  readonly rule: number | null;
  readonly effect: Effect | 'none' | 'error';
  readonly stages: number;
  /** What it would have raised the tier to; null where that cannot be evaluated. */
  readonly tier: RiskTier | null;
  /** In its place among the others it would have given another effect, or other stages. */
  readonly differs: boolean;
}

/** The rule that a request is bound to for its whole life, or why it could not be found. */
export interface Binding {
  readonly policy: Policy;
  readonly rule: Rule;
  readonly ruleIndex: number;
  readonly tier: RiskTier;
  /** Not empty = the request starts `held`. */
  readonly heldBy: readonly HeldFact[];
  /** Every enforced version that was asked, in order of id: what an amended content is bound under. */
  readonly boundUnder: readonly { readonly id: string; readonly version: number }[];
  /** Deadlines that the request itself gives, per stage of the rule; null where it gives none. */
  readonly deadlines: readonly (Instant | null)[];
  /** What the policy and the rule support. */
  readonly controls: readonly string[];
  /** Rules that would have matched and were skipped. */
  readonly exceptions: readonly UsedException[];
  /** In order of id; nothing follows from them. */
  readonly shadow: readonly ShadowEvaluation[];
}

/** Everything about one request that its binding rests on. */
export interface BindingQuestion {
  /** What the requester gave; rules of a policy can only raise it. */
  readonly tier: RiskTier;
  readonly evaluate: EvaluateCondition;
  readonly moment: EvaluateMoment;
  /** Those in force at the instant of binding. */
  readonly exceptions: readonly RuleException[];
}

/**
 * Chooses the rule for a request: within a policy the first that matches and is not excepted, across
 * policies the strictest effect (reject > review > approve; among equals the first by policy id), none =
 * fallback. What cannot be evaluated holds the request under the rule that it belongs to.
 *
 * @param policies versions in force of each policy of the request's kind, enabled, and those in shadow
 *        mode, which are evaluated and not enforced.
 * @throws never.
 * @source product contract 5; docs/adr/0004-policies.md
 */
export function bindPolicy(
  policies: readonly Policy[],
  fallback: Policy,
  question: BindingQuestion,
): Binding {
  const ordered = [...policies].sort((a, b) => (a.id < b.id ? -1 : 1));
  const enforced = ordered.filter(({ mode }) => mode === 'enforced');
  const chosen = choose(enforced, fallback, question);
  return {
    ...chosen,
    boundUnder: enforced.map(({ id, version }) => ({ id, version })),
    controls: controlsOf(chosen.policy, chosen.rule),
    shadow: ordered
      .filter(({ mode }) => mode === 'shadow')
      .map((shadow) => shadowOf(shadow, { enforced, fallback, chosen }, question)),
  };
}

/** @returns the ids of controls that a decision under a rule inherits: the policy's, then the rule's own. */
export function controlsOf(
  policy: Pick<Policy, 'controls'>,
  rule: Pick<Rule, 'controls'>,
): readonly string[] {
  return [...new Set([...policy.controls, ...rule.controls])];
}

type Chosen = Omit<Binding, 'boundUnder' | 'controls' | 'shadow'>;
type Match = Pick<Chosen, 'policy' | 'rule' | 'ruleIndex' | 'heldBy'>;

function choose(ordered: readonly Policy[], fallback: Policy, question: BindingQuestion): Chosen {
  const { tier, heldBy } = raisedTier(ordered, question);
  const looked = ordered.map((policy) => firstMatch(policy, { ...question, tier }));
  const matches = looked.flatMap(({ match }) => (match === null ? [] : [match]));
  const strictest = matches.reduce<Match | null>(
    (best, match) => (best === null || strictness(match) > strictness(best) ? match : best),
    null,
  );
  const match = strictest ?? fallbackMatch(fallback);
  const times = deadlinesOf(match, { ...question, tier });
  return {
    ...match,
    tier,
    heldBy: [...heldBy, ...matches.flatMap((one) => one.heldBy), ...times.heldBy],
    deadlines: times.deadlines,
    exceptions: looked.flatMap(({ exceptions }) => exceptions),
  };
}

/** A held match outranks everything: what could not be judged must not pass by another policy. */
function strictness(match: Match): number {
  return (match.heldBy.length > 0 ? EFFECTS.length : 0) + EFFECTS.indexOf(match.rule.effect);
}

function raisedTier(
  policies: readonly Policy[],
  asked: Pick<BindingQuestion, 'tier' | 'evaluate'>,
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

/** The rule of one policy that counts, and the rules before it that an exception took out. */
interface Looked {
  readonly match: Match | null;
  readonly exceptions: readonly UsedException[];
}

function firstMatch(policy: Policy, question: BindingQuestion): Looked {
  const { evaluate, tier } = question;
  const exceptions: UsedException[] = [];
  const scope = policy.when === null ? ALWAYS : evaluate(policy.when, tier);
  if (scope.kind === 'value' && !scope.value) return { match: null, exceptions };
  for (const [ruleIndex, rule] of policy.rules.entries()) {
    const result = scope.kind === 'error' || rule.when === null ? scope : evaluate(rule.when, tier);
    if (result.kind === 'error') {
      const where = scope.kind === 'error' ? `policy ${policy.id}` : `rule "${rule.name}"`;
      const reason = `${where} could not be evaluated: ${result.message}`;
      const heldBy = [{ fact: `${policy.id}#${ruleIndex}`, reason }];
      return { match: { policy, rule, ruleIndex, heldBy }, exceptions };
    }
    if (!result.value) continue;
    const excepted = exceptionOf({ policy, rule }, question);
    if (excepted === null) return { match: { policy, rule, ruleIndex, heldBy: [] }, exceptions };
    exceptions.push({ ...excepted, ruleIndex, uses: 0 });
  }
  return { match: null, exceptions };
}

const ALWAYS: ConditionResult = { kind: 'value', value: true };

/** One whose scope cannot be evaluated does not apply: the rule stands. */
function exceptionOf(
  { policy, rule }: { readonly policy: Policy; readonly rule: Rule },
  { exceptions, evaluate, tier }: BindingQuestion,
): RuleException | null {
  const found = exceptions.find(
    (one) =>
      one.policy === policy.id &&
      one.rule === rule.name &&
      isInScope(one, (expression) => evaluate(expression, tier)),
  );
  return found ?? null;
}

function fallbackMatch(fallback: Policy): Match {
  const rule = fallback.rules[0];
  if (rule === undefined) throw new TypeError('a fallback policy has one rule');
  return { policy: fallback, rule, ruleIndex: 0, heldBy: [] };
}

function deadlinesOf(
  { policy, rule, ruleIndex }: Match,
  { moment, tier }: BindingQuestion,
): { deadlines: (Instant | null)[]; heldBy: HeldFact[] } {
  const heldBy: HeldFact[] = [];
  const deadlines = rule.stages.map(({ name, deadlineAt }, index) => {
    if (deadlineAt === null) return null;
    const result = moment(deadlineAt, tier);
    if (result.kind === 'value') return result.value;
    const reason = `the deadline of stage "${name}" could not be evaluated: ${result.message}`;
    heldBy.push({ fact: `${policy.id}#${ruleIndex}/stages/${index}`, reason });
    return null;
  });
  return { deadlines, heldBy };
}

/** What would have come about with the version in shadow mode in the place of its policy. */
function shadowOf(
  shadow: Policy,
  around: {
    readonly enforced: readonly Policy[];
    readonly fallback: Policy;
    readonly chosen: Chosen;
  },
  question: BindingQuestion,
): ShadowEvaluation {
  const others = around.enforced.filter(({ id }) => id !== shadow.id);
  const together = [...others, shadow].sort((a, b) => (a.id < b.id ? -1 : 1));
  const alternative = choose(together, around.fallback, question);
  return {
    ...saidBy(shadow, { ...question, tier: alternative.tier }, question),
    differs: outcomeOf(alternative) !== outcomeOf(around.chosen),
  };
}

/** @param asked the question with the tier that the rules see; @param question as it was asked first. */
function saidBy(
  shadow: Policy,
  asked: BindingQuestion,
  question: BindingQuestion,
): Omit<ShadowEvaluation, 'differs'> {
  const alone = raisedTier([shadow], question);
  const { match } = firstMatch(shadow, asked);
  const tier = alone.heldBy.length > 0 ? null : alone.tier;
  const said = { policy: shadow.id, version: shadow.version, tier };
  if (tier === null || (match !== null && match.heldBy.length > 0))
    return { ...said, rule: null, effect: 'error', stages: 0 };
  if (match === null) return { ...said, rule: null, effect: 'none', stages: 0 };
  const { rule, ruleIndex } = match;
  return { ...said, rule: ruleIndex, effect: rule.effect, stages: rule.stages.length };
}

/** What people would notice: held or not, the effect, who is asked and until when. */
function outcomeOf({ heldBy, rule, deadlines }: Chosen): string {
  const isHeld = heldBy.length > 0;
  return JSON.stringify([isHeld, rule.effect, isHeld ? null : rule.stages, deadlines]);
}
