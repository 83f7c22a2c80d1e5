import {
  celEnv,
  celFunc,
  celMethod,
  CelScalar,
  celType,
  isCelError,
  listType,
  parse,
  plan,
  type CelFunc,
  type CelValue,
} from '@bufbuild/cel';
import { charge, comparisonCost, sizeOf } from './condition-budget.ts';
import { assertTimestamp, BAD_TIMESTAMP, calendarMethods } from './condition-time.ts';

export const NOT_A_NUMBER = 'text is not a number';
export const BAD_PATTERN = 'not a regular expression (RE2 syntax)';
export const TEXT_TOO_LONG = 'text is too long for matches()';

/** `matches` reads at most this much text. */
const MOST_MATCHED_TEXT = 16_384;

/** Inserted by us into every loop; no condition can write these names. */
export const RANGE = '@range';
export const TICK = '@tick';

const { BOOL, BYTES, DOUBLE, DYN, INT, STRING, UINT } = CelScalar;
const LIST = listType(DYN);
const INTEGER = /^[+-]?\d{1,19}$/;
const DECIMAL = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?$/;

const standard = celEnv({});
const readTimestamp = plan(standard, parse('timestamp(text)'));

/** @returns the CEL timestamp of an RFC 3339 text. @throws Error with a message of our own. */
export function timestampOf(text: string): CelValue {
  assertTimestamp(text);
  const value = readTimestamp({ text });
  if (isCelError(value)) throw new Error(BAD_TIMESTAMP);
  return value;
}

export const TIMESTAMP = celType(timestampOf('1970-01-01T00:00:00Z'));

/**
 * The library turns "" into 0, " 5 " into 5, "0x10" into 16 and "abc" into NaN: an amount that is no
 * number would pass a limit. It also reads `timestamp(int)` as milliseconds. Here CEL's own rules hold.
 */
const STRICT: CelFunc[] = [
  celFunc('double', [STRING], DOUBLE, (text) => {
    const value = DECIMAL.test(text) ? Number(text) : Number.NaN;
    if (!Number.isFinite(value)) throw new Error(NOT_A_NUMBER);
    return value;
  }),
  celFunc('int', [STRING], INT, (text) =>
    BigInt.asIntN(64, integer(text, [-(2n ** 63n), 2n ** 63n])),
  ),
  celFunc('uint', [STRING], UINT, (text) => {
    const value = standard.funcs.find('uint')?.call(0, undefined, [integer(text, [0n, 2n ** 63n])]);
    if (value === undefined || isCelError(value)) throw new Error(NOT_A_NUMBER);
    return value as never;
  }),
  celFunc('timestamp', [STRING], TIMESTAMP, (text) => timestampOf(text) as never),
  celFunc('timestamp', [INT], TIMESTAMP, (seconds) => timestampOfSeconds(seconds) as never),
];

function integer(text: string, [from, until]: readonly [bigint, bigint]): bigint {
  const value = INTEGER.test(text) ? BigInt(text.replace('+', '')) : null;
  if (value === null || value < from || value >= until) throw new Error(NOT_A_NUMBER);
  return value;
}

function timestampOfSeconds(seconds: bigint): CelValue {
  const date = new Date(Number(seconds) * 1_000);
  const year = date.getUTCFullYear(); // NaN when out of range: no comparison holds
  if (!(year >= 1 && year <= 9_999)) throw new Error(BAD_TIMESTAMP);
  return timestampOf(date.toISOString());
}

/** Loops and what grows with the data, paid for before it is done. */
const METERED: CelFunc[] = [
  celFunc(RANGE, [DYN], DYN, (range) => {
    charge(sizeOf(range));
    return range as never;
  }),
  celFunc(TICK, [DYN, INT], DYN, (goOn, steps) => {
    charge(Number(steps));
    return goOn as never;
  }),
  // The library chains lists; reading a chain of n costs n², so one flat copy is made and paid for.
  celFunc('_+_', [LIST, LIST], LIST, (left, right) => {
    charge((left.size + right.size) >> 2);
    return [...left, ...right] as never;
  }),
  celMethod('matches', STRING, [STRING], BOOL, function (pattern) {
    charge(10 * patternWeight(pattern) + (Math.min(this.length, MOST_MATCHED_TEXT) >> 4));
    if (this.length > MOST_MATCHED_TEXT) throw new Error(TEXT_TOO_LONG);
    const matched = standard.funcs.find('matches')?.call(0, this, [pattern]);
    if (typeof matched !== 'boolean') throw new Error(BAD_PATTERN);
    return matched;
  }),
];

/** RE2 needs no more than linear time, but each evaluation compiles the pattern: `{n}` makes it n times longer. */
function patternWeight(pattern: string): number {
  const counts = [...pattern.matchAll(/(\d+)\}/g)].map((match) => Number(match[1]));
  const product = counts.reduce((all, count) => all * Math.max(1, count), 1);
  return pattern.length + Math.min(1_000, product);
}

const COMPARISONS: readonly string[] = ['_==_', '_!=_'];

/** Same overload, paid by the size of what it reads. Numbers and booleans need no meter. */
function metered(func: CelFunc): CelFunc {
  const run = (target: CelValue | undefined, args: CelValue[]): never => {
    charge(COMPARISONS.includes(func.name) ? comparisonCost(args[0], args[1]) : cost(target, args));
    const result = func.call(0, target, args);
    if (result === undefined) throw new TypeError('overload was chosen for other types');
    if (isCelError(result)) throw new Error(result.message);
    return result as never;
  };
  return func.target === undefined
    ? celFunc(func.name, func.arguments, func.result, (...args) =>
        run(undefined, args as CelValue[]),
      )
    : celMethod(func.name, func.target, func.arguments, func.result, function (...args) {
        return run(this, args as CelValue[]);
      });
}

function cost(target: CelValue | undefined, args: readonly CelValue[]): number {
  return args.reduce<number>((sum, arg) => sum + sizeOf(arg), sizeOf(target));
}

function readsData(func: CelFunc): boolean {
  const sized: readonly string[] = [DYN.name, STRING.name, BYTES.name, LIST.name, 'map'];
  return [func.target, ...func.arguments].some(
    (type) => type !== undefined && sized.includes(type.name),
  );
}

/** CEL as conditions speak it: the standard functions, made strict and paid for. */
export const conditionEnv = celEnv({
  funcs: [
    ...[...standard.funcs].filter(readsData).map(metered),
    ...STRICT,
    ...METERED,
    ...calendarMethods(TIMESTAMP),
  ],
});

/** @returns null when the pattern is a regular expression RE2 takes. */
export function patternProblem(pattern: string): string | null {
  if (pattern.length > 200) return 'the pattern of matches() has more than 200 characters';
  const tried = standard.funcs.find('matches')?.call(0, '', [pattern]);
  return typeof tried === 'boolean' ? null : BAD_PATTERN;
}
