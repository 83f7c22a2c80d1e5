import { describe, expect, test } from 'vitest';

import { toHex } from '../../ledger/encoding.ts';
import {
  decodeBundle,
  decodeTile,
  encodeBundle,
  encodeTile,
  parseTilePath,
  partialTiles,
  tilePath,
  tileWidth,
  type TileAddress,
} from '../../ledger/tile.ts';
import { bytesOf, codeOf, leafHashes } from './support/log.ts';

const hashes = (level: number, index: number, width: number = 256): TileAddress => {
  return { kind: 'hashes', level, index, width };
};
const entries = (index: number, width: number = 256): TileAddress => {
  return { kind: 'entries', index, width };
};

describe('S-1, S-2 paths', () => {
  test.each([
    { path: 'tile/0/000', address: hashes(0, 0) },
    { path: 'tile/0/999', address: hashes(0, 999) },
    { path: 'tile/0/x001/000', address: hashes(0, 1000) },
    { path: 'tile/0/x001/234/', address: null },
    { path: 'tile/0/x001/x234/067', address: hashes(0, 1_234_067) }, // K-7
    { path: 'tile/0/x999/999', address: hashes(0, 999_999) },
    { path: 'tile/0/x001/x000/000', address: hashes(0, 1_000_000) },
    { path: 'tile/1/000.p/1', address: hashes(1, 0, 1) }, // S-6
    { path: 'tile/5/x012/345.p/255', address: hashes(5, 12_345, 255) },
    { path: 'tile/63/000', address: hashes(63, 0) },
    { path: 'tile/entries/000', address: entries(0) },
    { path: 'tile/entries/x001/x234/067.p/8', address: entries(1_234_067, 8) },
    {
      path: 'tile/0/x009/x007/x199/x254/x740/991',
      address: hashes(0, Number.MAX_SAFE_INTEGER),
    },
  ])('$path', async ({ path, address }) => {
    if (address === null) {
      expect(await codeOf(() => parseTilePath(path))).toBe('TILE_FORMAT');
      return;
    }
    expect(tilePath(address)).toBe(path);
    expect(parseTilePath(path)).toEqual(address);
  });

  test.each([
    { why: 'nothing', path: '' },
    { why: 'a slash in front', path: '/tile/0/000' },
    { why: 'no index', path: 'tile/0' },
    { why: 'no level', path: 'tile/000' },
    { why: 'a level with a zero', path: 'tile/00/000' },
    { why: 'level 64', path: 'tile/64/000' },
    { why: 'level 100', path: 'tile/100/000' },
    { why: 'level -1', path: 'tile/-1/000' },
    { why: 'an unknown kind', path: 'tile/names/000' },
    { why: 'entries in capitals', path: 'tile/ENTRIES/000' },
    { why: 'two digits', path: 'tile/0/00' },
    { why: 'four digits', path: 'tile/0/1000' },
    { why: 'no x', path: 'tile/0/001/234' },
    { why: 'x on the last', path: 'tile/0/x001/x234' },
    { why: 'x on the only one', path: 'tile/0/x000' },
    { why: 'a capital X', path: 'tile/0/X001/234' },
    { why: 'groups without need', path: 'tile/0/x000/001' },
    { why: 'an index beyond 2^53', path: 'tile/0/x009/x007/x199/x254/x740/992' },
    { why: 'seven groups', path: 'tile/0/x001/x000/x000/x000/x000/x000/000' },
    { why: 'an empty tile', path: 'tile/0/000.p/0' },
    { why: 'a full tile as partial', path: 'tile/0/000.p/256' },
    { why: 'a width of 257', path: 'tile/0/000.p/257' },
    { why: 'a width with a zero', path: 'tile/0/000.p/01' },
    { why: 'a negative width', path: 'tile/0/000.p/-1' },
    { why: 'no width', path: 'tile/0/000.p' },
    { why: 'no width behind the slash', path: 'tile/0/000.p/' },
    { why: 'something behind', path: 'tile/0/000.p/1/' },
    { why: 'a line behind', path: 'tile/0/000\n' },
    { why: 'a dot segment', path: 'tile/0/../0/000' },
    { why: 'percent encoding', path: 'tile/0/%30%30%30' },
    { why: 'other digits', path: 'tile/0/٠٠٠' },
  ])('$why is refused', async ({ path }) => {
    expect(await codeOf(() => parseTilePath(path))).toBe('TILE_FORMAT');
  });

  test.each([
    { why: 'level 64', address: hashes(64, 0) },
    { why: 'half a level', address: hashes(0.5, 0) },
    { why: 'index -1', address: hashes(0, -1) },
    { why: 'index 2^53', address: hashes(0, 2 ** 53) },
    { why: 'width 0', address: hashes(0, 0, 0) },
    { why: 'width 257', address: entries(0, 257) },
    { why: 'half a width', address: entries(0, 1.5) },
  ])('$why has no path', async ({ address }) => {
    expect(await codeOf(() => tilePath(address))).toBe('TILE_FORMAT');
  });
});

describe('K-7 how a tree is cut', () => {
  const partial = (size: number) => {
    return partialTiles(size).map((tile) => tilePath({ kind: 'hashes', ...tile }));
  };

  test('70,000 leaves', () => {
    const widths = (level: number, count: number) =>
      Array.from({ length: count }, (_, index) => tileWidth(70_000, level, index));
    expect(widths(0, 275)).toEqual([...Array<number>(273).fill(256), 112, 0]);
    expect(widths(1, 3)).toEqual([256, 17, 0]);
    expect(widths(2, 2)).toEqual([1, 0]);
    expect(widths(3, 1)).toEqual([0]);
    expect(partial(70_000)).toEqual(['tile/0/273.p/112', 'tile/1/001.p/17', 'tile/2/000.p/1']);
  });

  test.each([
    { size: 0, paths: [] },
    { size: 1, paths: ['tile/0/000.p/1'] },
    { size: 255, paths: ['tile/0/000.p/255'] },
    { size: 256, paths: ['tile/1/000.p/1'] }, // S-6
    { size: 257, paths: ['tile/0/001.p/1', 'tile/1/000.p/1'] },
    { size: 65_535, paths: ['tile/0/255.p/255', 'tile/1/000.p/255'] },
    { size: 65_536, paths: ['tile/2/000.p/1'] },
    { size: 65_537, paths: ['tile/0/256.p/1', 'tile/2/000.p/1'] },
  ])('F-21 $size leaves', ({ size, paths }) => {
    expect(partial(size)).toEqual(paths);
  });

  test('2^53 - 1 leaves, the most there can be', () => {
    const widths = partialTiles(2 ** 53 - 1).map(({ width }) => width);
    expect(widths).toEqual([255, 255, 255, 255, 255, 255, 31]);
  });
});

describe('S-5 tiles', () => {
  test('are the hashes one after the other, and nothing more', () => {
    const row = leafHashes(3);
    const bytes = encodeTile(row);
    expect(toHex(bytes)).toBe(row.map(toHex).join(''));
    expect(decodeTile(bytes, 3).map(toHex)).toEqual(row.map(toHex));
    expect(encodeTile(leafHashes(256))).toHaveLength(8_192);
  });

  test.each([
    { why: 'none', row: [] },
    { why: '257', row: leafHashes(257) },
    { why: 'one of 31 bytes', row: [new Uint8Array(31)] },
  ])('hashes refused: $why', async ({ row }) => {
    expect(await codeOf(() => encodeTile(row))).toBe('TILE_FORMAT');
  });

  test.each([
    { why: 'another width', length: 64, width: 3 },
    { why: 'half a hash more', length: 80, width: 2 },
    { why: 'no width', length: 0, width: 0 },
    { why: 'width 257', length: 257 * 32, width: 257 },
  ])('bytes refused: $why', async ({ length, width }) => {
    expect(await codeOf(() => decodeTile(new Uint8Array(length), width))).toBe('TILE_FORMAT');
  });
});

describe('S-22 entry bundles', () => {
  const records = [bytesOf('{"a":1}'), new Uint8Array(), new Uint8Array(300).fill(9)];

  test('are big-endian lengths and the bytes', () => {
    const bytes = encodeBundle(records);
    expect(toHex(bytes)).toBe(`0007${toHex(bytesOf('{"a":1}'))}0000012c${'09'.repeat(300)}`);
    expect(decodeBundle(bytes, 3).map(toHex)).toEqual(records.map(toHex));
  });

  test('are read from the middle of other bytes', () => {
    const padded = Uint8Array.of(1, 2, 3, ...encodeBundle(records));
    expect(decodeBundle(padded.subarray(3), 3).map(toHex)).toEqual(records.map(toHex));
  });

  test('hold 256 entries of 65,535 bytes', () => {
    const most = Array.from({ length: 256 }, () => new Uint8Array(65_535));
    expect(decodeBundle(encodeBundle(most), 256)).toHaveLength(256);
  });

  test.each([
    { why: 'no entry', bad: [] },
    { why: '257 entries', bad: Array.from({ length: 257 }, () => new Uint8Array()) },
    { why: 'F-23 an entry of 65,536 bytes', bad: [new Uint8Array(65_536)] },
  ])('are refused with $why', async ({ bad }) => {
    expect(await codeOf(() => encodeBundle(bad))).toBe('TILE_FORMAT');
  });

  test.each([
    { why: 'nothing', bytes: new Uint8Array(), width: 1 },
    { why: 'half a length', bytes: Uint8Array.of(0), width: 1 },
    { why: 'less than the length says', bytes: Uint8Array.of(0, 2, 1), width: 1 },
    { why: 'fewer entries', bytes: Uint8Array.of(0, 1, 1), width: 2 },
    { why: 'more entries', bytes: Uint8Array.of(0, 1, 1, 0, 0), width: 1 },
    { why: 'a byte more', bytes: Uint8Array.of(0, 1, 1, 0), width: 1 },
    { why: 'a width of none', bytes: new Uint8Array(), width: 0 },
    { why: 'a width of 257', bytes: new Uint8Array(514), width: 257 },
  ])('are not read from $why', async ({ bytes, width }) => {
    expect(await codeOf(() => decodeBundle(bytes, width))).toBe('TILE_FORMAT');
  });
});
