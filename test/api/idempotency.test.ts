import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStack, type Stack } from '../support/stack.ts';
import { aSureLoan, countRows, expectProblem } from './support/calls.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await openStack({ worker: false, dispatcher: false });
});
afterAll(() => stack.close());

describe('an Idempotency-Key', () => {
  const send = (body: unknown, key: string, who = 'app', path = '/v1/requests') =>
    stack.call<{ id: string }>(who, path, { body, headers: { 'Idempotency-Key': key } });

  test('gives the first answer again, and refuses another body', async () => {
    const first = await send(aSureLoan(), 'k1');
    expect(first.status).toBe(201);
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    const before = await countRows(stack);
    const again = await send(aSureLoan(), 'k1');
    expect(again.status).toBe(201);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('location')).toBe(first.headers.get('location'));
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    const other = await send({ ...aSureLoan(), title: 'Another' }, 'k1');
    expectProblem(other, 422, 'IDEMPOTENCY_MISMATCH');
    expect(await countRows(stack)).toEqual(before);
  });

  test('is about the body, not about how it is written', async () => {
    const first = await send(aSureLoan(), 'k2');
    const { title, ...rest } = aSureLoan();
    const again = await send({ ...rest, title }, 'k2');
    expect(again.body.id).toBe(first.body.id);
  });

  test('belongs to one caller and one route', async () => {
    const one = await send(aSureLoan(), 'k3');
    const two = await send(aSureLoan(), 'k3', 'eve');
    expect(two.status).toBe(201);
    expect(two.body.id).not.toBe(one.body.id);
    const person = await send({ id: 'k3', name: 'K' }, 'k3', 'cora', '/v1/people');
    expect(person.status).toBe(201);
  });

  test('of a call that failed may be used again', async () => {
    expectProblem(await send({ kind: 'ai-decision' }, 'k4'), 422, 'VALIDATION_FAILED');
    expect((await send(aSureLoan(), 'k4')).status).toBe(201);
  });

  test('sent by twenty at once makes one request', async () => {
    const before = await countRows(stack);
    const replies = await Promise.all(Array.from({ length: 20 }, () => send(aSureLoan(), 'k5')));
    for (const { status, text } of replies) expect([201, 409], text).toContain(status);
    expect(
      new Set(replies.filter(({ status }) => status === 201).map(({ body }) => body.id)).size,
    ).toBe(1);
    expect((await countRows(stack))['request']).toBe((before['request'] ?? 0) + 1);
  });
});
