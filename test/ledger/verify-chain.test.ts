import { describe, expect, test } from 'vitest';

import { canonicalBytes, canonicalText, parseCanonical } from '../../ledger/canonical-json.ts';
import { leafHash, sha256 } from '../../ledger/hash.ts';
import { verifyChain } from '../../ledger/verify.ts';
import { aContext, aDraft } from './support/drafts.ts';
import { approvedChain, emptyChain, extend, people, requested, verify } from './support/story.ts';

const chain = approvedChain();
const bytes = chain.records.map((record) => record.bytes);
const text = new TextDecoder();
const utf8 = new TextEncoder();

/** The chain with one record replaced. */
function replaced(at: number, by: Uint8Array): Uint8Array[] {
  return bytes.map((record, index) => (index === at ? by : record));
}

/** A record with other fields, in canonical form again. */
function edited(at: number, change: Record<string, unknown>): Uint8Array {
  const record = parseCanonical(bytes[at] ?? new Uint8Array()) as Record<string, unknown>;
  return canonicalBytes({ ...record, ...change });
}

/** A record with its text changed by hand. */
function rewritten(at: number, from: string | RegExp, to: string): Uint8Array {
  const before = text.decode(bytes[at]);
  const after = before.replace(from, to);
  if (after === before) throw new TypeError('nothing was changed');
  return utf8.encode(after);
}

async function codes(records: readonly Uint8Array[]): Promise<string[]> {
  const report = await verify(chain, { records });
  expect(report.valid).toBe(report.problems.length === 0);
  return report.problems.map((problem) => `${problem.code}@${problem.seq}`);
}

describe('a chain that nobody touched', () => {
  test('is valid, and says how much of it stays undisclosed', async () => {
    const report = await verify(chain);
    expect(report.problems).toEqual([]);
    expect(report.valid).toBe(true);
    expect(report.records.map(({ record }) => record?.kind)).toEqual([
      'requested',
      'policy_bound',
      'stage_opened',
      'refused',
      'viewed',
      'decided',
      'viewed',
      'decided',
      'resolved',
      'closed',
    ]);
    // agent, dana, eve, omar and two rationales
    expect(report.unopened).toBe(6);
  });

  test('is valid with a hash function that answers later, as a browser has it', async () => {
    const later = async (data: Uint8Array) => sha256(data);
    expect((await verify(chain, { sha256: later })).valid).toBe(true);
  });

  test('of a person is valid too', async () => {
    const grants = extend(emptyChain, aDraft('person_added'), aDraft('role_granted'));
    expect((await verify(grants)).problems).toEqual([]);
  });
});

describe('one change is named', () => {
  const other = extend(emptyChain, requested); // another stream is made below
  const foreign = canonicalBytes({
    ...(parseCanonical(other.records[0]?.bytes ?? new Uint8Array()) as object),
    stream: '00000000-0000-4000-8000-000000000000',
  });

  test.each([
    {
      id: 'V-1 one letter changed',
      records: replaced(4, edited(4, { ts: '2026-11-21T08:00:04.001Z' })),
      first: 'CHAIN_PREV@5',
    },
    {
      id: 'V-3 two records swapped',
      records: [...bytes.slice(0, 4), bytes[5]!, bytes[4]!, ...bytes.slice(6)],
      first: 'CHAIN_SEQ@4',
    },
    {
      id: 'V-4 a space',
      records: replaced(2, rewritten(2, ',"auth"', ', "auth"')),
      first: 'NOT_CANONICAL@2',
    },
    {
      id: 'V-4 other key order',
      records: replaced(2, rewritten(2, /^\{("actor":\{.*?\}),("anchor":null)/, '{$2,$1')),
      first: 'NOT_CANONICAL@2',
    },
    {
      id: 'V-5 duplicate key',
      records: replaced(2, rewritten(2, '"v":1', '"v":1,"v":1')),
      first: 'NOT_CANONICAL@2',
    },
    {
      id: 'V-6 1.0',
      records: replaced(2, rewritten(2, '"quorum":2', '"quorum":2.0')),
      first: 'NOT_CANONICAL@2',
    },
    {
      id: 'V-6 2e0',
      records: replaced(2, rewritten(2, '"quorum":2', '"quorum":2e0')),
      first: 'NOT_CANONICAL@2',
    },
    {
      id: 'V-6 -0',
      records: replaced(2, rewritten(2, '"stage":0', '"stage":-0')),
      first: 'NOT_CANONICAL@2',
    },
    {
      id: 'V-6 above 2^53',
      records: replaced(2, rewritten(2, '"quorum":2', '"quorum":9007199254740993')),
      first: 'NOT_CANONICAL@2',
    },
    {
      id: 'V-6 half',
      records: replaced(2, rewritten(2, '"quorum":2', '"quorum":2.5')),
      first: 'NOT_CANONICAL@2',
    },
    {
      id: 'V-7 lone surrogate',
      records: replaced(2, rewritten(2, '"surface":"system"', '"surface":"\\ud800"')),
      first: 'NOT_CANONICAL@2',
    },
    {
      id: 'V-7 byte order mark',
      records: replaced(2, rewritten(2, /^/, '\ufeff')),
      first: 'NOT_CANONICAL@2',
    },
    {
      id: 'V-7 newline at the end',
      records: replaced(2, rewritten(2, /$/, '\n')),
      first: 'NOT_CANONICAL@2',
    },
    { id: 'V-8 unknown field', records: replaced(2, edited(2, { note: 1 })), first: 'SCHEMA@2' },
    { id: 'V-8 unknown version', records: replaced(2, edited(2, { v: 2 })), first: 'SCHEMA@2' },
    {
      id: 'V-8 unknown kind',
      records: replaced(2, edited(2, { kind: 'praised' })),
      first: 'SCHEMA@2',
    },
    {
      id: 'V-8 a kind every object has',
      records: replaced(2, edited(2, { kind: 'constructor' })),
      first: 'SCHEMA@2',
    },
    {
      id: 'V-9 prev points to an earlier record',
      records: replaced(5, edited(5, { prev: chain.records[2]!.leafHash })),
      first: 'CHAIN_PREV@5',
    },
    {
      id: 'V-10 prev points elsewhere',
      records: replaced(5, edited(5, { prev: leafHash(foreign) })),
      first: 'CHAIN_PREV@5',
    },
    {
      id: 'V-11 record missing in the middle',
      records: bytes.filter((_, index) => index !== 4),
      first: 'CHAIN_GAP@5',
    },
    {
      id: 'V-12 forged record between',
      records: [
        ...bytes.slice(0, 5),
        edited(5, { ts: '2026-11-21T08:00:04.500Z', prev: chain.records[3]!.leafHash }),
        ...bytes.slice(5),
      ],
      first: 'CHAIN_PREV@5',
    },
    { id: 'V-13 first record missing', records: bytes.slice(1), first: 'CHAIN_GENESIS@1' },
    {
      id: 'V-13 first record names another',
      records: replaced(0, edited(0, { prev: 'a'.repeat(64) })),
      first: 'CHAIN_GENESIS@0',
    },
    { id: 'V-13 nothing at all', records: [], first: 'CHAIN_GENESIS@0' },
    { id: 'V-14 last record cut off', records: bytes.slice(0, -1), first: 'HEAD_MISMATCH@8' },
    {
      id: 'V-16 record of another stream',
      records: replaced(4, edited(4, { stream: '00000000-0000-4000-8000-000000000000' })),
      first: 'STREAM_MISMATCH@4',
    },
    {
      id: 'V-17 record of another log',
      records: replaced(4, edited(4, { log: 'other.example/log' })),
      first: 'ORIGIN_MISMATCH@4',
    },
    {
      id: 'V-20 time runs backwards',
      records: replaced(4, edited(4, { ts: '2026-11-21T07:00:00.000Z' })),
      first: 'TIME_ORDER@4',
    },
    {
      id: 'V-20 anchor runs backwards',
      records: [
        edited(0, { anchor: { size: 9, root: 'a'.repeat(64) } }),
        edited(1, { anchor: { size: 8, root: 'a'.repeat(64) } }),
        ...bytes.slice(2),
      ],
      first: 'CHAIN_PREV@1',
    },
    {
      id: 'V-49 two records for one place',
      records: [...bytes, edited(9, { ts: '2026-11-21T08:00:10.000Z' })],
      first: 'CHAIN_FORK@9',
    },
    {
      id: 'one record twice',
      records: [...bytes.slice(0, 5), bytes[4]!, ...bytes.slice(5)],
      first: 'CHAIN_SEQ@4',
    },
    {
      id: 'last record changed',
      records: replaced(9, edited(9, { ts: '2026-11-21T08:00:10.000Z' })),
      first: 'HEAD_MISMATCH@9',
    },
    {
      id: 'V-50 an inner node as a record',
      records: replaced(4, new Uint8Array(65).fill(1)),
      first: 'NOT_CANONICAL@4',
    },
    {
      id: 'too large',
      records: replaced(4, new Uint8Array(16_385).fill(0x20)),
      first: 'RECORD_TOO_LARGE@4',
    },
  ])('$id → $first', async ({ records, first }) => {
    expect((await codes(records))[0]).toBe(first);
  });

  test('V-2 a record changed and every later link made anew → the head is another', async () => {
    const forged = replaced(4, edited(4, { ts: '2026-11-21T08:00:03.500Z' }));
    for (let at = 5; at < forged.length; at++) {
      const before = leafHash(forged[at - 1] ?? new Uint8Array());
      const viewOfFour = text.decode(bytes[at]).replaceAll(chain.records[4]!.leafHash, before);
      const record = parseCanonical(utf8.encode(viewOfFour)) as Record<string, unknown>;
      forged[at] = canonicalBytes({ ...record, prev: before });
    }
    expect(await codes(forged)).toEqual(['HEAD_MISMATCH@9']);
  });

  test('each field of each record, replaced by another value', async () => {
    for (const [at, record] of bytes.entries()) {
      const fields = parseCanonical(record) as Record<string, unknown>;
      for (const [name, value] of Object.entries(fields)) {
        for (const other of [null, 1, 'x', [], {}, 'a'.repeat(64)]) {
          if (canonicalText(other) === canonicalText(value)) continue;
          const found = await codes(replaced(at, edited(at, { [name]: other })));
          expect(found.length, `record ${at}, ${name} = ${canonicalText(other)}`).toBeGreaterThan(
            0,
          );
        }
        const { [name]: _gone, ...rest } = fields;
        expect(await codes(replaced(at, canonicalBytes(rest)))).toContain(`SCHEMA@${at}`);
      }
    }
  });

  test('each byte of each record, one bit flipped', async () => {
    let found = 0;
    for (const [at, record] of bytes.entries()) {
      for (let index = 0; index < record.length; index++) {
        const flipped = Uint8Array.from(record);
        flipped[index] = (flipped[index] ?? 0) ^ (1 << (index % 8));
        const report = await verify(chain, { records: replaced(at, flipped) });
        if (report.valid) throw new Error(`flip at record ${at}, byte ${index} was not found`);
        found += 1;
      }
    }
    expect(found).toBe(bytes.reduce((sum, record) => sum + record.length, 0));
  }, 60_000);

  test('what the reader expects counts more than what the chain says of itself', async () => {
    const records = bytes;
    const wrongLog = await verifyChain({ records, sha256, expected: { log: 'mine.example/log' } });
    expect(wrongLog.problems[0]?.code).toBe('ORIGIN_MISMATCH');
    const stream = '00000000-0000-4000-8000-000000000000';
    const wrongStream = await verifyChain({ records, sha256, expected: { stream } });
    expect(wrongStream.problems[0]?.code).toBe('STREAM_MISMATCH');
  });

  test('a changed last record is found only by a reader who knows the head', async () => {
    const records = replaced(9, edited(9, { ts: '2026-11-21T08:00:10.000Z' }));
    expect((await verifyChain({ records, sha256 })).valid).toBe(true);
    expect((await verify(chain, { records })).valid).toBe(false);
  });
});

describe('openings', () => {
  const rationale = chain.openings.find((opening) => opening.path === 'rationale')!;
  const eve = { ...people.eve, seq: null };

  test('of texts and of people are accepted where they belong', async () => {
    const report = await verify(chain, { openings: [...chain.openings, eve] });
    expect(report.valid).toBe(true);
    expect(report.unopened).toBe(3); // agent, dana, omar
  });

  test.each([
    { id: 'V-34 other value', opening: { ...rationale, value: 'Looks fine' } },
    { id: 'V-35 other salt', opening: { ...rationale, salt: 'a'.repeat(64) } },
    { id: 'V-35 short salt', opening: { ...rationale, salt: 'aa' } },
    { id: 'V-35 salt that is no hex', opening: { ...rationale, salt: 'z'.repeat(64) } },
    { id: 'V-36 other path', opening: { ...rationale, path: 'reason' } },
    { id: 'V-36 other record', opening: { ...rationale, seq: 7 } },
    { id: 'V-36 no such record', opening: { ...rationale, seq: 70 } },
    { id: 'a lone surrogate', opening: { ...rationale, value: '\ud800' } },
    { id: 'a person who is not in it', opening: { ...people.lena, seq: null } },
  ])('$id → COMMITMENT', async ({ opening }) => {
    const report = await verify(chain, { openings: [opening] });
    expect(report.problems.map((problem) => problem.code)).toEqual(['COMMITMENT']);
  });
});

test('the builders make records of the stream they say', () => {
  expect(chain.records.every((record) => record.stream === aContext().stream)).toBe(true);
});
