import { createHash } from 'node:crypto';

import { expect, test } from 'vitest';

import { fromHex, partsInput, toHex } from '../../ledger/encoding.ts';
import { LedgerError } from '../../ledger/error.ts';
import { commandKey, commitment, leafHash, nodeHash } from '../../ledger/hash.ts';
import { openReferenceBook } from '../../ledger/opening.ts';
import { fixedRandom } from './support/drafts.ts';

const salt = new Uint8Array(32).fill(7);

test.each([
  ['', '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'],
  ['00', '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7'],
  ['10', '0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7'],
])('RFC 6962 leaf hash of %j', (hex, expected) => {
  expect(leafHash(fromHex(hex))).toBe(expected);
});

test('RFC 6962 root of the first two reference leaves', () => {
  const leaves = ['', '00'].map((hex) => fromHex(leafHash(fromHex(hex))));
  const root = nodeHash(leaves[0] ?? salt, leaves[1] ?? salt);
  expect(toHex(root)).toBe('fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125');
});

test('a commitment is the hash of label, salt, lengths, path and value', () => {
  const bytes = Buffer.concat([
    Buffer.from('countersign/commit/v1\0'),
    salt,
    Buffer.from([0, 7]),
    Buffer.from('comment'),
    Buffer.from([0, 0, 0, 4]),
    Buffer.from('Né!'),
  ]);
  expect(commitment('comment', 'Né!', salt)).toBe(createHash('sha256').update(bytes).digest('hex'));
});

test.each([
  { what: 'path', other: commitment('comments', 'text', salt) },
  { what: 'value', other: commitment('comment', 'Text', salt) },
  { what: 'salt', other: commitment('comment', 'text', new Uint8Array(32).fill(8)) },
  { what: 'border between them', other: commitment('commentt', 'ext', salt) },
])('another $what gives another commitment', ({ other }) => {
  expect(other).not.toBe(commitment('comment', 'text', salt));
});

test.each([
  { why: 'short salt', act: () => commitment('comment', 'text', salt.subarray(1)) },
  { why: 'lone surrogate', act: () => commitment('comment', '\ud800', salt) },
  { why: 'endless path', act: () => commitment('c'.repeat(65_536), 'text', salt) },
  { why: 'odd hex', act: () => fromHex('abc') },
  { why: 'capital hex', act: () => fromHex('AB') },
  { why: 'lone surrogate in a key', act: () => commandKey('\ud800', 'x') },
])('refuses $why', ({ act }) => {
  expect(act).toThrow(LedgerError);
});

test('command keys depend on where one part ends', () => {
  expect(commandKey('ab', 'c')).not.toBe(commandKey('a', 'bc'));
  expect(commandKey('a', 'b')).toBe(commandKey('a', 'b'));
  expect(commandKey('a', 'b')).toMatch(/^[0-9a-f]{64}$/);
  expect(toHex(partsInput('l', ['é']))).toBe('000000016c00000002c3a9');
});

test('a reference book names a person the same way in one stream and differently in another', () => {
  const first = openReferenceBook([], fixedRandom('a'));
  const eve = first.of('eve');
  expect(first.of('eve')).toBe(eve);
  expect(first.of('omar')).not.toBe(eve);
  expect(first.added.map((opening) => opening.value)).toEqual(['eve', 'omar']);

  const again = openReferenceBook(first.added, fixedRandom('b'));
  expect(again.of('eve')).toBe(eve);
  expect(again.added).toEqual([]);
  expect(openReferenceBook([], fixedRandom('b')).of('eve')).not.toBe(eve);
});
