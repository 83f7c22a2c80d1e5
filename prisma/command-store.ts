import type { CommandKind } from '../domain/event.ts';
import type { Instant } from '../domain/instant.ts';
import type { Database } from './database.ts';
import type { Fragment, Tx } from './transaction.ts';

/** What somebody asked to do. `payload` is ciphertext under the request's data key. */
export interface CommandRow {
  readonly id: string;
  readonly requestId: string;
  readonly kind: CommandKind;
  readonly actorType: 'app' | 'person';
  readonly actorId: string;
  readonly surface: string;
  readonly authLevel: 0 | 1 | 2 | 3;
  readonly authMethod: string;
  readonly payload: Uint8Array;
  readonly createdAt: Instant;
  /** JSON as `insertAnswer` wrote it; null until the command is decided. */
  readonly answer: unknown;
}

interface RawRow {
  id: string;
  request_id: string;
  kind: CommandKind;
  actor_type: 'app' | 'person';
  actor_id: string;
  surface: string;
  auth_level: 0 | 1 | 2 | 3;
  auth_method: string;
  payload: Buffer;
  created_at: string;
  answer: unknown;
}

const COLUMNS = `id, request_id, kind, actor_type, actor_id, surface, auth_level, auth_method, payload,
  created_at, answer`;

const EARLIER_COLUMNS = COLUMNS.replaceAll(/\w+/g, 'c.$&');

function toRow(raw: RawRow): CommandRow {
  return {
    id: raw.id,
    requestId: raw.request_id,
    kind: raw.kind,
    actorType: raw.actor_type,
    actorId: raw.actor_id,
    surface: raw.surface,
    authLevel: raw.auth_level,
    authMethod: raw.auth_method,
    payload: raw.payload,
    createdAt: raw.created_at,
    answer: raw.answer,
  };
}

/** @param dueAt the dispatcher leaves it to the caller until then. */
export function insertCommand(row: Omit<CommandRow, 'answer'>, dueAt: Instant): Fragment {
  return {
    text: `INSERT INTO command (id, request_id, kind, actor_type, actor_id, surface, auth_level,
        auth_method, payload, created_at, due_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    values: [
      row.id,
      row.requestId,
      row.kind,
      row.actorType,
      row.actorId,
      row.surface,
      row.authLevel,
      row.authMethod,
      row.payload,
      row.createdAt,
      dueAt,
    ],
  };
}

/** A command, and the oldest one on the same request that nobody has answered yet. */
export interface LoadedCommand {
  readonly asked: CommandRow;
  /** null where none came before, or `asked` is a view or is answered: then nobody goes first. */
  readonly before: CommandRow | null;
}

/**
 * Read after the request's row is locked: then nobody else can be answering the same command, or one
 * that came before it. One statement, because every step pays for it.
 *
 * @param except commands that cannot be decided: they hold up nobody.
 */
export async function loadCommand(
  tx: Tx,
  id: string,
  except: readonly string[],
): Promise<LoadedCommand | null> {
  const rows = await tx.query<RawRow>({
    text: `WITH asked AS MATERIALIZED (SELECT * FROM command WHERE id = $1)
      (SELECT ${COLUMNS} FROM asked)
      UNION ALL
      (SELECT ${EARLIER_COLUMNS} FROM asked a JOIN command c ON c.request_id = a.request_id
        WHERE a.answer IS NULL AND a.kind <> 'view' AND c.answer IS NULL
          AND (c.created_at, c.id) < (a.created_at, a.id) AND c.id <> ALL($2::uuid[])
        ORDER BY c.created_at, c.id LIMIT 1)`,
    values: [id, except],
  });
  const asked = rows.find((row) => row.id === id);
  const before = rows.find((row) => row.id !== id);
  if (asked === undefined) return null;
  return { asked: toRow(asked), before: before === undefined ? null : toRow(before) };
}

export async function findCommand(db: Database, id: string): Promise<CommandRow | null> {
  const rows = await db.query<RawRow>(`SELECT ${COLUMNS} FROM command WHERE id = $1`, [id]);
  return rows[0] === undefined ? null : toRow(rows[0]);
}

/** @returns the ciphertext of several commands, by id. */
export async function commandsById(
  db: Database,
  ids: readonly string[],
): Promise<Map<string, Uint8Array>> {
  const rows = await db.query<{ id: string; payload: Buffer }>(
    'SELECT id, payload FROM command WHERE id = ANY($1::uuid[])',
    [ids],
  );
  return new Map(rows.map((row) => [row.id, row.payload]));
}

/** @returns the views of a request in the order of time, as ciphertext. */
export async function viewCommands(
  db: Database,
  requestId: string,
  limit: number,
): Promise<readonly { readonly id: string; readonly payload: Uint8Array }[]> {
  return db.query<{ id: string; payload: Buffer }>(
    `SELECT id, payload FROM command WHERE request_id = $1 AND kind = 'view'
      ORDER BY created_at, id LIMIT $2`,
    [requestId, limit],
  );
}

export function answerCommand(id: string, answer: unknown, at: Instant): Fragment {
  return {
    text: 'UPDATE command SET answer = $2, answered_at = $3 WHERE id = $1',
    values: [id, JSON.stringify(answer), at],
  };
}

export interface UndeliveredCommand {
  readonly id: string;
  readonly requestId: string;
}

/** Takes commands without an answer whose time has come, and puts them off with growing distance. */
export async function claimUndelivered(
  db: Database,
  claim: { readonly now: Instant; readonly limit: number },
): Promise<UndeliveredCommand[]> {
  const rows = await db.query<{ id: string; request_id: string }>(
    `UPDATE command SET attempts = attempts + 1,
        due_at = $1::timestamptz + least(15, 2 ^ least(attempts + 1, 4)) * interval '1 second'
      WHERE id IN (SELECT id FROM command WHERE answer IS NULL AND due_at <= $1
        ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED)
      RETURNING id, request_id`,
    [claim.now, claim.limit],
  );
  return rows.map((row) => ({ id: row.id, requestId: row.request_id }));
}
