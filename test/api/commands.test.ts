import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CommandBody } from '../../application/approval-service.ts';
import { track } from '../support/no-leaks.ts';
import { openStack, startTestWorker, type Stack } from '../support/stack.ts';
import { inject } from 'vitest';
import { aVendor, chain, expectProblem, submit, view } from './support/calls.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await openStack({ worker: false, decisionTimeoutMs: 500 });
});
afterAll(() => stack.close());

test('what cannot be decided yet is recorded, found at its Location, and decided once', async () => {
  const { id } = await submit(stack, aVendor());
  const { contentDigest } = await view(stack, 'vic', id);
  const call = {
    body: { verdict: 'approve', contentDigest },
    headers: { 'Idempotency-Key': 'later' },
  };
  const path = `/v1/requests/${id}/decisions`;

  const recorded = await stack.call<CommandBody>('vic', path, call);
  expect(recorded.status).toBe(202);
  const location = recorded.headers.get('location') ?? '';
  expect(location).toMatch(new RegExp(`^/v1/requests/${id}/commands/[0-9a-f-]{36}$`));
  expect(recorded.body).toMatchObject({
    outcome: { kind: 'recorded' },
    record: null,
    request: { id, status: 'pending', stage: { approvals: 0 } },
  });
  const waiting = await stack.call<CommandBody>('vic', location);
  expect(waiting.status).toBe(200);
  expect(waiting.body).toEqual(recorded.body);

  const again = await stack.call<CommandBody>('vic', path, call);
  expect(again.status).toBe(202);
  expect(again.headers.get('location')).toBe(location);

  for (const who of ['sam', 'cora', 'app'])
    expectProblem(await stack.call(who, location), 404, 'NOT_FOUND');
  const elsewhere = (await submit(stack, aVendor())).id;
  expectProblem(await stack.call('vic', location.replace(id, elsewhere)), 404, 'NOT_FOUND');

  const temporalAddress = inject('temporalAddress');
  const stopWorker = track(
    'worker',
    await startTestWorker(stack.deps, { taskQueue: stack.taskQueue, temporalAddress }),
  );
  stack.clock.advance('PT15S'); // the dispatcher leaves a command to its caller for a while
  const decided = await untilDecided(location);
  expect(decided).toMatchObject({
    outcome: { kind: 'counted', approvals: 1, needed: 1 },
    record: { leafHash: expect.any(String), index: null },
    request: { stage: { name: 'security' } },
  });
  const same = await stack.call<CommandBody>('vic', path, call);
  expect(same.status).toBe(200);
  expect(same.body).toEqual(decided);
  const kinds = (await chain(stack, id)).map(({ record }) => record.kind);
  expect(kinds.filter((kind) => kind === 'decided')).toHaveLength(1);
  await stopWorker();
});

async function untilDecided(location: string): Promise<CommandBody> {
  for (let tries = 0; tries < 100; tries += 1) {
    const { status, body } = await stack.call<CommandBody>('vic', location);
    expect(status).toBe(200);
    if (body.outcome.kind !== 'recorded') return body;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('still not decided');
}
