import fc from 'fast-check';
import { expect, test } from 'vitest';

import { fromBase64, toBase64 } from '../../ledger/base64.ts';
import { checkpointText, parseCheckpointText, signCheckpoint } from '../../ledger/checkpoint.ts';
import { sha256 } from '../../ledger/hash.ts';
import { formatNote, openNote, parseNote } from '../../ledger/note.ts';
import {
  parseStreamHeadText,
  signStreamHead,
  streamHeadName,
  streamHeadText,
} from '../../ledger/stream-head.ts';
import { decodeBundle, encodeBundle, parseTilePath, tilePath } from '../../ledger/tile.ts';
import { formatTlogProof, parseTlogProof } from '../../ledger/tlog-proof.ts';
import { formatVerifierKey, noteVerifier, parseVerifierKey } from '../../ledger/verifier-key.ts';
import {
  aLeafHash,
  aSigningKey,
  bytesOf,
  codeOf,
  leafHashes,
  ORIGIN,
  textOf,
} from './support/log.ts';

// Any input is refused with a code, or is the one form of what it says: writing it gives it again.

const RUNS = { numRuns: 1_500 };
const log = aSigningKey();
const headKey = aSigningKey(streamHeadName(ORIGIN), 'd');
const tree = { origin: ORIGIN, size: 70_000, root: aLeafHash(1) };
const stream = '3f2b7c1e-9d4a-4f6b-8c21-5e0a7d9b1c34';
const head = { ...tree, stream, seq: 3, leafHash: 'ab'.repeat(32) };
const checkpoint = await signCheckpoint(tree, [log]);
const statement = await signStreamHead(head, headKey);
const proof = { index: 12, hashes: leafHashes(17), checkpoint, extra: bytesOf('extra') };
const file = formatTlogProof(proof);
const key = formatVerifierKey(log.verifierKey);
const bundle = encodeBundle([bytesOf('{"a":1}'), bytesOf(''), bytesOf('{"b":2}')]);
const verifier = await noteVerifier(log.verifierKey);

/** A valid input with up to four places removed or replaced. */
function damaged(valid: Uint8Array): fc.Arbitrary<Uint8Array> {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 3 }),
    fc
      .constantFrom('\n', '\n\n', '\r', ' ', '=', '+', '— ', '\ufeff', '0', 'x000/', '.p/')
      .map(bytesOf),
  );
  const edits = fc.array(fc.tuple(fc.nat(), fc.nat(2), piece), { minLength: 1, maxLength: 4 });
  return edits.map((places) => {
    const copy = [...valid];
    for (const [at, remove, added] of places) copy.splice(at % copy.length, remove, ...added);
    return Uint8Array.from(copy);
  });
}

function hostile(valid: Uint8Array): fc.Arbitrary<Uint8Array> {
  const text = fc.string({ unit: 'binary', maxLength: 100 }).map(bytesOf);
  return fc.oneof(
    { weight: 8, arbitrary: damaged(valid) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 100 }) },
    { weight: 1, arbitrary: text },
  );
}

const readers = [
  { name: 'a note', valid: checkpoint, again: (bytes: Uint8Array) => formatNote(parseNote(bytes)) },
  {
    name: 'a tlog-proof',
    valid: file,
    again: (bytes: Uint8Array) => formatTlogProof(parseTlogProof(bytes)),
  },
  {
    name: 'a bundle',
    valid: bundle,
    again: (bytes: Uint8Array) => encodeBundle(decodeBundle(bytes, 3)),
  },
];

test.each(readers)('$name of any bytes', async ({ valid, again }) => {
  expect(again(valid)).toEqual(valid);
  await fc.assert(
    fc.asyncProperty(hostile(valid), async (bytes) => {
      await codeOf(() => expect(again(bytes)).toEqual(bytes));
    }),
    RUNS,
  );
});

const textReaders = [
  {
    name: 'a checkpoint',
    valid: checkpointText(tree),
    again: async (text: string) => checkpointText(parseCheckpointText(text)),
  },
  {
    name: 'a stream head',
    valid: streamHeadText(head),
    again: async (text: string) => streamHeadText(parseStreamHeadText(text)),
  },
  {
    name: 'a verifier key',
    valid: key,
    again: async (text: string) => formatVerifierKey(await parseVerifierKey(text, sha256)),
  },
  {
    name: 'a tile path',
    valid: 'tile/0/x001/x234/067.p/8',
    again: async (text: string) => tilePath(parseTilePath(text)),
  },
  {
    name: 'a bundle path',
    valid: 'tile/entries/x001/234',
    again: async (text: string) => tilePath(parseTilePath(text)),
  },
];

test.each(textReaders)('$name of any text', async ({ valid, again }) => {
  expect(await again(valid)).toBe(valid);
  await fc.assert(
    fc.asyncProperty(hostile(bytesOf(valid)), async (bytes) => {
      const text = textOf(bytes);
      await codeOf(async () => expect(await again(text)).toBe(text));
    }),
    RUNS,
  );
});

test('base64 of any text is refused or the one form', () => {
  fc.assert(
    fc.property(hostile(bytesOf(toBase64(aLeafHash(1)))), (bytes) => {
      const read = fromBase64(textOf(bytes));
      if (read !== null) expect(toBase64(read)).toBe(textOf(bytes));
    }),
    RUNS,
  );
});

test('bytes are in base64 what Node makes of them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
      expect(fromBase64(toBase64(bytes))).toEqual(bytes);
    }),
  );
});

test('a damaged note says what was signed, or nothing', async () => {
  await fc.assert(
    fc.asyncProperty(damaged(checkpoint), async (bytes) => {
      await codeOf(async () => {
        const opened = await openNote(bytes, [verifier]);
        expect(opened.text).toBe(checkpointText(tree));
      });
    }),
    RUNS,
  );
});

test('a damaged statement says what was signed, or nothing', async () => {
  const known = await noteVerifier(headKey.verifierKey);
  await fc.assert(
    fc.asyncProperty(damaged(statement), async (bytes) => {
      await codeOf(async () => {
        expect((await openNote(bytes, [known])).text).toBe(streamHeadText(head));
      });
    }),
    RUNS,
  );
});
