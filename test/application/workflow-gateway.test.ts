import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createQueues } from '../../application/engine-queues.ts';
import {
  createWorkflowGateway,
  EngineUnavailable,
  workflowIdOf,
} from '../../application/workflow-gateway.ts';
import { track } from '../support/no-leaks.ts';

const SOON = (ms = 5_000): number => Date.now() + ms;
const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Work that ends when it is told; it notes when it begins. */
function workshop() {
  const begun: string[] = [];
  const ends = new Map<string, PromiseWithResolvers<string>>();
  const work = (name: string) => async (): Promise<string> => {
    begun.push(name);
    const end = Promise.withResolvers<string>();
    ends.set(name, end);
    return end.promise;
  };
  return {
    begun,
    work,
    end: (name: string) => ends.get(name)?.resolve(name),
    fail: (name: string) => ends.get(name)?.reject(new Error(name)),
  };
}

describe('the queue of one request', () => {
  test('lets so many in at once; the others come in their order', async () => {
    const { begun, work, end } = workshop();
    const queues = createQueues(2);
    const all = ['a', 'b', 'c', 'd', 'e'].map((name) => queues.run('r', SOON(), work(name)));
    await pause(0);
    expect(begun).toEqual(['a', 'b']);
    end('b');
    await pause(0);
    expect(begun).toEqual(['a', 'b', 'c']);
    end('a');
    end('c');
    await pause(0);
    expect(begun).toEqual(['a', 'b', 'c', 'd', 'e']);
    end('d');
    end('e');
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  test('does not hold up other requests', async () => {
    const { begun, work, end } = workshop();
    const queues = createQueues(1);
    const all = [queues.run('r', SOON(), work('a')), queues.run('other', SOON(), work('b'))];
    await pause(0);
    expect(begun).toEqual(['a', 'b']);
    end('a');
    end('b');
    await Promise.all(all);
  });

  test('passes the place of who failed to the next', async () => {
    const { begun, work, end, fail } = workshop();
    const queues = createQueues(1);
    const failing = queues.run('r', SOON(), work('a'));
    const next = queues.run('r', SOON(), work('b'));
    await pause(0);
    fail('a');
    await expect(failing).rejects.toThrow('a');
    await pause(0);
    expect(begun).toEqual(['a', 'b']);
    end('b');
    expect(await next).toBe('b');
  });

  test('nobody waits longer than their deadline, and who gave up takes no place', async () => {
    const { begun, work, end } = workshop();
    const queues = createQueues(1);
    const first = queues.run('r', SOON(), work('a'));
    const impatient = queues.run('r', SOON(30), work('b'));
    const late = queues.run('r', SOON(-1_000), work('c'));
    const patient = queues.run('r', SOON(), work('d'));
    for (const one of await Promise.allSettled([impatient, late]))
      expect(one.status === 'rejected' && one.reason).toBeInstanceOf(EngineUnavailable);
    end('a');
    await first;
    await pause(0);
    expect(begun).toEqual(['a', 'd']);
    end('d');
    expect(await patient).toBe('d');
  });

  test('is as wide as before after everything has ended', async () => {
    const { begun, work, end } = workshop();
    const queues = createQueues(2);
    for (const round of ['1', '2', '3']) {
      const names = ['a', 'b', 'c'].map((name) => name + round);
      const all = names.map((name) => queues.run('r', SOON(), work(name)));
      await pause(0);
      expect(begun.slice(-2)).toEqual(names.slice(0, 2));
      for (const name of names) {
        end(name);
        await pause(0);
      }
      await Promise.all(all);
    }
  });
});

describe('where nobody listens', () => {
  test('commands wait as rows: each is told so within its time, however many there are', async () => {
    const gateway = createWorkflowGateway({
      connection: { address: '127.0.0.1:1' },
      namespace: 'default',
      taskQueue: 'none',
      decisionTimeoutMs: 400,
    });
    const close = track('gateway', () => gateway.close());
    const gate = { requestId: randomUUID(), kind: 'ai-decision', step: null };
    const since = performance.now();
    const all = await Promise.allSettled(
      Array.from({ length: 12 }, () => gateway.deliver(gate, randomUUID())),
    );
    expect(performance.now() - since).toBeLessThan(3_000);
    for (const one of all)
      expect(one.status === 'rejected' && one.reason).toBeInstanceOf(EngineUnavailable);
    await close();
  });
});

test('one request has one workflow', () => {
  expect(workflowIdOf('abc')).toBe('request/abc');
});
