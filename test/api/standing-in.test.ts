import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addDuration, fromMillis, toMillis } from '../../domain/instant.ts';
import { factsOfPeople, reading } from '../../prisma/directory-store.ts';
import { openStack, type Reply, type Stack } from '../support/stack.ts';
import { countRows, expectProblem } from './support/calls.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await openStack({ worker: false, dispatcher: false });
});
afterAll(() => stack.close());

interface Row {
  readonly id: string;
  readonly person: string;
  readonly from: string;
  readonly until: string;
  readonly reason: string | null;
  readonly cancelledAt: string | null;
  readonly [more: string]: unknown;
}

const at = (after: string): string => addDuration(stack.clock.now(), after);
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const just = (instant: string, ms: number): string => fromMillis(toMillis(instant) + ms);

type What = 'absences' | 'delegations' | 'trainings';
const post = (who: string, person: string, [what, body]: [What, unknown]): Promise<Reply<Row>> =>
  stack.call<Row>(who, `/v1/people/${person}/${what}`, { body });
const remove = (who: string, path: string) => stack.call(who, path, { method: 'DELETE' });
const list = async (who: string, person: string, what: What): Promise<Row[]> =>
  (await stack.call<{ items: Row[] }>(who, `/v1/people/${person}/${what}?limit=200`)).body.items;

async function factsOf(id: string) {
  const [facts] = await factsOfPeople(reading(stack.deps.db), [id], stack.clock.now());
  if (facts === undefined) throw new TypeError(id);
  return facts;
}
const standsFor = async (id: string): Promise<string[]> =>
  (await factsOf(id)).standsFor.map(({ source, principal }) => `${source} ${principal.id}`);

/** Kinds and bodies of the newest records in a person's own stream, and the whole stream as text. */
async function sealed(id: string, newest: number) {
  const rows = await stack.deps.db.query<{ bytes: Buffer }>(
    `SELECT bytes FROM ledger_record WHERE stream_id = (SELECT stream_id FROM person WHERE id = $1) ORDER BY seq`,
    [id],
  );
  const records = rows.map(
    ({ bytes }) =>
      JSON.parse(bytes.toString()) as {
        readonly kind: string;
        readonly actor: { readonly role: string };
        readonly body: Readonly<Record<string, unknown>>;
      },
  );
  return {
    newest: records.slice(-newest),
    text: rows.map(({ bytes }) => bytes.toString()).join('\n'),
  };
}

function expectRefusedAt(reply: Reply<unknown>, pointer: string): void {
  expectProblem(reply, 422, 'VALIDATION_FAILED');
  expect(reply.text).toContain(`"pointer":"${pointer}"`);
}

/** Everybody starts without arrangements. */
async function clear(): Promise<void> {
  const rows = await stack.deps.db.query<{ path: string }>(
    `SELECT '/v1/people/' || person_id || '/absences/' || id AS path FROM absence WHERE cancelled_at IS NULL
      UNION ALL SELECT '/v1/people/' || person_id || '/delegations/' || id FROM delegation WHERE cancelled_at IS NULL`,
  );
  for (const { path } of rows) await remove('cora', path);
}

describe('an absence', () => {
  test('is recorded by the person, sealed without words, and counts from its start to its end', async () => {
    await clear();
    const [from, until] = [at('PT1H'), at('PT2H')];
    const body = { from, until, deputy: 'omar', reason: 'a knee operation' };
    const reply = await post('eve', 'eve', ['absences', body]);
    expect(reply.status, reply.text).toBe(201);
    expect(reply.headers.get('location')).toBe('/v1/people/eve/absences');
    expect(reply.body).toMatchObject({ person: 'eve', ...body, cancelledAt: null });
    const { newest, text } = await sealed('eve', 1);
    expect(newest).toMatchObject([
      {
        kind: 'absence_set',
        actor: { role: 'none' },
        body: { absence: reply.body.id, change: 'set', from, until },
      },
    ]);
    expect(text).not.toMatch(/knee|omar|"eve"/);
    const seen: unknown[] = [];
    for (const step of ['PT50M', 'PT20M', 'PT40M', 'PT20M']) {
      stack.clock.advance(step);
      seen.push([(await factsOf('eve')).absent, await standsFor('omar')]);
    }
    expect(seen).toEqual([
      [false, []],
      [true, ['absence eve']],
      [true, ['absence eve']],
      [false, []],
    ]);
  });

  test('shows its reason to the person, the deputy and directory admins alone', async () => {
    const span = { from: at('P1D'), until: at('P2D') };
    const { body } = await post('cora', 'dana', [
      'absences',
      { ...span, deputy: 'mia', reason: 'a wedding' },
    ]);
    const reasons = await Promise.all(
      ['dana', 'mia', 'cora', 'eve', 'ada'].map(
        async (who) =>
          (await list(who, 'dana', 'absences')).find(({ id }) => id === body.id)?.reason,
      ),
    );
    expect(reasons).toEqual(['a wedding', 'a wedding', 'a wedding', null, null]);
    const [opening] = await stack.deps.db.query<{ bytes: Buffer }>(
      `SELECT ciphertext AS bytes FROM opening WHERE path = 'reason' ORDER BY seq DESC LIMIT 1`,
    );
    expect(opening?.bytes.toString('latin1')).not.toContain('wedding');
  });

  test('is cancelled at once, by the person or an admin, and nobody else', async () => {
    const span = { from: at('PT0S'), until: at('P2D') };
    const { body } = await post('rui', 'rui', ['absences', { ...span, deputy: 'mia' }]);
    expect((await factsOf('rui')).absent).toBe(true);
    const path = `/v1/people/rui/absences/${body.id}`;
    expectProblem(await remove('mia', path), 403, 'FORBIDDEN');
    expectProblem(await remove('cora', path.replace('rui', 'eve')), 404, 'NOT_FOUND');
    expect((await remove('rui', path)).status).toBe(204);
    expect((await factsOf('rui')).absent).toBe(false);
    const before = await countRows(stack);
    expect((await remove('cora', path)).status).toBe(204);
    expect(await countRows(stack)).toEqual(before);
    expect((await sealed('rui', 1)).newest).toMatchObject([
      { kind: 'absence_set', body: { absence: body.id, change: 'cancelled', until: span.until } },
    ]);
    expect((await list('eve', 'rui', 'absences'))[0]?.cancelledAt).toMatch(INSTANT);
  });

  test('of one person may overlap another one; each names its own deputy', async () => {
    await clear();
    const span = { from: at('PT0S'), until: at('P2D') };
    for (const deputy of ['vic', 'sam'])
      expect((await post('pia', 'pia', ['absences', { ...span, deputy }])).status).toBe(201);
    expect([await standsFor('vic'), await standsFor('sam')]).toEqual([
      ['absence pia'],
      ['absence pia'],
    ]);
  });

  test('sent twice with one key is one absence', async () => {
    const options = {
      body: { from: at('P1D'), until: at('P2D') },
      headers: { 'Idempotency-Key': 'away' },
    };
    const first = await stack.call<Row>('olga', '/v1/people/olga/absences', options);
    const again = await stack.call<Row>('olga', '/v1/people/olga/absences', options);
    expect(again.body).toEqual(first.body);
    expect(await list('olga', 'olga', 'absences')).toHaveLength(1);
  });
});

describe('a delegation', () => {
  test('gives the rights of the person for a time, sealed, and is taken back at once', async () => {
    await clear();
    const body = { to: 'vic', until: at('P30D'), reason: 'month end', role: 'risk-manager' };
    const reply = await post('rui', 'rui', ['delegations', { ...body, kind: 'ai-decision' }]);
    expect(reply.status, reply.text).toBe(201);
    expect(reply.body).toMatchObject({ ...body, kind: 'ai-decision' });
    expect(reply.body.from).toMatch(INSTANT);
    expect((await factsOf('vic')).standsFor).toMatchObject([
      {
        ...{ id: reply.body.id, source: 'delegation', role: 'risk-manager', kind: 'ai-decision' },
        principal: { id: 'rui', roles: ['risk-manager'] },
      },
    ]);
    const { newest, text } = await sealed('rui', 1);
    expect(newest).toMatchObject([
      {
        kind: 'delegation_set',
        body: { change: 'set', role: 'risk-manager', kind: 'ai-decision' },
      },
    ]);
    expect(text).not.toMatch(/vic|month end/);
    expect((await list('vic', 'rui', 'delegations'))[0]?.reason).toBe('month end');
    expect((await list('eve', 'rui', 'delegations'))[0]?.reason).toBeNull();
    const path = `/v1/people/rui/delegations/${reply.body.id}`;
    expectProblem(await remove('vic', path), 403, 'FORBIDDEN');
    expect((await remove('rui', path)).status).toBe(204);
    expect(await standsFor('vic')).toEqual([]);
    expect((await sealed('rui', 1)).newest).toMatchObject([{ body: { change: 'cancelled' } }]);
  });

  test('of a role that is held in a part of that time is fine', async () => {
    const from = at('P10D');
    await stack.call('cora', '/v1/people/sam/roles', { body: { role: 'lead', from } });
    const early = { to: 'pia', until: from, reason: 'x', role: 'lead' };
    const refused = await post('sam', 'sam', ['delegations', early]);
    expectRefusedAt(refused, '/role');
    const later = { ...early, until: just(from, 1) };
    expect((await post('sam', 'sam', ['delegations', later])).status).toBe(201);
  });

  test('in a circle of any length is refused, over times that overlap', async () => {
    await clear();
    const give = (person: string, to: string, until = at('P5D')) =>
      post('cora', person, ['delegations', { to, until, reason: 'x' }]);
    expect((await give('dana', 'eve')).status).toBe(201);
    expect((await give('eve', 'omar')).status).toBe(201);
    const before = await countRows(stack);
    const circle = await give('omar', 'dana');
    expectRefusedAt(circle, '/to');
    expect(circle.text).toContain('omar → dana → eve → omar');
    expect(await countRows(stack)).toEqual(before);
    const later = { to: 'dana', from: at('P5D'), until: at('P6D'), reason: 'x' };
    expect((await post('cora', 'omar', ['delegations', later])).status).toBe(201);
  });

  test('by two people at once to each other is only one', async () => {
    await clear();
    const give = (person: string, to: string) =>
      post('cora', person, ['delegations', { to, until: at('P5D'), reason: 'x' }]);
    const replies = await Promise.all([give('mia', 'rui'), give('rui', 'mia')]);
    expect(replies.map(({ status }) => status).sort((a, b) => a - b)).toEqual([201, 422]);
  });
});

test('deputies in a circle are refused, over times that overlap', async () => {
  await clear();
  const away = (person: string, deputy: string) =>
    post('cora', person, ['absences', { from: at('PT0S'), until: at('P3D'), deputy }]);
  expect((await away('dana', 'eve')).status).toBe(201);
  expect((await away('eve', 'omar')).status).toBe(201);
  const circle = await away('omar', 'dana');
  expectRefusedAt(circle, '/deputy');
  await clear();
  expect((await away('omar', 'dana')).status).toBe(201);
});

describe('refused with a place', () => {
  const soon = (): string => at('P1D');
  const cases: [string, What, () => object, string][] = [
    ['an end before the start', 'absences', () => ({ from: at('P2D'), until: soon() }), '/until'],
    [
      'an absence that is over',
      'absences',
      () => ({ from: '2020-01-01T00:00:00.000Z', until: '2020-02-01T00:00:00.000Z' }),
      '/until',
    ],
    [
      'a deputy who is nobody',
      'absences',
      () => ({ from: at('PT0S'), until: soon(), deputy: 'nobody' }),
      '/deputy',
    ],
    [
      'oneself as deputy',
      'absences',
      () => ({ from: at('PT0S'), until: soon(), deputy: 'mia' }),
      '/deputy',
    ],
    [
      'a reason of blanks',
      'absences',
      () => ({ from: at('PT0S'), until: soon(), reason: '  ' }),
      '/reason',
    ],
    [
      'oneself as delegate',
      'delegations',
      () => ({ to: 'mia', until: soon(), reason: 'x' }),
      '/to',
    ],
    [
      'a delegate who is nobody',
      'delegations',
      () => ({ to: 'nobody', until: soon(), reason: 'x' }),
      '/to',
    ],
    ['no reason', 'delegations', () => ({ to: 'eve', until: soon() }), '/reason'],
    [
      'more than a year',
      'delegations',
      () => ({ to: 'eve', from: at('PT0S'), until: just(at('P1Y'), 1), reason: 'x' }),
      '/until',
    ],
    [
      'a role that is not theirs',
      'delegations',
      () => ({ to: 'eve', until: soon(), reason: 'x', role: 'security' }),
      '/role',
    ],
    [
      'a role of the installation',
      'delegations',
      () => ({ to: 'eve', until: soon(), reason: 'x', role: 'compliance' }),
      '/role',
    ],
    [
      'a training that ends first',
      'trainings',
      () => ({ course: 'bias', version: 1, from: soon(), until: soon() }),
      '/until',
    ],
    ['a version of nothing', 'trainings', () => ({ course: 'bias', version: 0 }), '/version'],
  ];

  test.each(cases)('%s', async (_, what, body, pointer) => {
    const before = await countRows(stack);
    const reply = await post('cora', 'mia', [what, body()]);
    expectRefusedAt(reply, pointer);
    expect(await countRows(stack)).toEqual(before);
  });

  test('a year to the millisecond is not too long', async () => {
    await clear();
    const body = { to: 'eve', from: at('PT0S'), until: at('P1Y'), reason: 'x' };
    expect((await post('mia', 'mia', ['delegations', body])).status).toBe(201);
  });

  test.each(['absences', 'delegations', 'trainings'] as const)('%s of nobody', async (what) => {
    const body = {
      absences: { from: at('PT0S'), until: at('P1D') },
      delegations: { to: 'eve', until: at('P1D'), reason: 'x' },
      trainings: { course: 'bias', version: 1 },
    }[what];
    expectProblem(await post('cora', 'nobody', [what, body]), 404, 'NOT_FOUND');
    expectProblem(await stack.call('cora', `/v1/people/nobody/${what}`), 404, 'NOT_FOUND');
  });
});

describe('a training', () => {
  test('is recorded, sealed, counts until its end, and is listed before it ends', async () => {
    const until = at('P20D');
    const body = { course: 'fair-lending', version: 2, role: 'credit-officer', until };
    const reply = await post('cora', 'eve', ['trainings', body]);
    expect(reply.status, reply.text).toBe(201);
    expect(reply.body).toMatchObject({ ...body, person: 'eve', change: 'completed' });
    await post('cora', 'omar', [
      'trainings',
      { course: 'fair-lending', version: 2, until: at('P90D') },
    ]);
    await post('cora', 'dana', ['trainings', { course: 'fair-lending', version: 2 }]);
    expect((await sealed('eve', 1)).newest).toMatchObject([
      {
        kind: 'training',
        body: { course: 'fair-lending', version: 2, change: 'completed', until },
      },
    ]);
    expect((await factsOf('eve')).trainings).toEqual([{ course: 'fair-lending', version: 2 }]);
    const ending = async (query: string): Promise<string[]> => {
      const { body: page } = await stack.call<{ items: Row[] }>('ada', `/v1/trainings${query}`);
      return page.items.map(({ person }) => person);
    };
    expect(await ending('?expiring=P30D')).toEqual(['eve']);
    expect(await ending('')).toEqual(['eve', 'omar']);
    const first = await stack.call<{ items: Row[] }>('ada', '/v1/trainings?limit=1');
    const next = /<(.+)>/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
    const second = await stack.call<{ items: Row[] }>('ada', next);
    expect(second.body.items.map(({ person }) => person)).toEqual(['omar']);
    expectProblem(await stack.call('ada', '/v1/trainings?expiring=soon'), 400, 'BAD_QUERY');
    stack.clock.advance('P20D');
    expect((await factsOf('eve')).trainings).toEqual([]);
    expect(await ending('')).toEqual(['omar']);
  });

  test('that is revoked no longer counts, and says so', async () => {
    const { body } = await post('cora', 'rui', ['trainings', { course: 'bias', version: 1 }]);
    const path = `/v1/people/rui/trainings/${body.id}`;
    expectProblem(await remove('rui', path), 403, 'FORBIDDEN');
    expect((await remove('cora', path)).status).toBe(204);
    expect((await remove('cora', path)).status).toBe(204);
    expect((await factsOf('rui')).trainings).toEqual([]);
    expect((await sealed('rui', 2)).newest.map(({ body: { change } }) => change)).toEqual([
      'completed',
      'revoked',
    ]);
    expect((await list('eve', 'rui', 'trainings'))[0]?.['revokedAt']).toMatch(INSTANT);
  });
});
