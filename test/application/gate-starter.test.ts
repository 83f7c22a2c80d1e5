import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createGateStarter } from '../../application/gate-starter.ts';
import { EngineUnavailable, type Gate } from '../../application/workflow-gateway.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
beforeEach(() => {
  world.faults.length = 0;
});

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
const gateOf = (requestId: string): Gate => ({ requestId, kind: 'ai-decision', step: null });
const submitted = async (count: number): Promise<string[]> => {
  const all = await Promise.all(Array.from({ length: count }, () => world.submit()));
  return all.map(({ body }) => body.id);
};
const statesOf = async (ids: readonly string[]): Promise<string[]> =>
  (await Promise.all(ids.map((id) => world.row(id)))).map((row) => row.gate);

/** What `need` was asked for, and who was started, in the end. */
async function started(
  ids: readonly string[],
  startGate: (gate: Gate) => Promise<void>,
  deps: Parameters<typeof createGateStarter>[0] = world.deps,
) {
  const asked: string[] = [];
  const starter = createGateStarter(deps, {
    startGate: async (gate) => {
      asked.push(gate.requestId);
      await startGate(gate);
    },
  });
  for (const id of ids) starter.need(gateOf(id));
  // The end of a process does not wait for what waits; here everybody shall have a turn.
  for (let tries = 0; asked.length < ids.length && tries < 30; tries += 1) await pause(10);
  await starter.drain();
  return asked;
}

test('starts what is needed, and marks it as running', async () => {
  const ids = await submitted(12);
  expect(await started(ids, async () => undefined)).toEqual(ids);
  expect(new Set(await statesOf(ids))).toEqual(new Set(['open']));
  expect(world.faults).toEqual([]);
});

test('starts at most four at once', async () => {
  const ids = await submitted(12);
  let [now, most] = [0, 0];
  await started(ids, async () => {
    now += 1;
    most = Math.max(most, now);
    await pause(10);
    now -= 1;
  });
  expect(most).toBe(4);
  expect(new Set(await statesOf(ids))).toEqual(new Set(['open']));
});

test('leaves the rows to the dispatcher while Temporal is away, and says nothing', async () => {
  const ids = await submitted(10);
  const asked = await started(ids, async () => {
    throw new EngineUnavailable(null);
  });
  expect(asked.length).toBeLessThan(10);
  expect(new Set(await statesOf(ids))).toEqual(new Set(['due']));
  expect(world.faults).toEqual([]);
});

test('marks what did start before Temporal went away', async () => {
  const ids = await submitted(8);
  await started(ids, async ({ requestId }) => {
    await pause(requestId === ids[0] ? 30 : 5);
    if (requestId === ids[1]) throw new EngineUnavailable(null);
  });
  const [first, second, third] = await statesOf(ids);
  expect([first, second, third]).toEqual(['open', 'due', 'open']);
});

test('one that cannot be started is told, and the others are started', async () => {
  const ids = await submitted(6);
  await started(ids, async ({ requestId }) => {
    if (requestId === ids[5] || requestId === ids[0]) throw new Error('no such workflow type');
  });
  expect(await statesOf(ids)).toEqual(['due', 'open', 'open', 'open', 'open', 'due']);
  expect(world.faults).toHaveLength(2);
});

test('what could not be marked is told and stays a row', async () => {
  const ids = await submitted(1);
  const db = { ...world.deps.db, query: () => Promise.reject(new Error('gone')) };
  await started(ids, async () => undefined, { ...world.deps, db });
  expect(await statesOf(ids)).toEqual(['due']);
  expect(world.faults).toHaveLength(1);
});

describe('memory', () => {
  test('is bounded: beyond two thousand the rows are left to the dispatcher', async () => {
    const gone = Promise.withResolvers<void>();
    let asked = 0;
    const db = { ...world.deps.db, query: async () => [] };
    const starter = createGateStarter(
      { ...world.deps, db },
      {
        startGate: async () => {
          asked += 1;
          await gone.promise;
        },
      },
    );
    for (let i = 0; i < 2_500; i += 1) starter.need(gateOf(`request-${i}`));
    expect(asked).toBe(4);
    gone.resolve();
    for (let tries = 0; asked < 2_004 && tries < 100; tries += 1) await pause(20);
    await starter.drain();
    expect(asked).toBe(2_004);
  });
});

test('an end waits for what is being started, and starts nothing more', async () => {
  const [id, ...others] = await submitted(8);
  const going = Promise.withResolvers<void>();
  const asked: string[] = [];
  const starter = createGateStarter(world.deps, {
    startGate: async (gate) => {
      asked.push(gate.requestId);
      await going.promise;
    },
  });
  for (const one of [id, ...others]) starter.need(gateOf(one ?? ''));
  const end = starter.drain();
  going.resolve();
  await end;
  expect(asked).toHaveLength(4);
  expect(await statesOf([id ?? ''])).toEqual(['open']);
  expect((await statesOf(others)).slice(3)).toEqual(['due', 'due', 'due', 'due']);
});
