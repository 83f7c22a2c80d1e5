import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStack, type Stack } from '../support/stack.ts';
import { aLoan, aSureLoan, countRows, expectProblem, submit } from './support/calls.ts';
import { refuses, type Row } from './support/refused.ts';

let stack: Stack;
let requestId: string;
beforeAll(async () => {
  stack = await openStack({ worker: false, dispatcher: false });
  requestId = (await submit(stack, aLoan())).id;
});
afterAll(() => stack.close());

const cases = (rows: readonly Row[]): void => refuses(() => ({ stack, requestId }), rows);

describe('addresses', () => {
  const GET = { method: 'GET', who: 'cora' } as const;
  const NOT_FOUND = { status: 404, code: 'NOT_FOUND' } as const;
  const BAD_QUERY = { status: 400, code: 'BAD_QUERY' } as const;
  const BAD_REQUEST = { status: 400, code: 'BAD_REQUEST' } as const;
  const paths = [
    '/v1/requests/4711',
    '/v1/requests/00000000-0000-4000-8000-000000000000',
    '/v1/requests/00000000-0000-4000-8000-000000000000/view',
    '/v1/requests/00000000-0000-4000-8000-000000000000/chain',
    '/v1/requests/%00',
    `/v1/requests/${'A'.repeat(8_000)}`,
    "/v1/requests/'%20OR%201=1",
    '/v1/requests/{id}/commands/1',
    '/v1/requests/{id}/commands/%00',
    '/v1/people/%00',
    '/v1/people/eve%00',
    '/v1/people/Eve',
    '/v1/people/%F0%9F%98%80',
    '/v1/people/..%2F..%2Fetc%2Fpasswd',
    `/v1/people/${'a'.repeat(65)}`,
    '/v1/people/%00/roles',
    '/v1/apps/%00',
    '/v1/apps/%00/keys',
    '/v1/apps/__proto__',
    '/v1/policies/%00/versions/1',
    '/v1/policies/credit-decisions/versions/0',
    '/v1/policies/credit-decisions/versions/2',
    '/v1/policies/credit-decisions/versions/-1',
    '/v1/policies/credit-decisions/versions/1e0',
    '/v1/policies/credit-decisions/versions/99999999999999999999',
    '/v1/nothing',
    '/v1',
    '/',
    '/docs/..%2Fopen.ts',
    '/docs/package.json',
  ];
  const queries: [string, readonly string[]][] = [
    ['limit=0', ['/limit']],
    ['limit=201', ['/limit']],
    ['limit=-1', ['/limit']],
    ['limit=1.5', ['/limit']],
    ['limit=1e1', ['/limit']],
    ['limit=0x10', ['/limit']],
    ['limit=', ['/limit']],
    ['limit=%2010', ['/limit']],
    ['limit=10&limit=20', ['/limit']],
    ['status=open', ['/status']],
    ['status=pending&status=held', ['/status']],
    ['kind=%00', ['/kind']],
    ['kind=', ['/kind']],
    ['eligible=eve', ['/eligible']],
    ['cursor=', ['/cursor']],
    [`cursor=${'a'.repeat(501)}`, ['/cursor']],
    ['colour=red', ['/colour']],
    ['limit=0&colour=red', ['/limit', '/colour']],
    ['__proto__=1', ['/__proto__']],
  ];
  cases([
    ...paths.map((path) => ({ why: path.slice(0, 60), ...GET, path, ...NOT_FOUND })),
    ...['/v1/requests/%', '/v1/people/%E0%A4%A', '/v1/people/%ff', '/v1/requests/{id}%zz/view'].map(
      (path) => ({ why: path, ...GET, path, ...BAD_REQUEST }),
    ),
    ...queries.map(([query, at]) => ({
      why: query.slice(0, 60),
      ...GET,
      path: `/v1/requests?${query}`,
      ...BAD_QUERY,
      at,
    })),
    ...['30', 'PT', 'P', 'PT-1S', '30s', 'PT30', 'PTS', 'pt30s', 'PT30S&wait=PT1S', ''].map(
      (wait) => ({
        why: `wait=${wait}`,
        ...GET,
        path: `/v1/requests/{id}?wait=${wait}`,
        ...BAD_QUERY,
        at: ['/wait'],
      }),
    ),
    {
      why: 'an unknown parameter where none is known',
      ...GET,
      path: '/v1/people/eve?full=1',
      ...BAD_QUERY,
      at: ['/full'],
    },
    {
      why: 'a parameter on a POST',
      path: '/v1/requests?dryRun=true',
      body: aSureLoan(),
      ...BAD_QUERY,
      at: ['/dryRun'],
    },
    ...['/v1/requests', '/v1/people', '/v1/apps', '/v1/policies'].flatMap((path) =>
      ['x', 'YWZ0ZXI6ZXZl', '\ufffd', '%00'].map((cursor) => ({
        why: `${path}?cursor=${cursor}`,
        ...GET,
        path: `${path}?cursor=${encodeURIComponent(cursor)}`,
        status: 400,
        code: 'CURSOR_INVALID',
        at: ['/cursor'],
      })),
    ),
    {
      why: 'keys of an app with a bad id',
      method: 'DELETE',
      who: 'cora',
      path: '/v1/apps/sample-agent/keys/%00',
      ...NOT_FOUND,
    },
    {
      why: 'a decision on no id',
      who: 'eve',
      path: '/v1/requests/x/decisions',
      body: { verdict: 'approve', contentDigest: '0'.repeat(64) },
      ...NOT_FOUND,
    },
    {
      why: 'a decision on nothing',
      who: 'eve',
      path: '/v1/requests/00000000-0000-4000-8000-000000000000/decisions',
      body: { verdict: 'approve', contentDigest: '0'.repeat(64) },
      ...NOT_FOUND,
    },
    {
      why: 'a policy with a bad id',
      who: 'cora',
      path: '/v1/policies/%00/versions',
      body: {},
      ...NOT_FOUND,
    },
  ]);
});

describe('methods', () => {
  const rows: [string, string, string][] = [
    ['PUT', '/v1/requests', 'GET, HEAD, POST'],
    ['DELETE', '/v1/requests/{id}', 'GET, HEAD'],
    ['PATCH', '/v1/requests/{id}', 'GET, HEAD'],
    ['OPTIONS', '/v1/requests/{id}', 'GET, HEAD'],
    ['GET', '/v1/requests/{id}/decisions', 'POST'],
    ['HEAD', '/v1/requests/{id}/view', 'GET'],
    ['POST', '/v1/requests/{id}/view', 'GET'],
    ['POST', '/v1/requests/{id}/chain', 'GET, HEAD'],
    ['POST', '/healthz', 'GET, HEAD'],
    ['GET', '/v1/apps/sample-agent/keys/abc', 'DELETE'],
  ];
  test.each(rows)('%s %s is not allowed, and Allow says what is', async (method, path, allow) => {
    const before = await countRows(stack);
    const reply = await stack.call('cora', path.replace('{id}', requestId), { method });
    expect(reply.status).toBe(405);
    if (method !== 'HEAD') expectProblem(reply, 405, 'METHOD_NOT_ALLOWED');
    const allowed = reply.headers.get('allow')?.split(', ') ?? [];
    expect(allowed.sort()).toEqual(allow.split(', ').sort());
    expect(await countRows(stack)).toEqual(before);
  });

  test('HEAD answers like GET, without the body', async () => {
    for (const path of [
      '/v1/requests',
      `/v1/requests/${requestId}`,
      '/v1/people/eve',
      '/healthz',
    ]) {
      const [get, head] = [
        await stack.call('cora', path),
        await stack.call('cora', path, { method: 'HEAD' }),
      ];
      expect(head.status).toBe(200);
      expect(head.text).toBe('');
      for (const name of ['content-type', 'content-length', 'etag', 'link'])
        expect(head.headers.get(name)).toBe(get.headers.get(name));
    }
  });
});

describe('headers', () => {
  cases([
    {
      why: 'an empty Idempotency-Key',
      body: aSureLoan(),
      headers: { 'Idempotency-Key': '' },
      status: 400,
      code: 'BAD_HEADER',
    },
    {
      why: 'an Idempotency-Key with a blank',
      body: aSureLoan(),
      headers: { 'Idempotency-Key': 'a b' },
      status: 400,
      code: 'BAD_HEADER',
    },
    {
      why: 'two Idempotency-Keys',
      body: aSureLoan(),
      headers: { 'Idempotency-Key': 'a, b' },
      status: 400,
      code: 'BAD_HEADER',
    },
    {
      why: 'a long Idempotency-Key',
      body: aSureLoan(),
      headers: { 'Idempotency-Key': 'k'.repeat(256) },
      status: 400,
      code: 'BAD_HEADER',
    },
  ]);

  test('what every answer carries', async () => {
    const reply = await stack.call('app', `/v1/requests/${requestId}`);
    expect(reply.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(reply.headers.get('cache-control')).toBe('no-store');
    expect(reply.headers.get('x-content-type-options')).toBe('nosniff');
    expect(reply.headers.get('x-powered-by')).toBeNull();
    expect(reply.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});
