import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCheckpoint, type Checkpoint } from '../../ledger/checkpoint.ts';
import { sha256 } from '../../ledger/hash.ts';
import { checkConsistency, checkInclusion, treeRoot } from '../../ledger/merkle.ts';
import { parseRecord } from '../../ledger/record.ts';
import { openStreamHead } from '../../ledger/stream-head.ts';
import { decodeBundle, decodeTile } from '../../ledger/tile.ts';
import { parseTlogProof } from '../../ledger/tlog-proof.ts';
import { noteVerifier, parseVerifierKey } from '../../ledger/verifier-key.ts';
import { published as publishedIn, submit as submitTo, type Chain } from '../support/acts.ts';
import { openStack, type Stack } from '../support/stack.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await openStack({ dispatcher: false });
}, 60_000);
afterAll(async () => stack.close());

const LOG = '/v1/log';

async function bytesOf(path: string, bearer: string | null = null): Promise<Uint8Array> {
  const response = await get(path, bearer);
  expect(response.status).toBe(200);
  return new Uint8Array(await response.arrayBuffer());
}

function get(path: string, bearer: string | null = null): Promise<Response> {
  const headers = bearer === null ? {} : { Authorization: `Bearer ${stack.bearer(bearer)}` };
  return fetch(`${stack.address}${LOG}/${path}`, { headers });
}

async function checkpoint(): Promise<Checkpoint> {
  const { verifierKey } = await trustedKey();
  const note = await bytesOf('checkpoint');
  const trust = { origin: stack.deps.origin, logKeys: [await noteVerifier(verifierKey)] };
  return (await openCheckpoint(note, trust)).checkpoint;
}

async function trustedKey() {
  const text = Buffer.from(await bytesOf('key'))
    .toString()
    .trimEnd();
  return { text, verifierKey: await parseVerifierKey(text, sha256) };
}

const published = (id: string): Promise<Chain> => publishedIn(stack, id);

async function submit(): Promise<string> {
  return (await submitTo(stack)).id;
}

describe('the log, as standard tools read it', () => {
  test('every record of a request is in the tree that the checkpoint signs', async () => {
    const id = await submit();
    const chain = await published(id);
    expect(chain.records.length).toBeGreaterThan(2);
    const head = await checkpoint();
    for (const { index, bytes, leafHash } of chain.records) {
      const proof = await getJson<{ index: number; size: number; hashes: string[] }>(
        `proof/inclusion?index=${index}&size=${head.size}`,
      );
      expect(proof).toMatchObject({ index, size: head.size });
      const hash = sha256(Buffer.concat([Buffer.of(0), Buffer.from(bytes, 'base64')]));
      expect(Buffer.from(hash).toString('hex')).toBe(leafHash);
      const hashes = proof.hashes.map((one) => Buffer.from(one, 'base64'));
      const leaf = { hash, index: proof.index };
      expect(await checkInclusion(leaf, { ...head, proof: hashes }, sha256)).toBe(true);
    }
  });

  test('the same proof is a file that needs no network', async () => {
    const id = await submit();
    const { records } = await published(id);
    const response = await get(`proof/inclusion?stream=${id}&seq=1`);
    expect(response.headers.get('content-type')).toBe('application/tlog-proof');
    const proof = parseTlogProof(new Uint8Array(await response.arrayBuffer()));
    expect(proof.index).toBe(records[1]?.index);
    const { verifierKey } = await trustedKey();
    const trust = { origin: stack.deps.origin, logKeys: [await noteVerifier(verifierKey)] };
    const { checkpoint: head } = await openCheckpoint(proof.checkpoint, trust);
    const hash = Buffer.from(records[1]?.leafHash ?? '', 'hex');
    const tree = { ...head, proof: proof.hashes };
    expect(await checkInclusion({ hash, index: proof.index }, tree, sha256)).toBe(true);
  });

  test('what was signed before is the beginning of what is signed now', async () => {
    await published(await submit());
    const older = await checkpoint();
    await published(await submit());
    const newer = await checkpoint();
    expect(newer.size).toBeGreaterThan(older.size);
    const { hashes } = await getJson<{ hashes: string[] }>(
      `proof/consistency?from=${older.size}&to=${newer.size}`,
    );
    const proof = hashes.map((one) => Buffer.from(one, 'base64'));
    expect(await checkConsistency(older, { ...newer, proof }, sha256)).toBe(true);
  });

  test('tiles and bundles say the same as each other and as the root', async () => {
    await published(await submit());
    const head = await checkpoint();
    const width = head.size; // the whole test stays below one tile
    expect(width).toBeLessThan(256);
    const tile = decodeTile(await bytesOf(`tile/0/000.p/${width}`), width);
    const entries = decodeBundle(await bytesOf(`tile/entries/000.p/${width}`, 'ada'), width);
    const hashes = entries.map((entry) =>
      createHash('sha256')
        .update(Buffer.concat([Buffer.of(0), entry]))
        .digest(),
    );
    expect(hashes).toEqual(tile.map((hash) => Buffer.from(hash)));
    expect(Buffer.from(treeRoot(hashes, sha256))).toEqual(Buffer.from(head.root));
    for (const [at, entry] of entries.entries())
      expect(parseRecord(entry), String(at)).toMatchObject({ log: stack.deps.origin });
  });

  test('a statement says which record is the last of a stream, and its key is sealed', async () => {
    const id = await submit();
    const { records } = await published(id);
    const head = await checkpoint();
    const note = await bytesOf(`streams/${id}/head?size=${head.size}`, 'app');
    const { keys } = await getJson<{ keys: { verifierKey: string; use: string }[] }>('keys');
    const line = keys.find(({ use }) => use === 'stream_head')?.verifierKey ?? '';
    const key = await noteVerifier(await parseVerifierKey(line, sha256));
    const opened = await openStreamHead(note, { origin: stack.deps.origin, keys: [key] });
    const last = records.at(-1);
    expect(opened.head).toMatchObject({ stream: id, seq: last?.seq, leafHash: last?.leafHash });
    expect(Buffer.from(opened.head.root)).toEqual(Buffer.from(head.root));
    const all = decodeBundle(await bytesOf(`tile/entries/000.p/${head.size}`, 'ada'), head.size);
    const digest = createHash('sha256').update(line).digest('hex');
    const sealed = all.map((entry) => parseRecord(entry));
    expect(sealed).toContainEqual(
      expect.objectContaining({
        kind: 'key_rotated',
        body: expect.objectContaining({ use: 'stream_head', new_digest: digest }),
      }),
    );
  });

  test('a statement about a request is for those who may see it', async () => {
    const id = await submit();
    await published(id);
    expect((await get(`streams/${id}/head`, 'ada')).status).toBe(200);
    expect((await get(`streams/${id}/head`, 'vic')).status).toBe(404);
    expect((await get(`streams/${id}/head`)).status).toBe(401);
  });

  test('that somebody reads records is sealed once an hour, and hashes are nobody’s secret', async () => {
    await bytesOf('tile/entries/000.p/1', 'cora');
    await bytesOf('tile/entries/000.p/2', 'cora');
    await published(await submit());
    const { size } = await checkpoint();
    const entries = decodeBundle(await bytesOf(`tile/entries/000.p/${size}`, 'ada'), size);
    const people = await stack.deps.db.query<{ subject: string; commitment: Buffer }>(
      `SELECT subject, commitment FROM reference
        WHERE stream_id = (SELECT system_stream_id FROM installation)`,
    );
    const cora = people
      .find(({ subject }) => subject === 'person:cora')
      ?.commitment.toString('hex');
    const reads = entries
      .map((entry) => parseRecord(entry))
      .filter(({ kind, actor }) => kind === 'accessed' && actor.c === cora);
    expect(reads).toHaveLength(1);
    expect(reads[0]).toMatchObject({ body: { what: 'log', person_c: cora } });
  });
});

async function getJson<T>(path: string): Promise<T> {
  return JSON.parse(Buffer.from(await bytesOf(path)).toString()) as T;
}

describe('headers and refusals', () => {
  beforeAll(async () => {
    await published(await submit());
  });

  test.each([
    ['checkpoint', 'text/plain; charset=utf-8', 'no-cache'],
    ['key', 'text/plain; charset=utf-8', 'no-cache'],
    ['tile/0/000.p/1', 'application/octet-stream', 'public, max-age=31536000, immutable'],
  ])('%s', async (path, type, cache) => {
    const response = await get(path);
    expect(response.headers.get('content-type')).toBe(type);
    expect(response.headers.get('cache-control')).toBe(cache);
  });

  test('a bundle is for those with a credential, and cached by them alone', async () => {
    expect((await get('tile/entries/000.p/1')).status).toBe(401);
    const response = await get('tile/entries/000.p/1', 'ada');
    expect(response.headers.get('content-type')).toBe('application/octet-stream');
    expect(response.headers.get('cache-control')).toBe('private, max-age=31536000, immutable');
  });

  test.each([
    ['tile/0/000', 404],
    ['tile/0/001.p/1', 404],
    ['tile/1/000.p/1', 404],
    ['tile/0/x001/x234/067', 404],
    ['tile/63/000', 404],
    ['tile/0/000.p/0', 400],
    ['tile/0/000.p/256', 400],
    ['tile/0/000.p/01', 400],
    ['tile/0/0', 400],
    ['tile/0/x000/001', 400],
    ['tile/64/000', 400],
    ['tile/00/000', 400],
    ['tile/0/000/', 400],
    ['tile/0', 404],
    ['proof/inclusion?index=0&size=0', 400],
    ['proof/inclusion?index=9&size=9', 400],
    ['proof/inclusion?index=0&size=100000', 400],
    ['proof/inclusion?index=00&size=3', 400],
    ['proof/inclusion?index=-1&size=3', 400],
    ['proof/inclusion?index=0x1&size=3', 400],
    ['proof/inclusion?index=1e0&size=3', 400],
    ['proof/inclusion?index=1', 400],
    ['proof/inclusion?index=1&size=3&more=1', 400],
    ['proof/inclusion?index=1&index=2&size=3', 400],
    ['proof/inclusion?stream=00000000-0000-0000-0000-000000000000&seq=0', 404],
    ['proof/inclusion?stream=00000000-0000-0000-0000-000000000000&seq=2147483648', 400],
    ['proof/consistency?from=0&to=3', 400],
    ['proof/consistency?from=3&to=2', 400],
    ['proof/consistency?from=1&to=100000', 400],
    ['proof/consistency?from=1&to=9007199254740993', 400],
    ['checkpoint?at=1', 400],
  ])('%s: %i, and nobody may keep that', async (path, status) => {
    const response = await get(path);
    expect(response.status).toBe(status);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  });

  test('equal sizes need no hashes', async () => {
    expect(await getJson('proof/consistency?from=2&to=2')).toEqual({ from: 2, to: 2, hashes: [] });
  });
});
