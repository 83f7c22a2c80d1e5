import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exportEvidence, type EvidenceOrder } from '../../application/evidence.ts';
import { markup } from '../../application/evidence-html.ts';
import type { StreamHeadDeps } from '../../application/log-queries.ts';
import type { Deps } from '../../application/deps.ts';
import type { Vault } from '../../application/vault.ts';
import { sha256 } from '../../ledger/hash.ts';
import { noteVerifier } from '../../ledger/verifier-key.ts';
import { verifyBundle } from '../../ledger/verify-bundle.ts';
import { readZip } from '../../ledger/zip.ts';
import { openTestLog, type TestLog } from '../support/stack.ts';
import { openWorld, type World } from './world.ts';

let world: World;
let log: TestLog;
let deps: Deps & StreamHeadDeps;

beforeAll(async () => {
  world = await openWorld();
  log = await openTestLog(world.deps, world.url);
  deps = { ...world.deps, streamHeadSigner: log.streamHeadSigner };
});
afterAll(async () => {
  await log.stop();
  await world.close();
});

async function order(who: string, requestId: string, more: Partial<EvidenceOrder> = {}) {
  const { principal } = await world.caller(who);
  const by = {
    actor: { type: principal.type, id: principal.id },
    auth: { level: 1, method: 'sample_token', proof: null },
    surface: 'rest',
  } as const;
  const gone = new AbortController().signal;
  return { requestId, principal, by, since: null, gone, ...more };
}

async function verify(zip: Uint8Array) {
  const logKeys = [await noteVerifier(log.signingKey.verifierKey)];
  return verifyBundle({ files: readZip(zip), trust: { origin: deps.origin, logKeys }, sha256 });
}

const kinds = async (id: string): Promise<string[]> =>
  (await world.records(id)).map(({ kind }) => kind);

describe('a bundle', () => {
  test('marks what cannot be made again, and is incomplete and not wrong', async () => {
    const { body } = await world.submit();
    await world.approve(body.id, 'eve'); // with the digest of a view that nobody was shown
    const { zip, name } = await exportEvidence(deps, await order('cora', body.id));
    const report = await verify(zip);
    expect(name).toBe(`countersign-evidence-${body.id}.zip`);
    expect([report.problems, report.verdict]).toEqual([[], 'incomplete']);
    expect(report.absent).toEqual({ not_disclosed: 0, erased: 0, not_kept: 1 });
  });
});

describe('what is gone without a record of its erasure', () => {
  const RATIONALE = 'Both late payments are real.';

  /** Asked, bound, opened, seen by Eve (3), approved by her with a word (4); Olga stopped it (5). */
  async function aRequest(): Promise<string> {
    const { id } = (await world.submit({ content: { onBehalfOf: 'dana' } })).body;
    const view = { name: 'view', sha256: 'ab'.repeat(32), bytes: 2 } as const;
    await world.step(id, await world.command(id, 'eve', { kind: 'view', view }));
    const command = await world.decision(id, { rationale: RATIONALE });
    await world.step(id, await world.command(id, 'eve', command));
    const stop = {
      kind: 'override',
      effect: 'stop',
      reason: 'The scorer was wrong today.',
    } as const;
    await world.step(id, await world.command(id, 'olga', stop));
    return id;
  }

  /** @param asleep the table whose triggers sleep meanwhile. */
  async function change(id: string, sql: string, asleep?: string): Promise<void> {
    const { owner } = world;
    if (asleep) await owner.query(`ALTER TABLE ${asleep} DISABLE TRIGGER no_change`, []);
    await owner.query(sql.replaceAll(':id', `'${id}'`), []);
    if (asleep) await owner.query(`ALTER TABLE ${asleep} ENABLE ALWAYS TRIGGER no_change`, []);
  }

  const OPENING = `DELETE FROM opening WHERE stream_id = :id AND path = 'rationale'`;
  const refer = (who: string): string =>
    `DELETE FROM reference WHERE stream_id = :id AND subject = 'person:${who}'`;

  test.each([
    { what: 'the text of a decision', sql: OPENING, to: 'cora', names: 'MISSING_OPENING 4' },
    { what: 'the text, for whose it is', sql: OPENING, to: 'eve', names: 'MISSING_OPENING 4' },
    {
      what: 'the reason that everybody sees',
      sql: `DELETE FROM opening WHERE stream_id = :id AND path = 'reason'`,
      to: 'app',
      names: 'MISSING_OPENING 5',
    },
    { what: 'who viewed and decided', sql: refer('eve'), to: 'cora', names: 'MISSING_OPENING 2' },
    { what: 'who decided, for an app', sql: refer('eve'), to: 'app', names: 'MISSING_OPENING 2' },
    { what: 'who was asked', sql: refer('omar'), to: 'ada', names: 'MISSING_OPENING 2' },
  ])('is missing, and named: $what, to $to', async ({ sql, to, names }) => {
    const id = await aRequest();
    await change(id, sql);
    const { zip } = await exportEvidence(deps, await order(to, id));
    const { problems, verdict } = await verify(zip);
    expect(problems.map(({ code, seq }) => `${code} ${seq}`)).toEqual([names]);
    expect(verdict).toBe('invalid');
  });

  test.each([
    { what: 'a text', place: /^opening\//, names: ['MISSING_OPENING 4', 'MISSING_OPENING 5'] },
    { what: 'a person', place: /^reference\/.*person:rui$/, names: [] },
    { what: 'another person', place: /^reference\/.*person:omar$/, names: ['MISSING_OPENING 2'] },
    { what: 'the content', place: /\/content$/, names: ['BLOB_DIGEST 0', 'BLOB_DIGEST 0'] },
  ])('is missing where the key of $what was destroyed', async ({ place, names }) => {
    const id = await aRequest();
    const { vault } = deps;
    const decrypt: Vault['decrypt'] = (dekId, at, bytes) =>
      place.test(at) ? null : vault.decrypt(dekId, at, bytes);
    const forgetful = { ...deps, vault: { ...vault, decrypt } };
    const { zip } = await exportEvidence(forgetful, await order('cora', id));
    const { problems } = await verify(zip);
    expect(problems.map(({ code, seq }) => `${code} ${seq}`)).toEqual(names);
  });

  test('is missing where the policy text was changed', async () => {
    const id = await aRequest();
    const [policy] = await world.owner.query<{ source: string }>(
      'SELECT source FROM policy_version',
      [],
    );
    await change(id, `UPDATE policy_version SET source = 'x'`, 'policy_version');
    const { zip } = await exportEvidence(deps, await order('cora', id));
    await change(
      id,
      `UPDATE policy_version SET source = $p$${policy?.source}$p$`,
      'policy_version',
    );
    const { problems } = await verify(zip);
    expect(problems.map(({ code, seq }) => `${code} ${seq}`)).toEqual(['BLOB_DIGEST 1']);
  });

  test.each([
    { what: 'the text of another', sql: OPENING, to: 'app' },
    { what: 'who was asked', sql: refer('omar'), to: 'eve' },
  ])('stays not disclosed to whom it would not be shown: $what', async ({ sql, to }) => {
    const id = await aRequest();
    const asked = await order(to, id);
    const before = await verify((await exportEvidence(deps, asked)).zip);
    await change(id, sql);
    const { zip } = await exportEvidence(deps, asked);
    const report = await verify(zip);
    expect([report.problems, report.verdict]).toEqual([[], 'incomplete']);
    expect(report.absent).toEqual(before.absent);
  });
});

describe('two exports at once', () => {
  test('are both sealed, one after the other, and both valid', async () => {
    const { body } = await world.submit();
    const orders = await Promise.all(['cora', 'ada', 'cora'].map((who) => order(who, body.id)));
    const made = await Promise.all(orders.map((one) => exportEvidence(deps, one)));
    for (const { zip } of made) expect((await verify(zip)).problems).toEqual([]);
    expect((await kinds(body.id)).filter((kind) => kind === 'exported')).toHaveLength(3);
  });
});

describe('a log that stands still', () => {
  test('is waited for, then told in words, and nothing is sealed', async () => {
    const other = await openWorld();
    try {
      const { body } = await other.submit();
      const still = { ...other.deps, streamHeadSigner: log.streamHeadSigner };
      const { principal } = await other.caller('cora');
      const asked = { ...(await order('cora', body.id, { patienceMs: 250 })), principal };
      await expect(exportEvidence(still, asked)).rejects.toMatchObject({
        code: 'NOT_PUBLISHED',
        retryAfter: 5,
      });
      expect((await other.records(body.id)).at(-1)?.kind).not.toBe('exported');
    } finally {
      await other.close();
    }
  });

  test('is not waited for by whoever has left', async () => {
    const { body } = await world.submit();
    const gone = AbortSignal.abort();
    const started = performance.now();
    await expect(
      exportEvidence(deps, await order('cora', body.id, { gone })),
    ).rejects.toMatchObject({
      code: 'NOT_PUBLISHED',
    });
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

describe('words', () => {
  test('stay words in markup', () => {
    const page = markup`<p>${'<b>&"\'\u202e\u0007'}</p>${[markup`<i>${1}</i>`]}${null}`;
    expect(page.markup).toBe('<p>&lt;b&gt;&amp;&quot;&#39;[U+202E][U+0007]</p><i>1</i>');
  });

  test('of the style hold nothing that ends it', async () => {
    const style = readFileSync(
      new URL('../../application/evidence-style.ts', import.meta.url),
      'utf8',
    );
    expect(style).not.toMatch(/<\/|@import|url\(/);
  });
});
