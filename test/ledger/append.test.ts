import { describe, expect, expectTypeOf, test } from 'vitest';

import {
  inputHashOf,
  sealRecords,
  type Draft,
  type DraftOf,
  type SealContext,
  type StreamHead,
} from '../../ledger/append.ts';
import { canonicalText } from '../../ledger/canonical-json.ts';
import { LedgerError, type LedgerErrorCode } from '../../ledger/error.ts';
import { commandKey, commitment, leafHash } from '../../ledger/hash.ts';
import { createMemoryStore } from '../../ledger/memory-store.ts';
import { secureRandomBytes } from '../../ledger/random.ts';
import {
  MAX_RECORD_BYTES,
  parseRecord,
  RECORD_KINDS,
  type RecordKind,
} from '../../ledger/record.ts';
import type { StreamType } from '../../ledger/streams.ts';
import { appendRecords, type LedgerStore } from '../../ledger/store.ts';
import { aContext, aDraft, digest, fixedRandom, STREAM } from './support/drafts.ts';

async function codeOf(act: () => unknown): Promise<LedgerErrorCode | null> {
  try {
    await act();
    return null;
  } catch (error) {
    if (error instanceof LedgerError) return error.code;
    throw error;
  }
}

const many = (count: number) =>
  Array.from({ length: count }, (_, index) =>
    aDraft('commented', { cmd: commandKey('many', String(index)) }),
  );

describe('sealing', () => {
  test.each(RECORD_KINDS)('a %s record is canonical, fits its schema and links', (kind) => {
    const head = { seq: 6, leafHash: digest('head'), ts: null };
    const { records } = sealRecords(head, [aDraft(kind)], aContext());
    const record = records[0]!;
    const parsed = parseRecord(record.bytes);
    expect(canonicalText(parsed)).toBe(new TextDecoder().decode(record.bytes));
    expect(parsed).toMatchObject({ kind, seq: 7, prev: head.leafHash, stream: STREAM, v: 1 });
    expect(record.leafHash).toBe(leafHash(record.bytes));
    expect(record.bytes.every((byte) => byte >= 0x20 && byte < 0x7f)).toBe(true);
  });

  test('a batch continues the stream, record by record', () => {
    const { records, head } = sealRecords(null, many(3), aContext());
    expect(records.map((record) => record.seq)).toEqual([0, 1, 2]);
    expect(records.map((record) => record.prev)).toEqual([
      null,
      records[0]?.leafHash,
      records[1]?.leafHash,
    ]);
    expect(head).toEqual({ seq: 2, leafHash: records[2]?.leafHash, ts: records[2]?.ts });
  });

  test('an empty batch changes nothing', () => {
    expect(sealRecords(null, [], aContext())).toEqual({ records: [], openings: [], head: null });
  });

  test('what is erasable leaves only its commitment in the record', () => {
    const value = 'Dana, dana@example.org, said so';
    const draft = aDraft('decided', { erasable: [{ path: 'rationale', value }] });
    const { records, openings } = sealRecords(null, [draft], aContext());
    const opening = openings[0]!;
    expect(opening).toMatchObject({ stream: STREAM, seq: 0, path: 'rationale', value });
    expect(opening.c).toBe(commitment('rationale', value, Buffer.from(opening.salt, 'hex')));
    expect(parseRecord(records[0]!.bytes).commits).toEqual([{ path: 'rationale', c: opening.c }]);
    expect(Buffer.from(records[0]!.bytes).includes('dana')).toBe(false);
  });

  test('closed counts the records itself', () => {
    const { records } = sealRecords(null, [...many(4), aDraft('closed')], aContext());
    expect(parseRecord(records[4]!.bytes).body).toEqual({ count: 5 });
  });

  test('nonces and salts never repeat, and come from one draw', () => {
    let draws = 0;
    const source = fixedRandom('x');
    const randomBytes = (size: number) => (draws++, source(size));
    const { records, openings } = sealRecords(null, many(50), aContext({ randomBytes }));
    const nonces = records.map((record) => parseRecord(record.bytes).nonce);
    const salts = openings.map((opening) => opening.salt);
    expect(new Set([...nonces, ...salts]).size).toBe(100);
    expect(draws).toBe(1);
  });

  test('without a given source the same draft never gives the same leaf', () => {
    const { randomBytes: _fixed, ...context } = aContext();
    const leaf = () => sealRecords(null, [aDraft('decided')], context).records[0]?.leafHash;
    expect(leaf()).not.toBe(leaf());
  });

  test('the source of nonces never repeats, across its pool and beyond', () => {
    const sizes = [32, 64, 8_192, 96, 8_000, 10_000, 32];
    const seen = new Set<string>();
    for (let round = 0; round < 50; round++) {
      for (const size of sizes) {
        const bytes = Buffer.from(secureRandomBytes(size));
        expect(bytes).toHaveLength(size);
        for (let at = 0; at + 16 <= size; at += 16) seen.add(bytes.toString('hex', at, at + 16));
      }
    }
    expect(seen.size).toBe((50 * sizes.reduce((sum, size) => sum + size, 0)) / 16);
  });

  test('a clock that runs behind the head does not run time backwards', () => {
    const head = { seq: 0, leafHash: digest('head'), ts: '2026-11-21T09:00:00.000Z' };
    expect(sealRecords(head, [aDraft('decided')], aContext()).records[0]?.ts).toBe(head.ts);
  });

  test('the same members in another order give the same record', () => {
    const draft = aDraft('decided');
    const turned = { ...draft, body: Object.fromEntries(Object.entries(draft.body).toReversed()) };
    const seal = (one: unknown) => sealRecords(null, [one as typeof draft], aContext()).records[0];
    expect(seal(turned)).toEqual(seal(draft));
  });

  test('drafts are checked by the compiler, kind by kind', () => {
    expectTypeOf<DraftOf<'closed'>['body']>().toEqualTypeOf<Readonly<Record<never, never>>>();
    expectTypeOf<DraftOf<'decided'>['body']['verdict']>().toEqualTypeOf<'approve' | 'reject'>();
  });
});

describe('a record in a stream where its kind has no place', () => {
  const codeOfSealing = (kind: RecordKind, type: StreamType, head: StreamHead | null) =>
    codeOf(() => sealRecords(head, [aDraft(kind)], { ...aContext(), about: type }));
  const head = { seq: 3, leafHash: 'a'.repeat(64), ts: null };

  test('is refused before it is sealed', async () => {
    expect(await codeOfSealing('decided', 'person', head)).toBe('STREAM_MISMATCH');
    expect(await codeOfSealing('role_granted', 'request', head)).toBe('STREAM_MISMATCH');
    expect(await codeOfSealing('heartbeat', 'request', head)).toBe('STREAM_MISMATCH');
    expect(await codeOfSealing('decided', 'request', head)).toBeNull();
  });

  test('and so is a first record that makes the stream another one', async () => {
    expect(await codeOfSealing('refused', 'request', null)).toBe('STREAM_MISMATCH');
    expect(await codeOfSealing('requested', 'request', null)).toBeNull();
  });
});

describe('what is refused before it is sealed', () => {
  const draft = aDraft('decided') as DraftOf<'decided'>;
  const tooMany = Array.from({ length: 65 }, (_, index) => ({ path: `p${index}`, value: 'x' }));
  test.each<{ readonly why: string; readonly bad: unknown }>([
    { why: 'unknown kind', bad: { ...draft, kind: 'praised' } },
    { why: 'kind every object has', bad: { ...draft, kind: 'constructor' } },
    { why: 'free text in the body', bad: { ...draft, body: { ...draft.body, comment: 'well' } } },
    { why: 'field missing', bad: { ...draft, body: { verdict: 'approve' } } },
    { why: 'undefined', bad: { ...draft, body: { ...draft.body, viewed: undefined } } },
    { why: 'fraction', bad: { ...draft, body: { ...draft.body, needed: 1.5 } } },
    { why: 'clear person', bad: { ...draft, body: { ...draft.body, person_c: 'eve' } } },
    { why: 'wrong command key', bad: { ...draft, cmd: 'once' } },
    { why: 'unknown surface', bad: { ...draft, surface: 'fax' } },
    { why: 'policy without version', bad: { ...draft, policy: 'credit-decisions' } },
    {
      why: 'ref under another name',
      bad: { ...draft, refs: [{ name: 'cv', sha256: digest('x'), bytes: 1 }] },
    },
    {
      why: 'path twice',
      bad: {
        ...draft,
        erasable: [
          { path: 'a', value: '1' },
          { path: 'a', value: '2' },
        ],
      },
    },
    { why: 'path with a name in it', bad: { ...draft, erasable: [{ path: 'Dana', value: '1' }] } },
    { why: 'too many values', bad: { ...draft, erasable: tooMany } },
    { why: 'override without a reason', bad: aDraft('overridden', { erasable: [] }) },
  ])('$why → SCHEMA', async ({ bad }) => {
    const act = () => sealRecords(null, [bad as Draft], aContext());
    expect(await codeOf(act)).toBe('SCHEMA');
  });

  test.each<{ why: string; change: Partial<SealContext> }>([
    { why: 'origin with a space', change: { log: 'my log' } },
    { why: 'stream that is no random id', change: { stream: 'eve' } },
    { why: 'instant without milliseconds', change: { ts: '2026-11-21T08:00:00Z' } },
    { why: '30 February', change: { ts: '2026-02-30T08:00:00.000Z' } },
    { why: 'leap second', change: { ts: '2026-12-31T23:59:60.000Z' } },
    { why: 'words as version', change: { software: 'the new one' } },
  ])('$why → SCHEMA', async ({ change }) => {
    expect(await codeOf(() => sealRecords(null, [draft], aContext(change)))).toBe('SCHEMA');
  });

  test('text with a lone surrogate has no commitment', async () => {
    const bad = aDraft('decided', { erasable: [{ path: 'rationale', value: 'a\ud800' }] });
    const act = () => sealRecords(null, [bad], aContext());
    expect(await codeOf(act)).toBe('VALUE_UNREPRESENTABLE');
  });

  test('messages of faults never repeat a value', () => {
    const bad = aDraft('decided', { body: { person_c: 'dana@example.org' } });
    expect(() => sealRecords(null, [bad], aContext())).toThrow(/^(?!.*dana).*\/body\/person_c/);
  });

  test('16 KiB is the limit: the largest record is sealed, one more entry is not', async () => {
    const eligible_c = Array.from({ length: 64 }, (_, index) => digest(`person ${index}`));
    const refs = Array.from({ length: 64 }, (_, index) => {
      return { name: 'attachment', sha256: digest(`blob ${index}`), bytes: index } as const;
    });
    const size = (refCount: number) => {
      const large = aDraft('stage_opened', { body: { eligible_c }, refs: refs.slice(0, refCount) });
      return sealRecords(null, [large], aContext()).records[0]?.bytes.length ?? 0;
    };
    expect(size(64)).toBeLessThanOrEqual(MAX_RECORD_BYTES);
    const erasable = Array.from({ length: 64 }, (_, index) => ({ path: `p${index}`, value: 'x' }));
    const tooLarge = aDraft('stage_opened', { body: { eligible_c }, refs, erasable });
    const act = () => sealRecords(null, [tooLarge], aContext());
    expect(await codeOf(act)).toBe('RECORD_TOO_LARGE');
  });
});

describe('repeated commands', () => {
  const draft = aDraft('decided', { erasable: [{ path: 'rationale', value: 'Fine.' }] });
  const later = aContext({ ts: '2026-11-22T08:00:00.000Z', software: '0.2.0' });

  test('answer with the record that the first one became', async () => {
    const store = createMemoryStore();
    const first = await appendRecords(store, [draft], aContext());
    const second = await appendRecords(store, [draft], later);
    expect(first.records[0]?.duplicate).toBe(false);
    expect(second.records[0]).toEqual({ ...first.records[0], duplicate: true });
    expect(second.openings).toEqual([]);
    expect(await store.records(STREAM)).toHaveLength(1);
  });

  test('in a longer batch seal only what is new', async () => {
    const store = createMemoryStore();
    await appendRecords(store, [draft], aContext());
    const both = await appendRecords(store, [draft, aDraft('commented')], aContext());
    expect(both.records.map((record) => [record.seq, record.duplicate])).toEqual([
      [0, true],
      [1, false],
    ]);
  });

  test('with other content are a conflict, and the first record stays', async () => {
    const store = createMemoryStore();
    await appendRecords(store, [draft], aContext());
    const other = aDraft('decided', {
      body: { verdict: 'reject' },
      erasable: draft.erasable ?? [],
    });
    expect(await codeOf(() => appendRecords(store, [other], later))).toBe('RECORD_CONFLICT');
    expect(await store.records(STREAM)).toHaveLength(1);
  });

  test('with another text are a conflict only where a key makes texts comparable', () => {
    const other = { ...draft, erasable: [{ path: 'rationale', value: 'Not fine.' }] };
    const inputKey = new Uint8Array(32).fill(1);
    const { log, stream } = aContext();
    expect(inputHashOf(other, { log, stream })).toBe(inputHashOf(draft, { log, stream }));
    expect(inputHashOf(other, { log, stream, inputKey })).not.toBe(
      inputHashOf(draft, { log, stream, inputKey }),
    );
  });

  test('within one batch are a conflict', async () => {
    const act = () => sealRecords(null, [draft, draft], aContext());
    expect(await codeOf(act)).toBe('RECORD_CONFLICT');
  });

  test('of closed are the same act wherever it stands', async () => {
    const store = createMemoryStore();
    await appendRecords(store, [draft, aDraft('closed')], aContext());
    const again = await appendRecords(store, [aDraft('closed')], later);
    expect(again.records[0]).toMatchObject({ seq: 1, duplicate: true });
  });
});

describe('many writers on one stream', () => {
  test('leave no gap and no fork', async () => {
    const store = createMemoryStore();
    const slow: LedgerStore = {
      ...store,
      head: async (stream) => {
        const head = await store.head(stream);
        await new Promise((resolve) => setImmediate(resolve));
        return head;
      },
    };
    await Promise.all(many(6).map((draft) => appendRecords(slow, [draft], aContext())));
    const records = await store.records(STREAM);
    expect(records.map((record) => record.seq)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(records.slice(1).map((record) => record.prev)).toEqual(
      records.slice(0, -1).map((record) => record.leafHash),
    );
    expect(await store.records(STREAM, 4)).toHaveLength(2);
  });

  test('that are always faster make the caller start again', async () => {
    const store: LedgerStore = { ...createMemoryStore(), insert: async () => false };
    const act = () => appendRecords(store, [aDraft('decided')], aContext());
    expect(await codeOf(act)).toBe('HEAD_MOVED');
  });
});
