import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { EmbeddedTemporal } from '../../bin/embedded/temporal.ts';
import type { CommandBody } from '../../application/approval-service.ts';
import { aPolicySource, decideOn, eventually, show, soundChain, submit } from '../support/acts.ts';
import { ownTemporal, type OwnServer } from '../support/own-servers.ts';
import { openStack, type Stack } from '../support/stack.ts';
import { openTemporalPort, type TemporalPort } from '../workflows/temporal.ts';

let temporal: OwnServer<EmbeddedTemporal>;
let stack: Stack;
let port: TemporalPort;
beforeAll(async () => {
  temporal = await ownTemporal();
  const temporalAddress = temporal.server().address;
  const policies = [
    aPolicySource({ id: 'long', when: 'request.action.operation != "short"' }),
    aPolicySource({ id: 'short', when: 'request.action.operation == "short"', deadline: 'PT8S' }),
  ];
  stack = await openStack({ policies, temporalAddress, decisionTimeoutMs: 1_500 });
  port = await openTemporalPort(temporalAddress);
});
afterEach(async () => {
  await temporal.start();
});
afterAll(async () => {
  await port.close();
  await stack.close();
  await temporal.close();
});

const short = { action: { operation: 'short', target: 'loan/1' } };

/** @returns the state of the gate's newest run; null = there is none. */
async function gateOf(requestId: string): Promise<string | null> {
  try {
    const { status } = await port.client.workflow.getHandle(`request/${requestId}`).describe();
    return status.name;
  } catch {
    return null;
  }
}

const gateRuns = (requestId: string) =>
  eventually('its gate', 20_000, async () => (await gateOf(requestId)) === 'RUNNING');

test('while Temporal is away submitting answers 201, deciding 202, and it is decided once when it is back', async () => {
  const known = await submit(stack);
  await gateRuns(known.id);
  await temporal.kill();

  const request = await submit(stack);
  expect(request.status).toBe('pending');
  const waiting = await submit(stack);
  const asked = performance.now();
  const replies = await Promise.all(
    [known, request].map((one) => decideOn(stack, 'eve', { request: one, key: `key-${one.id}` })),
  );
  expect(performance.now() - asked).toBeLessThan(4_000);
  for (const [n, { status, body, headers }] of replies.entries()) {
    expect(status).toBe(202);
    expect(body).toMatchObject({ outcome: { kind: 'recorded' }, record: null });
    const id = [known, request][n]?.id ?? '';
    expect(headers.get('location')).toMatch(
      new RegExp(`^/v1/requests/${id}/commands/[0-9a-f-]{36}$`),
    );
  }
  const location = replies[1]?.headers.get('location') ?? '';
  const meanwhile = await stack.call<CommandBody>('eve', location);
  expect(meanwhile).toMatchObject({ status: 200, body: { outcome: { kind: 'recorded' } } });
  const sameKey = await decideOn(stack, 'eve', { request, key: `key-${request.id}` });
  expect(sameKey).toMatchObject({ status: 202, body: { outcome: { kind: 'recorded' } } });
  expect((await soundChain(stack.deps, request.id)).kinds).toHaveLength(3);

  await temporal.start();
  for (const reply of replies) {
    const at = reply.headers.get('location') ?? '';
    const outcome = await eventually('the decision', 20_000, async () => {
      const { body } = await stack.call<CommandBody>('eve', at);
      return body.outcome.kind !== 'recorded' && body.outcome;
    });
    expect(outcome.kind).toBe('settled');
  }
  for (const one of [known, request]) {
    const answer = await decideOn(stack, 'eve', { request: one, key: `key-${one.id}` });
    expect(answer).toMatchObject({ status: 200, body: { outcome: { kind: 'settled' } } });
    expect((await soundChain(stack.deps, one.id)).kinds.slice(3)).toEqual(['decided', 'resolved']);
  }
  await gateRuns(waiting.id); // nobody has touched it
  expect((await decideOn(stack, 'eve', { request: waiting })).status).toBe(200);
});

test('what was recorded while Temporal was away is decided in the order in which it was asked', async () => {
  const request = await submit(stack);
  await gateRuns(request.id);
  await temporal.kill();
  const asked: string[] = [];
  for (const [who, verdict] of [
    ['eve', 'approve'],
    ['omar', 'reject'],
    ['dana', 'reject'],
  ] as const) {
    const reply = await decideOn(stack, who, { request, verdict });
    expect(reply.status).toBe(202);
    asked.push(reply.headers.get('location') ?? '');
  }
  // The last one is brought first, and the first one last.
  for (const [n, location] of asked.entries())
    await stack.deps.db.query(
      `UPDATE command SET due_at = now() + $2 * interval '1 second' WHERE id = $1`,
      [location.split('/').at(-1), 6 - 3 * n],
    );
  await temporal.start();
  const told: string[] = [];
  for (const [n, location] of asked.entries()) {
    const who = ['eve', 'omar', 'dana'][n] ?? '';
    const outcome = await eventually('the decision', 20_000, async () => {
      const { body } = await stack.call<CommandBody>(who, location);
      return body.outcome.kind !== 'recorded' && body.outcome;
    });
    told.push(outcome.kind === 'refused' ? outcome.reason : outcome.kind);
  }
  expect(told).toEqual(['settled', 'RESOLVED', 'RESOLVED']);
  expect((await show(stack, request.id)).resolution).toMatchObject({
    kind: 'approved',
    by: ['eve'],
  });
  expect((await soundChain(stack.deps, request.id)).kinds.slice(3)).toEqual([
    ...['decided', 'resolved', 'refused', 'refused'],
  ]);
});

test('when its store is lost, the gates start again from the rows and a deadline still expires', async () => {
  const [pending, expiring] = await Promise.all([submit(stack), submit(stack, short)]);
  await Promise.all([gateRuns(pending.id), gateRuns(expiring.id)]);
  await temporal.kill();
  for (const part of ['', '-wal', '-shm'])
    rmSync(join(temporal.dataDir, `temporal.db${part}`), { force: true });
  await temporal.start();
  expect(await gateOf(pending.id)).not.toBe('RUNNING');

  const end = await eventually(
    'the deadline',
    25_000,
    async () => (await show(stack, expiring.id)).resolution,
  );
  expect(end.kind).toBe('expired');
  await gateRuns(pending.id);
  expect((await decideOn(stack, 'eve', { request: pending })).body.outcome.kind).toBe('settled');
  expect((await soundChain(stack.deps, expiring.id)).kinds.slice(3)).toEqual([
    'expired',
    'resolved',
  ]);
});

test('a gate that was ended behind our back comes back when the time of its request has come', async () => {
  const policyless = { action: { operation: 'loan.decline', target: 'loan/2' } };
  const [first, second] = await Promise.all([submit(stack, policyless), submit(stack, policyless)]);
  for (const { id } of [first, second]) {
    await gateRuns(id);
    await port.client.workflow.getHandle(`request/${id}`).terminate('a test');
  }
  // A command opens it again …
  expect((await decideOn(stack, 'eve', { request: first })).body.outcome.kind).toBe('settled');
  // … and so does time.
  stack.clock.advance('P1DT1M');
  const end = await eventually(
    'the deadline',
    20_000,
    async () => (await show(stack, second.id)).resolution,
  );
  expect(end.kind).toBe('expired');
});
