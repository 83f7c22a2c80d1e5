import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addDuration } from '../../domain/instant.ts';
import { openStack, type Stack } from '../support/stack.ts';
import { aVendor, countRows, expectProblem, read, submit } from './support/calls.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await openStack({ worker: false, dispatcher: false });
});
afterAll(() => stack.close());

interface Person {
  readonly id: string;
  readonly roles: readonly { readonly id: string; readonly role: string; readonly from: string }[];
}

const add = (body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  stack.call<Person>('cora', '/v1/people', { body, headers });
const grant = (id: string, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  stack.call<Person>('cora', `/v1/people/${id}/roles`, { body, headers });

/** Kinds of record in a person's own stream, in order, and everything in them as text. */
async function sealed(id: string): Promise<{ kinds: string[]; text: string }> {
  const rows = await stack.deps.db.query<{ bytes: Buffer }>(
    `SELECT bytes FROM ledger_record WHERE stream_id = (SELECT stream_id FROM person WHERE id = $1) ORDER BY seq`,
    [id],
  );
  const kinds = rows.map(({ bytes }) => (JSON.parse(bytes.toString()) as { kind: string }).kind);
  return { kinds, text: rows.map(({ bytes }) => bytes.toString()).join('\n') };
}

describe('a person', () => {
  test('is added with roles, granted by who added them, and sealed without name or id', async () => {
    const reply = await add({ id: 'ana.bell', name: 'Ana Bell', roles: ['security', 'privacy'] });
    expect(reply.status, reply.text).toBe(201);
    expect(reply.headers.get('location')).toBe('/v1/people/ana.bell');
    const instant = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const role = (name: string) => ({
      id: expect.any(String),
      role: name,
      from: instant,
      until: null,
      grantedBy: 'cora',
    });
    expect(reply.body).toEqual({
      id: 'ana.bell',
      name: 'Ana Bell',
      createdAt: instant,
      roles: [role('security'), role('privacy')],
    });
    const one = await stack.call<Person>('eve', '/v1/people/ana.bell');
    expect(one.body.roles).toHaveLength(2);
    const roles = await stack.call<{ items: unknown[] }>('eve', '/v1/people/ana.bell/roles');
    expect(roles.body).toEqual({ items: one.body.roles });
    const { kinds, text } = await sealed('ana.bell');
    expect(kinds).toEqual(['person_added', 'role_granted', 'role_granted']);
    expect(text).not.toMatch(/ana|Bell|cora/i);
  });

  test('is added once', async () => {
    const body = { id: 'bob', name: 'Bob' };
    const headers = { 'Idempotency-Key': 'bob' };
    const first = await add(body, headers);
    const before = await countRows(stack);
    const again = await add(body, headers);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expectProblem(await add({ ...body, name: 'Rob' }, headers), 422, 'IDEMPOTENCY_MISMATCH');
    expectProblem(await add(body), 409, 'CONFLICT');
    expect(await countRows(stack)).toEqual(before);
  });

  test('added by ten at once is there once', async () => {
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => add({ id: 'zoe', name: 'Z' })),
    );
    expect(replies.map(({ status }) => status).sort((a, b) => a - b)).toEqual([
      201,
      ...Array(9).fill(409),
    ]);
    expect((await sealed('zoe')).kinds).toEqual(['person_added']);
  });
});

describe('a role', () => {
  test('is granted, sealed, and counts at once', async () => {
    const { id } = await submit(stack, aVendor());
    expect((await read(stack, id)).stage?.eligible).toEqual(['vic']);
    const reply = await grant('sam', { role: 'vendor-risk' });
    expect(reply.status, reply.text).toBe(201);
    expect(reply.headers.get('location')).toBe('/v1/people/sam/roles');
    expect(reply.body.roles.map(({ role }) => role)).toEqual(['security', 'vendor-risk']);
    expect((await read(stack, id)).stage?.eligible).toEqual(['sam', 'vic']);
    expect((await sealed('sam')).kinds.at(-1)).toBe('role_granted');
  });

  test('counts from its start, included, to its end, not included', async () => {
    const now = stack.clock.now();
    const [from, until] = [addDuration(now, 'PT1H'), addDuration(now, 'PT2H')];
    expect((await grant('pia', { role: 'auditor', from, until })).status).toBe(201);
    const apps = async (): Promise<number> => (await stack.call('pia', '/v1/apps')).status;
    expect(await apps()).toBe(403);
    stack.clock.advance('PT1H');
    expect(await apps()).toBe(200);
    stack.clock.advance('PT1H');
    expect(await apps()).toBe(403);
  });

  test('granted twice with one key is one grant', async () => {
    const headers = { 'Idempotency-Key': 'grant' };
    const first = await grant('rui', { role: 'privacy' }, headers);
    const again = await grant('rui', { role: 'privacy' }, headers);
    expect(again.body).toEqual(first.body);
    const { body } = await stack.call<{ items: { role: string }[] }>(
      'cora',
      '/v1/people/rui/roles',
    );
    expect(body.items.filter(({ role }) => role === 'privacy')).toHaveLength(1);
    // The same key for another person is another act.
    expect(
      (await grant('mia', { role: 'privacy' }, headers)).headers.get('idempotent-replayed'),
    ).toBeNull();
  });
});
