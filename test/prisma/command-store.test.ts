import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { addDuration, type Instant } from '../../domain/instant.ts';
import {
  answerCommand,
  claimUndelivered,
  findCommand,
  insertCommand,
  loadCommand,
  type CommandRow,
} from '../../prisma/command-store.ts';
import type { Database } from '../../prisma/database.ts';
import { NOW } from '../support/builders.ts';
import { aRequestRow, openTestDatabase, storeRequest, type TestDatabase } from './databases.ts';

let database: TestDatabase;
let db: Database;
let requestId: string;
beforeAll(async () => {
  database = await openTestDatabase();
  ({ db } = database);
  requestId = (await storeRequest(db, aRequestRow())).id;
});
afterAll(() => database.close());
beforeEach(() => db.query('TRUNCATE command'));

const later = (duration: string): Instant => addDuration(NOW, duration);

function aCommand(): Omit<CommandRow, 'answer'> {
  return {
    id: randomUUID(),
    requestId,
    kind: 'decide',
    actorType: 'person',
    actorId: 'eve',
    surface: 'rest',
    authLevel: 1,
    authMethod: 'sample_token',
    payload: Buffer.from('ciphertext'),
    createdAt: NOW,
  };
}

async function store(dueAt = later('PT12S')): Promise<Omit<CommandRow, 'answer'>> {
  const row = aCommand();
  await db.transaction(async (tx) => tx.write(insertCommand(row, dueAt)));
  return row;
}

const claim = (now: Instant, limit = 20) => claimUndelivered(db, { now, limit });

test('a command is read as it was written, and with its answer', async () => {
  const row = await store();
  expect(await findCommand(db, row.id)).toEqual({ ...row, answer: null });
  const answer = { outcome: { kind: 'done' }, record: { seq: 3, leafHash: 'ab'.repeat(32) } };
  await db.transaction(async (tx) => {
    expect(await loadCommand(tx, row.id, [])).toEqual({
      asked: { ...row, answer: null },
      before: null,
    });
    tx.write(answerCommand(row.id, answer, later('PT1S')));
  });
  expect(await findCommand(db, row.id)).toEqual({ ...row, answer });
  expect(await findCommand(db, randomUUID())).toBeNull();
  await db.transaction(async (tx) => expect(await loadCommand(tx, randomUUID(), [])).toBeNull());
});

describe('the dispatcher', () => {
  test('leaves a command to its caller until it is due', async () => {
    const { id } = await store(later('PT12S'));
    expect(await claim(later('PT11S'))).toEqual([]);
    expect(await claim(later('PT12S'))).toEqual([{ id, requestId }]);
  });

  test('never takes one that is answered', async () => {
    const { id } = await store();
    await db.transaction(async (tx) => tx.write(answerCommand(id, { outcome: null }, NOW)));
    expect(await claim(later('P1D'))).toEqual([]);
  });

  test('comes back after 2, 4, 8, 15, 15 … seconds', async () => {
    await store(NOW);
    let now: Instant = NOW;
    for (const seconds of [2, 4, 8, 15, 15, 15]) {
      expect(await claim(now)).toHaveLength(1);
      expect(await claim(addDuration(now, `PT${seconds - 1}S`))).toEqual([]);
      now = addDuration(now, `PT${seconds}S`);
    }
  });

  test('takes the longest waiting first, and no more than it asked for', async () => {
    const secondsOf = new Map<string, number>();
    for (const seconds of [5, 1, 9, 3])
      secondsOf.set((await store(later(`PT${seconds}S`))).id, seconds);
    const taken = async () =>
      new Set((await claim(later('PT1M'), 2)).map(({ id }) => secondsOf.get(id)));
    expect(await taken()).toEqual(new Set([1, 3]));
    expect(await taken()).toEqual(new Set([5, 9]));
  });

  test('two of them never take the same, and together they take all', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 40; i += 1) ids.push((await store(NOW)).id);
    const taken = await Promise.all(Array.from({ length: 8 }, () => claim(NOW, 6)));
    const all = taken.flat().map(({ id }) => id);
    expect(new Set(all).size).toBe(all.length);
    const rest = (await claim(NOW, 100)).map(({ id }) => id);
    expect([...all, ...rest].sort()).toEqual(ids.sort());
  });

  test('a row that a step holds is skipped, not waited for', async () => {
    const [held, free] = [await store(NOW), await store(NOW)];
    await db.transaction(async (tx) => {
      await tx.query({ text: 'SELECT 1 FROM command WHERE id = $1 FOR UPDATE', values: [held.id] });
      expect(await claim(NOW)).toEqual([{ id: free.id, requestId }]);
    });
  });
});
