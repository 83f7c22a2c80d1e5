import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ZodType } from 'zod';
import { problem } from '../../api/contract/common.ts';
import { guardedRoutes } from '../../api/create-api.ts';
import { PERMISSIONS } from '../../api/permissions.ts';
import type { Route } from '../../api/route.ts';
import { published } from '../support/acts.ts';
import { openStack, type CallOptions, type Stack } from '../support/stack.ts';
import {
  act,
  aHeldRequest,
  aLoan,
  aSureLoan,
  aVendor,
  decide,
  HOLDING_POLICY,
  submit,
} from './support/calls.ts';
import { commandRuns } from './support/command-runs.ts';
import { directoryRuns } from './support/directory-runs.ts';

type Json = Readonly<Record<string, unknown>>;

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly security?: readonly Json[];
  readonly parameters?: readonly { name: string; in: string; required?: boolean; schema: Json }[];
  readonly requestBody?: { required: boolean; content: Record<string, { schema: Json }> };
  readonly responses: Readonly<
    Record<string, { description: string; content?: Record<string, { schema: Json }> }>
  >;
}

interface Document {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly servers: readonly { readonly url: string }[];
  readonly security: readonly Json[];
  readonly components: { readonly schemas: Readonly<Record<string, Json>> } & Json;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

let stack: Stack;
let document: Document;
beforeAll(async () => {
  stack = await openStack();
  const reply = await stack.call<Document>(null, '/openapi.json');
  document = reply.body;
});
afterAll(() => stack.close());

const operations = (): [string, Operation][] =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      operation,
    ]),
  );

const inDocument = (name: string): string => name.replace(/[:*](\w+)/g, '{$1}');

/** Every object in the document with where it is. */
function* walk(value: unknown, at = '#'): Generator<[string, Json]> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield [at, value as Json];
  for (const [key, child] of Object.entries(value)) yield* walk(child, `${at}/${key}`);
}

function resolved(ref: string): unknown {
  return ref
    .slice(2)
    .split('/')
    .reduce<unknown>(
      (value, token) =>
        (value as Json | undefined)?.[token.replaceAll('~1', '/').replaceAll('~0', '~')],
      document,
    );
}

describe('the document', () => {
  test('says what it is', async () => {
    const { headers } = await stack.call(null, '/openapi.json');
    expect(headers.get('content-type')).toMatch(/^application\/json/);
    expect(document.openapi).toMatch(/^3\.1\.\d+$/);
    expect(document.info).toMatchObject({ title: 'Countersign', version: '0.0.0-test' });
    expect(document.servers).toEqual([{ url: stack.deps.publicUrl }]);
    expect(document.security).toEqual([{ bearer: [] }]);
    expect(document.components['securitySchemes']).toMatchObject({
      bearer: { type: 'http', scheme: 'bearer' },
    });
  });

  test('has every route and no other', () => {
    expect(
      operations()
        .map(([name]) => name)
        .sort(),
    ).toEqual(Object.keys(PERMISSIONS).map(inDocument).sort());
  });

  test('names each operation once, and in words', () => {
    const ids = operations().map(([, { operationId }]) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [name, { operationId, summary, tags }] of operations()) {
      expect(tags, name).toEqual([/\/v1\/([a-z-]+)/.exec(name)?.[1] ?? 'installation']);
      expect(operationId, name).toMatch(/^[a-z][A-Za-z0-9]+$/);
      expect(summary, name).toMatch(/\w/);
    }
  });

  test('asks for a credential exactly where the matrix does', () => {
    for (const [name, access] of Object.entries(PERMISSIONS)) {
      const operation = operations().find(([one]) => one === inDocument(name))?.[1];
      expect(operation?.security, name).toEqual(typeof access === 'string' ? [] : undefined);
    }
  });

  test('declares each parameter of a path, and none besides', () => {
    for (const [name, { parameters = [] }] of operations()) {
      const inPath = parameters.filter((parameter) => parameter.in === 'path');
      const expected = [...name.matchAll(/\{(\w+)\}/g)].map(([, param]) => param);
      expect(
        inPath.map((parameter) => parameter.name),
        name,
      ).toEqual(expected);
      expect(
        inPath.every(({ required }) => required === true),
        name,
      ).toBe(true);
      for (const { in: place, schema } of parameters) {
        expect(['path', 'query', 'header']).toContain(place);
        expect(schema).toBeTypeOf('object');
      }
    }
  });

  test('offers an Idempotency-Key on every POST and nowhere else', () => {
    for (const [name, { parameters = [] }] of operations()) {
      const names = parameters.map((parameter) => parameter.name);
      expect(names.includes('Idempotency-Key'), name).toBe(name.startsWith('POST '));
    }
  });

  test('has a body where a POST has one, that need not be sent where nothing is asked', () => {
    for (const [name, { requestBody }] of operations())
      expect(requestBody !== undefined, name).toBe(/^(?:POST|PATCH) /.test(name));
    const required = (name: string): unknown =>
      operations().find(([one]) => one === name)?.[1].requestBody?.required;
    expect(required('POST /v1/requests')).toBe(true);
    expect(required('POST /v1/requests/{id}/withdrawal')).toBe(false);
    expect(required('POST /v1/apps/{id}/keys')).toBe(false);
  });

  test('describes each answer, problems included', () => {
    for (const [name, { responses }] of operations()) {
      expect(
        Object.keys(responses).some((status) => /^2\d\d$/.test(status)),
        name,
      ).toBe(true);
      for (const { description } of Object.values(responses)) expect(description).toMatch(/\w/);
      if (!name.includes('/v1/')) continue;
      for (const status of ['4XX', '5XX'])
        expect(responses[status]?.content?.['application/problem+json']?.schema).toEqual({
          $ref: '#/components/schemas/Problem',
        });
    }
  });

  test('refers only to what is in it, and names no schema twice', () => {
    const refs = [...walk(document)].flatMap(([, { $ref }]) =>
      typeof $ref === 'string' ? [$ref] : [],
    );
    expect(refs.length).toBeGreaterThan(20);
    for (const ref of refs) expect(resolved(ref), ref).toBeTypeOf('object');
    for (const name of Object.keys(document.components.schemas)) {
      expect(name).toMatch(/^[A-Za-z0-9._-]+$/);
      expect(name).not.toMatch(/Output$|^__/);
    }
  });

  test('is JSON Schema of 2020-12 as OpenAPI 3.1 has it: nothing of 3.0, no wrong words', () => {
    const types = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'];
    for (const [at, object] of walk(document)) {
      if (at.endsWith('/properties')) continue; // names of fields, not words of a schema
      expect(object, at).not.toHaveProperty('nullable');
      const { type, required, properties } = object;
      if (Array.isArray(required) && typeof properties === 'object' && properties !== null)
        for (const name of required) expect(Object.keys(properties), at).toContain(name);
      if (typeof type === 'string' && !at.includes('/securitySchemes/'))
        expect(types, at).toContain(type);
    }
  });

  test('shows the submission that the contract fixes', () => {
    const body = operations().find(([name]) => name === 'POST /v1/requests')?.[1].requestBody;
    const text = JSON.stringify(body?.content['application/json']?.schema);
    expect(text).toContain('AiDecisionSubmission');
    const { AiDecisionSubmission: decision } = document.components.schemas;
    expect(decision).toMatchObject({ type: 'object', additionalProperties: false });
    expect(new Set(decision?.['required'] as string[])).toEqual(
      new Set(['action', 'context', 'kind', 'title']),
    );
  });
});

// ---- what is answered fits what is written -------------------------------------------------------

const EXCEPTION = {
  ...{ policy: 'credit-decisions', rule: 'small and sure', until: '2090-01-01T00:00:00.000Z' },
  reason: 'While the model is new, people look at everything.',
};

const OFFICE = { timeZone: 'Europe/Berlin', hours: { mon: ['09:00-17:00'] }, holidays: [] };

/** Calls of a sample run: every guarded route at least once, and more where answers differ. */
async function sampleRun(): Promise<Map<string, [string, string, CallOptions][]>> {
  const pending = (await submit(stack, aLoan())).id;
  await decide(stack, 'eve', pending);
  const rejected = (await submit(stack, aVendor())).id;
  const overridden = (await submit(stack, aLoan())).id;
  await stack.call('cora', '/v1/policies/holding/versions', {
    raw: HOLDING_POLICY,
    headers: { 'Content-Type': 'application/yaml' },
  });
  const held = (await submit(stack, aHeldRequest())).id;
  const app = { id: 'doc', name: 'D', owner: 'mia', scopes: ['requests:read'], kinds: ['*'] };
  const policy = HOLDING_POLICY.replace('id: holding', 'id: documented');
  const toBeRevoked = await stack.call<{ id: string }>('cora', '/v1/apps/sample-agent/keys', {
    body: {},
  });
  const digestOf = async (id: string): Promise<string> =>
    (await stack.call<{ contentDigest: string }>('cora', `/v1/requests/${id}/view`)).body
      .contentDigest;
  const approve = async (id: string, verdict = 'approve'): Promise<CallOptions> => ({
    body: { verdict, contentDigest: await digestOf(id) },
  });
  const reason = 'A reason of more than twenty characters.';
  await stack.call('cora', '/v1/calendars/office/versions', { body: OFFICE });
  await stack.call('cora', '/v1/people/rui/roles', { body: { role: 'compliance' } });
  const exception = await stack.call<{ id: string }>('cora', '/v1/exceptions', { body: EXCEPTION });
  await stack.call('vic', `/v1/requests/${rejected}/view`);
  await published(stack, rejected);
  const runs: [string, string, string, CallOptions?][] = [
    ['POST /v1/requests', 'app', '/v1/requests', { body: aSureLoan() }],
    ['POST /v1/requests', 'eve', '/v1/requests', { body: aVendor() }],
    ['POST /v1/requests', 'app', '/v1/requests', { body: aHeldRequest() }],
    ['POST /v1/requests/preview', 'app', '/v1/requests/preview', { body: aLoan() }],
    ['POST /v1/requests/preview', 'eve', '/v1/requests/preview', { body: aHeldRequest() }],
    ['GET /v1/requests', 'cora', '/v1/requests'],
    ['GET /v1/requests/:id', 'app', `/v1/requests/${pending}`],
    ['GET /v1/requests/:id', 'app', `/v1/requests/${held}`],
    ['GET /v1/requests/:id/view', 'omar', `/v1/requests/${pending}/view`],
    ['GET /v1/requests/:id/view', 'cora', `/v1/requests/${held}/view`],
    ['GET /v1/requests/:id/chain', 'app', `/v1/requests/${pending}/chain`],
    ['GET /v1/requests/:id/eligibility', 'app', `/v1/requests/${pending}/eligibility`],
    ['GET /v1/requests/:id/evidence', 'app', `/v1/requests/${pending}/evidence`],
    [
      'POST /v1/requests/:id/decisions',
      'vic',
      `/v1/requests/${pending}/decisions`,
      await approve(pending),
    ],
    [
      'POST /v1/requests/:id/decisions',
      'omar',
      `/v1/requests/${pending}/decisions`,
      await approve(pending),
    ],
    [
      'POST /v1/requests/:id/decisions',
      'vic',
      `/v1/requests/${rejected}/decisions`,
      await approve(rejected, 'reject'),
    ],
    [
      'POST /v1/requests/:id/overrides',
      'olga',
      `/v1/requests/${overridden}/overrides`,
      { body: { effect: 'force', reason } },
    ],
    ['POST /v1/requests/:id/withdrawal', 'app', `/v1/requests/${held}/withdrawal`, { body: {} }],
    ['GET /v1/requests/:id', 'app', `/v1/requests/${overridden}`],
    [
      'GET /v1/requests/:id/commands/:commandId',
      'vic',
      `/v1/requests/${rejected}/commands/${await commandOf(rejected)}`,
    ],
    ['GET /v1/policies', 'app', '/v1/policies'],
    ['GET /v1/policies', 'app', '/v1/policies?review=overdue'],
    ['GET /v1/policies/:id/versions', 'app', '/v1/policies/credit-decisions/versions'],
    ['GET /v1/policies/:id/versions/:version', 'app', '/v1/policies/credit-decisions/versions/1'],
    ['GET /v1/policies/:id/versions/:version', 'app', '/v1/policies/fallback/versions/1'],
    [
      'GET /v1/policies/:id/versions/:version/diff',
      'app',
      '/v1/policies/credit-decisions/versions/1/diff',
    ],
    ['GET /v1/policies/:id/proposals', 'eve', '/v1/policies/credit-decisions/proposals'],
    ['GET /v1/policies/:id/shadow', 'eve', '/v1/policies/credit-decisions/shadow'],
    [
      'POST /v1/policies/:id/versions/:version/acknowledgements',
      'eve',
      '/v1/policies/credit-decisions/versions/1/acknowledgements',
      { body: {} },
    ],
    [
      'GET /v1/policies/:id/versions/:version/acknowledgements',
      'eve',
      '/v1/policies/credit-decisions/versions/1/acknowledgements',
    ],
    ['GET /v1/requests/:id/policy', 'app', `/v1/requests/${pending}/policy`],
    ['POST /v1/exceptions', 'cora', '/v1/exceptions', { body: EXCEPTION }],
    ['GET /v1/exceptions', 'ada', '/v1/exceptions'],
    ['GET /v1/exceptions/:exceptionId', 'ada', `/v1/exceptions/${exception.body.id}`],
    [
      'POST /v1/exceptions/:exceptionId/approval',
      'rui',
      `/v1/exceptions/${exception.body.id}/approval`,
      { method: 'POST' },
    ],
    [
      'DELETE /v1/exceptions/:exceptionId',
      'cora',
      `/v1/exceptions/${exception.body.id}`,
      { method: 'DELETE' },
    ],
    [
      'POST /v1/policies/:id/versions',
      'cora',
      '/v1/policies/documented/versions',
      { raw: policy, headers: { 'Content-Type': 'text/yaml' } },
    ],
    ['GET /v1/calendars', 'app', '/v1/calendars'],
    ['GET /v1/calendars/:id/versions/:version', 'app', '/v1/calendars/office/versions/1'],
    [
      'POST /v1/calendars/:id/versions',
      'cora',
      '/v1/calendars/office/versions',
      { body: OFFICE, headers: { 'If-Match': '*' } },
    ],
    ['GET /v1/log/tile/entries/*path', 'ada', '/v1/log/tile/entries/000.p/1'],
    ['GET /v1/log/streams/:id/head', 'ada', `/v1/log/streams/${rejected}/head`],
    ['GET /v1/people', 'eve', '/v1/people'],
    ['GET /v1/people/:id', 'eve', '/v1/people/cora'],
    [
      'POST /v1/people',
      'cora',
      '/v1/people',
      { body: { id: 'doc', name: 'D', roles: ['privacy'] } },
    ],
    ['GET /v1/people/:id/roles', 'eve', '/v1/people/cora/roles'],
    [
      'POST /v1/people/:id/roles',
      'cora',
      '/v1/people/doc/roles',
      { body: { role: 'x', until: '2999-01-01T00:00:00.000Z' } },
    ],
    ...(await commandRuns(stack)),
    ...(await directoryRuns(stack)),
    ['GET /v1/apps', 'ada', '/v1/apps'],
    ['POST /v1/apps', 'cora', '/v1/apps', { body: app }],
    ['GET /v1/apps/:id', 'ada', '/v1/apps/sample-agent'],
    ['GET /v1/apps/:id/keys', 'ada', '/v1/apps/sample-agent/keys'],
    ['POST /v1/apps/:id/keys', 'cora', '/v1/apps/doc/keys', { body: {} }],
    [
      'DELETE /v1/apps/:id/keys/:keyId',
      'cora',
      `/v1/apps/sample-agent/keys/${toBeRevoked.body.id}`,
      { method: 'DELETE' },
    ],
  ];
  const byRoute = new Map<string, [string, string, CallOptions][]>();
  for (const [name, who, path, options = {}] of runs)
    byRoute.set(name, [...(byRoute.get(name) ?? []), [who, path, options]]);
  return byRoute;
}

/** Any command of a request that vic sent, so that there is one to ask for. */
async function commandOf(id: string): Promise<string> {
  await act(stack, 'vic', `${id}/withdrawal`, {});
  const [row] = await stack.deps.db.query<{ id: string }>(
    `SELECT id FROM command WHERE request_id = $1 AND actor_id = 'vic' AND kind = 'withdraw'`,
    [id],
  );
  return row?.id ?? '';
}

/** A schema drops what it does not name: then the answer says more than the document. */
function expectFits(schema: ZodType, body: unknown, what: string): void {
  const parsed = schema.safeParse(body);
  expect(parsed.error?.issues ?? [], what).toEqual([]);
  expect(parsed.data, what).toEqual(body);
}

test('every answer of a sample run is one that the document describes', async () => {
  const runs = await sampleRun();
  const routes: readonly Route[] = guardedRoutes(stack.deps);
  expect([...runs.keys()].sort()).toEqual(routes.map(({ name }) => name).sort());
  for (const route of routes) {
    for (const [who, path, options] of runs.get(route.name) ?? []) {
      const reply = await stack.call<unknown>(who, path, options);
      const what = `${route.name} as ${who}: ${reply.status} ${reply.text.slice(0, 300)}`;
      expect(reply.status, what).toBeLessThan(300);
      const answer = route.answers[reply.status];
      expect(answer, what).toBeDefined();
      if (answer?.mediaType !== undefined)
        expect(reply.headers.get('content-type'), what).toBe(answer.mediaType);
      else if (answer?.schema === undefined) expect(reply.text, what).toBe('');
      else expectFits(answer.schema, reply.body, what);
      for (const header of answer?.headers ?? [])
        if (header !== 'Link') expect(reply.headers.get(header), what).not.toBeNull();
    }
  }
  const missing = await stack.call<unknown>('eve', '/v1/people/nobody');
  expectFits(problem, missing.body, 'a problem');
});

// ---- the page ------------------------------------------------------------------------------------

describe('/docs', () => {
  test('loads everything it names from here, and runs no script that stands in the page', async () => {
    const page = await stack.call(null, '/docs');
    expect(page.headers.get('content-type')).toMatch(/^text\/html; charset=utf-8/);
    const names = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, name]) => name ?? '');
    expect(names.length).toBeGreaterThanOrEqual(3);
    const types = { css: /^text\/css/, js: /^(?:text|application)\/javascript/ };
    for (const name of names) {
      expect(name).toMatch(/^\/docs\//);
      const file = await stack.call(null, name);
      expect(file.status, name).toBe(200);
      const type = types[name.split('.').at(-1) as keyof typeof types];
      expect(file.headers.get('content-type')).toMatch(type);
      expect(file.text.length).toBeGreaterThan(50);
    }
    expect(page.text).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\son\w+=|javascript:/i);
    const start = await stack.call(null, '/docs/start.js');
    expect(start.text).toContain("'/openapi.json'");
  });

  test('forbids inline scripts and scripts of others', async () => {
    const { headers } = await stack.call(null, '/docs');
    const policy = headers.get('content-security-policy') ?? '';
    const directive = (name: string): string[] =>
      policy
        .split(';')
        .find((part) => part.trim().split(' ')[0] === name)
        ?.trim()
        .split(' ')
        .slice(1) ?? [];
    expect(directive('script-src')).toEqual(["'self'"]);
    expect(directive('default-src')).toEqual(["'self'"]);
    expect(directive('object-src')).toEqual(["'none'"]);
    expect(directive('frame-ancestors')).toEqual(["'self'"]);
    expect(policy).not.toContain('upgrade-insecure-requests');
  });
});
