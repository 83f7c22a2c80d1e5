import { setTimeout as sleep } from 'node:timers/promises';
import {
  buildBundle,
  sealBundle,
  type BundleContent,
  type BundleSeal,
  type ConsistencyInBundle,
  type RecordInTree,
} from '../ledger/bundle.ts';
import { commandKey, sha256 } from '../ledger/hash.ts';
import { parseRecord, type LedgerRecord } from '../ledger/record.ts';
import { writeZip } from '../ledger/zip.ts';
import { systemRecordByCommand } from '../prisma/evidence-store.ts';
import { recordsOf } from '../prisma/ledger-store.ts';
import { leavesOf, logKeys, newestCheckpoint, type StoredCheckpoint } from '../prisma/log-store.ts';
import type { RequestRow } from '../prisma/request-store.ts';
import { ApplicationError } from './error.ts';
import { disclosureFor, discloseTo, type Disclosed } from './evidence-disclosure.ts';
import { evidencePage } from './evidence-page.ts';
import { sealExport, type SealedExport } from './evidence-seal.ts';
import {
  consistencyBetween,
  inclusionAt,
  inclusionOf,
  streamHeadStatement,
  type StreamHeadDeps,
} from './log-queries.ts';
import type { Deps } from './deps.ts';
import type { Principal } from './principal.ts';
import { visibleRequest } from './request-queries.ts';
import { withReadable } from './request-shape.ts';
import type { SealedBy } from './sealing.ts';

export type EvidenceDeps = Deps & StreamHeadDeps;

export interface EvidenceOrder {
  readonly requestId: string;
  readonly principal: Principal;
  readonly by: SealedBy;
  /** Size of a checkpoint that the reader holds; null: none. */
  readonly since: number | null;
  /** Fires when the caller has left. */
  readonly gone: AbortSignal;
  /** Milliseconds for the log to catch up, both times together. */
  readonly patienceMs?: number;
}

export interface EvidenceFile {
  /** Safe in a header and on every file system. */
  readonly name: string;
  readonly zip: Uint8Array;
}

/** How long the log may take; it places records within 0.1 s and signs every 0.5 s. */
const PATIENCE_MS = 10_000;
const POLL_MS = 100;

/**
 * Makes the evidence bundle of one request and seals, in the request's own stream, that it was made.
 *
 * Everything that was sealed when the call came is in it. The seal stays even if the answer is lost: the
 * bundle may have left the house.
 *
 * @returns a ZIP that needs nothing else to be verified than the log's verifier key.
 * @throws ApplicationError NOT_FOUND where there is no such request or the caller may not see it;
 *         UNREADABLE, and nothing is sealed, where something stored cannot be decrypted; BAD_PROOF for a `since` that no checkpoint covers; NOT_PUBLISHED where the log does not catch up.
 * @source docs/adr/0011-evidence.md
 */
export async function exportEvidence(
  deps: EvidenceDeps,
  order: EvidenceOrder,
): Promise<EvidenceFile> {
  return withReadable(deps, order.requestId, () => makeAndSeal(deps, order));
}

async function makeAndSeal(deps: EvidenceDeps, order: EvidenceOrder): Promise<EvidenceFile> {
  const patience = openPatience(order);
  const row = await visibleRequest(deps, order.principal, order.requestId);
  const checkpoint = await covering(deps, patience, async () =>
    placeOf(deps, row.id, row.head.seq),
  );
  const { content, disclosed, records } = await contentOf(deps, order, {
    row,
    checkpoint,
    patience,
  });
  const unsealed = await buildBundle(content, sha256);
  const counts = { records: records.length, disclosed };
  const sealed = await sealExport(deps, order, { unsealed, content, counts });
  const newer = await covering(deps, patience, async () => placeOf(deps, row.id, sealed.seq));
  const seal = await sealOf(deps, { ...sealed, stream: row.id }, { older: checkpoint, newer });
  const zip = writeZip(sealBundle(unsealed, seal));
  return { name: `countersign-evidence-${row.id}.zip`, zip };
}

// ---- waiting -------------------------------------------------------------------------------------

interface Patience {
  /** Waits a little. @throws ApplicationError NOT_PUBLISHED when there is no time left. */
  readonly wait: () => Promise<void>;
}

function openPatience({ gone, patienceMs = PATIENCE_MS }: EvidenceOrder): Patience {
  const end = performance.now() + patienceMs;
  return {
    async wait() {
      if (performance.now() >= end || gone.aborted)
        throw new ApplicationError(
          'NOT_PUBLISHED',
          'The log has not signed all records of this request yet. Repeat the call in a few seconds.',
          { retryAfter: 5 },
        );
      await sleep(POLL_MS);
    },
  };
}

/** The newest checkpoint, as soon as it covers the place in the log. */
async function covering(
  deps: EvidenceDeps,
  patience: Patience,
  place: () => Promise<number | null>,
): Promise<StoredCheckpoint> {
  for (;;) {
    const [index, checkpoint] = await Promise.all([place(), newestCheckpoint(deps.db)]);
    if (index !== null && checkpoint !== null && index < checkpoint.size) return checkpoint;
    await patience.wait();
  }
}

async function placeOf({ db }: EvidenceDeps, stream: string, seq: number): Promise<number | null> {
  return (await leavesOf(db, stream)).get(seq) ?? null;
}

// ---- content -------------------------------------------------------------------------------------

interface Gathered {
  readonly content: BundleContent;
  readonly disclosed: Disclosed;
  readonly records: readonly LedgerRecord[];
}

async function contentOf(
  deps: EvidenceDeps,
  { principal, since }: EvidenceOrder,
  at: {
    readonly row: RequestRow;
    readonly checkpoint: StoredCheckpoint;
    readonly patience: Patience;
  },
): Promise<Gathered> {
  const { row, checkpoint } = at;
  const { size } = checkpoint;
  const places = await placedRecords(deps, row.id, size);
  const records = places.map(({ bytes }) => parseRecord(bytes));
  const [inTree, disclosed, consistency, head, streamHeadKey] = await Promise.all([
    allInTree(deps, places, size),
    discloseTo(deps, principal, { row, records }),
    consistencyFor(deps, since, size),
    streamHeadStatement(deps, row.id, size),
    streamHeadKeyOf(deps, size),
  ]);
  const about = {
    origin: deps.origin,
    request: row.id,
    size,
    root: checkpoint.root.toString('hex'),
    software: deps.software,
    created: deps.now(),
    disclosure: disclosureFor(principal),
  };
  const page = await evidencePage({ about, policy: row.state.policy });
  const content = {
    about,
    checkpoint: Buffer.from(checkpoint.note),
    records: inTree,
    head: Buffer.from(head),
    streamHeadKey,
    ...disclosed,
    consistency,
    page,
  };
  return { content, disclosed, records };
}

interface PlacedBytes {
  readonly bytes: Uint8Array;
  readonly index: number;
}

/** The stream as far as the tree reaches. */
async function placedRecords(
  { db }: EvidenceDeps,
  stream: string,
  size: number,
): Promise<PlacedBytes[]> {
  const [stored, leaves] = await Promise.all([recordsOf(db, stream), leavesOf(db, stream)]);
  return stored.flatMap(({ seq, bytes }) => {
    const index = leaves.get(seq) ?? size;
    return index < size ? [{ bytes, index }] : [];
  });
}

/** One after the other: a long request must not take every connection. */
async function allInTree(
  deps: EvidenceDeps,
  places: readonly PlacedBytes[],
  size: number,
): Promise<RecordInTree[]> {
  const records: RecordInTree[] = [];
  for (const place of places) records.push(await inTreeOf(deps, place, size));
  return records;
}

async function inTreeOf(
  deps: EvidenceDeps,
  { bytes, index }: PlacedBytes,
  size: number,
): Promise<RecordInTree> {
  const { hashes } = await inclusionOf(deps, { index, size });
  return { bytes, index, hashes };
}

/** The way from the tree that the reader knows; none where it is this one. */
async function consistencyFor(
  deps: EvidenceDeps,
  since: number | null,
  size: number,
): Promise<ConsistencyInBundle[]> {
  if (since === null || since === size) return [];
  const [from, to] = since < size ? [since, size] : [size, since];
  return [{ from, to, hashes: await consistencyBetween(deps, { from, to }) }];
}

/** The key that signs stream heads now, and the record in which the log took it into use. */
async function streamHeadKeyOf(
  deps: EvidenceDeps,
  size: number,
): Promise<BundleContent['streamHeadKey']> {
  const { keyId, name } = deps.streamHeadSigner;
  const keys = await logKeys(deps.db);
  const key = keys.find(({ verifierKey }) => verifierKey.startsWith(`${name}+${keyId}+`));
  const cmd = key === undefined ? null : commandKey('key', key.verifierKey);
  const record = cmd === null ? null : await systemRecordByCommand(deps.db, cmd);
  if (key === undefined || record === null || record.index >= size)
    throw new ApplicationError(
      'NOT_PUBLISHED',
      'The log has not signed the key of its stream heads yet. Repeat the call in a few seconds.',
      { retryAfter: 5 },
    );
  return { verifierKey: key.verifierKey, records: [await inTreeOf(deps, record, size)] };
}

// ---- seal ------------------------------------------------------------------------------------------

async function sealOf(
  deps: EvidenceDeps,
  { stream, seq, bytes }: SealedExport & { readonly stream: string },
  { older, newer }: { readonly older: StoredCheckpoint; readonly newer: StoredCheckpoint },
): Promise<BundleSeal> {
  const [{ index, hashes }, consistency] = await Promise.all([
    inclusionAt(deps, { stream, seq, size: newer.size }),
    consistencyBetween(deps, { from: older.size, to: newer.size }),
  ]);
  return { bytes, index, hashes, checkpoint: Buffer.from(newer.note), consistency };
}
