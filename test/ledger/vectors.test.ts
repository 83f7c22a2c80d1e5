import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { sealRecords, type Draft, type SealedRecord } from '../../ledger/append.ts';
import { canonicalText, parseCanonical } from '../../ledger/canonical-json.ts';
import { LedgerError } from '../../ledger/error.ts';
import { commitment, leafHash, sha256 } from '../../ledger/hash.ts';
import { parseRecord, RECORD_KINDS, type RecordV1 } from '../../ledger/record.ts';
import { verifyChain, type DisclosedOpening } from '../../ledger/verify.ts';
import { aContext, aDraft } from './support/drafts.ts';
import { primitives } from './support/vectors.ts';

type OpeningVector = Omit<DisclosedOpening, 'seq'> & { readonly c: string };
type RecordVector = {
  readonly text: string;
  readonly leaf_hash: string;
  readonly input_hash: string;
};
type ChainVector = {
  readonly records: readonly RecordVector[];
  readonly openings: readonly (OpeningVector & { readonly seq: number | null })[];
};

const utf8 = new TextEncoder();

function golden<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8')) as T;
}

function verifyVector({ records, openings }: ChainVector) {
  const bytes = records.map((record) => utf8.encode(record.text));
  const head = { seq: bytes.length - 1, leafHash: records.at(-1)?.leaf_hash ?? '' };
  return verifyChain({ records: bytes, sha256, expected: { head }, openings });
}

/** What a caller must have said, with which chance, for exactly this record. */
function sealAgain(record: RecordV1, openings: readonly OpeningVector[]): SealedRecord | undefined {
  const { kind, cmd, actor, auth, surface, policy, refs, seq, prev, nonce, log, stream } = record;
  const texts = openings.filter(({ c }) => record.commits.some((commit) => commit.c === c));
  const body = kind === 'closed' ? {} : record.body;
  const erasable = texts.map(({ path, value }) => ({ path, value }));
  const draft = { kind, cmd, actor, auth, surface, policy, refs, body, erasable } as Draft;
  const chance = Buffer.from([nonce, ...texts.map(({ salt }) => salt)].join(''), 'hex');
  const head = prev === null ? null : { seq: seq - 1, leafHash: prev, ts: null };
  const { ts, software, anchor } = record;
  const context = { log, stream, ts, software, anchor, randomBytes: () => chance };
  return sealRecords(head, [draft], context).records[0];
}

function expectDerived(vector: RecordVector, openings: readonly OpeningVector[]): void {
  const bytes = utf8.encode(vector.text);
  const record = parseRecord(bytes);
  expect(leafHash(bytes)).toBe(vector.leaf_hash);
  if (record.v !== 1) throw new TypeError('not of version 1');
  const again = sealAgain(record, openings);
  expect(new TextDecoder().decode(again?.bytes)).toBe(vector.text);
  expect(again).toMatchObject({ leafHash: vector.leaf_hash, inputHash: vector.input_hash });
}

describe.each(['v0', 'v1'])('primitives of %s', (version) => {
  test.each(Object.entries(primitives()))('%s is what this program makes', (name, made) => {
    expect(JSON.parse(JSON.stringify(made))).toEqual(golden(`${version}/${name}`));
  });

  test('every accepted text is read back, every refused one is not', () => {
    type Texts = readonly { readonly text: string }[];
    const { accepted, refused } = golden<{ accepted: Texts; refused: Texts }>(
      `${version}/canonical.json`,
    );
    for (const { text } of accepted) {
      expect(canonicalText(parseCanonical(utf8.encode(text)))).toBe(text);
    }
    for (const { text } of refused) {
      expect(() => parseCanonical(utf8.encode(text)), text).toThrow(LedgerError);
    }
  });
});

describe('version 1', () => {
  test('one record of every kind is derived again from the file alone', () => {
    type KindVector = RecordVector & { kind: string; openings: readonly OpeningVector[] };
    const vectors = golden<readonly KindVector[]>('v1/every-kind.json');
    expect(vectors.map(({ kind }) => kind).sort()).toEqual([...RECORD_KINDS].sort());
    for (const vector of vectors) {
      expectDerived(vector, vector.openings);
      const { kind, commits } = parseRecord(utf8.encode(vector.text));
      expect(kind).toBe(vector.kind);
      expect(vector.openings.length).toBeGreaterThan(0);
      for (const { path, value, salt, c } of vector.openings) {
        expect(commitment(path, value, Buffer.from(salt, 'hex'))).toBe(c);
        expect(commits).toContainEqual({ path, c });
      }
    }
  });

  test.each(['request-chain', 'installation-chain', 'person-chain'])(
    '%s is valid and derived again from the file alone',
    async (name) => {
      const vector = golden<ChainVector>(`v1/${name}.json`);
      expect(await verifyVector(vector)).toMatchObject({ valid: true, problems: [] });
      for (const record of vector.records) expectDerived(record, vector.openings);
    },
  );

  type BrokenVector = {
    readonly why: string;
    readonly code: string;
    readonly at: number;
    readonly records: readonly (string | { readonly hex: string })[];
  };
  test.each(golden<readonly BrokenVector[]>('v1/broken-chains.json'))(
    'broken: $why → $code',
    async ({ code, at, records }) => {
      const bytes = records.map((one) =>
        typeof one === 'string' ? utf8.encode(one) : Buffer.from(one.hex, 'hex'),
      );
      const { problems } = await verifyChain({ records: bytes, sha256 });
      expect(problems[0]).toMatchObject({ code, seq: at });
    },
  );
});

describe('version 0, sealed before the format was frozen', () => {
  const vector = golden<ChainVector>('v0/request-chain.json');
  const inChain = vector.openings.filter((opening) => opening.value !== 'lena'); // in other tests

  test('its chain is valid from the file alone, with every opening in it', async () => {
    const report = await verifyVector({ ...vector, openings: inChain });
    expect(report).toMatchObject({ valid: true, problems: [], unopened: 0 });
    const leaves = report.records.map((record) => record.leafHash);
    expect(leaves).toEqual(vector.records.map((record) => record.leaf_hash));
  });

  test('one record of every kind is read and hashed', () => {
    for (const { text, leaf_hash } of golden<readonly RecordVector[]>('v0/every-kind.json')) {
      const bytes = utf8.encode(text);
      expect(canonicalText(parseRecord(bytes))).toBe(text);
      expect(parseRecord(bytes).v).toBe(0);
      expect(leafHash(bytes)).toBe(leaf_hash);
    }
  });

  test('records of version 1 continue it; version 0 never follows version 1', async () => {
    const old = vector.records.map((record) => utf8.encode(record.text));
    const first = parseRecord(old[0] ?? new Uint8Array());
    const last = { seq: old.length - 1, leafHash: vector.records.at(-1)?.leaf_hash ?? '' };
    const ts = '2026-12-01T08:00:00.000Z';
    const context = aContext({ log: first.log, stream: first.stream, ts });
    const drafts = [aDraft('exported', { body: { head_seq: 9 } }), aDraft('closed')];
    const { records } = sealRecords({ ...last, ts: null }, drafts, context);
    const chain = [...old, ...records.map(({ bytes }) => bytes)];
    expect((await verifyChain({ records: chain, sha256 })).problems).toEqual([]);

    const before = parseCanonical(old.at(-1) ?? new Uint8Array()) as object;
    const prev = records.at(-1)?.leafHash;
    const late = { ...before, prev, seq: chain.length, ts, body: { count: chain.length + 1 } };
    const back = [...chain, utf8.encode(canonicalText(late))];
    const { problems } = await verifyChain({ records: back, sha256 });
    expect(problems).toMatchObject([{ code: 'FLOW_RULE', seq: chain.length }]);
  });
});
