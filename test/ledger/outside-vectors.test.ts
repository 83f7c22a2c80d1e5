import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { openCheckpoint } from '../../ledger/checkpoint.ts';
import { fromHex, leafInput, toHex } from '../../ledger/encoding.ts';
import { LedgerError } from '../../ledger/error.ts';
import { sha256 } from '../../ledger/hash.ts';
import { checkConsistency, checkInclusion, treeRoot } from '../../ledger/merkle.ts';
import { openNote } from '../../ledger/note.ts';
import { decodeBundle, parseTilePath, tilePath } from '../../ledger/tile.ts';
import {
  consistencyProofAt,
  inclusionProofAt,
  rootAt,
  type TileTree,
} from '../../ledger/tile-tree.ts';
import { makeVerifierKey, noteVerifier, parseVerifierKey } from '../../ledger/verifier-key.ts';
import { bytesOf, codeOf, openTileStore, storeBatches } from './support/log.ts';

// What others made, read from clones of their repositories and not copied into this one. With
// OUTSIDE_VECTORS=<folder> this expects there: `merkle` and `tessera` of github.com/transparency-dev,
// `C2SP` and `wycheproof` of github.com/C2SP. A clone that is not there is not tested. `.ci/run` names
// `tessera` and `wycheproof`, which the Go module proxy has.

const outside = process.env['OUTSIDE_VECTORS'] ?? '/nowhere';
const missing = (name: string): boolean => !existsSync(join(outside, name));

/** Why it is skipped, for its title. */
const unless = (name: string): string =>
  missing(name) ? `: skipped, OUTSIDE_VECTORS names no folder with ${name}` : '';

function read(...path: readonly string[]): Uint8Array {
  return new Uint8Array(readFileSync(join(outside, ...path)));
}

function readJson(...path: readonly string[]): unknown {
  return JSON.parse(Buffer.from(read(...path)).toString());
}

function filesBelow(...path: readonly string[]): readonly string[] {
  const entries = readdirSync(join(outside, ...path), { recursive: true, withFileTypes: true });
  return entries.filter((it) => it.isFile()).map((it) => join(it.parentPath, it.name));
}

const decoded = (base64: string | null): Uint8Array => {
  return new Uint8Array(Buffer.from(base64 ?? '', 'base64'));
};

/** Go's functions return an error; ours says false, or refuses what cannot be a proof at all. */
async function isAccepted(check: () => Promise<boolean>): Promise<boolean> {
  try {
    return await check();
  } catch (error) {
    if (error instanceof LedgerError) return false;
    throw error;
  }
}

describe.skipIf(missing('merkle'))(`K-2 transparency-dev/merkle${unless('merkle')}`, () => {
  type Inclusion = {
    readonly leafIdx: number;
    readonly treeSize: number;
    readonly root: string | null;
    readonly leafHash: string | null;
    readonly proof: readonly string[] | null;
    readonly wantErr: boolean;
  };
  type Consistency = {
    readonly size1: number;
    readonly size2: number;
    readonly root1: string | null;
    readonly root2: string | null;
    readonly proof: readonly string[] | null;
    readonly wantErr: boolean;
  };

  test('98 inclusion proofs, good and bad', async () => {
    const files = filesBelow('merkle', 'testdata', 'inclusion');
    expect(files).toHaveLength(98);
    for (const file of files) {
      const it = JSON.parse(readFileSync(file, 'utf8')) as Inclusion;
      const proof = (it.proof ?? []).map(decoded);
      const leaf = { hash: decoded(it.leafHash), index: it.leafIdx };
      const tree = { size: it.treeSize, root: decoded(it.root), proof };
      const accepted = await isAccepted(() => checkInclusion(leaf, tree, sha256));
      expect(accepted, file).toBe(!it.wantErr);
    }
  });

  // Their equal sizes accept equal roots of any length. Ours have 32 bytes or are no roots (V-39), so
  // this one vector, whose roots say "don't care 2", is refused here and accepted there.
  const ANY_ROOT = 'sizes-are-equal-one-and-proof-is-empty.json';

  /** The short roots say that they do not matter; of 32 bytes, what the vector is about is tested. */
  const asRoot = (bytes: Uint8Array): Uint8Array => (bytes.length === 32 ? bytes : sha256(bytes));

  test('98 consistency proofs, good and bad', async () => {
    const files = filesBelow('merkle', 'testdata', 'consistency');
    expect(files).toHaveLength(98);
    for (const file of files) {
      const it = JSON.parse(readFileSync(file, 'utf8')) as Consistency;
      const proof = (it.proof ?? []).map(decoded);
      const [root1, root2] = [decoded(it.root1), decoded(it.root2)];
      const check = (a: Uint8Array, b: Uint8Array) => () =>
        checkConsistency({ size: it.size1, root: a }, { size: it.size2, root: b, proof }, sha256);
      const stricter = file.endsWith(`additional/${ANY_ROOT}`);
      expect(await isAccepted(check(root1, root2)), file).toBe(!it.wantErr && !stricter);
      expect(await isAccepted(check(asRoot(root1), asRoot(root2))), file).toBe(!it.wantErr);
    }
  });
});

describe.skipIf(missing('tessera'))(
  `K-5 the log in the tests of Tessera${unless('tessera')}`,
  () => {
    const log = ['tessera', 'testdata', 'log'];
    const [, origin = '', rest = ''] =
      /LOG_PUBLIC_KEY="([^+"]+)(\+[^"]+)"/.exec(
        missing('tessera')
          ? ''
          : Buffer.from(read('tessera', 'testdata', 'build_log.sh')).toString(),
      ) ?? [];
    const trust = async () => {
      const key = await parseVerifierKey(origin + rest, sha256);
      return { origin, logKeys: [await noteVerifier(key)] };
    };
    /** Theirs keep no partial tile of a size without checkpoint, and have one for each with. */
    const treeOf = (size: number): TileTree => ({
      size,
      readTiles: async (tiles) => {
        return tiles.map((tile) => read(...log, tilePath({ kind: 'hashes', ...tile })));
      },
    });

    test('16 checkpoints: signatures, roots from their tiles, proofs between all of them', async () => {
      const heads = [];
      for (let size = 0; size <= 15; size++) {
        const note = read(...log, `checkpoint.${size}`);
        const { checkpoint } = await openCheckpoint(note, await trust());
        expect(checkpoint.size).toBe(size);
        expect(toHex(await rootAt(treeOf(size), size, sha256))).toBe(toHex(checkpoint.root));
        heads.push(checkpoint);
      }
      for (const newer of heads) {
        for (const older of heads.slice(1, newer.size + 1)) {
          const sizes = { from: older.size, to: newer.size };
          const proof = await consistencyProofAt(treeOf(15), sizes, sha256);
          expect(await checkConsistency(older, { ...newer, proof }, sha256)).toBe(true);
        }
      }
    });

    test('every entry of every bundle is the leaf of its tile, and ours are their tiles', async () => {
      for (let width = 1; width <= 15; width++) {
        const path = tilePath({ kind: 'entries', index: 0, width });
        expect(parseTilePath(path)).toEqual({ kind: 'entries', index: 0, width });
        const entries = decodeBundle(read(...log, path), width);
        const hashes = entries.map((entry) => new Uint8Array(sha256(leafInput(entry))));
        const store = openTileStore();
        storeBatches(store, [hashes]);
        expect([...store.tiles.keys()]).toEqual([`tile/0/000.p/${width}`]);
        const theirs = read(...log, `tile/0/000.p/${width}`);
        expect(toHex(store.tiles.get(`tile/0/000.p/${width}`) ?? theirs.subarray(1))).toBe(
          toHex(theirs),
        );
        const root = treeRoot(hashes, sha256);
        for (const [index, hash] of hashes.entries()) {
          const proof = await inclusionProofAt(treeOf(15), { index, size: width }, sha256);
          expect(await checkInclusion({ hash, index }, { size: width, root, proof }, sha256)).toBe(
            true,
          );
        }
      }
    });
  },
);

describe.skipIf(missing('C2SP'))(`K-4 the examples of C2SP${unless('C2SP')}`, () => {
  test('the verifier key opens the note, and no changed note', async () => {
    const text = Buffer.from(read('C2SP', 'signed-note.md')).toString();
    const example = text.slice(text.indexOf('### Example'));
    const [, key = ''] = /\n {4}(\S+\+\S+\+\S+)\n/.exec(example) ?? [];
    const [, note = ''] = /```\n(.*?)```/s.exec(example) ?? [];
    const verifier = await noteVerifier(await parseVerifierKey(key, sha256));
    const bytes = bytesOf(note);
    const opened = await openNote(bytes, [verifier]);
    expect(opened.verified).toHaveLength(1);
    expect(opened.text).toBe(note.slice(0, note.indexOf('\n\n') + 1));
    for (const [at, byte] of bytes.entries()) {
      const act = () => openNote(bytes.with(at, byte ^ 1), [verifier]);
      expect(await codeOf(act), `byte ${at}`).not.toBeNull();
    }
  });
});

describe.skipIf(missing('wycheproof'))(`K-9 Wycheproof${unless('wycheproof')}`, () => {
  type Group = {
    readonly publicKey: { readonly pk: string };
    readonly tests: readonly {
      readonly tcId: number;
      readonly comment: string;
      readonly msg: string;
      readonly sig: string;
      readonly result: 'valid' | 'invalid';
    }[];
  };

  test('Ed25519', async () => {
    const { testGroups, numberOfTests } = readJson(
      'wycheproof',
      'testvectors_v1',
      'ed25519_test.json',
    ) as { readonly testGroups: readonly Group[]; readonly numberOfTests: number };
    let tested = 0;
    for (const { publicKey, tests } of testGroups) {
      const key = await makeVerifierKey('wycheproof', fromHex(publicKey.pk), sha256);
      const { verify } = await noteVerifier(key);
      for (const { tcId, comment, msg, sig, result } of tests) {
        const fits = await verify(fromHex(msg), fromHex(sig));
        expect(fits, `${tcId} ${comment}`).toBe(result === 'valid');
        tested += 1;
      }
    }
    expect(tested).toBe(numberOfTests);
  });
});
