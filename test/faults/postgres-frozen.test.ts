import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
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

/** What a caller waits at most: product contract 3.2 gives Temporal ten seconds, and reading two. */
const LONGEST_MS = 12_500;

let postgres: OwnServer<EmbeddedPostgres>;
let stack: Stack;
/** Processes that hold still: nothing answers and no connection ends, as behind a cut cable. */
let frozen: number[] = [];
beforeAll(async () => {
  postgres = await ownPostgres();
  const postgresAdminUrl = postgres.server().adminUrl;
  stack = await openStack({ policies: [aPolicySource({ quorum: 2 })], postgresAdminUrl });
});
afterEach(thaw);
afterAll(async () => {
  thaw();
  await stack.close();
  await postgres.close();
});

function childrenOf(pid: number): number[] {
  const text =
    process.platform === 'linux'
      ? readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      : spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' }).stdout;
  return text.trim().split(/\s+/).filter(Boolean).map(Number);
}

/** The parent first: it starts nobody else meanwhile. */
function freeze(): void {
  const parent = postgres.server().identity.pid;
  process.kill(parent, 'SIGSTOP');
  frozen = [parent];
  for (const child of childrenOf(parent)) {
    process.kill(child, 'SIGSTOP');
    frozen.push(child);
  }
}

function thaw(): void {
  for (const pid of frozen.splice(0)) process.kill(pid, 'SIGCONT');
}

async function timed<T>(asked: Promise<T>): Promise<T & { readonly took: number }> {
  const since = performance.now();
  const reply = await asked;
  return { ...reply, took: performance.now() - since };
}

const ready = (): Promise<boolean> =>
  eventually('/readyz to recover', 20_000, async () => {
    return (await stack.call(null, '/readyz')).status === 200;
  });

test('while PostgreSQL is frozen every call ends with 503 in time, and afterwards each act is done once', async () => {
  const request = await submit(stack);
  expect((await decideOn(stack, 'eve', { request })).status).toBe(200);
  const submission = {
    body: { ...LOAN, title: 'while it was frozen' },
    headers: { 'Idempotency-Key': randomUUID() },
  };
  const decision = { request, key: randomUUID() };

  freeze();
  const replies = await Promise.all([
    timed(stack.call('app', '/v1/requests', submission)),
    timed(decideOn(stack, 'omar', decision)),
    timed(stack.call('app', `/v1/requests/${request.id}`)),
    timed(stack.call('app', `/v1/requests/${request.id}?wait=PT1S`)),
    timed(stack.call('eve', '/v1/requests?eligible=me')),
    timed(stack.call('cora', '/v1/people')),
    timed(stack.call('app', `/v1/requests/${request.id}/chain`)),
  ]);
  for (const { status, headers, body, took } of replies) {
    expect({ status, body }).toMatchObject({ status: 503, body: { code: 'STORE_UNAVAILABLE' } });
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    expect(took).toBeLessThan(LONGEST_MS);
  }
  expect((await stack.call(null, '/readyz')).status).toBe(503);

  thaw();
  await ready();
  const late = await stack.call<{ id: string }>('app', '/v1/requests', submission);
  expect({ status: late.status, body: late.body }).toMatchObject({ status: 201 });
  const again = await stack.call<{ id: string }>('app', '/v1/requests', submission);
  expect(again.body.id).toBe(late.body.id);
  const settled = await eventually('the decision', 20_000, async () => {
    const { status, body } = await decideOn(stack, 'omar', decision);
    return status === 200 && body.outcome;
  });
  expect(settled.kind).toBe('settled');
  expect((await show(stack, request.id)).resolution).toMatchObject({ by: ['eve', 'omar'] });
  expect((await soundChain(stack.deps, request.id)).kinds.slice(3)).toEqual([
    ...['decided', 'decided', 'resolved'],
  ]);
  const titles = await stack.call<{ items: { title: string }[] }>('app', '/v1/requests');
  expect(titles.body.items.filter(({ title }) => title === 'while it was frozen')).toHaveLength(1);
}, 90_000);

test('who is caught half way hears 503 in time as well, and the same key finds one decision', async () => {
  const requests = await Promise.all(Array.from({ length: 6 }, () => submit(stack)));
  const calls = requests.flatMap((request) =>
    ['eve', 'omar'].map((who) => ({ who, request, key: `${who}-${request.id}` })),
  );
  const running = calls.map(({ who, ...rest }) => timed(decideOn(stack, who, rest)));
  await sleep(40);
  freeze();
  const first = await Promise.all(running);
  for (const { status, took } of first) {
    expect([200, 503]).toContain(status);
    expect(took).toBeLessThan(LONGEST_MS);
  }
  expect(first.filter(({ status }) => status === 503)).not.toEqual([]);

  thaw();
  await ready();
  for (const { who, ...rest } of calls) {
    const outcome = await eventually('an answer', 30_000, async () => {
      const { status, body } = await decideOn(stack, who, rest);
      return status === 200 && body.outcome;
    });
    expect(['counted', 'settled']).toContain(outcome.kind);
  }
  for (const { id } of requests)
    expect((await soundChain(stack.deps, id)).kinds.slice(3)).toEqual([
      ...['decided', 'decided', 'resolved'],
    ]);
}, 120_000);
