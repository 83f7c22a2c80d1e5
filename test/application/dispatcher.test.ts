import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ActDeps } from '../../application/approval-service.ts';
import { startDispatcher, type Dispatcher } from '../../application/dispatcher.ts';
import { EngineUnavailable, type WorkflowGateway } from '../../application/workflow-gateway.ts';
import { addDuration } from '../../domain/instant.ts';
import { findKey, insertKeyUse } from '../../prisma/idempotency-store.ts';
import { markGateOpen } from '../../prisma/request-store.ts';
import { track } from '../support/no-leaks.ts';
import { aGateway, losing, openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  // What another test left is nobody's work any more.
  await world.owner.query(`UPDATE request SET gate = 'none', wake_at = NULL`);
  await world.owner.query(`UPDATE command SET due_at = 'infinity' WHERE answer IS NULL`);
  await world.deps.db.query(`UPDATE installation SET temporal_namespace_id = 'namespace-1'`);
  world.faults.length = 0;
});

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** Starts a dispatcher; the first turn of everything it does begins at once. */
function dispatching(differs: Partial<WorkflowGateway> = {}, db = world.deps.db) {
  const fake = aGateway(differs);
  const deps: ActDeps = { ...world.deps, db, gateway: fake.gateway };
  const dispatcher: Dispatcher = startDispatcher(deps);
  const stop = track('dispatcher', () => dispatcher.stop());
  stops.push(stop);
  return { ...fake, stop };
}

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
const submitted = async (): Promise<string> => (await world.submit()).body.id;
const gateOf = async (id: string): Promise<string> => (await world.row(id)).gate;
const eventually = (check: () => Promise<void>): Promise<void> =>
  vi.waitFor(check, { timeout: 10_000, interval: 20 });
const becomes = (id: string, gate: string): Promise<void> =>
  eventually(async () => expect(await gateOf(id)).toBe(gate));
const unavailable = async (): Promise<never> => {
  throw new EngineUnavailable(null);
};

describe('gates that nobody started', () => {
  test('are found as rows, once their submitter had time for it', async () => {
    const id = await submitted();
    const { started } = dispatching();
    await pause(400);
    expect(started).toEqual([]);
    world.clock.move('PT3S');
    await becomes(id, 'open');
    await pause(400);
    expect(started).toEqual([id]);
  });

  test('stay rows while Temporal is away, without a word, and are started when it is back', async () => {
    const ids = [await submitted(), await submitted()];
    world.clock.move('PT3S');
    let away = true;
    const { started } = dispatching({
      startGate: () => (away ? unavailable() : Promise.resolve()),
    });
    await eventually(async () => expect(started.length).toBeGreaterThan(0));
    await pause(300);
    expect(await Promise.all(ids.map(gateOf))).toEqual(['due', 'due']);
    away = false;
    world.clock.move('PT6S');
    for (const id of ids) await becomes(id, 'open');
    expect(world.faults).toEqual([]);
  });

  test('one that fails is told and does not keep the others', async () => {
    const ids = [await submitted(), await submitted(), await submitted()];
    world.clock.move('PT3S');
    dispatching({
      startGate: async ({ requestId }) => {
        if (requestId === ids[0]) throw new Error('no such workflow type');
      },
    });
    for (const id of ids.slice(1)) await becomes(id, 'open');
    expect(await gateOf(ids[0] ?? '')).toBe('due');
    expect(world.faults).toHaveLength(1);
  });

  test('that ended meanwhile are left alone', async () => {
    const id = await submitted();
    await world.step(id, await world.command(id, 'app', { kind: 'withdraw', reason: null }));
    world.clock.move('PT3S');
    const { started } = dispatching();
    await pause(400);
    expect(started).toEqual([]);
    expect(await gateOf(id)).toBe('closed');
  });

  test('two dispatchers start each once', async () => {
    const ids = await Promise.all(Array.from({ length: 12 }, submitted));
    world.clock.move('PT3S');
    const both = [dispatching(), dispatching()];
    for (const id of ids) await becomes(id, 'open');
    const all = both.flatMap(({ started }) => started);
    expect(all.toSorted()).toEqual(ids.toSorted());
  });
});

describe('a Temporal that knows nothing of us', () => {
  test('is given every open gate again, and only those', async () => {
    const [open, closed] = [await submitted(), await submitted()];
    await markGateOpen(world.deps.db, [open]);
    await world.step(
      closed,
      await world.command(closed, 'app', { kind: 'withdraw', reason: null }),
    );
    world.clock.move('PT1H');
    const { started } = dispatching({ namespaceId: async () => 'namespace-2' });
    await eventually(async () => expect(started).toEqual([open]));
    await becomes(open, 'open');
    expect(await gateOf(closed)).toBe('closed');
    const installation = 'SELECT temporal_namespace_id AS id FROM installation';
    expect(await world.deps.db.query(installation)).toEqual([{ id: 'namespace-2' }]);
  });

  test('the same as before is not given anything', async () => {
    const id = await submitted();
    await markGateOpen(world.deps.db, [id]);
    world.clock.move('PT1H');
    const { started } = dispatching();
    await pause(400);
    expect(started).toEqual([]);
  });

  test('is noticed again by who comes after a dispatcher that died in between', async () => {
    const id = await submitted();
    await markGateOpen(world.deps.db, [id]);
    world.clock.move('PT1H');
    const namespaceId = async (): Promise<string> => 'namespace-2';
    const first = dispatching({ namespaceId }, losing(world.deps.db, `SET gate = 'due'`));
    await eventually(async () => expect(world.faults.length).toBeGreaterThan(0));
    await first.stop();
    expect(await gateOf(id)).toBe('open');
    const { started } = dispatching({ namespaceId });
    await eventually(async () => expect(started).toEqual([id]));
  });

  test('that does not answer is no other one', async () => {
    const id = await submitted();
    await markGateOpen(world.deps.db, [id]);
    world.clock.move('PT1H');
    const { started } = dispatching({ namespaceId: unavailable });
    await pause(400);
    expect([started, world.faults]).toEqual([[], []]);
  });
});

describe('time that nobody kept', () => {
  test('takes effect, and the gate is started again', async () => {
    const id = await submitted();
    await markGateOpen(world.deps.db, [id]);
    world.clock.move('PT2H');
    world.clock.move('PT11S');
    const { started } = dispatching();
    await eventually(async () => expect(started).toEqual([id]));
    await becomes(id, 'open');
    await eventually(async () => expect((await world.records(id)).at(-1)?.kind).toBe('reminded'));
  });

  test('takes effect also while Temporal is away', async () => {
    const id = await submitted();
    await markGateOpen(world.deps.db, [id]);
    world.clock.move('P2D');
    dispatching({ startGate: unavailable, namespaceId: unavailable, deliver: unavailable });
    await eventually(async () =>
      expect((await world.row(id)).state.resolution?.kind).toBe('expired'),
    );
    expect(world.faults).toEqual([]);
  });

  test('is left to the workflow for ten seconds', async () => {
    const id = await submitted();
    await markGateOpen(world.deps.db, [id]);
    world.clock.move('PT2H');
    world.clock.move('PT9S');
    const { started } = dispatching();
    await pause(400);
    expect(started).toEqual([]);
    expect((await world.row(id)).head.seq).toBe(2);
  });
});

describe('commands that nobody delivered', () => {
  const command = async (id: string) => world.command(id, 'eve', await world.decision(id));

  test('are brought to their gate', async () => {
    const id = await submitted();
    const waiting = await command(id);
    const { delivered } = dispatching({
      deliver: async (gate, commandId) => {
        await world.step(gate.requestId, commandId);
        return 'decided';
      },
    });
    await eventually(async () => expect(await world.answer(waiting)).not.toBeNull());
    world.clock.move('PT1M');
    await pause(400);
    expect(delivered).toEqual([waiting]);
    expect((await world.row(id)).state.decisions).toHaveLength(1);
  });

  test('are decided also where somebody answers for our worker that they were', async () => {
    const id = await submitted();
    const waiting = await command(id);
    dispatching({ deliver: async () => 'decided' });
    await eventually(async () =>
      expect(await world.answer(waiting)).toMatchObject({ outcome: { kind: 'counted' } }),
    );
    expect(world.faults).toHaveLength(1);
    expect((await world.records(id)).filter(({ kind }) => kind === 'decided')).toHaveLength(1);
  });

  test('are decided after a minute where Temporal is there and the gate never answers', async () => {
    const id = await submitted();
    const waiting = await command(id);
    const { delivered } = dispatching({ deliver: unavailable });
    await eventually(async () => expect(delivered).toHaveLength(1));
    world.clock.move('PT50S');
    await eventually(async () => expect(delivered).toHaveLength(2));
    await pause(300);
    expect(await world.answer(waiting)).toBeNull();
    world.clock.move('PT15S');
    await eventually(async () =>
      expect(await world.answer(waiting)).toMatchObject({ outcome: { kind: 'counted' } }),
    );
  });

  test('wait for as long as it takes where Temporal is away', async () => {
    const id = await submitted();
    const waiting = await command(id);
    const away = { deliver: unavailable, namespaceId: unavailable };
    const { delivered } = dispatching(away);
    world.clock.move('PT5M');
    await eventually(async () => expect(delivered.length).toBeGreaterThan(0));
    await pause(400);
    expect(await world.answer(waiting)).toBeNull();
    expect(world.faults).toEqual([]);
  });

  test('are taken straight where the gate takes none any more', async () => {
    const id = await submitted();
    const waiting = await command(id);
    dispatching({ deliver: async () => 'closed' });
    await eventually(async () =>
      expect(await world.answer(waiting)).toMatchObject({ outcome: { kind: 'counted' } }),
    );
  });

  test('stay rows while Temporal is away, and are decided once when it is back', async () => {
    const id = await submitted();
    const waiting = await command(id);
    let away = true;
    const { delivered } = dispatching({
      deliver: () => (away ? unavailable() : Promise.resolve('closed')),
    });
    await eventually(async () => expect(delivered).toHaveLength(1));
    await pause(300);
    expect(await world.answer(waiting)).toBeNull();
    away = false;
    world.clock.move('PT3S');
    await eventually(async () => expect(await world.answer(waiting)).not.toBeNull());
    expect((await world.records(id)).filter(({ kind }) => kind === 'decided')).toHaveLength(1);
    expect(world.faults).toEqual([]);
  });

  test('are not delivered again once they are answered', async () => {
    const id = await submitted();
    const answered = await command(id);
    await world.step(id, answered);
    const { delivered } = dispatching();
    await pause(400);
    expect(delivered).toEqual([]);
  });

  test('that only look need no Temporal', async () => {
    const id = await submitted();
    const view = { name: 'view', sha256: 'ab'.repeat(32), bytes: 2 } as const;
    const looking = await world.command(id, 'eve', { kind: 'view', view });
    const { delivered } = dispatching({ deliver: unavailable });
    await eventually(async () =>
      expect(await world.answer(looking)).toMatchObject({ outcome: { kind: 'done' } }),
    );
    expect(delivered).toEqual([]);
  });

  test('on a request that has ended are answered without Temporal', async () => {
    const id = await submitted();
    await world.step(id, await world.command(id, 'app', { kind: 'withdraw', reason: null }));
    const late = await command(id);
    dispatching({ deliver: unavailable });
    await eventually(async () =>
      expect(await world.answer(late)).toMatchObject({ outcome: { reason: 'RESOLVED' } }),
    );
  });
});

test('keys that callers were promised a week of are forgotten after it', async () => {
  const { db } = world.deps;
  const row = {
    fingerprint: 'ab'.repeat(32),
    runningUntil: null,
    commandId: null,
    status: null,
    response: null,
    dekId: null,
  };
  const [old, young] = ['P8D', 'P6D'].map((age) => ({ principal: 'p', route: 'r', key: age }));
  world.clock.move('P8D');
  const now = Date.parse(world.clock.now);
  const before = (days: number): string => new Date(now - days * 86_400_000).toISOString();
  await db.transaction(async (tx) => {
    tx.write(insertKeyUse(old as NonNullable<typeof old>, row, before(8)));
    tx.write(insertKeyUse(young as NonNullable<typeof young>, row, before(6)));
  });
  dispatching();
  await eventually(async () =>
    expect(await findKey(db, old as NonNullable<typeof old>)).toBeNull(),
  );
  expect(await findKey(db, young as NonNullable<typeof young>)).toEqual(row);
});

test('after its end it does nothing any more', async () => {
  const { started, stop } = dispatching();
  await stop();
  await submitted();
  world.clock.now = addDuration(world.clock.now, 'PT1H');
  await pause(600);
  expect(started).toEqual([]);
});
