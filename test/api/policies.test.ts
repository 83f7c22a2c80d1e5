import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStack, type Reply, type Stack } from '../support/stack.ts';
import { aLoan, aSureLoan, countRows, expectProblem, submit } from './support/calls.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await openStack({ worker: false, dispatcher: false });
});
afterAll(() => stack.close());

const YAML = 'application/yaml';

function publish(
  id: string,
  source: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply<{ id: string; version: number }>> {
  const type = source.startsWith('{') ? 'application/json' : YAML;
  return stack.call('cora', `/v1/policies/${id}/versions`, {
    raw: source,
    headers: { 'Content-Type': type, ...headers },
  });
}

const yaml = (id: string, more = ''): string => `# what people agreed on
id: ${id}
kind: ai-decision
when: request.action.operation == "${id}"
rules:
  - name: all of it # by the team
    effect: review
    stages: [{ name: only, role: security, quorum: 1, deadline: P1D }]
${more}`;

const json = (id: string): string =>
  JSON.stringify({
    id,
    kind: 'ai-decision',
    when: `request.action.operation == "${id}"`,
    rules: [{ name: 'always', effect: 'approve' }],
  });

describe('publishing', () => {
  test.each([
    ['YAML', YAML, yaml('from-yaml')],
    ['YAML by its older name', 'text/yaml; charset=utf-8', yaml('from-old-yaml')],
    ['JSON', 'application/json', json('from-json')],
  ])('%s: the exact text is kept, the version is in force at once', async (_why, type, source) => {
    const id = /from-[a-z-]+/.exec(source)?.[0] ?? '';
    const reply = await publish(id, source, { 'Content-Type': type });
    expect(reply.status, reply.text).toBe(201);
    expect(reply.body).toEqual({ id, version: 1 });
    expect(reply.headers.get('location')).toBe(`/v1/policies/${id}/versions/1`);
    const read = await stack.call<Record<string, unknown>>('app', `/v1/policies/${id}/versions/1`);
    expect(read.headers.get('etag')).toBe(reply.headers.get('etag'));
    expect(read.headers.get('etag')).toMatch(/^"[^"]+"$/);
    expect(read.body).toMatchObject({
      id,
      version: 1,
      kind: 'ai-decision',
      source,
      author: 'cora',
    });
    expect(read.body['document']).toMatchObject({ id, kind: 'ai-decision' });
    const request = await submit(stack, aLoan({ action: { operation: id, target: 'x' } }));
    expect(request.policy).toMatchObject({ id, version: 1 });
  });

  test('seals each version in the stream of the policy', async () => {
    await publish('sealed', yaml('sealed'));
    await publish('sealed', yaml('sealed', 'objective: more\n'), { 'If-Match': '"sealed@1"' });
    const rows = await stack.deps.db.query<{ bytes: Buffer }>(
      `SELECT bytes FROM ledger_record WHERE stream_id = (SELECT stream_id FROM policy WHERE id = 'sealed') ORDER BY seq`,
      [],
    );
    const records = rows.map(({ bytes }) => JSON.parse(bytes.toString()) as unknown);
    expect(records).toMatchObject([
      { kind: 'policy_changed', body: { policy_id: 'sealed', version: 1, change: 'published' } },
      { kind: 'policy_changed', body: { policy_id: 'sealed', version: 2, change: 'published' } },
    ]);
  });

  test('needs the newest version in If-Match, from the second version on', async () => {
    await publish('matched', yaml('matched'));
    const before = await countRows(stack);
    const next = yaml('matched', 'objective: more\n');
    expectProblem(await publish('matched', next), 428, 'PRECONDITION_REQUIRED');
    for (const tag of [
      ...['"matched@2"', '"other@1"', 'matched@1', 'W/"matched@1"', '"1"', ''],
      ...['"matched@2", "other@1"', '"a,"matched@1"', '"matched@1" "x"', '*, "matched@2"', '**'],
    ]) {
      const reply = await publish('matched', next, { 'If-Match': tag });
      const { detail } = expectProblem(reply, 412, 'PRECONDITION_FAILED');
      expect(detail).toMatch(/newest version is 1\b/);
      expect(detail).not.toMatch(/-1/);
    }
    for (const tag of ['"unseen@1"', '*'])
      expectProblem(
        await publish('unseen', yaml('unseen'), { 'If-Match': tag }),
        412,
        'PRECONDITION_FAILED',
      );
    expect(await countRows(stack)).toEqual(before);
    const second = await publish('matched', next, { 'If-Match': '"matched@1"' });
    expect(second.status).toBe(201);
    expect(second.body.version).toBe(2);
    expect(second.headers.get('etag')).toBe('"matched@2"');
    expectProblem(
      await publish('matched', next, { 'If-Match': '"matched@1"' }),
      412,
      'PRECONDITION_FAILED',
    );
    const first = await stack.call<{ source: string }>('cora', '/v1/policies/matched/versions/1');
    expect(first.body.source).toBe(yaml('matched'));
    // RFC 9110 13.1.1: one of a list is enough, and `*` takes whichever there is.
    const lists = ['"matched@2", "zz"', 'W/"matched@3", "x,y" ,"matched@3"', '*', ' * '];
    for (const [n, tag] of lists.entries()) {
      const reply = await publish('matched', `${next}# ${n}\n`, { 'If-Match': tag });
      expect(reply, tag).toMatchObject({ status: 201, body: { version: n + 3 } });
    }
  });

  test('by ten at once gives one next version', async () => {
    await publish('raced', yaml('raced'));
    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        publish('raced', yaml('raced', `objective: "${index}"\n`), { 'If-Match': '"raced@1"' }),
      ),
    );
    expect(replies.map(({ status }) => status).sort((a, b) => a - b)).toEqual([
      201,
      ...Array(9).fill(412),
    ]);
  });

  test('twice with one key is one version', async () => {
    const headers = { 'Idempotency-Key': 'published' };
    const first = await publish('keyed', yaml('keyed'), headers);
    const again = await publish('keyed', yaml('keyed'), headers);
    expect(again.status).toBe(201);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('etag')).toBe(first.headers.get('etag'));
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    const other = await publish('keyed', yaml('keyed', 'objective: x\n'), headers);
    expectProblem(other, 422, 'IDEMPOTENCY_MISMATCH');
  });

  test('leaves running requests under the version they started with', async () => {
    await publish('kept', yaml('kept'));
    const { id } = await submit(stack, aLoan({ action: { operation: 'kept', target: 'x' } }));
    await publish('kept', json('kept'), { 'If-Match': '"kept@1"' });
    const running = await stack.call('app', `/v1/requests/${id}`);
    expect(running.body).toMatchObject({ status: 'pending', policy: { version: 1 } });
    const next = await submit(stack, aLoan({ action: { operation: 'kept', target: 'x' } }));
    expect(next).toMatchObject({ status: 'approved', policy: { version: 2 } });
  });

  test('of a disabled policy changes nothing for requests', async () => {
    await publish('off', yaml('off', 'enabled: false\n'));
    expect((await submit(stack, aSureLoan())).policy.id).toBe('credit-decisions');
  });
});

describe('a policy that cannot be is refused with every problem and its place', () => {
  test.each<[string, string, readonly string[]]>([
    ['nothing', '', ['']],
    ['no mapping', '- a\n- b\n', ['']],
    ['broken YAML', 'id: [bad\n', ['']],
    ['an id that is not the one in the address', yaml('other'), ['/id']],
    ['no kind and no rules', 'id: bad\n', ['/kind', '/rules']],
    ['an unknown field', yaml('bad', 'colour: red\n'), ['/colour']],
    ['a condition that is no CEL', yaml('bad').replace('== "bad"', '=='), ['/when']],
    [
      'a role that nobody has',
      yaml('bad').replace('security', 'astronaut'),
      ['/rules/0/stages/0/role'],
    ],
    [
      'a quorum larger than the role',
      yaml('bad').replace('quorum: 1', 'quorum: 9'),
      ['/rules/0/stages/0/quorum'],
    ],
    ['half of a surrogate pair', yaml('bad', 'objective: "\\uD800"\n'), ['/objective']],
    ['U+0000 in a comment', `${yaml('bad')}# \0\n`, ['']],
    [
      'half of a surrogate pair in a condition',
      yaml('bad')
        .replace('== "bad"', '== "\\uD800"')
        .replace(/when: (.*)/, (_all, cel: string) => `when: "${cel.replaceAll('"', '\\"')}"`),
      ['/when'],
    ],
    [
      'U+0000 in a condition',
      yaml('bad').replace(/when: .*/, 'when: "request.kind == \'a\\0b\'"'),
      ['/when'],
    ],
    ['U+0000', yaml('bad', 'objective: "a\\0b"\n'), ['/objective']],
  ])('%s', async (_why, source, pointers) => {
    const before = await countRows(stack);
    const reply = await publish('bad', source);
    const { errors } = expectProblem(reply, 422, 'POLICY_INVALID');
    const found = errors.map(({ pointer }) => pointer);
    for (const pointer of pointers) expect(found).toContain(pointer);
    expect(await countRows(stack)).toEqual(before);
  });

  test('JSON too', async () => {
    const document = {
      ...(JSON.parse(json('bad')) as object),
      rules: [{ name: 'x', effect: 'maybe' }],
    };
    const reply = await publish('bad', JSON.stringify(document));
    const { errors } = expectProblem(reply, 422, 'POLICY_INVALID');
    expect(errors.map(({ pointer }) => pointer)).toContain('/rules/0/effect');
    expectProblem(await publish('bad', '{"id":'), 400, 'MALFORMED_JSON');
  });

  test('a YAML bomb', async () => {
    const rows = Array.from(
      { length: 9 },
      (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i}, `.repeat(9)}*a${i}]`,
    );
    const bomb = `id: bad\na0: &a0 [x]\n${rows.join('\n')}\n`;
    const start = performance.now();
    expectProblem(await publish('bad', bomb), 422, 'POLICY_INVALID');
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});

describe('reading', () => {
  test('a version knows If-None-Match', async () => {
    const path = '/v1/policies/credit-decisions/versions/1';
    const { headers } = await stack.call('eve', path);
    const etag = headers.get('etag') ?? '';
    const same = await stack.call('eve', path, { headers: { 'If-None-Match': etag } });
    expect([same.status, same.text, same.headers.get('etag')]).toEqual([304, '', etag]);
    const other = await stack.call('eve', path, { headers: { 'If-None-Match': '"x@1"' } });
    expect(other.status).toBe(200);
  });

  test('the list has the newest of each', async () => {
    await publish('newest', yaml('newest'));
    await publish('newest', json('newest'), { 'If-Match': '"newest@1"' });
    const { body } = await stack.call<{ items: { id: string; version: number }[] }>(
      'app',
      '/v1/policies?limit=200',
    );
    expect(body.items.filter(({ id }) => id === 'newest')).toMatchObject([{ version: 2 }]);
  });
});
