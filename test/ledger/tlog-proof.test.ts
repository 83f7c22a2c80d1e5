import { describe, expect, test } from 'vitest';

import { toBase64 } from '../../ledger/base64.ts';
import { openCheckpoint, signCheckpoint } from '../../ledger/checkpoint.ts';
import { sha256 } from '../../ledger/hash.ts';
import { checkInclusion, inclusionProof, treeRoot } from '../../ledger/merkle.ts';
import { signNote } from '../../ledger/note.ts';
import { formatTlogProof, parseTlogProof, type TlogProof } from '../../ledger/tlog-proof.ts';
import { noteVerifier } from '../../ledger/verifier-key.ts';
import {
  aLeafHash,
  aSigningKey,
  bytesOf,
  codeOf,
  FOREIGN_HASH,
  leafHashes,
  ORIGIN,
  slackened,
  textOf,
} from './support/log.ts';

const SIZE = 21;
const INDEX = 13;
const leaves = leafHashes(SIZE);
const root = new Uint8Array(treeRoot(leaves, sha256));
const log = aSigningKey();
const checkpoint = await signCheckpoint({ origin: ORIGIN, size: SIZE, root }, [log]);
const hashes = inclusionProof(leaves, INDEX, sha256).map((hash) => new Uint8Array(hash));

function aProof(over: Partial<TlogProof> = {}): TlogProof {
  return { index: INDEX, hashes, checkpoint, extra: null, ...over };
}

const text = textOf(formatTlogProof(aProof()));

test('the form', () => {
  const lines = hashes.map((hash) => `${toBase64(hash)}\n`).join('');
  expect(text).toBe(`c2sp.org/tlog-proof@v1\nindex 13\n${lines}\n${textOf(checkpoint)}`);
});

test.each([
  { why: 'no extra data', proof: aProof() },
  { why: 'extra data', proof: aProof({ extra: bytesOf('age-v1.2.1') }) },
  { why: 'the first leaf', proof: aProof({ index: 0 }) },
  { why: 'no hash', proof: aProof({ hashes: [] }) },
])('$why: what is written is read', ({ proof }) => {
  expect(parseTlogProof(formatTlogProof(proof))).toEqual(proof);
});

test('a proof from the file alone leads to the checkpoint, and no other leaf does', async () => {
  const read = parseTlogProof(bytesOf(text));
  const logKeys = [await noteVerifier(log.verifierKey)];
  const opened = await openCheckpoint(read.checkpoint, { origin: ORIGIN, logKeys });
  const tree = { ...opened.checkpoint, proof: read.hashes };
  const { index } = read;
  expect(await checkInclusion({ hash: aLeafHash(INDEX), index }, tree, sha256)).toBe(true);
  expect(await checkInclusion({ hash: FOREIGN_HASH, index }, tree, sha256)).toBe(false);
});

test('cosignatures stay in the checkpoint, byte by byte', async () => {
  const witness = aSigningKey('witness.example', 'b');
  const signed = `${ORIGIN}\n${SIZE}\n${toBase64(root)}\n`;
  const cosigned = await signNote(signed, [log, witness]);
  expect(parseTlogProof(formatTlogProof(aProof({ checkpoint: cosigned }))).checkpoint).toEqual(
    cosigned,
  );
});

describe('a proof is refused', () => {
  const [first = ''] = hashes.map(toBase64);
  const extra = text.replace('index 13', 'extra AAAA\nindex 13');
  const many = Array.from({ length: 54 }, () => first).join('\n');
  const none = text.replace(/index 13\n(.+\n)+/, 'index 13\n');

  test.each([
    { why: 'nothing', file: '' },
    { why: 'the header alone', file: 'c2sp.org/tlog-proof@v1\n' },
    { why: 'another version', file: text.replace('@v1', '@v2') },
    { why: 'a space behind the header', file: text.replace('@v1', '@v1 ') },
    { why: 'a byte order mark', file: `\ufeff${text}` },
    { why: 'an empty line in front', file: `\n${text}` },
    { why: 'an empty line behind the header', file: text.replace('@v1\n', '@v1\n\n') },
    { why: 'CR', file: text.replaceAll('\n', '\r\n') },
    { why: 'one CR', file: text.replace('index 13', 'index 13\r') },
    { why: 'no index', file: text.replace('index 13\n', '') },
    { why: 'an index without number', file: text.replace('index 13', 'index ') },
    { why: 'a leading zero', file: text.replace('index 13', 'index 013') },
    { why: 'hexadecimal', file: text.replace('index 13', 'index 0xd') },
    { why: 'a sign', file: text.replace('index 13', 'index +13') },
    { why: 'two spaces', file: text.replace('index 13', 'index  13') },
    { why: 'a tab', file: text.replace('index 13', 'index\t13') },
    { why: 'a capital', file: text.replace('index 13', 'Index 13') },
    { why: '2^53', file: text.replace('index 13', 'index 9007199254740992') },
    { why: 'V-39 an index beyond the tree', file: text.replace('index 13', 'index 21') },
    { why: 'two indexes', file: text.replace('index 13', 'index 13\nindex 13') },
    { why: 'extra data behind the index', file: text.replace('index 13', 'index 13\nextra AAAA') },
    { why: 'extra data twice', file: extra.replace('extra AAAA', 'extra AAAA\nextra AAAA') },
    { why: 'empty extra data', file: extra.replace('extra AAAA', 'extra ') },
    { why: 'extra without space', file: extra.replace('extra AAAA', 'extra') },
    { why: 'extra data without padding', file: extra.replace('extra AAAA', 'extra AA') },
    { why: 'slack in extra data', file: extra.replace('extra AAAA', 'extra AB==') },
    { why: 'too much extra data', file: extra.replace('AAAA', toBase64(new Uint8Array(65_537))) },
    { why: 'slack in a hash', file: text.replace(first, slackened(first)) },
    { why: 'a hash without padding', file: text.replace(first, first.slice(0, -1)) },
    { why: 'V-39 a hash of 31 bytes', file: text.replace(first, toBase64(new Uint8Array(31))) },
    { why: 'a hash of 33 bytes', file: text.replace(first, toBase64(new Uint8Array(33))) },
    { why: 'a space behind a hash', file: text.replace(first, `${first} `) },
    { why: '54 hashes', file: none.replace('index 13\n', `index 13\n${many}\n`) },
    { why: 'no empty line', file: text.slice(0, text.indexOf('\n\n')) },
    { why: 'a lone surrogate in UTF-8', file: text, bad: [0xed, 0xa0, 0x80] },
  ])('for $why', async ({ file, bad = [] }) => {
    const bytes = Uint8Array.of(...bytesOf(file), ...bad);
    expect(await codeOf(() => parseTlogProof(bytes))).toBe('TLOG_PROOF_FORMAT');
  });

  test.each([
    { why: 'no checkpoint', file: text.slice(0, text.indexOf('\n\n') + 2) },
    { why: 'a checkpoint cut short', file: text.slice(0, -1) },
    { why: 'no signature', file: text.slice(0, text.indexOf('—')) },
    { why: 'another empty line before it', file: text.replace('\n\n', '\n\n\n') },
    { why: 'an empty line at the end', file: `${text}\n` },
    { why: 'an extension line', file: text.replace(/\n\n—/, '\nextension\n\n—') },
    { why: 'a control character', file: text.replace(ORIGIN, `${ORIGIN}\0`) },
  ])('as NOTE_FORMAT for $why', async ({ file }) => {
    expect(file).not.toBe(text);
    expect(await codeOf(() => parseTlogProof(bytesOf(file)))).toBe('NOTE_FORMAT');
  });

  test('for more bytes than any proof has', async () => {
    const file = new Uint8Array(2_000_000).fill(0x41);
    expect(await codeOf(() => parseTlogProof(file))).toBe('TLOG_PROOF_FORMAT');
  });
});

test.each([
  { why: 'an index beyond the tree', proof: aProof({ index: SIZE }), code: 'TLOG_PROOF_FORMAT' },
  { why: 'half an index', proof: aProof({ index: 0.5 }), code: 'TLOG_PROOF_FORMAT' },
  {
    why: 'a short hash',
    proof: aProof({ hashes: [new Uint8Array(31)] }),
    code: 'TLOG_PROOF_FORMAT',
  },
  {
    why: 'empty extra data',
    proof: aProof({ extra: new Uint8Array() }),
    code: 'TLOG_PROOF_FORMAT',
  },
  { why: 'no note', proof: aProof({ checkpoint: bytesOf('note\n') }), code: 'NOTE_FORMAT' },
] as const)('$why is not written', async ({ proof, code }) => {
  expect(await codeOf(() => formatTlogProof(proof))).toBe(code);
});
