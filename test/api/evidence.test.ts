import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseManifest, parseOpenings, type BundleOpening } from '../../ledger/bundle-format.ts';
import type { BundleReport } from '../../ledger/bundle-report.ts';
import { sha256 } from '../../ledger/hash.ts';
import { noteVerifier, parseVerifierKey } from '../../ledger/verifier-key.ts';
import { verifyBundle } from '../../ledger/verify-bundle.ts';
import { readZip, type BundleFiles } from '../../ledger/zip.ts';
import { submit, soundChain, show } from '../support/acts.ts';
import { openStack, type Stack } from '../support/stack.ts';

let stack: Stack;
let id: string;

const RATIONALE = 'Both late payments are real.\nI checked the "statements" <b>myself</b>.';

beforeAll(async () => {
  stack = await openStack();
  const request = await submit(stack, { onBehalfOf: 'dana', riskTier: 'high' });
  id = request.id;
  for (const who of ['eve', 'omar']) {
    await stack.call(who, `/v1/requests/${id}/view`);
    await stack.call(who, `/v1/requests/${id}/decisions`, {
      body: { verdict: 'approve', contentDigest: request.contentDigest, rationale: RATIONALE },
    });
  }
});
afterAll(() => stack.close());

interface Fetched {
  readonly response: Response;
  readonly files: BundleFiles;
  readonly report: BundleReport;
}

async function fetchBundle(who: string, query = ''): Promise<Fetched> {
  const response = await fetch(`${stack.address}/v1/requests/${id}/evidence${query}`, {
    headers: { Authorization: `Bearer ${stack.bearer(who)}` },
  });
  const bytes = new Uint8Array(await response.arrayBuffer());
  expect(response.status, new TextDecoder().decode(bytes.slice(0, 500))).toBe(200);
  const files = readZip(bytes);
  return { response, files, report: await verify(files) };
}

/** With the key as an auditor gets it: from the log's public address, apart from the bundle. */
async function verify(files: BundleFiles, oldCheckpoints: Uint8Array[] = []) {
  const { text } = await stack.call(null, '/v1/log/key');
  const key = await parseVerifierKey(text.trim(), sha256);
  const trust = { origin: key.name, logKeys: [await noteVerifier(key)], oldCheckpoints };
  return verifyBundle({ files, trust, sha256 });
}

const opened = (files: BundleFiles, path: string): readonly BundleOpening[] =>
  parseOpenings(files.get(path) ?? new Uint8Array(), path);

const states = (files: BundleFiles): string[] =>
  [...files.keys()]
    .filter((path) => /^openings\/\d/.test(path))
    .flatMap((path) => opened(files, path).map(({ state }) => state));

function people(files: BundleFiles): string[] {
  return opened(files, 'openings/people.json')
    .flatMap((one) => (one.state === 'disclosed' ? [one.value] : []))
    .sort();
}

describe('the evidence bundle of a request', () => {
  test('is whole for compliance, and valid with nothing but the key of the log', async () => {
    const { response, files, report } = await fetchBundle('cora');
    expect(response.headers.get('content-type')).toBe('application/zip');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('content-disposition')).toBe(
      `attachment; filename="countersign-evidence-${id}.zip"`,
    );
    expect(report.problems).toEqual([]);
    expect(report.absent).toEqual({ not_disclosed: 0, erased: 0, not_kept: 0 });
    expect(report.verdict).toBe('valid');
    const values = [...files.keys()].flatMap((path) =>
      /^openings\/\d/.test(path) ? opened(files, path) : [],
    );
    expect(values).toContainEqual(expect.objectContaining({ path: 'rationale', value: RATIONALE }));
    expect(people(files)).toEqual(
      expect.arrayContaining(['person:dana', 'person:eve', 'person:omar']),
    );
  });

  test('shows an app its own content and who acted, and no words of people', async () => {
    const { files, report } = await fetchBundle('app');
    expect([report.problems, report.verdict]).toEqual([[], 'incomplete']);
    expect(parseManifest(files.get('bundle.json') ?? new Uint8Array()).disclosure).toBe('shown');
    expect(new Set(states(files))).toEqual(new Set(['not_disclosed']));
    const named = people(files); // Eve may have taken a bundle of hers before
    expect(named).toEqual(
      expect.arrayContaining(['app:sample-agent', 'person:dana', 'person:omar']),
    );
    expect(named).not.toContain('person:rui'); // was asked, and has not acted
    const page = Buffer.from(files.get('index.html') ?? []).toString();
    expect(page).toContain('Decline loan application 4711');
    for (const [path, bytes] of files)
      expect(Buffer.from(bytes).toString(), path).not.toContain('late payments are');
  });

  test.each([
    { to: 'app', sees: ['app:sample-agent', 'person:eve', 'person:olga'] },
    { to: 'eve', sees: ['app:sample-agent', 'person:eve', 'person:olga'] },
    { to: 'dana', sees: ['app:sample-agent', 'person:dana', 'person:eve', 'person:olga'] },
    { to: 'omar', sees: ['app:sample-agent', 'person:eve', 'person:olga', 'person:omar'] },
  ])('ties nobody to an act that GET hides from $to', async ({ to, sees }) => {
    const request = await submit(stack, { onBehalfOf: 'dana', riskTier: 'high' });
    const own = id;
    try {
      id = request.id;
      const at = `/v1/requests/${id}`;
      const body = { verdict: 'approve', contentDigest: request.contentDigest };
      await stack.call('dana', `${at}/decisions`, { body }); // refused: OWN_REQUEST
      for (const who of ['omar', 'eve', 'mia']) await stack.call(who, `${at}/view`);
      await stack.call('eve', `${at}/decisions`, { body });
      await stack.call('olga', `${at}/view`);
      const stop = { effect: 'stop', reason: 'The scorer was wrong all day long.' };
      await stack.call('olga', `${at}/overrides`, { body: stop });
      const { files, report } = await fetchBundle(to);
      expect([report.problems, report.verdict]).toEqual([[], 'incomplete']);
      expect(people(files)).toEqual(sees);
      const { kinds } = await soundChain(stack.deps, id);
      expect(kinds).toEqual(expect.arrayContaining(['refused', 'viewed', 'overridden']));
    } finally {
      id = own;
    }
  });

  test.each([
    { why: 'looked again afterwards', how: (at: string) => stack.call('eve', `${at}/view`) },
    { why: 'took a bundle', how: (at: string) => stack.call('eve', `${at}/evidence`) },
    {
      why: 'was refused',
      how: (at: string, body: object) => stack.call('eve', `${at}/decisions`, { body }),
    },
  ])('does not name who decided and then $why', async ({ how }) => {
    const request = await submit(stack, { riskTier: 'high' });
    const own = id;
    try {
      id = request.id;
      const body = { verdict: 'approve', contentDigest: request.contentDigest };
      await stack.call('eve', `/v1/requests/${id}/view`);
      await stack.call('eve', `/v1/requests/${id}/decisions`, { body });
      expect(people((await fetchBundle('app')).files)).toEqual(['app:sample-agent', 'person:eve']);
      const { status } = await how(`/v1/requests/${id}`, body);
      expect(status).toBe(200);
      expect(people((await fetchBundle('app')).files)).toEqual(['app:sample-agent']);
      expect(people((await fetchBundle('cora')).files)).toContain('person:eve');
    } finally {
      id = own;
    }
  });

  test('shows a reviewer their own words and not those of others', async () => {
    const { files, report } = await fetchBundle('eve');
    expect([report.problems, report.verdict]).toEqual([[], 'incomplete']);
    expect(states(files).sort()).toEqual(['disclosed', 'not_disclosed']);
  });

  test('seals each export in the chain, which stays sound, and the next bundle shows it', async () => {
    const before = await soundChain(stack.deps, id);
    await fetchBundle('ada');
    const { kinds } = await soundChain(stack.deps, id);
    expect(kinds).toEqual([...before.kinds, 'exported']);
    const { report } = await fetchBundle('cora');
    expect(report.verdict).toBe('valid');
    expect(report.records.at(-1)?.record).toMatchObject({
      kind: 'exported',
      body: { what: 'evidence', purpose: 'audit', encrypted: false },
    });
  });

  test('does not change the request: no revision, and people decide as before', async () => {
    const before = await show(stack, id);
    await fetchBundle('cora');
    expect(await show(stack, id)).toEqual(before);
    const decided = await stack.call<{ outcome: { kind: string } }>(
      'rui',
      `/v1/requests/${id}/decisions`,
      { body: { verdict: 'approve', contentDigest: before.contentDigest } },
    );
    expect(decided.body.outcome).toMatchObject({ kind: 'refused', reason: 'NOT_VIEWED' });
    await soundChain(stack.deps, id);
  });

  test('holds views of a stage that was escalated and of the one after it', async () => {
    const request = await submit(stack, { riskTier: 'high' });
    const own = id;
    try {
      id = request.id;
      await stack.call('eve', `/v1/requests/${id}/view`);
      stack.clock.advance('PT5H');
      await stack.tick(id);
      for (const who of ['mia', 'omar']) {
        await stack.call(who, `/v1/requests/${id}/view`);
        const body = { verdict: 'approve', contentDigest: request.contentDigest };
        await stack.call(who, `/v1/requests/${id}/decisions`, { body });
      }
      await stack.call('rui', `/v1/requests/${id}/view`);
      const { report } = await fetchBundle('cora');
      const kinds = report.records.map(({ record }) => record?.kind);
      expect(kinds).toEqual(expect.arrayContaining(['escalated', 'viewed', 'decided']));
      expect([report.problems, report.absent.not_kept, report.verdict]).toEqual([[], 0, 'valid']);
    } finally {
      id = own;
    }
  });

  test('shows that the log only grew since a checkpoint that the reader holds', async () => {
    const old = Buffer.from((await stack.call(null, '/v1/log/checkpoint')).text);
    const size = Number(old.toString().split('\n')[1]);
    await submit(stack);
    const { files } = await fetchBundle('cora', `?since=${size}`);
    const report = await verify(files, [old]);
    expect(report.problems).toEqual([]);
    expect(report.checks.find(({ step }) => step === 'consistency')?.result).toBe('passed');
    const without = await fetchBundle('cora');
    expect((await verify(without.files, [old])).problems[0]?.code).toBe('CONSISTENCY');
  });
});

describe('who asks wrongly', () => {
  const at = (): string => `/v1/requests/${id}/evidence`;

  test.each([
    { who: null, status: 401, code: 'UNAUTHENTICATED' },
    { who: 'sam', status: 404, code: 'NOT_FOUND' },
  ])('as $who gets $status, and nothing is sealed', async ({ who, status, code }) => {
    const { kinds } = await soundChain(stack.deps, id);
    const reply = await stack.call<{ code: string }>(who, at());
    expect([reply.status, reply.body.code]).toEqual([status, code]);
    expect((await soundChain(stack.deps, id)).kinds).toEqual(kinds);
  });

  test('HEAD is not allowed, because it would seal', async () => {
    const { kinds } = await soundChain(stack.deps, id);
    expect((await stack.call('cora', at(), { method: 'HEAD' })).status).toBe(405);
    expect((await soundChain(stack.deps, id)).kinds).toEqual(kinds);
  });

  test.each(['0', '-1', '1.5', 'x', '9007199254740993'])('since=%s is refused', async (since) => {
    expect((await stack.call('cora', `${at()}?since=${since}`)).status).toBe(400);
  });

  test('a since that no checkpoint covers is refused before anything is sealed', async () => {
    const { kinds } = await soundChain(stack.deps, id);
    const reply = await stack.call<{ code: string }>('cora', `${at()}?since=999999`);
    expect([reply.status, reply.body.code]).toEqual([400, 'BAD_PROOF']);
    expect((await soundChain(stack.deps, id)).kinds).toEqual(kinds);
  });
});
