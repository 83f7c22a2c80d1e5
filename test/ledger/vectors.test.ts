import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { canonicalText, parseCanonical } from '../../ledger/canonical-json.ts';
import { LedgerError } from '../../ledger/error.ts';
import { leafHash, sha256 } from '../../ledger/hash.ts';
import { parseRecord } from '../../ledger/record.ts';
import { verifyChain, type DisclosedOpening } from '../../ledger/verify.ts';
import { buildVectors } from './support/vectors.ts';

type RecordVector = { readonly text: string; readonly leaf_hash: string };

const utf8 = new TextEncoder();
const built = buildVectors();

function golden(name: string): unknown {
  const text = readFileSync(new URL(`../vectors/v0/${name}`, import.meta.url), 'utf8');
  return JSON.parse(text);
}

describe('golden vectors of version 0', () => {
  test.each(Object.keys(built))('%s is what this program makes', (name) => {
    expect(JSON.parse(JSON.stringify(built[name]))).toEqual(golden(name));
  });

  test('every accepted text is read back, every refused one is not', () => {
    const { accepted, refused } = golden('canonical.json') as {
      readonly accepted: readonly { readonly text: string }[];
      readonly refused: readonly { readonly text: string }[];
    };
    for (const { text } of accepted) {
      expect(canonicalText(parseCanonical(utf8.encode(text)))).toBe(text);
    }
    for (const { text } of refused) {
      expect(() => parseCanonical(utf8.encode(text)), text).toThrow(LedgerError);
    }
  });

  test('the chain is valid from the file alone, with every opening in it', async () => {
    const { records, openings } = golden('request-chain.json') as {
      readonly records: readonly RecordVector[];
      readonly openings: readonly DisclosedOpening[];
    };
    const inChain = openings.filter((opening) => opening.value !== 'lena'); // she is in other tests
    const bytes = records.map((record) => utf8.encode(record.text));
    const head = { seq: bytes.length - 1, leafHash: records.at(-1)?.leaf_hash ?? '' };
    const report = await verifyChain({
      records: bytes,
      sha256,
      expected: { head },
      openings: inChain,
    });
    expect(report).toMatchObject({ valid: true, problems: [], unopened: 0 });
    const leaves = report.records.map((record) => record.leafHash);
    expect(leaves).toEqual(records.map((record) => record.leaf_hash));
  });

  test('one record of every kind is read and hashed', () => {
    for (const { text, leaf_hash } of golden('every-kind.json') as readonly RecordVector[]) {
      const bytes = utf8.encode(text);
      expect(canonicalText(parseRecord(bytes))).toBe(text);
      expect(leafHash(bytes)).toBe(leaf_hash);
    }
  });
});
