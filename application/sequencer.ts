import { sha256 } from '../ledger/hash.ts';
import { appendLeaves, loadRightEdge, edgeRoot, type RightEdge } from '../ledger/tile-tree.ts';
import type { Database } from '../prisma/database.ts';
import {
  collectNarrowTiles,
  dropQueued,
  insertLeaves,
  insertTiles,
  isQueueEmpty,
  lockLogState,
  moveLogState,
  readTiles,
  takeQueue,
  type LeafPlace,
  type LogState,
  type QueuedBatch,
} from '../prisma/log-store.ts';

// Gives every record its place in the log: batches of the queue, one transaction each. Any number of
// sequencers may run; the row of the log's state lets one of them work at a time.
// @source ledger design 3.6

/** Rows of the queue in one transaction, each a few records. */
const BATCH = 512;
const LEAF_BYTES = 32;

/** The tables contradict each other: somebody changed them. Nothing is sequenced until a person looks. */
export class LogCorrupt extends Error {
  readonly code = 'LOG_CORRUPT';
}

export interface Sequencer {
  /**
   * Empties the queue as it is now.
   *
   * @returns how many records got their place.
   * @throws LogCorrupt; what the database throws.
   */
  run(): Promise<number>;
}

/** @param failpoint tests stop the work between two steps with it. */
export function createSequencer(
  db: Database,
  failpoint: (step: SequencerStep) => Promise<void> | void = () => undefined,
): Sequencer {
  let edge: RightEdge | null = null;
  let full = 0;

  async function edgeOf(state: LogState): Promise<RightEdge> {
    if (edge !== null && edge.size === state.size) return edge;
    return checkedEdge(db, state);
  }

  async function batch(): Promise<number> {
    const next = await db.transaction(async (tx) => {
      const state = await lockLogState(tx);
      if (state === null) throw new LogCorrupt('the state of the log is missing');
      await failpoint('locked');
      const queued = await takeQueue(tx, BATCH);
      if (queued.length === 0) return null;
      const before = await edgeOf(state);
      const { places, hashes } = placesOf(queued);
      const { edge: after, tiles } = appendLeaves(before, hashes, sha256);
      await failpoint('computed');
      tx.write(insertLeaves(state.size, places));
      tx.write(insertTiles(tiles));
      tx.write(dropQueued(queued));
      tx.write(
        moveLogState(state, { size: after.size, root: Buffer.from(edgeRoot(after, sha256)) }),
      );
      return { edge: after, count: places.length, full: tiles.filter(isFull).length };
    });
    if (next === null) return 0;
    // Only what is committed is remembered.
    edge = next.edge;
    full += next.full;
    await failpoint('committed');
    return next.count;
  }

  return {
    async run() {
      let placed = 0;
      while (!(await isQueueEmpty(db))) {
        const count = await batch();
        if (count === 0) break; // another sequencer was faster
        placed += count;
      }
      if (full > 0) {
        await collectNarrowTiles(db);
        full = 0;
      }
      return placed;
    },
  };
}

export type SequencerStep = 'locked' | 'computed' | 'committed';

const isFull = ({ width }: { readonly width: number }): boolean => width === 256;

/**
 * The right edge from the stored tiles.
 *
 * @throws LogCorrupt where tiles are missing, or do not give the root of the state.
 */
export async function checkedEdge(
  db: Pick<Database, 'query'>,
  state: LogState,
): Promise<RightEdge> {
  const edge = await loadRightEdge({
    size: state.size,
    readTiles: async (places) =>
      (await readTiles(db, places)).map((tile) => tile ?? new Uint8Array()),
  }).catch((cause: unknown) => {
    throw new LogCorrupt(`tiles at the right edge of size ${state.size} are missing`, { cause });
  });
  if (Buffer.compare(Buffer.from(edgeRoot(edge, sha256)), state.root) !== 0)
    throw new LogCorrupt(`the tiles do not give the root of the log at size ${state.size}`);
  return edge;
}

function placesOf(queued: readonly QueuedBatch[]): {
  readonly places: LeafPlace[];
  readonly hashes: Uint8Array[];
} {
  const places: LeafPlace[] = [];
  const hashes: Uint8Array[] = [];
  const last = new Map<string, number>();
  for (const batch of queued) {
    assertTrue(batch, last.get(batch.stream));
    const count = batch.leafHashes.length / LEAF_BYTES;
    for (let at = 0; at < count; at += 1) {
      places.push({ stream: batch.stream, seq: batch.firstSeq + at });
      hashes.push(batch.leafHashes.subarray(at * LEAF_BYTES, (at + 1) * LEAF_BYTES));
    }
    last.set(batch.stream, batch.firstSeq + count - 1);
  }
  return { places, hashes };
}

/** What is sequenced once stands for ever, so the queue is not believed. */
function assertTrue(batch: QueuedBatch, last: number | undefined): void {
  const where = `row ${batch.qid} of log_queue (stream ${batch.stream}, record ${batch.firstSeq})`;
  if (batch.storedHashes === null || Buffer.compare(batch.storedHashes, batch.leafHashes) !== 0)
    throw new LogCorrupt(`${where}: the record is not the one that was appended`);
  if (!batch.linked) throw new LogCorrupt(`${where}: it does not name the record before it`);
  const follows = last === undefined ? batch.follows : batch.firstSeq === last + 1;
  if (!follows) throw new LogCorrupt(`${where}: the record before it has no place in the log`);
}
