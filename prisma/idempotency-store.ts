import type { Instant } from '../domain/instant.ts';
import type { Database } from './database.ts';
import type { Fragment } from './transaction.ts';

/** Which act a key names: unique per principal and route. */
export interface KeyName {
  readonly principal: string;
  readonly route: string;
  readonly key: string;
}

/** A key that was used. `response` is ciphertext under `dekId`; null while there is no answer. */
export interface KeyRow {
  /** SHA-256 of the canonical body, 64 lower-case hex characters. */
  readonly fingerprint: string;
  readonly runningUntil: Instant | null;
  readonly commandId: string | null;
  readonly status: number | null;
  readonly response: Uint8Array | null;
  readonly dekId: string | null;
}

/** Name of the constraint that a second use of a key violates. */
export const KEY_CONSTRAINT = 'idempotency_key_pkey';

export async function findKey(db: Database, name: KeyName): Promise<KeyRow | null> {
  const rows = await db.query<{
    fingerprint: Buffer;
    running_until: string | null;
    command_id: string | null;
    status: number | null;
    response: Buffer | null;
    dek_id: string | null;
  }>(
    `SELECT fingerprint, running_until, command_id, status, response, dek_id FROM idempotency_key
      WHERE principal = $1 AND route = $2 AND key = $3`,
    [name.principal, name.route, name.key],
  );
  const row = rows[0];
  if (row === undefined) return null;
  return {
    fingerprint: row.fingerprint.toString('hex'),
    runningUntil: row.running_until,
    commandId: row.command_id,
    status: row.status,
    response: row.response,
    dekId: row.dek_id,
  };
}

export function insertKeyUse(name: KeyName, row: KeyRow, createdAt: Instant): Fragment {
  return {
    text: `INSERT INTO idempotency_key (principal, route, key, fingerprint, running_until, command_id, status,
        response, dek_id, created_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    values: [
      name.principal,
      name.route,
      name.key,
      Buffer.from(row.fingerprint, 'hex'),
      row.runningUntil,
      row.commandId,
      row.status,
      row.response,
      row.dekId,
      createdAt,
    ],
  };
}

/** Takes over a key that nobody works on any more. @returns false when somebody else was faster. */
export async function takeOverKey(
  db: Database,
  name: KeyName,
  lease: { readonly now: Instant; readonly until: Instant },
): Promise<boolean> {
  const rows = await db.query(
    `UPDATE idempotency_key SET running_until = $5 WHERE principal = $1 AND route = $2 AND key = $3
        AND response IS NULL AND (running_until IS NULL OR running_until <= $4) RETURNING 1 AS taken`,
    [name.principal, name.route, name.key, lease.now, lease.until],
  );
  return rows.length === 1;
}

/** Gives a key back without an answer: whoever repeats the call may finish it at once. */
export async function releaseKey(db: Database, name: KeyName): Promise<void> {
  await db.query(
    `UPDATE idempotency_key SET running_until = NULL
      WHERE principal = $1 AND route = $2 AND key = $3 AND response IS NULL`,
    [name.principal, name.route, name.key],
  );
}

/** Stores the first answer; a later one never replaces it. */
export async function storeAnswer(
  db: Database,
  name: KeyName,
  answer: { readonly status: number; readonly response: Uint8Array; readonly dekId: string },
): Promise<void> {
  await db.query(
    `UPDATE idempotency_key SET status = $4, response = $5, dek_id = $6, running_until = NULL
      WHERE principal = $1 AND route = $2 AND key = $3 AND response IS NULL`,
    [name.principal, name.route, name.key, answer.status, answer.response, answer.dekId],
  );
}

/** Forgets keys that are older than what callers were promised. @returns how many. */
export async function forgetKeys(db: Database, before: Instant): Promise<number> {
  const rows = await db.query(
    `DELETE FROM idempotency_key WHERE (principal, route, key) IN (
        SELECT principal, route, key FROM idempotency_key
        WHERE created_at < $1 AND (response IS NOT NULL OR running_until IS NULL OR running_until < $1)
        LIMIT 1000)
      RETURNING 1 AS gone`,
    [before],
  );
  return rows.length;
}
