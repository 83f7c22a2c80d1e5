import { bindPolicy, type Binding } from '../domain/binding.ts';
import type { Instant } from '../domain/instant.ts';
import { fallbackPolicy, type Policy, type RiskTier } from '../domain/policy.ts';
import type { Requester } from '../domain/request.ts';
import type { RuleException } from '../domain/rule-exception.ts';
import { exactVersions } from '../prisma/policy-store.ts';
import type { Reader } from '../prisma/directory-store.ts';
import { conditionView } from './condition-view.ts';
import { expressionsFor } from './conditions.ts';
import type { Content } from './content.ts';
import type { Deps } from './deps.ts';
import { runningExceptions } from './exception-uses.ts';
import type { PolicySet } from './policy-cache.ts';
import { toPolicy } from './policy-file.ts';

/** What is to be bound. */
export interface Bindable {
  readonly content: Content;
  readonly requester: Pick<Requester, 'type' | 'id'>;
  readonly now: Instant;
}

/** Finds the rule for a request that comes in, among the versions in force. */
export function bindRequest(
  deps: Pick<Deps, 'fallbackRole'>,
  policies: PolicySet,
  asked: Bindable,
): Binding {
  const { content, now } = asked;
  return bindUnder(deps, asked, {
    policies: policies.ofKind(content.kind, now),
    exceptions: policies.exceptionsAt(now),
    tier: content.riskTier ?? 'medium',
  });
}

/**
 * Binds an amended content under exactly the versions that the request was bound under before, with the
 * exceptions in force now. Versions in shadow mode are asked once, at submission.
 *
 * @param asked.boundUnder as `Binding.boundUnder` was; none = only the built-in policy.
 * @param asked.tier that it has at least; never below the one that the request has.
 */
export async function bindingAgain(
  deps: Pick<Deps, 'fallbackRole'>,
  reader: Reader,
  asked: Bindable & {
    readonly boundUnder: readonly { readonly id: string; readonly version: number }[];
    readonly tier: RiskTier;
  },
): Promise<Binding> {
  const [rows, exceptions] = await Promise.all([
    exactVersions(reader, asked.boundUnder),
    runningExceptions(reader, asked.now),
  ]);
  if (rows.length < asked.boundUnder.length)
    throw new TypeError('a policy version is gone under which a request was bound');
  const policies = rows.map((row) =>
    toPolicy(row.document as Record<string, unknown>, row.version),
  );
  return bindUnder(deps, asked, { policies, exceptions, tier: asked.tier });
}

function bindUnder(
  { fallbackRole }: Pick<Deps, 'fallbackRole'>,
  { content, requester, now }: Bindable,
  rules: {
    readonly policies: readonly Policy[];
    readonly exceptions: readonly RuleException[];
    readonly tier: RiskTier;
  },
): Binding {
  const { evaluate, moment } = expressionsFor(conditionView(content, requester), now);
  const fallback = fallbackPolicy(fallbackRole, content.kind);
  const { policies, exceptions, tier } = rules;
  return bindPolicy(policies, fallback, { tier, evaluate, moment, exceptions });
}
