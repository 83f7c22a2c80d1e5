import { isCelList, isCelMap, type CelList, type CelMap } from '@bufbuild/cel';

/**
 * Work that one evaluation may do. One unit is one step of a loop, one element that is read or 64
 * characters; the whole budget is spent within a third of a second (docs/adr/0004-policies.md).
 */
const BUDGET = 250_000;

export const TOO_EXPENSIVE = 'too much work for one condition';

// Evaluation is synchronous and never nested, so one counter serves the process.
let left = 0;

/** Runs `work` with a full budget. @returns its result, and whether the budget was overdrawn. */
export function withBudget<T>(work: () => T): { readonly result: T; readonly overdrawn: boolean } {
  left = BUDGET;
  const result = work();
  return { result, overdrawn: left < 0 };
}

/** @throws Error once the budget of this evaluation is overdrawn, and again at every later charge. */
export function charge(units: number): void {
  left -= units;
  if (left < 0) throw new Error(TOO_EXPENSIVE);
}

/** What reading `value` once costs, without what is inside of it. */
export function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length >> 6;
  if (value instanceof Uint8Array) return value.length >> 6;
  return isComposite(value) ? value.size : 0;
}

/** What comparing two values costs: lists and maps are compared to the bottom. */
export function comparisonCost(a: unknown, b: unknown): number {
  if (isComposite(a) && isComposite(b)) return Math.min(deepSize(a), deepSize(b));
  return Math.min(sizeOf(a), sizeOf(b));
}

function isComposite(value: unknown): value is CelList | CelMap {
  return isCelList(value) || isCelMap(value);
}

function deepSize(value: unknown): number {
  if (!isComposite(value)) return 1 + sizeOf(value);
  let total = 1;
  for (const inner of value.values()) {
    total += deepSize(inner);
    if (total > left) return total; // too much already; the exact figure does not matter
  }
  return total;
}
