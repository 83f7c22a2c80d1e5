import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RequestShape } from '../../application/request-shape.ts';
import { openStack, type Reply, type Stack } from '../support/stack.ts';
import { aLoan, decide, expectProblem, submit } from './support/calls.ts';

/** Everything over HTTP, with a worker: one admin asks, another decides, and the rules change. */
const GATE = `id: policy-change
kind: policy-change
rules:
  - name: every change
    effect: review
    stages: [{ name: second person, role: policy-admin, quorum: 1, deadline: P5D }]
    requireView: true
`;
const LOANS = `id: loans
kind: ai-decision
rules:
  - name: never at night
    when: request.context.system == "credit-scorer"
    effect: reject
  - name: everything
    effect: review
    stages: [{ name: only, role: credit-officer, quorum: 1, deadline: P1D }]
    requireView: false
`;

let stack: Stack;
beforeAll(async () => {
  stack = await openStack({ policies: [LOANS, GATE.replace('policy-admin', 'compliance')] });
  for (const role of ['policy-admin', 'compliance'])
    await stack.call('cora', '/v1/people/rui/roles', { body: { role } });
});
afterAll(() => stack.close());

function publish(
  source: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply<{ request: string; version: number }>> {
  const id = /^id: *(\S+)/m.exec(source)?.[1] ?? '';
  return stack.call('cora', `/v1/policies/${id}/versions`, {
    raw: source,
    headers: { 'Content-Type': 'application/yaml', 'If-Match': '*', ...headers },
  });
}

describe('publishing where others must agree', () => {
  test('answers with the request that decides, and the version is there once it is approved', async () => {
    const source = `${LOANS}objective: look at each\n`;
    const key = { 'Idempotency-Key': 'propose-once' };
    const reply = await publish(source, key);
    expect(reply.status, reply.text).toBe(202);
    const { request, version } = reply.body;
    expect(version).toBe(2);
    expect(reply.headers.get('location')).toBe(`/v1/requests/${request}`);
    expect((await publish(source, key)).body).toEqual(reply.body);
    expectProblem(await stack.call('cora', '/v1/policies/loans/versions/2'), 404, 'NOT_FOUND');

    const view = await stack.call<{ content: { context: Record<string, unknown> } }>(
      'rui',
      `/v1/requests/${request}/view`,
    );
    expect(view.body.content.context).toMatchObject({
      ...{ policy: 'loans', version: 2, source },
      changes: [{ pointer: '/objective', words: 'objective added: "look at each"' }],
    });
    const listed = await stack.call<{ items: RequestShape[] }>(
      'rui',
      '/v1/requests?kind=policy-change&eligible=me',
    );
    expect(listed.body.items.map(({ id }) => id)).toContain(request);

    const own = await decide(stack, 'cora', request);
    expect(own.body.outcome).toMatchObject({ kind: 'refused', reason: 'OWN_REQUEST' });
    const decided = await decide(stack, 'rui', request);
    expect(decided.body.outcome).toMatchObject({ kind: 'settled' });
    const read = await stack.call<{ source: string }>('app', '/v1/policies/loans/versions/2');
    expect(read.body).toMatchObject({ source, standing: 'in-force', author: 'cora' });
    expect((await submit(stack, aLoan())).policy).toMatchObject({ id: 'loans', version: 2 });
    const proposals = await stack.call<{ items: { request: string }[] }>(
      'eve',
      '/v1/policies/loans/proposals',
    );
    // Other stories propose, too.
    expect(proposals.body.items.find((one) => one.request === request)).toMatchObject({
      ...{ version: 2, state: 'published' },
    });
    const change = await stack.call('rui', `/v1/requests/${request}/policy`);
    expect(change.body).toMatchObject({ name: 'policy-change@1', change: { state: 'published' } });
  });

  test('such a request cannot be submitted in any other way', async () => {
    const body = {
      ...aLoan({ kind: 'policy-change' }),
      context: { policy: 'loans', version: 3, source: 'x' },
    };
    const reply = await stack.call('app', '/v1/requests', { body });
    expectProblem(reply, 422, 'VALIDATION_FAILED');
  });

  test('one whose text nobody may see is asked for by nobody else', async () => {
    const { body } = await publish(`${LOANS}objective: another one\n`);
    expectProblem(await stack.call('eve', `/v1/requests/${body.request}/policy`), 404, 'NOT_FOUND');
    expect((await stack.call('ada', `/v1/requests/${body.request}/policy`)).status).toBe(200);
  });
});

test('an exception over HTTP: one asks, another agrees, each use is shown, and it ends', async () => {
  const asked = {
    ...{ policy: 'loans', rule: 'never at night', until: '2090-01-01T00:00:00.000Z' },
    reason: 'A rehearsal of the new process.',
  };
  expect((await submit(stack, aLoan())).status).toBe('rejected');
  const { status, body } = await stack.call<{ id: string; state: string }>(
    'cora',
    '/v1/exceptions',
    {
      body: asked,
    },
  );
  expect([status, body.state]).toEqual([201, 'waiting']);
  const approval = `/v1/exceptions/${body.id}/approval`;
  expectProblem(await stack.call('cora', approval, { method: 'POST' }), 403, 'FORBIDDEN');
  expectProblem(await stack.call('eve', approval, { method: 'POST' }), 403, 'FORBIDDEN');
  const approved = await stack.call('rui', approval, { method: 'POST' });
  expect(approved.body).toMatchObject({ state: 'in-force', approver: 'rui' });
  const request = await submit(stack, aLoan());
  expect(request).toMatchObject({ status: 'pending', policy: { rule: 'everything' } });
  const view = await stack.call('eve', `/v1/requests/${request.id}/view`);
  expect(view.body).toMatchObject({
    exceptions: [{ exception: body.id, policy: 'loans', rule: 'never at night' }],
  });
  const ended = await stack.call('cora', `/v1/exceptions/${body.id}`, { method: 'DELETE' });
  expect(ended.body).toMatchObject({ state: 'ended', uses: 1 });
  expect((await submit(stack, aLoan())).status).toBe('rejected');
  const listed = await stack.call('ada', '/v1/exceptions?policy=loans');
  expect(listed.body).toMatchObject({ items: [{ id: body.id, uses: 1 }] });
  const wrong = await stack.call('cora', '/v1/exceptions', {
    body: { ...asked, when: 'request.(' },
  });
  expect(expectProblem(wrong, 422, 'VALIDATION_FAILED').errors).toMatchObject([
    { pointer: '/when' },
  ]);
});

test('lists of versions and of who acknowledged have pages', async () => {
  for (const who of ['dana', 'eve', 'omar'])
    await stack.call(who, '/v1/policies/loans/versions/1/acknowledgements', { body: {} });
  const names: unknown[] = [];
  let path: string | undefined = '/v1/policies/loans/versions/1/acknowledgements?limit=2';
  while (path !== undefined) {
    const page: Reply<{ items: { person: string }[] }> = await stack.call('eve', path);
    names.push(page.body.items.map(({ person }) => person));
    path = /<([^>]+)>/.exec(page.headers.get('link') ?? '')?.[1];
  }
  expect(names).toEqual([['dana', 'eve'], ['omar']]);
  for (const [objective, seen] of [
    ['one', {}],
    ['two', { 'If-Match': '*' }],
  ] as const) {
    const source = LOANS.replace('id: loans', 'id: pages').replace(
      'ai-decision',
      'vendor-approval',
    );
    const { body } = await stack.call<{ request: string }>('cora', '/v1/policies/pages/versions', {
      raw: `${source}objective: ${objective}\n`,
      headers: { 'Content-Type': 'application/yaml', ...seen },
    });
    expect((await decide(stack, 'rui', body.request)).body.outcome.kind).toBe('settled');
  }
  const versions = await stack.call<{ items: { version: number }[] }>(
    'app',
    '/v1/policies/pages/versions?limit=1',
  );
  expect(versions.body.items).toMatchObject([{ version: 2 }]);
  expect(versions.headers.get('link')).toContain('/v1/policies/pages/versions?');
  expectProblem(await stack.call('app', '/v1/policies/nothing/versions'), 404, 'NOT_FOUND');
});
