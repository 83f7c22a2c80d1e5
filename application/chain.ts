import { sha256 } from '../ledger/hash.ts';
import { verifyChain, type ChainReport, type DisclosedOpening } from '../ledger/verify.ts';
import { reading } from '../prisma/directory-store.ts';
import {
  openingsOf,
  recordsOf,
  storedReferencesOf,
  type StoredOpening,
  type StoredReference,
} from '../prisma/ledger-store.ts';
import { leavesOf, newestCheckpoint } from '../prisma/log-store.ts';
import { findRequest } from '../prisma/request-store.ts';
import type { Deps } from './deps.ts';
import { notFound } from './error.ts';
import { openingPlace, referencePlace } from './places.ts';
import type { Principal } from './principal.ts';
import { visibleRequest } from './request-queries.ts';

/** All records of one request, as they lie there (product contract 3.2). */
export interface ChainBody {
  readonly requestId: string;
  readonly records: readonly {
    readonly seq: number;
    /** Place in the log; null until the record is sequenced. */
    readonly index: number | null;
    readonly leafHash: string;
    /** base64 of the exact bytes. */
    readonly bytes: string;
  }[];
  readonly checkpoint: string | null;
}

/** @throws ApplicationError NOT_FOUND */
export async function getChain(deps: Deps, principal: Principal, id: string): Promise<ChainBody> {
  const row = await visibleRequest(deps, principal, id);
  const records = await recordsOf(deps.db, row.id);
  const [places, checkpoint] = await Promise.all([
    leavesOf(deps.db, row.id),
    newestCheckpoint(deps.db),
  ]);
  return {
    requestId: row.id,
    records: records.map(({ seq, leafHash, bytes }) => ({
      seq,
      index: places.get(seq) ?? null,
      leafHash,
      bytes: bytes.toString('base64'),
    })),
    checkpoint: checkpoint?.note ?? null,
  };
}

/**
 * Recomputes a stored chain from its exact bytes and holds it against the head row, the origin and every
 * opening that is still there.
 *
 * @throws ApplicationError NOT_FOUND
 */
export async function verifyStoredChain(
  deps: Pick<Deps, 'db' | 'vault' | 'origin'>,
  id: string,
): Promise<ChainReport> {
  const { head, records, ...sidings } = await readStill(deps, id);
  return verifyChain({
    records: records.map((record) => record.bytes),
    sha256,
    expected: { log: deps.origin, stream: id, head },
    openings: await disclosedOpenings(deps, id, sidings),
  });
}

/** How often a chain that grows under the reader's eyes is read again. */
const MAX_READS = 20;

/** Everything of one moment: each step moves the head, so an unmoved head means that nothing moved. */
async function readStill({ db }: Pick<Deps, 'db'>, id: string) {
  for (let reads = 1; ; reads += 1) {
    const before = await findRequest(db, id);
    if (before === null) throw notFound();
    const [records, openings, references] = await Promise.all([
      recordsOf(db, id),
      openingsOf(db, id),
      storedReferencesOf(db, id),
    ]);
    const { head } = before;
    const after = await findRequest(db, id);
    if (after?.head.seq === head.seq || reads === MAX_READS)
      return { head, records, openings, references };
  }
}

async function disclosedOpenings(
  { db, vault }: Pick<Deps, 'db' | 'vault'>,
  stream: string,
  {
    openings,
    references,
  }: { readonly openings: StoredOpening[]; readonly references: StoredReference[] },
): Promise<DisclosedOpening[]> {
  await vault.prepare(
    reading(db),
    [...openings, ...references].map((one) => one.dekId),
  );
  const opened = openings.map(({ seq, path, dekId, ciphertext }) => ({
    seq,
    path,
    text: vault.decrypt(dekId, openingPlace(stream, seq, path), ciphertext),
  }));
  const referred = references.map(({ subject, dekId, ciphertext }) => ({
    seq: null,
    path: 'person',
    text: vault.decrypt(dekId, referencePlace(stream, subject), ciphertext),
  }));
  return [...opened, ...referred].flatMap(({ seq, path, text }) => {
    if (text === null) return []; // erased
    const { salt, value } = JSON.parse(text) as { salt: string; value: string };
    return [{ seq, path, salt, value }];
  });
}
