import { createPrivateKey } from 'node:crypto';

import { fromHex } from '../../../ledger/encoding.ts';
import { LedgerError, type LedgerErrorCode } from '../../../ledger/error.ts';
import { sha256 } from '../../../ledger/hash.ts';
import { loadSigningKey, type SigningKey } from '../../../ledger/signer-key.ts';
import { tilePath, type TileCoordinate } from '../../../ledger/tile.ts';
import {
  appendLeaves,
  EMPTY_EDGE,
  type RightEdge,
  type Tile,
  type TileTree,
} from '../../../ledger/tile-tree.ts';

export const ORIGIN = 'log.example.com/countersign';

/** The DER of a PKCS#8 Ed25519 key, without its last 32 bytes, the seed. @source RFC 8410 section 7 */
const PKCS8_HEAD = '302e020100300506032b657004220420';

/** @param seed 32 bytes as hex, an RFC 8032 private key. */
export function pemOf(seed: string): string {
  const key = Buffer.from(PKCS8_HEAD + seed, 'hex');
  const pem = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  return pem.export({ format: 'pem', type: 'pkcs8' }).toString();
}

/** A key for tests; each letter is another one. */
export function aSigningKey(name: string = ORIGIN, letter: string = 'a'): SigningKey {
  return loadSigningKey(name, pemOf(letter.repeat(64)));
}

/** Different for every index, and never stored by a real log. */
export function aLeafHash(index: number): Uint8Array {
  return new Uint8Array(sha256(bytesOf(`leaf ${index}`)));
}

export function leafHashes(count: number): readonly Uint8Array[] {
  return Array.from({ length: count }, (_, index) => aLeafHash(index));
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** The bytes with the `at`-th one changed. */
export function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.with(at, (bytes[at] ?? 0) ^ 1);
}

/** The same bytes in base64 that is not canonical: bits are set behind the last byte. */
export function slackened(base64: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  return base64.replace(/(.)(=+)$/, (_, last: string, end: string) => {
    return `${alphabet[alphabet.indexOf(last) + 1]}${end}`;
  });
}

/** A hash that cannot be in any tree of these tests. */
export const FOREIGN_HASH = fromHex('ff'.repeat(32));

/** The code of the fault; null where there was none. Anything but a `LedgerError` goes through. */
export async function codeOf(act: () => unknown): Promise<LedgerErrorCode | null> {
  try {
    await act();
    return null;
  } catch (error) {
    if (error instanceof LedgerError) return error.code;
    throw error;
  }
}

/** Tiles in memory, by path, and how often and for what they were read. */
export type TileStore = {
  readonly tiles: Map<string, Uint8Array>;
  readonly readings: (readonly TileCoordinate[])[];
  readonly put: (tiles: readonly Tile[]) => void;
  readonly treeOf: (size: number) => TileTree;
};

export function openTileStore(): TileStore {
  const tiles = new Map<string, Uint8Array>();
  const readings: (readonly TileCoordinate[])[] = [];
  const put = (added: readonly Tile[]): void => {
    for (const tile of added) tiles.set(tilePath({ kind: 'hashes', ...tile }), tile.hashes);
  };
  const readTiles = async (wanted: readonly TileCoordinate[]): Promise<readonly Uint8Array[]> => {
    readings.push(wanted);
    return wanted.map((tile) => {
      const stored = tiles.get(tilePath({ kind: 'hashes', ...tile }));
      if (stored === undefined) throw new Error(`no ${tilePath({ kind: 'hashes', ...tile })}`);
      return stored;
    });
  };
  return { tiles, readings, put, treeOf: (size) => ({ size, readTiles }) };
}

/** Stores the leaves batch by batch, as a sequencer does. */
export function storeBatches(
  store: TileStore,
  batches: readonly (readonly Uint8Array[])[],
): RightEdge {
  let edge = EMPTY_EDGE;
  for (const batch of batches) {
    const appended = appendLeaves(edge, batch, sha256);
    store.put(appended.tiles);
    edge = appended.edge;
  }
  return edge;
}
