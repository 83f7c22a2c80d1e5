import fc from 'fast-check';
import { expect, test } from 'vitest';

import { sealRecords, type Draft } from '../../ledger/append.ts';
import { canonicalBytes } from '../../ledger/canonical-json.ts';
import { LedgerError } from '../../ledger/error.ts';
import { jsonDigest, sha256, sha256Hex } from '../../ledger/hash.ts';
import { parseRecord, RECORD_KINDS } from '../../ledger/record.ts';
import { verifyChain } from '../../ledger/verify.ts';
import { aContext, aDraft } from './support/drafts.ts';

const valid = sealRecords(
  null,
  RECORD_KINDS.map((kind) => aDraft(kind)),
  aContext(),
).records.map((record) => record.bytes);

/** Reads bytes; what is accepted must be exactly what it says. */
function readHostile(bytes: Uint8Array): boolean {
  try {
    expect(Buffer.from(canonicalBytes(parseRecord(bytes))).equals(bytes)).toBe(true);
    return true;
  } catch (error) {
    if (error instanceof LedgerError) return false;
    throw error;
  }
}

const mutated = fc
  .tuple(
    fc.constantFrom(...valid),
    fc.array(fc.tuple(fc.nat(1_500), fc.nat(2), fc.integer({ min: 0, max: 255 })), {
      maxLength: 4,
    }),
  )
  .map(([bytes, edits]) => {
    const copy = [...bytes];
    for (const [at, remove, value] of edits) copy.splice(at % copy.length, remove, value);
    return Uint8Array.from(copy);
  });

test('any bytes are read or refused with a code', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(readHostile(bytes)).toBe(false);
    }),
    { numRuns: 2_000 },
  );
});

test('damaged records are read or refused with a code', () => {
  fc.assert(
    fc.property(mutated, (bytes) => {
      readHostile(bytes);
    }),
    { numRuns: 3_000 },
  );
});

test('any JSON value in any field is refused with a code or sealed as what it is', () => {
  const place = fc.constantFrom(
    'kind',
    'cmd',
    'actor',
    'auth',
    'surface',
    'policy',
    'body',
    'refs',
  );
  const draft = fc.tuple(fc.constantFrom(...RECORD_KINDS), place, fc.anything({ maxDepth: 2 }));
  fc.assert(
    fc.property(draft, ([kind, name, value]) => {
      try {
        const odd = { ...aDraft(kind), [name]: value } as Draft;
        const [record] = sealRecords(null, [odd], aContext()).records;
        expect(record !== undefined && readHostile(record.bytes)).toBe(true);
      } catch (error) {
        if (!(error instanceof LedgerError)) throw error;
      }
    }),
    { numRuns: 3_000 },
  );
});

test('a verifier never throws, whatever it is given', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(mutated, fc.uint8Array())), async (records) => {
      const report = await verifyChain({ records, sha256 });
      expect(report.records).toHaveLength(records.length);
      expect(report.valid).toBe(report.problems.length === 0);
    }),
    { numRuns: 300 },
  );
});

test('V-38 no digest of an erasable value stands in a record or beside it', () => {
  const text = fc.oneof(fc.emailAddress(), fc.constantFrom('approve', 'reject', 'dana'));
  fc.assert(
    fc.property(text, (value) => {
      const draft = aDraft('decided', { erasable: [{ path: 'rationale', value }] });
      const [record] = sealRecords(null, [draft], aContext()).records;
      const seen = `${Buffer.from(record?.bytes ?? []).toString()}${record?.inputHash}`;
      for (const digest of [sha256Hex(value), jsonDigest(value), sha256Hex(value.toLowerCase())]) {
        expect(seen).not.toContain(digest);
      }
      // Two people who say the same are not recognised by it either.
      const again = sealRecords(null, [draft], { ...aContext(), randomBytes: () => otherBytes() });
      expect(again.openings[0]?.c).not.toBe(sealRecords(null, [draft], aContext()).openings[0]?.c);
    }),
    { numRuns: 100 },
  );
});

/** 64 other bytes than the fixed ones. */
function otherBytes(): Uint8Array {
  return new Uint8Array(64).fill(9);
}
