import { engine, personRef, policy, type EventOf, type Telling, type Unkeyed } from './telling.ts';

// What policies said of a request beside the rule that governs it.
// @source docs/record-format.md, sections 6.1 and 6.3

/** Nothing follows from it. */
export function shadowEvaluated(
  { shadow }: EventOf<'shadow_evaluated'>,
  telling: Telling,
): Unkeyed {
  const { policy: policyId, version, rule, effect, stages, tier, differs } = shadow;
  return {
    ...policy(telling),
    kind: 'shadow_evaluated',
    body: { policy_id: policyId, version, rule, effect, stages, tier, differs },
  };
}

/** A rule that would have matched did not count here. */
export function exceptionUsed({ exception }: EventOf<'exception_used'>, telling: Telling): Unkeyed {
  return {
    ...engine(telling),
    kind: 'exception',
    body: {
      exception: exception.id,
      change: 'used',
      of: 'rule',
      policy_id: exception.policy,
      rule: exception.ruleIndex,
      check: null,
      control: null,
      about_stream: null,
      approver_c: telling.ref(personRef(exception.approver)),
      from: exception.from,
      until: exception.until,
      uses: exception.uses,
    },
  };
}
