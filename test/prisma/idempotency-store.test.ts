import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addDuration, type Instant } from '../../domain/instant.ts';
import type { Database } from '../../prisma/database.ts';
import { violatedUnique } from '../../prisma/fault.ts';
import {
  findKey,
  forgetKeys,
  insertKeyUse,
  KEY_CONSTRAINT,
  releaseKey,
  storeAnswer,
  takeOverKey,
  type KeyName,
  type KeyRow,
} from '../../prisma/idempotency-store.ts';
import { NOW } from '../support/builders.ts';
import { openTestDatabase, type TestDatabase } from './databases.ts';

let database: TestDatabase;
let db: Database;
const dekId = randomUUID();
beforeAll(async () => {
  database = await openTestDatabase();
  ({ db } = database);
  await db.query(`INSERT INTO dek (dek_id, subject, kek) VALUES ($1, 'answer', 'none')`, [dekId]);
});
afterAll(() => database.close());

const later = (duration: string): Instant => addDuration(NOW, duration);
const RUNNING: KeyRow = {
  fingerprint: 'ab'.repeat(32),
  runningUntil: later('PT15S'),
  commandId: randomUUID(),
  status: null,
  response: null,
  dekId: null,
};
const response = Buffer.from('first answer');
const ANSWERED: KeyRow = { ...RUNNING, runningUntil: null, status: 200, response, dekId };

const aName = (): KeyName => ({ principal: 'app:a', route: 'POST /x', key: randomUUID() });

async function use(row: KeyRow, at: Instant = NOW, name = aName()): Promise<KeyName> {
  await db.transaction(async (tx) => tx.write(insertKeyUse(name, row, at)));
  return name;
}

test.each([
  { why: 'running', row: RUNNING },
  { why: 'answered', row: ANSWERED },
])('a key that is $why reads as it was written', async ({ row }) => {
  expect(await findKey(db, await use(row))).toEqual(row);
});

test('a key is unique per principal and route, and the constraint has its name', async () => {
  const name = await use(RUNNING);
  const again = await use(ANSWERED, NOW, name).catch((error: unknown) => error);
  expect(violatedUnique(again)).toBe(KEY_CONSTRAINT);
  expect(await findKey(db, name)).toEqual(RUNNING);
  for (const other of [
    { ...name, principal: 'person:a' },
    { ...name, route: 'POST /y' },
    { ...name, key: 'other' },
  ]) {
    expect(await findKey(db, other)).toBeNull();
    await use(ANSWERED, NOW, other);
  }
});

describe('taking over', () => {
  const lease = { now: NOW, until: later('PT30S') };
  test.each([
    { why: 'while its holder works', row: RUNNING, taken: false },
    { why: 'at the end of the lease', row: { ...RUNNING, runningUntil: NOW }, taken: true },
    { why: 'after it was given back', row: { ...RUNNING, runningUntil: null }, taken: true },
    { why: 'after it was answered', row: ANSWERED, taken: false },
  ])('$why: $taken', async ({ row, taken }) => {
    const name = await use(row);
    expect(await takeOverKey(db, name, lease)).toBe(taken);
    expect(await findKey(db, name)).toEqual(taken ? { ...row, runningUntil: lease.until } : row);
  });

  test('one of many gets it', async () => {
    const name = await use({ ...RUNNING, runningUntil: null });
    const taken = await Promise.all(Array.from({ length: 10 }, () => takeOverKey(db, name, lease)));
    expect(taken.filter(Boolean)).toHaveLength(1);
  });
});

test('a key that is given back keeps its command; an answered one keeps its answer', async () => {
  const running = await use(RUNNING);
  await releaseKey(db, running);
  expect(await findKey(db, running)).toEqual({ ...RUNNING, runningUntil: null });
  const answered = await use(ANSWERED);
  await releaseKey(db, answered);
  expect(await findKey(db, answered)).toEqual(ANSWERED);
});

test('the first answer stays, and ends the lease', async () => {
  const name = await use(RUNNING);
  await storeAnswer(db, name, { status: 200, response, dekId });
  const second = { status: 201, response: Buffer.from('second'), dekId };
  await storeAnswer(db, name, second);
  expect(await findKey(db, name)).toEqual(ANSWERED);
});

describe('forgetting', () => {
  test.each([
    { why: 'an old answer', row: ANSWERED, at: NOW, gone: true },
    {
      why: 'an old key that was given back',
      row: { ...RUNNING, runningUntil: null },
      at: NOW,
      gone: true,
    },
    { why: 'an old key whose holder died', row: RUNNING, at: NOW, gone: true },
    {
      why: 'an old key that somebody works on now',
      row: { ...RUNNING, runningUntil: later('P9D') },
      at: NOW,
      gone: false,
    },
    { why: 'an answer that was promised still', row: ANSWERED, at: later('P7D'), gone: false },
  ])('$why: $gone', async ({ row, at, gone }) => {
    const name = await use(row, at);
    await forgetKeys(db, later('P7D'));
    expect(await findKey(db, name)).toEqual(gone ? null : row);
    await db.query('DELETE FROM idempotency_key WHERE key = $1', [name.key]);
  });
});
