import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { addDuration, millisBetween } from '../../domain/instant.ts';
import { sha256 } from '../../ledger/hash.ts';
import { noteVerifier, parseVerifierKey } from '../../ledger/verifier-key.ts';
import { verifyBundle } from '../../ledger/verify-bundle.ts';
import { readZip } from '../../ledger/zip.ts';
import type { RequestShape } from '../../application/request-shape.ts';
import { openStack, type Stack } from '../support/stack.ts';
import { openTemporalPort, type TemporalPort } from '../workflows/temporal.ts';
import {
  act,
  aLoan,
  chain,
  countRows,
  decide,
  expectProblem,
  read,
  submit as submitAs,
  view,
} from './support/calls.ts';
import {
  done,
  expectWhole,
  keptByTemporal,
  kindsOf,
  lastOf,
  refOf,
  refusedFor,
  sealedOf,
  tokenOf,
  until,
} from './support/stories.ts';

// What people and apps say to each other about a request, and what the requester changes or asks for again.

/** One rule that approves alone, one that rejects alone, people for the rest; nothing without an amount. */
const LOANS = `id: loans
kind: ai-decision
rules:
  - name: arms
    when: request.action.target == "weapon/1"
    effect: reject
  - name: tiny
    when: double(request.action.parameters.amount) < 100.0
    effect: approve
  - name: people
    effect: review
    requireView: true
    stages:
      - name: first line
        role: credit-officer
        quorum: 2
        deadline: P1D
        reminders: [PT2H]
        escalations: [{ after: PT20H, to: credit-manager, mode: add }]
      - name: second line
        role: risk-manager
        quorum: 1
        deadline: P1D
        distinctFrom: [first line]
    override: { role: override-authority, minReason: 20, effects: [stop, reverse, force] }
`;

const WORDS = 'Plantedwords of Zoë, who earns 41000';

let stack: Stack;
let port: TemporalPort;
/** Bearer of the owner of the sample app. */
let otto: string;
beforeAll(async () => {
  stack = await openStack({ policies: [LOANS] });
  port = await openTemporalPort(inject('temporalAddress'));
  otto = await tokenOf(stack, 'otto');
});
afterAll(async () => {
  await port.close();
  await stack.close();
});

/** Medium tier, acts for nobody, so that there are officers to spare. */
function plainLoan(more: object = {}) {
  const { onBehalfOf: _, riskTier: __, ...loan } = aLoan();
  return { ...loan, ...more };
}
const loanOf = (amount: string) => ({
  operation: 'loan.decline',
  target: 'loan/4711',
  parameters: { amount },
});
const submit = (more: object = {}, who = 'app'): Promise<RequestShape> =>
  submitAs(stack, plainLoan(more), who);

interface Said {
  readonly kind: string;
  readonly id: string;
  readonly by: { readonly id: string };
  readonly text: string | null;
  readonly questionId: string | null;
  readonly open: boolean | null;
  readonly due: string | null;
}
const discussion = async (id: string, who = 'app'): Promise<readonly Said[]> =>
  (await stack.call<{ items: Said[] }>(who, `/v1/requests/${id}/discussion`)).body.items;
const ask = async (id: string, who: string, text = WORDS): Promise<string> => {
  const { outcome } = await done(stack, who, [`${id}/questions`, { text }]);
  return (outcome as { questionId: string }).questionId;
};
const answer = (id: string, questionId: string, who = 'app') =>
  done(stack, who, [`${id}/answers`, { questionId, text: `${WORDS}: twice` }]);

const gateOf = async (id: string): Promise<unknown> =>
  (await stack.deps.db.query<{ gate: string }>('SELECT gate FROM request WHERE id = $1', [id]))[0]
    ?.gate;

describe('a question to the requester', () => {
  test('stops the clock: nothing expires while it is open, and the deadline moves by exactly the pause', async () => {
    const { id, stage, revision } = await submit();
    const questionId = await ask(id, 'eve');
    const asked = await lastOf(stack, id, 'asked');
    expect(asked).toMatchObject({
      actor: { type: 'human', role: 'reviewer', c: await refOf(stack, id, 'person:eve') },
      surface: 'rest',
      words: ['text'],
      body: {
        question: questionId,
        to: 'requester',
        clock_stopped: true,
        due: addDuration(asked.ts, 'P30D'),
      },
    });
    expect(await read(stack, id)).toMatchObject({
      status: 'pending',
      revision: revision + 1,
      pausedSince: asked.ts,
      openQuestions: [questionId],
      stage: { deadline: stage?.deadline },
    });
    expect(await discussion(id)).toMatchObject([
      { kind: 'question', id: questionId, by: { id: 'eve' }, text: WORDS, open: true },
    ]);

    stack.clock.advance('P3D'); // far past the deadline
    await stack.tick(id);
    expect(await read(stack, id)).toMatchObject({ status: 'pending', pausedSince: asked.ts });
    expect((await kindsOf(stack, id)).at(-1)).toBe('asked');

    await answer(id, questionId);
    const answered = await lastOf(stack, id, 'answered');
    expect(answered).toMatchObject({
      actor: { type: 'agent', role: 'requester' },
      words: ['text'],
      body: { question: questionId, clock_resumed: true, person_c: null },
    });
    const after = await read(stack, id);
    expect(after).toMatchObject({ pausedSince: null, openQuestions: [] });
    const moved = millisBetween(stage?.deadline ?? '', after.stage?.deadline ?? '');
    expect(moved).toBe(millisBetween(asked.ts, answered.ts));
    expect(moved).toBeGreaterThanOrEqual(3 * 86_400_000);
    expect(await discussion(id, 'eve')).toMatchObject([
      { kind: 'question', open: false },
      { kind: 'answer', questionId, by: { id: 'sample-agent' }, text: `${WORDS}: twice` },
    ]);
    await expectWhole(stack, id, [WORDS, 'Plantedwords', '41000']);

    // The clock goes on where it stood: the rest of the day is left, and not a minute more.
    stack.clock.advance('PT23H');
    await stack.tick(id);
    expect(await read(stack, id)).toMatchObject({ status: 'pending' });
    stack.clock.advance('PT1H');
    await stack.tick(id);
    expect(await read(stack, id)).toMatchObject({ status: 'expired' });
    const expired = await lastOf(stack, id, 'expired');
    expect(expired.body['paused_seconds']).toBe(Math.floor(moved / 1_000));
    await expectWhole(stack, id, [WORDS]);
  });

  test('that is one of two keeps the clock standing until both have their answer', async () => {
    const { id } = await submit();
    const first = await ask(id, 'eve', 'Which statements?');
    stack.clock.advance('PT1H');
    const second = await ask(id, 'omar', 'Which bank?');
    expect((await lastOf(stack, id, 'asked')).body).toMatchObject({ clock_stopped: false });
    stack.clock.advance('PT1H');
    await answer(id, first);
    expect((await lastOf(stack, id, 'answered')).body).toMatchObject({ clock_resumed: false });
    expect((await read(stack, id)).openQuestions).toEqual([second]);
    stack.clock.advance('PT1H');
    await answer(id, second);
    const [one, , three, four] = (await sealedOf(stack, id)).slice(3);
    expect([one?.kind, three?.kind, four?.kind]).toEqual(['asked', 'answered', 'answered']);
    expect(await read(stack, id)).toMatchObject({ pausedSince: null });
    const opened = await lastOf(stack, id, 'stage_opened');
    const moved = millisBetween(
      String(opened.body['deadline']),
      (await read(stack, id)).stage?.deadline ?? '',
    );
    expect(moved).toBe(millisBetween(one?.ts ?? '', four?.ts ?? ''));
    await expectWhole(stack, id);
  });

  test('is answered by the owner of the app too, and by nobody else', async () => {
    const { id } = await submit();
    const questionId = await ask(id, 'eve');
    const body = { questionId, text: WORDS };
    for (const who of ['eve', 'omar', 'mia', 'cora', 'vic'])
      await refusedFor(stack, who, { path: `${id}/answers`, body, reason: 'NOT_ELIGIBLE' });
    expect(await read(stack, id)).toMatchObject({ openQuestions: [questionId] });
    await answer(id, questionId, otto);
    expect(await lastOf(stack, id, 'answered')).toMatchObject({
      actor: { type: 'human', role: 'requester' },
      body: { person_c: await refOf(stack, id, 'person:otto') },
    });
    await refusedFor(stack, 'app', { path: `${id}/answers`, body, reason: 'STAGE_CLOSED' });
    await refusedFor(stack, 'app', {
      path: `${id}/answers`,
      body: { questionId: randomUUID(), text: 'x' },
      reason: 'STAGE_CLOSED',
    });
    await expectWhole(stack, id, [WORDS]);
  });

  test('is asked by who may decide or stands above them, and by nobody else', async () => {
    const { id } = await submit({ onBehalfOf: 'dana' });
    const path = `${id}/questions`;
    const body = { text: WORDS };
    await refusedFor(stack, 'dana', { path, body, reason: 'OWN_REQUEST' });
    await refusedFor(stack, otto, { path, body, reason: 'OWN_REQUEST' });
    for (const who of ['vic', 'rui', 'ada'])
      await refusedFor(stack, who, { path, body, reason: 'NOT_ELIGIBLE' });
    await ask(id, 'mia'); // an escalation of the rule turns to her
    await ask(id, 'olga'); // she may override
    await decide(stack, 'eve', id);
    await ask(id, 'eve'); // has decided, and may still ask
    expect((await read(stack, id)).openQuestions).toHaveLength(3);
    await expectWhole(stack, id, [WORDS]);
  });

  test('stops the clock for thirty days at most; after that it may still be answered', async () => {
    const { id, stage } = await submit();
    const questionId = await ask(id, 'eve');
    const asked = await lastOf(stack, id, 'asked');
    stack.clock.advance('P30D');
    await stack.tick(id);
    expect(await lastOf(stack, id, 'reminded')).toMatchObject({
      actor: { type: 'system', role: 'engine', c: null },
      body: { about: 'question', recipients: 1 },
    });
    const after = await read(stack, id);
    expect(after).toMatchObject({ status: 'pending', pausedSince: null, openQuestions: [] });
    expect(millisBetween(stage?.deadline ?? '', after.stage?.deadline ?? '')).toBe(
      millisBetween(asked.ts, String(asked.body['due'])),
    );
    await answer(id, questionId);
    expect((await lastOf(stack, id, 'answered')).body).toMatchObject({ clock_resumed: false });
    expect(await read(stack, id)).toMatchObject({ stage: { deadline: after.stage?.deadline } });
    await expectWhole(stack, id);
  });

  test('that is open when the next stage opens stops that clock too', async () => {
    const { id } = await submit();
    await decide(stack, 'eve', id);
    const questionId = await ask(id, 'eve');
    stack.clock.advance('PT2H');
    await decide(stack, 'omar', id);
    const opened = await lastOf(stack, id, 'stage_opened');
    expect(await read(stack, id)).toMatchObject({
      pausedSince: opened.ts,
      stage: { name: 'second line' },
    });
    await expectWhole(stack, id);
    stack.clock.advance('P3D');
    await answer(id, questionId);
    const answered = await lastOf(stack, id, 'answered');
    const { stage } = await read(stack, id);
    expect(millisBetween(String(opened.body['deadline']), stage?.deadline ?? '')).toBe(
      millisBetween(opened.ts, answered.ts),
    );
    expect((await decide(stack, 'rui', id)).body.outcome).toMatchObject({ kind: 'settled' });
    await expectWhole(stack, id);
  });

  test('to a request that has ended is refused', async () => {
    const { id } = await submit();
    const questionId = await ask(id, 'eve');
    await act(stack, 'app', `${id}/withdrawal`, {});
    const body = { text: WORDS };
    await refusedFor(stack, 'eve', { path: `${id}/questions`, body, reason: 'RESOLVED' });
    const late = { questionId, text: WORDS };
    await refusedFor(stack, 'app', { path: `${id}/answers`, body: late, reason: 'RESOLVED' });
    await expectWhole(stack, id, [WORDS]);
  });
});

describe('a comment', () => {
  test('is said by whoever may see the request, and keeps the clock running', async () => {
    const { id, stage } = await submit();
    const { outcome } = await done(stack, 'ada', [`${id}/comments`, { text: WORDS }]);
    const { commentId } = outcome as { commentId: string };
    await done(stack, 'app', [`${id}/comments`, { text: 'We know.', replyTo: commentId }]);
    const [first, reply] = (await sealedOf(stack, id)).slice(3);
    expect([first, reply]).toMatchObject([
      { kind: 'commented', words: ['text'], body: { comment: commentId, reply_to: null } },
      { kind: 'commented', actor: { type: 'agent' }, body: { reply_to: commentId } },
    ]);
    expect(await discussion(id, 'eve')).toMatchObject([
      { kind: 'comment', by: { id: 'ada' }, text: WORDS },
      { kind: 'comment', by: { id: 'sample-agent' }, text: 'We know.' },
    ]);
    expect((await read(stack, id)).stage?.deadline).toBe(stage?.deadline);
    await expectWhole(stack, id, [WORDS]);
  });

  test('of who may not see the request meets the same 404 as one of nothing, and is not stored', async () => {
    const { id } = await submit();
    const before = await countRows(stack);
    for (const who of ['vic', 'sam']) {
      const body = { text: WORDS };
      const hidden = await stack.call<{ detail: string }>(who, `/v1/requests/${id}/comments`, {
        body,
      });
      expectProblem(hidden, 404, 'NOT_FOUND');
      expectProblem(await stack.call(who, `/v1/requests/${id}/discussion`, {}), 404, 'NOT_FOUND');
      const nothing = await stack.call<{ detail: string }>(
        who,
        `/v1/requests/${randomUUID()}/comments`,
        { body },
      );
      expect(hidden.body.detail).toBe(nothing.body.detail);
    }
    expect(await countRows(stack)).toEqual(before);
  });

  test('is heard also after the end', async () => {
    const { id } = await submit();
    await act(stack, 'app', `${id}/withdrawal`, {});
    await done(stack, 'eve', [`${id}/comments`, { text: 'A pity.' }]);
    expect((await kindsOf(stack, id)).slice(-2)).toEqual(['resolved', 'commented']);
    await expectWhole(stack, id);
  });
});

describe('the same key', () => {
  const once = async (
    who: string,
    path: string,
    { body, other }: { readonly body: object; readonly other: object },
  ): Promise<void> => {
    const headers = { 'Idempotency-Key': randomUUID() };
    const first = await stack.call(who, `/v1/requests/${path}`, { body, headers });
    expect(first.status, first.text).toBeLessThan(300);
    const again = await stack.call(who, `/v1/requests/${path}`, { body, headers });
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expectProblem(
      await stack.call(who, `/v1/requests/${path}`, { body: other, headers }),
      422,
      'IDEMPOTENCY_MISMATCH',
    );
  };

  test('asks, answers, comments and amends once', async () => {
    const { id } = await submit();
    await once('eve', `${id}/questions`, { body: { text: 'a' }, other: { text: 'b' } });
    const questionId = (await discussion(id))[0]?.id ?? '';
    const text = { body: { questionId, text: 'a' }, other: { questionId, text: 'b' } };
    await once('app', `${id}/answers`, text);
    await once('eve', `${id}/comments`, { body: { text: 'a' }, other: { text: 'b' } });
    await once('app', `${id}/amendments`, { body: { title: 'a' }, other: { title: 'b' } });
    const kinds = await kindsOf(stack, id);
    for (const kind of ['asked', 'answered', 'commented', 'amended'])
      expect(kinds.filter((one) => one === kind)).toHaveLength(1);
    await expectWhole(stack, id);
  });

  test('opens a request again once', async () => {
    const { id } = await submit();
    await act(stack, 'app', `${id}/withdrawal`, {});
    const headers = { 'Idempotency-Key': randomUUID() };
    const call = { body: {}, headers };
    const first = await stack.call<RequestShape>('app', `/v1/requests/${id}/reopening`, call);
    const again = await stack.call<RequestShape>('app', `/v1/requests/${id}/reopening`, call);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body.id).toBe(first.body.id);
  });
});

describe('words that say nothing are not accepted', () => {
  test.each([
    ['questions', 'eve', { text: ' ​ ' }, '/text'],
    ['questions', 'eve', {}, '/text'],
    ['questions', 'eve', { text: 'x', to: 'mia' }, '/to'],
    ['questions', 'eve', { text: 'x'.repeat(10_001) }, '/text'],
    ['answers', 'app', { questionId: 'x', text: 'x' }, '/questionId'],
    ['comments', 'eve', { text: 'x', replyTo: 7 }, '/replyTo'],
    ['reopening', 'app', { why: 'x' }, '/why'],
  ])('%s by %s: %j', async (route, who, body, pointer) => {
    const { id } = await submit();
    const before = await countRows(stack);
    const reply = await stack.call(who, `/v1/requests/${id}/${route}`, { body });
    const { errors } = expectProblem(reply, 422, 'VALIDATION_FAILED');
    expect(errors.map((error) => error.pointer)).toContain(pointer);
    expect(await countRows(stack)).toEqual(before);
  });
});

describe('an amendment', () => {
  test('gives the content a new digest, voids the approvals, and asks for another look', async () => {
    const before = await submit();
    const { id } = before;
    await decide(stack, 'eve', id);
    const { contentDigest: seen } = await view(stack, 'omar', id);
    const change = { summary: WORDS, action: loanOf('13000.00') };
    const { request } = await done(stack, 'app', [`${id}/amendments`, change]);
    expect(request.contentDigest).not.toBe(before.contentDigest);
    expect(request.actionDigest).not.toBe(before.actionDigest);
    expect(request).toMatchObject({
      status: 'pending',
      decisions: [],
      stage: { name: 'first line', approvals: 0, decided: [], eligible: ['dana', 'eve', 'omar'] },
    });
    const tail = (await sealedOf(stack, id)).slice(-4);
    expect(tail).toMatchObject([
      {
        kind: 'amended',
        actor: { type: 'agent', role: 'requester' },
        body: {
          revision: 1,
          voided: 1,
          before_content_digest: before.contentDigest,
          before_action_digest: before.actionDigest,
          content_digest: request.contentDigest,
          action_digest: request.actionDigest,
          person_c: null,
        },
      },
      { kind: 'stage_closed', body: { cause: 'amended', approvals: 1, rejections: 0, stage: 0 } },
      { kind: 'policy_bound', body: { cause: 'amended', version: 1 } },
      { kind: 'stage_opened', body: { cause: 'amended', stage: 0, eligible: 3 } },
    ]);
    await expectWhole(stack, id, [WORDS]);

    const late = { verdict: 'approve', contentDigest: seen };
    await refusedFor(stack, 'omar', {
      path: `${id}/decisions`,
      body: late,
      reason: 'STALE_DIGEST',
    });
    const unseen = { verdict: 'approve', contentDigest: request.contentDigest };
    await refusedFor(stack, 'eve', { path: `${id}/decisions`, body: unseen, reason: 'NOT_VIEWED' });
    expect((await view(stack, 'eve', id)).content).toMatchObject(change);
    for (const who of ['eve', 'omar', 'rui']) await decide(stack, who, id);
    expect(await read(stack, id)).toMatchObject({
      status: 'approved',
      resolution: { by: ['eve', 'omar', 'rui'] },
    });
    await expectWhole(stack, id, [WORDS]);
  });

  test('made by a person makes them a party, and the others are still asked', async () => {
    const { id } = await submit({}, 'eve');
    await done(stack, 'eve', [`${id}/amendments`, { title: 'Decline loan 4712' }]);
    expect(await read(stack, id, 'eve')).toMatchObject({
      title: 'Decline loan 4712',
      stage: { eligible: ['dana', 'omar'] },
    });
    expect((await lastOf(stack, id, 'amended')).body).toMatchObject({
      person_c: await refOf(stack, id, 'person:eve'),
    });
    await expectWhole(stack, id);
  });

  test('by somebody else is refused, and sealed', async () => {
    const before = await submit();
    const body = { title: WORDS };
    for (const who of ['eve', 'mia', 'olga', otto, 'vic'])
      await refusedFor(stack, who, {
        path: `${before.id}/amendments`,
        body,
        reason: 'NOT_ELIGIBLE',
      });
    expect((await view(stack, 'eve', before.id)).contentDigest).toBe(before.contentDigest);
    await expectWhole(stack, before.id, [WORDS]);
  });

  test('by somebody who may not see it is refused whatever it says, and holds up nobody', async () => {
    const { id } = await submit();
    const body = { context: { nonsense: true }, riskTier: 'low' };
    await refusedFor(stack, 'vic', { path: `${id}/amendments`, body, reason: 'NOT_ELIGIBLE' });
    expect((await decide(stack, 'eve', id)).body.outcome).toMatchObject({ kind: 'counted' });
    await expectWhole(stack, id);
  });

  test.each([
    ['nothing', {}, ''],
    ['the kind', { kind: 'vendor-approval' }, '/kind'],
    ['whom it acts for', { onBehalfOf: 'eve' }, '/onBehalfOf'],
    ['a field that there is not', { colour: 'red' }, '/colour'],
    ['a title of blanks', { title: ' ' }, '/title'],
    ['the tier down', { riskTier: 'low' }, '/riskTier'],
    ['the context to another shape', { context: { vendor: {} } }, '/context/vendor'],
    ['the action to half of one', { action: { operation: 'loan.decline' } }, '/action/target'],
  ])('that changes %s is not accepted', async (_what, body, pointer) => {
    const { id } = await submit({ riskTier: 'medium' });
    const before = await sealedOf(stack, id);
    const { command } = await countRows(stack);
    const reply = await stack.call('app', `/v1/requests/${id}/amendments`, { body });
    const { errors } = expectProblem(reply, 422, 'VALIDATION_FAILED');
    expect(errors.map((error) => error.pointer)).toContain(pointer);
    // Nothing was written: the clock, which other stories move, seals on requests of their own.
    expect(await sealedOf(stack, id)).toEqual(before);
    expect((await countRows(stack))['command']).toBe(command);
  });

  test('raises the tier, never lowers it', async () => {
    const { id } = await submit();
    const { request } = await done(stack, 'app', [`${id}/amendments`, { riskTier: 'high' }]);
    expect(request.riskTier).toBe('high');
    expect((await lastOf(stack, id, 'amended')).body).toMatchObject({
      tier: 'high',
      tier_asked: 'high',
    });
    const reply = await stack.call('app', `/v1/requests/${id}/amendments`, {
      body: { riskTier: 'medium' },
    });
    expectProblem(reply, 422, 'VALIDATION_FAILED');
    await expectWhole(stack, id);
  });

  test.each([
    ['approves alone', loanOf('99.00'), 'tiny', 'approved', true],
    ['rejects alone', { operation: 'loan.decline', target: 'weapon/1' }, 'arms', 'rejected', false],
  ])('that makes a rule match that %s is decided by it', async (_w, action, rule, kind, may) => {
    const { id } = await submit();
    await decide(stack, 'eve', id);
    const reply = await act(stack, 'app', `${id}/amendments`, { action });
    expect(reply.body.outcome).toMatchObject({
      kind: 'settled',
      resolution: { kind, mayProceed: may, by: [] },
    });
    expect(await read(stack, id)).toMatchObject({
      status: kind,
      policy: { rule },
      decisions: [],
      resolution: { reason: expect.stringContaining(rule) },
    });
    expect((await kindsOf(stack, id)).slice(-4)).toEqual([
      ...['amended', 'stage_closed', 'policy_bound', 'resolved'],
    ]);
    expect((await lastOf(stack, id, 'resolved')).actor).toMatchObject({ type: 'policy' });
    await expectWhole(stack, id);
  });

  test('mends what held a request', async () => {
    const { operation, target } = loanOf('1');
    const held = await submit({ action: { operation, target } });
    expect(held).toMatchObject({ status: 'held', stage: null });
    const { request } = await done(stack, 'app', [
      `${held.id}/amendments`,
      { action: loanOf('5000.00') },
    ]);
    expect(request).toMatchObject({ status: 'pending', heldBy: [], stage: { name: 'first line' } });
    expect(await kindsOf(stack, held.id)).toEqual([
      ...['requested', 'policy_bound', 'held'],
      ...['amended', 'policy_bound', 'stage_opened'],
    ]);
    for (const who of ['eve', 'omar', 'rui']) await decide(stack, who, held.id);
    expect((await read(stack, held.id)).status).toBe('approved');
    // … and one that breaks it holds it.
    const other = await submit();
    await done(stack, 'app', [`${other.id}/amendments`, { action: { operation, target } }]);
    expect(await read(stack, other.id)).toMatchObject({ status: 'held', stage: null });
    await expectWhole(stack, held.id);
    await expectWhole(stack, other.id);
  });

  test('after the end is refused; after the deadline the request has expired first', async () => {
    const ended = await submit();
    await act(stack, 'app', `${ended.id}/withdrawal`, {});
    const body = { title: 'too late' };
    await refusedFor(stack, 'app', { path: `${ended.id}/amendments`, body, reason: 'RESOLVED' });
    const late = await submit();
    stack.clock.advance('P2D');
    const reply = await act(stack, 'app', `${late.id}/amendments`, body);
    expect(reply.body.outcome).toMatchObject({ kind: 'refused', reason: 'EXPIRED' });
    expect(await read(stack, late.id)).toMatchObject({ status: 'expired', title: ended.title });
    expect((await kindsOf(stack, late.id)).slice(-3)).toEqual(['expired', 'resolved', 'refused']);
    await expectWhole(stack, late.id);
  });

  test('leaves a question open, and the new stage waits with it', async () => {
    const { id } = await submit();
    const questionId = await ask(id, 'eve');
    stack.clock.advance('PT5H');
    await done(stack, 'app', [`${id}/amendments`, { summary: 'see the statements' }]);
    const amended = await lastOf(stack, id, 'amended');
    expect(await read(stack, id)).toMatchObject({
      pausedSince: amended.ts,
      openQuestions: [questionId],
    });
    await expectWhole(stack, id);
    await answer(id, questionId);
    await expectWhole(stack, id);
  });
});

describe('the evidence of a request that was asked about, amended and seen by many', () => {
  test('is valid, and holds every view as it was shown', async () => {
    const { id } = await submit();
    const shown: string[] = [];
    const look = async (who: string): Promise<void> => {
      const { record: _, ...body } = await view(stack, who, id);
      shown.push(JSON.stringify(body));
    };
    await look('eve');
    const questionId = await ask(id, 'eve');
    await look('omar');
    await answer(id, questionId);
    await done(stack, 'omar', [`${id}/comments`, { text: 'Fine.' }]);
    await look('dana');
    await done(stack, 'app', [`${id}/amendments`, { summary: WORDS, action: loanOf('700.00') }]);
    for (const who of ['eve', 'omar']) {
      await look(who);
      const { contentDigest } = await read(stack, id);
      await act(stack, who, `${id}/decisions`, { verdict: 'approve', contentDigest });
    }
    await look('rui');
    await expectWhole(stack, id, [WORDS]);
    const response = await fetch(`${stack.address}/v1/requests/${id}/evidence`, {
      headers: { Authorization: `Bearer ${stack.bearer('cora')}` },
    });
    expect(response.status).toBe(200);
    const files = readZip(new Uint8Array(await response.arrayBuffer()));
    const { text } = await stack.call(null, '/v1/log/key');
    const key = await parseVerifierKey(text.trim(), sha256);
    const trust = { origin: key.name, logKeys: [await noteVerifier(key)], oldCheckpoints: [] };
    const report = await verifyBundle({ files, trust, sha256 });
    expect(report.problems).toEqual([]);
    const blobs = new Map(
      [...files].map(([, bytes]) => [Buffer.from(sha256(bytes)).toString('hex'), bytes]),
    );
    const views = (await sealedOf(stack, id)).filter(({ kind }) => kind === 'viewed');
    expect(views).toHaveLength(shown.length);
    for (const [n, { body }] of views.entries()) {
      const bytes = blobs.get(String(body['view_digest']));
      expect(bytes, `view ${n}`).toBeDefined();
      expect(JSON.parse(Buffer.from(bytes ?? []).toString())).toEqual(JSON.parse(shown[n] ?? ''));
    }
    // What was submitted first is there too, so that nothing about the change has to be believed.
    for (const { body } of (await sealedOf(stack, id)).filter(({ kind }) =>
      ['requested', 'amended'].includes(kind),
    ))
      expect([...blobs.keys()]).toContain(body['content_digest']);
    expect([report.verdict, report.absent]).toEqual([
      'valid',
      { not_disclosed: 0, erased: 0, not_kept: 0 },
    ]);
  });
});

describe('opening again', () => {
  const reopen = (who: string, id: string) =>
    stack.call<RequestShape>(who, `/v1/requests/${id}/reopening`, { body: {} });

  test('what expired is a new request that names the old one and its last record', async () => {
    const old = await submit({ summary: WORDS });
    stack.clock.advance('P2D');
    await stack.tick(old.id);
    const reply = await reopen('app', old.id);
    expect(reply.status, reply.text).toBe(201);
    expect(reply.headers.get('location')).toBe(`/v1/requests/${reply.body.id}`);
    expect(reply.body).toMatchObject({
      status: 'pending',
      reopens: old.id,
      contentDigest: old.contentDigest,
      title: old.title,
    });
    expect(reply.body.id).not.toBe(old.id);
    const last = (await chain(stack, old.id)).at(-1);
    expect((await sealedOf(stack, reply.body.id))[0]).toMatchObject({
      kind: 'requested',
      body: { occasion: 'reopened', about_stream: old.id, about_leaf: last?.leafHash },
    });
    expect(await read(stack, old.id)).toMatchObject({ status: 'expired' });
    for (const who of ['eve', 'omar', 'rui']) await decide(stack, who, reply.body.id);
    expect((await read(stack, reply.body.id)).status).toBe('approved');
    for (const id of [old.id, reply.body.id]) await expectWhole(stack, id, [WORDS]);
  });

  test('what was rejected, or withdrawn, by the person who asked', async () => {
    const rejected = await submit({}, 'dana');
    await decide(stack, 'eve', rejected.id, 'reject');
    expect((await reopen('dana', rejected.id)).body).toMatchObject({
      status: 'pending',
      reopens: rejected.id,
      requester: { type: 'person', id: 'dana' },
    });
    const withdrawn = await submit();
    await act(stack, 'app', `${withdrawn.id}/withdrawal`, {});
    expect((await reopen('app', withdrawn.id)).status).toBe(201);
  });

  test('is for whoever asked, and not for what is open, approved or overridden', async () => {
    const before = await submit();
    expectProblem(await reopen('app', before.id), 409, 'CONFLICT');
    const rows = await countRows(stack);
    for (const who of ['eve', 'cora', otto])
      expectProblem(await reopen(who, before.id), 403, 'FORBIDDEN');
    expectProblem(await reopen('vic', before.id), 404, 'NOT_FOUND');
    expect(await countRows(stack)).toEqual(rows);
    for (const who of ['eve', 'omar', 'rui']) await decide(stack, who, before.id);
    expectProblem(await reopen('app', before.id), 409, 'CONFLICT');
    const stopped = await submit();
    const reason = 'Loans are stopped for the whole of today.';
    await act(stack, 'olga', `${stopped.id}/overrides`, { effect: 'stop', reason });
    expectProblem(await reopen('app', stopped.id), 409, 'CONFLICT');
  });
});

describe('twenty at once', () => {
  test('amendments, decisions, questions and comments leave one chain, and a state that is what it says', async () => {
    const { id } = await submit();
    for (const who of ['eve', 'omar', 'dana']) await view(stack, who, id);
    const { contentDigest } = await read(stack, id);
    const calls = Array.from({ length: 20 }, (_, n) => {
      const decision = { verdict: 'approve', contentDigest };
      const turns = [
        () => act(stack, 'app', `${id}/amendments`, { summary: `version ${n}` }),
        () => act(stack, ['eve', 'omar', 'dana'][n % 3] ?? '', `${id}/decisions`, decision),
        () => act(stack, ['omar', 'eve', 'mia'][n % 3] ?? '', `${id}/questions`, { text: WORDS }),
        () => act(stack, 'ada', `${id}/comments`, { text: WORDS }),
      ];
      return turns[n % turns.length];
    });
    const replies = await Promise.all(calls.map(async (call) => call?.()));
    expect(replies.map((reply) => reply?.status)).toEqual(Array.from({ length: 20 }, () => 200));
    const records = await sealedOf(stack, id);
    const request = await read(stack, id);
    const count = (kind: string): number => records.filter((one) => one.kind === kind).length;
    expect(count('amended')).toBe(5);
    expect(count('asked')).toBe(request.openQuestions.length);
    expect(count('commented')).toBe(5);
    const lastAmended = records.findLastIndex(({ kind }) => kind === 'amended');
    expect(records[lastAmended]?.body['content_digest']).toBe(request.contentDigest);
    // Nothing that was decided on a content before counts for the one that stands.
    expect(request.decisions).toEqual([]);
    expect(records.slice(lastAmended).some(({ kind }) => kind === 'decided')).toBe(false);
    expect(await discussion(id)).toHaveLength(count('asked') + count('commented'));
    expect((await view(stack, 'eve', id)).contentDigest).toBe(request.contentDigest);
    await expectWhole(stack, id, [WORDS]);
  });

  test('a view says which content it showed, whatever is changed meanwhile', async () => {
    const { id } = await submit();
    const [views] = await Promise.all([
      Promise.all(Array.from({ length: 8 }, () => view(stack, 'eve', id))),
      Promise.all(
        Array.from({ length: 8 }, (_, n) =>
          act(stack, 'app', `${id}/amendments`, { summary: `version ${n}` }),
        ),
      ),
    ]);
    const records = await sealedOf(stack, id);
    for (const { contentDigest, record } of views)
      expect(records[record?.seq ?? -1]).toMatchObject({
        kind: 'viewed',
        body: { content_digest: contentDigest },
      });
    await expectWhole(stack, id);
  });
});

test('Temporal keeps none of the words', async () => {
  const { id } = await submit({ summary: WORDS });
  // Its gate runs, so that what follows goes through Temporal.
  await until(async () => (await gateOf(id)) === 'open', 'the gate');
  await answer(id, await ask(id, 'eve'));
  await done(stack, 'app', [`${id}/amendments`, { title: WORDS }]);
  await until(
    async () => (await keptByTemporal(stack, port)).updates >= 3,
    'three Updates that Temporal lists',
  );
  const { text } = await keptByTemporal(stack, port);
  for (const word of ['Plantedwords', '41000', 'Zoë', 'sample-agent', 'twice'])
    expect(text).not.toContain(word);
  expect(stack.faults).toEqual([]);
});
