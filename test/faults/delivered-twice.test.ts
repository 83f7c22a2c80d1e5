import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CommandBody } from '../../application/approval-service.ts';
import type { RequestShape } from '../../application/request-shape.ts';
import type { StepRef } from '../../domain/step-result.ts';
import { aPolicySource, decideOn, LOAN, show, soundChain, submit } from '../support/acts.ts';
import { openStack, type Reply, type Stack } from '../support/stack.ts';

/** Requests at whose next command the worker dies between commit and answer. */
const dying = new Set<string>();
const died: StepRef[] = [];

let stack: Stack;
beforeAll(async () => {
  stack = await openStack({
    policies: [aPolicySource({ quorum: 2 })],
    aroundStep: async (step, ref) => {
      const result = await step();
      if (ref.kind === 'tick' || !dying.delete(ref.requestId)) return result;
      died.push(ref);
      throw new Error('the worker died after the commit');
    },
  });
});
afterAll(() => stack.close());

/** Repeats a call until it has an answer, as a client does who is told that the first one runs. */
async function answered<B>(call: () => Promise<Reply<B>>): Promise<Reply<B>> {
  for (;;) {
    const reply = await call();
    if (reply.status !== 409) return reply;
    expect(reply.headers.get('retry-after')).toMatch(/^\d+$/);
    await sleep(100);
  }
}

async function requestsStored(): Promise<number> {
  const rows = await stack.deps.db.query('SELECT id FROM request');
  return rows.length;
}

const fresh = (reply: Reply<unknown>): boolean => !reply.headers.has('idempotent-replayed');

describe('the same message twice', () => {
  test('submits one request, at once and later', async () => {
    const before = await requestsStored();
    const call = () =>
      stack.call<RequestShape>('app', '/v1/requests', {
        body: { ...LOAN, title: 'twice' },
        headers: { 'Idempotency-Key': 'submitted-twice' },
      });
    const replies = await Promise.all(Array.from({ length: 8 }, () => answered(call)));
    replies.push(await call());
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(replies.map(({ text }) => text)).size).toBe(1);
    expect(replies.filter(fresh)).toHaveLength(1);
    expect(await requestsStored()).toBe(before + 1);
  });

  test('decides once, at once and later, and is told the first answer', async () => {
    const request = await submit(stack);
    const call = () => decideOn(stack, 'eve', { request, key: 'decided-twice' });
    const replies = await Promise.all(Array.from({ length: 8 }, () => answered(call)));
    replies.push(await call());
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
    const outcome = { kind: 'counted', approvals: 1, needed: 2 };
    expect(replies.map(({ body }) => body.outcome)).toEqual(replies.map(() => outcome));
    expect(replies.filter(fresh)).toHaveLength(1);
    expect((await soundChain(stack.deps, request.id)).kinds.slice(3)).toEqual(['decided']);
  });

  test('without a key is another act, and is refused as such', async () => {
    const request = await submit(stack);
    await decideOn(stack, 'eve', { request });
    const again = await decideOn(stack, 'eve', { request });
    expect(again.body.outcome).toMatchObject({ kind: 'refused', reason: 'ALREADY_DECIDED' });
    expect((await soundChain(stack.deps, request.id)).kinds.slice(3)).toEqual([
      'decided',
      'refused',
    ]);
  });

  test('a command that reaches the gate twice is one act', async () => {
    const request = await submit(stack);
    await decideOn(stack, 'eve', { request });
    const [row] = await stack.deps.db.query<{ id: string }>(
      'SELECT id FROM command WHERE request_id = $1',
      [request.id],
    );
    const gate = { requestId: request.id, kind: 'ai-decision', step: null };
    const again = () => stack.deps.gateway.deliver(gate, row?.id ?? '');
    expect(await Promise.all([again(), again()])).toEqual(['decided', 'decided']);
    await decideOn(stack, 'omar', { request });
    // The gate has ended: whoever comes late opens one more, which finds nothing to do.
    expect(await Promise.all([again(), again()])).toEqual(['decided', 'decided']);
    expect((await soundChain(stack.deps, request.id)).kinds.slice(3)).toEqual([
      ...['decided', 'decided', 'resolved'],
    ]);
  });
});

describe('a worker that dies between commit and answer', () => {
  const cases = [
    { what: 'that is counted', who: 'eve', kind: 'counted', sealed: ['decided'] },
    { what: 'that is refused', who: 'sam', kind: 'refused', sealed: ['refused'] },
  ] as const;
  test.each(cases)('leaves one answer to a decision $what', async ({ who, kind, sealed }) => {
    const request = await submit(stack);
    dying.add(request.id);
    const deaths = died.length;
    const key = `dying-${request.id}`;
    const reply: Reply<CommandBody> = await decideOn(stack, who, { request, key });
    expect(died).toHaveLength(deaths + 1);
    expect(reply.status).toBe(200);
    expect(reply.body.outcome.kind).toBe(kind);
    const { kinds, report } = await soundChain(stack.deps, request.id);
    expect(kinds.slice(3)).toEqual(sealed);
    expect(report.records.at(-1)?.leafHash).toBe(reply.body.record?.leafHash);
    expect((await decideOn(stack, who, { request, key })).body.outcome).toEqual(reply.body.outcome);
    expect((await show(stack, request.id)).status).toBe('pending');
  });
});
