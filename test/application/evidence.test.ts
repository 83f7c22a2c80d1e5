import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exportEvidence, type EvidenceOrder } from '../../application/evidence.ts';
import { markup } from '../../application/evidence-html.ts';
import type { StreamHeadDeps } from '../../application/log-queries.ts';
import type { Deps } from '../../application/deps.ts';
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

  test('of a request whose texts lost their key without a record of it is not valid', async () => {
    const { body } = await world.submit();
    const command = await world.decision(body.id, { rationale: 'Because.' });
    await world.step(body.id, await world.command(body.id, 'eve', command));
    const { vault } = deps;
    const forgetful = {
      ...vault,
      decrypt: (dekId: string, place: string, bytes: Uint8Array) =>
        place.startsWith('opening/') ? null : vault.decrypt(dekId, place, bytes),
    };
    const asked = await order('cora', body.id);
    const { zip } = await exportEvidence({ ...deps, vault: forgetful }, asked);
    expect((await verify(zip)).problems[0]?.code).toBe('ERASURE_MISMATCH');
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
