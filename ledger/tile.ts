import { HASH_BYTES } from './encoding.ts';
import { LedgerError } from './error.ts';

// How a tree and its entries are cut into files that never change once they are full.

/** Hashes in a full tile, entries in a full bundle. */
export const TILE_WIDTH = 256;

/** 32 · `width` bytes: neighbouring hashes of one height of the tree. */
export type TileCoordinate = {
  /** the hashes are roots of subtrees of 256^level leaves; 0: leaf hashes */
  readonly level: number;
  /** from 0, left to right */
  readonly index: number;
  /** 256, or less for a partial tile on the right edge */
  readonly width: number;
};

/** The entries below the level-0 tile with the same index and width. */
export type BundleCoordinate = { readonly index: number; readonly width: number };

export type TileAddress =
  | ({ readonly kind: 'hashes' } & TileCoordinate)
  | ({ readonly kind: 'entries' } & BundleCoordinate);

const LAST_LEVEL = 63; // of the standard; trees of 2^53 leaves end at level 6
const ENTRY_MAX_BYTES = 0xffff;
const LENGTH_BYTES = 2;
const PATH =
  /^tile\/(0|[1-9][0-9]?|entries)\/((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/;

/**
 * Where a tile lies below the prefix of its log: `tile/0/x001/x234/067`, `tile/1/000.p/17`,
 * `tile/entries/000.p/1`.
 *
 * @throws LedgerError TILE_FORMAT for an impossible coordinate.
 * @source C2SP tlog-tiles, Merkle Tree and Log entries
 */
export function tilePath(address: TileAddress): string {
  const { index, width } = address;
  if (!isWidth(width) || !isCount(index)) throw tileFault('an impossible coordinate');
  if (address.kind === 'hashes' && (!isCount(address.level) || address.level > LAST_LEVEL)) {
    throw tileFault('an impossible level');
  }
  const level = address.kind === 'hashes' ? address.level : 'entries';
  const partial = width === TILE_WIDTH ? '' : `.p/${width}`;
  return `tile/${level}/${indexPath(index)}${partial}`;
}

/**
 * The reverse of `tilePath`; every address has exactly one path.
 *
 * @param path from outside; without a slash in front.
 * @throws LedgerError TILE_FORMAT for a path that cannot exist, in any log.
 */
export function parseTilePath(path: string): TileAddress {
  const [, level, digits = '', partial] = PATH.exec(path) ?? [];
  const index = Number(digits.replaceAll(/[x/]/g, ''));
  const width = partial === undefined ? TILE_WIDTH : Number(partial);
  if (level === undefined || digits.startsWith('x000')) throw tileFault('not the path of a tile');
  if (!isCount(index) || width > TILE_WIDTH) throw tileFault('not the path of a tile');
  if (partial !== undefined && width === TILE_WIDTH) throw tileFault('a full tile is not partial');
  if (level === 'entries') return { kind: 'entries', index, width };
  if (Number(level) > LAST_LEVEL) throw tileFault('not the path of a tile');
  return { kind: 'hashes', level: Number(level), index, width };
}

function indexPath(index: number): string {
  const digits = String(index);
  const groups = digits.padStart(3 * Math.ceil(digits.length / 3), '0').match(/.{3}/g) ?? [];
  return groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join('/');
}

/**
 * How wide a tile is in a tree of `size` leaves: 256, less on the right edge, 0 where there is none.
 *
 * @source C2SP tlog-tiles, Partial Tiles
 */
export function tileWidth(size: number, level: number, index: number): number {
  const hashes = Math.floor(size / TILE_WIDTH ** level);
  return Math.max(0, Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH));
}

/**
 * The partial tiles of a tree of `size` leaves, from level 0 upwards; levels that end on a full tile
 * have none. Together they hold everything that is needed to extend the tree.
 *
 * @source C2SP tlog-tiles, Partial Tiles
 */
export function partialTiles(size: number): readonly TileCoordinate[] {
  const tiles: TileCoordinate[] = [];
  for (let level = 0, hashes = size; hashes > 0; level++) {
    const width = hashes % TILE_WIDTH;
    hashes = Math.floor(hashes / TILE_WIDTH); // full tiles here, hashes one level up
    if (width > 0) tiles.push({ level, index: hashes, width });
  }
  return tiles;
}

/**
 * The bytes of a tile.
 *
 * @param hashes 1 to 256, 32 bytes each.
 * @throws LedgerError TILE_FORMAT
 */
export function encodeTile(hashes: readonly Uint8Array[]): Uint8Array {
  if (!isWidth(hashes.length)) throw tileFault('a tile has 1 to 256 hashes');
  if (hashes.some((hash) => hash.length !== HASH_BYTES)) throw tileFault('a hash has 32 bytes');
  const bytes = new Uint8Array(HASH_BYTES * hashes.length);
  for (const [at, hash] of hashes.entries()) bytes.set(hash, HASH_BYTES * at);
  return bytes;
}

/**
 * The hashes of a tile, as views of its bytes.
 *
 * @param width as the tile's coordinate says.
 * @throws LedgerError TILE_FORMAT where the bytes are not exactly that many hashes.
 */
export function decodeTile(bytes: Uint8Array, width: number): readonly Uint8Array[] {
  if (!isWidth(width) || bytes.length !== HASH_BYTES * width) {
    throw tileFault('a tile of another width');
  }
  return Array.from({ length: width }, (_, at) =>
    bytes.subarray(HASH_BYTES * at, HASH_BYTES * (at + 1)),
  );
}

/**
 * The bytes of an entry bundle: for each entry `u16(len) || bytes`, big endian.
 *
 * @param entries 1 to 256, the exact bytes of the records.
 * @throws LedgerError TILE_FORMAT also for an entry over 65,535 bytes.
 * @source C2SP tlog-tiles, Log entries
 */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  if (!isWidth(entries.length)) throw tileFault('a bundle has 1 to 256 entries');
  if (entries.some((entry) => entry.length > ENTRY_MAX_BYTES)) throw tileFault('an entry too long');
  const bytes = new Uint8Array(entries.reduce((sum, { length }) => sum + LENGTH_BYTES + length, 0));
  const lengths = new DataView(bytes.buffer);
  let offset = 0;
  for (const entry of entries) {
    lengths.setUint16(offset, entry.length);
    bytes.set(entry, offset + LENGTH_BYTES);
    offset += LENGTH_BYTES + entry.length;
  }
  return bytes;
}

/**
 * The entries of a bundle, as views of its bytes.
 *
 * @param bytes from outside.
 * @param width as the bundle's coordinate says.
 * @throws LedgerError TILE_FORMAT where the bytes are not exactly that many entries.
 * @source C2SP tlog-tiles, Log entries
 */
export function decodeBundle(bytes: Uint8Array, width: number): readonly Uint8Array[] {
  if (!isWidth(width)) throw tileFault('a bundle has 1 to 256 entries');
  const lengths = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: Uint8Array[] = [];
  let offset = 0;
  while (entries.length < width) {
    const start = offset + LENGTH_BYTES;
    if (start > bytes.length) throw tileFault('a bundle cut short');
    offset = start + lengths.getUint16(offset);
    if (offset > bytes.length) throw tileFault('a bundle cut short');
    entries.push(bytes.subarray(start, offset));
  }
  if (offset !== bytes.length) throw tileFault('more entries than the bundle may have');
  return entries;
}

function isWidth(value: number): boolean {
  return isCount(value) && value >= 1 && value <= TILE_WIDTH;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function tileFault(why: string): LedgerError {
  return new LedgerError('TILE_FORMAT', why);
}
