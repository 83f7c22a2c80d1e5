import { describe, expect, test } from 'vitest';

import { fromHex, nodeInput, toHex } from '../../ledger/encoding.ts';
import { LedgerError } from '../../ledger/error.ts';
import { leafHash, sha256 } from '../../ledger/hash.ts';
import {
  checkConsistency,
  checkInclusion,
  consistencyProof,
  inclusionProof,
  treeRoot,
} from '../../ledger/merkle.ts';

// The reference leaves and roots of Certificate Transparency (RFC 6962).
const leaves = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
].map((hex) => fromHex(leafHash(fromHex(hex))));
const roots = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

const MANY = 70;
const many = Array.from({ length: MANY }, (_, index) => sha256(Uint8Array.of(index)));
const rootOf = (size: number) => treeRoot(many.slice(0, size), sha256);

/** The definition of RFC 6962 section 2.1, word by word. */
function referenceRoot(hashes: readonly Uint8Array[]): Uint8Array {
  const [first] = hashes;
  if (first === undefined) return sha256(new Uint8Array());
  if (hashes.length === 1) return first;
  let split = 1;
  while (2 * split < hashes.length) split *= 2;
  const [left, right] = [hashes.slice(0, split), hashes.slice(split)];
  return sha256(nodeInput(referenceRoot(left), referenceRoot(right)));
}

test.each(roots.map((root, size) => ({ root, size })))('K-1 root of $size leaves', (row) => {
  expect(toHex(treeRoot(leaves.slice(0, row.size), sha256))).toBe(row.root);
});

test('the root is that of the definition, for every size', () => {
  for (let size = 0; size <= MANY; size++) {
    expect(toHex(rootOf(size))).toBe(toHex(referenceRoot(many.slice(0, size))));
  }
});

test('K-3 every leaf of every tree is proven, and at no other index', async () => {
  for (let size = 1; size <= MANY; size++) {
    const root = rootOf(size);
    for (let index = 0; index < size; index++) {
      const proof = inclusionProof(many.slice(0, size), index, sha256);
      const hash = many[index]!;
      expect(await checkInclusion({ hash, index }, { size, root, proof }, sha256)).toBe(true);
      const beside = (index + 1) % size;
      if (beside === index) continue;
      const moved = await checkInclusion({ hash, index: beside }, { size, root, proof }, sha256);
      expect(moved).toBe(false);
    }
  }
});

test('K-3 every older tree is proven to be the beginning of every newer one', async () => {
  for (let size = 1; size <= MANY; size++) {
    for (let oldSize = 1; oldSize <= size; oldSize++) {
      const proof = consistencyProof(many.slice(0, size), oldSize, sha256);
      const older = { size: oldSize, root: rootOf(oldSize) };
      const newer = { size, root: rootOf(size), proof };
      expect(await checkConsistency(older, newer, sha256)).toBe(true);
      const forked = { ...older, root: sha256(older.root) };
      expect(await checkConsistency(forked, newer, sha256)).toBe(false);
    }
  }
});

describe('V-39, V-44 a changed proof', () => {
  const leaf = { hash: many[21]!, index: 21 };
  const tree = { size: 50, root: rootOf(50) };
  const inclusion = inclusionProof(many.slice(0, 50), 21, sha256);
  const older = { size: 21, root: rootOf(21) };
  const consistency = consistencyProof(many.slice(0, 50), 21, sha256);
  const other = sha256(new Uint8Array(1));

  test.each([
    { why: 'first removed', change: (proof: readonly Uint8Array[]) => proof.slice(1) },
    { why: 'last removed', change: (proof: readonly Uint8Array[]) => proof.slice(0, -1) },
    { why: 'one added', change: (proof: readonly Uint8Array[]) => [...proof, other] },
    { why: 'one in front', change: (proof: readonly Uint8Array[]) => [other, ...proof] },
    { why: 'turned', change: (proof: readonly Uint8Array[]) => proof.toReversed() },
    { why: 'empty', change: () => [] },
    { why: 'one replaced', change: (proof: readonly Uint8Array[]) => proof.with(2, other) },
  ])('$why proves nothing', async ({ change }) => {
    expect(await checkInclusion(leaf, { ...tree, proof: change(inclusion) }, sha256)).toBe(false);
    expect(await checkConsistency(older, { ...tree, proof: change(consistency) }, sha256)).toBe(
      false,
    );
  });

  test.each([
    {
      why: 'index beyond the tree',
      act: () => checkInclusion({ ...leaf, index: 50 }, { ...tree, proof: inclusion }, sha256),
    },
    {
      why: 'negative index',
      act: () => checkInclusion({ ...leaf, index: -1 }, { ...tree, proof: inclusion }, sha256),
    },
    {
      why: 'half an index',
      act: () => checkInclusion({ ...leaf, index: 0.5 }, { ...tree, proof: inclusion }, sha256),
    },
    {
      why: 'size beyond 2^53',
      act: () => checkInclusion(leaf, { ...tree, size: 2 ** 54, proof: inclusion }, sha256),
    },
    {
      why: 'hash of 31 bytes',
      act: () => checkInclusion(leaf, { ...tree, proof: [other.subarray(1)] }, sha256),
    },
    {
      why: 'empty old tree',
      act: () => checkConsistency({ ...older, size: 0 }, { ...tree, proof: [] }, sha256),
    },
    {
      why: 'old tree larger',
      act: () => checkConsistency({ ...older, size: 51 }, { ...tree, proof: [] }, sha256),
    },
  ])('$why is no proof at all', async ({ act }) => {
    await expect(act()).rejects.toThrow(LedgerError);
  });

  test('there is no proof for a leaf or a tree that is not there', () => {
    expect(() => inclusionProof([], 0, sha256)).toThrow(LedgerError);
    expect(() => inclusionProof(many, MANY, sha256)).toThrow(LedgerError);
    expect(() => consistencyProof(many, 0, sha256)).toThrow(LedgerError);
    expect(() => consistencyProof(many, MANY + 1, sha256)).toThrow(LedgerError);
  });
});

test('trees beyond 2^32 are checked without wrapping', async () => {
  const index = 2 ** 40;
  const proof = [many[1]!, many[2]!];
  const hash = many[0]!;
  const root = sha256(nodeInput(proof[1]!, sha256(nodeInput(proof[0]!, hash))));
  expect(await checkInclusion({ hash, index }, { size: index + 1, root, proof }, sha256)).toBe(
    false,
  );
  const lone = sha256(nodeInput(proof[0]!, hash)); // leaf 2^40 alone on the right edge: one step
  const one = { size: index + 1, root: lone, proof: proof.slice(0, 1) };
  expect(await checkInclusion({ hash, index }, one, sha256)).toBe(true);
});
