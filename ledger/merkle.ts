import { HASH_BYTES, nodeInput, type Sha256 } from './encoding.ts';
import { LedgerError } from './error.ts';

// The tree of RFC 6962 over leaf hashes (not over leaves). Checks run in a browser too, so the hash
// function is an argument; building is for servers and takes a synchronous one.
// Sizes reach 2^53, so halving is arithmetic and not bit shifting, which would wrap at 2^32.

/** SHA-256, synchronous: building a tree asks for it once per node. */
export type SyncSha256 = (bytes: Uint8Array) => Uint8Array;

/** The tree of the first `size` leaves has this root. */
export type TreeHead = { readonly size: number; readonly root: Uint8Array };

/**
 * The root over all leaf hashes; of no leaves, the hash of the empty string.
 *
 * @source RFC 6962 section 2.1
 */
export function treeRoot(leafHashes: readonly Uint8Array[], sha256: SyncSha256): Uint8Array {
  if (leafHashes.length === 0) return sha256(new Uint8Array());
  let level = leafHashes;
  while (level.length > 1) level = parents(level, sha256);
  return level[0] as Uint8Array;
}

/** One level up; a node without a sibling moves up as it is, which gives RFC 6962's tree. */
function parents(level: readonly Uint8Array[], sha256: SyncSha256): readonly Uint8Array[] {
  const up: Uint8Array[] = [];
  for (let index = 0; index < level.length; index += 2) {
    const left = level[index] as Uint8Array;
    const right = level[index + 1];
    up.push(right === undefined ? left : sha256(nodeInput(left, right)));
  }
  return up;
}

/**
 * The hashes that lead from one leaf to the root, from the leaf upwards.
 *
 * @param index of the leaf, from 0.
 * @throws LedgerError PROOF_FORMAT where there is no such leaf.
 * @source RFC 6962 section 2.1.1
 */
export function inclusionProof(
  leafHashes: readonly Uint8Array[],
  index: number,
  sha256: SyncSha256,
): readonly Uint8Array[] {
  assertSize(index, leafHashes.length - 1);
  const proof: Uint8Array[] = [];
  let level = leafHashes;
  for (let at = index; level.length > 1; at = half(at)) {
    const sibling = level[isOdd(at) ? at - 1 : at + 1];
    if (sibling !== undefined) proof.push(sibling);
    level = parents(level, sha256);
  }
  return proof;
}

/**
 * The hashes that show that the tree of the first `oldSize` leaves is the beginning of this one.
 *
 * @param oldSize 1 to the number of leaves; equal sizes give an empty proof.
 * @throws LedgerError PROOF_FORMAT
 * @source RFC 6962 section 2.1.2
 */
export function consistencyProof(
  leafHashes: readonly Uint8Array[],
  oldSize: number,
  sha256: SyncSha256,
): readonly Uint8Array[] {
  assertSize(oldSize, leafHashes.length);
  if (oldSize === 0) throw proofFault('a proof from an empty tree shows nothing');
  const proof: Uint8Array[] = [];
  let level = leafHashes;
  // `last` is the rightmost node of the old tree; while it is a right child, the old tree ends on a
  // whole subtree and nothing below has to be shown.
  let last = oldSize - 1;
  while (isOdd(last)) {
    level = parents(level, sha256);
    last = half(last);
  }
  if (last > 0) proof.push(level[last] as Uint8Array); // else the old root itself, known to the reader
  for (; level.length > 1; last = half(last)) {
    const sibling = level[isOdd(last) ? last - 1 : last + 1];
    if (sibling !== undefined) proof.push(sibling);
    level = parents(level, sha256);
  }
  return oldSize === leafHashes.length ? [] : proof;
}

/**
 * Is this leaf at this index of the tree?
 *
 * @returns false for a proof that does not lead to the root, whatever is wrong with it.
 * @throws LedgerError PROOF_FORMAT for an impossible index or size, or a hash that has not 32 bytes.
 * @source RFC 9162 section 2.1.3.2
 */
export async function checkInclusion(
  leaf: { readonly hash: Uint8Array; readonly index: number },
  tree: TreeHead & { readonly proof: readonly Uint8Array[] },
  sha256: Sha256,
): Promise<boolean> {
  assertSize(leaf.index, tree.size - 1);
  assertHashes([leaf.hash, tree.root, ...tree.proof]);
  let at = leaf.index;
  let last = tree.size - 1;
  let hash = leaf.hash;
  for (const sibling of tree.proof) {
    if (last === 0) return false; // longer than the tree is high
    if (isOdd(at) || at === last) {
      hash = await sha256(nodeInput(sibling, hash));
      [at, last] = climb(at, last);
    } else {
      hash = await sha256(nodeInput(hash, sibling));
    }
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && isEqual(hash, tree.root);
}

/**
 * Is the old tree the beginning of the new one?
 *
 * @returns false for a proof that does not lead to both roots, whatever is wrong with it.
 * @throws LedgerError PROOF_FORMAT for impossible sizes (an empty old tree included), or a hash that
 *         has not 32 bytes.
 * @source RFC 9162 section 2.1.4.2
 */
export async function checkConsistency(
  older: TreeHead,
  newer: TreeHead & { readonly proof: readonly Uint8Array[] },
  sha256: Sha256,
): Promise<boolean> {
  assertSize(older.size, newer.size);
  if (older.size === 0) throw proofFault('a proof from an empty tree shows nothing');
  assertHashes([older.root, newer.root, ...newer.proof]);
  if (older.size === newer.size) {
    return newer.proof.length === 0 && isEqual(older.root, newer.root);
  }
  let [at, last] = dropWholeSubtree(older.size - 1, newer.size - 1);
  const [first, ...rest] = at === 0 ? [older.root, ...newer.proof] : newer.proof;
  if (first === undefined) return false;
  let [oldHash, newHash] = [first, first];
  for (const hash of rest) {
    if (last === 0) return false;
    if (isOdd(at) || at === last) {
      oldHash = await sha256(nodeInput(hash, oldHash));
      newHash = await sha256(nodeInput(hash, newHash));
      [at, last] = climb(at, last);
    } else {
      newHash = await sha256(nodeInput(newHash, hash));
    }
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && isEqual(oldHash, older.root) && isEqual(newHash, newer.root);
}

/** Skips the levels on which the node on the right edge has no sibling. */
function climb(at: number, last: number): [number, number] {
  let [node, edge] = [at, last];
  while (!isOdd(node) && node !== 0) [node, edge] = [half(node), half(edge)];
  return [node, edge];
}

function dropWholeSubtree(at: number, last: number): [number, number] {
  let [node, edge] = [at, last];
  while (isOdd(node)) [node, edge] = [half(node), half(edge)];
  return [node, edge];
}

function half(value: number): number {
  return Math.floor(value / 2);
}

function isOdd(value: number): boolean {
  return value % 2 === 1;
}

function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

function assertSize(value: number, limit: number): void {
  if (!Number.isSafeInteger(value) || !Number.isSafeInteger(limit) || value < 0 || value > limit) {
    throw proofFault('impossible index or size');
  }
}

function assertHashes(hashes: readonly Uint8Array[]): void {
  if (hashes.some((hash) => hash.length !== HASH_BYTES)) throw proofFault('a hash has 32 bytes');
}

function proofFault(why: string): LedgerError {
  return new LedgerError('PROOF_FORMAT', why);
}
