import { describe, expect, test } from 'vitest';

import { toBase64 } from '../../ledger/base64.ts';
import {
  checkpointText,
  openCheckpoint,
  parseCheckpointText,
  signCheckpoint,
  type Checkpoint,
} from '../../ledger/checkpoint.ts';
import { sha256 } from '../../ledger/hash.ts';
import { signNote } from '../../ledger/note.ts';
import { noteVerifier } from '../../ledger/verifier-key.ts';
import {
  aSigningKey,
  aLeafHash,
  bytesOf,
  codeOf,
  ORIGIN,
  slackened,
  textOf,
} from './support/log.ts';

const log = aSigningKey();
const witness = aSigningKey('witness.example', 'b');
const logKeys = [await noteVerifier(log.verifierKey)];
const witnessKeys = [await noteVerifier(witness.verifierKey)];

function aCheckpoint(over: Partial<Checkpoint> = {}): Checkpoint {
  return { origin: ORIGIN, size: 4711, root: aLeafHash(1), ...over };
}

test('S-13 the text is origin, size and root, each ended by LF', () => {
  const root = toBase64(aLeafHash(1));
  expect(checkpointText(aCheckpoint())).toBe(`${ORIGIN}\n4711\n${root}\n`);
});

test('what is signed is opened', async () => {
  const note = await signCheckpoint(aCheckpoint(), [log]);
  const opened = await openCheckpoint(note, { origin: ORIGIN, logKeys });
  expect(opened.checkpoint).toEqual(aCheckpoint());
  expect(opened.logSignatures).toMatchObject([{ name: ORIGIN, keyId: log.keyId }]);
  expect(opened.cosignatures).toEqual([]);
});

test('S-20 the empty log has a checkpoint', async () => {
  const empty = aCheckpoint({ size: 0, root: new Uint8Array(sha256(new Uint8Array())) });
  const note = await signCheckpoint(empty, [log]);
  expect(textOf(note)).toContain(`\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n`);
  expect((await openCheckpoint(note, { origin: ORIGIN, logKeys })).checkpoint).toEqual(empty);
});

test.each([0, 1, 9, 10, 2 ** 32, 2 ** 53 - 1])('size %d is written and read', (size) => {
  const root = size === 0 ? new Uint8Array(sha256(new Uint8Array())) : aLeafHash(2);
  const checkpoint = aCheckpoint({ size, root });
  expect(parseCheckpointText(checkpointText(checkpoint))).toEqual(checkpoint);
});

test('cosignatures of known witnesses are told apart from those of the log', async () => {
  const note = await signNote(checkpointText(aCheckpoint()), [witness, log]);
  const opened = await openCheckpoint(note, { origin: ORIGIN, logKeys, witnessKeys });
  expect(opened.logSignatures).toMatchObject([{ name: ORIGIN }]);
  expect(opened.cosignatures).toMatchObject([{ name: 'witness.example' }]);
});

test('during a rotation both keys of the log sign', async () => {
  const next = aSigningKey(ORIGIN, 'c');
  const note = await signCheckpoint(aCheckpoint(), [log, next]);
  const both = [...logKeys, await noteVerifier(next.verifierKey)];
  for (const keys of [both, both.slice(0, 1), both.slice(1)]) {
    const opened = await openCheckpoint(note, { origin: ORIGIN, logKeys: keys });
    expect(opened.logSignatures).toHaveLength(keys.length);
  }
});

test('a witness alone does not make a checkpoint', async () => {
  const note = await signNote(checkpointText(aCheckpoint()), [witness]);
  const trust = { origin: ORIGIN, logKeys, witnessKeys };
  expect(await codeOf(() => openCheckpoint(note, trust))).toBe('UNKNOWN_KEY');
});

test('V-17 the checkpoint of another log is refused, though our key signed it', async () => {
  const note = await signNote(checkpointText(aCheckpoint({ origin: 'other.example' })), [log]);
  const code = await codeOf(() => openCheckpoint(note, { origin: ORIGIN, logKeys }));
  expect(code).toBe('ORIGIN_MISMATCH');
});

test('S-18 a key named for something else does not sign', async () => {
  expect(await codeOf(() => signCheckpoint(aCheckpoint(), [witness]))).toBe('ORIGIN_MISMATCH');
  expect(await codeOf(() => signCheckpoint(aCheckpoint(), []))).toBe('NOTE_FORMAT');
});

describe('V-23 the text is refused, though our key signed it', () => {
  const root = toBase64(aLeafHash(1));

  test.each([
    { why: 'a leading zero', text: `${ORIGIN}\n04711\n${root}\n` },
    { why: 'zero twice', text: `${ORIGIN}\n00\n${root}\n` },
    { why: 'hexadecimal', text: `${ORIGIN}\n0x10\n${root}\n` },
    { why: 'an exponent', text: `${ORIGIN}\n1e3\n${root}\n` },
    { why: 'a plus sign', text: `${ORIGIN}\n+1\n${root}\n` },
    { why: 'a negative size', text: `${ORIGIN}\n-1\n${root}\n` },
    { why: 'a fraction', text: `${ORIGIN}\n1.0\n${root}\n` },
    { why: 'a space in the size', text: `${ORIGIN}\n1 \n${root}\n` },
    { why: 'other digits', text: `${ORIGIN}\n١\n${root}\n` },
    { why: 'no size', text: `${ORIGIN}\n\n${root}\n` },
    { why: '2^53', text: `${ORIGIN}\n9007199254740992\n${root}\n` },
    { why: '2^64', text: `${ORIGIN}\n18446744073709551616\n${root}\n` },
    { why: 'an extension line', text: `${ORIGIN}\n4711\n${root}\nextension\n` },
    { why: 'an empty line at the end', text: `${ORIGIN}\n4711\n${root}\n\n` },
    { why: 'an empty line in front', text: `\n${ORIGIN}\n4711\n${root}\n` },
    { why: 'an empty line inside', text: `${ORIGIN}\n\n4711\n${root}\n` },
    { why: 'no root', text: `${ORIGIN}\n4711\n` },
    { why: 'an empty root', text: `${ORIGIN}\n4711\n\n` },
    { why: 'no padding', text: `${ORIGIN}\n4711\n${root.slice(0, -1)}\n` },
    { why: 'bits behind the last byte', text: `${ORIGIN}\n4711\n${slackened(root)}\n` },
    { why: 'the URL alphabet', text: `${ORIGIN}\n4711\n${'_'.repeat(43)}=\n` },
    { why: 'a root of 31 bytes', text: `${ORIGIN}\n4711\n${toBase64(aLeafHash(1).slice(1))}\n` },
    { why: 'a root in hex', text: `${ORIGIN}\n4711\n${'ab'.repeat(32)}\n` },
    { why: 'no origin', text: `\n4711\n${root}\n` },
    { why: 'a space in the origin', text: `log example\n4711\n${root}\n` },
    { why: 'a plus sign in the origin', text: `log+example\n4711\n${root}\n` },
    { why: 'an empty tree with leaves', text: `${ORIGIN}\n0\n${root}\n` },
  ])('for $why', async ({ text }) => {
    expect(await codeOf(() => parseCheckpointText(text))).toBe('NOTE_FORMAT');
    const note = await signNote(text, [log]);
    const code = await codeOf(() => openCheckpoint(note, { origin: ORIGIN, logKeys }));
    expect(code).toBe('NOTE_FORMAT');
  });

  test.each([
    { why: 'CR', text: `${ORIGIN}\r\n4711\r\n${root}\r\n` },
    { why: 'a tab', text: `${ORIGIN}\n4711\t\n${root}\n` },
    { why: 'no end', text: `${ORIGIN}\n4711\n${root}` },
  ])('for $why, before any key is asked', async ({ text }) => {
    expect(await codeOf(() => parseCheckpointText(text))).toBe('NOTE_FORMAT');
    const note = bytesOf(`${text}\n— ${ORIGIN} AAAAAAAA\n`);
    const code = await codeOf(() => openCheckpoint(note, { origin: ORIGIN, logKeys }));
    expect(code).toBe('NOTE_FORMAT');
  });
});

test.each([
  { why: 'half a leaf', over: { size: 0.5 } },
  { why: 'fewer than none', over: { size: -1 } },
  { why: '2^53 leaves', over: { size: 2 ** 53 } },
  { why: '10^21 leaves', over: { size: 1e21 } },
  { why: 'an empty tree with a root', over: { size: 0 } },
  { why: 'a short root', over: { root: new Uint8Array(31) } },
  { why: 'an origin of two lines', over: { origin: 'a\nb' } },
])('$why is not signed', async ({ over }) => {
  const checkpoint = aCheckpoint(over);
  const signer = { ...log, name: checkpoint.origin };
  expect(await codeOf(() => signCheckpoint(checkpoint, [signer]))).toBe('NOTE_FORMAT');
});
