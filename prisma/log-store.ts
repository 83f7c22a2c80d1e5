import type { Instant } from '../domain/instant.ts';
import type { Database } from './database.ts';
import { LOG_ID } from './ledger-store.ts';
import type { Fragment, Tx } from './transaction.ts';

// The log on PostgreSQL: the queue that appends leave behind, the order of all records, the tiles of the
// tree, checkpoints and keys. Sizes and indexes stay below 2^53; hashes are 32 bytes.

export interface LogState {
  readonly size: number;
  readonly root: Buffer;
}

/** What one commit appended to one stream. */
export interface QueuedBatch {
  readonly qid: string;
  readonly stream: string;
  readonly firstSeq: number;
  /** 32 bytes a record. */
  readonly leafHashes: Buffer;
  /** The same from the records themselves; null where none of them is there. */
  readonly storedHashes: Buffer | null;
  /** Does each of these records name the one before it, and is that one there? */
  readonly linked: boolean;
  /** Has the record before the first of these a place in the log, or needs none? */
  readonly follows: boolean;
}

export interface StoredTile {
  readonly level: number;
  readonly index: number;
  readonly width: number;
  readonly hashes: Uint8Array;
}

export interface LeafPlace {
  readonly stream: string;
  readonly seq: number;
}

export interface StoredCheckpoint {
  readonly size: number;
  readonly root: Buffer;
  readonly note: string;
  readonly signedAt: Instant;
}

type StateRow = { readonly size: string; readonly root: Buffer };

const stateOf = (row: StateRow): LogState => ({ size: Number(row.size), root: row.root });

// ---- sequencing ----------------------------------------------------------------------------------

/** Whoever holds this row may give places; everybody else waits. */
export async function lockLogState(tx: Tx): Promise<LogState | null> {
  const rows = await tx.query<StateRow>({
    text: `SELECT size, root FROM log_state WHERE log_id = ${LOG_ID} FOR UPDATE`,
    values: [],
  });
  return rows[0] === undefined ? null : stateOf(rows[0]);
}

/** The oldest part of the queue, held against the records that it speaks of. */
export async function takeQueue(tx: Tx, limit: number): Promise<QueuedBatch[]> {
  const rows = await tx.query<{
    qid: string;
    stream_id: string;
    first_seq: number;
    leaf_hashes: Buffer;
    stored: Buffer | null;
    linked: boolean | null;
    follows: boolean;
  }>({
    text: `SELECT q.qid, q.stream_id, q.first_seq, q.leaf_hashes, r.stored, r.linked,
        q.first_seq = 0 OR EXISTS (SELECT FROM log_leaf l WHERE l.log_id = ${LOG_ID}
          AND l.stream_id = q.stream_id AND l.seq = q.first_seq - 1) AS follows
      FROM (SELECT * FROM log_queue WHERE log_id = ${LOG_ID} ORDER BY qid LIMIT $1) q
      CROSS JOIN LATERAL (
        SELECT string_agg(r.leaf_hash, ''::bytea ORDER BY r.seq) AS stored,
          bool_and(CASE WHEN r.seq = 0 THEN r.prev_hash IS NULL
            ELSE coalesce(r.prev_hash = p.leaf_hash, false) END) AS linked
          FROM ledger_record r
          LEFT JOIN ledger_record p
            ON p.log_id = ${LOG_ID} AND p.stream_id = r.stream_id AND p.seq = r.seq - 1
          WHERE r.log_id = ${LOG_ID} AND r.stream_id = q.stream_id
            AND r.seq >= q.first_seq AND r.seq < q.first_seq + octet_length(q.leaf_hashes) / 32
      ) r
      ORDER BY q.qid`,
    values: [limit],
  });
  return rows.map((row) => ({
    qid: row.qid,
    stream: row.stream_id,
    firstSeq: row.first_seq,
    leafHashes: row.leaf_hashes,
    storedHashes: row.stored,
    linked: row.linked === true,
    follows: row.follows,
  }));
}

/** @param from index of the first of them. */
export function insertLeaves(from: number, places: readonly LeafPlace[]): Fragment {
  return {
    text: `INSERT INTO log_leaf (log_id, leaf_index, stream_id, seq)
      SELECT ${LOG_ID}, $1::bigint + place - 1, stream, seq
        FROM unnest($2::uuid[], $3::int[]) WITH ORDINALITY AS t (stream, seq, place)`,
    values: [from, places.map((one) => one.stream), places.map((one) => one.seq)],
  };
}

export function insertTiles(tiles: readonly StoredTile[]): Fragment {
  return {
    text: `INSERT INTO log_tile (log_id, level, idx, width, hashes)
      SELECT ${LOG_ID}, * FROM unnest($1::smallint[], $2::bigint[], $3::smallint[], $4::bytea[])`,
    values: [
      tiles.map((one) => one.level),
      tiles.map((one) => one.index),
      tiles.map((one) => one.width),
      tiles.map((one) => Buffer.from(one.hashes)),
    ],
  };
}

export function dropQueued(batches: readonly QueuedBatch[]): Fragment {
  return {
    text: 'DELETE FROM log_queue WHERE qid = ANY($1::bigint[])',
    values: [batches.map((one) => one.qid)],
  };
}

export function moveLogState(from: LogState, to: LogState): Fragment {
  return {
    text: `UPDATE log_state SET size = $2, root = $3 WHERE log_id = ${LOG_ID} AND size = $1`,
    values: [from.size, to.size, to.root],
  };
}

/** Narrow tiles whose full one is there; they are served from it. */
export async function collectNarrowTiles(db: Database): Promise<void> {
  await db.query(
    `DELETE FROM log_tile n USING log_tile f
      WHERE n.log_id = ${LOG_ID} AND n.width < 256 AND f.log_id = ${LOG_ID} AND f.level = n.level
        AND f.idx = n.idx AND f.width = 256`,
  );
}

/** Is anything waiting for its place? Cheaper than taking the lock to see. */
export async function isQueueEmpty(db: Database): Promise<boolean> {
  const rows = await db.query<{ waiting: boolean }>(
    `SELECT EXISTS (SELECT FROM log_queue WHERE log_id = ${LOG_ID}) AS waiting`,
  );
  return rows[0]?.waiting !== true;
}

// ---- reading -------------------------------------------------------------------------------------

export async function readLogState(db: Database): Promise<LogState | null> {
  const rows = await db.query<StateRow>(
    `SELECT size, root FROM log_state WHERE log_id = ${LOG_ID}`,
  );
  return rows[0] === undefined ? null : stateOf(rows[0]);
}

export interface TilePlace {
  readonly level: number;
  readonly index: number;
  readonly width: number;
}

/**
 * The first `width` hashes of each tile, from whichever stored width holds them.
 *
 * @returns in the order asked for; null where there are not that many yet.
 */
export async function readTiles(
  db: Pick<Database, 'query'>,
  places: readonly TilePlace[],
): Promise<(Buffer | null)[]> {
  const rows = await db.query<{ hashes: Buffer | null }>(
    `SELECT (SELECT substr(t.hashes, 1, 32 * p.width) FROM log_tile t
        WHERE t.log_id = ${LOG_ID} AND t.level = p.level AND t.idx = p.idx AND t.width >= p.width
        ORDER BY t.width LIMIT 1) AS hashes
      FROM unnest($1::smallint[], $2::bigint[], $3::int[]) WITH ORDINALITY AS p (level, idx, width, place)
      ORDER BY p.place`,
    [
      places.map((one) => one.level),
      places.map((one) => one.index),
      places.map((one) => one.width),
    ],
  );
  return rows.map((row) => row.hashes);
}

/** Exact bytes of the records at `from` to `from + count - 1`, in order of the log. */
export async function readEntries(db: Database, from: number, count: number): Promise<Buffer[]> {
  const rows = await db.query<{ bytes: Buffer }>(
    `SELECT r.bytes FROM log_leaf l
      JOIN ledger_record r ON r.log_id = ${LOG_ID} AND r.stream_id = l.stream_id AND r.seq = l.seq
      WHERE l.log_id = ${LOG_ID} AND l.leaf_index >= $1 AND l.leaf_index < $2
      ORDER BY l.leaf_index`,
    [from, from + count],
  );
  return rows.map((row) => row.bytes);
}

/** Places of a stream's records by `seq`; those that are not sequenced yet are missing. */
export async function leavesOf(db: Database, stream: string): Promise<Map<number, number>> {
  const rows = await db.query<{ seq: number; leaf_index: string }>(
    `SELECT seq, leaf_index FROM log_leaf WHERE log_id = ${LOG_ID} AND stream_id = $1`,
    [stream],
  );
  return new Map(rows.map((row) => [row.seq, Number(row.leaf_index)]));
}

/** The place of one record; null until it is sequenced. */
export async function leafOf(db: Database, stream: string, seq: number): Promise<number | null> {
  const rows = await db.query<{ leaf_index: string }>(
    `SELECT leaf_index FROM log_leaf WHERE log_id = ${LOG_ID} AND stream_id = $1 AND seq = $2`,
    [stream, seq],
  );
  return rows[0] === undefined ? null : Number(rows[0].leaf_index);
}

/** The last record of a stream among the first `size` of the log. */
export async function headAtSize(
  db: Database,
  stream: string,
  size: number,
): Promise<{ readonly seq: number; readonly leafHash: string } | null> {
  const rows = await db.query<{ seq: number; leaf_hash: Buffer }>(
    `SELECT r.seq, r.leaf_hash FROM log_leaf l
      JOIN ledger_record r ON r.log_id = ${LOG_ID} AND r.stream_id = l.stream_id AND r.seq = l.seq
      WHERE l.log_id = ${LOG_ID} AND l.stream_id = $1 AND l.leaf_index < $2
      ORDER BY l.seq DESC LIMIT 1`,
    [stream, size],
  );
  const row = rows[0];
  return row === undefined ? null : { seq: row.seq, leafHash: row.leaf_hash.toString('hex') };
}

// ---- checkpoints and keys ------------------------------------------------------------------------

type CheckpointRow = { size: string; root: Buffer; note: string; signed_at: Instant };

const checkpointOf = (row: CheckpointRow): StoredCheckpoint => ({
  size: Number(row.size),
  root: row.root,
  note: row.note,
  signedAt: row.signed_at,
});

export async function newestCheckpoint(db: Database): Promise<StoredCheckpoint | null> {
  const rows = await db.query<CheckpointRow>(
    `SELECT size, root, note, signed_at FROM log_checkpoint WHERE log_id = ${LOG_ID}
      ORDER BY size DESC LIMIT 1`,
  );
  return rows[0] === undefined ? null : checkpointOf(rows[0]);
}

/** The checkpoint of exactly this size. */
export async function checkpointAt(db: Database, size: number): Promise<StoredCheckpoint | null> {
  const rows = await db.query<CheckpointRow>(
    `SELECT size, root, note, signed_at FROM log_checkpoint WHERE log_id = ${LOG_ID} AND size = $1`,
    [size],
  );
  return rows[0] === undefined ? null : checkpointOf(rows[0]);
}

/** @returns false where a note of this size is there already; it stays. */
export async function insertCheckpoint(db: Database, one: StoredCheckpoint): Promise<boolean> {
  const rows = await db.query(
    `INSERT INTO log_checkpoint (log_id, size, root, note, signed_at)
      VALUES (${LOG_ID}, $1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING 1`,
    [one.size, one.root, one.note, one.signedAt],
  );
  return rows.length === 1;
}

export type KeyUse = 'log' | 'stream_head';

export interface StoredKey {
  /** C2SP verifier key, one line. */
  readonly verifierKey: string;
  readonly use: KeyUse;
  /** Size of the log from which on it signs. */
  readonly fromSize: number;
  /** A note by the key before it, which names this one; null for the first. */
  readonly endorsement: string | null;
}

/** Every key that the log has signed with, the oldest first. */
export async function logKeys(db: Database): Promise<StoredKey[]> {
  const rows = await db.query<{
    verifier_key: string;
    use: KeyUse;
    from_size: string;
    endorsement: string | null;
  }>(
    `SELECT verifier_key, use, from_size, endorsement FROM log_key WHERE log_id = ${LOG_ID}
      ORDER BY created_at, from_size`,
  );
  return rows.map((row) => ({
    verifierKey: row.verifier_key,
    use: row.use,
    fromSize: Number(row.from_size),
    endorsement: row.endorsement,
  }));
}

export function insertLogKey(key: StoredKey, createdAt: Instant): Fragment {
  return {
    text: `INSERT INTO log_key (log_id, verifier_key, use, from_size, endorsement, created_at)
      VALUES (${LOG_ID}, $1, $2, $3, $4, $5)`,
    values: [key.verifierKey, key.use, key.fromSize, key.endorsement, createdAt],
  };
}

// ---- how it is doing -----------------------------------------------------------------------------

export interface LogLag {
  /** Records without a place in the log. */
  readonly waiting: number;
  readonly size: number;
  readonly published: number;
}

export async function readLag(db: Database): Promise<LogLag> {
  const rows = await db.query<{ waiting: string; size: string; published: string }>(
    `SELECT (SELECT coalesce(sum(octet_length(leaf_hashes) / 32), 0) FROM log_queue
          WHERE log_id = ${LOG_ID}) AS waiting,
        (SELECT size FROM log_state WHERE log_id = ${LOG_ID}) AS size,
        (SELECT coalesce(max(size), 0) FROM log_checkpoint WHERE log_id = ${LOG_ID}) AS published`,
  );
  const row = rows[0];
  return {
    waiting: Number(row?.waiting ?? 0),
    size: Number(row?.size ?? 0),
    published: Number(row?.published ?? 0),
  };
}
