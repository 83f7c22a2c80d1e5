import { LedgerError } from '../ledger/error.ts';
import { sha256 } from '../ledger/hash.ts';
import type { NoteSigner } from '../ledger/note.ts';
import { signStreamHead } from '../ledger/stream-head.ts';
import { parseTilePath, TILE_WIDTH, type TileAddress } from '../ledger/tile.ts';
import { consistencyProofAt, inclusionProofAt, rootAt } from '../ledger/tile-tree.ts';
import { formatTlogProof } from '../ledger/tlog-proof.ts';
import {
  checkpointAt,
  headAtSize,
  leafOf,
  logKeys,
  newestCheckpoint,
  readEntries,
  readTiles,
  type StoredCheckpoint,
} from '../prisma/log-store.ts';
import { storedTree } from './checkpointer.ts';
import type { Deps } from './deps.ts';
import { ApplicationError, notFound } from './error.ts';
import type { Principal } from './principal.ts';
import { visibleRequest } from './request-queries.ts';

// What outsiders read of the log: checkpoints, tiles, proofs, and which record is the last of a stream.
// Proofs are given for sizes that a checkpoint covers, so that there is something to hold them against.

export type LogDeps = Pick<Deps, 'db' | 'origin'>;

/** @throws ApplicationError NOT_FOUND before the first checkpoint: in the first second of a log. */
export async function newestCheckpointOf({ db }: LogDeps): Promise<StoredCheckpoint> {
  const checkpoint = await newestCheckpoint(db);
  if (checkpoint === null) throw notFound('checkpoint');
  return checkpoint;
}

/** The C2SP verifier key that signs now. @throws ApplicationError NOT_FOUND before the first start. */
export async function verifierKeyOf({ db }: LogDeps): Promise<string> {
  const newest = (await logKeys(db)).findLast((one) => one.use === 'log');
  if (newest === undefined) throw notFound('key');
  return newest.verifierKey;
}

/** Every key that the log has signed with, and which key vouches for it. */
export async function keysOf({ db }: LogDeps) {
  return { keys: await logKeys(db) };
}

/**
 * The bytes of a tile: 32 a hash, or the entries themselves, each behind its length.
 *
 * @param path `tile/0/x001/234.p/5`, `tile/entries/000`.
 * @throws ApplicationError BAD_TILE for a path that no log has, NOT_FOUND where this one has not grown
 *         that far.
 */
export async function tileAt({ db }: LogDeps, path: string): Promise<Uint8Array> {
  const address = addressOf(path);
  if (address.kind === 'hashes') {
    const [hashes = null] = address.level > LAST_LEVEL ? [] : await readTiles(db, [address]);
    if (hashes?.length === 32 * address.width) return hashes;
    throw notFound('tile');
  }
  const entries = await readEntries(db, address.index * TILE_WIDTH, address.width);
  if (entries.length !== address.width) throw notFound('bundle');
  return framed(entries);
}

function addressOf(path: string): TileAddress {
  try {
    return parseTilePath(path);
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    throw new ApplicationError('BAD_TILE', 'No log has a tile at this address.');
  }
}

/** Higher ones hold the hashes of more records than a number can count here. */
const LAST_LEVEL = 6;

/** @source C2SP tlog-tiles, Log entries */
function framed(entries: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(
    entries.flatMap((entry) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(entry.length);
      return [length, entry];
    }),
  );
}

export interface Inclusion {
  readonly index: number;
  readonly size: number;
  /** 32 bytes each, from the leaf upwards. */
  readonly hashes: readonly Uint8Array[];
}

/** @throws ApplicationError BAD_PROOF for an index or size that no checkpoint covers. */
export async function inclusionOf(
  deps: LogDeps,
  { index, size }: { readonly index: number; readonly size: number },
): Promise<Inclusion> {
  const published = await publishedSize(deps);
  if (size < 1 || size > published)
    throw badProof(`size is 1 to ${published}, the size of the newest checkpoint`);
  if (index >= size) throw badProof('index is below size');
  const tree = storedTree(deps.db, published);
  return { index, size, hashes: await inclusionProofAt(tree, { index, size }, sha256) };
}

/**
 * The same for a record by its place in a stream.
 *
 * @throws ApplicationError NOT_FOUND where there is no such record, or not yet in a tree of this size.
 */
export async function inclusionAt(
  deps: LogDeps,
  { stream, seq, size }: { readonly stream: string; readonly seq: number; readonly size: number },
): Promise<Inclusion> {
  const index = await leafOf(deps.db, stream, seq);
  if (index === null || index >= size) throw notFound('record in the log');
  return inclusionOf(deps, { index, size });
}

/**
 * The same as a file that is verified without a network: proof and signed checkpoint.
 *
 * @param size of a signed checkpoint; absent: the newest.
 * @throws ApplicationError NOT_FOUND
 * @source C2SP tlog-proof
 */
export async function tlogProofOf(
  deps: LogDeps,
  place: { readonly stream: string; readonly seq: number; readonly size?: number | undefined },
): Promise<Uint8Array> {
  const { size } = place;
  const checkpoint =
    size === undefined ? await newestCheckpointOf(deps) : await checkpointAt(deps.db, size);
  if (checkpoint === null) throw notFound('checkpoint of this size');
  const { index, hashes } = await inclusionAt(deps, { ...place, size: checkpoint.size });
  return formatTlogProof({ index, hashes, checkpoint: Buffer.from(checkpoint.note), extra: null });
}

/** @throws ApplicationError BAD_PROOF for sizes that no checkpoint covers, or the empty log. */
export async function consistencyBetween(
  deps: LogDeps,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<readonly Uint8Array[]> {
  const published = await publishedSize(deps);
  if (to > published)
    throw badProof(`to is at most ${published}, the size of the newest checkpoint`);
  if (from < 1 || from > to) throw badProof('from is 1 to the value of to');
  return consistencyProofAt(storedTree(deps.db, published), { from, to }, sha256);
}

async function publishedSize({ db }: LogDeps): Promise<number> {
  return (await newestCheckpoint(db))?.size ?? 0;
}

function badProof(message: string): ApplicationError {
  return new ApplicationError('BAD_PROOF', `There is no such proof: ${message}.`);
}

/** Who may read every stream. */
const READERS = ['compliance', 'auditor'];

/**
 * The statement for somebody who may know of the stream: how many records it has is not for everybody.
 *
 * @param size absent: of the newest checkpoint.
 * @throws ApplicationError NOT_FOUND, BAD_PROOF.
 */
export async function streamHeadFor(
  deps: Deps & StreamHeadDeps,
  principal: Principal,
  { stream, size }: { readonly stream: string; readonly size: number | undefined },
): Promise<string> {
  const readsAll =
    principal.type === 'person' && principal.roles.some((role) => READERS.includes(role));
  if (!readsAll) await visibleRequest(deps, principal, stream);
  return streamHeadStatement(deps, stream, size ?? (await newestCheckpointOf(deps)).size);
}

export interface StreamHeadDeps extends LogDeps {
  /** Its own key, named as `streamHeadName` says. */
  readonly streamHeadSigner: NoteSigner;
}

/**
 * Signs which record is the last of a stream in the tree of this size.
 *
 * @returns the statement as a signed note.
 * @throws ApplicationError BAD_PROOF, NOT_FOUND where the stream has no record in that tree.
 * @source ledger design 3.9
 */
export async function streamHeadStatement(
  deps: StreamHeadDeps,
  stream: string,
  size: number,
): Promise<string> {
  const published = await publishedSize(deps);
  if (size < 1 || size > published)
    throw badProof(`size is 1 to ${published}, the size of the newest checkpoint`);
  const head = await headAtSize(deps.db, stream, size);
  if (head === null) throw notFound('stream in the log');
  const root = await rootAt(storedTree(deps.db, published), size, sha256);
  const { origin, streamHeadSigner } = deps;
  const note = await signStreamHead({ origin, size, root, stream, ...head }, streamHeadSigner);
  return Buffer.from(note).toString();
}
