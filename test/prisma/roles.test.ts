import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase, type Database } from '../../prisma/database.ts';
import { ROLES, type RoleUse } from '../../prisma/roles.ts';
import { openStack, type Stack } from '../support/stack.ts';
import { sqlStateOf } from './databases.ts';

const EVIDENCE = [
  'ledger_log',
  'ledger_record',
  'log_leaf',
  'log_tile',
  'log_state',
  'log_checkpoint',
  'log_key',
  'self_check',
  'opening',
  'reference',
  'dek',
  'policy_version',
  'access_log',
  'person_profile',
  'policy_acknowledgement',
];
const DENIED = '42501';

let stack: Stack;
const as = new Map<RoleUse, Database>();
beforeAll(async () => {
  stack = await openStack({ worker: false, dispatcher: false });
  for (const use of Object.keys(ROLES) as RoleUse[])
    as.set(use, openDatabase(stack.databaseUrl, 1, ROLES[use]));
}, 60_000);
afterAll(async () => {
  for (const db of as.values()) await db.close();
  await stack.close();
});

const roleOf = (use: RoleUse): Database => {
  const db = as.get(use);
  if (db === undefined) throw new TypeError(use);
  return db;
};

describe('the running API', () => {
  test('works with the rights of countersign_app, and no more', async () => {
    const [row] = await stack.deps.db.query<{ role: string; super: boolean }>(
      `SELECT current_user AS role, rolsuper AS super FROM pg_roles WHERE rolname = current_user`,
    );
    expect(row).toEqual({ role: 'countersign_app', super: false });
  });

  test.each(EVIDENCE)('cannot update, delete or truncate %s', async (table) => {
    const { db } = stack.deps;
    const [column] = await db.query<{ name: string }>(
      `SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum DESC LIMIT 1`,
      [table],
    );
    expect(await sqlStateOf(db.query(`UPDATE ${table} SET ${column?.name} = NULL`))).toBe(DENIED);
    expect(await sqlStateOf(db.query(`DELETE FROM ${table}`))).toBe(DENIED);
    expect(await sqlStateOf(db.query(`TRUNCATE ${table}`))).toBe(DENIED);
    expect(await sqlStateOf(db.query(`ALTER TABLE ${table} DISABLE TRIGGER ALL`))).toBe(DENIED);
    expect(await sqlStateOf(db.query(`DROP TABLE ${table}`))).toBe(DENIED);
  });

  test.each(['log_leaf', 'log_tile', 'log_state', 'log_checkpoint', 'log_key'])(
    'cannot say what is in the log: no insert into %s',
    async (table) => {
      expect(await sqlStateOf(stack.deps.db.query(`INSERT INTO ${table} DEFAULT VALUES`))).toBe(
        DENIED,
      );
    },
  );

  test('cannot move the stream in which the installation speaks of itself', async () => {
    const { db } = stack.deps;
    const moved = db.query('UPDATE installation SET system_stream_id = gen_random_uuid()');
    expect(await sqlStateOf(moved)).toBe(DENIED);
  });

  test('cannot take a record back out of the queue', async () => {
    expect(await sqlStateOf(stack.deps.db.query('DELETE FROM log_queue'))).toBe(DENIED);
  });
});

describe('the sequencer', () => {
  test.each(['request', 'person', 'dek', 'opening', 'command', 'idempotency_key'])(
    'does not read %s',
    async (table) => {
      expect(await sqlStateOf(roleOf('sequencer').query(`SELECT FROM ${table}`))).toBe(DENIED);
    },
  );

  test('changes no record, and makes the log no smaller', async () => {
    const db = roleOf('sequencer');
    expect(await sqlStateOf(db.query(`UPDATE ledger_record SET seq = seq`))).toBe(DENIED);
    expect(await sqlStateOf(db.query(`UPDATE log_state SET size = 0`))).toBe('AP001');
    expect(await sqlStateOf(db.query(`UPDATE log_leaf SET seq = seq`))).toBe(DENIED);
    expect(await sqlStateOf(db.query(`DELETE FROM log_tile WHERE true`))).toBe('AP001');
    expect(await sqlStateOf(db.query(`DELETE FROM log_checkpoint`))).toBe(DENIED);
  });
});

describe('the reader', () => {
  test.each([...EVIDENCE, 'request'])('reads %s and writes nothing', async (table) => {
    const db = roleOf('reader');
    expect(await sqlStateOf(db.query(`SELECT FROM ${table} LIMIT 1`))).toBe('none');
    expect(await sqlStateOf(db.query(`INSERT INTO ${table} DEFAULT VALUES`))).toBe(DENIED);
    expect(await sqlStateOf(db.query(`DELETE FROM ${table}`))).toBe(DENIED);
  });
});
