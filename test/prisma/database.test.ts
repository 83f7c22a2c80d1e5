import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openDatabase, type Database } from '../../prisma/database.ts';
import { isDatabaseUnavailable } from '../../prisma/fault.ts';
import { openTestDatabase, type TestDatabase } from './databases.ts';

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await openTestDatabase();
  const [{ name, me }] = (await database.admin<{ name: string; me: string }>(
    'SELECT current_database() AS name, current_user AS me',
  )) as [{ name: string; me: string }];
  // Where neither the database nor the role thinks in UTC, nothing may change.
  await database.admin(`ALTER DATABASE ${name} SET timezone = 'America/New_York'`);
  await database.admin(`ALTER ROLE ${me} IN DATABASE ${name} SET timezone = 'America/New_York'`);
  db = openDatabase(database.url, 4);
});
afterAll(async () => {
  await db.close();
  await database.close();
});

const zone = (one: Database): Promise<{ zone: string; pid: number }[]> =>
  one.query(`SELECT current_setting('TimeZone') AS zone, pg_backend_pid() AS pid, pg_sleep(0.1)`);

test('the place does default to New York', async () => {
  expect(await database.admin('SHOW timezone')).toEqual([{ TimeZone: 'America/New_York' }]);
});

test('every connection of the pool is in UTC', async () => {
  const rows = (await Promise.all(Array.from({ length: 12 }, () => zone(db)))).flat();
  expect(new Set(rows.map((row) => row.pid)).size).toBe(4);
  expect(new Set(rows.map((row) => row.zone))).toEqual(new Set(['UTC']));
});

test('so are the connections of transactions and of the typed client', async () => {
  const inside = await db.transaction((tx) =>
    tx.query<{ TimeZone: string }>({ text: 'SHOW timezone', values: [] }),
  );
  expect(inside).toEqual([{ TimeZone: 'UTC' }]);
  expect(await db.prisma.$queryRaw`SELECT current_setting('TimeZone') AS zone`).toEqual([
    { zone: 'UTC' },
  ]);
});

describe('an instant comes back as it went', () => {
  // The second hour of 1 November happens twice in New York, that of 8 March not at all.
  test.each([
    '2026-11-01T05:30:00.000Z',
    '2026-11-01T06:30:00.000Z',
    '2026-03-08T07:30:00.123Z',
    '2026-07-01T23:59:59.999Z',
    '1999-12-31T23:59:59.001Z',
  ])('%s', async (at) => {
    const key = { principal: 'p', route: 'r', key: randomUUID() };
    const stored = `SELECT created_at, created_at AT TIME ZONE 'UTC' = $2::timestamp AS same
      FROM idempotency_key WHERE key = $1`;
    const row = { ...key, fingerprint: Buffer.alloc(32) };

    await db.prisma.idempotencyKey.create({ data: { ...row, createdAt: new Date(at) } });
    const utc = at.slice(0, -1);
    expect(await db.query(stored, [key.key, utc])).toEqual([{ created_at: at, same: true }]);

    const other = randomUUID();
    await db.query(
      `INSERT INTO idempotency_key (principal, route, key, fingerprint, created_at) VALUES ('p', 'r', $1, '\\x00', $2)`,
      [other, at],
    );
    expect(await db.query(stored, [other, utc])).toEqual([{ created_at: at, same: true }]);
    const read = await db.prisma.idempotencyKey.findUnique({
      where: { principal_route_key: { ...key, key: other } },
    });
    expect(read?.createdAt.toISOString()).toBe(at);
  });

  test('and null as null', async () => {
    expect(await db.query('SELECT NULL::timestamptz AS at')).toEqual([{ at: null }]);
  });
});

describe('a database out of reach', () => {
  test.each([
    { why: 'for a statement', ask: (one: Database) => one.query('SELECT 1') },
    {
      why: 'for a transaction',
      ask: (one: Database) => one.transaction((tx) => tx.query({ text: 'SELECT 1', values: [] })),
    },
    { why: 'for the typed client', ask: (one: Database) => one.prisma.person.findMany() },
  ])('is known as such $why', async ({ ask }) => {
    const nowhere = openDatabase('postgresql://nobody@127.0.0.1:1/nothing', 1);
    const error = await ask(nowhere).catch((fault: unknown) => fault);
    await nowhere.close();
    expect(error).toBeInstanceOf(Error);
    expect(isDatabaseUnavailable(error)).toBe(true);
  });

  test('is known as such when it goes away under the typed client', async () => {
    const blocker = new pg.Client({ connectionString: database.url });
    await blocker.connect();
    await blocker.query('BEGIN');
    await blocker.query('LOCK TABLE person');
    const asked = db.prisma.person.findMany().catch((fault: unknown) => fault);
    await vi.waitFor(async () => {
      const killed = await database.admin(
        `SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      expect(killed).toHaveLength(1);
    }, 10_000);
    await blocker.end();
    expect(isDatabaseUnavailable(await asked)).toBe(true);
    expect(await db.prisma.person.findMany()).toEqual([]);
  });
});
