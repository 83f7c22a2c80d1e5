import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  approve,
  askException,
  end,
  exceptionPage,
  getException,
  sealExpired,
  type ExceptionActor,
  type ExceptionShape,
  type NewException,
} from '../../application/exceptions.ts';
import { withCountedUses } from '../../application/exception-uses.ts';
import { requestPolicy } from '../../application/policy-history.ts';
import { checkLog } from '../../application/self-check.ts';
import { addDuration, fromMillis, toMillis } from '../../domain/instant.ts';
import { sha256 } from '../../ledger/hash.ts';
import { verifyChain } from '../../ledger/verify.ts';
import { recordsOf } from '../../prisma/ledger-store.ts';
import { codeOf, LOAN, NOBODY_REMEMBERS, openWorld, POLICY, publish, type World } from './world.ts';

/** No large loan is declined by machine; everything else is looked at. */
const STRICT = POLICY.replace(
  'rules:\n',
  `rules:
  - name: never large
    when: double(request.action.parameters.amount) > 10000.0
    effect: reject
`,
);

let world: World;
beforeAll(async () => {
  world = await openWorld([STRICT]);
});
afterAll(() => world.close());

async function actor(own: World, id: string): Promise<ExceptionActor> {
  const { principal } = await own.caller(id);
  if (principal.type !== 'person') throw new TypeError('an app asks for no exception');
  return {
    id,
    dekId: principal.dekId,
    by: {
      actor: { type: 'person', id },
      auth: { level: 1, method: 'sample_token', proof: null },
      surface: 'rest',
    },
  };
}

async function ask(own: World, differs: Partial<NewException> = {}): Promise<ExceptionShape> {
  const asked: NewException = {
    ...{ policy: 'loans', rule: 'never large', when: null, from: null },
    until: addDuration(own.clock.now, 'P7D'),
    reason: 'The model is new, and Rui looks at each.',
    ...differs,
  };
  return askException(own.deps, await actor(own, 'cora'), { asked, remember: NOBODY_REMEMBERS });
}

async function agree(own: World, id: string, who = 'rui'): Promise<ExceptionShape> {
  return approve(own.deps, await actor(own, who), { id, remember: NOBODY_REMEMBERS });
}

async function stop(own: World, id: string): Promise<ExceptionShape> {
  return end(own.deps, await actor(own, 'cora'), { id, remember: NOBODY_REMEMBERS });
}

const statusOf = async (own: World): Promise<string> => (await own.submit()).body.status;

async function policyRecords(own: World) {
  const [row] = await own.deps.db.query<{ stream_id: string }>(
    `SELECT stream_id FROM policy WHERE id = 'loans'`,
  );
  const stream = row?.stream_id ?? '';
  const bytes = (await recordsOf(own.deps.db, stream)).map((record) => record.bytes);
  expect((await verifyChain({ records: bytes, sha256 })).problems).toEqual([]);
  return own.records(stream);
}

const exceptionsIn = (records: Awaited<ReturnType<typeof policyRecords>>): string[] =>
  records.flatMap(({ kind, body }) =>
    kind === 'exception' && 'change' in body ? [`${body.change} ${body.uses}`] : [],
  );

const fsck = async (own: World): Promise<readonly string[]> =>
  (await checkLog({ ...own.deps, db: own.owner }, { signed: null })).problems.map((one) =>
    JSON.stringify(one),
  );

describe('an exception to a rule', () => {
  test('changes nothing until somebody else has agreed, and then the next rule counts', async () => {
    const own = await openWorld([STRICT]);
    expect(await statusOf(own)).toBe('rejected');
    const { id, state } = await ask(own);
    expect(state).toBe('waiting');
    expect(await statusOf(own)).toBe('rejected');
    expect(await codeOf(agree(own, id, 'cora'))).toBe('FORBIDDEN');
    expect(await statusOf(own)).toBe('rejected');
    expect(await agree(own, id)).toMatchObject({ state: 'in-force', approver: 'rui', uses: 0 });
    const { body } = await own.submit(); // the fence told the cache
    expect(body).toMatchObject({ status: 'pending', policy: { rule: 'everything' } });
    expect(await getException(own.deps, id)).toMatchObject({
      uses: 1,
      reason: 'The model is new, and Rui looks at each.',
    });

    const records = await policyRecords(own);
    expect(records.map(({ kind }) => kind)).toEqual([
      ...['policy_changed', 'task_changed', 'task_changed', 'exception'],
    ]);
    expect(records.at(-1)).toMatchObject({
      actor: { type: 'human', role: 'compliance' },
      body: { exception: id, change: 'granted', of: 'rule', policy_id: 'loans', rule: 0, uses: 0 },
    });
    expect(JSON.stringify(records)).not.toMatch(/cora|rui|model is new/);
    expect(await fsck(own)).toEqual([]);
    await own.close();
  });

  test('is never silent: the chain of each request has it, counted, and the request shows it', async () => {
    const own = await openWorld([STRICT]);
    const { id } = await ask(own);
    await agree(own, id);
    own.deps.policies.drop();
    const many = await Promise.all(Array.from({ length: 6 }, () => own.submit()));
    const counts = await Promise.all(
      many.map(async ({ body }) => {
        const records = await own.records(body.id);
        const used = records.filter(({ kind }) => kind === 'exception');
        expect(used).toMatchObject([
          { body: { exception: id, change: 'used', rule: 0, about_stream: null } },
        ]);
        const { exceptions } = await requestPolicy(own.deps, (await own.row(body.id)).state);
        expect(exceptions).toMatchObject([{ exception: id, policy: 'loans', rule: 'never large' }]);
        return used[0]?.kind === 'exception' && 'uses' in used[0].body ? used[0].body.uses : 0;
      }),
    );
    expect(counts.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6]);
    expect((await getException(own.deps, id)).uses).toBe(6);
    expect(await fsck(own)).toEqual([]);
    // A use that nobody sealed, and one that is gone, are found.
    await own.owner.query(`ALTER TABLE policy_exception_use DISABLE TRIGGER no_change`);
    await own.owner.query(`DELETE FROM policy_exception_use WHERE ordinal = 3`);
    expect((await fsck(own)).join()).toContain('uses of exceptions');
    await own.close();
  });

  test('applies from its first millisecond to the last before its end, and its end is sealed', async () => {
    const own = await openWorld([STRICT]);
    const from = addDuration(own.clock.now, 'P1D');
    const until = addDuration(own.clock.now, 'P2D');
    const { id } = await ask(own, { from, until });
    expect((await agree(own, id)).state).toBe('upcoming');
    const at = async (millis: number): Promise<string> => {
      own.clock.now = fromMillis(millis);
      return statusOf(own);
    };
    expect(await at(toMillis(from) - 1)).toBe('rejected');
    expect(await at(toMillis(from))).toBe('pending');
    expect(await at(toMillis(until) - 1)).toBe('pending');
    await sealExpired(own.deps);
    expect(exceptionsIn(await policyRecords(own))).toEqual(['granted 0']);
    expect(await at(toMillis(until))).toBe('rejected');
    expect((await getException(own.deps, id)).state).toBe('expired');
    await sealExpired(own.deps);
    await sealExpired(own.deps);
    expect(exceptionsIn(await policyRecords(own))).toEqual(['granted 0', 'expired 2']);
    expect(await codeOf(stop(own, id))).toBe('CONFLICT');
    expect(await fsck(own)).toEqual([]);
    await own.close();
  });

  test('is ended at once, and cannot be approved again', async () => {
    const own = await openWorld([STRICT]);
    const { id } = await ask(own);
    await agree(own, id);
    expect(await codeOf(agree(own, id))).toBe('CONFLICT');
    expect(await statusOf(own)).toBe('pending');
    expect(await stop(own, id)).toMatchObject({ state: 'ended', endedBy: 'cora', uses: 1 });
    expect(await statusOf(own)).toBe('rejected');
    expect(await codeOf(stop(own, id))).toBe('CONFLICT');
    expect(await codeOf(agree(own, id))).toBe('CONFLICT');
    expect(exceptionsIn(await policyRecords(own))).toEqual(['granted 0', 'ended 1']);
    expect(await fsck(own)).toEqual([]);
    await own.close();
  });

  test('that waits can be taken back, or waits too long', async () => {
    const own = await openWorld([STRICT]);
    const taken = await ask(own);
    expect((await stop(own, taken.id)).state).toBe('ended');
    const late = await ask(own);
    own.clock.move('P8D');
    expect(await codeOf(agree(own, late.id))).toBe('CONFLICT');
    expect((await policyRecords(own)).map(({ kind }) => kind)).not.toContain('exception');
    expect(await fsck(own)).toEqual([]);
    await own.close();
  });

  test('holds only in its scope, and not where the scope cannot be judged', async () => {
    const own = await openWorld([STRICT]);
    const scope = 'request.context.confidence > 0.9';
    const { id } = await ask(own, { when: scope });
    await agree(own, id);
    const withConfidence = (confidence: number | undefined) => ({
      content: {
        context: { ...LOAN.context, ...(confidence === undefined ? {} : { confidence }) },
      },
    });
    const status = async (confidence: number | undefined): Promise<string> =>
      (await own.submit(withConfidence(confidence) as never)).body.status;
    expect(await status(0.95)).toBe('pending');
    expect(await status(0.5)).toBe('rejected');
    expect(await status(undefined)).toBe('rejected');
    await own.close();
  });

  test('follows its rule by name to a later version', async () => {
    const own = await openWorld([STRICT]);
    const { id } = await ask(own);
    await agree(own, id);
    const moved = STRICT.replace(
      'rules:\n',
      'rules:\n  - { name: first, when: "false", effect: approve }\n',
    );
    await publish(own.deps, moved, 1);
    const { body } = await own.submit();
    expect(body).toMatchObject({ status: 'pending', policy: { version: 2 } });
    const used = (await own.records(body.id)).find(({ kind }) => kind === 'exception');
    expect(used?.body).toMatchObject({ exception: id, rule: 1 });
    await own.close();
  });
});

test('what a step brings about is counted in the same row, after what came before', async () => {
  const own = await openWorld([STRICT]);
  const { id } = await ask(own);
  await agree(own, id);
  const request = (await own.submit()).body.id;
  const exception = {
    ...{ id, policy: 'loans', rule: 'never large', when: null, approver: 'rui' },
    ...{ from: own.clock.now, until: addDuration(own.clock.now, 'P1D'), ruleIndex: 0, uses: 0 },
  };
  const applied = {
    events: [
      { type: 'policy_bound', cause: 'amended' },
      { type: 'exception_used', exception },
    ],
  } as const;
  const at = { requestId: request, now: own.clock.now };
  const counted = await own.deps.db.transaction((tx) => withCountedUses(tx, applied, at));
  expect(counted.events).toEqual([
    applied.events[0],
    { type: 'exception_used', exception: { ...exception, uses: 2 } },
  ]);
  expect((await getException(own.deps, id)).uses).toBe(2);
  const none = { events: [applied.events[0]] };
  expect(await own.deps.db.transaction((tx) => withCountedUses(tx, none, at))).toBe(none);
  await own.close();
});

describe('what cannot be asked for', () => {
  test.each([
    { why: 'no such policy', differs: { policy: 'nothing' }, pointer: '/policy' },
    { why: 'the built-in policy', differs: { policy: 'fallback' }, pointer: '/policy' },
    { why: 'no such rule', differs: { rule: 'another' }, pointer: '/rule' },
    { why: 'a scope that is no condition', differs: { when: 'request.(' }, pointer: '/when' },
    {
      why: 'an end before the beginning',
      differs: { from: '2090-01-01T00:00:00.000Z' },
      pointer: '/until',
    },
    {
      why: 'an end in the past',
      differs: { from: '2020-01-01T00:00:00.000Z', until: '2021-01-01T00:00:00.000Z' },
      pointer: '/until',
    },
    { why: 'a reason of nothing', differs: { reason: ' \u200b' }, pointer: '/reason' },
  ])('$why', async ({ differs, pointer }) => {
    const before = await world.deps.db.query('SELECT id FROM policy_exception');
    await expect(ask(world, differs)).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      problems: [{ pointer, message: expect.any(String) }],
    });
    expect(await world.deps.db.query('SELECT id FROM policy_exception')).toEqual(before);
  });

  test('something that is not there is neither read, approved nor ended', async () => {
    const id = '00000000-0000-4000-8000-000000000000';
    const acts = [getException, (_deps: unknown, one: string) => agree(world, one)];
    for (const act of [...acts, (_deps: unknown, one: string) => stop(world, one)])
      expect(await codeOf(act(world.deps, id))).toBe('NOT_FOUND');
  });
});

test('the list is newest first, of one policy or of all, page by page', async () => {
  const own = await openWorld([STRICT, STRICT.replace('id: loans', 'id: others')]);
  const ids: string[] = [];
  for (const policy of ['loans', 'others', 'loans']) {
    ids.unshift((await ask(own, { policy })).id);
    own.clock.move('PT1S');
  }
  const all = { policy: null, before: null, limit: 2 };
  const first = await exceptionPage(own.deps, all);
  expect(first.map(({ id }) => id)).toEqual(ids.slice(0, 2));
  const last = first.at(-1) as ExceptionShape;
  const rest = await exceptionPage(own.deps, { ...all, before: last });
  expect(rest.map(({ id }) => id)).toEqual(ids.slice(2));
  const ofOthers = await exceptionPage(own.deps, { ...all, policy: 'others' });
  expect(ofOthers.map(({ id }) => id)).toEqual([ids[1]]);
  await own.close();
});

describe('a row that nobody sealed is found', () => {
  test.each([
    {
      why: 'an approval',
      change: `approver = 'rui', approved_at = now()`,
      text: 'in force otherwise',
    },
    {
      why: 'a longer time',
      change: `valid_until = valid_until + interval '1 year'`,
      text: 'kept otherwise',
    },
    { why: 'another rule', change: `rule = 'everything'`, text: 'kept otherwise' },
    { why: 'a wider scope', change: 'scope = NULL', text: 'kept otherwise' },
  ])('$why', async ({ change, text, why }) => {
    const own = await openWorld([STRICT]);
    const { id } = await ask(own, { when: 'request.riskTier == "low"' });
    if (why !== 'an approval') await agree(own, id);
    expect(await fsck(own)).toEqual([]);
    await own.owner.query(`UPDATE policy_exception SET ${change} WHERE id = '${id}'`);
    expect((await fsck(own)).join()).toContain(text);
    await own.close();
  });
});
