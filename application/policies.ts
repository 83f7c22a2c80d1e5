import type { Instant } from '../domain/instant.ts';
import type { Policy } from '../domain/policy.ts';
import { policyProblems, type PolicyProblem } from '../domain/policy-problems.ts';
import { sha256Hex } from '../ledger/hash.ts';
import { peopleWithRoles, reading, type Reader } from '../prisma/directory-store.ts';
import {
  insertPolicyVersion,
  isKindGoverned,
  lockPolicies,
  type PolicyHead,
  type PolicyVersionRow,
} from '../prisma/policy-store.ts';
import type { Tx } from '../prisma/transaction.ts';
import { ApplicationError } from './error.ts';
import { isReadable } from './policy-draft.ts';
import {
  parsePolicy,
  withMore,
  withPlaces,
  type PolicyDocument,
  type PolicyFormat,
} from './policy-file.ts';
import { factsOf, openPolicyStream, policyChanged } from './policy-stream.ts';
import { calendarProblems, knownCalendars } from './calendars.ts';
import { reachableAssurance, type Deps } from './deps.ts';
import type { Remember } from './idempotency.ts';
import type { SealedBy } from './sealing.ts';

export { createPolicyCache, type PolicyCache } from './policy-cache.ts';

export interface Publication {
  /** Must be the id inside the document. */
  readonly id: string;
  readonly source: string;
  readonly format: PolicyFormat;
  /**
   * What the author has seen: the newest version, or one of several; `any` = whichever there is;
   * null = they believe there is none.
   */
  readonly expected: number | readonly number[] | 'any' | null;
  readonly author: SealedBy & { readonly name: string };
  readonly remember: Remember<PolicyVersionRow>;
}

/** Publishing needs an approval here: nothing was published. */
export class PublishingGated extends Error {
  readonly code = 'PUBLISHING_GATED';
}

/**
 * Publishes the next version of a policy, sealed in the policy's own stream. It is in force for every
 * request submitted from its effective time on, at once where it names none; running requests keep theirs.
 *
 * @returns the stored version.
 * @throws ApplicationError POLICY_INVALID with every problem; PRECONDITION_REQUIRED, PRECONDITION_FAILED.
 *         PublishingGated where a policy for `policy-change` governs.
 */
export async function publishPolicy(
  deps: Deps,
  publication: Publication,
): Promise<PolicyVersionRow> {
  const parsed = await readPublication(deps, publication);
  return deps.db.transaction(async (tx) => {
    const now = deps.now();
    const { head, row } = await nextVersion(tx, publication, { ...deps, parsed, now });
    if (await isKindGoverned(tx, POLICY_CHANGE, now)) throw new PublishingGated();
    const stream = await openPolicyStream(deps, tx, { head, row, owner: parsed.policy.owner });
    const change = { ...factsOf(parsed.policy), change: 'published', request: null } as const;
    stream.seal([policyChanged(row, publication.author, { ...change, ...stream.around })]);
    for (const fragment of insertPolicyVersion(row, stream.id)) tx.write(fragment);
    publication.remember(tx, row);
    return row;
  });
}

/** The kind of request that a gated change of a policy is. */
export const POLICY_CHANGE = 'policy-change';

/** A text that was understood. */
export interface ReadPublication {
  readonly policy: Policy;
  readonly document: PolicyDocument;
}

/** @throws ApplicationError POLICY_INVALID with every problem. */
export async function readPublication(
  deps: Deps,
  publication: Publication,
): Promise<ReadPublication> {
  const parsed = parsePolicy(publication.source, publication.format);
  if (!parsed.ok)
    throw invalid(
      withMore(parsed.problems, await meaningProblems(deps, publication, parsed.readable)),
    );
  if (parsed.policy.id !== publication.id)
    throw invalid(await meaningProblems(deps, publication, parsed.policy));
  return parsed;
}

/**
 * The version that a text becomes, as nobody else can publish it meanwhile: rules stay locked until the
 * transaction ends.
 *
 * @throws ApplicationError POLICY_INVALID, PRECONDITION_REQUIRED, PRECONDITION_FAILED
 */
export async function nextVersion(
  tx: Tx,
  publication: Publication,
  {
    parsed,
    now,
    ...deps
  }: Pick<Deps, 'reachableAssurance'> & {
    readonly parsed: ReadPublication;
    readonly now: Instant;
  },
): Promise<{ readonly head: PolicyHead | null; readonly row: PolicyVersionRow }> {
  const { policy, document } = parsed;
  const head = await lockPolicies(tx, publication.id);
  assertExpected(head?.newest ?? 0, publication.expected);
  const problems = await unsatisfiable(deps, tx, { policy, now });
  if (problems.length > 0) throw invalid(withPlaces(problems, publication));
  const row: PolicyVersionRow = {
    id: publication.id,
    version: (head?.newest ?? 0) + 1,
    kind: policy.kind,
    enabled: policy.enabled,
    document,
    source: publication.source,
    sourceSha256: sha256Hex(publication.source),
    author: publication.author.name,
    createdAt: now,
  };
  return { head, row };
}

/** What is wrong with what a document means, whatever its shape: so every problem is listed at once. */
async function meaningProblems(
  deps: Deps,
  publication: Publication,
  readable: Policy | null,
): Promise<PolicyProblem[]> {
  const { id } = publication;
  if (readable === null) return [];
  // A file at the start has no address, and its id could not be read.
  const isOther = id !== '' && readable.id !== id;
  const other = { pointer: '/id', message: `is not "${id}", the id in the address` };
  const more = await unsatisfiable(deps, reading(deps.db), {
    policy: readable,
    now: deps.now(),
  });
  return withPlaces(isOther ? [other, ...more] : more, publication);
}

/** A policy that is off binds nobody: it may wait for its people. */
export async function unsatisfiable(
  deps: Pick<Deps, 'reachableAssurance'>,
  reader: Reader,
  { policy, now }: { readonly policy: Policy; readonly now: Instant },
): Promise<PolicyProblem[]> {
  if (!policy.enabled) return [];
  const people = await peopleWithRoles(reader, rolesOf(policy), now);
  const bench = { people, reachable: reachableAssurance(deps), isReadable };
  const calendars = await knownCalendars(reader, policy);
  return [...policyProblems(policy, bench), ...calendarProblems(policy, calendars)];
}

/** Every role that a policy can turn to. */
function rolesOf(policy: Policy): string[] {
  const roles = policy.rules.flatMap(({ stages, override }) => [
    ...stages.flatMap(({ groups, escalations }) => [
      ...groups.map(({ role }) => role),
      ...escalations.map(({ to }) => to),
    ]),
    ...(override === null ? [] : [override.role, override.breakGlass?.role ?? override.role]),
  ]);
  return [...new Set(roles)].filter(isReadable);
}

function invalid(problems: readonly PolicyProblem[]): ApplicationError {
  const word = problems.length === 1 ? 'problem' : 'problems';
  return new ApplicationError('POLICY_INVALID', `The policy has ${problems.length} ${word}.`, {
    problems,
  });
}

/** @source RFC 9110 section 13.1.1 */
function assertExpected(newest: number, expected: Publication['expected']): void {
  if (expected === null) {
    if (newest === 0) return;
    throw new ApplicationError(
      'PRECONDITION_REQUIRED',
      `This policy has version ${newest}; send If-Match with its ETag.`,
    );
  }
  if (newest === 0)
    throw new ApplicationError(
      'PRECONDITION_FAILED',
      'This policy has no version yet; publish the first one without If-Match.',
    );
  const seen = typeof expected === 'number' ? [expected] : expected;
  if (seen !== 'any' && !seen.includes(newest))
    throw new ApplicationError(
      'PRECONDITION_FAILED',
      `The newest version is ${newest}, and If-Match names another; read it and publish again.`,
    );
}

export type { PolicyVersionRow };
