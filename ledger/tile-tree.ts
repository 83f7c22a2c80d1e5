import { HASH_BYTES, nodeInput } from './encoding.ts';
import { LedgerError } from './error.ts';
import { treeRoot, type SyncSha256 } from './merkle.ts';
import {
  decodeTile,
  encodeTile,
  partialTiles,
  tileWidth,
  TILE_WIDTH,
  type TileCoordinate,
} from './tile.ts';

// The tree of RFC 6962 over stored tiles. Extending it needs the right edge only; a root or a proof
// needs at most two tiles of each level, read in one batch.
// Sizes reach 2^53, so powers and halves are arithmetic and not bit shifting, which would wrap at 2^32.

/**
 * Reads tiles from where they are stored: for each coordinate 32 · `width` bytes, in the same order.
 * Only tiles that exist in a tree of the size asked about are asked for.
 */
export type TileReader = (tiles: readonly TileCoordinate[]) => Promise<readonly Uint8Array[]>;

/**
 * What was computed inside of tiles: up to 254 hashes each. Belongs to a reader that keeps tiles, and
 * returns the same bytes, unchanged, as the same object.
 */
export type ComputedNodes = WeakMap<Uint8Array, Map<number, Uint8Array>>;

/** A stored tree of `size` leaves; older trees are its beginnings and read from the same tiles. */
export type TileTree = {
  readonly size: number;
  readonly readTiles: TileReader;
  /** absent: everything is computed anew */
  readonly computed?: ComputedNodes;
};

/** Everything needed to extend a tree: for each level, bottom up, the hashes of its partial tile. */
export type RightEdge = {
  readonly size: number;
  readonly levels: readonly (readonly Uint8Array[])[];
};

/** A tile and its content, 32 · `width` bytes. */
export type Tile = TileCoordinate & { readonly hashes: Uint8Array };

/** The leaves from `start` up to, not including, `end`: a subtree of the tree. */
type Subtree = { readonly start: number; readonly end: number };

/** A complete subtree of 2^height leaves, the `index`-th of its height. */
type Node = { readonly height: number; readonly index: number };

const TILE_HEIGHT = 8;

/** The right edge of an empty tree. */
export const EMPTY_EDGE: RightEdge = { size: 0, levels: [] };

/** @throws LedgerError TILE_FORMAT where the store lacks a tile that the size demands. */
export async function loadRightEdge({ size, readTiles }: TileTree): Promise<RightEdge> {
  const coordinates = partialTiles(size);
  const tiles = await readAll(coordinates, readTiles);
  const levels: (readonly Uint8Array[])[] = [];
  for (const [at, { level, width }] of coordinates.entries()) {
    while (levels.length < level) levels.push([]);
    levels.push(decodeTile(tiles[at] as Uint8Array, width));
  }
  return { size, levels };
}

/**
 * Extends a tree.
 *
 * @param leafHashes in order, 32 bytes each; may be none.
 * @returns the new edge, and exactly those tiles of the new tree that the old one did not have: the
 *          full ones that it completed and the partial ones that it now ends on. A partial tile that
 *          stayed as it was is not among them.
 * @throws LedgerError TILE_FORMAT for a hash that has not 32 bytes.
 * @source C2SP tlog-tiles, Merkle Tree and Partial Tiles
 */
export function appendLeaves(
  edge: RightEdge,
  leafHashes: readonly Uint8Array[],
  sha256: SyncSha256,
): { readonly edge: RightEdge; readonly tiles: readonly Tile[] } {
  const tiles: Tile[] = [];
  const levels = [...edge.levels];
  let added = leafHashes;
  for (let level = 0; added.length > 0; level++) {
    const firstIndex = Math.floor(edge.size / TILE_WIDTH ** (level + 1));
    const rows = cut([...(edge.levels[level] ?? []), ...added]);
    for (const [at, row] of rows.entries()) {
      const hashes = encodeTile(row);
      tiles.push({ level, index: firstIndex + at, width: row.length, hashes });
    }
    const full = rows.filter((row) => row.length === TILE_WIDTH);
    levels[level] = rows[full.length] ?? [];
    added = full.map((row) => treeRoot(row, sha256)); // a full tile is at once a hash one level up
  }
  return { edge: { size: edge.size + leafHashes.length, levels }, tiles };
}

/** The root of the tree that ends on this edge. @source RFC 6962 section 2.1 */
export function edgeRoot(edge: RightEdge, sha256: SyncSha256): Uint8Array {
  // What is below a level's partial tile is its last, incomplete node, and there is one at most.
  let incomplete: readonly Uint8Array[] = [];
  for (const hashes of edge.levels) {
    const nodes = [...hashes, ...incomplete];
    if (nodes.length > 0) incomplete = [treeRoot(nodes, sha256)];
  }
  return treeRoot(incomplete, sha256);
}

/**
 * The root of the first `size` leaves.
 *
 * @param size 0 to that of the tree.
 * @throws LedgerError PROOF_FORMAT for another size; TILE_FORMAT where the store lacks a tile.
 * @source RFC 6962 section 2.1
 */
export async function rootAt(
  tree: TileTree,
  size: number,
  sha256: SyncSha256,
): Promise<Uint8Array> {
  assertWithin(size, tree.size);
  const subtrees = size === 0 ? [] : [{ start: 0, end: size }];
  return treeRoot(await hashesOf(tree, subtrees, sha256), sha256);
}

/**
 * The hashes that lead from one leaf to the root of the first `size` leaves, from the leaf upwards.
 *
 * @throws LedgerError PROOF_FORMAT where there is no such leaf or tree; TILE_FORMAT where the store
 *         lacks a tile.
 * @source RFC 6962 section 2.1.1
 */
export async function inclusionProofAt(
  tree: TileTree,
  { index, size }: { readonly index: number; readonly size: number },
  sha256: SyncSha256,
): Promise<readonly Uint8Array[]> {
  assertWithin(size, tree.size);
  assertWithin(index, size - 1);
  return hashesOf(tree, siblings({ height: 0, index }, size), sha256);
}

/**
 * The hashes that show that the first `from` leaves are the beginning of the first `to`.
 *
 * @throws LedgerError PROOF_FORMAT for an empty old tree, one larger than the new one, or a new one
 *         larger than what is stored; TILE_FORMAT where the store lacks a tile.
 * @source RFC 6962 section 2.1.2
 */
export async function consistencyProofAt(
  tree: TileTree,
  { from, to }: { readonly from: number; readonly to: number },
  sha256: SyncSha256,
): Promise<readonly Uint8Array[]> {
  assertWithin(to, tree.size);
  assertWithin(from, to);
  if (from === 0) throw proofFault('a proof from an empty tree shows nothing');
  if (from === to) return [];
  // The largest complete subtree on which the old tree ends: nothing below it has to be shown.
  let end: Node = { height: 0, index: from - 1 };
  while (end.index % 2 === 1) end = parentOf(end);
  const first = end.index === 0 ? [] : [leavesBelow(end, to)]; // else the old root, known to the reader
  return hashesOf(tree, [...first, ...siblings(end, to)], sha256);
}

/** The subtrees beside the way from a node up to the root of the first `size` leaves. */
function siblings(from: Node, size: number): readonly Subtree[] {
  const subtrees: Subtree[] = [];
  for (let node = from; 2 ** node.height < size; node = parentOf(node)) {
    const index = node.index % 2 === 1 ? node.index - 1 : node.index + 1;
    const sibling = leavesBelow({ height: node.height, index }, size);
    if (sibling.start < sibling.end) subtrees.push(sibling);
  }
  return subtrees;
}

function parentOf({ height, index }: Node): Node {
  return { height: height + 1, index: Math.floor(index / 2) };
}

/** On the right edge a node has fewer leaves than its height allows, or none at all. */
function leavesBelow({ height, index }: Node, size: number): Subtree {
  const leaves = 2 ** height;
  return { start: index * leaves, end: Math.min((index + 1) * leaves, size) };
}

/** The hash of each subtree, all from one reading. */
async function hashesOf(
  tree: TileTree,
  subtrees: readonly Subtree[],
  sha256: SyncSha256,
): Promise<readonly Uint8Array[]> {
  const nodes = subtrees.map(completeNodes);
  const places = new Map(nodes.flat().map((node) => [tileKey(placeOf(node)), placeOf(node)]));
  const coordinates = [...places.values()].map(({ level, index }) => {
    return { level, index, width: tileWidth(tree.size, level, index) };
  });
  const tiles = await readAll(coordinates, tree.readTiles);
  const byKey = new Map(coordinates.map((place, at) => [tileKey(place), tiles[at]]));
  const hashOf = (node: Node): Uint8Array => {
    const { offset, count, ...place } = placeOf(node);
    const bytes = byKey.get(tileKey(place)) ?? new Uint8Array();
    const hashes = bytes.subarray(HASH_BYTES * offset, HASH_BYTES * (offset + count));
    if (count === 1) return hashes;
    const computed = computedIn(tree, bytes);
    const known = computed?.get(offset * TILE_WIDTH + count);
    const hash = known ?? treeRoot(decodeTile(hashes, count), sha256);
    if (known === undefined) computed?.set(offset * TILE_WIDTH + count, hash);
    return hash;
  };
  const join = (right: Uint8Array, left: Uint8Array): Uint8Array => sha256(nodeInput(left, right));
  return nodes.map((row) => row.map(hashOf).reduceRight(join));
}

function computedIn(tree: TileTree, tile: Uint8Array): Map<number, Uint8Array> | undefined {
  const known = tree.computed?.get(tile);
  if (known !== undefined || tree.computed === undefined) return known;
  const fresh = new Map<number, Uint8Array>();
  tree.computed.set(tile, fresh);
  return fresh;
}

/** The complete subtrees that make up a subtree, from left to right and so from large to small. */
function completeNodes({ start, end }: Subtree): readonly Node[] {
  const nodes: Node[] = [];
  let at = start;
  while (at < end) {
    let height = 0;
    while (at % 2 ** (height + 1) === 0 && at + 2 ** (height + 1) <= end) height += 1;
    nodes.push({ height, index: at / 2 ** height });
    at += 2 ** height;
  }
  return nodes;
}

/** The tile that holds the `count` hashes from which a node is computed, starting at `offset`. */
function placeOf({ height, index }: Node): {
  readonly level: number;
  readonly index: number;
  readonly offset: number;
  readonly count: number;
} {
  const level = Math.floor(height / TILE_HEIGHT);
  const count = 2 ** (height % TILE_HEIGHT);
  const first = index * count;
  const offset = first % TILE_WIDTH;
  return { level, index: Math.floor(first / TILE_WIDTH), offset, count };
}

async function readAll(
  coordinates: readonly TileCoordinate[],
  readTiles: TileReader,
): Promise<readonly Uint8Array[]> {
  if (coordinates.length === 0) return [];
  const tiles = await readTiles(coordinates);
  const isWhole = coordinates.every(({ width }, at) => tiles[at]?.length === HASH_BYTES * width);
  if (tiles.length !== coordinates.length || !isWhole) {
    throw new LedgerError('TILE_FORMAT', 'the store lacks a tile');
  }
  return tiles;
}

function cut(hashes: readonly Uint8Array[]): readonly (readonly Uint8Array[])[] {
  const rows = Math.ceil(hashes.length / TILE_WIDTH);
  return Array.from({ length: rows }, (_, row) =>
    hashes.slice(TILE_WIDTH * row, TILE_WIDTH * (row + 1)),
  );
}

function tileKey({ level, index }: { readonly level: number; readonly index: number }): string {
  return `${level}/${index}`;
}

function assertWithin(value: number, limit: number): void {
  if (!Number.isSafeInteger(value) || value < 0 || value > limit) {
    throw proofFault('impossible index or size');
  }
}

function proofFault(why: string): LedgerError {
  return new LedgerError('PROOF_FORMAT', why);
}
