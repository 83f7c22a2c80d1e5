import { isCelError, plan, type CelInput } from '@bufbuild/cel';
import type {
  ConditionResult,
  EvaluateCondition,
  EvaluateMoment,
  MomentResult,
} from '../domain/binding.ts';
import type { Instant } from '../domain/instant.ts';
import type { RiskTier } from '../domain/policy.ts';
import { TOO_EXPENSIVE, withBudget } from './condition-budget.ts';
import { checkExpression, MOMENT, TRUTH, type Wanted } from './condition-check.ts';
import { conditionEnv, timestampOf } from './condition-language.ts';
import { NOT_JSON, safeMessage, TOO_DEEP } from './condition-messages.ts';
import { meterLoops } from './condition-meter.ts';
import { momentOf } from './condition-moment.ts';
import { childrenOf, parseCel, placeOf, type Expr, type Parsed } from './condition-syntax.ts';
import { literalText } from './condition-types.ts';

/** Longest condition, in characters. */
export const LONGEST_CONDITION = 4_000;

const LONGEST_MESSAGE = 200;
const MOST_CACHED = 500;
const DEEPEST_REQUEST = 100;

type Failure = Extract<ConditionResult, { readonly kind: 'error' }>;
type Result<T> = { readonly kind: 'value'; readonly value: T } | Failure;

/** An expression that was checked and can be run any number of times. */
interface Expression<T> {
  readonly expression: string;
  /** @throws never; an error is a result. */
  readonly run: (input: CelVariables) => Result<T>;
}

type Compiled<T> =
  | { readonly ok: true; readonly condition: Expression<T> }
  /** `column` counts from 1 within the expression's own line; absent where no place can be named. */
  | { readonly ok: false; readonly message: string; readonly column?: number };

export type CompiledCondition = Compiled<boolean>;

/** What an expression is for: the types that it may give, and how its result is read. */
interface Purpose<T> {
  readonly wanted: Wanted;
  readonly read: (result: unknown) => Result<T>;
  readonly cache: Map<string, Compiled<T>>;
}

const CONDITION: Purpose<boolean> = {
  wanted: TRUTH,
  read: (result) =>
    typeof result === 'boolean'
      ? { kind: 'value', value: result }
      : failure('it gives neither true nor false'),
  cache: new Map(),
};

const DEADLINE: Purpose<Instant> = {
  wanted: MOMENT,
  read: (result) => {
    const moment = momentOf(result);
    return moment === null
      ? failure('it gives no instant: neither a timestamp nor a text such as 2027-01-31')
      : { kind: 'value', value: moment };
  },
  cache: new Map(),
};

/** What a condition sees. `request` and `facts` are JSON. */
export interface ConditionInput {
  readonly request: unknown;
  readonly now: Instant;
  readonly facts: unknown;
}

type CelVariables = Readonly<Record<'request' | 'now' | 'facts', CelInput>>;

/**
 * Checks a CEL condition and makes it ready to run: syntax, names, functions, types as far as they are
 * known, size. The newest few hundred are kept.
 *
 * @returns the condition, or the first thing that is wrong with it. @throws never.
 * @source https://github.com/google/cel-spec; docs/adr/0004-policies.md
 */
export function compileCondition(expression: string): CompiledCondition {
  return compiledFor(CONDITION, expression);
}

/**
 * The same for an expression that gives an instant: a timestamp, or a text in RFC 3339 or of a day, which
 * then means its first millisecond in UTC.
 */
export function compileMoment(expression: string): Compiled<Instant> {
  return compiledFor(DEADLINE, expression);
}

function compiledFor<T>(purpose: Purpose<T>, expression: string): Compiled<T> {
  const { cache } = purpose;
  const known = cache.get(expression);
  if (known !== undefined) return known;
  const compiled = compile(purpose, expression);
  const oldest = cache.size >= MOST_CACHED ? cache.keys().next().value : undefined;
  if (oldest !== undefined) cache.delete(oldest);
  if (expression.length <= LONGEST_CONDITION) cache.set(expression, compiled);
  return compiled;
}

/**
 * Evaluates one condition for one request.
 *
 * @returns true, false, or an error whose message names fields, functions and kinds of values, never a
 *          value of the request (it is sealed). Anything but a boolean is an error. @throws never.
 */
export function evaluateCondition(expression: string, input: ConditionInput): ConditionResult {
  const compiled = compileCondition(expression);
  if (!compiled.ok) return failure(compiled.message);
  const variables = variablesOf(input);
  return variables.ok ? compiled.condition.run(variables.variables) : failure(variables.message);
}

/**
 * Reads a request once, for all the conditions that are to be evaluated for it.
 *
 * @param request JSON as submitted. @param facts JSON object, empty when there are none.
 * @returns what `bindPolicy` asks; `request.riskTier` reads the tier it is asked with.
 */
export function conditionsFor(
  request: unknown,
  now: Instant,
  facts: unknown = {},
): EvaluateCondition {
  return expressionsFor(request, now, facts).evaluate;
}

/** The same with what gives deadlines. */
export function expressionsFor(
  request: unknown,
  now: Instant,
  facts: unknown = {},
): { readonly evaluate: EvaluateCondition; readonly moment: EvaluateMoment } {
  const read = variablesOf({ request, now, facts });
  const byTier = new Map<RiskTier, CelVariables>();
  const evaluated = <T>(compiled: Compiled<T>, tier: RiskTier): Result<T> => {
    if (!compiled.ok) return failure(compiled.message);
    if (!read.ok) return failure(read.message);
    const variables = byTier.get(tier) ?? withTier(read.variables, tier);
    byTier.set(tier, variables);
    return compiled.condition.run(variables);
  };
  return {
    evaluate: (expression, tier): ConditionResult => evaluated(compileCondition(expression), tier),
    moment: (expression, tier): MomentResult => evaluated(compileMoment(expression), tier),
  };
}

function compile<T>(purpose: Purpose<T>, expression: string): Compiled<T> {
  if (expression.length > LONGEST_CONDITION)
    return { ok: false, message: `the condition has more than ${LONGEST_CONDITION} characters` };
  const result = parseCel(expression);
  if (!result.ok) return refused(expression, result.problem);
  const { parsed } = result;
  const problem = checkExpression(parsed.expr, purpose.wanted);
  if (problem !== null) {
    const offset = parsed.sourceInfo?.positions[String(problem.id)] ?? null;
    return refused(expression, { message: problem.message, offset });
  }
  return { ok: true, condition: expressionOf(purpose, expression, parsed) };
}

function refused(
  expression: string,
  at: { message: string; offset: number | null },
): Extract<Compiled<never>, { readonly ok: false }> {
  if (at.offset === null) return { ok: false, message: bounded(at.message) };
  const { column, words } = placeOf(expression, at.offset);
  return { ok: false, message: bounded(at.message, words), column };
}

function expressionOf<T>(purpose: Purpose<T>, expression: string, parsed: Parsed): Expression<T> {
  const names = namesIn(parsed.expr);
  meterLoops(parsed.expr);
  const run = plan(conditionEnv, parsed.expr);
  const explain = (message: string, id: bigint | undefined): Failure => {
    const offset = parsed.sourceInfo?.positions[String(id)];
    const place = offset === undefined ? undefined : placeOf(expression, offset).words;
    return failure(safeMessage(message, names), place);
  };
  return {
    expression,
    run: (variables) => {
      const { result, overdrawn } = withBudget(() => run(variables));
      if (overdrawn) return failure(TOO_EXPENSIVE);
      if (isCelError(result)) return explain(result.message, result.exprId);
      return purpose.read(result);
    },
  };
}

/** Every name and text of the condition itself: what a message may repeat. */
function namesIn(expr: Expr): Set<string> {
  const names = new Set<string>();
  const collect = (one: Expr): void => {
    if (one.exprKind.case === 'selectExpr') names.add(one.exprKind.value.field);
    const text = literalText(one);
    if (text !== null) names.add(text);
    for (const child of childrenOf(one)) collect(child);
  };
  collect(expr);
  return names;
}

function failure(message: string, place?: string): Failure {
  return { kind: 'error', message: bounded(message, place) };
}

function bounded(message: string, place?: string): string {
  const text = place === undefined ? message : `${message} (${place})`;
  return text.length > LONGEST_MESSAGE ? `${text.slice(0, LONGEST_MESSAGE - 1)}…` : text;
}

type Read =
  | { readonly ok: true; readonly variables: CelVariables }
  | { readonly ok: false; readonly message: string };

function variablesOf({ request, now, facts }: ConditionInput): Read {
  try {
    const variables = {
      request: toCelInput(request, DEEPEST_REQUEST),
      facts: toCelInput(facts, DEEPEST_REQUEST),
      now: timestampOf(now) as CelInput,
    };
    return { ok: true, variables: Object.assign(Object.create(null) as object, variables) };
  } catch (error) {
    return {
      ok: false,
      message: safeMessage(error instanceof Error ? error.message : '', new Set()),
    };
  }
}

/**
 * JSON as CEL sees it. Every number is a double, whole or not: the kind of a value must not depend on
 * its size. Objects become Maps, because the library takes a plain object with a `$typeName` for a
 * protobuf message and trips over one with a `constructor`.
 */
function toCelInput(value: unknown, depth: number): CelInput {
  if (depth === 0) throw new Error(TOO_DEEP);
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (Array.isArray(value)) return value.map((item) => toCelInput(item, depth - 1));
  if (typeof value !== 'object') throw new Error(NOT_JSON);
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return new Map(entries.map(([key, inner]) => [key, toCelInput(inner, depth - 1)] as const));
}

function withTier(variables: CelVariables, tier: RiskTier): CelVariables {
  const { request } = variables;
  const tiered = request instanceof Map ? new Map([...request, ['riskTier', tier]]) : request;
  return Object.assign(Object.create(null) as object, variables, { request: tiered as CelInput });
}
