import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ApplicationError } from '../../application/error.ts';
import {
  createPolicyCache,
  publishPolicy,
  type PolicyCache,
  type Publication,
} from '../../application/policies.ts';
import { policyPage, policyVersion } from '../../application/policy-queries.ts';
import { submitRequest } from '../../application/submit-request.ts';
import { verifyChain } from '../../ledger/verify.ts';
import { sha256, sha256Hex } from '../../ledger/hash.ts';
import { recordsOf } from '../../prisma/ledger-store.ts';
import { LOAN, NOBODY_REMEMBERS, POLICY, codeOf, openWorld, publish, type World } from './world.ts';

let world: World;
let made = 0;
beforeAll(async () => {
  world = await openWorld([]);
});
afterAll(() => world.close());

/** A policy with an id of its own, for requests that nobody submits. */
function aSource(differs: (source: string) => string = (source) => source): {
  readonly id: string;
  readonly source: string;
} {
  made += 1;
  const id = `policy-${made}`;
  const source = POLICY.replace('id: loans', `id: ${id}`).replace('ai-decision', 'kind-of-nobody');
  return { id, source: differs(source) };
}

async function publishing(differs: Pick<Publication, 'id' | 'source'> & Partial<Publication>) {
  const { principal } = await world.caller('cora');
  return publishPolicy(world.deps, {
    format: 'yaml',
    expected: null,
    author: {
      actor: { type: 'person', id: principal.id },
      auth: { level: 1, method: 'sample_token', proof: null },
      surface: 'rest',
      name: 'cora',
    },
    remember: NOBODY_REMEMBERS,
    ...differs,
  });
}

const versions = async (id: string): Promise<number[]> =>
  (
    await world.deps.db.query<{ version: number }>(
      'SELECT version FROM policy_version WHERE policy_id = $1 ORDER BY version',
      [id],
    )
  ).map((row) => row.version);

describe('publishing', () => {
  test('stores the text as it was written, and seals it in a chain of its own', async () => {
    const { id, source } = aSource();
    const first = await publishing({ id, source });
    const second = await publishing({ id, source: `${source}# more\n`, expected: 1 });
    expect(first).toMatchObject({ id, version: 1, source, author: 'cora', enabled: true });
    expect(first.sourceSha256).toBe(sha256Hex(source));
    const asRead = {
      objective: null,
      owner: null,
      reviewBy: null,
      reviewOverdue: false,
      controls: [],
    };
    expect(await policyVersion(world.deps, id, 1)).toEqual({
      ...{ ...first, ...asRead, mode: 'enforced', standing: 'superseded' },
      effective: first.createdAt,
    });
    expect(await policyVersion(world.deps, id, 2)).toEqual({
      ...{ ...second, ...asRead, mode: 'enforced', standing: 'in-force' },
      effective: second.createdAt,
    });

    const [row] = await world.deps.db.query<{ stream_id: string }>(
      'SELECT stream_id FROM policy WHERE id = $1',
      [id],
    );
    const stream = row?.stream_id ?? '';
    expect((await world.records(stream)).map(({ body }) => body)).toMatchObject(
      [first, second].map(({ version, sourceSha256 }) => ({
        policy_id: id,
        version,
        change: 'published',
        mode: 'enforced',
        policy_digest: sourceSha256,
        before_digest: version === 1 ? null : first.sourceSha256,
      })),
    );
    const bytes = (await recordsOf(world.deps.db, stream)).map((record) => record.bytes);
    expect((await verifyChain({ records: bytes, sha256 })).problems).toEqual([]);
  });

  test.each([
    { why: 'a first version with If-Match', before: 0, expected: 1, code: 'PRECONDITION_FAILED' },
    { why: 'a later version without', before: 2, expected: null, code: 'PRECONDITION_REQUIRED' },
    { why: 'an older version', before: 2, expected: 1, code: 'PRECONDITION_FAILED' },
    { why: 'a version that is not there yet', before: 2, expected: 3, code: 'PRECONDITION_FAILED' },
    { why: 'the newest version', before: 2, expected: 2, code: 'none' },
    { why: 'a first version without If-Match', before: 0, expected: null, code: 'none' },
  ])('$why: $code', async ({ before, expected, code }) => {
    const { id, source } = aSource();
    for (let version = 1; version <= before; version += 1)
      await publishing({ id, source, expected: version === 1 ? null : version - 1 });
    expect(await codeOf(publishing({ id, source, expected }))).toBe(code);
    const stored = Array.from({ length: before + (code === 'none' ? 1 : 0) }, (_, i) => i + 1);
    expect(await versions(id)).toEqual(stored);
  });

  test('of two at once, one is the next version and the other has to look again', async () => {
    const { id, source } = aSource();
    await publishing({ id, source });
    // All four are on their way before the first can go on.
    const codes = await world.deps.db.transaction(async (tx) => {
      await tx.query({ text: 'SELECT 1 FROM installation FOR UPDATE', values: [] });
      const all = Array.from({ length: 4 }, () => codeOf(publishing({ id, source, expected: 1 })));
      await vi.waitFor(async () => {
        const waiting = await world.owner.query(
          `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        expect(waiting).toHaveLength(4);
      }, 10_000);
      return { all };
    });
    const told = await Promise.all(codes.all);
    expect(told.toSorted()).toEqual([
      'PRECONDITION_FAILED',
      'PRECONDITION_FAILED',
      'PRECONDITION_FAILED',
      'none',
    ]);
    expect(await versions(id)).toEqual([1, 2]);
  });

  test('there is nothing where nothing was published', async () => {
    expect(await codeOf(policyVersion(world.deps, 'nothing', 1))).toBe('NOT_FOUND');
    const { id, source } = aSource();
    await publishing({ id, source });
    expect(await codeOf(policyVersion(world.deps, id, 2))).toBe('NOT_FOUND');
  });

  test('the list shows the newest of each, page by page', async () => {
    const { id, source } = aSource();
    await publishing({ id, source });
    await publishing({ id, source, expected: 1 });
    const all = await policyPage(world.deps, { after: null, limit: 200 });
    const ids = all.map((row) => row.id);
    expect(ids).toEqual(ids.toSorted());
    expect(all.find((row) => row.id === id)?.version).toBe(2);
    const rest = await policyPage(world.deps, { after: ids[0] ?? '', limit: 1 });
    expect(rest.map((row) => row.id)).toEqual(ids.slice(1, 2));
  });
});

describe('what cannot be published', () => {
  async function problemsOf(source: string, id: string): Promise<[string, string[]]> {
    const before = await versions(id);
    const fault = await publishing({ id, source }).catch((error: unknown) => error);
    expect(await versions(id)).toEqual(before);
    if (!(fault instanceof ApplicationError)) return ['no ApplicationError', []];
    return [fault.code, fault.problems.map(({ pointer }) => pointer).toSorted()];
  }

  test('is told with every problem at once, of who there is as much as of shape', async () => {
    const { id, source } = aSource((text) =>
      text
        .replace(
          'role: credit-officer\n        quorum: 2',
          'role: credit-officer\n        quorum: 9',
        )
        .replace('to: credit-manager', 'to: credit-officer')
        .replace('role: risk-manager', 'role: nobody-has-this')
        .replace('distinctFrom: [first line]', 'distinctFrom: [no such stage]'),
    );
    expect(await problemsOf(source, id)).toEqual([
      'POLICY_INVALID',
      [
        '/rules/0/stages/0/escalations/0/to',
        '/rules/0/stages/0/quorum',
        '/rules/0/stages/1/distinctFrom/0',
        '/rules/0/stages/1/role',
      ],
    ]);
  });

  test('is told in one answer what is wrong in words and what cannot be fulfilled', async () => {
    const { id } = aSource();
    const source = `id: somebody-else
kind: kind-of-nobody
foo: 1
rules:
  - name: broken
    when: request.(
    effect: review
    stages:
      - { name: first, role: nobody-has-this, quorum: 1, deadline: soon, bar: 2 }
      - { name: second, role: credit-officer, quorum: 9, distinctFrom: [no such stage], onTimeout: next-stage }
  - name: all the rest
    effect: approve
    stages: [{ name: only, role: security, quorum: 1, deadline: P1D }]
  - name: too late
    effect: maybe
    stages: [{ name: only, role: Not A Role, quorum: 0, escalations: [{ after: PT1H, to: nor-this }] }]
`;
    expect(await problemsOf(source, id)).toEqual([
      'POLICY_INVALID',
      [
        '/foo',
        '/id',
        '/rules/0/stages/0/bar',
        '/rules/0/stages/0/deadline',
        '/rules/0/stages/0/role',
        '/rules/0/stages/1/distinctFrom/0',
        '/rules/0/stages/1/onTimeout',
        '/rules/0/stages/1/onTimeout',
        '/rules/0/stages/1/quorum',
        '/rules/0/when',
        '/rules/1/stages',
        '/rules/2',
        '/rules/2/effect',
        '/rules/2/stages/0/escalations/0/to',
        '/rules/2/stages/0/quorum',
        '/rules/2/stages/0/role',
      ],
    ]);
    expect(await versions(id)).toEqual([]);
  });

  test.each([
    {
      why: 'a condition that is none hides no rule after it',
      change: ['    effect: review', '    when: 7\n    effect: review'],
      pointers: ['/rules/0/when'],
    },
    {
      why: 'a deadline that cannot be read is there all the same',
      change: ['        deadline: P1D', '        deadline: bogus\n        onTimeout: next-stage'],
      pointers: ['/rules/0/stages/0/deadline'],
    },
    {
      why: 'a stage without a name of its own is none that a later one may not mean',
      change: ['- name: first line', '- name: 5'],
      pointers: ['/rules/0/stages/0/name'],
    },
    {
      why: 'a role that is missing is not one that nobody holds',
      change: ['        role: credit-officer\n', ''],
      pointers: ['/rules/0/stages/0/role'],
    },
    {
      why: 'a stage that is no object keeps its place',
      change: ['      - name: first line', '      - nothing\n      - name: first line'],
      pointers: ['/rules/0/stages/0'],
    },
    {
      why: 'where nobody can say whether it is enabled, who is missing is not said',
      change: [/kind: (.*)$/m, 'kind: $1\nenabled: perhaps\nextra: 1'],
      also: ['risk-manager', 'nobody-has-this'],
      pointers: ['/enabled', '/extra'],
    },
    {
      why: 'one that is off may wait for its people, whatever its shape',
      change: [/kind: (.*)$/m, 'kind: $1\nenabled: false\nextra: 1'],
      also: ['risk-manager', 'nobody-has-this'],
      pointers: ['/extra'],
    },
  ] as const)(
    'no problem that follows from another: $why',
    async ({ change, pointers, ...more }) => {
      const also = 'also' in more ? more.also : ['', ''];
      const { id, source } = aSource((text) =>
        text.replace(change[0], change[1]).replace(also[0] ?? '', also[1] ?? ''),
      );
      expect(await problemsOf(source, id)).toEqual(['POLICY_INVALID', [...pointers]]);
    },
  );

  test.each([
    { why: 'no YAML', change: () => 'id: [', pointers: [''] },
    {
      why: 'an unknown field',
      change: (text: string) => `${text}extra: 1\n`,
      pointers: ['/extra'],
    },
    {
      why: 'another id than in the address',
      change: (text: string) => text.replace(/^id: .*$/m, 'id: another'),
      pointers: ['/id'],
    },
  ])('$why', async ({ change, pointers }) => {
    const { id, source } = aSource(change);
    expect(await problemsOf(source, id)).toEqual(['POLICY_INVALID', pointers]);
  });

  test('may wait for its people while it is not enabled', async () => {
    const { id, source } = aSource((text) =>
      text.replace('risk-manager', 'nobody-has-this').replace('kind:', 'enabled: false\nkind:'),
    );
    await publishing({ id, source });
    expect(await versions(id)).toEqual([1]);
    const enabled = source.replace('enabled: false', 'enabled: true');
    expect(await codeOf(publishing({ id, source: enabled, expected: 1 }))).toBe('POLICY_INVALID');
    expect(await versions(id)).toEqual([1]);
  });
});

describe('requests and versions', () => {
  test('a running request keeps the version it started under; the next one has the new', async () => {
    const own = await openWorld();
    const before = (await own.submit()).body;
    await publish(own.deps, POLICY.replace('quorum: 2', 'quorum: 1'), 1);
    const after = (await own.submit()).body;
    expect([before.policy.version, after.policy.version]).toEqual([1, 2]);
    await own.approve(before.id, 'eve');
    await own.approve(after.id, 'eve');
    expect((await own.row(before.id)).state).toMatchObject({
      policy: { version: 1 },
      stage: { index: 0 },
    });
    expect((await own.row(after.id)).state).toMatchObject({
      policy: { version: 2 },
      stage: { index: 1 },
    });
    expect(before.actionDigest).not.toBe(after.actionDigest);
    await own.close();
  });

  /** A cache behind whose back something is published after it was read. */
  function overtaken(cache: PolicyCache, publishes: (() => Promise<unknown>)[]): PolicyCache {
    return {
      drop: () => cache.drop(),
      current: async () => {
        const policies = await cache.current();
        await publishes.shift()?.();
        return policies;
      },
    };
  }

  test.each([1, 4])(
    'one that is published between reading and writing is the one that binds (%i times)',
    async (times) => {
      const own = await openWorld();
      const publishes = Array.from(
        { length: times },
        (_, i) => () => publish(own.deps, POLICY.replace('PT4H', `PT${i + 5}H`), i + 1),
      );
      const policies = overtaken(createPolicyCache(own.deps), publishes);
      const asked = { content: LOAN, key: null };
      const answer = await submitRequest({ ...own.deps, policies }, await own.caller('app'), asked);
      expect(answer.body).toMatchObject({ policy: { version: times + 1 } });
      const requests = await own.deps.db.query<{ id: string }>('SELECT id FROM request');
      expect(requests).toHaveLength(1);
      const [first, bound] = await own.records(requests[0]?.id ?? '');
      expect(first?.kind).toBe('requested');
      expect(bound).toMatchObject({ kind: 'policy_bound', policy: `loans@${times + 1}` });
      await own.close();
    },
  );

  test('who is overtaken again and again gives up, and nothing is stored', async () => {
    const own = await openWorld();
    const publishes = Array.from(
      { length: 9 },
      (_, i) => () => publish(own.deps, POLICY.replace('PT4H', `PT${i + 5}H`), i + 1),
    );
    const policies = overtaken(createPolicyCache(own.deps), publishes);
    const asked = { content: LOAN, key: null };
    const submitting = submitRequest({ ...own.deps, policies }, await own.caller('app'), asked);
    expect(await codeOf(submitting)).toBe('AP002');
    expect(await own.deps.db.query('SELECT 1 FROM request')).toEqual([]);
    expect(await own.deps.db.query(`SELECT 1 FROM dek WHERE subject LIKE 'request:%'`)).toEqual([]);
    await own.close();
  });
});

describe('policies in memory', () => {
  test('are read once, and again after they were dropped', async () => {
    let reads = 0;
    const { db } = world.deps;
    const query = (async (text: string, values: unknown[]) => {
      reads += 1;
      return db.query(text, values);
    }) as typeof db.query;
    const cache = createPolicyCache({ db: { ...db, query }, now: () => world.deps.now() });
    const [one, two] = await Promise.all([cache.current(), cache.current()]);
    expect(one).toBe(two);
    expect(reads).toBe(1);
    cache.drop();
    await cache.current();
    expect(reads).toBe(2);
  });

  test('a read that failed is tried again', async () => {
    const { db } = world.deps;
    let broken = true;
    const query = (async (text: string, values: unknown[]) => {
      if (broken) throw new Error('gone');
      return db.query(text, values);
    }) as typeof db.query;
    const cache = createPolicyCache({ db: { ...db, query }, now: () => world.deps.now() });
    await expect(cache.current()).rejects.toThrow('gone');
    broken = false;
    expect((await cache.current()).ofKind('no-such-kind', world.deps.now())).toEqual([]);
  });

  test('show what is enabled, newest first of each, by kind', async () => {
    const own = await openWorld();
    await publish(own.deps, POLICY.replace('quorum: 2', 'quorum: 1'), 1);
    await publish(own.deps, POLICY.replace('id: loans', 'id: off\nenabled: false'));
    const policies = await createPolicyCache(own.deps).current();
    expect(
      policies.ofKind('ai-decision', own.deps.now()).map(({ id, version }) => `${id}@${version}`),
    ).toEqual(['loans@2']);
    expect(policies.textOf('loans', 2)?.sha256).toBe(
      sha256Hex(POLICY.replace('quorum: 2', 'quorum: 1')),
    );
    expect(policies.textOf('fallback', 1)).toBeNull();
    await own.close();
  });
});
