import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { addDuration } from '../../domain/instant.ts';
import type { RequestShape } from '../../application/request-shape.ts';
import { checkLog } from '../../application/self-check.ts';
import { openDatabase, type Database } from '../../prisma/database.ts';
import { addReviewers, published } from '../support/acts.ts';
import { openStack, publishPolicies, type Stack } from '../support/stack.ts';
import { act, aLoan, decide, expectProblem, read, submit } from './support/calls.ts';
import {
  done,
  expectWhole,
  kindsOf,
  lastOf,
  refOf,
  refusedFor,
  sealedOf,
} from './support/stories.ts';

// Overrides by two, overrides at once with a review that is owed, and what the examination says to a row
// that somebody changed behind our back.

const LOANS = `id: loans
kind: ai-decision
rules:
  - name: people
    effect: review
    requireView: false
    stages:
      - name: first line
        role: credit-officer
        quorum: 2
        deadline: P5D
        escalations: [{ after: P4D, to: credit-manager, mode: add }]
    override:
      role: override-authority
      minReason: 20
      effects: [stop, reverse, force]
      secondPerson: [force, reverse]
      breakGlass: { role: compliance, due: P2D }
`;

const REASON = 'Plantedwords of Zoë: the queue is on fire';

let stack: Stack;
let owner: Database;
/** More people who may override, one for each story: nobody brings a debt from another one. */
let authorities: { readonly id: string; readonly token: string }[];
beforeAll(async () => {
  stack = await openStack({ policies: [] });
  owner = openDatabase(stack.databaseUrl, 1);
  authorities = await addReviewers(stack.deps, {
    ...{ role: 'override-authority', count: 40, prefix: 'authority' },
  });
  await publishPolicies(stack.deps, [LOANS]); // asks for two of them
});
afterAll(async () => {
  await owner.close();
  await stack.close();
});

let next = 0;
let first: { readonly id: string; readonly token: string };
beforeEach(() => {
  first = authorities[next] ?? { id: '', token: '' };
  next += 1;
});

function loan(more: object = {}): Promise<RequestShape> {
  const { onBehalfOf: _, riskTier: __, ...plain } = aLoan();
  return submit(stack, { ...plain, ...more });
}
const override = (who: string, id: string, more: object) =>
  act(stack, who, `${id}/overrides`, { reason: REASON, ...more });
const ref = (id: string, person: string) => refOf(stack, id, `person:${person}`);

describe('an override by two', () => {
  test('takes effect when another one asks for the same; the first is kept as asked for', async () => {
    const { id } = await loan();
    const alone = await override('olga', id, { effect: 'force' });
    expect(alone.body.outcome).toMatchObject({
      kind: 'refused',
      reason: 'SECOND_PERSON_REQUIRED',
    });
    expect(alone.body.request?.proposals).toMatchObject([{ person: 'olga', effect: 'force' }]);
    expect(await lastOf(stack, id, 'refused')).toMatchObject({
      words: ['reason'],
      body: { command: 'override', person_c: await ref(id, 'olga') },
    });
    await expectWhole(stack, id, [REASON, 'Plantedwords']);
    const again = await override('olga', id, { effect: 'force' });
    expect(again.body.outcome).toMatchObject({ reason: 'SECOND_PERSON_REQUIRED' });
    const other = await override(first.token, id, { effect: 'force' });
    expect(other.body.outcome).toMatchObject({
      kind: 'settled',
      resolution: { kind: 'overridden', effect: 'force', mayProceed: true, by: ['olga', first.id] },
    });
    expect((await lastOf(stack, id, 'overridden')).body).toMatchObject({
      ...{ effect: 'force', before: 'pending', break_glass: false },
      person_c: await ref(id, first.id),
      second_c: await ref(id, 'olga'),
    });
    await expectWhole(stack, id, [REASON]);
  });

  test('is for another effect another one; what needs no second takes effect at once', async () => {
    const { id } = await loan();
    await override('olga', id, { effect: 'force' });
    const stopped = await override(first.token, id, { effect: 'stop' });
    expect(stopped.body.outcome).toMatchObject({
      kind: 'settled',
      resolution: { effect: 'stop', by: [first.id] },
    });
    expect((await lastOf(stack, id, 'overridden')).body).toMatchObject({ second_c: null });
    await expectWhole(stack, id);
  });

  test('leaves the decisions before visible beside it', async () => {
    const { id } = await loan();
    for (const who of ['eve', 'omar']) await decide(stack, who, id);
    expect((await read(stack, id)).status).toBe('approved');
    await override('olga', id, { effect: 'reverse' });
    await override(first.token, id, { effect: 'reverse' });
    expect(await read(stack, id)).toMatchObject({
      status: 'overridden',
      resolution: { effect: 'reverse', mayProceed: false, reason: REASON },
      decisions: [{ person: 'eve' }, { person: 'omar' }],
    });
    await expectWhole(stack, id, [REASON]);
  });

  test('begins anew when the content is another one', async () => {
    const { id } = await loan();
    await override('olga', id, { effect: 'force' });
    await done(stack, 'app', [`${id}/amendments`, { summary: 'another one' }]);
    expect((await read(stack, id)).proposals).toEqual([]);
    const reply = await override(first.token, id, { effect: 'force' });
    expect(reply.body.outcome).toMatchObject({ reason: 'SECOND_PERSON_REQUIRED' });
    await expectWhole(stack, id, [REASON]);
  });

  test('by ten at once is one', async () => {
    const { id } = await loan();
    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        override(n % 2 === 0 ? 'olga' : first.token, id, { effect: 'force' }),
      ),
    );
    const settled = replies.filter(({ body }) => body.outcome.kind === 'settled');
    expect(settled).toHaveLength(1);
    expect((await kindsOf(stack, id)).filter((kind) => kind === 'overridden')).toHaveLength(1);
    await expectWhole(stack, id, [REASON]);
  });
});

describe('who breaks the glass', () => {
  const breaking = { effect: 'force', breakGlass: true };

  test('acts at once and alone, and owes a review that pays the debt', async () => {
    const { id } = await loan();
    const reply = await override(first.token, id, breaking);
    expect(reply.body.outcome).toMatchObject({
      kind: 'settled',
      resolution: { effect: 'force', mayProceed: true, by: [first.id] },
    });
    const [overridden, resolved, debt] = (await sealedOf(stack, id)).slice(-3);
    expect([overridden, resolved]).toMatchObject([
      { kind: 'overridden', words: ['reason'], body: { break_glass: true, second_c: null } },
      { kind: 'resolved' },
    ]);
    const due = addDuration(debt?.ts ?? '', 'P2D');
    expect(debt).toMatchObject({
      kind: 'review_debt',
      actor: { type: 'system' },
      body: {
        change: 'opened',
        person_c: await ref(id, first.id),
        reviewer_c: null,
        verdict: null,
        due,
      },
    });
    expect((await read(stack, id)).debt).toMatchObject({
      ...{ person: first.id, role: 'compliance', status: 'open', due },
    });
    await expectWhole(stack, id, [REASON]);

    const path = `${id}/reviews`;
    const body = { verdict: 'justified', reason: REASON };
    await refusedFor(stack, first.token, { path, body, reason: 'OWN_REQUEST' });
    await refusedFor(stack, 'olga', { path, body, reason: 'NOT_ELIGIBLE' });
    await refusedFor(stack, 'cora', {
      path,
      body: { ...body, reason: ' ' },
      reason: 'REASON_TOO_SHORT',
    });
    const { request } = await done(stack, 'cora', [path, body]);
    expect(request.debt).toMatchObject({
      ...{ status: 'settled', reviewedBy: 'cora', verdict: 'justified' },
    });
    expect(await lastOf(stack, id, 'review_debt')).toMatchObject({
      actor: { role: 'reviewer' },
      words: ['reason'],
      body: { change: 'settled', verdict: 'justified', reviewer_c: await ref(id, 'cora') },
    });
    await refusedFor(stack, 'cora', { path, body, reason: 'STAGE_CLOSED' });
    await expectWhole(stack, id, [REASON]);
  });

  test('and does not have it reviewed in time has no right to override until it is', async () => {
    const { id } = await loan();
    await override(first.token, id, breaking);
    const meanwhile = await loan();
    const stop = { effect: 'stop' };
    expect((await override(first.token, meanwhile.id, stop)).body.outcome).toMatchObject({
      kind: 'settled', // the time to review still runs
    });
    stack.clock.advance('P2D');
    await stack.tick(id);
    expect(await lastOf(stack, id, 'review_debt')).toMatchObject({
      actor: { type: 'system' },
      body: { change: 'overdue', verdict: null },
    });
    expect((await read(stack, id)).debt).toMatchObject({ status: 'overdue' });
    await expectWhole(stack, id, [REASON]);
    const later = await loan();
    const path = `${later.id}/overrides`;
    for (const body of [
      { ...stop, reason: REASON },
      { ...breaking, reason: REASON },
    ])
      await refusedFor(stack, first.token, { path, body, reason: 'REVIEW_DEBT' });
    await done(stack, 'cora', [`${id}/reviews`, { verdict: 'not_justified', reason: REASON }]);
    expect((await override(first.token, later.id, stop)).body.outcome).toMatchObject({
      kind: 'settled',
    });
    await expectWhole(stack, id, [REASON]);
    await expectWhole(stack, later.id, [REASON]);
  });

  test('and is reviewed late, before anybody noticed the time, has both on record', async () => {
    const { id } = await loan();
    await override(first.token, id, breaking);
    stack.clock.advance('P3D');
    await done(stack, 'cora', [`${id}/reviews`, { verdict: 'justified', reason: REASON }]);
    const debts = (await sealedOf(stack, id)).filter(({ kind }) => kind === 'review_debt');
    expect(debts.map(({ body }) => body['change'])).toEqual(['opened', 'overdue', 'settled']);
    expect((await read(stack, id)).debt).toMatchObject({ status: 'settled' });
    await expectWhole(stack, id, [REASON]);
    const later = await loan();
    expect((await override(first.token, later.id, { effect: 'stop' })).body.outcome).toMatchObject({
      kind: 'settled',
    });
  });

  test('where nothing is owed there is nothing to review', async () => {
    const { id } = await loan();
    const body = { verdict: 'justified', reason: REASON };
    await refusedFor(stack, 'cora', { path: `${id}/reviews`, body, reason: 'STAGE_CLOSED' });
    const wrong = await stack.call('cora', `/v1/requests/${id}/reviews`, {
      body: { ...body, verdict: 'fine' },
    });
    expectProblem(wrong, 422, 'VALIDATION_FAILED');
    await expectWhole(stack, id);
  });

  test('with one key does so once', async () => {
    const { id } = await loan();
    const call = {
      body: { ...breaking, reason: REASON },
      headers: { 'Idempotency-Key': randomUUID() },
    };
    const path = `/v1/requests/${id}/overrides`;
    const replies = [
      await stack.call(first.token, path, call),
      await stack.call(first.token, path, call),
    ];
    expect(replies[1]?.body).toEqual(replies[0]?.body);
    const rows = await owner.query('SELECT id FROM review_debt WHERE request_id = $1', [id]);
    expect(rows).toHaveLength(1);
    await done(stack, 'cora', [`${id}/reviews`, { verdict: 'justified', reason: REASON }]);
  });
});

describe('the examination shouts where a superuser', () => {
  /** A request in the middle of everything: handed over, taken away, paused, amended, half overridden. */
  async function busy(): Promise<string> {
    const { id } = await loan({ onBehalfOf: 'dana' });
    await decide(stack, 'eve', id);
    await done(stack, 'app', [`${id}/amendments`, { summary: 'second' }]);
    await done(stack, 'eve', [`${id}/questions`, { text: 'why?' }]);
    const { openQuestions } = await read(stack, id);
    stack.clock.advance('PT1H');
    const questionId = openQuestions[0];
    await done(stack, 'app', [`${id}/answers`, { questionId, text: 'so' }]);
    await done(stack, 'omar', [
      `${id}/delegations`,
      { to: 'vic', until: addDuration(stack.clock.now(), 'P1D'), reason: 'x' },
    ]);
    await done(stack, 'mia', [
      `${id}/reassignments`,
      { from: 'eve', to: 'omar', reason: 'on leave' },
    ]);
    await override('olga', id, { effect: 'force' });
    await decide(stack, 'vic', id);
    await expectWhole(stack, id);
    return id;
  }

  /** What the examination says of a request whose row was changed; the row is as before afterwards. */
  async function saidAfter(id: string, sql: string): Promise<string[]> {
    await published(stack, id);
    const kept = await owner.query<{ state: unknown }>('SELECT state FROM request WHERE id = $1', [
      id,
    ]);
    await owner.query(sql, [id]);
    const { problems } = await checkLog(stack.deps, { signed: await stack.log.memory.read() });
    await owner.query('UPDATE request SET state = $2 WHERE id = $1', [
      id,
      JSON.stringify(kept[0]?.state),
    ]);
    return problems
      .filter(({ stream, code }) => stream === id && code === 'PROJECTION_MISMATCH')
      .map(({ detail }) => detail);
  }
  const set = (path: string, value: string): string =>
    `UPDATE request SET state = jsonb_set(state, '${path}', ${value}) WHERE id = $1`;
  const text = (value: unknown): string => `'${JSON.stringify(value)}'`;
  const add = (path: string): string => `(state #> '${path}')`;
  const far = '2999-01-01T00:00:00.000Z';
  const handed = { id: 'forged', person: 'omar', to: 'sam', from: '2020-01-01T00:00:00.000Z' };

  test.each([
    [
      'adds a delegation',
      set(
        '{delegations}',
        `${add('{delegations}')} || '${JSON.stringify([{ ...handed, until: far }])}'`,
      ),
      /handed/,
    ],
    ['takes one away', set('{delegations}', text([])), /handed/],
    ['makes one longer', set('{delegations,0,until}', text(far)), /handed/],
    ['gives one to somebody else', set('{delegations,0,to}', text('sam')), /handed/],
    ['gives a task back', set('{stage,barred}', text([])), /taken away/],
    ['takes a task from another', set('{stage,barred}', text(['omar'])), /taken away/],
    ['moves the deadline', set('{stage,deadline}', text(far)), /deadline/],
    ['moves only when it is kept', set('{stage,agenda}', text([])), /deadline/],
    ['stops the clock', set('{stage,pausedSince}', text('2026-01-01T00:00:00.000Z')), /deadline/],
    ['lengthens the pause', set('{stage,pausedSeconds}', text(1)), /deadline/],
    ['opens a question again', set('{discussion,0,closedAt}', 'null'), /deadline/],
    ['takes a question away', set('{discussion}', text([])), /said/],
    ['lets another role decide', set('{stage,roles,0,1}', text('security')), /turned to/],
    [
      'lowers the quorum',
      set('{policy,rule,stages,0,groups,0,quorum}', '1::text::jsonb'),
      /asks something else/,
    ],
    [
      'asks for a view no more',
      set('{policy,rule,override,minReason}', '0::text::jsonb'),
      /asks for something else/,
    ],
    ['lets the one decide it acts for', set('{onBehalfOf}', 'null'), /party/],
    ['lets the owner decide', set('{requester,owner}', text('mia')), /party/],
    ['hides an amendment', set('{amendments}', '0::text::jsonb'), /amended/],
    ['hides what was voided', set('{voided}', '0::text::jsonb'), /amended/],
    ['proposes an override', set('{proposals,0,person}', text('cora')), /override/],
    ['lets a decision be in another name', set('{decisions,0,delegatedBy}', 'null'), /decision 1/],
    [
      'lets it rest on another right',
      set('{decisions,0,delegation}', text('forged')),
      /decision 1/,
    ],
  ])('%s', async (_what, sql, sentence) => {
    const said = await saidAfter(await once(), sql.replace(`', null)`, `', 'null')`));
    expect(said).toEqual(expect.arrayContaining([expect.stringMatching(sentence)]));
  });

  let made: Promise<string> | null = null;
  const once = (): Promise<string> => (made ??= busy());

  test('forgives a debt', async () => {
    const { id } = await loan();
    await override(first.token, id, { effect: 'force', breakGlass: true });
    await published(stack, id);
    const debt = { id: 'forged', person: first.id, role: 'compliance', due: far };
    for (const sql of [
      set('{debt}', `'null'`),
      set('{debt,due}', text(far)),
      set('{debt}', text({ ...debt, status: 'settled', reviewedBy: 'cora', verdict: 'justified' })),
    ])
      expect(await saidAfter(id, sql)).toEqual([expect.stringMatching(/review is shown as owed/)]);
    const paid = 'UPDATE review_debt SET settled_at = now() WHERE request_id = $1';
    expect(await saidAfter(id, paid)).toEqual([expect.stringMatching(/reviews are owed/)]);
    const moved = `UPDATE review_debt SET person_id = 'vic', settled_at = NULL WHERE request_id = $1`;
    expect(await saidAfter(id, moved)).toEqual([expect.stringMatching(/reviews are owed/)]);
    const gone = 'DELETE FROM review_debt WHERE request_id = $1';
    expect(await saidAfter(id, gone)).toEqual([expect.stringMatching(/owed are gone/)]);
  });
});
