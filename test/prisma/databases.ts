import { randomBytes, randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { inject } from 'vitest';
import type { RequestState } from '../../domain/request.ts';
import { openDatabase, type Database } from '../../prisma/database.ts';
import { migrate } from '../../prisma/migrate.ts';
import { insertRequest, type NewRequest } from '../../prisma/request-store.ts';
import { aRequest, NOW } from '../support/builders.ts';
import { track } from '../support/no-leaks.ts';

export const MIGRATIONS = fileURLToPath(new URL('../../prisma/migrations', import.meta.url));

/** A database of its own, opened as the product opens it, with a superuser beside it. */
export interface TestDatabase {
  readonly url: string;
  readonly db: Database;
  /** One statement of the superuser, outside the product's pool. */
  admin<R extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<R[]>;
  close(): Promise<void>;
}

/** @param schema `empty` leaves the migrations out. */
export async function openTestDatabase(
  schema: 'migrated' | 'empty' = 'migrated',
  connections = 10,
): Promise<TestDatabase> {
  const name = `t${randomBytes(8).toString('hex')}`;
  const server = inject('postgresAdminUrl');
  await onceAsAdmin(server, `CREATE DATABASE ${name}`);
  const url = Object.assign(new URL(server), { pathname: `/${name}` }).href;
  if (schema === 'migrated') await migrate(url, MIGRATIONS);
  const db = openDatabase(url, connections);
  return {
    url,
    db,
    admin: (text, values) => onceAsAdmin(url, text, values),
    close: track('test database', async () => {
      await db.close();
      await onceAsAdmin(server, `DROP DATABASE ${name} WITH (FORCE)`);
    }),
  };
}

async function onceAsAdmin<R extends pg.QueryResultRow>(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<R[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<R>(text, [...values]);
    return rows;
  } finally {
    await client.end();
  }
}

/** @returns SQLSTATE of the error that the promise ends with; `none` where it does not. */
export async function sqlStateOf(outcome: Promise<unknown>): Promise<string> {
  try {
    await outcome;
    return 'none';
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
}

/** A request row with a data key of its own, as a submission would have left it. */
export function aRequestRow(
  differs: Partial<Omit<NewRequest, 'state'>> = {},
  state: RequestState = aRequest(),
): NewRequest {
  const id = differs.id ?? randomUUID();
  return {
    id,
    state: { ...state, requestId: id },
    head: { seq: 2, leafHash: 'ab'.repeat(32) },
    dekId: randomUUID(),
    title: Buffer.from('title'),
    content: Buffer.from('content'),
    wakeAt: null,
    gate: 'due',
    updatedAt: NOW,
    ...differs,
  };
}

export async function storeRequest(db: Database, row: NewRequest): Promise<NewRequest> {
  await db.query(`INSERT INTO dek (dek_id, subject, kek) VALUES ($1, 'request', 'none')`, [
    row.dekId,
  ]);
  await db.transaction(async (tx) => tx.write(insertRequest(row)));
  return row;
}
