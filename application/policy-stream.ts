import { randomUUID } from 'node:crypto';
import { later, type Instant } from '../domain/instant.ts';
import type { Policy } from '../domain/policy.ts';
import type { Draft } from '../ledger/append.ts';
import { commandKey } from '../ledger/hash.ts';
import { factsOfPeople } from '../prisma/directory-store.ts';
import { insertKey } from '../prisma/key-store.ts';
import { referencesOf, streamHead } from '../prisma/ledger-store.ts';
import type { PolicyHead, PolicyVersionRow } from '../prisma/policy-store.ts';
import type { Tx } from '../prisma/transaction.ts';
import type { Deps } from './deps.ts';
import { subjectOf } from './principal.ts';
import { openBook, sealDrafts, type Book, type SealedBy } from './sealing.ts';

/** The chain of one policy, ready for records of one transaction that holds the lock of all rules. */
export interface PolicyStream {
  readonly id: string;
  readonly book: Book;
  /** Data key of the words in these records. */
  readonly dekId: string;
  /** What a change says beside itself. */
  readonly around: {
    /** SHA-256 of the newest text; null where there is none. */
    readonly before: string | null;
    /** The commitment of the policy's owner, where that is a person of the directory. */
    readonly ownerC: string | null;
  };
  /** Seals and writes; once per transaction, because one batch follows on another. */
  seal(drafts: readonly Draft[]): void;
}

/**
 * @param asked.row whose policy it is, and at what time the records are made.
 * @param asked.owner as the policy says; anybody who is no person of the directory is not named.
 */
export async function openPolicyStream(
  deps: Deps,
  tx: Tx,
  asked: {
    readonly head: PolicyHead | null;
    readonly row: Pick<PolicyVersionRow, 'id' | 'version' | 'createdAt'>;
    readonly owner: string | null;
    /** People whom records name, by id with their data keys. */
    readonly people?: ReadonlyMap<string, string>;
  },
): Promise<PolicyStream> {
  const { head, row, owner, people = new Map<string, string>() } = asked;
  const id = head?.streamId ?? randomUUID();
  const key = deps.vault.createKey(`policy:${row.id}@${row.version}`);
  tx.write(insertKey(key));
  const [newest, references, owners] = await Promise.all([
    streamHead(tx, id),
    referencesOf(tx, id),
    owner === null ? [] : factsOfPeople(tx, [owner], row.createdAt),
  ]);
  const named = new Map([...people, ...owners.map((one) => [one.id, one.dekId] as const)]);
  await deps.vault.prepare(tx, [...named.values()]);
  const book = openBook(references);
  const keys = new Map(
    [...named].map(([person, dekId]) => [subjectOf({ type: 'person', id: person }), dekId]),
  );
  const [first] = owners;
  const ownerC = first === undefined ? null : book.of(subjectOf({ type: 'person', id: first.id }));
  return {
    id,
    book,
    dekId: key.dekId,
    around: { before: head?.sourceSha256 ?? null, ownerC },
    seal(drafts) {
      const place = { stream: id, about: 'policy', head: newest, now: row.createdAt } as const;
      const sealed = sealDrafts(deps, { ...place, keys, dekId: key.dekId }, { drafts, book });
      for (const fragment of sealed.fragments) tx.write(fragment);
    },
  };
}

/** What a record says of a version that its row does not. */
export interface PolicyFacts {
  readonly rules: number;
  readonly mode: Policy['mode'];
  /** null: from its publication. */
  readonly effective: Instant | null;
  readonly reviewOn: string | null;
}

export function factsOf({ rules, mode, effective, reviewBy }: Policy): PolicyFacts {
  return { rules: rules.length, mode, effective, reviewOn: reviewBy };
}

export interface PolicyChange extends PolicyFacts {
  readonly change: 'published' | 'proposed' | 'rejected';
  readonly before: string | null;
  readonly ownerC: string | null;
  /** The request that gated it. */
  readonly request: string | null;
}

/** @param by whose act the record is; null as actor = the engine, for `row.author`. */
export function policyChanged(
  row: PolicyVersionRow,
  { actor, auth, surface }: SealedBy,
  change: PolicyChange,
): Draft {
  const policy = `${row.id}@${row.version}`;
  const isGated = change.request !== null;
  return {
    kind: 'policy_changed',
    cmd: commandKey(isGated ? `${policy}/${change.request}` : policy, change.change),
    actor:
      actor === null
        ? { type: 'system', role: 'engine', c: null }
        : { type: 'human', role: 'policy_admin', c: null },
    auth,
    surface,
    policy,
    refs: [{ name: 'policy', sha256: row.sourceSha256, bytes: Buffer.byteLength(row.source) }],
    erasable: [{ path: 'author', value: authorOf(row, { actor, isGated }) }],
    body: {
      policy_id: row.id,
      version: row.version,
      change: change.change,
      mode: row.enabled ? change.mode : 'off',
      kind: row.kind,
      rules: change.rules,
      policy_digest: row.sourceSha256,
      before_digest: change.before,
      effective: later(row.createdAt, change.effective ?? row.createdAt),
      review_on: change.reviewOn,
      owner_c: change.ownerC,
      request: change.request,
    },
  };
}

/** Only people can propose; what the engine publishes for them has their name. */
function authorOf(
  { author }: PolicyVersionRow,
  { actor, isGated }: { readonly actor: SealedBy['actor']; readonly isGated: boolean },
): string {
  if (actor !== null) return subjectOf(actor);
  return isGated ? subjectOf({ type: 'person', id: author }) : 'system';
}
