import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { addDuration, type Instant } from '../../domain/instant.ts';
import { resolve } from '../../domain/resolution.ts';
import type { Database } from '../../prisma/database.ts';
import {
  claimDueGates,
  contentOf,
  findRequest,
  formerContents,
  insertView,
  keepFormer,
  lockRequest,
  markGateOpen,
  reopenGates,
  revisionsOf,
  updateRequest,
  viewLeafOf,
} from '../../prisma/request-store.ts';
import { aRequest, NOW, OTHER_DIGEST, VIEWED } from '../support/builders.ts';
import { aRequestRow, openTestDatabase, storeRequest, type TestDatabase } from './databases.ts';

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await openTestDatabase();
  ({ db } = database);
});
afterAll(() => database.close());
beforeEach(clear);

/** Some tables that name requests are insert only, so that nothing can be truncated with them. */
async function clear(): Promise<void> {
  for (const table of [
    'request_view',
    'request_waiting',
    'request_person',
    'request_content',
    'request',
  ])
    await db.query(`DELETE FROM ${table}`);
}

const later = (duration: string): Instant => addDuration(NOW, duration);

async function gateOf(id: string): Promise<string | undefined> {
  return (await findRequest(db, id))?.gate;
}

test('a request is read as it was written', async () => {
  const row = await storeRequest(db, aRequestRow({ wakeAt: later('P1D') }));
  const { content: _content, ...shown } = row;
  expect(await findRequest(db, row.id)).toEqual({ ...shown, reason: null, createdAt: NOW });
  expect(await findRequest(db, randomUUID())).toBeNull();
});

test('a step moves everything on the head row but what was there from the beginning', async () => {
  const row = await storeRequest(db, aRequestRow());
  const state = resolve(row.state, { kind: 'expired', cause: 'deadline', by: [] }, NOW).state;
  const change = {
    id: row.id,
    state,
    head: { seq: 9, leafHash: 'cd'.repeat(32) },
    wakeAt: null,
    gate: 'closed',
    reason: Buffer.from('why'),
    updatedAt: later('PT1H'),
  } as const;
  await db.transaction(async (tx) => tx.write(updateRequest(change)));
  const { content: _content, ...shown } = row;
  expect(await findRequest(db, row.id)).toEqual({ ...shown, ...change, createdAt: NOW });
  const columns = await db.query('SELECT status, deadline, revision FROM request WHERE id = $1', [
    row.id,
  ]);
  expect(columns).toEqual([{ status: 'expired', deadline: null, revision: 1 }]);

  await db.transaction(async (tx) => tx.write(updateRequest({ ...change, reason: null })));
  expect((await findRequest(db, row.id))?.reason).toEqual(Buffer.from('why'));
});

test('whoever locks a request keeps others from it until the end', async () => {
  const { id } = await storeRequest(db, aRequestRow());
  const order: string[] = [];
  const step = (name: string, ms: number): Promise<void> =>
    db.transaction(async (tx) => {
      expect(await lockRequest(tx, id)).toMatchObject({ id });
      order.push(`${name} in`);
      await new Promise((done) => setTimeout(done, ms));
      order.push(`${name} out`);
    });
  await Promise.all([step('a', 60), step('b', 60), step('c', 60)]);
  for (let i = 0; i < order.length; i += 2)
    expect(order[i + 1]).toBe(order[i]?.replace('in', 'out'));
  expect(order).toHaveLength(6);
  await db.transaction(async (tx) => expect(await lockRequest(tx, randomUUID())).toBeNull());
});

test('revisions of those that exist', async () => {
  const one = await storeRequest(db, aRequestRow({}, { ...aRequest(), revision: 7 }));
  const found = await revisionsOf(db, [one.id, randomUUID()]);
  expect([...found]).toEqual([[one.id, 7]]);
});

test('an amended content takes the place of the one before, which is kept', async () => {
  const { id, state, head } = await storeRequest(db, aRequestRow());
  const change = {
    id,
    state,
    head,
    wakeAt: null,
    gate: 'due',
    reason: null,
    updatedAt: NOW,
  } as const;
  const amended = { title: Buffer.from('second title'), content: Buffer.from('second') };
  await db.transaction(async (tx) => {
    // Of one statement: what is kept is what was there before it.
    tx.write(updateRequest({ ...change, amended }));
    tx.write(keepFormer(id, { amendments: 0, policy: 'loans@1' }));
  });
  await db.transaction(async (tx) => tx.write(updateRequest(change)));
  expect((await findRequest(db, id))?.title).toEqual(amended.title);
  expect(await contentOf(db, id)).toEqual(amended.content);
  expect(await formerContents(db, id)).toEqual([
    { policy: 'loans@1', content: Buffer.from('content') },
  ]);
});

describe('gates', () => {
  const claim = (now: Instant, limit = 10) =>
    claimDueGates(db, { now, again: addDuration(now, 'PT5S'), limit });
  const rows = async (count: number): Promise<string[]> => {
    const stored: string[] = [];
    for (let i = 0; i < count; i += 1) stored.push((await storeRequest(db, aRequestRow())).id);
    return stored.sort();
  };

  test('are due two seconds after the commit: the submitter starts them first', async () => {
    const [id] = await rows(1);
    expect(await claim(later('PT1S'))).toEqual([]);
    expect(await claim(later('PT2S'))).toEqual([{ requestId: id, kind: 'ai-decision' }]);
  });

  test('that were claimed are left alone for a while, and come back by themselves', async () => {
    const [id] = await rows(1);
    expect(await claim(later('PT2S'))).toHaveLength(1);
    expect(await claim(later('PT6S'))).toEqual([]);
    expect(await claim(later('PT7S'))).toEqual([{ requestId: id, kind: 'ai-decision' }]);
  });

  test('two dispatchers never take the same, and together they take all', async () => {
    const ids = await rows(30);
    const taken = await Promise.all(Array.from({ length: 8 }, () => claim(later('PT3S'), 5)));
    const all = taken.flat().map((gate) => gate.requestId);
    expect(new Set(all).size).toBe(all.length);
    const rest = await claim(later('PT3S'), 100);
    expect([...all, ...rest.map((gate) => gate.requestId)].sort()).toEqual(ids);
  });

  test('a row that somebody holds is skipped, not waited for', async () => {
    const [held, free] = await rows(2);
    await db.transaction(async (tx) => {
      await lockRequest(tx, held ?? '');
      expect(await claim(later('PT3S'))).toEqual([{ requestId: free, kind: 'ai-decision' }]);
    });
  });

  test.each([
    { gate: 'due', then: 'open' },
    { gate: 'open', then: 'open' },
    { gate: 'closed', then: 'closed' },
    { gate: 'none', then: 'none' },
  ] as const)('that are $gate are $then once the workflow runs', async ({ gate, then }) => {
    const { id } = await storeRequest(db, aRequestRow({ gate }));
    await markGateOpen(db, [id]);
    expect(await gateOf(id)).toBe(then);
    expect(await claim(later('PT1H'))).toEqual([]);
  });

  test('all that run are due again when the engine has lost them', async () => {
    const open = await storeRequest(db, aRequestRow({ gate: 'open' }));
    const closed = await storeRequest(db, aRequestRow({ gate: 'closed' }));
    await reopenGates(db, null);
    expect(await gateOf(open.id)).toBe('due');
    expect(await gateOf(closed.id)).toBe('closed');
  });

  test('those whose time has come unnoticed are due again', async () => {
    const wake = (at: Instant | null) =>
      storeRequest(db, aRequestRow({ gate: 'open', wakeAt: at }));
    const overdue = await wake(later('PT1H'));
    const soon = await wake(later('PT2H'));
    const never = await wake(null);
    await reopenGates(db, later('PT2H'));
    expect(await Promise.all([overdue, soon, never].map((row) => gateOf(row.id)))).toEqual([
      'due',
      'open',
      'open',
    ]);
  });
});

describe('views', () => {
  test('count for one person and one content; the first of them stays', async () => {
    const row = await storeRequest(db, aRequestRow());
    await db.query(`INSERT INTO person (id, stream_id, name, dek_id, created_at)
      VALUES ('eve', gen_random_uuid(), 'Eve', '${row.dekId}', now()) ON CONFLICT DO NOTHING`);
    const { contentDigest } = row.state;
    const view = { requestId: row.id, person: 'eve', contentDigest, seq: 3, leafHash: VIEWED };
    for (const leafHash of [VIEWED, 'ab'.repeat(32)])
      await db.transaction(async (tx) => tx.write(insertView({ ...view, leafHash })));
    const found = await findRequest(db, row.id);
    if (found === null) return expect.fail('no row');
    const amended = { ...found, state: { ...found.state, contentDigest: OTHER_DIGEST } };
    await db.transaction(async (tx) => {
      expect(await viewLeafOf(tx, found, 'eve')).toBe(VIEWED);
      expect(await viewLeafOf(tx, found, 'omar')).toBeNull();
      expect(await viewLeafOf(tx, amended, 'eve')).toBeNull();
    });
    await clear();
    await db.query('DELETE FROM person');
  });
});
