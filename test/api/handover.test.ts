import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { addDuration } from '../../domain/instant.ts';
import type { RequestShape } from '../../application/request-shape.ts';
import { openStack, type Stack } from '../support/stack.ts';
import { openTemporalPort, type TemporalPort } from '../workflows/temporal.ts';
import {
  act,
  aLoan,
  countRows,
  decide,
  expectProblem,
  read,
  submit,
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
  until,
} from './support/stories.ts';

// Who takes a request over: claims, delegations, tasks taken away, escalations, people who stand in.

const override =
  '    override: { role: override-authority, minReason: 20, effects: [stop, force] }';
const LOANS = `id: loans
kind: ai-decision
when: request.action.operation.startsWith("loan.")
rules:
  - name: people
    effect: review
    requireView: true
    stages:
      - name: first line
        role: credit-officer
        quorum: 2
        rejectQuorum: 2
        deadline: P5D
        escalations: [{ after: P4D, to: credit-manager, mode: add }]
${override}
`;

/** Nobody holds the role; the escalations are turned to one after the other. */
const EMPTY = `id: empty
kind: ai-decision
when: request.action.operation.startsWith("empty.")
rules:
  - name: people
    effect: review
    requireView: false
    stages:
      - name: only
        role: credit-officer
        quorum: 3
        deadline: P5D
        escalations: [{ after: P3D, to: credit-manager, mode: add }]
${override}
`;

const WORDS = 'Plantedwords of Zoë, who earns 41000';

let stack: Stack;
let port: TemporalPort;
beforeAll(async () => {
  stack = await openStack({ policies: [LOANS, EMPTY] });
  port = await openTemporalPort(inject('temporalAddress'));
});
afterAll(async () => {
  await port.close();
  await stack.close();
});

function loan(more: object = {}): Promise<RequestShape> {
  const { onBehalfOf: _, riskTier: __, ...plain } = aLoan();
  return submit(stack, { ...plain, ...more });
}
const at = (after: string): string => addDuration(stack.clock.now(), after);
const eligible = async (id: string): Promise<readonly string[]> =>
  (await read(stack, id)).stage?.eligible ?? [];
const hand = (to: string, more: object = {}) => ({ to, until: at('P2D'), reason: WORDS, ...more });
const ref = (id: string, person: string) => refOf(stack, id, `person:${person}`);

describe('a claim', () => {
  test('shows who is at it, takes nobody’s right, and lapses after four hours', async () => {
    const { id, revision } = await loan();
    const { request } = await done(stack, 'eve', [`${id}/claims`, {}]);
    const claimed = await lastOf(stack, id, 'claimed');
    const end = addDuration(claimed.ts, 'PT4H');
    expect(claimed).toMatchObject({
      actor: { type: 'human', role: 'reviewer', c: await ref(id, 'eve') },
      body: { change: 'claimed', stage: 0, person_c: await ref(id, 'eve'), until: end },
    });
    expect(request).toMatchObject({
      revision: revision + 1,
      claims: [{ person: 'eve', until: end }],
    });
    expect((await decide(stack, 'omar', id)).body.outcome).toMatchObject({ kind: 'counted' });
    await expectWhole(stack, id);
    stack.clock.advance('PT4H');
    await stack.tick(id);
    expect(await lastOf(stack, id, 'claimed')).toMatchObject({
      actor: { type: 'system', role: 'engine', c: null },
      body: { change: 'lapsed', person_c: await ref(id, 'eve'), until: null },
    });
    expect((await read(stack, id)).claims).toEqual([]);
    await expectWhole(stack, id);
  });

  test('made again lasts anew; a decision ends it without a word', async () => {
    const { id } = await loan();
    await done(stack, 'eve', [`${id}/claims`, {}]);
    stack.clock.advance('PT3H');
    await done(stack, 'eve', [`${id}/claims`, {}]);
    stack.clock.advance('PT3H');
    await stack.tick(id);
    expect((await read(stack, id)).claims).toMatchObject([{ person: 'eve' }]);
    await decide(stack, 'eve', id);
    expect((await read(stack, id)).claims).toEqual([]);
    await expectWhole(stack, id);
  });

  test('is released by who made it, and by nobody else', async () => {
    const { id } = await loan();
    await done(stack, 'eve', [`${id}/claims`, {}]);
    const path = `${id}/claims`;
    await refusedFor(stack, 'omar', { path, method: 'DELETE', reason: 'STAGE_CLOSED' });
    const released = await stack.call<{ outcome: object }>('eve', `/v1/requests/${path}`, {
      method: 'DELETE',
    });
    expect(released.body.outcome).toEqual({ kind: 'done' });
    expect((await lastOf(stack, id, 'claimed')).body).toMatchObject({ change: 'released' });
    expect((await read(stack, id)).claims).toEqual([]);
    await refusedFor(stack, 'eve', { path, method: 'DELETE', reason: 'STAGE_CLOSED' });
    await expectWhole(stack, id);
  });

  test('is for who may decide', async () => {
    const { id } = await loan({ onBehalfOf: 'dana' });
    const path = `${id}/claims`;
    await refusedFor(stack, 'dana', { path, body: {}, reason: 'OWN_REQUEST' });
    for (const who of ['vic', 'mia', 'olga'])
      await refusedFor(stack, who, { path, body: {}, reason: 'NOT_ELIGIBLE' });
    await decide(stack, 'eve', id);
    await refusedFor(stack, 'eve', { path, body: {}, reason: 'ALREADY_DECIDED' });
    await expectWhole(stack, id);
  });
});

describe('a delegation for one request', () => {
  test('lets somebody without a role see it and decide, and both names are on the record', async () => {
    const { id } = await loan();
    expectProblem(await stack.call('vic', `/v1/requests/${id}`), 404, 'NOT_FOUND');
    const { outcome, request } = await done(stack, 'eve', [`${id}/delegations`, hand('vic')]);
    const { delegationId } = outcome as { delegationId: string };
    expect(request.stage?.eligible).toEqual(['dana', 'eve', 'omar', 'vic']);
    const delegated = await lastOf(stack, id, 'delegated');
    expect(delegated).toMatchObject({
      actor: { role: 'reviewer', c: await ref(id, 'eve') },
      words: ['reason'],
      body: {
        delegation: delegationId,
        change: 'set',
        person_c: await ref(id, 'eve'),
        to_c: await ref(id, 'vic'),
        stage: 0,
      },
    });
    await expectWhole(stack, id, [WORDS, 'Plantedwords']);
    expect((await read(stack, id, 'vic')).id).toBe(id);
    const listed = await stack.call<{ items: RequestShape[] }>('vic', '/v1/requests');
    expect(listed.body.items.map((one) => one.id)).toContain(id);

    expect((await decide(stack, 'vic', id)).body.outcome).toMatchObject({ approvals: 1 });
    expect(await lastOf(stack, id, 'decided')).toMatchObject({
      actor: { c: await ref(id, 'vic') },
      body: {
        person_c: await ref(id, 'vic'),
        delegated_by_c: await ref(id, 'eve'),
        delegation: delegationId,
        role: 'credit-officer',
      },
    });
    expect((await read(stack, id)).decisions).toMatchObject([
      { person: 'vic', delegatedBy: 'eve', verdict: 'approve' },
    ]);
    await expectWhole(stack, id, [WORDS]);
    const { contentDigest } = await view(stack, 'eve', id);
    const body = { verdict: 'approve', contentDigest };
    for (const who of ['eve', 'vic'])
      await refusedFor(stack, who, { path: `${id}/decisions`, body, reason: 'ALREADY_DECIDED' });
    await decide(stack, 'omar', id);
    expect(await read(stack, id)).toMatchObject({
      status: 'approved',
      resolution: { by: ['vic', 'omar'] },
    });
    await expectWhole(stack, id, [WORDS]);
  });

  test('that the delegator outran is worth nothing any more', async () => {
    const { id } = await loan();
    await done(stack, 'eve', [`${id}/delegations`, hand('vic')]);
    expect((await decide(stack, 'eve', id)).body.outcome).toMatchObject({ kind: 'counted' });
    // Whose voice has been heard is shown with those who have decided.
    expect(await eligible(id)).toEqual(['dana', 'eve', 'omar', 'vic']);
    const { contentDigest } = await view(stack, 'vic', id);
    const body = { verdict: 'approve', contentDigest };
    await refusedFor(stack, 'vic', { path: `${id}/decisions`, body, reason: 'ALREADY_DECIDED' });
    await expectWhole(stack, id);
  });

  test('counts from its start to its end', async () => {
    const { id } = await loan();
    const span = { from: at('PT1H'), until: at('PT2H') };
    await done(stack, 'eve', [`${id}/delegations`, hand('vic', span)]);
    const { contentDigest } = await view(stack, 'vic', id);
    const decision = { verdict: 'approve', contentDigest };
    const late = { path: `${id}/decisions`, body: decision, reason: 'NOT_ELIGIBLE' };
    await refusedFor(stack, 'vic', late);
    stack.clock.advance('PT1H');
    expect(await eligible(id)).toContain('vic');
    stack.clock.advance('PT1H');
    expect(await eligible(id)).not.toContain('vic');
    await refusedFor(stack, 'vic', late);
    await expectWhole(stack, id);
  });

  test('to oneself, a party, in a circle, or over already is invalid, and so is passing it on', async () => {
    const { id } = await loan({ onBehalfOf: 'dana' });
    const path = `${id}/delegations`;
    const reason = 'DELEGATION_INVALID';
    for (const to of ['eve', 'dana', 'otto'])
      await refusedFor(stack, 'eve', { path, body: hand(to), reason });
    await refusedFor(stack, 'eve', { path, body: hand('vic', { until: at('PT0S') }), reason });
    await refusedFor(stack, 'eve', {
      path,
      body: hand('vic', { reason: ' ​' }),
      reason: 'REASON_TOO_SHORT',
    });
    await done(stack, 'eve', [path, hand('vic')]);
    await refusedFor(stack, 'vic', { path, body: hand('sam'), reason });
    await done(stack, 'eve', [path, hand('omar')]);
    await refusedFor(stack, 'omar', { path, body: hand('eve'), reason });
    await refusedFor(stack, 'sam', { path, body: hand('pia'), reason: 'NOT_ELIGIBLE' });
    await refusedFor(stack, 'dana', { path, body: hand('vic'), reason: 'OWN_REQUEST' });
    await expectWhole(stack, id, [WORDS]);
  });

  test('to nobody, or backwards in time, is not accepted', async () => {
    const { id } = await loan();
    const before = await countRows(stack);
    for (const [body, pointer] of [
      [hand('nobody'), '/to'],
      [hand('vic', { from: at('P3D') }), '/until'],
      [{ to: 'vic', reason: 'x' }, '/until'],
      [{ to: 'vic', until: at('P1D') }, '/reason'],
      [hand('vic', { role: 'security' }), '/role'],
    ] as const) {
      const reply = await stack.call('eve', `/v1/requests/${id}/delegations`, { body });
      const { errors } = expectProblem(reply, 422, 'VALIDATION_FAILED');
      expect(errors.map((error) => error.pointer)).toContain(pointer);
    }
    expect(await countRows(stack)).toEqual(before);
  });
});

describe('a task that is taken away', () => {
  test.each(['mia', 'olga'])(
    'by %s goes to another, and who had it cannot decide it',
    async (lead) => {
      const { id } = await loan();
      await done(stack, 'eve', [`${id}/claims`, {}]);
      const body = { from: 'eve', to: 'omar', reason: WORDS };
      const { request } = await done(stack, lead, [`${id}/reassignments`, body]);
      expect(request.claims).toMatchObject([{ person: 'omar' }]);
      expect(request.stage?.eligible).toEqual(['dana', 'omar']);
      expect((await sealedOf(stack, id)).slice(-2)).toMatchObject([
        {
          kind: 'reassigned',
          actor: { role: 'override_authority', c: await ref(id, lead) },
          words: ['reason'],
          body: {
            stage: 0,
            from_c: await ref(id, 'eve'),
            to_c: await ref(id, 'omar'),
            reason: 'MANUAL',
          },
        },
        { kind: 'claimed', body: { change: 'claimed', person_c: await ref(id, 'omar') } },
      ]);
      await expectWhole(stack, id, [WORDS]);
      const { contentDigest } = await view(stack, 'eve', id);
      const decision = { verdict: 'approve', contentDigest };
      await refusedFor(stack, 'eve', {
        path: `${id}/decisions`,
        body: decision,
        reason: 'NOT_ELIGIBLE',
      });
      for (const who of ['omar', 'dana']) await decide(stack, who, id);
      expect((await read(stack, id)).status).toBe('approved');
      await expectWhole(stack, id, [WORDS]);
    },
  );

  test('is so by a lead only, to who may decide, and not from who has decided', async () => {
    const { id } = await loan({ onBehalfOf: 'dana' });
    const path = `${id}/reassignments`;
    const move = (from: string, to: string, reason = 'x') => ({ from, to, reason });
    await refusedFor(stack, 'omar', { path, body: move('eve', 'omar'), reason: 'NOT_ELIGIBLE' });
    await refusedFor(stack, 'dana', { path, body: move('eve', 'omar'), reason: 'OWN_REQUEST' });
    for (const to of ['vic', 'dana', 'eve'])
      await refusedFor(stack, 'mia', { path, body: move('eve', to), reason: 'NOT_ELIGIBLE' });
    const blank = { path, body: move('eve', 'omar', ' '), reason: 'REASON_TOO_SHORT' };
    await refusedFor(stack, 'mia', blank);
    await decide(stack, 'eve', id);
    await refusedFor(stack, 'mia', { path, body: move('eve', 'omar'), reason: 'ALREADY_DECIDED' });
    const reply = await stack.call('mia', `/v1/requests/${path}`, { body: move('eve', 'nobody') });
    expectProblem(reply, 422, 'VALIDATION_FAILED');
    await expectWhole(stack, id);
  });

  test('from the last one who could approve it brings in the next people at once', async () => {
    const { id } = await loan({ onBehalfOf: 'dana' });
    await done(stack, 'mia', [`${id}/reassignments`, { from: 'eve', to: 'omar', reason: 'x' }]);
    expect(await lastOf(stack, id, 'escalated')).toMatchObject({
      actor: { type: 'system' },
      words: [],
      body: { cause: 'unsatisfiable', to_role: 'credit-manager', person_c: null },
    });
    expect(await eligible(id)).toEqual(['mia', 'omar']);
    await expectWhole(stack, id);
  });
});

describe('an escalation', () => {
  test('by an officer brings the manager in at once', async () => {
    const { id } = await loan();
    const { request } = await done(stack, 'eve', [`${id}/escalations`, { reason: WORDS }]);
    expect(request.stage?.eligible).toEqual(['dana', 'eve', 'mia', 'omar']);
    expect(await lastOf(stack, id, 'escalated')).toMatchObject({
      actor: { role: 'reviewer', c: await ref(id, 'eve') },
      words: ['reason'],
      body: {
        ...{ cause: 'person', to_role: 'credit-manager', mode: 'add', level: 1, eligible: 1 },
        ...{ person_c: await ref(id, 'eve'), eligible_c: [await ref(id, 'mia')] },
      },
    });
    await refusedFor(stack, 'eve', {
      path: `${id}/escalations`,
      body: { reason: 'again' },
      reason: 'NOT_ELIGIBLE',
    });
    await expectWhole(stack, id, [WORDS]);
    // Its time brings nothing more.
    stack.clock.advance('P4D');
    await stack.tick(id);
    const escalated = (await kindsOf(stack, id)).filter((kind) => kind === 'escalated');
    expect(escalated).toHaveLength(1);
    for (const who of ['mia', 'omar']) await decide(stack, who, id);
    expect((await read(stack, id)).status).toBe('approved');
    await expectWhole(stack, id, [WORDS]);
  });

  test('to a role that the rule does not name, or by somebody else, is refused', async () => {
    const { id } = await loan({ onBehalfOf: 'dana' });
    const path = `${id}/escalations`;
    const to = (role: string) => ({ to: role, reason: WORDS });
    await refusedFor(stack, 'eve', { path, body: to('security'), reason: 'NOT_ELIGIBLE' });
    await refusedFor(stack, 'vic', { path, body: { reason: 'x' }, reason: 'NOT_ELIGIBLE' });
    await refusedFor(stack, 'dana', { path, body: { reason: 'x' }, reason: 'OWN_REQUEST' });
    await done(stack, 'olga', [path, to('credit-manager')]);
    expect(await eligible(id)).toContain('mia');
    await expectWhole(stack, id, [WORDS]);
  });

  test('comes at once where the request cannot be approved as it is submitted', async () => {
    const { onBehalfOf: _, ...plain } = aLoan({ riskTier: 'medium' });
    const action = { operation: 'empty.this', target: 'x' };
    const own = await submit(stack, { ...plain, action, onBehalfOf: 'dana' });
    expect(own.stage?.eligible).toEqual(['eve', 'mia', 'omar']);
    expect(await lastOf(stack, own.id, 'escalated')).toMatchObject({
      body: { cause: 'unsatisfiable', to_role: 'credit-manager', after_seconds: null, level: 1 },
    });
    await expectWhole(stack, own.id);
    // … and where nobody is left to turn to, those hear of it who may override.
    const byMia = await submit(stack, { ...plain, action, onBehalfOf: 'dana' }, 'mia');
    const told = await lastOf(stack, byMia.id, 'escalated');
    expect(told.body).toMatchObject({
      cause: 'unsatisfiable',
      to_role: 'override-authority',
      level: null,
      eligible: 0,
    });
    await expectWhole(stack, byMia.id);
  });

  test('comes at once with the rejection that makes the approval impossible', async () => {
    const { id } = await loan({ onBehalfOf: 'dana' });
    expect((await kindsOf(stack, id)).at(-1)).toBe('stage_opened');
    const reply = await decide(stack, 'eve', id, 'reject');
    expect(reply.body.outcome).toMatchObject({ kind: 'counted', approvals: 0 });
    expect((await kindsOf(stack, id)).slice(-2)).toEqual(['decided', 'escalated']);
    expect((await lastOf(stack, id, 'escalated')).body).toMatchObject({ cause: 'unsatisfiable' });
    expect(reply.body.record).toMatchObject({ seq: (await lastOf(stack, id, 'decided')).seq });
    await expectWhole(stack, id);
    for (const who of ['omar', 'mia']) await decide(stack, who, id);
    expect((await read(stack, id)).status).toBe('approved');
    await expectWhole(stack, id);
  });
});

describe('people who stand in by the directory', () => {
  const arrange = async (who: string, what: string, body: object): Promise<string> => {
    const reply = await stack.call<{ id: string }>(who, `/v1/people/${who}/${what}`, { body });
    expect(reply.status, reply.text).toBe(201);
    return `/v1/people/${who}/${what}/${reply.body.id}`;
  };
  const undo = (who: string, path: string) => stack.call(who, path, { method: 'DELETE' });
  afterEach(async () => {
    // Nobody stands in for anybody in the other stories.
    for (const who of ['eve', 'omar', 'dana'])
      for (const what of ['absences', 'delegations']) {
        const path = `/v1/people/${who}/${what}`;
        const { body } = await stack.call<{ items: { id: string }[] }>(who, path);
        for (const { id } of body.items) await undo(who, `${path}/${id}`);
      }
  });

  test('decide in the name of who delegated, until it is taken back', async () => {
    const { id } = await loan();
    const path = await arrange('eve', 'delegations', { to: 'sam', until: at('P1D'), reason: 'x' });
    expect(await eligible(id)).toEqual(['dana', 'eve', 'omar', 'sam']);
    await decide(stack, 'sam', id);
    const { body } = await lastOf(stack, id, 'decided');
    expect(body).toMatchObject({
      delegated_by_c: await ref(id, 'eve'),
      person_c: await ref(id, 'sam'),
      delegation: path.split('/').at(-1),
    });
    const other = await loan();
    await undo('eve', path);
    expect(await eligible(other.id)).toEqual(['dana', 'eve', 'omar']);
    await decide(stack, 'omar', id);
    expect(await read(stack, id)).toMatchObject({ status: 'approved' });
    await expectWhole(stack, id);
    await expectWhole(stack, other.id);
  });

  test('decide for who is absent, who cannot', async () => {
    const { id } = await loan();
    const span = { from: at('PT0S'), until: at('P1D'), deputy: 'pia' };
    const path = await arrange('omar', 'absences', span);
    stack.clock.advance('PT1S');
    expect(await eligible(id)).toEqual(['dana', 'eve', 'pia']);
    const { contentDigest } = await view(stack, 'omar', id);
    await refusedFor(stack, 'omar', {
      path: `${id}/decisions`,
      body: { verdict: 'approve', contentDigest },
      reason: 'NOT_ELIGIBLE',
    });
    await decide(stack, 'pia', id);
    expect((await read(stack, id)).decisions).toMatchObject([
      { person: 'pia', delegatedBy: 'omar' },
    ]);
    // Who is absent may still hand over.
    const next = await loan();
    await done(stack, 'omar', [`${next.id}/delegations`, hand('rui')]);
    expect(await eligible(next.id)).toEqual(['dana', 'eve', 'pia', 'rui']);
    await undo('omar', path);
    await expectWhole(stack, id);
    await expectWhole(stack, next.id);
  });

  test('for a party are as bound as the party', async () => {
    const path = await arrange('dana', 'delegations', {
      ...{ to: 'omar', until: at('P1D'), reason: 'x' },
    });
    const { id } = await loan({ onBehalfOf: 'dana' });
    expect(await eligible(id)).toEqual(['eve', 'mia']); // one officer is left of two
    const { contentDigest } = await view(stack, 'omar', id);
    const body = { verdict: 'approve', contentDigest };
    await refusedFor(stack, 'omar', { path: `${id}/decisions`, body, reason: 'OWN_REQUEST' });
    await undo('dana', path);
    await expectWhole(stack, id);
  });
});

test('the same key hands over once', async () => {
  const { id } = await loan();
  const once = async (who: string, route: string, body: object): Promise<void> => {
    const call = { body, headers: { 'Idempotency-Key': randomUUID() } };
    const path = `/v1/requests/${id}/${route}`;
    const first = await stack.call(who, path, call);
    expect(first.status, first.text).toBe(200);
    stack.clock.advance('PT1S');
    const again = await stack.call(who, path, call);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
  };
  await once('eve', 'claims', {});
  await once('eve', 'delegations', hand('vic'));
  await once('mia', 'reassignments', { from: 'eve', to: 'omar', reason: 'x' });
  await once('omar', 'escalations', { reason: 'x' });
  expect((await kindsOf(stack, id)).slice(3)).toEqual([
    ...['claimed', 'delegated', 'reassigned', 'claimed', 'escalated'],
  ]);
  await expectWhole(stack, id);
});

test('twenty hand it over at once: one chain, and a state that is what it says', async () => {
  const { id } = await loan();
  const turns = [
    () => act(stack, 'eve', `${id}/claims`, {}),
    () => act(stack, 'eve', `${id}/delegations`, hand('vic')),
    () => act(stack, 'mia', `${id}/reassignments`, { from: 'dana', to: 'omar', reason: 'x' }),
    () => act(stack, 'omar', `${id}/escalations`, { reason: 'x' }),
    () => act(stack, 'omar', `${id}/delegations`, hand('sam')),
  ];
  const replies = await Promise.all(
    Array.from({ length: 20 }, async (_, n) => turns[n % turns.length]?.()),
  );
  expect(replies.every((reply) => reply?.status === 200)).toBe(true);
  const kinds = await kindsOf(stack, id);
  const answered = kinds.filter((kind) =>
    ['claimed', 'delegated', 'reassigned', 'escalated', 'refused'].includes(kind),
  );
  expect(answered.length).toBeGreaterThanOrEqual(20);
  expect(kinds.filter((kind) => kind === 'delegated')).toHaveLength(8);
  expect(await eligible(id)).not.toContain('dana');
  await expectWhole(stack, id, [WORDS]);
});

test('Temporal keeps neither words nor names', async () => {
  const { id } = await loan();
  const gate = async () =>
    (
      await stack.deps.db.query<{ gate: string }>('SELECT gate FROM request WHERE id = $1', [id])
    )[0];
  await until(async () => (await gate())?.gate === 'open', 'the gate');
  await done(stack, 'eve', [`${id}/delegations`, hand('vic')]);
  await done(stack, 'eve', [`${id}/escalations`, { reason: WORDS }]);
  await until(async () => (await keptByTemporal(stack, port)).updates >= 2, 'two Updates');
  const { text } = await keptByTemporal(stack, port);
  for (const word of ['Plantedwords', '41000', 'Zoë', 'sample-agent', 'Novak'])
    expect(text).not.toContain(word);
});
