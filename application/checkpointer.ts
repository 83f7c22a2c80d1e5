import { HASH_BYTES, toHex } from '../ledger/encoding.ts';
import { LedgerError } from '../ledger/error.ts';
import { commandKey, sha256 } from '../ledger/hash.ts';
import type { NoteSigner } from '../ledger/note.ts';
import { signHead, type SignerMemory } from '../ledger/signer.ts';
import { TILE_WIDTH } from '../ledger/tile.ts';
import { consistencyProofAt, type ComputedNodes, type TileTree } from '../ledger/tile-tree.ts';
import type { Database } from '../prisma/database.ts';
import {
  checkpointAt,
  insertCheckpoint,
  isQueueEmpty,
  newestCheckpoint,
  readLogState,
  readTiles,
  type LogState,
  type StoredCheckpoint,
  type TilePlace,
} from '../prisma/log-store.ts';
import type { Deps } from './deps.ts';
import { LogCorrupt } from './sequencer.ts';
import { sealSystemRecord, SYSTEM_AUTHOR } from './system-stream.ts';
import { toMillis } from '../domain/instant.ts';

// Publishes: asks the signer for a checkpoint of what the sequencer has made, and stores it. One at a
// time signs; the others look on and take over when it is gone.
// @source ledger design 3.7

export interface CheckpointerDeps extends Pick<Deps, 'db' | 'now' | 'origin' | 'software'> {
  /** Keys of the log as they are now; during a rotation, two. */
  readonly keys: () => Promise<readonly NoteSigner[]>;
  readonly memory: SignerMemory;
}

/** One key of PostgreSQL's advisory locks: whose turn it is to sign. */
const TURN = 7_203_116;
/** After this much silence a record says that the log still lives. */
const SILENCE_MS = 600_000;

/**
 * One turn: a checkpoint of the log as it is now, where there is news.
 *
 * @returns the new checkpoint; null where there was nothing to sign, or another one has the turn.
 * @throws LedgerError SIGNER_REFUSED; LogCorrupt where what is stored is not what was signed.
 */
export async function signNews(deps: CheckpointerDeps): Promise<StoredCheckpoint | null> {
  return deps.db.transaction(async (tx) => {
    const rows = await tx.query<{ mine: boolean }>({
      text: `SELECT pg_try_advisory_xact_lock(${TURN}) AS mine`,
      values: [],
    });
    return rows[0]?.mine === true ? signInTurn(deps) : null;
  });
}

async function signInTurn(deps: CheckpointerDeps): Promise<StoredCheckpoint | null> {
  const { db, origin, memory } = deps;
  const [state, newest, last] = await Promise.all([
    currentState(db),
    newestCheckpoint(db),
    memory.read(),
  ]);
  if (last === null && newest !== null) throw memoryLost(newest.size);
  if (last !== null && newest !== null) await assertKnown(db, newest, last);
  const isNews = newest === null || newest.size !== state.size;
  const isRemembered = last !== null && last.size === state.size && sameRoot(last, state);
  if (!isNews && isRemembered) return null;
  const head = { origin, size: state.size, root: state.root };
  const proof = await extensionProof(db, last?.size ?? 0, state);
  const note = await signHead({ keys: await deps.keys(), memory }, { head, proof });
  return publish(deps, state, Buffer.from(note).toString());
}

/** A signer that has forgotten cannot see that the log was set back. */
export function memoryLost(size: number): LedgerError {
  return new LedgerError(
    'SIGNER_REFUSED',
    `the signer has no memory, but the log was signed at size ${size}: bring its memory back, or compare the newest checkpoint with one kept elsewhere and run npm run log:adopt`,
  );
}

async function currentState(db: Database): Promise<LogState> {
  const state = await readLogState(db);
  if (state === null) throw new LogCorrupt('the state of the log is missing');
  return state;
}

/** What is stored at the size of the signer's memory must be what it signed. */
async function assertKnown(
  db: Database,
  newest: StoredCheckpoint,
  last: { readonly size: number; readonly root: Uint8Array },
): Promise<void> {
  const stored = newest.size === last.size ? newest : await checkpointAt(db, last.size);
  if (stored !== null && !sameRoot(stored, last))
    throw new LogCorrupt(`the stored checkpoint of size ${last.size} is not the one signed`);
}

function sameRoot(
  one: { readonly root: Uint8Array },
  other: { readonly root: Uint8Array },
): boolean {
  return toHex(one.root) === toHex(other.root);
}

async function extensionProof(
  db: Database,
  from: number,
  { size }: LogState,
): Promise<readonly Uint8Array[]> {
  if (from === 0 || from >= size) return []; // the signer itself refuses a smaller tree
  // Who signs believes no memory but the signer's own: every tile is read anew.
  const tree = { size, readTiles: (places: readonly TilePlace[]) => tilesOf(db, places) };
  return consistencyProofAt(tree, { from, to: size }, sha256);
}

async function tilesOf(
  db: Pick<Database, 'query'>,
  places: readonly TilePlace[],
): Promise<Uint8Array[]> {
  return (await readTiles(db, places)).map((tile) => tile ?? new Uint8Array());
}

/** Each has 8 kB, and up to three times that in what is computed inside: those above 30 million records. */
const KEPT_TILES = 512;

/** Tiles of one database that proofs need again and again; a tile of this width never changes. */
interface KeptTiles {
  readonly tiles: Map<string, Uint8Array>;
  readonly computed: ComputedNodes;
}

const KEPT = new WeakMap<object, KeptTiles>();

/**
 * The stored tree as the proofs of `ledger/` read it. Upper tiles and the right edge are kept in memory,
 * so that a proof reads one tile however large the log is.
 */
export function storedTree(db: Pick<Database, 'query'>, size: number): TileTree {
  const kept = KEPT.get(db) ?? { tiles: new Map(), computed: new WeakMap() };
  KEPT.set(db, kept);
  return {
    size,
    readTiles: (places) => throughKept(db, kept.tiles, places),
    computed: kept.computed,
  };
}

async function throughKept(
  db: Pick<Database, 'query'>,
  kept: Map<string, Uint8Array>,
  places: readonly TilePlace[],
): Promise<Uint8Array[]> {
  // Looked up before anything is waited for: somebody else's tile may push one out meanwhile.
  const tiles = places.map((place) => kept.get(keyOf(place)));
  const missing = places.filter((_, at) => tiles[at] === undefined);
  const read = missing.length === 0 ? [] : await tilesOf(db, missing);
  for (const [at, place] of missing.entries()) {
    const tile = read[at] as Uint8Array;
    const isShared = place.level > 0 || place.width < TILE_WIDTH;
    if (isShared && tile.length === HASH_BYTES * place.width) keep(kept, keyOf(place), tile);
  }
  const next = read[Symbol.iterator]();
  return tiles.map((tile) => tile ?? (next.next().value as Uint8Array));
}

function keyOf({ level, index, width }: TilePlace): string {
  return `${level}/${index}/${width}`;
}

function keep(kept: Map<string, Uint8Array>, key: string, tile: Uint8Array): void {
  const [oldest] = kept.keys();
  if (kept.size >= KEPT_TILES && oldest !== undefined) kept.delete(oldest);
  kept.set(key, tile);
}

async function publish(
  { db, now }: CheckpointerDeps,
  { size, root }: LogState,
  note: string,
): Promise<StoredCheckpoint | null> {
  const checkpoint = { size, root, note, signedAt: now() };
  if (await insertCheckpoint(db, checkpoint)) return checkpoint;
  const stored = await checkpointAt(db, size);
  if (stored !== null && sameRoot(stored, checkpoint)) return null; // signed before a crash or a rotation
  throw new LogCorrupt(`a checkpoint of size ${size} with another root is stored`);
}

/**
 * Seals a heartbeat where nothing else was published for ten minutes: signing the same head again would
 * give the same bytes and show nothing.
 *
 * @source log-tools.md S-24
 */
export async function breakSilence(deps: CheckpointerDeps): Promise<boolean> {
  const newest = await newestCheckpoint(deps.db);
  if (newest === null || !(await isQueueEmpty(deps.db))) return false;
  const silence = toMillis(deps.now()) - toMillis(newest.signedAt);
  if (silence < SILENCE_MS) return false;
  const state = await readLogState(deps.db);
  if (state?.size !== newest.size) return false; // news, not silence
  const sealed = await sealSystemRecord(deps, {
    ...SYSTEM_AUTHOR,
    kind: 'heartbeat',
    cmd: commandKey('heartbeat', String(newest.size)),
    body: {
      size: newest.size,
      root: newest.root.toString('hex'),
      silent_seconds: Math.floor(silence / 1_000),
      queued: 0,
    },
  });
  return sealed !== null;
}
