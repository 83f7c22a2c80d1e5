import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { acknowledge, acknowledgementPage } from '../../application/acknowledgements.ts';
import { policyDiff, requestPolicy, shadowSummary } from '../../application/policy-history.ts';
import { policyPage, policyVersion, versionPage } from '../../application/policy-queries.ts';
import { checkLog } from '../../application/self-check.ts';
import { addDuration, fromMillis, toMillis } from '../../domain/instant.ts';
import { verifyChain } from '../../ledger/verify.ts';
import { sha256, sha256Hex } from '../../ledger/hash.ts';
import { recordsOf } from '../../prisma/ledger-store.ts';
import { codeOf, NOBODY_REMEMBERS, openWorld, POLICY, publish, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const streamOf = async (own: World, id: string): Promise<string> => {
  const [row] = await own.deps.db.query<{ stream_id: string }>(
    'SELECT stream_id FROM policy WHERE id = $1',
    [id],
  );
  return row?.stream_id ?? '';
};

const boundTo = async (own: World): Promise<number> => (await own.submit()).body.policy.version;

describe('a version with an effective time', () => {
  test('is published and sealed at once, and binds from its first millisecond on', async () => {
    const own = await openWorld();
    const effective = addDuration(own.clock.now, 'P7D');
    const source = `${POLICY}effective: ${effective}\nowner: cora\nreviewBy: 2027-06-30\n`;
    const row = await publish(own.deps, source, 1);
    expect(row.version).toBe(2);
    expect(await boundTo(own)).toBe(1);
    const standing = async () =>
      (await versionPage(own.deps, { id: 'loans', before: null, limit: 9 })).map(
        (one) => `${one.version} ${one.standing}`,
      );
    expect(await standing()).toEqual(['2 upcoming', '1 in-force']);
    own.clock.now = fromMillis(toMillis(effective) - 1);
    expect(await boundTo(own)).toBe(1);
    own.clock.now = effective;
    expect(await boundTo(own)).toBe(2); // nobody has read policies again
    expect(await standing()).toEqual(['2 in-force', '1 superseded']);
    const records = await own.records(await streamOf(own, 'loans'));
    expect(records[1]).toMatchObject({
      kind: 'policy_changed',
      body: { version: 2, change: 'published', effective, review_on: '2027-06-30' },
    });
    // The owner is a person of the directory: a commitment, never a name.
    expect(records[1]?.body).toMatchObject({ owner_c: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(JSON.stringify(records)).not.toContain('cora');
    await own.close();
  });

  test('waits behind a later version that is in force at once', async () => {
    const own = await openWorld();
    const effective = addDuration(own.clock.now, 'P1D');
    await publish(own.deps, `${POLICY}effective: ${effective}\n`, 1);
    await publish(own.deps, `${POLICY}# third\n`, 2);
    expect(await boundTo(own)).toBe(3);
    own.clock.move('P2D');
    expect(await boundTo(own)).toBe(3);
    await own.close();
  });

  test('in the past binds from its publication; somebody who is no person is no owner', async () => {
    const row = await publish(
      world.deps,
      POLICY.replace(
        'id: loans',
        'id: past\neffective: 2020-01-01T00:00:00.000Z\nowner: The Board',
      ).replace('ai-decision', 'kind-of-nobody'),
    );
    expect((await policyVersion(world.deps, 'past', 1)).effective).toBe(row.createdAt);
    const [record] = await world.records(await streamOf(world, 'past'));
    expect(record?.body).toMatchObject({
      effective: row.createdAt,
      owner_c: null,
      review_on: null,
    });
  });
});

test('policies whose review is overdue are listed', async () => {
  const policy = (id: string, day: string): string =>
    POLICY.replace('id: loans', `id: ${id}\nreviewBy: ${day}`).replace('ai-decision', 'nobody');
  const today = world.clock.now.slice(0, 10);
  await publish(world.deps, policy('review-today', today));
  await publish(world.deps, policy('review-long-ago', '2020-01-01'));
  const overdue = await policyPage(world.deps, { after: null, limit: 50, isOverdue: true });
  expect(overdue.map(({ id }) => id)).toEqual(['review-long-ago']);
  expect(overdue[0]?.reviewOverdue).toBe(true);
  expect((await policyVersion(world.deps, 'review-today', 1)).reviewOverdue).toBe(false);
});

describe('what a version changed', () => {
  test('in words, place by place, and as text', async () => {
    const own = await openWorld();
    const changed = POLICY.replace('quorum: 2', 'quorum: 1')
      .replace(
        'rules:\n',
        'objective: be quick\nrules:\n  - name: never\n    when: "false"\n    effect: reject\n',
      )
      .replace('        distinctFrom: [first line]\n', '');
    await publish(own.deps, changed, 1);
    const diff = await policyDiff(own.deps, { id: 'loans', version: 2 });
    expect(diff).toMatchObject({ id: 'loans', from: 1, to: 2 });
    expect(diff.changes).toEqual([
      {
        pointer: '/rules/0',
        change: 'added',
        words: 'rule "never" added: {"name":"never","when":"false","effect":"reject"}',
      },
      {
        pointer: '/rules/1/stages/0/quorum',
        change: 'changed',
        words: 'rule "everything", stage "first line", quorum: 2 → 1',
      },
      {
        pointer: '/rules/1/stages/1/distinctFrom',
        change: 'removed',
        words: 'rule "everything", stage "second line", distinctFrom removed: ["first line"]',
      },
      { pointer: '/objective', change: 'added', words: 'objective added: "be quick"' },
    ]);
    expect(diff.unified).toContain('--- loans@1');
    expect(diff.unified).toContain('\n-        quorum: 2\n');
    expect(diff.unified).toContain('\n+        quorum: 1\n');
    const first = await policyDiff(own.deps, { id: 'loans', version: 1 });
    expect(first).toMatchObject({ from: null, changes: [{ change: 'added' }] });
    expect(await codeOf(policyDiff(own.deps, { id: 'loans', version: 3 }))).toBe('NOT_FOUND');
    await own.close();
  });

  test('a rule that moved is the same rule', async () => {
    const own = await openWorld([]);
    const two = (first: string, second: string): string =>
      `id: moving\nkind: nobody\nrules:\n${[first, second].map((name) => `  - { name: ${name}, when: "false", effect: reject }\n`).join('')}`;
    await publish(own.deps, two('a', 'b'));
    await publish(own.deps, two('b', 'a'), 1);
    const { changes } = await policyDiff(own.deps, { id: 'moving', version: 2 });
    expect(changes).toEqual([
      { pointer: '/rules/0', change: 'moved', words: 'rule "b" moved from place 2 to place 1' },
      { pointer: '/rules/1', change: 'moved', words: 'rule "a" moved from place 1 to place 2' },
    ]);
    await own.close();
  });
});

describe('the exact text that governs a request', () => {
  test('is the version it is bound to, whatever came later, with the controls that decisions inherit', async () => {
    const own = await openWorld([
      POLICY.replace('kind: ai', "controls: ['A']\nkind: ai").replace(
        '    effect: review',
        "    effect: review\n    controls: ['B', 'A']",
      ),
    ]);
    const { id } = (await own.submit()).body;
    await publish(own.deps, POLICY, 1);
    const { state } = await own.row(id);
    const governing = await requestPolicy(own.deps, state);
    expect(governing).toMatchObject({
      name: 'loans@1',
      rule: { index: 0, name: 'everything', when: null },
      controls: ['A', 'B'],
      exceptions: [],
      change: null,
      policy: { id: 'loans', version: 1, standing: 'superseded' },
    });
    expect(sha256Hex(governing.policy.source)).toBe(governing.policy.sourceSha256);
    expect(state.policy.controls).toEqual(['A', 'B']);
    const [, bound] = await own.records(id);
    expect(bound?.refs).toEqual([
      expect.objectContaining({ name: 'policy', sha256: governing.policy.sourceSha256 }),
    ]);
    await own.close();
  });

  test('is the built-in one where no policy matches, and it can be read like any other', async () => {
    const own = await openWorld([]);
    const { id } = (await own.submit()).body;
    const governing = await requestPolicy(own.deps, (await own.row(id)).state);
    expect(governing).toMatchObject({
      name: 'fallback@1',
      policy: { id: 'fallback', kind: 'ai-decision', standing: 'built-in', author: 'built-in' },
    });
    expect(JSON.parse(governing.policy.source)).toMatchObject({
      rules: [{ stages: [{ groups: [{ role: 'compliance', quorum: 1 }], deadline: 'P1D' }] }],
    });
    expect(await policyVersion(own.deps, 'fallback', 1)).toMatchObject({
      ...{ id: 'fallback', version: 1, kind: '*', enabled: true },
    });
    expect(await codeOf(policyVersion(own.deps, 'fallback', 2))).toBe('NOT_FOUND');
    await own.close();
  });
});

describe('shadow mode', () => {
  const SHADOW = POLICY.replace('id: loans', 'id: loans\nmode: shadow').replace(
    /effect: review[\s\S]*requireView: false\n.*\n/,
    'effect: approve\n',
  );

  test('is evaluated and sealed, counted, and never enforced: the version before stays in force', async () => {
    const own = await openWorld();
    await publish(own.deps, SHADOW, 1);
    const { id, policy, status } = (await own.submit()).body;
    expect({ policy, status }).toMatchObject({ policy: { version: 1 }, status: 'pending' });
    const records = await own.records(id);
    expect(records.filter(({ kind }) => kind === 'shadow_evaluated')).toMatchObject([
      {
        body: {
          ...{ policy_id: 'loans', version: 2, rule: 0, effect: 'approve', stages: 0 },
          ...{ tier: 'medium', differs: true },
        },
      },
    ]);
    const bytes = (await recordsOf(own.deps.db, id)).map((record) => record.bytes);
    expect((await verifyChain({ records: bytes, sha256 })).problems).toEqual([]);
    own.clock.move('P1D');
    await own.submit();
    const all = { id: 'loans', from: null, until: null };
    expect(await shadowSummary(own.deps, all)).toEqual({
      ...all,
      versions: [
        {
          ...{ version: 2, evaluated: 2, differed: 2 },
          effects: [{ effect: 'approve', evaluated: 2, differed: 2 }],
        },
      ],
    });
    const since = { ...all, from: own.clock.now };
    expect((await shadowSummary(own.deps, since)).versions).toMatchObject([{ evaluated: 1 }]);
    const until = { ...all, until: own.clock.now };
    expect((await shadowSummary(own.deps, until)).versions).toMatchObject([{ evaluated: 1 }]);
    expect((await policyVersion(own.deps, 'loans', 2)).standing).toBe('shadow');
    // Enforced again by the next version, nothing is in its shadow any more.
    await publish(own.deps, POLICY, 2);
    const after = (await own.submit()).body;
    expect(after.policy.version).toBe(3);
    expect((await own.records(after.id)).map(({ kind }) => kind)).not.toContain('shadow_evaluated');
    expect(await codeOf(shadowSummary(own.deps, { ...all, id: 'nothing' }))).toBe('NOT_FOUND');
    await own.close();
  });

  test('of a policy that is new enforces nothing at all', async () => {
    const own = await openWorld([SHADOW.replace('effect: approve', 'effect: reject')]);
    const { body } = await own.submit();
    expect(body).toMatchObject({ status: 'pending', policy: { id: 'fallback' } });
    await own.close();
  });
});

describe('acknowledging a version', () => {
  const by = async (who: string) =>
    ({
      actor: { type: 'person', id: who },
      auth: { level: 1, method: 'sample_token', proof: null },
      surface: 'rest',
    }) as const;

  test('is sealed in the stream of the person, once', async () => {
    const asked = { policy: 'loans', version: 1, remember: NOBODY_REMEMBERS };
    const first = await acknowledge(world.deps, await by('eve'), asked);
    world.clock.move('PT1M');
    expect(await acknowledge(world.deps, await by('eve'), asked)).toEqual(first);
    await acknowledge(world.deps, await by('dana'), asked);
    const page = { policy: 'loans', version: 1, after: null, limit: 1 };
    expect(await acknowledgementPage(world.deps, page)).toMatchObject([{ person: 'dana' }]);
    expect(await acknowledgementPage(world.deps, { ...page, after: 'dana' })).toEqual([first]);
    const [person] = await world.deps.db.query<{ stream_id: string }>(
      `SELECT stream_id FROM person WHERE id = 'eve'`,
    );
    const records = await world.records(person?.stream_id ?? '');
    expect(records.filter(({ kind }) => kind === 'acknowledged')).toMatchObject([
      {
        policy: 'loans@1',
        body: {
          of: 'policy',
          policy_id: 'loans',
          version: 1,
          about_stream: await streamOf(world, 'loans'),
        },
      },
    ]);
  });

  test.each([
    ['nothing', 1],
    ['loans', 9],
    ['fallback', 1],
  ])('%s@%i: there is no such version', async (policy, version) => {
    const asked = { policy, version, remember: NOBODY_REMEMBERS };
    expect(await codeOf(acknowledge(world.deps, await by('eve'), asked))).toBe('NOT_FOUND');
  });
});

describe('a row that nobody sealed is found', () => {
  test.each([
    {
      why: 'a document that is not its text',
      table: 'policy_version',
      change: `UPDATE policy_version SET document = jsonb_set(document, '{rules,0,stages,0,quorum}', '1')`,
      text: 'version 1 is read otherwise than its text',
    },
    {
      why: 'a version that is switched off',
      table: 'policy_version',
      change: 'UPDATE policy_version SET enabled = false WHERE version = 1',
      text: 'version 1 is listed otherwise',
    },
    {
      why: 'an older version as the newest',
      table: 'policy',
      change: 'UPDATE policy SET newest = 1',
      text: 'version 2 is the newest',
    },
    {
      why: 'what a shadow said',
      table: 'shadow_evaluation',
      change: 'UPDATE shadow_evaluation SET differs = NOT differs',
      text: 'what shadows said',
    },
    {
      why: 'an acknowledgement',
      table: 'policy_acknowledgement',
      change: `INSERT INTO policy_acknowledgement VALUES ('omar', 'loans', 1, now())`,
      text: 'listed as acknowledged',
    },
  ])('$why', async ({ table, change, text }) => {
    const own = await openWorld();
    await publish(own.deps, POLICY.replace('id: loans', 'id: loans\nmode: shadow'), 1);
    await own.submit();
    const problems = async (): Promise<string> =>
      JSON.stringify((await checkLog({ ...own.deps, db: own.owner }, { signed: null })).problems);
    expect(await problems()).toBe('[]');
    await own.owner.query(`ALTER TABLE ${table} DISABLE TRIGGER ALL`);
    await own.owner.query(change);
    expect(await problems()).toContain(text);
    await own.close();
  });
});
