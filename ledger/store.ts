import {
  inputHashOf,
  sealRecords,
  type Draft,
  type RecordOpening,
  type SealContext,
  type SealedRecord,
  type StreamHead,
} from './append.ts';
import { LedgerError } from './error.ts';

/**
 * Where records are kept: insert only. One value of this type belongs to one log and, on a
 * database, to one open transaction.
 */
export type LedgerStore = {
  /** The newest record of the stream, null where there is none. */
  readonly head: (stream: string) => Promise<StreamHead | null>;
  /** The records of the stream that carry one of these command keys, in any order. */
  readonly findByCommand: (
    stream: string,
    cmds: readonly string[],
  ) => Promise<readonly SealedRecord[]>;
  /**
   * Stores all of them or none.
   *
   * @param records consecutive records of one stream.
   * @returns false where a sequence number or a command key is taken: another writer was faster.
   */
  readonly insert: (records: readonly SealedRecord[]) => Promise<boolean>;
  /** Records of the stream in order, from `fromSeq` (included, default 0). */
  readonly records: (stream: string, fromSeq?: number) => Promise<readonly SealedRecord[]>;
};

/** A record together with whether an earlier call had sealed it. */
export type AppendedRecord = SealedRecord & { readonly duplicate: boolean };

export type Appended = {
  /** one for each draft, in the order of the drafts */
  readonly records: readonly AppendedRecord[];
  /** of the records that are new: store them in the same commit */
  readonly openings: readonly RecordOpening[];
};

/** How often other writers may be faster before the caller has to retry the whole step. */
const MAX_ATTEMPTS = 8;

/**
 * Appends records to a stream, each exactly once however often the same command is repeated.
 *
 * @param drafts in order; those sealed before are answered with the record they became.
 * @throws LedgerError RECORD_CONFLICT where a command key was used for other content; HEAD_MOVED
 *         where other writers were faster eight times; and what `sealRecords` throws.
 * @source docs/record-format.md, section 3
 */
export async function appendRecords(
  store: LedgerStore,
  drafts: readonly Draft[],
  context: SealContext,
): Promise<Appended> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const earlier = await earlierRecords(store, drafts, context);
    const missing = drafts.filter((draft) => !earlier.has(draft.cmd));
    if (missing.length === 0) return answer(drafts, earlier, NO_BATCH);
    const batch = sealRecords(await store.head(context.stream), missing, context);
    if (await store.insert(batch.records)) return answer(drafts, earlier, batch);
  }
  throw new LedgerError('HEAD_MOVED', `stream moved ${MAX_ATTEMPTS} times while appending`);
}

const NO_BATCH = { records: [], openings: [] } as const;

/** @throws LedgerError RECORD_CONFLICT */
async function earlierRecords(
  store: LedgerStore,
  drafts: readonly Draft[],
  context: SealContext,
): Promise<ReadonlyMap<string, SealedRecord>> {
  const cmds = drafts.map((draft) => draft.cmd);
  const found = await store.findByCommand(context.stream, cmds);
  const earlier = new Map(found.map((record) => [record.cmd, record]));
  for (const draft of drafts) {
    const record = earlier.get(draft.cmd);
    if (record === undefined || record.inputHash === inputHashOf(draft, context)) continue;
    throw new LedgerError(
      'RECORD_CONFLICT',
      `command key of record ${record.seq} says other things`,
    );
  }
  return earlier;
}

function answer(
  drafts: readonly Draft[],
  earlier: ReadonlyMap<string, SealedRecord>,
  batch: Pick<Appended, 'openings'> & { readonly records: readonly SealedRecord[] },
): Appended {
  const fresh = new Map(batch.records.map((record) => [record.cmd, record]));
  const records = drafts.map(({ cmd }) => {
    const record = earlier.get(cmd) ?? fresh.get(cmd);
    if (record === undefined) throw new TypeError('a draft became no record');
    return { ...record, duplicate: earlier.has(cmd) };
  });
  return { records, openings: batch.openings };
}
