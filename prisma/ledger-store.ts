import type { SealedRecord } from '../ledger/append.ts';
import type { Database } from './database.ts';
import type { Fragment, Tx } from './transaction.ts';

/** The one log of this installation (one organisation, one origin). */
export const LOG_ID = 1;

/** Salt and value behind one commitment of one record, encrypted. */
export interface StoredOpening {
  readonly stream: string;
  readonly seq: number;
  readonly path: string;
  readonly ciphertext: Uint8Array;
  readonly dekId: string;
}

/** Salt and value behind the commitment that stands for one identity in one stream, encrypted. */
export interface StoredReference {
  readonly stream: string;
  /** `person:<id>` or `app:<id>`. */
  readonly subject: string;
  /** 64 lower-case hex characters. */
  readonly c: string;
  readonly ciphertext: Uint8Array;
  readonly dekId: string;
}

export interface StoredHead {
  readonly seq: number;
  readonly leafHash: string;
}

/** The newest record of a stream with its time: time never runs backwards in a stream. */
export interface TimedHead extends StoredHead {
  readonly ts: string;
}

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

/** Consecutive records of one stream with their place in the queue of the log; never none. */
export function insertRecords(records: readonly SealedRecord[]): Fragment[] {
  const stream = records[0]?.stream;
  return [
    {
      text: `INSERT INTO ledger_record (log_id, stream_id, seq, cmd, input_hash, leaf_hash, prev_hash, bytes)
        VALUES ${rowsOf(records.length, ['int', 'bytea', 'bytea', 'bytea', 'bytea', 'bytea'])}`,
      values: [
        stream,
        ...records.flatMap((record) => [
          record.seq,
          hex(record.cmd),
          hex(record.inputHash),
          hex(record.leafHash),
          record.prev === null ? null : hex(record.prev),
          record.bytes,
        ]),
      ],
    },
    {
      text: `INSERT INTO log_queue (log_id, stream_id, first_seq, leaf_hashes)
        VALUES (${LOG_ID}, $1::uuid, $2::int, $3::bytea)`,
      values: [
        stream,
        records[0]?.seq,
        Buffer.concat(records.map((record) => hex(record.leafHash))),
      ],
    },
  ];
}

/**
 * `(log, $1, $2, $3), (log, $1, $4, $5)`: rows of one stream as parameters of their own, which travel in
 * binary; an array of `bytea` would be written and read as text.
 */
function rowsOf(count: number, casts: readonly string[]): string {
  const row = (index: number): string => {
    const places = casts.map((cast, at) => `$${index * casts.length + at + 2}::${cast}`);
    return `(${LOG_ID}, $1::uuid, ${places.join(', ')})`;
  };
  return Array.from({ length: count }, (_, index) => row(index)).join(', ');
}

export function insertOpenings(openings: readonly StoredOpening[]): Fragment {
  return {
    text: `INSERT INTO opening (log_id, stream_id, seq, path, ciphertext, dek_id)
      SELECT ${LOG_ID}, * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::bytea[], $5::uuid[])`,
    values: [
      openings.map((one) => one.stream),
      openings.map((one) => one.seq),
      openings.map((one) => one.path),
      openings.map((one) => one.ciphertext),
      openings.map((one) => one.dekId),
    ],
  };
}

export function insertReferences(references: readonly StoredReference[]): Fragment {
  return {
    text: `INSERT INTO reference (log_id, stream_id, subject, commitment, ciphertext, dek_id)
      SELECT ${LOG_ID}, * FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::bytea[], $5::uuid[])`,
    values: [
      references.map((one) => one.stream),
      references.map((one) => one.subject),
      references.map((one) => hex(one.c)),
      references.map((one) => one.ciphertext),
      references.map((one) => one.dekId),
    ],
  };
}

/** The newest record of a stream; the caller holds whatever lock keeps others from appending. */
export async function streamHead(tx: Tx, stream: string): Promise<TimedHead | null> {
  const rows = await tx.query<{ seq: number; leaf_hash: Buffer; bytes: Buffer }>({
    text: `SELECT seq, leaf_hash, bytes FROM ledger_record
      WHERE log_id = ${LOG_ID} AND stream_id = $1 ORDER BY seq DESC LIMIT 1`,
    values: [stream],
  });
  const row = rows[0];
  if (row === undefined) return null;
  const { ts } = JSON.parse(row.bytes.toString()) as { ts: string };
  return { seq: row.seq, leafHash: row.leaf_hash.toString('hex'), ts };
}

/** Commitments of one stream by subject. */
export async function referencesOf(tx: Tx, stream: string): Promise<Map<string, string>> {
  const rows = await tx.query<{ subject: string; commitment: Buffer }>({
    text: `SELECT subject, commitment FROM reference WHERE log_id = ${LOG_ID} AND stream_id = $1`,
    values: [stream],
  });
  return new Map(rows.map((row) => [row.subject, row.commitment.toString('hex')]));
}

/** One record of a chain as it lies in the table, unchecked. */
export interface StoredRecord {
  readonly seq: number;
  readonly leafHash: string;
  readonly bytes: Buffer;
}

/** All records of a stream in order. */
export async function recordsOf(db: Database, stream: string): Promise<StoredRecord[]> {
  const rows = await db.query<{ seq: number; leaf_hash: Buffer; bytes: Buffer }>(
    `SELECT seq, leaf_hash, bytes FROM ledger_record
      WHERE log_id = ${LOG_ID} AND stream_id = $1 ORDER BY seq`,
    [stream],
  );
  return rows.map((row) => ({
    seq: row.seq,
    leafHash: row.leaf_hash.toString('hex'),
    bytes: row.bytes,
  }));
}

export async function openingsOf(db: Database, stream: string): Promise<StoredOpening[]> {
  const rows = await db.query<{ seq: number; path: string; ciphertext: Buffer; dek_id: string }>(
    `SELECT seq, path, ciphertext, dek_id FROM opening
      WHERE log_id = ${LOG_ID} AND stream_id = $1 ORDER BY seq, path`,
    [stream],
  );
  return rows.map(({ dek_id, ...row }) => ({ stream, ...row, dekId: dek_id }));
}

export async function storedReferencesOf(db: Database, stream: string): Promise<StoredReference[]> {
  const rows = await db.query<{
    subject: string;
    commitment: Buffer;
    ciphertext: Buffer;
    dek_id: string;
  }>(
    `SELECT subject, commitment, ciphertext, dek_id FROM reference
      WHERE log_id = ${LOG_ID} AND stream_id = $1 ORDER BY subject`,
    [stream],
  );
  return rows.map((row) => ({
    stream,
    subject: row.subject,
    c: row.commitment.toString('hex'),
    ciphertext: row.ciphertext,
    dekId: row.dek_id,
  }));
}

/** @returns the log's origin, or null before the first start. */
export async function logOrigin(db: Database): Promise<string | null> {
  const log = await db.prisma.ledgerLog.findUnique({ where: { logId: LOG_ID } });
  return log?.origin ?? null;
}

/** When this installation's log began. @throws TypeError before the first start. */
export async function logStartedAt(db: Database): Promise<string> {
  const rows = await db.query<{ created_at: string }>(
    'SELECT created_at FROM ledger_log WHERE log_id = $1',
    [LOG_ID],
  );
  const [row] = rows;
  if (row === undefined) throw new TypeError('the log has no row yet');
  return row.created_at;
}
