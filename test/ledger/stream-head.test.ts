import { describe, expect, test } from 'vitest';

import { toBase64 } from '../../ledger/base64.ts';
import { openCheckpoint } from '../../ledger/checkpoint.ts';
import { toHex } from '../../ledger/encoding.ts';
import { signNote } from '../../ledger/note.ts';
import {
  openStreamHead,
  parseStreamHeadText,
  signStreamHead,
  streamHeadName,
  streamHeadText,
  type StreamHead,
} from '../../ledger/stream-head.ts';
import { noteVerifier } from '../../ledger/verifier-key.ts';
import { aLeafHash, aSigningKey, codeOf, flipped, ORIGIN, textOf } from './support/log.ts';

const STREAM = '3f2b7c1e-9d4a-4f6b-8c21-5e0a7d9b1c34';
const leafHash = toHex(aLeafHash(9));
const root = toBase64(aLeafHash(1));
const key = aSigningKey(streamHeadName(ORIGIN), 'd');
const keys = [await noteVerifier(key.verifierKey)];

function aHead(over: Partial<StreamHead> = {}): StreamHead {
  const tree = { size: 4711, root: aLeafHash(1) };
  return { origin: ORIGIN, ...tree, stream: STREAM, seq: 12, leafHash, ...over };
}

test('the text has six lines', () => {
  const name = `${ORIGIN}/stream-heads/v1`;
  expect(streamHeadText(aHead())).toBe(`${name}\n4711\n${root}\n${STREAM}\n12\n${leafHash}\n`);
});

test('what is signed is opened', async () => {
  const note = await signStreamHead(aHead(), key);
  const opened = await openStreamHead(note, { origin: ORIGIN, keys });
  expect(opened.head).toEqual(aHead());
  expect(opened.signatures).toMatchObject([{ name: `${ORIGIN}/stream-heads/v1` }]);
});

test('no changed byte is believed', async () => {
  const note = await signStreamHead(aHead(), key);
  for (let at = 0; at < note.length; at++) {
    const act = () => openStreamHead(flipped(note, at), { origin: ORIGIN, keys });
    expect(await codeOf(act), `byte ${at} of ${textOf(note)}`).not.toBeNull();
  }
});

test('a checkpoint is no stream head, nor the reverse, whoever signed it', async () => {
  const checkpoint = await signNote(`${ORIGIN}\n4711\n${root}\n`, [key]);
  const trust = { origin: ORIGIN, keys };
  expect(await codeOf(() => openStreamHead(checkpoint, trust))).toBe('NOTE_FORMAT');
  const head = await signStreamHead(aHead(), key);
  const act = () => openCheckpoint(head, { origin: ORIGIN, logKeys: keys });
  expect(await codeOf(act)).toBe('NOTE_FORMAT');
});

test('a key named like the log does not sign stream heads', async () => {
  expect(await codeOf(() => signStreamHead(aHead(), aSigningKey()))).toBe('ORIGIN_MISMATCH');
});

test('the statement of another log, or by nobody known, is refused', async () => {
  const other = await signNote(streamHeadText(aHead({ origin: 'other.example' })), [key]);
  expect(await codeOf(() => openStreamHead(other, { origin: ORIGIN, keys }))).toBe(
    'ORIGIN_MISMATCH',
  );
  const stranger = await signStreamHead(aHead(), aSigningKey(streamHeadName(ORIGIN), 'e'));
  expect(await codeOf(() => openStreamHead(stranger, { origin: ORIGIN, keys }))).toBe(
    'UNKNOWN_KEY',
  );
});

describe('V-23 the text is refused', () => {
  const good = streamHeadText(aHead());

  test.each([
    { why: 'a line more', text: `${good}more\n` },
    { why: 'an empty line more', text: `${good}\n` },
    { why: 'a line less', text: good.replace(`${leafHash}\n`, '') },
    { why: 'no end', text: good.slice(0, -1) },
    { why: 'another kind of statement', text: good.replace('stream-heads', 'stream-tails') },
    { why: 'another version', text: good.replace('/v1', '/v2') },
    { why: 'no origin', text: good.replace(ORIGIN, '') },
    { why: 'an origin with a space', text: good.replace(ORIGIN, 'a b') },
    { why: 'a leading zero in the size', text: good.replace('4711', '04711') },
    { why: 'a leading zero in the number', text: good.replace('\n12\n', '\n012\n') },
    { why: 'a negative number', text: good.replace('\n12\n', '\n-1\n') },
    { why: 'a hexadecimal number', text: good.replace('\n12\n', '\n0xc\n') },
    { why: 'more records than leaves', text: good.replace('\n12\n', '\n4711\n') },
    { why: 'an empty tree', text: good.replace('\n4711\n', '\n0\n') },
    { why: 'a root without padding', text: good.replace(root, root.slice(0, -1)) },
    { why: 'a stream in capitals', text: good.replace(STREAM, STREAM.toUpperCase()) },
    { why: 'a stream of another form', text: good.replace(STREAM, 'stream') },
    { why: 'a leaf hash in capitals', text: good.replace(leafHash, leafHash.toUpperCase()) },
    { why: 'a short leaf hash', text: good.replace(leafHash, leafHash.slice(2)) },
    { why: 'CR', text: good.replaceAll('\n', '\r\n') },
    { why: 'a byte order mark', text: `\ufeff${good}` },
  ])('for $why', async ({ text }) => {
    expect(text).not.toBe(good);
    const code = await codeOf(() => parseStreamHeadText(text));
    // A mark in front is a character like others here; no note can begin with it.
    expect(code).toBe(text.startsWith('\ufeff') ? null : 'NOTE_FORMAT');
    const act = async () => openStreamHead(await signNote(text, [key]), { origin: ORIGIN, keys });
    expect(await codeOf(act)).toBe('NOTE_FORMAT');
  });

  test('before it is signed', async () => {
    expect(await codeOf(() => signStreamHead(aHead({ seq: 4711 }), key))).toBe('NOTE_FORMAT');
    expect(await codeOf(() => signStreamHead(aHead({ stream: 's' }), key))).toBe('NOTE_FORMAT');
  });
});
