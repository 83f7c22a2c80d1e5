import type { Instant } from '../domain/instant.ts';
import { jcs } from '../ledger/jcs.ts';

/** What was asked for and agreed to: its digest stands in the records, so that no row can say otherwise. */
export function exceptionText(exception: {
  readonly policyId: string;
  readonly rule: string;
  readonly scope: string | null;
  readonly from: Instant;
  readonly until: Instant;
}): string {
  const { policyId: policy, rule, scope: when, from, until } = exception;
  return jcs({ policy, rule, when, from, until });
}
