import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ImportReport } from '../../application/directory-import.ts';
import { openStack, type Reply, type Stack } from '../support/stack.ts';
import { countRows, expectProblem } from './support/calls.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await openStack({ worker: false, dispatcher: false });
});
afterAll(() => stack.close());

const csv = (
  raw: string,
  query = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply<ImportReport>> =>
  stack.call('cora', `/v1/people/import${query}`, {
    method: 'POST',
    raw,
    headers: { 'Content-Type': 'text/csv', ...headers },
  });

async function imports(): Promise<Record<string, unknown>[]> {
  const rows = await stack.deps.db.query<{ bytes: Buffer }>(
    `SELECT bytes FROM ledger_record JOIN installation ON system_stream_id = stream_id ORDER BY seq`,
  );
  return rows
    .map(({ bytes }) => JSON.parse(bytes.toString()) as Record<string, unknown>)
    .filter(({ kind }) => kind === 'imported');
}

const person = async (id: string) =>
  (
    await stack.call<Record<string, unknown> & { roles: { role: string }[] }>(
      'eve',
      `/v1/people/${id}`,
    )
  ).body;

const FILE = `id,name,team,region,roles
kim,"Kim, the ""first""",credit,eu,credit-officer; lead

=cmd,=1+1,,,
leo,"=HYPERLINK(""http://evil"")",,,
mia,Mia Rossi,credit,,credit-manager;security
`.replace('=cmd', 'noa');
const OTHER = FILE.replace(/^(kim|noa|leo)/gm, 'x$1').replace('mia,Mia Rossi', 'vic,Vic Novak');

describe('a file of people', () => {
  test('is first only looked at: what each row would change, and nothing is changed', async () => {
    const before = await countRows(stack);
    const reply = await csv(OTHER, '?dryRun=true');
    expect(reply.status, reply.text).toBe(200);
    expect(reply.body).toEqual({
      ...{ dryRun: true, rows: 4, added: 3, changed: 1, unchanged: 0, problems: [] },
      changes: [
        {
          ...{ line: 2, id: 'xkim', change: 'added' },
          fields: [
            { field: 'name', before: null, after: 'Kim, the "first"' },
            { field: 'team', before: null, after: 'credit' },
            { field: 'region', before: null, after: 'eu' },
          ],
          granted: ['credit-officer', 'lead'],
        },
        {
          ...{ line: 4, id: 'xnoa', change: 'added', granted: [] },
          fields: [{ field: 'name', before: null, after: '=1+1' }],
        },
        expect.objectContaining({ line: 5, id: 'xleo' }),
        {
          ...{ line: 6, id: 'vic', change: 'changed', granted: ['credit-manager', 'security'] },
          fields: [{ field: 'team', before: null, after: 'credit' }],
        },
      ],
    });
    expect(await countRows(stack)).toEqual(before);
  });

  test('is applied as it was shown, sealed per person and once for the installation; again it changes nothing', async () => {
    const shown = (await csv(FILE, '?dryRun=true')).body;
    const imported = (await imports()).length;
    const reply = await csv(FILE);
    expect(reply.status, reply.text).toBe(200);
    expect(reply.body).toEqual({ ...shown, dryRun: false });
    expect(await person('leo')).toMatchObject({ name: '=HYPERLINK("http://evil")' });
    expect(await person('mia')).toMatchObject({
      team: 'credit',
      roles: [{ role: 'credit-manager' }, { role: 'security', grantedBy: 'cora' }],
    });
    const sealed = await imports();
    expect(sealed).toHaveLength(imported + 1);
    expect(sealed.slice(-1)).toMatchObject([
      {
        actor: { type: 'human', role: 'directory_admin' },
        body: { of: 'people', rows: 4, applied: 4, unchanged: 0, refused: 0, dry_run: false },
        commits: [{ path: 'file_digest' }],
      },
    ]);
    const [row] = await stack.deps.db.query<{ kinds: string[] }>(
      `SELECT array_agg(convert_from(bytes, 'UTF8')::jsonb ->> 'kind' ORDER BY seq) AS kinds FROM ledger_record
        WHERE stream_id = (SELECT stream_id FROM person WHERE id = 'kim')`,
    );
    expect(row?.kinds).toEqual(['person_added', 'person_changed', 'role_granted', 'role_granted']);
    const before = await countRows(stack);
    const again = await csv(FILE);
    expect(again.body).toMatchObject({ rows: 4, added: 0, changed: 0, unchanged: 4, changes: [] });
    expect(await countRows(stack)).toEqual(before);
  });

  test('sent twice with one key is one import', async () => {
    const file = 'id,name\numa,Uma\n';
    const key = { 'Idempotency-Key': 'import' };
    const first = await csv(file, '', key);
    const again = await csv(file, '', key);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expectProblem(await csv(`${file}#`, '', key), 422, 'IDEMPOTENCY_MISMATCH');
  });

  test('may be JSON', async () => {
    const body = {
      people: [
        { id: 'ivo', name: 'Ivo', roles: ['security'] },
        { id: 'eve', team: 'x' },
      ],
    };
    const reply = await stack.call<ImportReport>('cora', '/v1/people/import', { body });
    expect(reply.body).toMatchObject({ added: 1, changed: 1 });
    expect(await person('eve')).toMatchObject({ name: 'Eve Lindqvist', team: 'x' });
    const away = { people: [{ id: 'eve', team: null }] };
    await stack.call('cora', '/v1/people/import', { body: away });
    expect(await person('eve')).toMatchObject({ team: null });
  });

  test('of a thousand people is one act', async () => {
    const lines = Array.from(
      { length: 1_000 },
      (_, n) => `p${n},Person ${n},team ${n % 7},credit-officer`,
    );
    const reply = await csv(`id,name,team,roles\n${lines.join('\n')}`);
    expect(reply.body).toMatchObject({ added: 1_000, problems: [] });
    expect(await imports()).not.toHaveLength(0);
    expect(await person('p999')).toMatchObject({
      team: 'team 5',
      roles: [{ role: 'credit-officer' }],
    });
  }, 60_000);
});

describe('a file with problems', () => {
  const BAD = `\uFEFFID, Name, Roles
zed,Zed,credit-officer
Zoe,Zoe,
new-one,,
zed,Zed again,
yan,Yan,Credit Officer!
xia,Xia,security,more
dan,\u200b,
ugo,U\u0000go,
`;

  test('names every one with its line, and still shows the rest', async () => {
    const before = await countRows(stack);
    const { body } = await csv(BAD, '?dryRun=true');
    expect(body.problems.map(({ line, column }) => [line, column])).toEqual([
      [3, 'id'],
      [4, 'name'],
      [5, 'id'],
      [6, 'roles'],
      [6, 'roles'],
      [7, null],
      [8, 'name'],
      [9, 'name'],
    ]);
    expect(body.changes.map(({ id }) => id)).toEqual(['zed']);
    expect(body).toMatchObject({ rows: 8, added: 1, unchanged: 0 });
    expect(await countRows(stack)).toEqual(before);
  });

  test('is not applied at all', async () => {
    const before = await countRows(stack);
    const reply = await csv(BAD);
    expectProblem(reply, 422, 'VALIDATION_FAILED');
    expect(reply.text).toContain('"pointer":"/5/id","message":"line 5: is on line 2 already"');
    expect(await countRows(stack)).toEqual(before);
  });

  test.each([
    ['nothing', '', /is empty/],
    ['no id', 'name\nx', /"id","message":"is missing/],
    ['a strange column', 'id,salary\nx,1', /is no column/],
    ['a column twice', 'id,name,id\nx,y,z', /is there twice/],
    ['an open quote', 'id,name\nx,"y', /is not CSV/],
    ['too many rows', `id\n${'a\n'.repeat(20_001)}`, /too long/],
  ])('%s', async (_, file, message) => {
    const { status, text } = await csv(file, '?dryRun=true');
    expect(status, text).toBe(200);
    expect(text).toMatch(message);
    expectProblem(await csv(file), 422, 'VALIDATION_FAILED');
  });

  test('that names somebody who has left says so', async () => {
    await stack.call('cora', '/v1/people/rui/departure', { body: {} });
    const { body } = await csv('id,roles\nrui,security\n', '?dryRun=true');
    expect(body.problems).toEqual([{ line: 2, column: 'id', message: '"rui" has left' }]);
  });

  test('is not taken from just anybody, as anything, or larger than other bodies', async () => {
    const raw = 'id,name\nx,X\n';
    const type = { 'Content-Type': 'text/csv' };
    const sent = { method: 'POST', raw, headers: type };
    expectProblem(await stack.call('eve', '/v1/people/import', sent), 403, 'FORBIDDEN');
    expectProblem(await csv(raw, '?dryRun=maybe'), 400, 'BAD_QUERY');
    expectProblem(
      await csv(raw, '', { 'Content-Type': 'text/html' }),
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    );
    expectProblem(await csv('x'.repeat(300_000)), 413, 'PAYLOAD_TOO_LARGE');
  });
});
