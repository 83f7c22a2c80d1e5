import { randomUUID } from 'node:crypto';
import { later } from '../domain/instant.ts';
import type { DraftOf } from '../ledger/append.ts';
import type { BundleContent, UnsealedBundle } from '../ledger/bundle.ts';
import { commandKey, leafHash, sha256Hex } from '../ledger/hash.ts';
import { referencesOf } from '../prisma/ledger-store.ts';
import { lockRequest, updateRequest, type RequestRow } from '../prisma/request-store.ts';
import type { Deps } from './deps.ts';
import { notFound } from './error.ts';
import type { Disclosed } from './evidence-disclosure.ts';
import { subjectOf, type Principal } from './principal.ts';
import { openBook, sealDrafts, type SealedBy } from './sealing.ts';

// That a bundle was made, for whom and with how much in it, is itself a record of the request.

/** Who takes the bundle away. */
export interface SealOrder {
  readonly requestId: string;
  readonly principal: Principal;
  readonly by: SealedBy;
}

export interface MadeBundle {
  readonly unsealed: UnsealedBundle;
  readonly content: BundleContent;
  readonly counts: { readonly records: number; readonly disclosed: Disclosed };
}

export interface SealedExport {
  readonly seq: number;
  readonly bytes: Uint8Array;
}

/** Seals the digest of the manifest in the request's stream; the request itself does not change. */
export async function sealExport(
  deps: Deps,
  order: SealOrder,
  made: MadeBundle,
): Promise<SealedExport> {
  const { principal } = order;
  return deps.db.transaction(async (tx) => {
    const row = await lockRequest(tx, order.requestId);
    if (row === null) throw notFound();
    const now = later(deps.now(), row.updatedAt);
    const [references] = await Promise.all([
      referencesOf(tx, row.id),
      deps.vault.prepare(tx, dekIdsOf(row, principal)),
    ]);
    const book = openBook(references);
    const c = book.of(subjectOf(principal));
    const draft = exportedDraft(order, c, made);
    const sealed = sealDrafts(
      deps,
      {
        ...{ stream: row.id, about: 'request', head: row.head },
        ...{ now, keys: keysOf(principal), dekId: row.dekId },
      },
      { drafts: [draft], book },
    );
    for (const fragment of sealed.fragments) tx.write(fragment);
    tx.write(
      updateRequest({ ...row, before: row.state, head: sealed.head, reason: null, updatedAt: now }),
    );
    const [record] = sealed.records;
    if (record === undefined) throw new TypeError('the export was not sealed');
    return { seq: record.seq, bytes: record.bytes };
  });
}

/** A person's name in the stream falls under their own key, an app's under that of the request. */
function keysOf(principal: Principal): ReadonlyMap<string, string> {
  return principal.type === 'person'
    ? new Map([[subjectOf(principal), principal.dekId]])
    : new Map();
}

function dekIdsOf(row: RequestRow, principal: Principal): string[] {
  return [row.dekId, ...keysOf(principal).values()];
}

function exportedDraft(
  { principal, by }: SealOrder,
  c: string,
  { unsealed, content, counts }: MadeBundle,
): DraftOf<'exported'> {
  const { manifest, files } = unsealed;
  const { about } = content;
  const last = counts.records - 1;
  return {
    kind: 'exported',
    cmd: commandKey(randomUUID(), 'exported'),
    actor: { type: principal.type === 'app' ? 'agent' : 'human', role: roleOf(principal), c },
    auth: by.auth,
    surface: by.surface,
    policy: null,
    body: {
      what: 'evidence',
      purpose: purposeOf(principal),
      sha256: sha256Hex(manifest),
      bytes: manifest.length,
      records: counts.records,
      files: files.size,
      ...openingCounts(counts.disclosed),
      size: about.size,
      root: about.root,
      head_seq: last,
      head_leaf: leafHash(content.records[last]?.bytes ?? new Uint8Array()),
      from: null,
      until: null,
      encrypted: false,
      person_c: principal.type === 'person' ? c : null,
      grant: null,
    },
  };
}

/** Texts and people; contents are counted among the files. */
function openingCounts({ people, openings }: Disclosed) {
  const all = [...people, ...[...openings.values()].flat()];
  const counted = (...states: string[]): number =>
    all.filter(({ state }) => states.includes(state)).length;
  return {
    openings: counted('disclosed'),
    withheld: counted('not_disclosed', 'not_kept'),
    erased: counted('erased'),
  };
}

function roleOf(principal: Principal): DraftOf<'exported'>['actor']['role'] {
  if (principal.type === 'app') return 'requester';
  if (principal.roles.includes('compliance')) return 'compliance';
  return principal.roles.includes('auditor') ? 'auditor' : 'none';
}

function purposeOf(principal: Principal): 'compliance' | 'audit' | null {
  const role = roleOf(principal);
  return role === 'compliance' ? 'compliance' : role === 'auditor' ? 'audit' : null;
}
