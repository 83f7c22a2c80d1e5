import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitUntilReachable } from '../../bin/embedded/readiness.ts';

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

let answer: Answer = { status: 200, body: {} };
const server = createServer((_request, response) => {
  response.statusCode = answer.status;
  response.end(JSON.stringify(answer.body));
});
beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
afterAll(() => new Promise<void>((resolve) => void server.close(() => resolve())));

const wait = (limitMs: number) => {
  const { port } = server.address() as AddressInfo;
  const { signal } = new AbortController();
  return waitUntilReachable(`http://127.0.0.1:${port}/readyz`, {
    ...{ limitMs, signal },
    onWait: () => undefined,
  });
};
const check = (name: string, problem: string | null) => ({ name, ok: problem === null, problem });

test('ready is ready', async () => {
  answer = { status: 200, body: { checks: [check('log', null)] } };
  expect(await wait(1_000)).toBeNull();
});

test('a failed self-check does not keep people from looking into it', async () => {
  const checks = [check('log', null), check('self-check', 'self-check: 1 problem')];
  answer = { status: 503, body: { checks } };
  expect(await wait(1_000)).toBe('self-check: 1 problem');
});

test('anything else does', async () => {
  const checks = [check('PostgreSQL', 'out of reach'), check('self-check', 'self-check: 1')];
  answer = { status: 503, body: { checks } };
  await expect(wait(300)).rejects.toThrow('is not ready after 0.3 s: 503');
  answer = { status: 503, body: 'no JSON of ours' };
  await expect(wait(300)).rejects.toThrow('is not ready');
});
