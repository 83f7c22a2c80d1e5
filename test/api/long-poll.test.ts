import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApi } from '../../api/create-api.ts';
import { listen, type RunningServer } from '../../api/server.ts';
import type { RequestShape } from '../../application/request-shape.ts';
import { track } from '../support/no-leaks.ts';
import { openStack, type Stack } from '../support/stack.ts';
import { aLoan, aSureLoan, decide, expectProblem, submit, view } from './support/calls.ts';

let stack: Stack;
let server: RunningServer;
let closeServer: () => Promise<void>;
/** Waits that the API asked for and that still run. */
const waits = { asked: [] as number[], running: 0 };

beforeAll(async () => {
  stack = await openStack();
  const { waiter } = stack.deps;
  const counting = {
    ...waiter,
    changed: async (...asked: Parameters<typeof waiter.changed>) => {
      waits.asked.push(asked[1]);
      waits.running += 1;
      try {
        return await waiter.changed(...asked);
      } finally {
        waits.running -= 1;
      }
    },
  };
  const app = createApi({ ...stack.deps, waiter: counting });
  server = await listen(app, { host: '127.0.0.1', port: 0 });
  closeServer = track('counting server', () => server.close(500));
});
afterAll(async () => {
  await closeServer();
  await stack.close();
});

interface Poll {
  readonly status: number;
  readonly body: RequestShape | null;
  readonly etag: string;
  /** Milliseconds from the call to the answer. */
  readonly took: number;
  /** When the answer was there. */
  readonly at: number;
}

async function poll(id: string, wait: string | null, etag?: string): Promise<Poll> {
  const start = performance.now();
  const query = wait === null ? '' : `?wait=${wait}`;
  const response = await fetch(`${server.address}/v1/requests/${id}${query}`, {
    headers: {
      Authorization: `Bearer ${stack.bearer('app')}`,
      ...(etag === undefined ? {} : { 'If-None-Match': etag }),
    },
  });
  const text = await response.text();
  const at = performance.now();
  return {
    status: response.status,
    body: text === '' ? null : (JSON.parse(text) as RequestShape),
    etag: response.headers.get('etag') ?? '',
    took: at - start,
    at,
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function untilWaiting(): Promise<void> {
  for (let tries = 0; tries < 200 && waits.running === 0; tries += 1) await pause(10);
  expect(waits.running).toBeGreaterThan(0);
}

describe('without a wait', () => {
  test('the answer comes at once, with a strong tag', async () => {
    const { id } = await submit(stack, aLoan());
    const read = await poll(id, null);
    expect(read.status).toBe(200);
    expect(read.etag).toMatch(/^"[^"]+"$/);
    expect((await poll(id, null)).etag).toBe(read.etag);
    expect(read.took).toBeLessThan(1_000);
  });

  test('If-None-Match gives 304 without a body, or what is new', async () => {
    const { id } = await submit(stack, aLoan());
    const { etag } = await poll(id, null);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const same = await poll(id, null, known);
      expect(same).toMatchObject({ status: 304, body: null, etag });
    }
    for (const known of ['"other"', 'garbage', etag.slice(1)])
      expect((await poll(id, null, known)).status).toBe(200);
    await decide(stack, 'eve', id);
    const next = await poll(id, null, etag);
    expect(next.status).toBe(200);
    expect(next.etag).not.toBe(etag);
  });

  test('a view changes nothing that a reader sees: the tag stays', async () => {
    const { id } = await submit(stack, aLoan());
    const { etag } = await poll(id, null);
    await view(stack, 'eve', id);
    expect((await poll(id, null)).etag).toBe(etag);
  });
});

describe('with a wait', () => {
  test('the first change after arrival is answered within a second', async () => {
    const { id } = await submit(stack, aLoan());
    await decide(stack, 'eve', id); // before arrival: not waited for, not answered
    const waiting = poll(id, 'PT20S');
    await untilWaiting();
    await pause(300);
    expect(waits.running).toBe(1);
    await decide(stack, 'omar', id);
    const decided = performance.now();
    const { status, body, at } = await waiting;
    expect(status).toBe(200);
    expect(body).toMatchObject({ revision: 3, stage: { name: 'second line' } });
    expect(at - decided).toBeLessThan(1_000);
  });

  test('nothing new: the state as it is, at the end', async () => {
    const { id } = await submit(stack, aLoan());
    const read = await poll(id, 'PT0.6S');
    expect(read).toMatchObject({ status: 200, body: { id, revision: 1 } });
    expect(read.took).toBeGreaterThan(550);
    expect(read.took).toBeLessThan(2_000);
  });

  test('nothing new for the tag: 304, at the end', async () => {
    const { id } = await submit(stack, aLoan());
    const { etag } = await poll(id, null);
    const read = await poll(id, 'PT0.6S', etag);
    expect(read).toMatchObject({ status: 304, body: null, etag });
    expect(read.took).toBeGreaterThan(550);
  });

  test('an older tag is answered at once; the tag of now waits for the change', async () => {
    const { id } = await submit(stack, aLoan());
    const { etag } = await poll(id, null);
    await decide(stack, 'eve', id);
    const old = await poll(id, 'PT20S', etag);
    expect(old).toMatchObject({ status: 200, body: { revision: 2 } });
    expect(old.took).toBeLessThan(1_000);
    const waiting = poll(id, 'PT20S', old.etag);
    await untilWaiting();
    await decide(stack, 'omar', id);
    const decided = performance.now();
    const next = await waiting;
    expect(next).toMatchObject({ status: 200, body: { revision: 3 } });
    expect(next.at - decided).toBeLessThan(1_000);
  });

  test('what is resolved answers at once, with or without a tag', async () => {
    const { id } = await submit(stack, aSureLoan());
    const read = await poll(id, 'PT20S');
    expect(read).toMatchObject({ status: 200, body: { status: 'approved' } });
    const known = await poll(id, 'PT20S', read.etag);
    expect(known.status).toBe(304);
    expect(Math.max(read.took, known.took)).toBeLessThan(1_000);
  });

  test.each([
    ['PT30S', 30_000],
    ['PT1M', 60_000],
    ['PT0M45S', 45_000],
    ['PT1.5S', 1_500],
    ['PT61S', 60_000],
    ['PT1H', 60_000],
    ['P1D', 60_000],
    ['P1Y2M3W4DT5H6M7S', 60_000],
    ['PT999999999999S', 60_000],
    ['PT0S', 0],
  ])('%s waits %d ms at most, and a caller who leaves frees the place', async (wait, ms) => {
    const { id } = await submit(stack, aLoan());
    const leaving = new AbortController();
    const before = waits.asked.length;
    const left = fetch(`${server.address}/v1/requests/${id}?wait=${wait}`, {
      headers: { Authorization: `Bearer ${stack.bearer('app')}` },
      signal: leaving.signal,
    }).catch(() => null);
    for (let tries = 0; tries < 200 && waits.asked.length === before; tries += 1) await pause(5);
    const asked = waits.asked[before] ?? NaN;
    expect(asked).toBeLessThanOrEqual(ms);
    expect(asked).toBeGreaterThan(ms - 1_000);
    leaving.abort();
    await left;
    for (let tries = 0; tries < 100 && waits.running > 0; tries += 1) await pause(10);
    expect(waits.running).toBe(0);
  });

  test('fifty callers who wait for one request all hear of it', async () => {
    const { id } = await submit(stack, aLoan());
    const waiting = Array.from({ length: 50 }, () => poll(id, 'PT20S'));
    for (let tries = 0; tries < 300 && waits.running < 50; tries += 1) await pause(10);
    await decide(stack, 'eve', id);
    const decided = performance.now();
    for (const { body, at } of await Promise.all(waiting)) {
      expect(body?.revision).toBe(2);
      expect(at - decided).toBeLessThan(1_000);
    }
  });

  describe('who may decide belongs to the answer: a change of the directory is one of the request', () => {
    const eligibleIn = (read: Poll): readonly string[] => read.body?.stage?.eligible ?? [];
    let added = 0;

    async function addOfficer(grant: object | null): Promise<string> {
      added += 1;
      const id = `officer-${added}`;
      const body = { id, name: id, roles: grant === null ? ['credit-officer'] : [] };
      expect((await stack.call('cora', '/v1/people', { body })).status).toBe(201);
      if (grant !== null) await grantTo(id, { role: 'credit-officer', ...grant });
      return id;
    }

    async function grantTo(id: string, body: object): Promise<void> {
      expect((await stack.call('cora', `/v1/people/${id}/roles`, { body })).status).toBe(201);
    }

    test.each([
      { why: 'with a tag', tagged: true },
      { why: 'without', tagged: false },
    ])('somebody gets the role, $why: answered within two seconds', async ({ tagged }) => {
      const { id } = await submit(stack, aLoan());
      const before = await poll(id, null);
      const waiting = poll(id, 'PT20S', tagged ? before.etag : undefined);
      await untilWaiting();
      await pause(300);
      const officer = await addOfficer(null);
      const granted = performance.now();
      const after = await waiting;
      expect(after.status).toBe(200);
      expect(eligibleIn(before)).not.toContain(officer);
      expect(eligibleIn(after)).toContain(officer);
      expect(after.at - granted).toBeLessThan(2_000);
    });

    test('a role that ends by itself is noticed, and so is an absence that begins', async () => {
      const until = new Date(Date.now() + 1_500).toISOString();
      const officer = await addOfficer({ until });
      const { id } = await submit(stack, aLoan());
      const before = await poll(id, null);
      expect(eligibleIn(before)).toContain(officer);
      const after = await poll(id, 'PT20S', before.etag);
      expect(eligibleIn(after)).not.toContain(officer);
      expect(Date.now() - Date.parse(until)).toBeLessThan(2_000);

      const away = await addOfficer(null);
      const present = await poll(id, null);
      expect(eligibleIn(present)).toContain(away);
      const waiting = poll(id, 'PT20S', present.etag);
      await untilWaiting();
      await stack.deps.db.query(
        `INSERT INTO absence (id, person_id, valid_from, valid_until, recorded_by, created_at)
          VALUES (gen_random_uuid(), $1, $2, '2099-01-01', 'system', now())`,
        [away, stack.clock.now()],
      );
      const left = performance.now();
      const gone = await waiting;
      expect(gone.status).toBe(200);
      expect(eligibleIn(gone)).not.toContain(away);
      expect(gone.at - left).toBeLessThan(2_000);
    });

    test('what changes elsewhere in it answers nobody before the end', async () => {
      const { id } = await submit(stack, aLoan());
      const { etag } = await poll(id, null);
      const waiting = poll(id, 'PT3S', etag);
      await untilWaiting();
      await grantTo('sam', { role: `role-${Date.now()}` });
      const read = await waiting;
      expect(read).toMatchObject({ status: 304, body: null, etag });
      expect(read.took).toBeGreaterThan(2_900);
    });
  });

  test('who may not see a request does not wait for it', async () => {
    const { id } = await submit(stack, aLoan());
    expectProblem(await stack.call('vic', `/v1/requests/${id}?wait=PT20S`), 404, 'NOT_FOUND');
  });
});
