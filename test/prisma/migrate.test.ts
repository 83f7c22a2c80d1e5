import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { migrate } from '../../prisma/migrate.ts';
import { MIGRATIONS, openTestDatabase, type TestDatabase } from './databases.ts';

let database: TestDatabase;
let folder: string;
beforeEach(async () => {
  database = await openTestDatabase('empty');
  folder = await mkdtemp(join(tmpdir(), 'countersign-migrations-'));
});
afterEach(async () => {
  await database.close();
  await rm(folder, { recursive: true });
});

async function write(name: string, sql: string): Promise<void> {
  await mkdir(join(folder, name), { recursive: true });
  await writeFile(join(folder, name, 'migration.sql'), sql);
}

async function tables(): Promise<string[]> {
  const rows = await database.admin<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1`,
  );
  return rows.map((row) => row.name);
}

interface Applied {
  readonly migration_name: string;
  readonly checksum: string;
  readonly finished: boolean;
  readonly rolled_back_at: string | null;
  readonly applied_steps_count: number;
}

const applied = (): Promise<Applied[]> =>
  database.admin(`SELECT migration_name, checksum, finished_at >= started_at AS finished, rolled_back_at, applied_steps_count
    FROM _prisma_migrations ORDER BY migration_name`);

test('files are applied once, in order of name, and remembered as Prisma remembers them', async () => {
  await write('2_more', 'ALTER TABLE one ADD two int');
  await write('1_first', 'CREATE TABLE one (id int)');
  await writeFile(join(folder, 'migration_lock.toml'), 'provider = "postgresql"');
  expect(await migrate(database.url, folder)).toEqual(['1_first', '2_more']);
  expect(await migrate(database.url, folder)).toEqual([]);
  const checksum = createHash('sha256').update('CREATE TABLE one (id int)').digest('hex');
  const row = { finished: true, rolled_back_at: null, applied_steps_count: 1 };
  expect(await applied()).toEqual([
    { ...row, migration_name: '1_first', checksum },
    { ...row, migration_name: '2_more', checksum: expect.stringMatching(/^[0-9a-f]{64}$/) },
  ]);

  await write('3_last', 'CREATE TABLE three (id int)');
  expect(await migrate(database.url, folder)).toEqual(['3_last']);
  expect(await tables()).toEqual(['_prisma_migrations', 'one', 'three']);
});

test('its table has the columns of Prisma', async () => {
  await migrate(database.url, folder);
  const columns = await database.admin<{ column: string }>(
    `SELECT concat_ws(' ', attname, format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'not null' END,
        pg_get_expr(d.adbin, d.adrelid)) AS column
      FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      WHERE a.attrelid = '_prisma_migrations'::regclass AND a.attnum > 0 ORDER BY a.attnum`,
  );
  expect(columns.map(({ column }) => column)).toEqual([
    'id character varying(36) not null',
    'checksum character varying(64) not null',
    'finished_at timestamp with time zone',
    'migration_name character varying(255) not null',
    'logs text',
    'rolled_back_at timestamp with time zone',
    'started_at timestamp with time zone not null now()',
    'applied_steps_count integer not null 0',
  ]);
});

test('two at once both succeed, and each file is applied by one of them', async () => {
  await write('1_slow', 'CREATE TABLE one (id int); SELECT pg_sleep(0.3)');
  await write('2_more', 'CREATE TABLE two (id int)');
  const both = await Promise.all([1, 2, 3].map(() => migrate(database.url, folder)));
  expect(both.flat().sort()).toEqual(['1_slow', '2_more']);
  expect(await applied()).toHaveLength(2);
  // Nobody keeps the lock: another one gets through.
  expect(await migrate(database.url, folder)).toEqual([]);
});

test('a file that was changed after it was applied stops everything', async () => {
  await write('1_first', 'CREATE TABLE one (id int)');
  await migrate(database.url, folder);
  await write('1_first', 'CREATE TABLE one (id bigint)');
  await write('2_more', 'CREATE TABLE two (id int)');
  await expect(migrate(database.url, folder)).rejects.toThrow('1_first');
  expect(await tables()).toEqual(['_prisma_migrations', 'one']);
  expect(await applied()).toHaveLength(1);
});

test('a file that fails is rolled back entirely; those before it stay, and repairing it goes on', async () => {
  await write('1_first', 'CREATE TABLE one (id int)');
  await write('2_broken', 'CREATE TABLE two (id int); INSERT INTO one VALUES (1); SELECT 1/0');
  await write('3_last', 'CREATE TABLE three (id int)');
  const failed = await migrate(database.url, folder).catch((error: unknown) => error as Error);
  expect(failed).toBeInstanceOf(Error);
  expect(failed).toMatchObject({ message: expect.stringContaining('2_broken') });
  expect((failed as Error).cause).toMatchObject({ code: '22012' });
  expect(await tables()).toEqual(['_prisma_migrations', 'one']);
  expect(await database.admin('SELECT * FROM one')).toEqual([]);
  expect((await applied()).map((row) => row.migration_name)).toEqual(['1_first']);

  await write('2_broken', 'CREATE TABLE two (id int)');
  expect(await migrate(database.url, folder)).toEqual(['2_broken', '3_last']);
});

test('a file whose application cannot be remembered is not applied', async () => {
  await write(
    '1_forgotten',
    `CREATE TABLE one (id int); ALTER TABLE _prisma_migrations ADD CHECK (migration_name <> '1_forgotten')`,
  );
  await expect(migrate(database.url, folder)).rejects.toThrow('1_forgotten');
  expect(await tables()).toEqual(['_prisma_migrations']);
  await write('1_forgotten', 'CREATE TABLE one (id int)');
  expect(await migrate(database.url, folder)).toEqual(['1_forgotten']);
});

test('the migrations of the product apply to an empty database, once', async () => {
  const names = await migrate(database.url, MIGRATIONS);
  expect(names[0]).toBe('20261121000000_foundation');
  expect(await migrate(database.url, MIGRATIONS)).toEqual([]);
});
