import type { Database } from './database.ts';
import { LOG_ID } from './ledger-store.ts';

/** One record of the installation's own stream, with its place in the log. */
export interface PlacedRecord {
  readonly bytes: Buffer;
  readonly index: number;
}

/**
 * The record of the installation's stream that a command key names.
 *
 * @param cmd 64 lower-case hex characters.
 * @returns null where there is none, or it has no place in the log yet.
 */
export async function systemRecordByCommand(
  db: Database,
  cmd: string,
): Promise<PlacedRecord | null> {
  const rows = await db.query<{ bytes: Buffer; leaf_index: string }>(
    `SELECT r.bytes, l.leaf_index FROM ledger_record r
      JOIN log_leaf l ON l.log_id = ${LOG_ID} AND l.stream_id = r.stream_id AND l.seq = r.seq
      WHERE r.log_id = ${LOG_ID} AND r.cmd = $1
        AND r.stream_id = (SELECT system_stream_id FROM installation)`,
    [Buffer.from(cmd, 'hex')],
  );
  const row = rows[0];
  return row === undefined ? null : { bytes: row.bytes, index: Number(row.leaf_index) };
}
