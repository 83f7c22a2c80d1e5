import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadWorkingTime } from '../../application/calendars.ts';
import { checkLog } from '../../application/self-check.ts';
import { sha256Hex } from '../../ledger/hash.ts';
import { openDatabase, type Database } from '../../prisma/database.ts';
import { reading } from '../../prisma/directory-store.ts';
import { eventually } from '../support/acts.ts';
import { openStack, type Reply, type Stack } from '../support/stack.ts';
import { aLoan, countRows, expectProblem, submit } from './support/calls.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await openStack({ worker: false, dispatcher: false });
});
afterAll(() => stack.close());

const HOURS = ['09:00-12:30', '13:30-17:00'];

function aCalendar(more: Readonly<Record<string, unknown>> = {}) {
  return {
    timeZone: 'Europe/Berlin',
    hours: { mon: HOURS, tue: HOURS, wed: HOURS, thu: HOURS, fri: ['09:00-15:00'] },
    holidays: ['2026-12-25'],
    ...more,
  };
}

type Published = Reply<{ id: string; version: number }>;

function publish(
  id: string,
  body: unknown = aCalendar(),
  headers: Readonly<Record<string, string>> = {},
): Promise<Published> {
  return stack.call('cora', `/v1/calendars/${id}/versions`, { body, headers });
}

describe('publishing a calendar', () => {
  test('keeps its exact text, shows it to everybody, and seals it in the stream of the installation', async () => {
    const raw = JSON.stringify(aCalendar({ id: 'office' }), null, 2);
    const headers = { 'Content-Type': 'application/json' };
    const reply: Published = await stack.call('cora', '/v1/calendars/office/versions', {
      ...{ raw, headers },
    });
    expect(reply.status, reply.text).toBe(201);
    expect(reply.body).toEqual({ id: 'office', version: 1 });
    expect(reply.headers.get('location')).toBe('/v1/calendars/office/versions/1');
    expect(reply.headers.get('etag')).toBe('"office@1"');
    const read = await stack.call('app', '/v1/calendars/office/versions/1');
    expect(read.headers.get('etag')).toBe('"office@1"');
    expect(read.body).toEqual({
      ...{ id: 'office', version: 1, ...aCalendar(), source: raw, author: 'cora' },
      ...{ sourceSha256: sha256Hex(raw), createdAt: expect.any(String) },
    });
    expect(await newestRecord()).toMatchObject({
      kind: 'register_changed',
      actor: { type: 'human', role: 'policy_admin', c: expect.stringMatching(/^[0-9a-f]{64}$/) },
      auth: { level: 1, method: 'sample_token' },
      body: {
        ...{ register: 'calendar', item: 'office', version: 1, change: 'published' },
        digest: sha256Hex(raw),
      },
    });
  });

  test('needs the newest version in If-Match, from the second on, and leaves the first as it was', async () => {
    await publish('matched');
    const before = await countRows(stack);
    const next = aCalendar({ holidays: [] });
    expectProblem(await publish('matched', next), 428, 'PRECONDITION_REQUIRED');
    for (const tag of ['"matched@2"', '"other@1"', 'W/"matched@1"', 'matched@1'])
      expectProblem(
        await publish('matched', next, { 'If-Match': tag }),
        412,
        'PRECONDITION_FAILED',
      );
    expectProblem(await publish('unseen', next, { 'If-Match': '*' }), 412, 'PRECONDITION_FAILED');
    expect(await countRows(stack)).toEqual(before);
    const second = await publish('matched', next, { 'If-Match': '"matched@1"' });
    expect(second).toMatchObject({ status: 201, body: { id: 'matched', version: 2 } });
    const first = await stack.call('app', '/v1/calendars/matched/versions/1');
    expect(first.body).toMatchObject({ holidays: ['2026-12-25'] });
    const list = await stack.call<{ items: { id: string; version: number }[] }>(
      'app',
      '/v1/calendars?limit=200',
    );
    expect(list.body.items.filter(({ id }) => id === 'matched')).toMatchObject([{ version: 2 }]);
    expectProblem(await stack.call('app', '/v1/calendars/matched/versions/3'), 404, 'NOT_FOUND');
  });

  test('by five at once gives one next version; twice with one key is one', async () => {
    await publish('raced');
    const replies = await Promise.all(
      Array.from({ length: 5 }, (_, n) =>
        publish('raced', aCalendar({ holidays: [`2027-01-0${n + 1}`] }), {
          'If-Match': '"raced@1"',
        }),
      ),
    );
    expect(replies.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      201, 412, 412, 412, 412,
    ]);
    const keyed = { 'Idempotency-Key': 'calendar' };
    const first = await publish('keyed', aCalendar(), keyed);
    const again = await publish('keyed', aCalendar(), keyed);
    expect(again).toMatchObject({ status: 201, body: first.body });
    expect(again.headers.get('idempotent-replayed')).toBe('true');
  });

  test.each<[string, Readonly<Record<string, unknown>>, string[]]>([
    ['another id', { id: 'other' }, ['/id']],
    ['a zone that is none', { timeZone: 'Mars/Olympus' }, ['/timeZone']],
    ['a zone in other letters', { timeZone: 'europe/berlin' }, ['/timeZone']],
    ['an offset', { timeZone: '+02:00' }, ['/timeZone']],
    ['a day that is none', { hours: { monday: HOURS } }, ['/hours/monday']],
    [
      'times that are none',
      { hours: { mon: ['9-17'], tue: ['09:00-25:00'] } },
      ['/hours/mon/0', '/hours/tue/0'],
    ],
    ['an end before its start', { hours: { mon: ['17:00-09:00'] } }, ['/hours/mon/0']],
    ['times that overlap', { hours: { mon: ['09:00-12:00', '11:00-13:00'] } }, ['/hours/mon/1']],
    ['times out of order', { hours: { mon: ['13:00-15:00', '09:00-12:00'] } }, ['/hours/mon/1']],
    ['no working time', { hours: { mon: [] } }, ['/hours']],
    ['a date that is none', { holidays: ['2026-02-30'] }, ['/holidays/0']],
    ['a date twice', { holidays: ['2026-12-25', '2026-12-25'] }, ['/holidays']],
    ['more than a year of holidays', { holidays: datesFrom('2027-01-01', 400) }, ['/holidays']],
    ['an unknown field', { publicHolidays: 'DE-BY' }, ['/publicHolidays']],
  ])('with %s is refused at its place', async (_why, differs, pointers) => {
    const before = await countRows(stack);
    const reply = await publish('bad', aCalendar(differs));
    const { errors } = expectProblem(reply, 422, 'VALIDATION_FAILED');
    expect(errors.map(({ pointer }) => pointer)).toEqual(pointers);
    expect(await countRows(stack)).toEqual(before);
  });

  test('with most of a year of holidays is possible', async () => {
    const holidays = datesFrom('2027-01-01', 350);
    expect((await publish('closed-long', aCalendar({ holidays }))).status).toBe(201);
  });
});

test('a step reads the newest versions, and asks nothing where no calendar is named', async () => {
  const body = aCalendar({ hours: { mon: ['09:00-10:00'] }, holidays: [] });
  await publish('newest', body);
  let queries = 0;
  const reader = reading(stack.deps.db);
  const counting: typeof reader = {
    query: (fragment) => {
      queries += 1;
      return reader.query(fragment);
    },
  };
  const monday = '2026-11-23T08:00:00.000Z';
  const next = async (): Promise<string> =>
    (await loadWorkingTime(counting, ['newest'])).add('newest', monday, 'PT30M');
  expect(await next()).toBe('2026-11-23T08:30:00.000Z');
  const later = { ...body, hours: { tue: ['09:00-10:00'] } };
  await publish('newest', later, { 'If-Match': '"newest@1"' });
  expect(await next()).toBe('2026-11-24T08:30:00.000Z');
  expect(queries).toBe(2);
  const plain = await loadWorkingTime(counting, []);
  expect(plain.add(null, monday, 'P1D')).toBe('2026-11-24T08:00:00.000Z');
  expect(queries).toBe(2);
  await expect(loadWorkingTime(counting, ['newest', 'nobodys'])).rejects.toThrow(TypeError);
});

describe('a stage that names a calendar', () => {
  const policy = (id: string, calendar: string): string => `id: ${id}
kind: ai-decision
when: request.action.operation == "${id}"
rules:
  - name: all of it
    effect: review
    stages:
      - { name: only, role: security, quorum: 1, deadline: PT8H, calendar: ${calendar} }
`;
  const publishPolicy = (id: string, calendar: string): Promise<Published> =>
    stack.call('cora', `/v1/policies/${id}/versions`, {
      ...{ raw: policy(id, calendar), headers: { 'Content-Type': 'application/yaml' } },
    });

  test('is refused where nobody has published it, at its place', async () => {
    const before = await countRows(stack);
    const reply = await publishPolicy('without', 'nobodys');
    const { errors } = expectProblem(reply, 422, 'POLICY_INVALID');
    expect(errors.map(({ pointer }) => pointer)).toEqual(['/rules/0/stages/0/calendar']);
    expect(await countRows(stack)).toEqual(before);
  });

  test('counts its deadline in working time', async () => {
    // One hour of work a day: eight hours take eight days.
    const hours = Object.fromEntries(
      ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'].map((day) => [day, ['09:00-10:00']]),
    );
    await publish('slow', aCalendar({ hours, holidays: [], timeZone: 'UTC' }));
    expect((await publishPolicy('slowly', 'slow')).status).toBe(201);
    const { stage, createdAt } = await submit(
      stack,
      aLoan({ action: { operation: 'slowly', target: 'x' } }),
    );
    const days = (Date.parse(stage?.deadline ?? '') - Date.parse(createdAt)) / 86_400_000;
    expect(days).toBeGreaterThan(7);
    expect(days).toBeLessThanOrEqual(8.05);
    const { add } = await loadWorkingTime(reading(stack.deps.db), ['slow']);
    expect(stage?.deadline).toBe(add('slow', createdAt, 'PT8H'));
  });
});

describe('the examination finds a calendar that a superuser', () => {
  let owner: Database;
  beforeAll(() => {
    owner = openDatabase(stack.databaseUrl, 2);
  });
  afterAll(() => owner.close());

  const found = async (): Promise<string[]> => {
    const { problems } = await checkLog(stack.deps, { signed: await stack.log.memory.read() });
    return problems.map(({ code }) => code);
  };

  test.each([
    [
      'reads otherwise',
      `UPDATE calendar_version SET document = jsonb_set(document, '{hours}', '{}')`,
    ],
    ['has written again', `UPDATE calendar_version SET source = source || ' '`],
    ['has taken away', `DELETE FROM calendar_version WHERE version = 1`],
    ['has set back', `UPDATE calendar SET newest = 1 WHERE id = 'examined'`],
    [
      'has made up',
      `INSERT INTO calendar_version SELECT calendar_id, 9, document, source, source_sha256, author, created_at
        FROM calendar_version WHERE calendar_id = 'examined' AND version = 1`,
    ],
  ])('%s', async (_what, sql) => {
    await publish('examined', aCalendar());
    await publish('examined', aCalendar({ holidays: [] }), { 'If-Match': '*' });
    await eventually('a sound log', 20_000, async () => (await found()).length === 0);
    for (const table of ['calendar', 'calendar_version'])
      await owner.query(`CREATE TABLE kept_${table} AS TABLE ${table}`);
    try {
      await owner.query('ALTER TABLE calendar_version DISABLE TRIGGER ALL');
      await owner.query(sql);
      expect(await found()).toContain('PROJECTION_MISMATCH');
    } finally {
      await owner.query('DELETE FROM calendar_version');
      await owner.query('INSERT INTO calendar_version SELECT * FROM kept_calendar_version');
      await owner.query('ALTER TABLE calendar_version ENABLE TRIGGER ALL');
      await owner.query('ALTER TABLE calendar_version ENABLE ALWAYS TRIGGER no_change');
      await owner.query(
        'UPDATE calendar c SET newest = k.newest FROM kept_calendar k WHERE k.id = c.id',
      );
      await owner.query('DROP TABLE kept_calendar, kept_calendar_version');
    }
    expect(await found()).toEqual([]);
  });
});

function datesFrom(first: string, count: number): string[] {
  const start = Date.parse(`${first}T00:00:00Z`);
  return Array.from({ length: count }, (_, n) =>
    new Date(start + n * 86_400_000).toISOString().slice(0, 10),
  );
}

async function newestRecord(): Promise<unknown> {
  const [row] = await stack.deps.db.query<{ bytes: Buffer }>(
    `SELECT bytes FROM ledger_record WHERE stream_id = (SELECT system_stream_id FROM installation)
      AND convert_from(bytes, 'UTF8')::jsonb ->> 'kind' = 'register_changed' ORDER BY seq DESC LIMIT 1`,
  );
  return JSON.parse(row?.bytes.toString() ?? 'null');
}
