import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from './generated/client.ts';
import { createTransaction, prepared, type Transaction } from './transaction.ts';

/** The one door to PostgreSQL: a pool, the typed client over the same pool, and transactions. */
export interface Database {
  readonly prisma: PrismaClient;
  /** One statement outside any transaction. */
  query<R extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<R[]>;
  /** The only way to write anything that seals (house rule: sealed and in force in one commit). */
  readonly transaction: Transaction;
  /** Waits for running statements and closes every connection. */
  close(): Promise<void>;
}

const TIMESTAMPTZ = 1184;

/**
 * Milliseconds. One statement of one call may meet the first and the fourth: 11 s, then its caller hears
 * that the database is out of reach. The server's own waits end first, so that whoever is only slow or
 * stands behind a lock is told so by the server, and keeps the connection.
 */
const WAITS = {
  /** For a place in the pool, and for a new connection. */
  connectionTimeoutMillis: 4_000,
  lock_timeout: 5_000,
  statement_timeout: 6_000,
  /**
   * Counted here, not there: a server that is frozen or cut off ends nothing. In pipeline mode pg then
   * destroys the connection (pg 8.23 client.js), so nothing late is ever read by somebody else.
   */
  query_timeout: 7_000,
  /** We never pause this long: whoever held locks has been cut off. */
  idle_in_transaction_session_timeout: 10_000,
} as const;

/** Instants leave the database in the one form of the product (domain/instant.ts). */
function instantOf(text: string | null): string | null {
  return text === null ? null : new Date(text).toISOString();
}

const types = {
  getTypeParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
    if (oid === TIMESTAMPTZ && format !== 'binary') return instantOf as (value: string) => unknown;
    return pg.types.getTypeParser(oid, format as 'text') as (value: string) => unknown;
  },
};

/**
 * Prisma 7 stores wrong instants on a connection whose time zone is not UTC, and reads them back
 * looking right; so no connection is used before it has said UTC itself.
 */
async function assertUtc(client: pg.ClientBase): Promise<void> {
  await client.query("SET TIME ZONE 'UTC'");
  const { rows } = await client.query<{ TimeZone: string }>('SHOW TimeZone');
  const zone = rows[0]?.TimeZone;
  if (zone !== 'UTC') throw new Error(`the database connection is in time zone ${zone}, not UTC`);
}

async function takeOn(client: pg.ClientBase, role: string | null): Promise<void> {
  await assertUtc(client);
  if (role !== null) await client.query(`SET ROLE ${client.escapeIdentifier(role)}`);
}

/**
 * Opens the database. Connections are made on demand; every wait has a deadline.
 *
 * @param url `postgresql://…`; @param max connections of this process.
 * @param role taken on by every connection; null: the login's own rights.
 */
export function openDatabase(url: string, max = 10, role: string | null = null): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    application_name: 'countersign',
    idleTimeoutMillis: 60_000,
    ...WAITS,
    keepAlive: true,
    pipeline: true,
    types,
    verify: (client: pg.ClientBase, ready: (error?: Error) => void) =>
      void takeOn(client, role).then(() => ready(), ready),
  } as pg.PoolConfig);
  // A connection that breaks while idle is replaced by the pool; without a listener it would end us.
  pool.on('error', () => undefined);
  // The same for one that breaks in somebody's hands, between two statements: the next statement fails.
  pool.on('connect', (client) => client.on('error', () => undefined));
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) });
  return {
    prisma,
    async query<R extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) {
      const { rows } = await pool.query<R>(prepared(text, values));
      return rows;
    },
    transaction: createTransaction(pool),
    async close() {
      await prisma.$disconnect();
      await pool.end();
    },
  };
}
