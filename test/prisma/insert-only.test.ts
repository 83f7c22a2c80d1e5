import { createHash, randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase, type Database } from '../../prisma/database.ts';
import { openTestDatabase, sqlStateOf, type TestDatabase } from './databases.ts';

const TABLES = [
  { table: 'ledger_record', column: 'bytes' },
  { table: 'ledger_log', column: 'origin' },
  { table: 'policy_version', column: 'source' },
  { table: 'access_log', column: 'outcome' },
] as const;

const leafOf = (bytes: Uint8Array): Buffer =>
  createHash('sha256')
    .update(Buffer.concat([Buffer.of(0), bytes]))
    .digest();

let database: TestDatabase;
/** The product's own role: owns nothing, may do everything that a grant can give. */
let app: Database;
const role = `app_${randomUUID().slice(0, 8)}`;
beforeAll(async () => {
  database = await openTestDatabase();
  await database.admin(`CREATE ROLE ${role} LOGIN PASSWORD 'app'`);
  await database.admin(`GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role}`);
  await database.admin(`GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO ${role}`);
  app = openDatabase(
    Object.assign(new URL(database.url), { username: role, password: 'app' }).href,
  );
  await app.query(`INSERT INTO ledger_log (log_id, origin) VALUES (1, 'test/log')`);
  await app.query(`INSERT INTO policy (id, stream_id, newest) VALUES ('p', gen_random_uuid(), 1)`);
  await app.query(`INSERT INTO policy_version (policy_id, version, kind, enabled, document, source, source_sha256, author, created_at)
    VALUES ('p', 1, 'k', true, '{}', 'text', '\\x00', 'system', now())`);
  await app.query(`INSERT INTO access_log (at, principal_type, principal_id, route, outcome)
    VALUES (now(), 'app', 'a', 'r', 'FORBIDDEN')`);
  await insertRecord({});
});
afterAll(async () => {
  await app.close();
  await database.close();
  // The database that knew its grants is gone, so the role can go.
  const server = new URL(database.url);
  server.pathname = '/postgres';
  const client = new pg.Client({ connectionString: server.href });
  await client.connect();
  await client.query(`DROP ROLE ${role}`);
  await client.end();
});

interface Row {
  readonly bytes?: Uint8Array;
  readonly leaf?: Uint8Array;
  readonly seq?: number;
  readonly prev?: Uint8Array | null;
  readonly cmd?: Uint8Array;
}

async function insertRecord(row: Row): Promise<void> {
  const { bytes = Buffer.from('{}'), seq = 0, prev = null, cmd = Buffer.alloc(32) } = row;
  await app.query(
    `INSERT INTO ledger_record (log_id, stream_id, seq, cmd, input_hash, leaf_hash, prev_hash, bytes)
      VALUES (1, $1, $2, $3, $4, $5, $6, $7)`,
    [randomUUID(), seq, cmd, Buffer.alloc(32), row.leaf ?? leafOf(bytes), prev, bytes],
  );
}

const countOf = async (table: string): Promise<string> =>
  JSON.stringify(await database.admin(`SELECT * FROM ${table} ORDER BY 1`));

const attempts = TABLES.flatMap(({ table, column }) => [
  { what: `UPDATE ${table}`, sql: `UPDATE ${table} SET ${column} = ${column}`, table },
  { what: `DELETE from ${table}`, sql: `DELETE FROM ${table}`, table },
  { what: `TRUNCATE ${table}`, sql: `TRUNCATE ${table} CASCADE`, table },
]);

describe('evidence can only be added to', () => {
  test.each(attempts)('$what is refused to the role of the product', async ({ sql, table }) => {
    const before = await countOf(table);
    expect(await sqlStateOf(app.query(sql))).toBe('AP001');
    expect(await countOf(table)).toBe(before);
  });

  test.each(attempts)(
    '$what is refused to a superuser in replica mode, where ordinary triggers sleep',
    async ({ sql, table }) => {
      const before = await countOf(table);
      const both = `SET session_replication_role = replica; ${sql}`;
      expect(await sqlStateOf(database.admin(both))).toBe('AP001');
      expect(await countOf(table)).toBe(before);
    },
  );

  test.each([
    {
      what: 'INSERT … ON CONFLICT DO UPDATE',
      sql: `INSERT INTO ledger_log (log_id, origin) VALUES (1, 'other')
        ON CONFLICT (log_id) DO UPDATE SET origin = 'other'`,
    },
    {
      what: 'MERGE',
      sql: `MERGE INTO ledger_log USING (SELECT 1 AS id) s ON log_id = s.id
        WHEN MATCHED THEN UPDATE SET origin = 'other'`,
    },
    {
      what: 'a cascade from the table of policies',
      sql: 'TRUNCATE policy CASCADE',
    },
  ])('$what is no way around', async ({ sql }) => {
    expect(await sqlStateOf(app.query(sql))).toBe('AP001');
  });

  test('the role of the product cannot put the triggers to sleep', async () => {
    const off = 'ALTER TABLE ledger_record DISABLE TRIGGER no_change';
    expect(await sqlStateOf(app.query(off))).toBe('42501');
    expect(await sqlStateOf(app.query('SET session_replication_role = replica'))).toBe('42501');
  });
});

describe('a record is refused', () => {
  const other = Buffer.alloc(32, 7);
  test.each<{ why: string; row: Row; state: string }>([
    { why: 'whose leaf hash is of other bytes', row: { leaf: other }, state: '23514' },
    {
      why: 'whose leaf hash lacks the prefix of a leaf',
      row: { leaf: createHash('sha256').update('{}').digest() },
      state: '23514',
    },
    { why: 'that is first and names another', row: { prev: other }, state: '23514' },
    { why: 'that is not first and names none', row: { seq: 1 }, state: '23514' },
    { why: 'before the first', row: { seq: -1, prev: other }, state: '23514' },
    { why: 'with half a command key', row: { cmd: Buffer.alloc(16) }, state: '23514' },
    { why: 'without a text', row: { bytes: Buffer.alloc(0) }, state: '23514' },
    { why: 'that is too large', row: { bytes: Buffer.alloc(16_385, 32) }, state: '23514' },
    {
      why: '(not the largest that is allowed)',
      row: { bytes: Buffer.alloc(16_384, 32) },
      state: 'none',
    },
  ])('$why', async ({ row, state }) => {
    expect(await sqlStateOf(insertRecord(row))).toBe(state);
  });
});
