import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CommandBody } from '../../application/approval-service.ts';
import type { RequestShape } from '../../application/request-shape.ts';
import { aPolicySource, LOAN } from '../support/acts.ts';
import { startProduct, type Product } from './product.ts';

let product: Product;
beforeAll(async () => {
  product = await startProduct([aPolicySource()]);
});
afterAll(() => product.close());

async function post<B>(bearer: string, path: string, body: unknown) {
  const response = await fetch(`${product.url}${path}`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${bearer}`,
      'Content-Type': 'application/json',
      'Idempotency-Key': randomUUID(),
    },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as B };
}

/** It held the gate in memory and may have taken its next task: Temporal first waits for the dead. */
test('a request whose worker was killed is decided by the next one while its reviewer waits', async () => {
  const { app, people } = product.credentials();
  const request = (await post<RequestShape>(app.key, '/v1/requests', LOAN)).body;
  await sleep(500); // its gate has run once
  expect(product.kill('worker')).toBe(true);
  const since = performance.now();
  const eve = people.find(({ id }) => id === 'eve')?.token ?? '';
  const { contentDigest } = request;
  const decided = await post<CommandBody>(eve, `/v1/requests/${request.id}/decisions`, {
    ...{ verdict: 'approve', contentDigest },
  });
  const took = performance.now() - since;
  expect(decided).toMatchObject({ status: 200, body: { outcome: { kind: 'settled' } } });
  expect(took).toBeLessThan(9_000);
});
