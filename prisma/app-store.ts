import type { Instant } from '../domain/instant.ts';
import type { Database } from './database.ts';
import type { Fragment, Tx } from './transaction.ts';

/** An app or agent: may ask, never decide. */
export interface AppRow {
  readonly id: string;
  readonly streamId: string;
  readonly name: string;
  readonly owner: string;
  readonly scopes: readonly string[];
  /** Kinds of request it may submit; `*` = every kind. */
  readonly kinds: readonly string[];
  readonly createdAt: Instant;
  readonly revokedAt: Instant | null;
}

export interface AppKeyRow {
  readonly id: string;
  readonly appId: string;
  readonly createdAt: Instant;
  readonly expiresAt: Instant;
  readonly revokedAt: Instant | null;
}

/** What authentication needs of a key, in one read. */
export interface KeyHolder extends AppKeyRow {
  readonly secretHash: Uint8Array;
  readonly app: AppRow;
  readonly ownerDekId: string;
}

interface RawApp {
  id: string;
  stream_id: string;
  name: string;
  owner: string;
  scopes: string[];
  kinds: string[];
  created_at: string;
  revoked_at: string | null;
}

function toApp(raw: RawApp): AppRow {
  return {
    id: raw.id,
    streamId: raw.stream_id,
    name: raw.name,
    owner: raw.owner,
    scopes: raw.scopes,
    kinds: raw.kinds,
    createdAt: raw.created_at,
    revokedAt: raw.revoked_at,
  };
}

const APP = 'a.id, a.stream_id, a.name, a.owner, a.scopes, a.kinds, a.created_at, a.revoked_at';

export function insertApp(app: AppRow): Fragment {
  return {
    text: `INSERT INTO app (id, stream_id, name, owner, scopes, kinds, created_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    values: [app.id, app.streamId, app.name, app.owner, app.scopes, app.kinds, app.createdAt],
  };
}

export function insertAppKey(key: AppKeyRow & { readonly secretHash: Uint8Array }): Fragment {
  return {
    text: `INSERT INTO app_key (id, app_id, secret_hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
    values: [key.id, key.appId, key.secretHash, key.createdAt, key.expiresAt],
  };
}

export function revokeAppKey(id: string, at: Instant): Fragment {
  return {
    text: 'UPDATE app_key SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL',
    values: [id, at],
  };
}

/** Locks the app, so that two rotations at once cannot leave three live keys. */
export async function lockApp(tx: Tx, id: string): Promise<AppRow | null> {
  const rows = await tx.query<RawApp>({
    text: `SELECT ${APP} FROM app a WHERE a.id = $1 FOR NO KEY UPDATE`,
    values: [id],
  });
  return rows[0] === undefined ? null : toApp(rows[0]);
}

interface RawKey {
  id: string;
  app_id: string;
  created_at: string;
  expires_at: string;
  revoked_at: string | null;
}

const toKey = (raw: RawKey): AppKeyRow => ({
  id: raw.id,
  appId: raw.app_id,
  createdAt: raw.created_at,
  expiresAt: raw.expires_at,
  revokedAt: raw.revoked_at,
});

/** Every key of an app, newest first. */
export async function keysOf(reader: Pick<Tx, 'query'>, appId: string): Promise<AppKeyRow[]> {
  const rows = await reader.query<RawKey>({
    text: `SELECT id, app_id, created_at, expires_at, revoked_at FROM app_key
      WHERE app_id = $1 ORDER BY created_at DESC, id`,
    values: [appId],
  });
  return rows.map(toKey);
}

/** @returns the key with its app, whatever its state: the caller judges. */
export async function findKeyHolder(db: Database, keyId: string): Promise<KeyHolder | null> {
  const rows = await db.query<
    RawKey & { secret_hash: Buffer; owner_dek_id: string; app: never } & Record<string, unknown>
  >(
    `SELECT k.id, k.app_id, k.created_at, k.expires_at, k.revoked_at, k.secret_hash, p.dek_id AS owner_dek_id,
        a.stream_id, a.name, a.owner, a.scopes, a.kinds, a.created_at AS app_created_at, a.revoked_at AS app_revoked_at
      FROM app_key k JOIN app a ON a.id = k.app_id JOIN person p ON p.id = a.owner WHERE k.id = $1`,
    [keyId],
  );
  const row = rows[0];
  if (row === undefined) return null;
  const app = toApp({
    ...(row as unknown as RawApp),
    id: row.app_id,
    created_at: row['app_created_at'] as string,
    revoked_at: row['app_revoked_at'] as string | null,
  });
  return { ...toKey(row), secretHash: row.secret_hash, app, ownerDekId: row.owner_dek_id };
}

/** In order of id, from after `after`. */
export async function listApps(
  db: Database,
  page: { readonly after: string | null; readonly limit: number },
): Promise<AppRow[]> {
  const rows = await db.query<RawApp>(
    `SELECT ${APP} FROM app a WHERE $1::text IS NULL OR a.id > $1 ORDER BY a.id LIMIT $2`,
    [page.after, page.limit],
  );
  return rows.map(toApp);
}

export async function findApp(db: Database, id: string): Promise<AppRow | null> {
  const rows = await db.query<RawApp>(`SELECT ${APP} FROM app a WHERE a.id = $1`, [id]);
  return rows[0] === undefined ? null : toApp(rows[0]);
}
