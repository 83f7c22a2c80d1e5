import { sha256 } from '../ledger/hash.ts';
import { verifyChain, type ChainReport, type DisclosedOpening } from '../ledger/verify.ts';
import { reading } from '../prisma/directory-store.ts';
import { openingsOf, recordsOf, storedReferencesOf } from '../prisma/ledger-store.ts';
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
  return {
    requestId: row.id,
    records: records.map(({ seq, leafHash, bytes }) => ({
      seq,
      index: null,
      leafHash,
      bytes: bytes.toString('base64'),
    })),
    checkpoint: null,
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
  const row = await findRequest(deps.db, id);
  if (row === null) throw notFound();
  const records = await recordsOf(deps.db, id);
  return verifyChain({
    records: records.map((record) => record.bytes),
    sha256,
    expected: { log: deps.origin, stream: id, head: row.head },
    openings: await disclosedOpenings(deps, id),
  });
}

async function disclosedOpenings(
  { db, vault }: Pick<Deps, 'db' | 'vault'>,
  stream: string,
): Promise<DisclosedOpening[]> {
  const [openings, references] = await Promise.all([
    openingsOf(db, stream),
    storedReferencesOf(db, stream),
  ]);
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
