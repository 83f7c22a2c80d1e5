import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { fromHex, toHex } from '../../ledger/encoding.ts';
import { leafHash, nodeHash, sha256 } from '../../ledger/hash.ts';
import {
  checkConsistency,
  checkInclusion,
  consistencyProof,
  inclusionProof,
  treeRoot,
} from '../../ledger/merkle.ts';
import { parseTilePath } from '../../ledger/tile.ts';
import {
  appendLeaves,
  consistencyProofAt,
  edgeRoot,
  EMPTY_EDGE,
  inclusionProofAt,
  loadRightEdge,
  rootAt,
  type TileReader,
} from '../../ledger/tile-tree.ts';
import { aLeafHash, codeOf, leafHashes, openTileStore, storeBatches } from './support/log.ts';

const leaves = leafHashes(65_600);
const hex = (hashes: readonly Uint8Array[]): readonly string[] => hashes.map(toHex);

/** Cuts the first `size` leaves into batches that end at these sizes. */
function batchesEndingAt(sizes: readonly number[]): readonly (readonly Uint8Array[])[] {
  return sizes.map((end, at) => leaves.slice(sizes[at - 1] ?? 0, end));
}

/** The tiles of the first `size` leaves, by path, word by word from C2SP tlog-tiles. */
function tilesByDefinition(size: number): ReadonlyMap<string, string> {
  const tiles = new Map<string, string>();
  for (let level = 0; 256 ** level <= size; level++) {
    const count = Math.floor(size / 256 ** level);
    for (let index = 0; index * 256 < count; index++) {
      const width = Math.min(256, count - index * 256);
      const row = Array.from({ length: width }, (_, i) => {
        const [start, end] = [
          (index * 256 + i) * 256 ** level,
          (index * 256 + i + 1) * 256 ** level,
        ];
        return toHex(treeRoot(leaves.slice(start, end), sha256));
      });
      const name = String(index).padStart(3, '0'); // these trees have fewer than 1,000 tiles a level
      tiles.set(`tile/${level}/${name}${width < 256 ? `.p/${width}` : ''}`, row.join(''));
    }
  }
  return tiles;
}

/** Sizes at which batches end, ascending; the last is the size of the tree. */
const growth = (max: number) =>
  fc
    .uniqueArray(fc.oneof(fc.integer({ min: 1, max }), fc.constantFrom(255, 256, 257, 512)), {
      minLength: 1,
      maxLength: 8,
    })
    .map((sizes) => sizes.toSorted((a, b) => a - b));

describe('stored tiles', () => {
  test('are exactly those of the sizes that were reached, whatever the batches', () => {
    fc.assert(
      fc.property(growth(1_500), (sizes) => {
        const store = openTileStore();
        storeBatches(store, batchesEndingAt(sizes));
        const wanted = new Map(sizes.flatMap((size) => [...tilesByDefinition(size)]));
        expect(new Map([...store.tiles].map(([path, bytes]) => [path, toHex(bytes)]))).toEqual(
          wanted,
        );
      }),
      { numRuns: 60 },
    );
  });

  test('of an append are those that were not there before, each once', () => {
    fc.assert(
      fc.property(growth(1_500), (sizes) => {
        const seen = new Set<string>();
        let edge = EMPTY_EDGE;
        for (const batch of batchesEndingAt(sizes)) {
          const before = new Set(tilesByDefinition(edge.size).keys());
          const appended = appendLeaves(edge, batch, sha256);
          const store = openTileStore();
          store.put(appended.tiles);
          expect(store.tiles.size).toBe(appended.tiles.length);
          const now = [...tilesByDefinition(appended.edge.size).keys()];
          const added = now.filter((path) => !before.has(path));
          expect([...store.tiles.keys()].toSorted()).toEqual(added.toSorted());
          for (const path of store.tiles.keys()) {
            expect(seen.has(path), path).toBe(false);
            seen.add(path);
          }
          edge = appended.edge;
        }
      }),
      { numRuns: 60 },
    );
  });

  test('of no leaves are none, and the edge stays', () => {
    const edge = storeBatches(openTileStore(), batchesEndingAt([300]));
    expect(appendLeaves(edge, [], sha256)).toEqual({ edge, tiles: [] });
    expect(appendLeaves(EMPTY_EDGE, [], sha256)).toEqual({ edge: EMPTY_EDGE, tiles: [] });
  });

  test('take leaves one by one as in one batch', () => {
    const single = openTileStore();
    const oneByOne = storeBatches(
      single,
      leaves.slice(0, 600).map((leaf) => [leaf]),
    );
    const whole = openTileStore();
    expect(storeBatches(whole, [leaves.slice(0, 600)])).toEqual(oneByOne);
    for (const [path, bytes] of whole.tiles) expect(single.tiles.get(path)).toEqual(bytes);
  });

  test('do not change the edge that they were made from', () => {
    const edge = storeBatches(openTileStore(), batchesEndingAt([200]));
    const before = structuredClone(edge);
    appendLeaves(edge, leaves.slice(200, 700), sha256);
    expect(edge).toEqual(before);
  });

  test('refuse a leaf hash of 31 bytes', async () => {
    const act = () => appendLeaves(EMPTY_EDGE, [new Uint8Array(31)], sha256);
    expect(await codeOf(act)).toBe('TILE_FORMAT');
  });
});

describe('roots and proofs from tiles', () => {
  test('are those of the leaves, for random trees, sizes and batches', async () => {
    const older = fc.tuple(fc.nat(), fc.nat(), fc.nat());
    await fc.assert(
      fc.asyncProperty(growth(2_000), older, async (sizes, [a, b, c]) => {
        const store = openTileStore();
        const edge = storeBatches(store, batchesEndingAt(sizes));
        const tree = store.treeOf(edge.size);
        const size = 1 + (a % edge.size);
        const [index, from] = [b % size, 1 + (c % size)];
        const trunk = leaves.slice(0, size);
        expect(toHex(edgeRoot(edge, sha256))).toBe(
          toHex(treeRoot(leaves.slice(0, edge.size), sha256)),
        );
        expect(toHex(await rootAt(tree, size, sha256))).toBe(toHex(treeRoot(trunk, sha256)));
        expect(hex(await inclusionProofAt(tree, { index, size }, sha256))).toEqual(
          hex(inclusionProof(trunk, index, sha256)),
        );
        expect(hex(await consistencyProofAt(tree, { from, to: size }, sha256))).toEqual(
          hex(consistencyProof(trunk, from, sha256)),
        );
        const loaded = await loadRightEdge(tree);
        expect(loaded.levels.map(hex)).toEqual(edge.levels.map(hex));
        expect(loaded.size).toBe(edge.size);
      }),
      { numRuns: 150 },
    );
  });

  test('K-3 prove every leaf and every older tree of every tree up to 130 leaves', async () => {
    const store = openTileStore();
    storeBatches(store, batchesEndingAt([130]));
    const tree = store.treeOf(130);
    const roots = Array.from({ length: 131 }, (_, size) => treeRoot(leaves.slice(0, size), sha256));
    const head = (size: number) => ({ size, root: roots[size] as Uint8Array });
    const refuted: string[] = [];
    for (let size = 1; size <= 130; size++) {
      for (let index = 0; index < size; index++) {
        const leaf = { hash: aLeafHash(index), index };
        const proof = await inclusionProofAt(tree, { index, size }, sha256);
        const included = await checkInclusion(leaf, { ...head(size), proof }, sha256);
        if (!included) refuted.push(`leaf ${index} of ${size}`);
        const from = index + 1;
        const shown = await consistencyProofAt(tree, { from, to: size }, sha256);
        const grown = { ...head(size), proof: shown };
        const consistent = await checkConsistency(head(from), grown, sha256);
        if (!consistent) refuted.push(`${from} to ${size}`);
      }
    }
    expect(refuted).toEqual([]);
  });
});

describe('F-21 where tiles fill', () => {
  const store = openTileStore();
  const sizes = [1, 255, 256, 257, 65_535, 65_536, 65_537];
  storeBatches(store, batchesEndingAt(sizes));

  test.each([0, ...sizes])('%d leaves', async (size) => {
    const tree = store.treeOf(size);
    const trunk = leaves.slice(0, size);
    const root = treeRoot(trunk, sha256);
    expect(toHex(await rootAt(tree, size, sha256))).toBe(toHex(root));
    const edge = await loadRightEdge(tree);
    expect(toHex(edgeRoot(edge, sha256))).toBe(toHex(root));
    for (const [path, content] of tilesByDefinition(size)) {
      expect(toHex(store.tiles.get(path) ?? new Uint8Array()), path).toBe(content);
    }
    for (const index of [0, 1, 254, 255, 256, 65_279, 65_534, 65_535, 65_536]) {
      if (index >= size) continue;
      const proof = await inclusionProofAt(tree, { index, size }, sha256);
      const hash = aLeafHash(index);
      expect(await checkInclusion({ hash, index }, { size, root, proof }, sha256)).toBe(true);
    }
    for (const from of sizes.filter((older) => older <= size)) {
      const older = { size: from, root: treeRoot(leaves.slice(0, from), sha256) };
      const proof = await consistencyProofAt(tree, { from, to: size }, sha256);
      expect(await checkConsistency(older, { size, root, proof }, sha256)).toBe(true);
    }
  });

  test('a restart loads the edge and goes on as if nothing had been', async () => {
    for (const size of sizes) {
      const edge = await loadRightEdge(store.treeOf(size));
      const more = appendLeaves(edge, leaves.slice(size, size + 20), sha256);
      const grown = treeRoot(leaves.slice(0, size + 20), sha256);
      expect(toHex(edgeRoot(more.edge, sha256))).toBe(toHex(grown));
    }
  });
});

describe('reading', () => {
  const store = openTileStore();
  const sizes = [1, 255, 256, 257, 300, 4_711, 65_535, 65_536, 65_537];
  storeBatches(store, batchesEndingAt(sizes));

  test('is one batch of at most two tiles a level, and only of tiles that exist', async () => {
    const places = fc.tuple(fc.constantFrom(...sizes), fc.nat(), fc.nat());
    await fc.assert(
      fc.asyncProperty(places, async ([stored, a, b]) => {
        const tree = store.treeOf(stored);
        const size = 1 + (a % stored);
        const [index, from] = [b % size, 1 + (b % size)];
        const levels = Math.ceil(Math.log2(stored + 1) / 8);
        for (const act of [
          () => rootAt(tree, size, sha256),
          () => inclusionProofAt(tree, { index, size }, sha256),
          () => consistencyProofAt(tree, { from, to: size }, sha256),
        ]) {
          store.readings.length = 0;
          await act();
          expect(store.readings.length).toBeLessThanOrEqual(1);
          const tiles = store.readings.flat();
          expect(tiles.length).toBeLessThanOrEqual(2 * levels);
          expect(new Set(tiles.map(({ level, index: at }) => `${level}/${at}`)).size).toBe(
            tiles.length,
          );
        }
      }),
      { numRuns: 300 },
    );
  });

  test('nothing where nothing is needed', async () => {
    store.readings.length = 0;
    const tree = store.treeOf(257);
    expect(toHex(await rootAt(tree, 0, sha256))).toBe(toHex(sha256(new Uint8Array()))); // S-20
    expect(await consistencyProofAt(tree, { from: 200, to: 200 }, sha256)).toEqual([]);
    expect(await inclusionProofAt(tree, { index: 0, size: 1 }, sha256)).toEqual([]);
    expect(await loadRightEdge(store.treeOf(0))).toEqual(EMPTY_EDGE);
    expect(store.readings).toEqual([]);
  });

  test.each([
    { why: 'fewer tiles', change: (tiles: readonly Uint8Array[]) => tiles.slice(1) },
    { why: 'more tiles', change: (tiles: readonly Uint8Array[]) => [...tiles, new Uint8Array(32)] },
    {
      why: 'narrower tiles',
      change: (tiles: readonly Uint8Array[]) => tiles.map((tile) => tile.subarray(32)),
    },
    {
      why: 'half a hash more',
      change: (tiles: readonly Uint8Array[]) => tiles.map((tile) => Uint8Array.of(...tile, 1)),
    },
  ])('$why than asked for is noticed', async ({ change }) => {
    const { size, readTiles } = store.treeOf(300);
    const damagedTiles: TileReader = async (wanted) => change(await readTiles(wanted));
    const tree = { size, readTiles: damagedTiles };
    for (const act of [
      () => rootAt(tree, 300, sha256),
      () => inclusionProofAt(tree, { index: 3, size: 300 }, sha256),
      () => consistencyProofAt(tree, { from: 3, to: 300 }, sha256),
      () => loadRightEdge(tree),
    ]) {
      expect(await codeOf(act)).toBe('TILE_FORMAT');
    }
  });

  test('S-27 impossible places are refused', async () => {
    const tree = store.treeOf(300);
    for (const [index, size] of [
      [300, 300],
      [-1, 300],
      [0.5, 300],
      [0, 0],
      [0, 301],
      [0, -1],
    ] as const) {
      const act = () => inclusionProofAt(tree, { index, size }, sha256);
      expect(await codeOf(act), `${index} of ${size}`).toBe('PROOF_FORMAT');
    }
    for (const [from, to] of [
      [0, 300],
      [0, 0],
      [2, 1],
      [1, 301],
      [-1, 3],
      [1.5, 3],
      [1, NaN],
    ] as const) {
      const act = () => consistencyProofAt(tree, { from, to }, sha256);
      expect(await codeOf(act), `${from} to ${to}`).toBe('PROOF_FORMAT');
    }
    for (const size of [-1, 301, 0.5, NaN, Infinity]) {
      expect(await codeOf(() => rootAt(tree, size, sha256)), `${size}`).toBe('PROOF_FORMAT');
    }
  });
});

test('K-1 the reference leaves of RFC 6962, leaf by leaf', () => {
  const inputs = [
    '',
    '00',
    '10',
    '2021',
    '3031',
    '40414243',
    '5051525354555657',
    '606162636465666768696a6b6c6d6e6f',
  ];
  const roots = [
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ];
  let edge = EMPTY_EDGE;
  for (const [at, input] of inputs.entries()) {
    edge = appendLeaves(edge, [fromHex(leafHash(fromHex(input)))], sha256).edge;
    expect(toHex(edgeRoot(edge, sha256))).toBe(roots[at]);
  }
});

describe('trees beyond 2^32 leaves', () => {
  // All leaves alike: then every complete subtree of one height has one hash, and tiles of any index
  // can be made up on the spot.
  const uniform = [aLeafHash(0)];
  for (let height = 1; height <= 53; height++) {
    const below = uniform[height - 1] as Uint8Array;
    uniform.push(nodeHash(below, below));
  }
  const treeOf = (size: number) => {
    const readings: string[] = [];
    const readTiles = async (tiles: readonly { level: number; index: number; width: number }[]) => {
      return tiles.map(({ level, index, width }) => {
        readings.push(`${level}/${index}/${width}`);
        const hash = uniform[8 * level] as Uint8Array;
        return Uint8Array.from({ length: 32 * width }, (_, at) => hash[at % 32] as number);
      });
    };
    return { size, readTiles, readings };
  };
  const sizes = [2 ** 32, 2 ** 32 + 1, 2 ** 40 + 12_345, 2 ** 52, 2 ** 53 - 1];

  test.each(sizes)('%d: proofs lead to the root, few tiles are read', async (size) => {
    const root = await rootAt(treeOf(size), size, sha256);
    for (const index of [0, 1, 2 ** 31, 2 ** 32 - 1, Math.floor(size / 3), size - 2, size - 1]) {
      const tree = treeOf(size);
      const proof = await inclusionProofAt(tree, { index, size }, sha256);
      const leaf = { hash: aLeafHash(0), index };
      expect(await checkInclusion(leaf, { size, root, proof }, sha256)).toBe(true);
      expect(tree.readings.length).toBeLessThanOrEqual(14);
      const from = index + 1;
      const older = { size: from, root: await rootAt(treeOf(size), from, sha256) };
      const shown = await consistencyProofAt(treeOf(size), { from, to: size }, sha256);
      expect(await checkConsistency(older, { size, root, proof: shown }, sha256)).toBe(true);
    }
  });

  test.each(sizes)('%d: the edge is extended', async (size) => {
    if (size === 2 ** 53 - 1) return;
    const edge = await loadRightEdge(treeOf(size));
    const more = appendLeaves(edge, [aLeafHash(0)], sha256);
    const grown = await rootAt(treeOf(size + 1), size + 1, sha256);
    expect(toHex(edgeRoot(more.edge, sha256))).toBe(toHex(grown));
  });
});

test('the paths of the tests are paths', () => {
  for (const path of tilesByDefinition(300).keys()) expect(parseTilePath(path).kind).toBe('hashes');
});
