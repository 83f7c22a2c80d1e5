import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { secretHash } from '../../application/secret.ts';
import { insertToken } from '../../prisma/people-store.ts';
import { openStack, type Stack } from '../support/stack.ts';
import {
  act,
  aHeldRequest,
  aLoan,
  aSureLoan,
  chain,
  countRows,
  decide,
  expectProblem,
  HOLDING_POLICY,
  read,
  submit,
  view,
  type CommandReply,
} from './support/calls.ts';

/** The owner of the sample app has no token of his own; here he tries all the same. */
const OTTO = `csp_${randomBytes(32).toString('base64url')}`;

let stack: Stack;
beforeAll(async () => {
  // As if people could sign in with a passkey: STRONG_POLICY asks for one.
  stack = await openStack({ reachableAssurance: 3 });
  for (const [id, raw] of Object.entries({ holding: HOLDING_POLICY, strong: STRONG_POLICY })) {
    const headers = { 'Content-Type': 'application/yaml' };
    await stack.call('cora', `/v1/policies/${id}/versions`, { raw, headers });
  }
  const hash = secretHash(OTTO.replace('csp_', ''));
  const createdAt = stack.deps.now();
  await stack.deps.db.transaction(async (tx) => {
    tx.write(insertToken({ hash, person: 'otto', createdAt }));
  });
});
afterAll(() => stack.close());

const STRONG_POLICY = `id: strong
kind: ai-decision
when: request.action.operation == "vault.open"
rules:
  - name: passkey
    effect: review
    requireView: false
    stages: [{ name: only, role: credit-officer, quorum: 1, deadline: P1D, assurance: 3 }]
`;

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const REASON = 'The regulator asked us to stop this today.';

interface Refusal {
  readonly why: string;
  readonly reason: string;
  /** Brings a request to where the attempt is made. */
  readonly given: () => Promise<string>;
  readonly attempt: (id: string) => Promise<CommandReply>;
}

const submitted = (body: unknown) => async () => (await submit(stack, body)).id;
const decides = (who: string) => (id: string) => decide(stack, who, id);
const overrides =
  (who: string, effect: string, reason = REASON) =>
  (id: string) =>
    act(stack, who, `${id}/overrides`, { effect, reason });
const withdraws = (who: string) => (id: string) => act(stack, who, `${id}/withdrawal`, {});

const rejected = async (): Promise<string> => {
  const { id } = await submit(stack, aLoan());
  await decide(stack, 'eve', id, 'reject');
  return id;
};
const expired = async (): Promise<string> => {
  const { id } = await submit(stack, aLoan());
  stack.clock.advance('P2D');
  await stack.tick(id);
  return id;
};
const decidedByEve = async (): Promise<string> => {
  const { id } = await submit(stack, aLoan());
  await decide(stack, 'eve', id);
  return id;
};

const REFUSALS: readonly Refusal[] = [
  {
    why: 'has no role here',
    reason: 'NOT_ELIGIBLE',
    given: submitted(aLoan()),
    attempt: decides('rui'),
  },
  {
    why: 'is acted for',
    reason: 'OWN_REQUEST',
    given: submitted(aLoan()),
    attempt: decides('dana'),
  },
  {
    why: 'owns the app that asked',
    reason: 'OWN_REQUEST',
    given: submitted(aLoan()),
    attempt: decides(OTTO),
  },
  {
    why: 'asked in person',
    reason: 'OWN_REQUEST',
    given: async () => (await submit(stack, aLoan(), 'eve')).id,
    attempt: decides('eve'),
  },
  { why: 'has decided', reason: 'ALREADY_DECIDED', given: decidedByEve, attempt: decides('eve') },
  {
    why: 'saw other text',
    reason: 'STALE_DIGEST',
    given: submitted(aLoan()),
    attempt: async (id) => {
      await view(stack, 'eve', id);
      const contentDigest = '0'.repeat(64);
      return act(stack, 'eve', `${id}/decisions`, { verdict: 'approve', contentDigest });
    },
  },
  {
    why: 'has not looked',
    reason: 'NOT_VIEWED',
    given: submitted(aLoan()),
    attempt: async (id) => {
      const { contentDigest } = await read(stack, id);
      return act(stack, 'eve', `${id}/decisions`, { verdict: 'approve', contentDigest });
    },
  },
  {
    why: 'decides what is held',
    reason: 'STAGE_CLOSED',
    given: submitted(aHeldRequest()),
    attempt: decides('eve'),
  },
  { why: 'comes after the end', reason: 'RESOLVED', given: rejected, attempt: decides('omar') },
  { why: 'comes after the time', reason: 'EXPIRED', given: expired, attempt: decides('eve') },
  {
    why: 'would need a passkey',
    reason: 'ASSURANCE_TOO_LOW',
    given: submitted(aLoan({ action: { operation: 'vault.open', target: 'v' } })),
    attempt: decides('eve'),
  },
  {
    why: 'stops without the right',
    reason: 'OVERRIDE_NOT_ALLOWED',
    given: submitted(aLoan()),
    attempt: overrides('eve', 'stop'),
  },
  {
    why: 'reverses what is pending',
    reason: 'OVERRIDE_NOT_ALLOWED',
    given: submitted(aLoan()),
    attempt: overrides('olga', 'reverse'),
  },
  {
    why: 'stops what is over',
    reason: 'OVERRIDE_NOT_ALLOWED',
    given: rejected,
    attempt: overrides('olga', 'stop'),
  },
  {
    why: 'forces what the policy approved',
    reason: 'OVERRIDE_NOT_ALLOWED',
    given: submitted(aSureLoan()),
    attempt: overrides('olga', 'force'),
  },
  {
    why: 'gives 19 characters',
    reason: 'REASON_TOO_SHORT',
    given: submitted(aLoan()),
    attempt: overrides('olga', 'stop', 'x'.repeat(19)),
  },
  {
    why: 'gives 40 blanks',
    reason: 'REASON_TOO_SHORT',
    given: submitted(aLoan()),
    attempt: overrides('olga', 'stop', ' \u00a0\u3000\n'.repeat(10)),
  },
  {
    why: 'gives 40 zero-width spaces',
    reason: 'REASON_TOO_SHORT',
    given: submitted(aLoan()),
    attempt: overrides('olga', 'stop', '\u200b'.repeat(40)),
  },
  {
    why: 'gives 40 empty Braille patterns',
    reason: 'REASON_TOO_SHORT',
    given: submitted(aLoan()),
    attempt: overrides('olga', 'stop', '\u2800'.repeat(40)),
  },
  {
    why: 'gives 19 characters and what nobody can see between them',
    reason: 'REASON_TOO_SHORT',
    given: submitted(aLoan()),
    attempt: overrides('olga', 'stop', 'x\u3164\u00ad\u2060'.repeat(19)),
  },
  {
    why: 'gives no reason',
    reason: 'REASON_TOO_SHORT',
    given: submitted(aLoan()),
    attempt: overrides('olga', 'force', ''),
  },
  {
    why: 'withdraws for another',
    reason: 'NOT_ELIGIBLE',
    given: submitted(aLoan()),
    attempt: withdraws('eve'),
  },
  {
    why: 'withdraws as the one acted for',
    reason: 'NOT_ELIGIBLE',
    given: submitted(aLoan()),
    attempt: withdraws('dana'),
  },
  { why: 'withdraws what is over', reason: 'RESOLVED', given: rejected, attempt: withdraws('app') },
  {
    why: 'withdraws what has expired',
    reason: 'EXPIRED',
    given: expired,
    attempt: withdraws('app'),
  },
];

describe('refused, sealed and without effect: whoever', () => {
  test.each(REFUSALS)('$why → $reason', async ({ reason, given, attempt }) => {
    const id = await given();
    const before = await read(stack, id, 'cora');
    const reply = await attempt(id);
    expect(reply.status, reply.text).toBe(200);
    expect(reply.body.outcome).toEqual({
      kind: 'refused',
      reason,
      text: expect.stringMatching(/^[A-Z].{20,}\.$/s),
    });
    expect(reply.body.request).toEqual(before);
    expect(await read(stack, id, 'cora')).toEqual(before);
    const last = (await chain(stack, id)).at(-1);
    expect(last?.record.kind).toBe('refused');
    expect(last?.record.body['reason']).toBe(reason);
    expect(reply.body.record).toEqual({ seq: last?.seq, leafHash: last?.leafHash, index: null });
  });

  test('comes first after the time finds it expired, without any tick', async () => {
    const { id } = await submit(stack, aLoan());
    const { contentDigest } = await view(stack, 'eve', id);
    stack.clock.advance('P1D');
    const reply = await act(stack, 'eve', `${id}/decisions`, { verdict: 'approve', contentDigest });
    expect(reply.body.outcome).toMatchObject({ kind: 'refused', reason: 'EXPIRED' });
    expect(reply.body.request).toMatchObject({
      status: 'expired',
      resolution: { kind: 'expired', mayProceed: false, by: [] },
    });
  });
});

// ---- withdrawals and overrides -------------------------------------------------------------------

describe('a withdrawal', () => {
  test.each(['app', 'eve'])('by the requester (%s) ends the request', async (who) => {
    const { id } = await submit(stack, aLoan(), who);
    const reply = await act(stack, who, `${id}/withdrawal`, { reason: 'Submitted twice.' });
    expect(reply.body.outcome).toMatchObject({
      kind: 'settled',
      resolution: { kind: 'withdrawn', mayProceed: false, reason: 'Submitted twice.' },
    });
    expect(await read(stack, id, 'cora')).toMatchObject({ status: 'withdrawn', stage: null });
  });

  test('needs no body and no reason', async () => {
    const { id } = await submit(stack, aLoan());
    const reply = await stack.call('app', `/v1/requests/${id}/withdrawal`, { method: 'POST' });
    expect(reply.status, reply.text).toBe(200);
    expect((await read(stack, id)).resolution).toMatchObject({ kind: 'withdrawn', reason: null });
  });
});

describe('an override', () => {
  const approved = async (): Promise<string> => (await submit(stack, aSureLoan())).id;
  const reversible = async (): Promise<string> => {
    const id = await decidedByEve();
    await decide(stack, 'omar', id);
    await decide(stack, 'rui', id);
    return id;
  };
  test.each([
    { effect: 'stop', on: 'pending', given: submitted(aLoan()), mayProceed: false },
    { effect: 'stop', on: 'held', given: submitted(aHeldRequest()), mayProceed: false },
    { effect: 'reverse', on: 'approved', given: reversible, mayProceed: false },
    { effect: 'force', on: 'pending', given: decidedByEve, mayProceed: true },
    { effect: 'force', on: 'held', given: submitted(aHeldRequest()), mayProceed: true },
    { effect: 'force', on: 'rejected', given: rejected, mayProceed: true },
    { effect: 'force', on: 'expired', given: expired, mayProceed: true },
  ])('$effect on $on', async ({ effect, on, given, mayProceed }) => {
    const id = await given();
    const before = await read(stack, id);
    expect(before.status).toBe(on);
    const reply = await overrides('olga', effect)(id);
    const resolution = {
      kind: 'overridden',
      effect,
      mayProceed,
      at: expect.stringMatching(INSTANT),
      by: ['olga'],
      reason: REASON,
    };
    expect(reply.status, reply.text).toBe(200);
    expect(reply.body.outcome).toEqual({ kind: 'settled', resolution });
    const after = await read(stack, id);
    expect(after).toMatchObject({ status: 'overridden', stage: null, resolution });
    expect(after.decisions).toEqual(before.decisions);
    expect(after.revision).toBe(before.revision + 1);
    const kinds = (await chain(stack, id)).map(({ record }) => record.kind);
    expect(kinds.slice(-2)).toEqual(['overridden', 'resolved']);
  });

  test('counts characters as people do: 20 emoji are enough', async () => {
    const { id } = await submit(stack, aLoan());
    const reply = await overrides('olga', 'stop', '👩‍👩‍👧'.repeat(20))(id);
    expect(reply.body.outcome).toMatchObject({ kind: 'settled' });
    const short = await submit(stack, aLoan());
    const refused = await overrides('olga', 'stop', '👩‍👩‍👧'.repeat(19))(short.id);
    expect(refused.body.outcome).toMatchObject({ reason: 'REASON_TOO_SHORT' });
  });

  test('by an app is 403, and nothing in the chain', async () => {
    const id = await approved();
    const before = await countRows(stack);
    for (const path of ['overrides', 'decisions', 'view'])
      expectProblem(
        await stack.call('app', `/v1/requests/${id}/${path}`, {
          ...(path === 'view' ? {} : { body: { effect: 'reverse', reason: REASON } }),
        }),
        403,
        'FORBIDDEN',
      );
    expect(await countRows(stack)).toEqual(before);
  });
});
