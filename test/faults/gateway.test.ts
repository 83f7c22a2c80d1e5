import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest';
import { findFreePort } from '../../bin/embedded/ports.ts';
import {
  createWorkflowGateway,
  EngineUnavailable,
  type GatewayOptions,
  type WorkflowGateway,
} from '../../application/workflow-gateway.ts';
import { aPolicySource, decideOn, eventually, soundChain, submit } from '../support/acts.ts';
import { openStack, type Stack } from '../support/stack.ts';
import { openTemporalPort, type TemporalPort } from '../workflows/temporal.ts';

let stack: Stack;
let port: TemporalPort;
beforeAll(async () => {
  // Nobody works on the task queue: an Update is taken by the server and waits.
  stack = await openStack({ policies: [aPolicySource()], worker: false, dispatcher: false });
  port = await openTemporalPort(inject('temporalAddress'));
});
afterAll(async () => {
  await port.close();
  await stack.close();
});

function open(differs: Partial<GatewayOptions> & { readonly address?: string } = {}) {
  const { address = inject('temporalAddress'), ...options } = differs;
  const faults: unknown[] = [];
  const gateway = createWorkflowGateway({
    connection: { address },
    namespace: 'default',
    taskQueue: stack.taskQueue,
    decisionTimeoutMs: 1_500,
    onFault: (_message, error) => faults.push(error),
    ...options,
  });
  onTestFinished(() => gateway.close());
  return { gateway, faults };
}

const aGate = (requestId = randomUUID()) => ({ requestId, kind: 'ai-decision', step: null });

async function timed(work: Promise<unknown>): Promise<{ error: unknown; ms: number }> {
  const start = performance.now();
  const error = await work.then(
    () => null,
    (cause: unknown) => cause,
  );
  return { error, ms: performance.now() - start };
}

test.each([
  { what: 'nobody listens', address: async () => `127.0.0.1:${await findFreePort()}` },
  { what: 'no worker answers', address: async () => inject('temporalAddress') },
])(
  'a command waits as a row, and its caller no longer than told, when $what',
  async ({ address }) => {
    const { gateway, faults } = open({ address: await address() });
    const { error, ms } = await timed(gateway.deliver(aGate(), randomUUID()));
    expect(error).toBeInstanceOf(EngineUnavailable);
    expect(ms).toBeGreaterThan(1_300);
    expect(ms).toBeLessThan(2_600);
    expect(faults).toEqual([]);
  },
);

test('a namespace that is not there is not taken for a gate that has ended, and somebody is told', async () => {
  const { gateway, faults } = open({ namespace: 'elsewhere' });
  const calls: ((to: WorkflowGateway) => Promise<unknown>)[] = [
    (to) => to.deliver(aGate(), randomUUID()),
    (to) => to.startGate(aGate()),
    (to) => to.namespaceId(),
  ];
  for (const call of calls)
    expect((await timed(call(gateway))).error).toBeInstanceOf(EngineUnavailable);
  expect(faults.length).toBeGreaterThan(0);
});

test('more commands at once than a gate takes wait their turn, and those in excess no longer than told', async () => {
  const { gateway } = open();
  const gate = aGate();
  const all = await Promise.all(
    Array.from({ length: 20 }, () => timed(gateway.deliver(gate, randomUUID()))),
  );
  for (const { error, ms } of all) {
    expect(error).toBeInstanceOf(EngineUnavailable);
    expect(ms).toBeLessThan(2_600);
  }
});

test('a command whose gate is ended while it works on it is decided once, by the next gate', async () => {
  let entered = 0;
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const working = await openStack({
    policies: [aPolicySource()],
    aroundStep: async (step, ref) => {
      if (ref.kind === 'command' && (entered += 1) === 1) await held;
      return step();
    },
  });
  const request = await submit(working);
  const reply = decideOn(working, 'eve', { request });
  await eventually('the step', 5_000, () => Promise.resolve(entered > 0));
  await port.client.workflow.getHandle(`request/${request.id}`).terminate('a test');
  release();
  expect(await reply).toMatchObject({ status: 200, body: { outcome: { kind: 'settled' } } });
  expect((await soundChain(working.deps, request.id)).kinds.slice(3)).toEqual([
    ...['decided', 'resolved'],
  ]);
  await working.close();
});

test('starting the gate of a request that was opened and closed since changes nothing', async () => {
  const { gateway } = open();
  const gate = { ...aGate(), step: { seq: 2, wakeInMs: null, finished: false } };
  await gateway.startGate(gate);
  const handle = port.client.workflow.getHandle(`request/${gate.requestId}`);
  await handle.terminate('a test');
  await gateway.startGate(gate);
  expect((await handle.describe()).status.name).toBe('TERMINATED');
  await gateway.startGate({ ...gate, step: null }); // a repair may
  expect((await handle.describe()).status.name).toBe('RUNNING');
  await handle.terminate('a test');
});
