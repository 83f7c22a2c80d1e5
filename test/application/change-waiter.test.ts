import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createChangeWaiter } from '../../application/change-waiter.ts';
import type { Deps } from '../../application/deps.ts';
import { openWorld, type World } from './world.ts';

const now = (): string => '2026-03-02T09:00:00.000Z';
const STAYS = new AbortController().signal;
const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

describe('on the database', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world.close());

  test('a change wakes whoever waits for it, within a second, and nobody else', async () => {
    const waiter = createChangeWaiter(world.deps);
    const [one, two] = [(await world.submit()).body, (await world.submit()).body];
    const waiting = [one, one, two].map((known) =>
      waiter.changed({ ...known, directory: null }, 2_500, STAYS),
    );
    await pause(150);
    await world.approve(one.id, 'eve');
    const since = performance.now();
    expect(await Promise.all(waiting.slice(0, 2))).toEqual([true, true]);
    expect(performance.now() - since).toBeLessThan(1_000);
    expect(await waiting[2]).toBe(false);
    waiter.stop();
  });

  test('who knows an older revision is answered at once', async () => {
    const waiter = createChangeWaiter(world.deps);
    const { id } = (await world.submit()).body;
    await world.approve(id, 'eve');
    expect(await waiter.changed({ id, revision: 1, directory: null }, 5_000, STAYS)).toBe(true);
    waiter.stop();
  });
});

/** A database that answers when it is told, with what it is told. */
function aDatabase() {
  const asked: {
    ids: string[];
    answer: (revisions: Record<string, number>) => void;
    fail: () => void;
  }[] = [];
  const query = (_text: string, [ids]: [string[]]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      asked.push({
        ids,
        answer: (revisions) =>
          resolve(Object.entries(revisions).map(([id, revision]) => ({ id, revision }))),
        fail: () => reject(new Error('gone')),
      });
    });
  const next = async (count: number) => {
    while (asked.length < count) await pause(5);
    const last = asked[count - 1];
    if (last === undefined) throw new Error('unreachable');
    return last;
  };
  return { asked, next, db: { query } as unknown as Deps['db'] };
}

describe('the reader behind them', () => {
  test('asks for all of them together, and not while nobody waits', async () => {
    const { db, asked, next } = aDatabase();
    const waiter = createChangeWaiter({ db, now });
    await pause(250);
    expect(asked).toHaveLength(0);
    const [a, b] = [randomUUID(), randomUUID()];
    const waiting = [a, a, b].map((id) =>
      waiter.changed({ id, revision: 1, directory: null }, 5_000, STAYS),
    );
    const read = await next(1);
    expect(read.ids.toSorted()).toEqual([a, b].toSorted());
    read.answer({ [a]: 2, [b]: 2 });
    expect(await Promise.all(waiting)).toEqual([true, true, true]);
    await pause(250);
    expect(asked).toHaveLength(1);
    waiter.stop();
  });

  test('does not wake who came while it was asking about others', async () => {
    const { db, next } = aDatabase();
    const waiter = createChangeWaiter({ db, now });
    const [a, b] = [randomUUID(), randomUUID()];
    const first = waiter.changed({ id: a, revision: 1, directory: null }, 5_000, STAYS);
    const read = await next(1);
    // They have read revision 2 of `a`, and `b` at all, after the question was asked.
    const newer = waiter.changed({ id: a, revision: 2, directory: null }, 400, STAYS);
    const other = waiter.changed({ id: b, revision: 1, directory: null }, 400, STAYS);
    read.answer({ [a]: 1 });
    const second = await next(2);
    second.answer({ [a]: 2, [b]: 1 });
    expect(await Promise.all([first, newer, other])).toEqual([true, false, false]);
    waiter.stop();
  });

  test('looks at the directory once a second at most, for all of them together', async () => {
    let reads = 0;
    const db = {
      query: async (text: string, [ids]: [string[]]) => {
        if (!text.includes('role_grant')) return ids.map((id) => ({ id, revision: 1 }));
        reads += 1;
        return [{ directory: reads < 3 ? 'before' : 'after' }];
      },
    } as unknown as Deps['db'];
    const waiter = createChangeWaiter({ db, now });
    const directory = await waiter.directory();
    expect([directory, await waiter.directory(), reads]).toEqual(['before', 'before', 1]);
    const known = { id: randomUUID(), revision: 1 };
    const others = [null, 'after'].map((seen) =>
      waiter.changed({ ...known, directory: seen }, 400, STAYS),
    );
    const since = performance.now();
    const waiting = Array.from({ length: 20 }, () =>
      waiter.changed({ ...known, directory }, 5_000, STAYS),
    );
    // `null` does not depend on it; who knows something else than is known here looks again at once.
    expect(await Promise.all(others)).toEqual([false, true]);
    expect(new Set(await Promise.all(waiting))).toEqual(new Set([true]));
    expect(performance.now() - since).toBeGreaterThan(1_500);
    expect(reads).toBe(3);
    waiter.stop();
  });

  test('goes on after a fault, which is told', async () => {
    const { db, next } = aDatabase();
    const faults: string[] = [];
    const waiter = createChangeWaiter({ db, now, onFault: (message) => void faults.push(message) });
    const id = randomUUID();
    const waiting = waiter.changed({ id, revision: 1, directory: null }, 5_000, STAYS);
    (await next(1)).fail();
    (await next(2)).answer({ [id]: 2 });
    expect(await waiting).toBe(true);
    expect(faults).toHaveLength(1);
    waiter.stop();
  });

  test.each([
    { why: 'when the time is over', ms: 120, end: () => undefined },
    { why: 'at once when there is no time', ms: 0, end: () => undefined },
    { why: 'when the caller leaves', ms: 5_000, end: (caller: AbortController) => caller.abort() },
    {
      why: 'when the process stops',
      ms: 5_000,
      end: (_: AbortController, waiter: ReturnType<typeof createChangeWaiter>) => waiter.stop(),
    },
  ])('lets go $why', async ({ ms, end }) => {
    const { db } = aDatabase();
    const waiter = createChangeWaiter({ db, now });
    const caller = new AbortController();
    const since = performance.now();
    const waiting = waiter.changed(
      { id: randomUUID(), revision: 1, directory: null },
      ms,
      caller.signal,
    );
    end(caller, waiter);
    expect(await waiting).toBe(false);
    expect(performance.now() - since).toBeLessThan(1_000);
    waiter.stop();
  });

  test('takes nobody in who has left, or after the end', async () => {
    const { db, asked } = aDatabase();
    const waiter = createChangeWaiter({ db, now });
    const known = { id: randomUUID(), revision: 1, directory: null };
    expect(await waiter.changed(known, 5_000, AbortSignal.abort())).toBe(false);
    waiter.stop();
    expect(await waiter.changed(known, 5_000, STAYS)).toBe(false);
    await pause(150);
    expect(asked).toHaveLength(0);
  });
});
