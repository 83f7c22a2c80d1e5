import { randomUUID } from 'node:crypto';
import type { Instant } from '../domain/instant.ts';
import type { Policy } from '../domain/policy.ts';
import { policyProblems, type PolicyProblem } from '../domain/policy-problems.ts';
import type { Draft } from '../ledger/append.ts';
import { commandKey, sha256Hex } from '../ledger/hash.ts';
import { reading, roleCounts, type Reader } from '../prisma/directory-store.ts';
import { insertKey } from '../prisma/key-store.ts';
import { streamHead } from '../prisma/ledger-store.ts';
import {
  findPolicyVersion,
  insertPolicyVersion,
  listPolicies,
  lockPolicies,
  policiesInForce,
  type PolicyVersionRow,
} from '../prisma/policy-store.ts';
import { ApplicationError, notFound } from './error.ts';
import { isReadable } from './policy-draft.ts';
import { parsePolicy, toPolicy, withMore, type PolicyFormat } from './policy-file.ts';
import type { Deps } from './deps.ts';
import type { Remember } from './idempotency.ts';
import { openBook, sealDrafts, type SealedBy } from './sealing.ts';
import { subjectOf } from './principal.ts';

/** Policies of one generation, ready to bind requests. */
export interface PolicySet {
  /** Fences the writes that rest on it. */
  readonly generation: string;
  /** Enabled, newest version of each, of one kind. */
  readonly ofKind: (kind: string) => readonly Policy[];
  /** SHA-256 and size of the text of a version in force; null for the fallback. */
  readonly textOf: (id: string) => { readonly sha256: string; readonly bytes: number } | null;
}

/** Policies in memory. They are as good as the fence that every submission writes with. */
export interface PolicyCache {
  current(): Promise<PolicySet>;
  /** Forgets what is in memory: the fence has said that it is old. */
  drop(): void;
}

export function createPolicyCache(deps: Pick<Deps, 'db'>): PolicyCache {
  let loading: Promise<PolicySet> | null = null;
  return {
    current() {
      loading ??= load(deps).catch((error: unknown) => {
        loading = null;
        throw error;
      });
      return loading;
    },
    drop() {
      loading = null;
    },
  };
}

async function load({ db }: Pick<Deps, 'db'>): Promise<PolicySet> {
  const { generation, versions } = await policiesInForce(db);
  const enabled = versions.filter((row) => row.enabled);
  const byKind = Map.groupBy(
    enabled.map((row) => toPolicy(row.document as Record<string, unknown>, row.version)),
    (policy) => policy.kind,
  );
  const texts = new Map(
    versions.map((row) => [
      row.id,
      { sha256: row.sourceSha256, bytes: Buffer.byteLength(row.source) },
    ]),
  );
  return {
    generation,
    ofKind: (kind) => byKind.get(kind) ?? [],
    textOf: (id) => texts.get(id) ?? null,
  };
}

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

/**
 * Publishes the next version of a policy, sealed in the policy's own stream. It is in force for every
 * request submitted after the commit; running requests keep theirs.
 *
 * @returns the stored version.
 * @throws ApplicationError POLICY_INVALID with every problem; PRECONDITION_REQUIRED, PRECONDITION_FAILED.
 */
export async function publishPolicy(
  deps: Deps,
  publication: Publication,
): Promise<PolicyVersionRow> {
  const parsed = parsePolicy(publication.source, publication.format);
  if (!parsed.ok)
    throw invalid(
      withMore(parsed.problems, await meaningProblems(deps, publication, parsed.readable)),
    );
  if (parsed.policy.id !== publication.id)
    throw invalid(await meaningProblems(deps, publication, parsed.policy));
  return deps.db.transaction(async (tx) => {
    const now = deps.now();
    const head = await lockPolicies(tx, publication.id);
    assertExpected(head?.newest ?? 0, publication.expected);
    const problems = await unsatisfiable(tx, parsed.policy, now);
    if (problems.length > 0) throw invalid(problems);
    const streamId = head?.streamId ?? randomUUID();
    const row: PolicyVersionRow = {
      id: publication.id,
      version: (head?.newest ?? 0) + 1,
      kind: parsed.policy.kind,
      enabled: parsed.policy.enabled,
      document: parsed.document,
      source: publication.source,
      sourceSha256: sha256Hex(publication.source),
      author: publication.author.name,
      createdAt: now,
    };
    const key = deps.vault.createKey(`policy:${row.id}@${row.version}`);
    const to = {
      stream: streamId,
      about: 'policy',
      head: await streamHead(tx, streamId),
      now,
      keys: new Map(),
      dekId: key.dekId,
    } as const;
    const drafts = [
      publishedDraft(row, publication.author, {
        before: head?.sourceSha256 ?? null,
        rules: parsed.policy.rules.length,
      }),
    ];
    const sealed = sealDrafts(deps, to, { drafts, book: openBook(new Map()) });
    tx.write(insertKey(key));
    for (const fragment of [...sealed.fragments, ...insertPolicyVersion(row, streamId)])
      tx.write(fragment);
    publication.remember(tx, row);
    return row;
  });
}

/** What is wrong with what a document means, whatever its shape: so every problem is listed at once. */
async function meaningProblems(
  deps: Deps,
  { id }: Publication,
  readable: Policy | null,
): Promise<PolicyProblem[]> {
  if (readable === null) return [];
  // A file at the start has no address, and its id could not be read.
  const isOther = id !== '' && readable.id !== id;
  const other = { pointer: '/id', message: `is not "${id}", the id in the address` };
  const more = await unsatisfiable(reading(deps.db), readable, deps.now());
  return isOther ? [other, ...more] : more;
}

/** A policy that is off binds nobody: it may wait for its people. */
async function unsatisfiable(
  reader: Reader,
  policy: Policy,
  now: Instant,
): Promise<PolicyProblem[]> {
  if (!policy.enabled) return [];
  const counts = await roleCounts(reader, now);
  return policyProblems(policy, (role) => (isReadable(role) ? (counts.get(role) ?? 0) : Infinity));
}

function publishedDraft(
  row: PolicyVersionRow,
  { actor, auth, surface }: SealedBy,
  { before, rules }: { readonly before: string | null; readonly rules: number },
): Draft {
  const policy = `${row.id}@${row.version}`;
  return {
    kind: 'policy_changed',
    cmd: commandKey(policy, 'published'),
    actor:
      actor === null
        ? { type: 'system', role: 'engine', c: null }
        : { type: 'human', role: 'policy_admin', c: null },
    auth,
    surface,
    policy,
    refs: [{ name: 'policy', sha256: row.sourceSha256, bytes: Buffer.byteLength(row.source) }],
    erasable: [{ path: 'author', value: actor === null ? 'system' : subjectOf(actor) }],
    body: {
      policy_id: row.id,
      version: row.version,
      change: 'published',
      mode: row.enabled ? 'enforced' : 'off',
      kind: row.kind,
      rules,
      policy_digest: row.sourceSha256,
      before_digest: before,
      effective: row.createdAt,
      review_on: null,
      owner_c: null,
      request: null,
    },
  };
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

/** Newest versions in order of id. */
export async function policyPage(
  { db }: Deps,
  page: { readonly after: string | null; readonly limit: number },
): Promise<PolicyVersionRow[]> {
  return listPolicies(db, page);
}

/** @throws ApplicationError NOT_FOUND */
export async function policyVersion(
  { db }: Deps,
  id: string,
  version: number,
): Promise<PolicyVersionRow> {
  const row = await findPolicyVersion(db, id, version);
  if (row === null) throw notFound('policy version');
  return row;
}

export type { PolicyVersionRow };
