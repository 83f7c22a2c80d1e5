import { createHash } from 'node:crypto';
import { Client, Connection, WorkflowNotFoundError } from '@temporalio/client';
import canonicalize from 'canonicalize';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { RequestShape } from '../../application/request-shape.ts';
import { track } from '../support/no-leaks.ts';
import { published } from '../support/acts.ts';
import { openStack, type Stack } from '../support/stack.ts';
import {
  act,
  aHeldRequest,
  aLoan,
  aSureLoan,
  aVendor,
  chain,
  countRows,
  decide,
  expectProblem,
  HOLDING_POLICY,
  read,
  submit,
  view,
} from './support/calls.ts';

let stack: Stack;
let temporal: Client;
let closeTemporal: () => Promise<void>;
beforeAll(async () => {
  stack = await openStack();
  const connection = await Connection.connect({ address: inject('temporalAddress') });
  closeTemporal = track('temporal client', () => connection.close());
  temporal = new Client({ connection });
  for (const [id, raw] of Object.entries(POLICIES)) {
    const headers = { 'Content-Type': 'application/yaml' };
    await stack.call('cora', `/v1/policies/${id}/versions`, { raw, headers });
  }
});
afterAll(async () => {
  await closeTemporal();
  await stack.close();
});

const POLICIES = {
  holding: HOLDING_POLICY,
  refusing: `id: refusing
kind: ai-decision
when: request.action.operation == "weapon.buy"
rules: [{ name: never, effect: reject }]
`,
};

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
const digestOf = (value: unknown): string => sha256(canonicalize(value) ?? '');
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

// ---- submitting ----------------------------------------------------------------------------------

describe('a submission', () => {
  test('of an AI decision that people decide answers pending, with everything to follow it', async () => {
    const body = aLoan();
    const reply = await stack.call<RequestShape>('app', '/v1/requests', { body });
    expect(reply.status, reply.text).toBe(201);
    const { id, createdAt } = reply.body;
    expect(id).toMatch(UUID);
    expect(createdAt).toMatch(INSTANT);
    expect(reply.headers.get('location')).toBe(`/v1/requests/${id}`);
    const deadline = new Date(Date.parse(createdAt) + 86_400_000).toISOString();
    expect(reply.body).toEqual({
      id,
      kind: 'ai-decision',
      title: body.title,
      status: 'pending',
      revision: 1,
      riskTier: 'high',
      actionDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
      contentDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
      policy: { id: 'credit-decisions', version: 1, rule: 'everything else' },
      stage: {
        name: 'first line',
        index: 0,
        of: 2,
        approvals: 0,
        rejections: 0,
        needed: 2,
        deadline,
        eligible: ['eve', 'omar'],
        decided: [],
      },
      heldBy: [],
      decisions: [],
      resolution: null,
      requester: { type: 'app', id: 'sample-agent' },
      createdAt,
      links: {
        self: expect.stringMatching(new RegExp(`/v1/requests/${id}$`)),
        chain: expect.stringMatching(new RegExp(`/v1/requests/${id}/chain$`)),
        policy: expect.stringMatching(new RegExp(`/v1/requests/${id}/policy$`)),
        console: expect.stringMatching(new RegExp(`/requests/${id}$`)),
      },
      controls: ['ISO/IEC 27001:2022 5.3', 'EU AI Act Art. 14'],
      claims: [],
      pausedSince: null,
      openQuestions: [],
      proposals: [],
      debt: null,
      reopens: null,
    });
    expect(await read(stack, id)).toEqual(reply.body);
  });

  test('of a vendor opens the vendor stages', async () => {
    const plain = await submit(stack, aVendor());
    expect(plain).toMatchObject({
      kind: 'vendor-approval',
      status: 'pending',
      riskTier: 'medium',
      policy: { id: 'vendor-approval', rule: 'everything else' },
      stage: { name: 'vendor risk', of: 2, needed: 1, eligible: ['vic'] },
    });
    const { context } = aVendor();
    const personal = { ...context, useCase: { ...context.useCase, personalDataEu: true } };
    const more = await submit(stack, aVendor({ context: personal }));
    expect(more.stage?.of).toBe(3);
  });

  test('that a rule decides alone says so at once, and starts no workflow', async () => {
    const request = await submit(stack, aSureLoan());
    expect(request).toMatchObject({
      status: 'approved',
      stage: null,
      decisions: [],
      policy: { rule: 'small and sure' },
      resolution: {
        kind: 'approved',
        effect: null,
        mayProceed: true,
        at: request.createdAt,
        by: [],
      },
    });
    expect(request.resolution?.reason).toContain('small and sure');
    const no = await submit(stack, aLoan({ action: { operation: 'weapon.buy', target: 'x' } }));
    expect(no).toMatchObject({
      status: 'rejected',
      resolution: { kind: 'rejected', mayProceed: false },
    });
    const waiting = await submit(stack, aLoan());
    await eventually(async () => expect(await gateOf(waiting.id)).toBe('open'));
    await temporal.workflow.getHandle(`request/${waiting.id}`).describe();
    for (const { id } of [request, no]) {
      expect(await gateOf(id)).toBe('none');
      const described = temporal.workflow.getHandle(`request/${id}`).describe();
      await expect(described).rejects.toThrow(WorkflowNotFoundError);
    }
    expect((await chain(stack, request.id)).map(({ record }) => record.kind)).toEqual([
      'requested',
      'policy_bound',
      'resolved',
    ]);
  });

  test('that a policy cannot judge is held, with the reason', async () => {
    const request = await submit(stack, aHeldRequest());
    expect(request).toMatchObject({ status: 'held', stage: null, resolution: null });
    expect(request.heldBy).toEqual([
      { fact: expect.stringMatching(/^holding/), reason: expect.stringMatching(/amount/) },
    ]);
  });

  test.each([
    ['an AI decision', aLoan({ summary: 'é 😀 "\u2028', riskTier: 'low' })],
    ['numbers in other words', { ...aLoan(), context: { ...aLoan().context, confidence: 1e-7 } }],
    ['a vendor', aVendor()],
  ])('binds %s to digests that anybody can recompute', async (_why, body) => {
    const request = await submit(stack, body);
    const { kind, action } = body;
    const policyVersion = `${request.policy.id}@${request.policy.version}`;
    expect(request.contentDigest).toBe(digestOf({ ...body, policyVersion }));
    expect(request.actionDigest).toBe(digestOf({ kind, action, policyVersion }));
    const [requested] = await chain(stack, request.id);
    expect(requested?.record.body).toMatchObject({
      content_digest: request.contentDigest,
      action_digest: request.actionDigest,
    });
  });

  test('by a person, for an app’s kinds only, and never for somebody who is not there', async () => {
    const own = await submit(stack, aLoan(), 'eve');
    expect(own.requester).toEqual({ type: 'person', id: 'eve' });
    // One officer is left of the two that the rule asks for: their manager is asked at once.
    expect(own.stage?.eligible).toEqual(['mia', 'omar']);
    const body = {
      id: 'buyer',
      name: 'B',
      owner: 'mia',
      scopes: ['requests:submit'],
      kinds: ['vendor-approval'],
    };
    await stack.call('cora', '/v1/apps', { body });
    const issued = await stack.call<{ key: string }>('cora', '/v1/apps/buyer/keys', { body: {} });
    const headers = { Authorization: `Bearer ${issued.body.key}` };
    const before = await countRows(stack);
    const other = await stack.call(null, '/v1/requests', { body: aLoan(), headers });
    expectProblem(other, 403, 'FORBIDDEN');
    expect(await countRows(stack)).toEqual(before);
    const mine = await stack.call(null, '/v1/requests', { body: aVendor(), headers });
    expect(mine.status).toBe(201);
  });
});

async function gateOf(id: string): Promise<unknown> {
  const [row] = await stack.deps.db.query<{ gate: string }>(
    'SELECT gate FROM request WHERE id = $1',
    [id],
  );
  return row?.gate;
}

async function eventually(check: () => Promise<void>, withinMs = 5_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

// ---- what no policy matches ----------------------------------------------------------------------

test('in the sample installation somebody can decide what no policy matches, and somebody override it', async () => {
  const unmatched = aLoan({ action: { operation: 'refund.pay', target: 'order/1' } });
  const decided = await submit(stack, unmatched);
  expect(decided.stage?.eligible).toEqual(['cora']);
  expect((await decide(stack, 'cora', decided.id)).body.outcome).toMatchObject({ kind: 'settled' });
  expect(await read(stack, decided.id)).toMatchObject({
    status: 'approved',
    resolution: { mayProceed: true, by: ['cora'] },
  });
  expect((await chain(stack, decided.id)).map(({ record }) => record.kind).slice(3)).toEqual([
    ...['viewed', 'decided', 'resolved'],
  ]);
  const stopped = await submit(stack, unmatched);
  const stop = { effect: 'stop', reason: 'refunds are stopped for now' };
  const reply = await act(stack, 'olga', `${stopped.id}/overrides`, stop);
  expect(reply.body.outcome).toMatchObject({ kind: 'settled' });
  // Who answers for the app has no role of its own to lose, and nobody calls in that name.
  expect(stack.credentials.people.map(({ id }) => id)).not.toContain('otto');
});

// ---- viewing and deciding ------------------------------------------------------------------------

test('a view shows what was submitted and seals that it was shown', async () => {
  const body = aLoan();
  const { id, contentDigest } = await submit(stack, body);
  const reply = await stack.call<Record<string, unknown>>('eve', `/v1/requests/${id}/view`);
  const { record, ...shown } = reply.body;
  expect(shown).toEqual({
    requestId: id,
    contentDigest,
    content: body,
    policy: { id: 'credit-decisions', version: 1, name: 'credit-decisions@1' },
    rule: { name: 'everything else', when: null },
    stage: expect.objectContaining({ name: 'first line', eligible: ['eve', 'omar'] }),
    discussion: [],
    exceptions: [],
    excluded: [
      { person: 'dana', reason: 'OWN_REQUEST' },
      { person: 'otto', reason: 'OWN_REQUEST' },
    ],
  });
  const sealed = (await chain(stack, id)).at(-1);
  expect(record).toEqual({ seq: sealed?.seq, leafHash: sealed?.leafHash, index: null });
  expect(sealed?.record.kind).toBe('viewed');
  // The record commits to exactly what was shown.
  expect(sealed?.record.body).toMatchObject({
    content_digest: contentDigest,
    view_digest: digestOf(shown),
  });
  expect((await read(stack, id)).revision).toBe(1);
});

test('two officers and a risk manager approve', async () => {
  const { id } = await submit(stack, aLoan());
  expect((await decide(stack, 'eve', id)).body.outcome).toEqual({
    kind: 'counted',
    approvals: 1,
    needed: 2,
  });
  expect((await read(stack, id)).stage).toMatchObject({ approvals: 1, decided: ['eve'] });
  await decide(stack, 'omar', id);
  expect((await read(stack, id)).stage).toMatchObject({ name: 'second line', index: 1, of: 2 });
  const last = await decide(stack, 'rui', id);
  expect(last.status).toBe(200);
  const resolution = {
    kind: 'approved',
    effect: null,
    mayProceed: true,
    at: expect.stringMatching(INSTANT),
    by: ['eve', 'omar', 'rui'],
    reason: null,
  };
  expect(last.body.outcome).toEqual({ kind: 'settled', resolution });
  expect(last.body.request).toEqual(await read(stack, id));
  expect(last.body.request).toMatchObject({ status: 'approved', stage: null, resolution });
  expect(last.body.request?.decisions).toEqual(
    [
      ['eve', 'first line'],
      ['omar', 'first line'],
      ['rui', 'second line'],
    ].map(([person, stage]) => ({
      person,
      delegatedBy: null,
      verdict: 'approve',
      stage,
      at: expect.stringMatching(INSTANT),
    })),
  );
});

test('one rejection rejects', async () => {
  const { id } = await submit(stack, aVendor());
  const reply = await decide(stack, 'vic', id, 'reject');
  expect(reply.body.outcome).toMatchObject({
    kind: 'settled',
    resolution: { kind: 'rejected', mayProceed: false, by: ['vic'] },
  });
  expect(await read(stack, id)).toMatchObject({ status: 'rejected', stage: null });
});

test('a chain is the exact records: each leaf is its bytes, each names the one before', async () => {
  const { id } = await submit(stack, aVendor());
  await decide(stack, 'vic', id, 'reject');
  await published(stack, id);
  const reply = await stack.call<{
    requestId: string;
    checkpoint: string | null;
    records: { seq: number; index: number | null; leafHash: string; bytes: string }[];
  }>('cora', `/v1/requests/${id}/chain`);
  expect(reply.body.requestId).toBe(id);
  const [origin, size] = reply.body.checkpoint?.split('\n') ?? [];
  expect(origin).toBe(stack.deps.origin);
  const places = reply.body.records.map(({ index }) => index ?? Infinity);
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(places.every((index) => index < Number(size))).toBe(true);
  let previous: string | null = null;
  for (const [seq, { bytes, leafHash, ...record }] of reply.body.records.entries()) {
    const raw = Buffer.from(bytes, 'base64');
    expect(raw.toString('base64')).toBe(bytes);
    expect(leafHash).toBe(sha256(Buffer.concat([Buffer.of(0), raw])));
    expect(record).toEqual({ seq, index: places[seq] });
    expect(JSON.parse(raw.toString())).toMatchObject({ seq, prev: previous, stream: id });
    previous = leafHash;
  }
  expect(reply.body.records.length).toBe(6);
  expect(reply.text).not.toMatch(/vic|Acme Transcribe/);
});

test('the same key sends a decision once', async () => {
  const { id } = await submit(stack, aVendor());
  const { contentDigest } = await view(stack, 'vic', id);
  const call = {
    body: { verdict: 'approve', contentDigest },
    headers: { 'Idempotency-Key': `decision-${id}` },
  };
  const path = `/v1/requests/${id}/decisions`;
  const first = await stack.call('vic', path, call);
  const again = await stack.call('vic', path, call);
  expect(again.status).toBe(200);
  expect(again.body).toEqual(first.body);
  expect(again.headers.get('idempotent-replayed')).toBe('true');
  const kinds = (await chain(stack, id)).map(({ record }) => record.kind);
  expect(kinds.filter((kind) => kind === 'decided' || kind === 'refused')).toEqual(['decided']);
  const other = { ...call, body: { verdict: 'reject', contentDigest } };
  expectProblem(await stack.call('vic', path, other), 422, 'IDEMPOTENCY_MISMATCH');
});

// ---- who sees what -------------------------------------------------------------------------------

describe('visibility', () => {
  const loan = async (): Promise<string> => (await submit(stack, aLoan())).id;

  test('an app sees its own requests and no others', async () => {
    const body = {
      id: 'other',
      name: 'O',
      owner: 'mia',
      scopes: ['requests:read', 'requests:withdraw'],
      kinds: ['*'],
    };
    await stack.call('cora', '/v1/apps', { body });
    const issued = await stack.call<{ key: string }>('cora', '/v1/apps/other/keys', { body: {} });
    const headers = { Authorization: `Bearer ${issued.body.key}` };
    const id = await loan();
    const before = await countRows(stack);
    for (const path of ['', '/chain'])
      expectProblem(
        await stack.call(null, `/v1/requests/${id}${path}`, { headers }),
        404,
        'NOT_FOUND',
      );
    const withdrawal = await stack.call(null, `/v1/requests/${id}/withdrawal`, {
      body: {},
      headers,
    });
    expectProblem(withdrawal, 404, 'NOT_FOUND');
    const list = await stack.call<{ items: unknown[] }>(null, '/v1/requests', { headers });
    expect(list.body.items).toEqual([]);
    expect(await countRows(stack)).toEqual(before);
  });

  test('who may not see reads the same 404 as for what is not there', async () => {
    const id = await loan();
    const hidden = await stack.call<{ detail: string }>('vic', `/v1/requests/${id}`);
    const nothing = await stack.call<{ detail: string }>(
      'vic',
      '/v1/requests/00000000-0000-4000-8000-000000000000',
    );
    expectProblem(hidden, 404, 'NOT_FOUND');
    expect(hidden.body.detail).toBe(nothing.body.detail);
    for (const path of ['/view', '/chain'])
      expectProblem(await stack.call('vic', `/v1/requests/${id}${path}`), 404, 'NOT_FOUND');
  });

  test('an attempt to decide what one may not see is answered and sealed, and shows nothing', async () => {
    const id = await loan();
    const { contentDigest } = await read(stack, id);
    const reply = await act(stack, 'vic', `${id}/decisions`, { verdict: 'approve', contentDigest });
    expect(reply.status).toBe(200);
    expect(reply.body.outcome).toMatchObject({ kind: 'refused', reason: 'NOT_ELIGIBLE' });
    expect(reply.body.request).toBeNull();
    const last = (await chain(stack, id)).at(-1);
    expect(last?.record).toMatchObject({ kind: 'refused', body: { reason: 'NOT_ELIGIBLE' } });
    expect(reply.body.record).toMatchObject({ seq: last?.seq, leafHash: last?.leafHash });
  });

  test.each(['eve', 'mia', 'rui', 'dana', 'olga', 'cora', 'ada'])('%s sees a loan', async (who) => {
    expect((await read(stack, await loan(), who)).title).toContain('4711');
  });
  test.each(['vic', 'sam', 'pia'])('%s does not', async (who) => {
    expectProblem(await stack.call(who, `/v1/requests/${await loan()}`), 404, 'NOT_FOUND');
  });
});
