import type { Tile } from '../ledger/tile-tree.ts';
import type { LogSource, StoredLeaf, StoredRow, StoredStream } from '../ledger/fsck.ts';
import { LOG_ID } from './ledger-store.ts';
import type { Tx } from './transaction.ts';

/** Rows of one read: some megabytes at most. */
const RECORDS_AT_ONCE = 2_000;
const LEAVES_AT_ONCE = 16_384;
const UNPLACED_SHOWN = 20;

/**
 * Everything that is stored of the log, as the moment saw it in which the transaction first read: nothing
 * that goes on meanwhile is mistaken for damage.
 *
 * @param tx that has done nothing yet.
 */
export async function openLogSource(tx: Tx): Promise<LogSource> {
  await tx.query({
    text: 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY',
    values: [],
  });
  const [state] = await tx.query<{ size: string; root: Buffer }>({
    text: `SELECT size, root FROM log_state WHERE log_id = ${LOG_ID}`,
    values: [],
  });
  if (state === undefined) throw new TypeError('the database has no log');
  const checkpoints = await tx.query<{ size: string; root: Buffer; note: string }>({
    text: `SELECT size, root, note FROM log_checkpoint WHERE log_id = ${LOG_ID} ORDER BY size`,
    values: [],
  });
  return {
    state: { size: Number(state.size), root: state.root },
    checkpoints: checkpoints.map(({ size, root, note }) => ({
      size: Number(size),
      root,
      note: Buffer.from(note),
    })),
    streams: () => streams(tx),
    leaves: () => leaves(tx),
    tiles: (level, from, to) => tiles(tx, { level, from, to }),
    strayTiles: () => strayTiles(tx, Number(state.size)),
    strayQueue: () => strayQueue(tx),
    unplaced: () => unplaced(tx),
  };
}

/** Digests as they are compared, so that nobody turns them into bytes and back. */
interface RecordRow {
  readonly stream_id: string;
  readonly seq: number;
  readonly cmd: string;
  readonly leaf_hash: string;
  readonly prev_hash: string | null;
  readonly bytes: string;
}

async function* streams(tx: Tx): AsyncIterable<StoredStream> {
  let stream = '';
  let rows: StoredRow[] = [];
  for await (const page of readAhead(NO_STREAM, (after) => recordsAfter(tx, after), lastRecord)) {
    for (const row of page) {
      if (row.stream_id !== stream && rows.length > 0) {
        yield { stream, rows };
        rows = [];
      }
      stream = row.stream_id;
      rows.push(toStored(row));
    }
  }
  if (rows.length > 0) yield { stream, rows };
}

type RecordPlace = readonly [stream: string, seq: number];

const NO_STREAM: RecordPlace = ['00000000-0000-0000-0000-000000000000', -1];
const lastRecord = (row: RecordRow): RecordPlace => [row.stream_id, row.seq];

/** Bytes travel as `escape` writes them: half as long as hex, and records are ASCII. */
function recordsAfter(tx: Tx, after: RecordPlace): Promise<RecordRow[]> {
  return tx.query<RecordRow & Record<string, unknown>>({
    text: `SELECT stream_id, seq, encode(cmd, 'hex') AS cmd, encode(leaf_hash, 'hex') AS leaf_hash,
        encode(prev_hash, 'hex') AS prev_hash, encode(bytes, 'escape') AS bytes
      FROM ledger_record
      WHERE log_id = ${LOG_ID} AND (stream_id, seq) > ($1::uuid, $2::int)
      ORDER BY stream_id, seq LIMIT ${RECORDS_AT_ONCE}`,
    values: after,
  });
}

function toStored({ seq, cmd, leaf_hash, prev_hash, bytes }: RecordRow): StoredRow {
  return { seq, cmd, leafHash: leaf_hash, prev: prev_hash, bytes: unescaped(bytes) };
}

/** `\\` is a backslash, `\377` the byte of this octal number; everything else is ASCII and itself. */
function unescaped(text: string): Buffer {
  if (!text.includes('\\')) return Buffer.from(text, 'latin1');
  const plain = text.replace(/\\(\\|[0-7]{3})/g, (_, escaped: string) =>
    escaped === '\\' ? escaped : String.fromCharCode(Number.parseInt(escaped, 8)),
  );
  return Buffer.from(plain, 'latin1');
}

/**
 * Pages one after the other; while the caller works on one, the database finds the next.
 *
 * @param first comes before every row. @param placeOf where the page after this row begins.
 */
async function* readAhead<R, P>(
  first: P,
  pageAfter: (place: P) => Promise<R[]>,
  placeOf: (row: R) => P,
): AsyncIterable<readonly R[]> {
  let page = await pageAfter(first);
  for (let last = page.at(-1); last !== undefined; last = page.at(-1)) {
    const next = pageAfter(placeOf(last));
    next.catch(() => undefined); // whoever stops reading does not hear of it any more
    yield page;
    page = await next;
  }
}

interface LeafRow {
  readonly leaf_index: string;
  readonly stream_id: string;
  readonly seq: number;
  readonly leaf_hash: Buffer | null;
}

async function* leaves(tx: Tx): AsyncIterable<readonly StoredLeaf[]> {
  const pageAfter = (after: number): Promise<LeafRow[]> => leavesAfter(tx, after);
  for await (const page of readAhead(-1, pageAfter, (row) => Number(row.leaf_index)))
    yield page.map((row) => ({
      index: Number(row.leaf_index),
      stream: row.stream_id,
      seq: row.seq,
      leafHash: row.leaf_hash,
    }));
}

function leavesAfter(tx: Tx, after: number): Promise<LeafRow[]> {
  return tx.query<LeafRow & Record<string, unknown>>({
    text: `SELECT l.leaf_index, l.stream_id, l.seq, r.leaf_hash
      FROM (SELECT * FROM log_leaf WHERE log_id = ${LOG_ID} AND leaf_index > $1
        ORDER BY leaf_index LIMIT ${LEAVES_AT_ONCE}) l
      LEFT JOIN ledger_record r
        ON r.log_id = ${LOG_ID} AND r.stream_id = l.stream_id AND r.seq = l.seq
      ORDER BY l.leaf_index`,
    values: [after],
  });
}

async function tiles(
  tx: Tx,
  { level, from, to }: { readonly level: number; readonly from: number; readonly to: number },
): Promise<readonly Tile[]> {
  const rows = await tx.query<{ idx: string; width: number; hashes: Buffer }>({
    text: `SELECT idx, width, hashes FROM log_tile
      WHERE log_id = ${LOG_ID} AND level = $1 AND idx BETWEEN $2 AND $3 ORDER BY idx, width`,
    values: [level, from, to],
  });
  return rows.map(({ idx, width, hashes }) => ({ level, index: Number(idx), width, hashes }));
}

async function unplaced(tx: Tx): Promise<readonly { stream: string; seq: number }[]> {
  const rows = await tx.query<{ stream_id: string; seq: number }>({
    text: `SELECT r.stream_id, r.seq FROM ledger_record r
      WHERE r.log_id = ${LOG_ID}
        AND NOT EXISTS (SELECT FROM log_leaf l WHERE l.log_id = ${LOG_ID}
          AND l.stream_id = r.stream_id AND l.seq = r.seq)
        AND NOT EXISTS (SELECT FROM log_queue q WHERE q.log_id = ${LOG_ID}
          AND q.stream_id = r.stream_id AND r.seq >= q.first_seq
          AND r.seq < q.first_seq + octet_length(q.leaf_hashes) / 32)
      LIMIT ${UNPLACED_SHOWN}`,
    values: [],
  });
  return rows.map(({ stream_id, seq }) => ({ stream: stream_id, seq }));
}

async function strayTiles(
  tx: Tx,
  size: number,
): Promise<readonly { level: number; index: number; width: number }[]> {
  const rows = await tx.query<{ level: number; idx: string; width: number }>({
    text: `SELECT level, idx, width FROM log_tile
      WHERE log_id = ${LOG_ID} AND (idx::numeric * 256 + width) * (256::numeric ^ level) > $1
      ORDER BY level, idx, width LIMIT ${UNPLACED_SHOWN}`,
    values: [size],
  });
  return rows.map(({ level, idx, width }) => ({ level, index: Number(idx), width }));
}

async function strayQueue(tx: Tx): Promise<readonly { stream: string; seq: number }[]> {
  const rows = await tx.query<{ stream_id: string; first_seq: number }>({
    text: `SELECT q.stream_id, q.first_seq FROM log_queue q
      WHERE q.log_id = ${LOG_ID} AND q.leaf_hashes IS DISTINCT FROM (
        SELECT string_agg(r.leaf_hash, ''::bytea ORDER BY r.seq) FROM ledger_record r
          WHERE r.log_id = ${LOG_ID} AND r.stream_id = q.stream_id AND r.seq >= q.first_seq
            AND r.seq < q.first_seq + octet_length(q.leaf_hashes) / 32)
      ORDER BY q.qid LIMIT ${UNPLACED_SHOWN}`,
    values: [],
  });
  return rows.map(({ stream_id, first_seq }) => ({ stream: stream_id, seq: first_seq }));
}
