import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { advanceRequest } from '../../application/advance-request.ts';
import { proposalPage, requestPolicy } from '../../application/policy-history.ts';
import {
  publishOrPropose,
  type PublicationResult,
  type ResultPublication,
} from '../../application/policy-proposals.ts';
import { publishPolicy } from '../../application/policies.ts';
import { policyVersion } from '../../application/policy-queries.ts';
import type { PersonPrincipal } from '../../application/principal.ts';
import { readContent } from '../../application/request-queries.ts';
import { grantRole } from '../../application/role-grants.ts';
import { BY_ENGINE } from '../../application/sealing.ts';
import { checkLog } from '../../application/self-check.ts';
import { sha256, sha256Hex } from '../../ledger/hash.ts';
import { verifyChain } from '../../ledger/verify.ts';
import { recordsOf } from '../../prisma/ledger-store.ts';
import { codeOf, NOBODY_REMEMBERS, openWorld, POLICY, publish, type World } from './world.ts';

/** Two people for every change: somebody else of the policy admins decides. */
const GATE = `id: policy-change
kind: policy-change
rules:
  - name: every change
    effect: review
    stages:
      - { name: second person, role: policy-admin, quorum: 1, deadline: P5D }
    requireView: false
    override: { role: override-authority, minReason: 20, effects: [stop, reverse, force] }
`;

const REASON = 'The auditors asked for it, and they are right.';

let world: World;
beforeAll(async () => {
  world = await openGated();
});
afterAll(() => world.close());

/** With a second policy admin, as the gate needs one. */
async function openGated(gate = GATE): Promise<World> {
  const own = await openWorld();
  await grantRole(
    own.deps,
    { by: BY_ENGINE, name: 'system', source: 'sample' },
    {
      person: 'rui',
      grant: { role: 'policy-admin', from: null, until: null },
      remember: NOBODY_REMEMBERS,
    },
  );
  await publish(own.deps, gate);
  own.deps.policies.drop();
  return own;
}

async function proposing(
  own: World,
  source: string,
  differs: Partial<ResultPublication> & { readonly who?: string } = {},
): Promise<PublicationResult> {
  const { who = 'cora', ...more } = differs;
  const { principal } = await own.caller(who);
  const caller = { principal: principal as PersonPrincipal, surface: 'rest' } as const;
  return publishOrPropose(own.deps, caller, {
    id: /^id: *(\S+)/m.exec(source)?.[1] ?? '',
    source,
    format: 'yaml',
    expected: 'any',
    author: {
      actor: { type: 'person', id: who },
      auth: { level: 1, method: 'sample_token', proof: null },
      surface: 'rest',
      name: who,
    },
    remember: () => undefined,
    ...more,
  });
}

/** @returns the id of the request that decides. */
async function proposed(
  own: World,
  source: string,
  expected: 'any' | null = 'any',
): Promise<string> {
  const result = await proposing(own, source, { expected });
  if (result.kind !== 'proposed') throw new TypeError('it was published');
  return result.request;
}

async function changesOf(own: World, id: string): Promise<string[]> {
  const [row] = await own.deps.db.query<{ stream_id: string }>(
    'SELECT stream_id FROM policy WHERE id = $1',
    [id],
  );
  const stream = row?.stream_id ?? '';
  const bytes = (await recordsOf(own.deps.db, stream)).map((record) => record.bytes);
  expect((await verifyChain({ records: bytes, sha256 })).problems).toEqual([]);
  return (await own.records(stream)).flatMap(({ kind, body }) =>
    kind === 'policy_changed' && 'change' in body ? [`${body.version} ${body.change}`] : [],
  );
}

async function decide(own: World, id: string, verdict: 'approve' | 'reject', who = 'rui') {
  const command = await own.command(id, who, await own.decision(id, { verdict }));
  await own.step(id, command);
  return (await own.row(id)).state.resolution;
}

async function override(own: World, id: string, effect: 'stop' | 'reverse' | 'force') {
  const command = await own.command(id, 'olga', { kind: 'override', effect, reason: REASON });
  await own.step(id, command);
}

const outcomeOf = async (own: World, id: string) =>
  (await requestPolicy(own.deps, (await own.row(id)).state)).change;

const another = (): string => `${POLICY}# ${Math.random()}\n`;

/** Everything is done, and then nothing is stored. */
function dies(own: World): World['deps']['db']['transaction'] {
  return (work) =>
    own.deps.db.transaction(async (tx) => {
      await work(tx);
      throw new Error('killed');
    });
}

const fsck = async (own: World): Promise<readonly string[]> =>
  (await checkLog({ ...own.deps, db: own.owner }, { signed: null })).problems.map((one) =>
    JSON.stringify(one),
  );

describe('a proposed version', () => {
  test('is a request that others decide, sealed on both sides, and not there until it is approved', async () => {
    const own = await openGated();
    const source = POLICY.replace('quorum: 2', 'quorum: 1');
    const result = await proposing(own, source, { expected: 1 });
    expect(result).toMatchObject({ kind: 'proposed', policy: 'loans', version: 2 });
    const id = result.kind === 'proposed' ? result.request : '';
    expect(own.needed).toContain(id);
    expect(await codeOf(policyVersion(own.deps, 'loans', 2))).toBe('NOT_FOUND');
    expect((await own.submit()).body.policy.version).toBe(1);

    const row = await own.row(id);
    expect(row.state).toMatchObject({
      kind: 'policy-change',
      requester: { type: 'person', id: 'cora' },
      policy: { id: 'policy-change', version: 1 },
    });
    const content = await readContent(own.deps, row);
    expect(content).toMatchObject({
      action: {
        operation: 'policy.publish',
        target: 'policy/loans',
        parameters: { version: 2, sha256: sha256Hex(source) },
      },
      context: {
        ...{ policy: 'loans', version: 2, before: 1, source },
        changes: [{ pointer: '/rules/0/stages/0/quorum', change: 'changed' }],
        unified: expect.stringContaining('\n+        quorum: 1\n'),
      },
    });
    const [stream] = await own.deps.db.query<{ stream_id: string }>(
      `SELECT stream_id FROM policy WHERE id = 'loans'`,
    );
    const [requested] = await own.records(id);
    expect(requested?.body).toMatchObject({ occasion: 'change', about_stream: stream?.stream_id });
    const inPolicy = (await own.records(stream?.stream_id ?? '')).at(-1);
    expect(inPolicy).toMatchObject({
      kind: 'policy_changed',
      actor: { type: 'human', role: 'policy_admin' },
      body: { change: 'proposed', version: 2, policy_digest: sha256Hex(source), request: id },
    });

    expect(await decide(own, id, 'approve')).toMatchObject({ kind: 'approved' });
    const published = await policyVersion(own.deps, 'loans', 2);
    expect(published).toMatchObject({ source, author: 'cora', standing: 'in-force' });
    expect(await changesOf(own, 'loans')).toEqual(['1 published', '2 proposed', '2 published']);
    expect((await own.records(stream?.stream_id ?? '')).at(-1)).toMatchObject({
      actor: { type: 'system', role: 'engine' },
      body: { request: id, policy_digest: sha256Hex(source) },
    });
    expect((await own.submit()).body.policy.version).toBe(2); // the fence told the cache
    expect(await outcomeOf(own, id)).toMatchObject({ state: 'published', note: null });
    expect(await fsck(own)).toEqual([]);
    await own.close();
  });

  test('its author never decides, whatever roles they hold', async () => {
    const id = await proposed(world, another());
    expect(await decide(world, id, 'approve', 'cora')).toBeNull();
    expect((await world.records(id)).at(-1)).toMatchObject({
      kind: 'refused',
      body: { reason: 'OWN_REQUEST' },
    });
    await decide(world, id, 'reject');
  });

  test.each([
    { why: 'rejected', act: (id: string) => decide(world, id, 'reject'), note: 'rejected' },
    {
      why: 'withdrawn by its author',
      act: async (id: string) =>
        world.step(id, await world.command(id, 'cora', { kind: 'withdraw', reason: null })),
      note: 'withdrawn',
    },
    { why: 'stopped', act: (id: string) => override(world, id, 'stop'), note: 'overridden' },
    {
      why: 'left alone until its deadline',
      act: async (id: string) => {
        world.clock.move('P5D');
        await world.step(id);
      },
      note: 'nobody decided',
    },
  ])('$why is never published, and says so', async ({ act, note }) => {
    const before = (await changesOf(world, 'loans')).length;
    const id = await proposed(world, another());
    await act(id);
    expect(await outcomeOf(world, id)).toMatchObject({
      state: 'rejected',
      note: expect.stringContaining(note),
    });
    const changes = (await changesOf(world, 'loans')).slice(before);
    expect(changes.map((one) => one.split(' ')[1])).toEqual(['proposed', 'rejected']);
    expect(await fsck(world)).toEqual([]);
  });

  test('is published once, however often the step is repeated', async () => {
    const own = await openGated();
    const id = await proposed(own, another());
    await decide(own, id, 'approve');
    await own.step(id);
    await own.step(id);
    expect(await changesOf(own, 'loans')).toEqual(['1 published', '2 proposed', '2 published']);
    await own.close();
  });

  test('is neither lost nor published twice where a step dies before its commit', async () => {
    const own = await openGated();
    const source = another();
    const dying = { ...own.deps, db: { ...own.deps.db, transaction: dies(own) } };
    const asked = { ...own, deps: dying } as World;
    await expect(proposing(asked, source)).rejects.toThrow('killed');
    expect(await own.deps.db.query('SELECT FROM policy_proposal')).toEqual([]);
    const id = await proposed(own, source);
    const command = await own.command(id, 'rui', await own.decision(id));
    const ref = { kind: 'command', requestId: id, commandId: command } as const;
    await expect(advanceRequest(dying, ref)).rejects.toThrow('killed');
    expect(await codeOf(policyVersion(own.deps, 'loans', 2))).toBe('NOT_FOUND');
    expect(await outcomeOf(own, id)).toMatchObject({ state: 'open' });
    await own.step(id, command);
    expect(await policyVersion(own.deps, 'loans', 2)).toMatchObject({ source });
    expect(await changesOf(own, 'loans')).toEqual(['1 published', '2 proposed', '2 published']);
    await own.close();
  });

  test('of a policy that is new can be approved or not, and found by its proposals', async () => {
    const own = await openGated();
    const source = another().replace('id: loans', 'id: brand-new').replace('ai-decision', 'nobody');
    const first = await proposed(own, source, null);
    expect(await codeOf(policyVersion(own.deps, 'brand-new', 1))).toBe('NOT_FOUND');
    const second = await proposed(own, source, null);
    await decide(own, first, 'reject');
    await decide(own, second, 'approve');
    expect(await policyVersion(own.deps, 'brand-new', 1)).toMatchObject({ source });
    expect(await changesOf(own, 'brand-new')).toEqual([
      ...['1 proposed', '1 proposed', '1 rejected', '1 published'],
    ]);
    const page = { id: 'brand-new', before: null, limit: 9 };
    const proposals = await proposalPage(own.deps, page);
    expect(new Map(proposals.map(({ request, state }) => [request, state]))).toEqual(
      new Map([
        [first, 'rejected'],
        [second, 'published'],
      ]),
    );
    expect(await codeOf(proposalPage(own.deps, { ...page, id: 'nothing' }))).toBe('NOT_FOUND');
    expect(await fsck(own)).toEqual([]);
    await own.close();
  });

  test('is published exactly as it was proposed, under the number that was promised', async () => {
    const own = await openGated();
    const [a, b] = [await proposed(own, another()), await proposed(own, another())];
    await decide(own, b, 'approve');
    await decide(own, a, 'approve');
    expect(await outcomeOf(own, b)).toMatchObject({ state: 'published', version: 2 });
    expect(await outcomeOf(own, a)).toMatchObject({
      state: 'rejected',
      note: 'the request was approved, but version 2 was published meanwhile: propose it again',
    });
    expect(await changesOf(own, 'loans')).toEqual([
      ...['1 published', '2 proposed', '2 proposed', '2 published', '2 rejected'],
    ]);
    expect(await fsck(own)).toEqual([]);
    await own.close();
  });

  test('that nobody could satisfy any more is not published', async () => {
    const own = await openGated();
    const id = await proposed(own, another());
    await own.owner.query(`UPDATE role_grant SET valid_until = created_at + interval '1 ms'
      WHERE role = 'risk-manager'`);
    own.clock.move('PT1S');
    await decide(own, id, 'approve');
    expect(await outcomeOf(own, id)).toMatchObject({
      state: 'rejected',
      note: expect.stringContaining('cannot be satisfied any more (/rules/0/stages/1/role'),
    });
    await own.close();
  });
});

describe('an override', () => {
  test('that forces publishes, also what was rejected before', async () => {
    const own = await openGated();
    const [open, rejected] = [await proposed(own, another()), await proposed(own, another())];
    await decide(own, rejected, 'reject');
    await override(own, rejected, 'force');
    expect(await outcomeOf(own, rejected)).toMatchObject({ state: 'published', note: null });
    await override(own, open, 'force');
    expect(await outcomeOf(own, open)).toMatchObject({
      state: 'rejected',
      note: expect.stringContaining('version 2 was published meanwhile'),
    });
    await own.close();
  });

  test('that reverses after the publication takes nothing back, and it is said', async () => {
    const own = await openGated();
    const id = await proposed(own, another());
    await decide(own, id, 'approve');
    await override(own, id, 'reverse');
    expect(await outcomeOf(own, id)).toMatchObject({
      state: 'published',
      note: expect.stringContaining('reversed after version 2 had been published'),
    });
    expect(await policyVersion(own.deps, 'loans', 2)).toMatchObject({ standing: 'in-force' });
    expect(await fsck(own)).toEqual([]);
    await own.close();
  });
});

describe('the gate', () => {
  test('lets nobody past it: not the engine, not the policy about policies itself', async () => {
    const own = await openGated();
    expect(await codeOf(publish(own.deps, another(), 1))).toBe('PUBLISHING_GATED');
    const off = `enabled: false\n${GATE}`;
    const result = await proposing(own, off);
    expect(result.kind).toBe('proposed');
    expect(await codeOf(publish(own.deps, off, 1))).toBe('PUBLISHING_GATED');
    await decide(own, result.kind === 'proposed' ? result.request : '', 'approve');
    own.deps.policies.drop();
    expect((await proposing(own, another())).kind).toBe('published');
    await own.close();
  });

  test('that is in force only later gates only later', async () => {
    const own = await openGated(
      'id: unrelated\nkind: nobody\nrules: [{ name: a, effect: approve }]\n',
    );
    const tomorrow = own.clock.now.replace(/^\d{4}/, '2090');
    await publish(own.deps, `${GATE}effective: ${tomorrow}\n`);
    own.deps.policies.drop();
    expect((await proposing(own, another())).kind).toBe('published');
    own.clock.now = tomorrow;
    expect((await proposing(own, another())).kind).toBe('proposed');
    expect(await codeOf(publish(own.deps, another(), 2))).toBe('PUBLISHING_GATED');
    await own.close();
  });

  test('that was closed while somebody was about to publish is noticed', async () => {
    const own = await openWorld();
    await grantRole(
      own.deps,
      { by: BY_ENGINE, name: 'system', source: 'sample' },
      {
        person: 'rui',
        grant: { role: 'policy-admin', from: null, until: null },
        remember: NOBODY_REMEMBERS,
      },
    );
    await own.deps.policies.current(); // in memory there is no gate
    await publish(own.deps, GATE);
    expect((await proposing(own, another())).kind).toBe('proposed');
    await own.close();
  });

  test('in shadow mode, or off, gates nothing', async () => {
    const own = await openGated(`mode: shadow\n${GATE}`);
    expect((await proposing(own, another())).kind).toBe('published');
    await own.close();
  });

  test.each([
    ['approve', 'published', '2 published'],
    ['reject', 'rejected', '2 rejected'],
  ])('may decide alone: %s', async (effect, state, change) => {
    const own = await openGated(
      `id: policy-change\nkind: policy-change\nrules: [{ name: alone, effect: ${effect} }]\n`,
    );
    const id = await proposed(own, another());
    expect(await outcomeOf(own, id)).toMatchObject({ state });
    expect(await changesOf(own, 'loans')).toEqual(['1 published', '2 proposed', change]);
    expect(await codeOf(policyVersion(own.deps, 'loans', 2))).toBe(
      state === 'published' ? 'none' : 'NOT_FOUND',
    );
    expect(own.needed).toEqual([]);
    expect(await fsck(own)).toEqual([]);
    await own.close();
  });

  test('asks for the same as publishing does: a precondition, and a policy without a problem', async () => {
    const before = await world.deps.db.query('SELECT request_id FROM policy_proposal');
    expect(await codeOf(proposing(world, another(), { expected: null }))).toBe(
      'PRECONDITION_REQUIRED',
    );
    expect(await codeOf(proposing(world, another(), { expected: 77 }))).toBe('PRECONDITION_FAILED');
    const wrong = another().replace('quorum: 2', 'quorum: 9');
    expect(await codeOf(proposing(world, wrong))).toBe('POLICY_INVALID');
    expect(await world.deps.db.query('SELECT request_id FROM policy_proposal')).toEqual(before);
  });
});

test('publishing without the gate stays what it was', async () => {
  const own = await openWorld();
  const row = await publishPolicy(own.deps, {
    ...{ id: 'loans', source: another(), format: 'yaml', expected: 1 },
    author: { ...BY_ENGINE, name: 'system' },
    remember: NOBODY_REMEMBERS,
  });
  expect(row.version).toBe(2);
  expect((await proposing(own, another())).kind).toBe('published');
  await own.close();
});
