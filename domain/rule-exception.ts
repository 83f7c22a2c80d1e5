import type { ConditionResult } from './binding.ts';
import type { Instant } from './instant.ts';

/** A rule does not count, for a time and a scope, because somebody asked for it and somebody else agreed. */
export interface RuleException {
  readonly id: string;
  readonly policy: string;
  /** The rule by its name: its place may change from version to version. */
  readonly rule: string;
  /** CEL over the request; null = every request that the rule matches. */
  readonly when: string | null;
  /** Included. */
  readonly from: Instant;
  /** Not included. */
  readonly until: Instant;
  /** Who agreed. */
  readonly approver: string;
}

/** An exception that took a rule out which would have matched. */
export interface UsedException extends RuleException {
  readonly ruleIndex: number;
  /** How often it has been used, this time included; 0 until it is counted. */
  readonly uses: number;
}

/** @returns whether it is in force: from its first millisecond to the last before its end. */
export function isInForce(
  { from, until }: Pick<RuleException, 'from' | 'until'>,
  now: Instant,
): boolean {
  return from <= now && now < until;
}

/** @returns false also where the scope cannot be evaluated: then the rule stands. */
export function isInScope(
  { when }: Pick<RuleException, 'when'>,
  evaluate: (expression: string) => ConditionResult,
): boolean {
  if (when === null) return true;
  const result = evaluate(when);
  return result.kind === 'value' && result.value;
}
