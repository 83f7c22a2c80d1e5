import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbeddedPostgres } from '../../bin/embedded/postgres.ts';
import {
  aPolicySource,
  decideOn,
  eventually,
  LOAN,
  show,
  soundChain,
  submit,
} from '../support/acts.ts';
import { ownPostgres, type OwnServer } from '../support/own-servers.ts';
import { openStack, type Stack } from '../support/stack.ts';

let postgres: OwnServer<EmbeddedPostgres>;
let stack: Stack;
beforeAll(async () => {
  postgres = await ownPostgres();
  const postgresAdminUrl = postgres.server().adminUrl;
  stack = await openStack({ policies: [aPolicySource({ quorum: 2 })], postgresAdminUrl });
});
afterAll(async () => {
  await stack.close();
  await postgres.close();
});

async function requestsStored(): Promise<number> {
  return (await stack.deps.db.query('SELECT id FROM request')).length;
}

test('while PostgreSQL is away every call says so and when to come back, and it recovers by itself', async () => {
  const request = await submit(stack);
  expect((await decideOn(stack, 'eve', { request })).status).toBe(200);
  expect((await stack.call(null, '/readyz')).status).toBe(200);

  const before = await requestsStored();
  await postgres.kill();
  const submission = {
    body: { ...LOAN, title: 'while it was away' },
    headers: { 'Idempotency-Key': randomUUID() },
  };
  const decision = { request, key: randomUUID() };
  const replies = await Promise.all([
    stack.call('app', '/v1/requests', submission),
    decideOn(stack, 'omar', decision),
    stack.call('app', `/v1/requests/${request.id}`),
    stack.call('eve', '/v1/requests?eligible=me'),
    stack.call('cora', '/v1/policies'),
    stack.call('cora', '/v1/people'),
    stack.call('app', `/v1/requests/${request.id}/chain`),
  ]);
  for (const { status, headers, body } of replies) {
    expect({ status, body }).toMatchObject({ status: 503, body: { code: 'STORE_UNAVAILABLE' } });
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  }
  expect((await stack.call(null, '/healthz')).status).toBe(200);
  await eventually('/readyz to notice', 3_000, async () => {
    return (await stack.call(null, '/readyz')).status === 503;
  });

  await postgres.start();
  await eventually('/readyz to recover', 10_000, async () => {
    return (await stack.call(null, '/readyz')).status === 200;
  });
  // Nothing of what was refused is there, and what was acknowledged is; the same keys work now.
  expect((await soundChain(stack.deps, request.id)).kinds.slice(3)).toEqual(['decided']);
  expect(await requestsStored()).toBe(before);
  const late = await stack.call<{ id: string }>('app', '/v1/requests', submission);
  expect({ status: late.status, replayed: late.headers.get('idempotent-replayed') }).toEqual({
    ...{ status: 201, replayed: null },
  });
  const settled = await decideOn(stack, 'omar', decision);
  expect(settled.body.outcome.kind).toBe('settled');
  expect((await show(stack, request.id)).resolution).toMatchObject({ by: ['eve', 'omar'] });
});

test('a decision during which PostgreSQL dies is there once, whatever its caller was told', async () => {
  const requests = await Promise.all(Array.from({ length: 12 }, () => submit(stack)));
  const calls = requests.flatMap((request) =>
    ['eve', 'omar'].map((who) => ({ who, request, key: `${who}-${request.id}` })),
  );
  const running = calls.map(({ who, ...rest }) => decideOn(stack, who, rest));
  await new Promise((resolve) => setTimeout(resolve, 60));
  await postgres.kill();
  await postgres.start();
  const first = await Promise.all(running);
  expect(first.filter(({ status }) => ![200, 202, 503].includes(status))).toEqual([]);
  for (const { who, ...rest } of calls) {
    const outcome = await eventually('an answer', 20_000, async () => {
      const { status, body } = await decideOn(stack, who, rest);
      return status === 200 && body.outcome;
    });
    expect(['counted', 'settled']).toContain(outcome.kind);
  }
  for (const { id } of requests) {
    expect((await soundChain(stack.deps, id)).kinds.slice(3)).toEqual([
      ...['decided', 'decided', 'resolved'],
    ]);
  }
});
