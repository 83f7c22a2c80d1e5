import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { IssuedKey } from '../../application/apps.ts';
import { openStack, type Reply, type Stack } from '../support/stack.ts';
import { aLoan, aVendor, countRows, expectProblem, submit } from './support/calls.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await openStack({ worker: false, dispatcher: false });
});
afterAll(() => stack.close());

let number = 0;
async function newApp(more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const id = `app-${(number += 1)}`;
  const body = {
    id,
    name: 'Underwriting',
    owner: 'mia',
    scopes: ['requests:submit', 'requests:read'],
    kinds: ['ai-decision'],
    ...more,
  };
  const reply = await stack.call('cora', '/v1/apps', { body });
  expect(reply.status, reply.text).toBe(201);
  return id;
}

async function newKey(app: string, body: unknown = {}): Promise<IssuedKey> {
  const reply = await stack.call<IssuedKey>('cora', `/v1/apps/${app}/keys`, { body });
  expect(reply.status, reply.text).toBe(201);
  return reply.body;
}

function callWith(key: string, path: string, body?: unknown): Promise<Reply<{ id: string }>> {
  const headers = { Authorization: `Bearer ${key}` };
  return stack.call(null, path, { headers, ...(body === undefined ? {} : { body }) });
}

const revoke = (app: string, key: string): Promise<Reply<unknown>> =>
  stack.call('cora', `/v1/apps/${app}/keys/${key}`, { method: 'DELETE' });

/** What is sealed in the app's own stream: kind of change and key, in order. */
async function sealedChanges(app: string): Promise<unknown[]> {
  const rows = await stack.deps.db.query<{ bytes: Buffer }>(
    `SELECT bytes FROM ledger_record WHERE stream_id = (SELECT stream_id FROM app WHERE id = $1) ORDER BY seq`,
    [app],
  );
  return rows.map(({ bytes }) => {
    const { kind, body } = JSON.parse(bytes.toString()) as {
      kind: string;
      body: { change: string; key: string | null };
    };
    return [kind, body.change, body.key];
  });
}

describe('an app', () => {
  test('is registered, read and listed, and can do nothing without a key', async () => {
    const id = await newApp();
    const reply = await stack.call('cora', `/v1/apps/${id}`);
    expect(reply.body).toEqual({
      id,
      name: 'Underwriting',
      owner: 'mia',
      scopes: ['requests:submit', 'requests:read'],
      kinds: ['ai-decision'],
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      revokedAt: null,
    });
    const keys = await stack.call<{ items: unknown[] }>('cora', `/v1/apps/${id}/keys`);
    expect(keys.body).toEqual({ items: [] });
    const list = await stack.call<{ items: { id: string }[] }>('ada', '/v1/apps');
    expect(list.body.items.map((app) => app.id)).toContain(id);
    expect(await sealedChanges(id)).toEqual([['app_changed', 'created', null]]);
  });

  test('is made once per key', async () => {
    const body = { id: 'once', name: 'O', owner: 'mia', scopes: ['requests:read'], kinds: ['*'] };
    const call = { body, headers: { 'Idempotency-Key': 'app-once' } };
    const first = await stack.call('cora', '/v1/apps', call);
    const before = await countRows(stack);
    const again = await stack.call('cora', '/v1/apps', call);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('location')).toBe('/v1/apps/once');
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expectProblem(await stack.call('cora', '/v1/apps', { body }), 409, 'CONFLICT');
    expect(await countRows(stack)).toEqual(before);
  });

  test('does what its scopes and kinds say, and no more', async () => {
    const { key } = await newKey(await newApp());
    const submitted = await callWith(key, '/v1/requests', aLoan());
    expect(submitted.status).toBe(201);
    const { id } = submitted.body;
    expect((await callWith(key, `/v1/requests/${id}`)).status).toBe(200);
    expectProblem(await callWith(key, `/v1/requests/${id}/withdrawal`, {}), 403, 'FORBIDDEN');
    expectProblem(await callWith(key, '/v1/requests', aVendor()), 403, 'FORBIDDEN');
    const reader = await newKey(await newApp({ scopes: ['requests:read'] }));
    expectProblem(await callWith(reader.key, '/v1/requests', aLoan()), 403, 'FORBIDDEN');
    const any = await newKey(await newApp({ kinds: ['*'] }));
    expect((await callWith(any.key, '/v1/requests', aVendor())).status).toBe(201);
  });

  test('makes its owner a party: never eligible on what it asks', async () => {
    const { key } = await newKey(await newApp({ owner: 'eve' }));
    const { body } = await callWith(key, '/v1/requests', aLoan());
    // One officer is left of the two that the rule asks for: their manager is asked at once.
    expect(body).toMatchObject({ stage: { eligible: ['mia', 'omar'] } });
  });
});

describe('a key', () => {
  test('is shown once, hashed, and listed without its secret', async () => {
    const app = await newApp();
    const issued = await newKey(app);
    expect(issued.key).toMatch(new RegExp(`^cs_${issued.id}_[A-Za-z0-9_-]{43}$`));
    const lifetime = Date.parse(issued.expiresAt) - Date.parse(issued.createdAt);
    expect(Math.round(lifetime / 86_400_000)).toBeOneOf([365, 366]);
    const keys = await stack.call<{ items: unknown[] }>('cora', `/v1/apps/${app}/keys`);
    const { id, createdAt, expiresAt } = issued;
    expect(keys.body.items).toEqual([{ id, createdAt, expiresAt, revokedAt: null }]);
    expect(keys.text).not.toContain(issued.key.slice(-43));
  });

  test('leaves its secret nowhere in the database, not even for its repetition', async () => {
    const app = await newApp();
    const call = { body: {}, headers: { 'Idempotency-Key': 'secret' } };
    const first = await stack.call<IssuedKey>('cora', `/v1/apps/${app}/keys`, call);
    const again = await stack.call<IssuedKey>('cora', `/v1/apps/${app}/keys`, call);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    await callWith(first.body.key, '/v1/requests');
    await callWith(first.body.key, '/v1/apps'); // turned away, noted in the access log
    const secret = first.body.key.slice(-43);
    expect(await tablesWith(first.body.id)).toContain('app_key'); // the search does find things
    expect(await tablesWith(secret)).toEqual([]);
    expect(await tablesWith(Buffer.from(secret).toString('hex'))).toEqual([]);
    expect(await tablesWith(Buffer.from(secret, 'base64url').toString('hex'))).toEqual([]);
    expect(stack.faults.join()).not.toContain(secret);
  });

  test('rotates: two live at once, a third only when one is gone', async () => {
    const app = await newApp();
    const [old, next] = [await newKey(app), await newKey(app)];
    for (const { key } of [old, next])
      expect((await callWith(key, '/v1/requests')).status).toBe(200);
    const third = await stack.call('cora', `/v1/apps/${app}/keys`, { body: {} });
    expectProblem(third, 409, 'CONFLICT');
    expect((await revoke(app, old.id)).status).toBe(204);
    await expectStopped(old.key);
    expect((await callWith(next.key, '/v1/requests')).status).toBe(200);
    const fourth = await newKey(app);
    expect((await callWith(fourth.key, '/v1/requests')).status).toBe(200);
    expect(await sealedChanges(app)).toEqual([
      ['app_changed', 'created', null],
      ['app_changed', 'key_created', old.id],
      ['app_changed', 'key_rotated', next.id],
      ['app_changed', 'key_revoked', old.id],
      ['app_changed', 'key_rotated', fourth.id],
    ]);
  });

  test('that is revoked stops within five seconds, and cannot be revoked again', async () => {
    const app = await newApp();
    const issued = await newKey(app);
    expect((await callWith(issued.key, '/v1/requests')).status).toBe(200);
    expect((await revoke(app, issued.id)).status).toBe(204);
    await expectStopped(issued.key);
    const before = await countRows(stack);
    expectProblem(await revoke(app, issued.id), 404, 'NOT_FOUND');
    expectProblem(await revoke('sample-agent', issued.id), 404, 'NOT_FOUND');
    expect(await countRows(stack)).toEqual(before);
    const keys = await stack.call<{ items: { revokedAt: string }[] }>(
      'cora',
      `/v1/apps/${app}/keys`,
    );
    expect(keys.body.items[0]?.revokedAt).toMatch(/Z$/);
  });

  test('ends at its hour, and then makes room for another', async () => {
    const app = await newApp();
    const inAnHour = new Date(Date.parse(stack.clock.now()) + 3_600_000).toISOString();
    const short = await newKey(app, { expiresAt: inAnHour });
    expect(short.expiresAt).toBe(inAnHour);
    await newKey(app);
    expect((await callWith(short.key, '/v1/requests')).status).toBe(200);
    stack.clock.advance('PT59M');
    expect((await callWith(short.key, '/v1/requests')).status).toBe(200);
    stack.clock.advance('PT1M');
    expectProblem(await callWith(short.key, '/v1/requests'), 401, 'UNAUTHENTICATED');
    await newKey(app);
  });

  test('sent by ten at once never makes more than two', async () => {
    const app = await newApp();
    const make = () => stack.call('cora', `/v1/apps/${app}/keys`, { body: {} });
    const replies = await Promise.all(Array.from({ length: 10 }, make));
    expect(replies.map(({ status }) => status).filter((status) => status === 201)).toHaveLength(2);
    for (const { status } of replies) expect([201, 409]).toContain(status);
  });

  test('of a sample app never submits in the name of another', async () => {
    const request = await submit(stack, aLoan());
    expect(request.requester).toEqual({ type: 'app', id: 'sample-agent' });
  });
});

async function expectStopped(key: string): Promise<void> {
  const deadline = performance.now() + 5_000;
  while ((await callWith(key, '/v1/requests')).status !== 401) {
    expect(performance.now()).toBeLessThan(deadline);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Tables with a row that shows a text anywhere, binary columns in hex. */
async function tablesWith(text: string): Promise<string[]> {
  const tables = await stack.deps.db.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables
      WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`,
    [],
  );
  expect(tables.length).toBeGreaterThan(10);
  const found: string[] = [];
  for (const { name } of tables) {
    const rows = await stack.deps.db.query(
      `SELECT 1 AS hit FROM "${name}" AS t WHERE position($1 IN t::text) > 0 LIMIT 1`,
      [text],
    );
    if (rows.length > 0) found.push(name);
  }
  return found;
}
