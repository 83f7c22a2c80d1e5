import type { Express } from 'express';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApi } from '../../api/create-api.ts';
import { authenticate, isFromLoopback } from '../../api/guard.ts';
import { PERMISSIONS, type Access, type Permission } from '../../api/permissions.ts';
import { openRoutes } from '../../api/routes/open.ts';
import { issueKey, createApp, revokeKey } from '../../application/apps.ts';
import { SCOPES, type Scope } from '../../application/principal.ts';
import { BY_ENGINE } from '../../application/sealing.ts';
import { addDuration } from '../../domain/instant.ts';
import { openStack, type Reply, type Stack } from '../support/stack.ts';
import { published } from '../support/acts.ts';
import { aLoan, countRows, expectProblem, submit } from './support/calls.ts';

let stack: Stack;
let requestId: string;
/** Keys of apps, by what is wrong with them. */
const keys: Record<string, string> = {};

beforeAll(async () => {
  stack = await openStack({ worker: false, dispatcher: false });
  requestId = (await submit(stack, aLoan())).id;
  await published(stack, requestId);
  for (const scope of SCOPES)
    keys[scope] = await keyOf(
      `without-${scope.replace(':', '-')}`,
      SCOPES.filter((one) => one !== scope),
    );
  keys['revoked'] = await keyOf('revoked', [...SCOPES]);
  const [, id = ''] = keys['revoked'].split('_');
  await revokeKey(stack.deps, BY_ENGINE, { appId: 'revoked', keyId: id });
  keys['expired'] = await keyOf('expired', [...SCOPES], 'PT1M');
  stack.clock.advance('PT1M');
});
afterAll(() => stack.close());

async function keyOf(id: string, scopes: Scope[], lifetime?: string): Promise<string> {
  const app = { id, name: id, owner: 'mia', scopes, kinds: ['*'] };
  const remember = (): void => undefined;
  await createApp(stack.deps, BY_ENGINE, { app, remember });
  const expiresAt = lifetime === undefined ? null : addDuration(stack.deps.now(), lifetime);
  return (await issueKey(stack.deps, BY_ENGINE, { appId: id, expiresAt, remember })).key;
}

const ROUTES = Object.entries(PERMISSIONS) as [string, Access][];
const GUARDED = ROUTES.filter(
  (entry): entry is [string, Permission] => typeof entry[1] === 'object',
);

// ---- the matrix and the router -------------------------------------------------------------------

interface Layer {
  readonly route?: { readonly path: string; readonly stack: readonly { method: string }[] };
}

/** `METHOD /path` of everything that is mounted, without what answers "another method" and HEAD. */
function mounted(app: Express): string[] {
  const layers = (app.router as unknown as { readonly stack: readonly Layer[] }).stack;
  return layers.flatMap(({ route }) => {
    const methods = [...new Set(route?.stack.map(({ method }) => method.toUpperCase()) ?? [])];
    if (route === undefined || methods.length > 5) return []; // app.all
    return methods.filter((method) => method !== 'HEAD').map((method) => `${method} ${route.path}`);
  });
}

function differences(app: Express): { unlisted: string[]; unmounted: string[] } {
  const routes = mounted(app);
  const names = Object.keys(PERMISSIONS);
  return {
    unlisted: routes.filter((route) => !names.includes(route)),
    unmounted: names.filter((name) => !routes.includes(name)),
  };
}

test('every mounted route has an entry in the permission matrix, and every entry a route', () => {
  const app = createApi(stack.deps);
  expect(mounted(app).length).toBeGreaterThan(20);
  expect(differences(app)).toEqual({ unlisted: [], unmounted: [] });
});

test('a route without an entry is noticed', () => {
  const app = createApi(stack.deps);
  app.post('/v1/requests/:id/blessing', (_request, response) => void response.end());
  expect(differences(app).unlisted).toEqual(['POST /v1/requests/:id/blessing']);
});

test('what the contract fixes is not a matter of the matrix', () => {
  const open = ROUTES.filter(([, access]) => access === 'open').map(([name]) => name);
  expect(open).toEqual([
    'GET /healthz',
    'GET /readyz',
    'GET /openapi.json',
    'GET /docs',
    'GET /docs/:file',
    'GET /v1/log/checkpoint',
    'GET /v1/log/key',
    'GET /v1/log/keys',
    'GET /v1/log/tile/:level/*path',
    'GET /v1/log/proof/inclusion',
    'GET /v1/log/proof/consistency',
  ]);
  // An app submits, reads, answers, amends, withdraws; it never sees a view, asks, decides, overrides or
  // changes a rule or a person.
  const byApps = GUARDED.filter(([, { app }]) => app !== false).map(([name]) => name);
  expect(byApps).toEqual([
    'POST /v1/requests',
    'POST /v1/requests/preview',
    'GET /v1/requests',
    'GET /v1/requests/:id',
    'GET /v1/requests/:id/policy',
    'GET /v1/requests/:id/chain',
    'GET /v1/requests/:id/eligibility',
    'GET /v1/requests/:id/evidence',
    'GET /v1/requests/:id/commands/:commandId',
    'POST /v1/requests/:id/withdrawal',
    'GET /v1/requests/:id/discussion',
    'POST /v1/requests/:id/answers',
    'POST /v1/requests/:id/comments',
    'POST /v1/requests/:id/amendments',
    'POST /v1/requests/:id/reopening',
    'GET /v1/log/tile/entries/*path',
    'GET /v1/log/streams/:id/head',
    'GET /v1/policies',
    'GET /v1/policies/:id/versions',
    'GET /v1/policies/:id/versions/:version',
    'GET /v1/policies/:id/versions/:version/diff',
    'GET /v1/calendars',
    'GET /v1/calendars/:id/versions/:version',
  ]);
  // Whoever changes the installation holds the role for it.
  for (const [name, { person }] of GUARDED)
    if (!name.startsWith('GET ') && !/\/v1\/(?:requests|exceptions)|acknowledgements/.test(name))
      expect(person, name).toEqual([
        /\/v1\/(?:policies|calendars)/.test(name) ? 'policy-admin' : 'directory-admin',
      ]);
  // One asks for an exception to a rule, another agrees; whoever reads a policy says so themselves.
  expect(
    GUARDED.filter(
      ([name]) => /exceptions|acknowledgements/.test(name) && !name.startsWith('GET '),
    ).map(([name, { person }]) => [name, person]),
  ).toEqual([
    ['POST /v1/policies/:id/versions/:version/acknowledgements', 'any'],
    ['POST /v1/exceptions', ['policy-admin']],
    ['POST /v1/exceptions/:exceptionId/approval', ['compliance']],
    ['DELETE /v1/exceptions/:exceptionId', ['policy-admin', 'compliance']],
  ]);
});

// ---- who is turned away --------------------------------------------------------------------------

/** The address of a route with things that exist, so that only the permission can be in the way. */
const QUERIES: Readonly<Record<string, string>> = {
  '/v1/log/proof/inclusion': '?index=0&size=1',
  '/v1/log/proof/consistency': '?from=1&to=1',
};

function addressOf(name: string, request = requestId): { method: string; path: string } {
  const [method = '', pattern = ''] = name.split(' ');
  const id = /^\/v1\/(?:requests|log)/.test(pattern)
    ? request
    : pattern.startsWith('/v1/people')
      ? // Whoever leaves does nothing more: not somebody whom the tests need.
        pattern.endsWith('/departure')
        ? 'otto'
        : 'mia'
      : pattern.startsWith('/v1/apps')
        ? 'sample-agent'
        : 'credit-decisions';
  const path = pattern
    .replace(':id', id)
    .replace(':commandId', '00000000-0000-4000-8000-000000000000')
    .replace(':version', '1')
    .replace(':keyId', '0000000000000000')
    .replace(/:(?:grant|absence|delegation|training)Id/, '00000000-0000-4000-8000-000000000000')
    .replace(
      /:(?:grant|absence|delegation|training|exception)Id/,
      '00000000-0000-4000-8000-000000000000',
    )
    .replace(':file', 'start.js')
    .replace(':level/*path', '0/000.p/1')
    .replace('*path', '000.p/1');
  return { method, path: `${path}${QUERIES[pattern] ?? ''}` };
}

async function callWith(
  name: string,
  authorization: string | null,
  request = requestId,
): Promise<Reply<never>> {
  const { method, path } = addressOf(name, request);
  return stack.call(null, path, {
    method,
    ...(['POST', 'PATCH'].includes(method) ? { body: {} } : {}),
    headers: authorization === null ? {} : { Authorization: authorization },
  });
}

const bearer = (key: string | undefined): string => `Bearer ${key}`;

describe('nobody gets in without a credential that is good', () => {
  test.each(GUARDED)('%s', async (name) => {
    const before = await countRows(stack);
    const good = stack.bearer('app');
    const token = stack.bearer('cora');
    const bad: Record<string, string | null> = {
      none: null,
      empty: '',
      'another scheme': `Basic ${Buffer.from(`cora:${token}`).toString('base64')}`,
      garbage: 'Bearer garbage',
      'two words': 'Bearer garbage twice',
      'no scheme': good,
      'a wrong secret': `Bearer ${good.slice(0, -4)}AAAA`,
      'another key id': bearer(good.replace(/^cs_[^_]+/, 'cs_0000000000000000')),
      'a cut token': bearer(token.slice(0, -1)),
      expired: bearer(keys['expired']),
      revoked: bearer(keys['revoked']),
    };
    for (const [why, authorization] of Object.entries(bad)) {
      const reply = await callWith(name, authorization);
      expect(reply.status, why).toBe(401);
      expectProblem(reply, 401, 'UNAUTHENTICATED');
      expect(reply.headers.get('www-authenticate'), why).toMatch(/^Bearer/);
    }
    expect(await countRows(stack)).toEqual(before);
  });
});

describe('an app without the right is turned away, and that is noted', () => {
  const limited = GUARDED.filter(([, { app }]) => app !== 'any');
  test.each(limited)('%s', async (name, { app }) => {
    const who = app === false ? 'sample-agent' : `without-${app.replace(':', '-')}`;
    const key = app === false ? stack.bearer('app') : keys[app];
    await expectTurnedAway(name, bearer(key), { type: 'app', id: who });
  });
});

describe('a person without the role is turned away, and that is noted', () => {
  const limited = GUARDED.filter(([, { person }]) => person !== 'any');
  test.each(limited)('%s', async (name) => {
    await expectTurnedAway(name, bearer(stack.bearer('eve')), { type: 'person', id: 'eve' });
  });
});

describe('whoever is named by the path may do what is about themselves', () => {
  const own = GUARDED.filter(([, { self }]) => self === true);

  test('which is to be absent and to delegate', () => {
    expect(own.map(([name]) => name)).toEqual([
      'POST /v1/people/:id/absences',
      'DELETE /v1/people/:id/absences/:absenceId',
      'POST /v1/people/:id/delegations',
      'DELETE /v1/people/:id/delegations/:delegationId',
    ]);
  });

  test.each(own)('%s', async (name) => {
    const { status, text } = await callWith(name, bearer(stack.bearer('mia')));
    expect([404, 422], text).toContain(status);
  });
});

describe('whoever has the right is not turned away', () => {
  test.each(GUARDED)('%s', async (name, { app, person }) => {
    const allowed = [
      ...(app === false ? [] : [stack.bearer('app')]),
      ...(person === 'any' ? [stack.bearer('ada'), stack.bearer('cora')] : []),
      ...(Array.isArray(person) ? [stack.bearer('cora')] : []),
    ];
    expect(allowed.length).toBeGreaterThan(0);
    // Commands go to a request that is not there: who may not ask at all would hear 403 even so.
    const nobodys = '00000000-0000-4000-8000-000000000000';
    const at = name.startsWith('POST') ? nobodys : requestId;
    for (const one of allowed) {
      const { status, text } = await callWith(name, bearer(one), at);
      expect([401, 403], text).not.toContain(status);
      expect(status, text).toBeLessThan(500);
    }
  });
});

async function expectTurnedAway(
  name: string,
  authorization: string,
  { type, id }: { readonly type: string; readonly id: string },
): Promise<void> {
  const before = { rows: await countRows(stack), log: await accessLog() };
  expectProblem(await callWith(name, authorization), 403, 'FORBIDDEN');
  const onRequest = name.includes('/requests/:id');
  expect((await accessLog()).slice(before.log.length)).toEqual([
    {
      principal_type: type,
      principal_id: id,
      route: name,
      outcome: 'FORBIDDEN',
      request_id: onRequest ? requestId : null,
    },
  ]);
  expect(await countRows(stack)).toEqual(before.rows);
}

function accessLog() {
  return stack.deps.db.query(
    `SELECT principal_type, principal_id, route, outcome, request_id FROM access_log ORDER BY at, id`,
    [],
  );
}

test('the rule is checked before the body is read, and nobody unknown makes us read one', async () => {
  const huge = 'x'.repeat(300_000);
  const nobody = await stack.call(null, '/v1/requests', { raw: huge });
  expectProblem(nobody, 401, 'UNAUTHENTICATED');
  const eve = await stack.call('eve', '/v1/people', { raw: huge });
  expectProblem(eve, 403, 'FORBIDDEN');
});

// ---- what is open --------------------------------------------------------------------------------

describe('without a credential', () => {
  test.each(ROUTES.filter(([, access]) => access === 'open'))('%s answers', async (name) => {
    const { method, path } = addressOf(name);
    expect((await stack.call(null, path, { method })).status).toBe(200);
  });

  test('/metrics answers on this machine, and nowhere else', async () => {
    const reply = await stack.call(null, '/metrics');
    expect(reply.status).toBe(200);
    expect(reply.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(reply.text).toMatch(/^http_request_duration_seconds_count\{.*\} \d+$/m);
    const routes = openRoutes({ ...stack.deps, document: () => ({}) });
    const metrics = routes.find(({ name }) => name === 'GET /metrics');
    const request = { socket: { remoteAddress: '192.0.2.7' }, headers: {} } as never;
    await expect(async () => metrics?.handle(request, {} as never)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });
});

describe('this machine', () => {
  test.each([
    ['127.0.0.1', true],
    ['127.8.9.10', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['::ffff:192.0.2.7', false],
    ['192.0.2.7', false],
    ['10.0.0.1', false],
    ['0.0.0.0', false],
    ['128.0.0.1', false],
    ['fe80::1', false],
    ['::127.0.0.1', false],
    ['', false],
    [undefined, false],
  ])('%s → %s', (remoteAddress, expected) => {
    expect(isFromLoopback({ socket: { remoteAddress }, headers: {} })).toBe(expected);
  });

  test.each([
    'x-forwarded-for',
    'x-forwarded-host',
    'x-forwarded-proto',
    'x-forwarded-port',
    'x-forwarded-prefix',
    'x-forwarded-client-cert',
    'x-forwarded',
    'forwarded-for',
    'forwarded',
    'x-original-forwarded-for',
    'x-original-host',
    'x-real-ip',
    'x-client-ip',
    'client-ip',
    'true-client-ip',
    'cf-connecting-ip',
    'cf-connecting-ipv6',
    'cf-ray',
    'cf-visitor',
    'fastly-client-ip',
    'fly-client-ip',
    'do-connecting-ip',
    'x-cluster-client-ip',
    'x-appengine-user-ip',
    'x-azure-clientip',
    'x-azure-socketip',
    'x-envoy-external-address',
    'x-amzn-trace-id',
    'x-originating-ip',
    'x-remote-addr',
    'wl-proxy-client-ip',
    'cdn-loop',
    'via',
  ])('a call that a proxy on this machine passed on (%s) is not from here', async (name) => {
    const socket = { remoteAddress: '127.0.0.1' };
    expect(isFromLoopback({ socket, headers: { [name]: '192.0.2.7' } })).toBe(false);
    // … so a sample token that comes with it is nobody's.
    const headers = { [name]: '192.0.2.7' };
    const reply = await stack.call('eve', '/v1/requests', { headers });
    expect(reply).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
    expect((await stack.call('app', '/v1/requests', { headers })).status).toBe(200);
  });

  test('what programs and browsers send themselves is no sign of a proxy', async () => {
    const headers = {
      ...{
        'User-Agent': 'curl/8',
        Accept: '*/*',
        'Accept-Language': 'en',
        Origin: 'http://a.example',
      },
      ...{ Referer: 'http://127.0.0.1/', DNT: '1', 'X-Requested-With': 'fetch', Priority: 'u=1' },
      ...{ Traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
      ...{ 'X-Request-Id': 'a', 'Sec-Fetch-Site': 'same-origin', 'Cache-Control': 'no-cache' },
    };
    expect((await stack.call('eve', '/v1/requests', { headers })).status).toBe(200);
  });

  test('a sample token is good here only; an app key everywhere', async () => {
    const from = (who: string, remoteAddress: string) =>
      authenticate(
        {
          socket: { remoteAddress },
          headers: {},
          get: () => `Bearer ${stack.bearer(who)}`,
        } as never,
        stack.deps.authenticator,
      );
    expect(await from('eve', '127.0.0.1')).toMatchObject({ type: 'person', id: 'eve' });
    await expect(from('eve', '192.0.2.7')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await from('app', '192.0.2.7')).toMatchObject({ type: 'app', id: 'sample-agent' });
  });
});
