import type { Instant } from '../domain/instant.ts';
import type { Database } from './database.ts';
import { LOG_ID } from './ledger-store.ts';

export interface Installation {
  /** Signs the cursors of lists. 32 bytes. */
  readonly cursorKey: Uint8Array;
  readonly systemStreamId: string;
  readonly temporalNamespaceId: string | null;
}

/**
 * Makes the installation's row and the log at the first start; later starts change nothing.
 *
 * @returns the origin in force, which is the first one ever given.
 */
export async function ensureInstallation(
  db: Database,
  first: { readonly origin: string; readonly cursorKey: Uint8Array },
): Promise<string> {
  await db.query('INSERT INTO installation (cursor_key) VALUES ($1) ON CONFLICT DO NOTHING', [
    first.cursorKey,
  ]);
  await db.query(
    `INSERT INTO ledger_log (log_id, origin) VALUES (${LOG_ID}, $1) ON CONFLICT DO NOTHING`,
    [first.origin],
  );
  await db.query(
    `INSERT INTO log_state (log_id, size, root) VALUES (${LOG_ID}, 0, sha256('')) ON CONFLICT DO NOTHING`,
  );
  const rows = await db.query<{ origin: string }>(
    `SELECT origin FROM ledger_log WHERE log_id = ${LOG_ID}`,
  );
  return rows[0]?.origin ?? first.origin;
}

/** @returns null before the first start. */
export async function readInstallation(db: Database): Promise<Installation | null> {
  const row = await db.prisma.installation.findFirst();
  if (row === null) return null;
  return {
    cursorKey: row.cursorKey,
    systemStreamId: row.systemStreamId,
    temporalNamespaceId: row.temporalNamespaceId,
  };
}

/**
 * Remembers which Temporal store the workflows were started in.
 *
 * @returns true when it is another one than before: its workflows have to be started again.
 */
export async function rememberNamespace(db: Database, id: string): Promise<boolean> {
  const rows = await db.query<{ before: string | null }>(
    `UPDATE installation i SET temporal_namespace_id = $1
      FROM (SELECT temporal_namespace_id AS before FROM installation FOR UPDATE) old
      WHERE i.temporal_namespace_id IS DISTINCT FROM $1 RETURNING old.before`,
    [id],
  );
  return rows.length === 1;
}

/** One line of who was turned away, or read what is not theirs by default. */
export interface AccessEntry {
  readonly at: Instant;
  readonly principalType: string;
  readonly principalId: string;
  readonly route: string;
  readonly outcome: string;
  readonly requestId: string | null;
}

export async function insertAccess(db: Database, entry: AccessEntry): Promise<void> {
  await db.prisma.accessLog.create({ data: { ...entry, at: new Date(entry.at) } });
}
