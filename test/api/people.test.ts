import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addDuration } from '../../domain/instant.ts';
import { openStack, type Stack } from '../support/stack.ts';
import { aVendor, countRows, expectProblem, read, submit } from './support/calls.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await openStack({ worker: false, dispatcher: false });
});
afterAll(() => stack.close());

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

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
      endedAt: null,
      grantedBy: 'cora',
    });
    expect(reply.body).toEqual({
      id: 'ana.bell',
      name: 'Ana Bell',
      ...{ team: null, region: null, leftAt: null },
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

describe('a change of a person', () => {
  const change = (id: string, body: unknown) =>
    stack.call<Record<string, unknown>>('cora', `/v1/people/${id}`, { method: 'PATCH', body });

  test('of name, team or region is sealed without saying which words', async () => {
    await add({ id: 'lea', name: 'Lea', team: 'credit' });
    const reply = await change('lea', { name: 'Lea Stone', region: 'eu-west' });
    expect(reply.status, reply.text).toBe(200);
    expect(reply.body).toMatchObject({ name: 'Lea Stone', team: 'credit', region: 'eu-west' });
    expect((await change('lea', { team: null })).body).toMatchObject({ team: null });
    const { kinds, text } = await sealed('lea');
    expect(kinds).toEqual(['person_added', ...Array<string>(4).fill('person_changed')]);
    expect(text).not.toMatch(/Stone|credit|eu-west/);
    expect(text.match(/"change":"\w+"/g)).toEqual(
      ['team_changed', 'updated', 'team_changed', 'team_changed'].map((one) => `"change":"${one}"`),
    );
  });

  test('that changes nothing seals nothing, and says so where it asks for nothing', async () => {
    const before = await countRows(stack);
    expect((await change('mia', { name: 'Mia Rossi', team: null })).status).toBe(200);
    expect(await countRows(stack)).toEqual(before);
    expectProblem(await change('mia', {}), 422, 'VALIDATION_FAILED');
    expectProblem(await change('nobody', { name: 'x' }), 404, 'NOT_FOUND');
  });
});

describe('the end of a grant', () => {
  test('counts from that millisecond on, is sealed once, and may come before the start', async () => {
    const later = addDuration(stack.clock.now(), 'P1D');
    await grant('vic', { role: 'auditor' });
    const { body } = await grant('vic', { role: 'lead', from: later });
    const [now, future] = ['auditor', 'lead'].map(
      (role) => body.roles.find((one) => one.role === role)?.id,
    );
    const end = (id: string | undefined, person = 'vic') =>
      stack.call('cora', `/v1/people/${person}/roles/${id}`, { method: 'DELETE' });
    expect((await stack.call('vic', '/v1/apps')).status).toBe(200);
    expect((await end(now)).status).toBe(204);
    expect((await stack.call('vic', '/v1/apps')).status).toBe(403);
    expect((await end(future)).status).toBe(204);
    expect((await sealed('vic')).kinds.slice(-2)).toEqual(['role_ended', 'role_ended']);
    const before = await countRows(stack);
    expect((await end(now)).status).toBe(204);
    expectProblem(await end(now, 'eve'), 404, 'NOT_FOUND');
    expect(await countRows(stack)).toEqual(before);
  });
});

describe('whoever leaves', () => {
  test('holds nothing, cannot come in, and stays known', async () => {
    await grant('olga', { role: 'vendor-risk' });
    const { id } = await submit(stack, aVendor());
    await stack.call('olga', `/v1/requests/${id}/view`);
    const reply = await stack.call<Record<string, unknown> & { roles: { endedAt: string }[] }>(
      'cora',
      '/v1/people/olga/departure',
      { body: {} },
    );
    expect(reply.status, reply.text).toBe(200);
    expect(reply.body['leftAt']).toMatch(INSTANT);
    expect(reply.body.roles.every(({ endedAt }) => endedAt !== null)).toBe(true);
    expectProblem(await stack.call('olga', '/v1/people'), 401, 'UNAUTHENTICATED');
    expect((await read(stack, id)).stage?.eligible).not.toContain('olga');
    const { kinds } = await sealed('olga');
    expect(kinds.at(-1)).toBe('person_changed');
    expect(kinds.at(-2)).toBe('role_ended');
    const chain = await stack.call<{ records: unknown[] }>('cora', `/v1/requests/${id}/chain`);
    expect(chain.status).toBe(200);
    const before = await countRows(stack);
    const again = await stack.call('cora', '/v1/people/olga/departure', { body: {} });
    expect(again.status).toBe(200);
    expectProblem(await grant('olga', { role: 'security' }), 409, 'CONFLICT');
    expect(await countRows(stack)).toEqual(before);
    expect((await stack.call<Person>('cora', '/v1/people/olga')).body.id).toBe('olga');
  });
});

describe('the access report', () => {
  const report = async (query = ''): Promise<string[]> => {
    const { body } = await stack.call<{ items: { person: string; role: string }[] }>(
      'ada',
      `/v1/access-report${query}`,
    );
    return body.items.map(({ person, role }) => `${person} ${role}`).sort();
  };

  test('lists who holds rights over the installation, at any instant, with end and grantor', async () => {
    const until = addDuration(stack.clock.now(), 'PT1H');
    await grant('omar', { role: 'override-authority', until });
    const held = await report();
    expect(held).toEqual(
      expect.arrayContaining(['ada auditor', 'cora policy-admin', 'omar override-authority']),
    );
    const { body } = await stack.call<{ items: Record<string, unknown>[] }>(
      'ada',
      '/v1/access-report',
    );
    expect(body.items.find(({ person }) => person === 'omar')).toMatchObject({
      ...{ role: 'override-authority', from: expect.stringMatching(INSTANT), until },
      ...{ endedAt: null, grantedBy: 'cora', grantedAt: expect.stringMatching(INSTANT) },
    });
    const then = stack.clock.now();
    stack.clock.advance('PT1H');
    expect(await report()).toEqual(held.filter((one) => !one.startsWith('omar')));
    expect(await report(`?at=${then}`)).toEqual(held);
  });

  test('comes in pages that speak of one instant', async () => {
    const whole = await report();
    const found: string[] = [];
    let path: string | undefined = '/v1/access-report?limit=2';
    while (path !== undefined) {
      const page: Awaited<ReturnType<typeof stack.call>> = await stack.call('ada', path);
      const { items } = page.body as { items: { person: string; role: string }[] };
      found.push(...items.map(({ person, role }) => `${person} ${role}`));
      path = /<(.+)>/.exec(page.headers.get('link') ?? '')?.[1];
      stack.clock.advance('PT1S');
    }
    expect(found.sort()).toEqual(whole);
  });
});
