import { describe, expect, test } from 'vitest';

import {
  blobPath,
  formatHashes,
  HEAD_NOTE,
  MANIFEST,
  openingsPath,
  PAGE,
  parseOpenings,
  PEOPLE,
  proofPath,
  recordPath,
  SEAL_RECORD,
  type BundleOpening,
} from '../../ledger/bundle-format.ts';
import { jcs } from '../../ledger/jcs.ts';
import type { Draft } from '../../ledger/append.ts';
import { sealRecords } from '../../ledger/append.ts';
import { canonicalBytes, parseCanonical } from '../../ledger/canonical-json.ts';
import { leafHash, sha256 } from '../../ledger/hash.ts';
import { formatTlogProof, parseTlogProof } from '../../ledger/tlog-proof.ts';
import {
  aBundle,
  asText,
  BUNDLE_ORIGIN,
  logOf,
  nameOf,
  relisted,
  requested,
  story,
  storyBytes,
  trustOf,
  verifyFiles,
  type BundleChange,
} from './support/bundle.ts';
import { aContext, aDraft, digest, OTHER_STREAM, STREAM } from './support/drafts.ts';
import { aSigningKey, bytesOf, flipped, slackened } from './support/log.ts';
import {
  bound,
  decided,
  emptyChain,
  engine,
  extend,
  people,
  resolved,
  stageOpened,
  viewed,
  type Chain,
} from './support/story.ts';
import { noteVerifier } from '../../ledger/verifier-key.ts';
import { verifyBundle, verifyBundleContent } from '../../ledger/verify-bundle.ts';

type Files = Map<string, Uint8Array>;

const whole = await aBundle();
const newest = storyBytes.length - 1;

/** The valid bundle with one change, which also stands in the list: a cheater can write that anew. */
function changed(change: (files: Files) => void, relist = true): Files {
  const files = new Map(whole);
  change(files);
  return relist ? relisted(files) : files;
}

function replaced(path: string, by: Uint8Array | string): Files {
  return changed((files) => void files.set(path, typeof by === 'string' ? bytesOf(by) : by));
}

function rewritten(path: string, from: string | RegExp, to: string): Files {
  const before = asText(whole, path);
  const after = before.replace(from, to);
  if (after === before) throw new TypeError(`nothing was changed in ${path}`);
  return replaced(path, after);
}

function edited(bytes: Uint8Array | undefined, change: object): Uint8Array {
  return canonicalBytes({ ...(parseCanonical(bytes ?? new Uint8Array()) as object), ...change });
}

const bytesOfChain = (chain: Chain): Uint8Array[] => chain.records.map(({ bytes }) => bytes);
const without = (at: number): Uint8Array[] => storyBytes.filter((_, index) => index !== at);

/** The files of two records exchanged, with their proofs. */
function swapped(one: number, other: number): Files {
  return changed((files) => {
    for (const path of [recordPath, proofPath]) {
      files.set(path(one), whole.get(path(other)) ?? new Uint8Array());
      files.set(path(other), whole.get(path(one)) ?? new Uint8Array());
    }
  });
}

function cutTo(count: number): Files {
  return changed((files) => {
    for (let at = count; at < storyBytes.length; at++) {
      for (const path of [recordPath, proofPath, openingsPath]) files.delete(path(at));
    }
  });
}

/** A record with the openings behind it re-linked, as somebody with write access to the table would. */
function relinked(): Files {
  return changed((files) => {
    let prev: string | null = null;
    for (const [at, bytes] of storyBytes.entries()) {
      const change = at === 2 ? { ts: '2026-11-21T08:00:02.500Z' } : {};
      const again = edited(bytes, { ...change, ...(at > 2 ? { prev } : {}) });
      files.set(recordPath(at), again);
      prev = leafHash(again);
    }
  });
}

function withProof(
  at: number,
  change: (proof: ReturnType<typeof parseTlogProof>) => object,
): Files {
  const proof = parseTlogProof(whole.get(proofPath(at)) ?? new Uint8Array());
  return replaced(proofPath(at), formatTlogProof({ ...proof, ...change(proof) }));
}

type Replacer = (all: string, ...parts: string[]) => string;

/** In every proof the same change of the checkpoint's text. */
function inCheckpoints(from: string | RegExp, to: string | Replacer): Files {
  return changed((files) => {
    for (const at of storyBytes.keys()) {
      const [head = '', note = ''] = asText(whole, proofPath(at)).split(/(?<=\n\n)(?=countersign)/);
      const after = note.replace(from, to as string);
      if (after === note) throw new TypeError('nothing was changed');
      files.set(proofPath(at), bytesOf(head + after));
    }
  });
}

function openingsAt(path: string, change: (all: BundleOpening[]) => unknown[]): Files {
  const all = [...parseOpenings(whole.get(path) ?? new Uint8Array(), path)];
  return replaced(path, jcs(change(all)));
}

const withFirst = (change: object) => (all: BundleOpening[]) => [
  { ...all[0], ...change },
  ...all.slice(1),
];

/** A record of another request of this log, with the number that fits, and its true proof there. */
async function fromAnotherRequest(): Promise<Files> {
  const stranger = edited(storyBytes[4], { stream: OTHER_STREAM });
  return aBundle({ records: storyBytes.map((bytes, at) => (at === 4 ? stranger : bytes)) });
}

const foreignLog = aSigningKey('another.example/log', 'c');

async function fromAnotherLog(): Promise<Files> {
  const foreign = edited(storyBytes[4], { log: foreignLog.name });
  const log = logOf([foreign], foreignLog);
  const { index, hashes } = log.place(0, 1);
  const proof = formatTlogProof({
    index,
    hashes,
    checkpoint: await log.checkpoint(1),
    extra: null,
  });
  return changed((files) => files.set(recordPath(4), foreign).set(proofPath(4), proof));
}

describe('a bundle that nobody touched', () => {
  test('is valid, and says what was checked', async () => {
    const report = await verifyFiles(whole);
    expect(report.problems).toEqual([]);
    expect(report.verdict).toBe('valid');
    expect(report.checks.map(({ step, result }) => `${step} ${result}`)).toEqual([
      'checkpoint passed',
      'records passed',
      'chain passed',
      'procedure passed',
      'head passed',
      'consistency skipped',
      'disclosed passed',
      'erasures passed',
      'seal passed',
      'files passed',
    ]);
    expect(report.checkpoint).toEqual({ size: 11, root: expect.stringMatching(/^[0-9a-f]{64}$/) });
  });

  test('is the same bytes each time', async () => {
    expect(await aBundle()).toEqual(whole);
  });

  test('is valid without list and seal too, as the page inside it checks it', async () => {
    const files = new Map([...whole].filter(([path]) => !/^(?:bundle.json|seal\/)/.test(path)));
    const content = await verifyBundleContent({ files, trust: await trustOf(), sha256 });
    expect(content.problems).toEqual([]);
    expect(content.verdict).toBe('valid');
  });

  test('is incomplete where something is not disclosed', async () => {
    const files = await aBundle({
      mark: (path) => (path === 'rationale' ? 'not_disclosed' : 'disclosed'),
    });
    const report = await verifyFiles(files);
    expect([report.problems, report.verdict]).toEqual([[], 'incomplete']);
    expect(report.absent).toEqual({ not_disclosed: 2, erased: 0, not_kept: 0 });
  });

  test('is incomplete where a content was not kept', async () => {
    const report = await verifyFiles(
      await aBundle({ blobMark: (label) => (label === 'view' ? 'not_kept' : 'disclosed') }),
    );
    expect([report.problems, report.verdict, report.absent.not_kept]).toEqual([
      [],
      'incomplete',
      1,
    ]);
  });
});

type Case = { readonly id: string; readonly files: Files | Promise<Files>; readonly names: string };

describe('one change is named', () => {
  const record = recordPath(2);
  const logged = (...steps: Parameters<typeof extend>[1][]): BundleChange => {
    const chain = extend(emptyChain, requested, bound as Draft, stageOpened, ...steps);
    return { records: bytesOfChain(chain), openings: chain.openings };
  };
  const both = [
    viewed(people.eve),
    decided(people.eve),
    viewed(people.omar),
    decided(people.omar, { body: { approvals: 2 } }),
  ];
  const other = { action_digest: digest('another action') };
  const relisting = (path: string, bytes: Uint8Array | null): Files =>
    changed((files) => void (bytes === null ? files.delete(path) : files.set(path, bytes)), false);

  test.each<Case>([
    {
      id: 'V-1 one bit of a record',
      files: rewritten(record, /"nonce":"./, '"nonce":"0'),
      names: 'INCLUSION_FAILED@2',
    },
    { id: 'V-2 changed and re-linked', files: relinked(), names: 'INCLUSION_FAILED@2' },
    { id: 'V-3 two records swapped', files: swapped(3, 4), names: 'CHAIN_SEQ@3' },
    {
      id: 'V-4 a space',
      files: rewritten(record, ',"auth"', ', "auth"'),
      names: 'NOT_CANONICAL@2',
    },
    {
      id: 'V-4 other key order',
      files: rewritten(record, /^\{("actor":\{.*?\}),("anchor":null)/, '{$2,$1'),
      names: 'NOT_CANONICAL@2',
    },
    {
      id: 'V-5 a key twice',
      files: rewritten(record, '"v":1', '"v":1,"v":1'),
      names: 'NOT_CANONICAL@2',
    },
    { id: 'V-6 1.0', files: rewritten(record, '"v":1', '"v":1.0'), names: 'NOT_CANONICAL@2' },
    { id: 'V-6 1e0', files: rewritten(record, '"v":1', '"v":1e0'), names: 'NOT_CANONICAL@2' },
    { id: 'V-6 -0', files: rewritten(record, '"stage":0', '"stage":-0'), names: 'NOT_CANONICAL@2' },
    {
      id: 'V-6 above 2^53',
      files: rewritten(record, '"seq":2', '"seq":9007199254740993'),
      names: 'NOT_CANONICAL@2',
    },
    {
      id: 'V-7 lone surrogate',
      files: rewritten(record, '"surface":"system"', '"surface":"\\ud800"'),
      names: 'NOT_CANONICAL@2',
    },
    {
      id: 'V-7 byte order mark',
      files: rewritten(record, /^/, '\ufeff'),
      names: 'NOT_CANONICAL@2',
    },
    { id: 'V-7 newline at the end', files: rewritten(record, /$/, '\n'), names: 'NOT_CANONICAL@2' },
    {
      id: 'V-7 overlong UTF-8',
      files: replaced(record, Uint8Array.of(0xc0, 0xbb, ...(storyBytes[2] ?? []))),
      names: 'NOT_CANONICAL@2',
    },
    {
      id: 'V-8 unknown field',
      files: replaced(record, edited(storyBytes[2], { note: 1 })),
      names: 'SCHEMA@2',
    },
    {
      id: 'V-8 unknown version',
      files: replaced(record, edited(storyBytes[2], { v: 9 })),
      names: 'SCHEMA@2',
    },
    {
      id: 'V-8 unknown kind',
      files: replaced(record, edited(storyBytes[2], { kind: 'praised' })),
      names: 'SCHEMA@2',
    },
    {
      id: 'V-9 names an earlier record',
      files: aBundle({
        records: storyBytes.map((bytes, at) =>
          at === 4 ? edited(bytes, { prev: leafHash(storyBytes[1] ?? bytes) }) : bytes,
        ),
      }),
      names: 'CHAIN_PREV@4',
    },
    {
      id: 'V-10 names a record of another stream',
      files: aBundle({
        records: storyBytes.map((bytes, at) =>
          at === 4 ? edited(bytes, { prev: digest('elsewhere') }) : bytes,
        ),
      }),
      names: 'CHAIN_PREV@4',
    },
    {
      id: 'V-11 one is missing',
      files: changed((files) =>
        [recordPath(3), proofPath(3), openingsPath(3)].forEach((path) => files.delete(path)),
      ),
      names: 'CHAIN_GAP@4',
    },
    {
      id: 'V-12 one too many, sealed',
      files: aBundle({
        records: [
          ...storyBytes.slice(0, 4),
          storyBytes[3] ?? new Uint8Array(),
          ...storyBytes.slice(4),
        ],
      }),
      names: 'CHAIN_SEQ@3',
    },
    {
      id: 'V-12 one too many, forged',
      files: changed((files) =>
        files
          .set(
            recordPath(9),
            edited(storyBytes[8], { seq: 9, prev: story.head?.leafHash, body: { count: 10 } }),
          )
          .set(proofPath(9), whole.get(proofPath(8)) ?? new Uint8Array()),
      ),
      names: 'INCLUSION_FAILED@9',
    },
    {
      id: 'V-13 the first is missing',
      files: aBundle({ records: without(0) }),
      names: 'CHAIN_GENESIS@1',
    },
    {
      id: 'V-13 the first names another',
      files: aBundle({
        records: storyBytes.map((bytes, at) =>
          at === 0 ? edited(bytes, { prev: digest('before') }) : bytes,
        ),
      }),
      names: 'CHAIN_GENESIS@0',
    },
    { id: 'V-14 the last are cut off', files: cutTo(6), names: 'HEAD_MISMATCH@5' },
    { id: 'V-15 an older head', files: olderHead(), names: 'HEAD_STALE@-' },
    {
      id: 'V-16 a record of another request',
      files: fromAnotherRequest(),
      names: 'STREAM_MISMATCH@4',
    },
    {
      id: 'V-17 a record of another log, with its proof',
      files: fromAnotherLog(),
      names: 'ORIGIN_MISMATCH@4',
    },
    {
      id: 'V-17 a record of another log, sealed here',
      files: aBundle({
        records: storyBytes.map((bytes, at) =>
          at === 4 ? edited(bytes, { log: foreignLog.name }) : bytes,
        ),
      }),
      names: 'ORIGIN_MISMATCH@4',
    },
    { id: 'V-21 size', files: inCheckpoints('\n11\n', '\n12\n'), names: 'NOTE_SIGNATURE@0' },
    { id: 'V-21 root', files: inCheckpoints(/\n11\n./, '\n11\nA'), names: 'NOTE_SIGNATURE@0' },
    {
      id: 'V-21 origin',
      files: inCheckpoints(/^countersign.example/, 'countersign.exampla'),
      names: 'NOTE_SIGNATURE@0',
    },
    { id: 'V-23 leading zero', files: inCheckpoints('\n11\n', '\n011\n'), names: 'NOTE_FORMAT@0' },
    { id: 'V-23 0x', files: inCheckpoints('\n11\n', '\n0x0b\n'), names: 'NOTE_FORMAT@0' },
    { id: 'V-23 a line more', files: inCheckpoints('\n11\n', '\n11\nx\n'), names: 'NOTE_FORMAT@0' },
    {
      id: 'V-23 a second empty line',
      files: inCheckpoints('\n\n', '\n\n\n'),
      names: 'NOTE_FORMAT@0',
    },
    {
      id: 'V-23 slack in base64',
      files: inCheckpoints(/\n(\S{43}=)\n/, (_, root: string) => `\n${slackened(root)}\n`),
      names: 'NOTE_FORMAT@0',
    },
    {
      id: 'V-23 a known key twice',
      files: inCheckpoints(/(\u2014 .*\n)$/, '$1$1'),
      names: 'NOTE_FORMAT@0',
    },
    {
      id: 'V-24 executed another action',
      files: aBundle(
        logged(
          ...both,
          resolved,
          aDraft('receipt_issued', engine),
          aDraft('receipt_consumed', { body: other }),
        ),
      ),
      names: 'ACTION_MISMATCH@9',
    },
    {
      id: 'V-25 another view',
      files: replaced(blobPath(digest('view')), 'weiv'),
      names: 'BLOB_DIGEST@3',
    },
    {
      id: 'V-26 refs of another request',
      files: rewritten(recordPath(3), digest('view'), digest('another view')),
      names: 'INCLUSION_FAILED@3',
    },
    {
      id: 'V-27 a later policy text',
      files: replaced(blobPath(digest('policy text')), 'policy new!'),
      names: 'BLOB_DIGEST@1',
    },
    {
      id: 'V-34 the value',
      files: openingsAt(openingsPath(4), withFirst({ value: 'Did not look.' })),
      names: 'COMMITMENT@4',
    },
    {
      id: 'V-35 the salt',
      files: openingsAt(openingsPath(4), withFirst({ salt: '0'.repeat(64) })),
      names: 'COMMITMENT@4',
    },
    {
      id: 'V-36 another path',
      files: openingsAt(openingsPath(4), withFirst({ path: 'reason' })),
      names: 'COMMITMENT@4',
    },
    {
      id: 'V-36 another record',
      files: changed((files) =>
        files
          .set(openingsPath(5), whole.get(openingsPath(4)) ?? new Uint8Array())
          .delete(openingsPath(4)),
      ),
      names: 'COMMITMENT@5',
    },
    {
      id: 'V-36 another person',
      files: openingsAt(PEOPLE, withFirst({ c: digest('nobody') })),
      names: 'COMMITMENT@-',
    },
    {
      id: 'V-37 an opening is missing',
      files: changed((files) => void files.delete(openingsPath(4))),
      names: 'MISSING_OPENING@4',
    },
    {
      id: 'V-37 a person is missing',
      files: openingsAt(PEOPLE, (all) => all.slice(1)),
      names: 'MISSING_OPENING@0',
    },
    {
      id: 'V-37 marked as erased, but no record says so',
      files: aBundle({
        mark: (path, seq) => (path === 'rationale' && seq === 4 ? 'erased' : 'disclosed'),
      }),
      names: 'ERASURE_MISMATCH@4',
    },
    {
      id: 'V-37 a content marked as erased',
      files: aBundle({ blobMark: (label) => (label === 'request' ? 'erased' : 'disclosed') }),
      names: 'ERASURE_MISMATCH@-',
    },
    {
      id: 'V-39 a hash removed',
      files: withProof(4, ({ hashes }) => ({ hashes: hashes.slice(1) })),
      names: 'INCLUSION_FAILED@4',
    },
    {
      id: 'V-39 a hash added',
      files: withProof(4, ({ hashes }) => ({ hashes: [...hashes, hashes[0]] })),
      names: 'INCLUSION_FAILED@4',
    },
    {
      id: 'V-39 other order',
      files: withProof(4, ({ hashes }) => ({ hashes: hashes.toReversed() })),
      names: 'INCLUSION_FAILED@4',
    },
    {
      id: 'V-39 index off by one',
      files: withProof(4, ({ index }) => ({ index: index + 1 })),
      names: 'INCLUSION_FAILED@4',
    },
    {
      id: 'V-39 index beyond the tree',
      files: rewritten(proofPath(4), /index 6\n/, 'index 11\n'),
      names: 'PROOF_FORMAT@4',
    },
    {
      id: 'V-39 31 bytes',
      files: rewritten(
        proofPath(4),
        /(index 6\n).*\n/,
        `$1${Buffer.alloc(31).toString('base64')}\n`,
      ),
      names: 'PROOF_FORMAT@4',
    },
    {
      id: 'V-39 words that nobody signed',
      files: withProof(4, () => ({ extra: bytesOf('approved by all') })),
      names: 'PROOF_FORMAT@4',
    },
    {
      id: 'V-40 its own key',
      files: aBundle({ key: aSigningKey(BUNDLE_ORIGIN, 'd') }),
      names: 'UNKNOWN_KEY@0',
    },
    {
      id: 'V-45 one person twice',
      files: aBundle(
        logged(
          viewed(people.eve),
          decided(people.eve),
          viewed(people.eve),
          decided(people.eve, { body: { approvals: 2 } }),
        ),
      ),
      names: 'QUORUM_RULE@6',
    },
    {
      id: 'V-45 their own request',
      files: aBundle(logged(viewed(people.dana), decided(people.dana))),
      names: 'QUORUM_RULE@4',
    },
    {
      id: 'V-46 not viewed',
      files: aBundle(logged(viewed(people.eve), decided(people.eve, { body: { viewed: null } }))),
      names: 'FLOW_RULE@4',
    },
    {
      id: 'V-46 after the end',
      files: aBundle(logged(...both, resolved, viewed(people.lena), decided(people.lena))),
      names: 'FLOW_RULE@9',
    },
    {
      id: 'V-47 not listed',
      files: relisting('notes.txt', bytesOf('trust me')),
      names: 'BUNDLE_FORMAT@-',
    },
    {
      id: 'V-47 listed, not there',
      files: relisting('README.txt', null),
      names: 'BUNDLE_FORMAT@-',
    },
    {
      id: 'V-48 bundle.json',
      files: relisted(whole, { software: '9.9.9' }),
      names: 'EXPORT_SEAL@9',
    },
    { id: 'V-48 without its seal', files: relisting(SEAL_RECORD, null), names: 'EXPORT_SEAL@-' },
    {
      id: 'V-49 two for one place',
      files: aBundle({
        records: [...storyBytes, edited(storyBytes[8], { ts: '2026-11-21T08:00:09.000Z' })],
      }),
      names: 'CHAIN_FORK@8',
    },
    {
      id: 'V-50 an inner node',
      files: replaced(record, new Uint8Array(65).fill(1)),
      names: 'SCHEMA@2',
    },
    {
      id: 'V-50 a leaf one level up',
      files: withProof(4, ({ index, hashes }) => ({
        index: Math.floor(index / 2),
        hashes: hashes.slice(1),
      })),
      names: 'INCLUSION_FAILED@4',
    },
  ])('$id: $names', async ({ files, names }) => {
    const report = await verifyFiles(await files);
    expect(report.verdict).toBe('invalid');
    expect(nameOf(report)).toBe(names);
  });
});

/** True, signed by the right key, but of the tree before the last record. */
async function olderHead(): Promise<Files> {
  const before = await aBundle({ records: storyBytes.slice(0, newest) });
  return changed((files) => void files.set(HEAD_NOTE, before.get(HEAD_NOTE) ?? new Uint8Array()));
}

describe('V-37 an erasure', () => {
  const opening = story.openings[0];
  const gone = { seq: opening?.seq ?? 0, path: 'rationale', c: opening?.c ?? '' };
  const erase = (commitments: readonly object[]): Draft =>
    aDraft('erased', {
      ...engine,
      body: { commitments: commitments as never, blobs: [], redacted: [] },
    });
  const erased = (commitments: readonly object[]) => {
    const chain = extend(story, erase(commitments));
    const mark = (path: string, seq: number) =>
      path === gone.path && seq === gone.seq ? ('erased' as const) : ('disclosed' as const);
    return aBundle({ records: bytesOfChain(chain), openings: chain.openings, mark });
  };

  test('with its record is incomplete and not wrong', async () => {
    const report = await verifyFiles(await erased([gone]));
    expect([report.problems, report.verdict]).toEqual([[], 'incomplete']);
    expect(report.absent.erased).toBe(1);
  });

  test('whose record names another commitment is found', async () => {
    const report = await verifyFiles(await erased([{ ...gone, c: digest('another') }]));
    expect(nameOf(report)).toMatch(/^ERASURE_MISMATCH/);
  });
});

describe('V-44 what the reader held before', () => {
  const sizes = [1, 4, 10] as const;

  test.each(sizes)('continues a checkpoint of size %i', async (size) => {
    const files = await aBundle({ since: [size] });
    const oldCheckpoints = [await logOf(leavesOf()).checkpoint(size)];
    expect(nameOf(await verifyFiles(files, { oldCheckpoints }))).toBe('valid');
  });

  /** The leaves of the log in front of the bundle's end. */
  function leavesOf(): Uint8Array[] {
    const key = whole.get('keys/0000.json') ?? new Uint8Array();
    return [key, bytesOf('a stranger'), ...storyBytes];
  }

  test.each([
    { why: 'no proof', since: [] as number[], cut: (files: Files) => files },
    { why: 'a proof for another size', since: [5], cut: (files: Files) => files },
    {
      why: 'a truncated proof',
      since: [4],
      cut: (files: Files) => {
        const path = 'consistency/4-11.txt';
        const lines = asText(files, path).split('\n').slice(1);
        return relisted(new Map(files).set(path, bytesOf(lines.join('\n'))));
      },
    },
  ])('is refused with $why', async ({ since, cut }) => {
    const files = cut(await aBundle({ since }));
    const oldCheckpoints = [await logOf(leavesOf()).checkpoint(4)];
    expect(nameOf(await verifyFiles(files, { oldCheckpoints }))).toBe('CONSISTENCY@-');
  });

  test('of a newer log than the bundle is a question that it cannot answer', async () => {
    const oldCheckpoints = [await logOf([...leavesOf(), bytesOf('later')]).checkpoint(12)];
    const report = await verifyFiles(whole, { oldCheckpoints });
    expect([report.problems, report.verdict, report.newer]).toEqual([[], 'incomplete', 1]);
    const step = report.checks.find((check) => check.step === 'consistency');
    expect(step).toMatchObject({
      result: 'skipped',
      detail: expect.stringMatching(/ask for a newer/),
    });
  });

  test('of a newer log does not hide what is wrong', async () => {
    const log = logOf([...leavesOf(), bytesOf('later')]);
    const both = [await log.checkpoint(12), await log.checkpoint(4)];
    expect(nameOf(await verifyFiles(whole, { oldCheckpoints: both }))).toBe('CONSISTENCY@-');
    const broken = rewritten(recordPath(2), /"nonce":"./, '"nonce":"0');
    const report = await verifyFiles(broken, { oldCheckpoints: both.slice(0, 1) });
    expect(nameOf(report)).toBe('INCLUSION_FAILED@2');
  });

  test('of a newer log is answered where the proof is there, and a false one is found', async () => {
    const log = logOf([...leavesOf(), bytesOf('later')]);
    const oldCheckpoints = [await log.checkpoint(12)];
    const proof = formatHashes(log.growth(11, 12));
    const holding = (bytes: Uint8Array): Files =>
      new Map(
        [...whole].flatMap((file) =>
          file[0] === PAGE ? [['consistency/11-12.txt', bytes], file] : [file],
        ),
      );
    const steps = async (bytes: Uint8Array) =>
      (await verifyFiles(holding(bytes), { oldCheckpoints })).checks.find(
        ({ step }) => step === 'consistency',
      )?.result;
    expect(await steps(proof)).toBe('passed');
    expect(await steps(flipped(proof, 3))).toBe('failed');
  });

  test('is refused where the log was rewritten and signed again (V-21, T5)', async () => {
    const rewrittenLog = [bytesOf('rewritten'), ...leavesOf().slice(1)];
    const oldCheckpoints = [await logOf(rewrittenLog).checkpoint(4)];
    const files = await aBundle({ since: [4] });
    expect(nameOf(await verifyFiles(files, { oldCheckpoints }))).toBe('CONSISTENCY@-');
  });
});

describe('the request', () => {
  test('that the bundle is of is named, and held against the one asked about (T17)', async () => {
    const report = await verifyFiles(whole, { request: STREAM });
    expect([report.verdict, report.request]).toEqual(['valid', STREAM]);
    const other = await verifyFiles(whole, { request: OTHER_STREAM });
    expect([nameOf(other), other.request]).toEqual(['STREAM_MISMATCH@0', STREAM]);
  });
});

describe('V-37 an opening that is absent', () => {
  test('and marked as if it was never kept is missing', async () => {
    const texts = await aBundle({
      mark: (path) => (path === 'rationale' ? 'not_kept' : 'disclosed'),
    });
    expect(nameOf(await verifyFiles(texts))).toBe('MISSING_OPENING@4');
    const named = await aBundle({ mark: (path) => (path === 'person' ? 'not_kept' : 'disclosed') });
    expect(nameOf(await verifyFiles(named))).toBe('MISSING_OPENING@0');
  });
});

describe('V-47 the order of the files', () => {
  const moved = (path: string, before: string): Files => {
    const bytes = whole.get(path) ?? new Uint8Array();
    const rest = [...whole].filter(([one]) => one !== path);
    return new Map(rest.flatMap((file) => (file[0] === before ? [[path, bytes], file] : [file])));
  };

  test.each([
    ['README.txt', 'index.html'],
    ['records/0001.json', 'records/0000.json'],
    ['seal/export.json', 'records/0000.json'],
    ['openings/0004.json', 'openings/people.json'],
  ])('%s in front of %s is not that of the format', async (path, before) => {
    for (const files of [moved(path, before), relisted(moved(path, before))]) {
      const { problems } = await verifyFiles(files);
      expect(problems.at(-1)).toMatchObject({ step: 'files', code: 'BUNDLE_FORMAT' });
    }
    const [only, ...others] = (await verifyFiles(moved(path, before))).problems;
    expect([only?.code, others]).toEqual(['BUNDLE_FORMAT', []]);
  });

  test('turned round is refused', async () => {
    const { problems } = await verifyFiles(new Map([...whole].reverse()));
    expect(problems.map(({ code }) => code)).toEqual(['BUNDLE_FORMAT']);
  });

  test('has no place for what is not of the format, even where it is listed', async () => {
    const note: [string, Uint8Array] = ['notes.txt', bytesOf('x')];
    const files = [...whole].flatMap((file) => (file[0] === PAGE ? [note, file] : [file]));
    expect((await verifyFiles(relisted(new Map(files)))).problems.at(-1)).toMatchObject({
      step: 'files',
      code: 'BUNDLE_FORMAT',
      file: 'notes.txt',
    });
  });
});

describe('keys', () => {
  test('of another reader: nothing of the bundle is believed', async () => {
    const stranger = await noteVerifier(aSigningKey(BUNDLE_ORIGIN, 'e').verifierKey);
    expect(nameOf(await verifyFiles(whole, { logKeys: [stranger] }))).toBe('UNKNOWN_KEY@0');
  });

  test('for stream heads that no record of the log vouches for are not believed', async () => {
    const files = changed((all) => {
      all.delete('keys/0000.json');
      all.delete('keys/0000.tlog-proof');
    });
    expect(nameOf(await verifyFiles(files))).toBe('UNKNOWN_KEY@-');
  });

  test('a record that takes another key into use vouches for nothing', async () => {
    const draft = aDraft('key_rotated', { ...engine, body: { use: 'log' } });
    const other = sealRecords(null, [draft], aContext({ stream: OTHER_STREAM })).records[0];
    const files = replaced('keys/0000.json', other?.bytes ?? new Uint8Array());
    expect(nameOf(await verifyFiles(files))).toBe('INCLUSION_FAILED@-');
  });
});

/** Few records, with a text, people, contents and a proof for the reader: every byte costs a verification. */
const small = extend(
  emptyChain,
  requested,
  aDraft('withdrawn', {
    erasable: [{ path: 'reason', value: 'Sent twice.' }],
    body: { person_c: null },
  }),
);
const least = await aBundle({
  records: bytesOfChain(small),
  openings: small.openings,
  since: [1],
  page: '<p>for people</p>',
  blobs: ['request', 'action'],
});

describe('no mutation is valid', () => {
  test('every byte of every file, one bit flipped', async () => {
    const trust = await trustOf();
    const missed: string[] = [];
    for (const [path, bytes] of least) {
      for (let at = 0; at < bytes.length; at++) {
        const files = new Map(least).set(path, flipped(bytes, at));
        const { verdict } = await verifyBundle({ files, trust, sha256 });
        if (verdict !== 'invalid') missed.push(`${path} ${at}`);
      }
    }
    expect(missed).toEqual([]);
    expect((await verifyBundle({ files: least, trust, sha256 })).verdict).not.toBe('invalid');
  }, 120_000);

  test('every file deleted, every file doubled, every two files exchanged', async () => {
    const trust = await trustOf();
    const missed: string[] = [];
    const look = async (what: string, files: Files): Promise<void> => {
      const { verdict } = await verifyBundle({ files, trust, sha256 });
      if (verdict !== 'invalid') missed.push(what);
    };
    const paths = [...whole.keys()];
    for (const [at, path] of paths.entries()) {
      const bytes = whole.get(path) ?? new Uint8Array();
      const less = new Map(whole);
      less.delete(path);
      await look(`without ${path}`, less);
      await look(`${path} twice`, new Map(whole).set(`copy-${at}`, bytes));
      await look(`${path} empty`, new Map(whole).set(path, new Uint8Array()));
      for (const other of paths.slice(at + 1)) {
        const exchanged = new Map(whole).set(path, whole.get(other) ?? bytes).set(other, bytes);
        await look(`${path} and ${other}`, exchanged);
      }
    }
    expect(missed).toEqual([]);
  }, 60_000);

  test('nothing at all, and a list alone, are invalid', async () => {
    expect((await verifyFiles(new Map())).verdict).toBe('invalid');
    const list = new Map([[MANIFEST, whole.get(MANIFEST) ?? new Uint8Array()]]);
    expect((await verifyFiles(list)).verdict).toBe('invalid');
  });
});
