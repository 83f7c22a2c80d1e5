import { canonicalText } from './canonical-json.ts';
import { commitmentInput, fromHex, leafInput, toHex, type Sha256 } from './encoding.ts';
import { LedgerError } from './error.ts';
import { commitmentsOf, parseRecord, type LedgerRecord } from './record.ts';
import { flowProblems } from './verify-flow.ts';

// Runs in a browser too: no Node module here or in anything imported; the hash function is handed in.

/**
 * What a verifier can find in a chain.
 *
 * - `NOT_CANONICAL` the bytes are not the one form of what they say; `SCHEMA` they say something
 *   that no record of this version says; `RECORD_TOO_LARGE` there are too many of them.
 * - `ORIGIN_MISMATCH`, `STREAM_MISMATCH` a true record of another log or stream.
 * - `CHAIN_GENESIS` the first record is missing, or is not a first record.
 * - `CHAIN_GAP` records are missing; `CHAIN_SEQ` records stand in another order or twice.
 * - `CHAIN_FORK` two different records claim one place.
 * - `CHAIN_PREV` a record does not name the one before it: that one, or this one, was changed.
 * - `HEAD_MISMATCH` the end is not the end that was expected: records were cut off or changed.
 * - `TIME_ORDER` `ts` or `anchor` runs backwards.
 * - `FLOW_RULE` an act where the procedure has no place for it; `QUORUM_RULE` counted wrongly, one
 *   person counted twice, or somebody deciding on their own request; `ACTION_MISMATCH` another
 *   action than the one decided on.
 * - `COMMITMENT` an opening that opens nothing.
 * - `PROJECTION_MISMATCH` what programs read of the request is not what its records say; said by those
 *   who can read both.
 */
export type ChainProblemCode =
  | 'NOT_CANONICAL'
  | 'SCHEMA'
  | 'RECORD_TOO_LARGE'
  | 'ORIGIN_MISMATCH'
  | 'STREAM_MISMATCH'
  | 'CHAIN_GENESIS'
  | 'CHAIN_GAP'
  | 'CHAIN_SEQ'
  | 'CHAIN_FORK'
  | 'CHAIN_PREV'
  | 'HEAD_MISMATCH'
  | 'TIME_ORDER'
  | 'FLOW_RULE'
  | 'QUORUM_RULE'
  | 'ACTION_MISMATCH'
  | 'COMMITMENT'
  | 'PROJECTION_MISMATCH';

export type ChainProblem = {
  readonly code: ChainProblemCode;
  /** the record's own number, or its position where it cannot be read; null: the chain as a whole */
  readonly seq: number | null;
  /** a sentence for people, without values */
  readonly detail: string;
};

/** One record as it was handed in, read as far as it could be. */
export type CheckedRecord = {
  /** its place in the input, from 0 */
  readonly position: number;
  /** RFC 6962 leaf hash of the bytes, hex; computed whatever the bytes are */
  readonly leafHash: string;
  /** null where the bytes are no record */
  readonly record: LedgerRecord | null;
};

/** What opens a commitment, as the reader was given it. */
export type DisclosedOpening = {
  /** of the record whose `commits` has it; null for a reference to a person (path `person`) */
  readonly seq: number | null;
  readonly path: string;
  /** 64 lower-case hex characters */
  readonly salt: string;
  readonly value: string;
};

export type ChainInput = {
  /** exact bytes, in order of the chain */
  readonly records: readonly Uint8Array[];
  readonly sha256: Sha256;
  /**
   * What the reader knows from elsewhere. Without `head` nobody can tell whether the newest records
   * were cut off, or whether the very last one was changed.
   */
  readonly expected?: {
    readonly log?: string;
    readonly stream?: string;
    readonly head?: { readonly seq: number; readonly leafHash: string };
  };
  readonly openings?: readonly DisclosedOpening[];
};

export type ChainReport = {
  readonly valid: boolean;
  /** the first bad record first; empty where valid */
  readonly problems: readonly ChainProblem[];
  readonly records: readonly CheckedRecord[];
  /** distinct commitments for which no opening was handed in: not disclosed, or erased */
  readonly unopened: number;
};

/**
 * Checks a chain from its exact bytes alone: form, schema, origin, order, links, time, the rules of
 * the procedure, and the openings handed in.
 *
 * The rules of the procedure are looked at only where everything before them holds: on a broken
 * chain they would only repeat the damage.
 *
 * @returns never throws for bad records; an empty input is a chain without its first record.
 * @throws what `sha256` throws.
 * @source docs/record-format.md, section 7
 */
export async function verifyChain(input: ChainInput): Promise<ChainReport> {
  const problems: ChainProblem[] = [];
  const records: CheckedRecord[] = [];
  for (const [position, bytes] of input.records.entries()) {
    const leafHash = toHex(await input.sha256(leafInput(bytes)));
    const { record, problem } = read(bytes, position);
    records.push({ position, leafHash, record });
    if (problem !== null) problems.push(problem);
  }
  problems.push(...originProblems(records, input), ...linkProblems(records));
  problems.push(...headProblems(records, input), ...timeProblems(records));
  const { problems: badOpenings, unopened } = await checkOpenings(records, input);
  problems.push(...badOpenings);
  if (problems.length === 0) problems.push(...flowProblems(records));
  problems.sort((a, b) => (a.seq ?? Infinity) - (b.seq ?? Infinity)); // stable: first check first
  return { valid: problems.length === 0, problems, records, unopened };
}

function read(
  bytes: Uint8Array,
  position: number,
): { readonly record: LedgerRecord | null; readonly problem: ChainProblem | null } {
  try {
    return { record: parseRecord(bytes), problem: null };
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    const { code, message } = error;
    if (code !== 'NOT_CANONICAL' && code !== 'SCHEMA' && code !== 'RECORD_TOO_LARGE') throw error;
    return { record: null, problem: { code, seq: position, detail: message } };
  }
}

function originProblems(
  records: readonly CheckedRecord[],
  { expected = {} }: ChainInput,
): readonly ChainProblem[] {
  const first = records.find(({ record }) => record !== null)?.record;
  const log = expected.log ?? first?.log;
  const stream = expected.stream ?? first?.stream;
  const problems: ChainProblem[] = [];
  for (const { record } of records) {
    if (record === null) continue;
    if (record.log !== log) {
      problems.push({ code: 'ORIGIN_MISMATCH', seq: record.seq, detail: 'belongs to another log' });
    }
    if (record.stream !== stream) {
      problems.push({
        code: 'STREAM_MISMATCH',
        seq: record.seq,
        detail: 'belongs to another stream',
      });
    }
  }
  return problems;
}

function linkProblems(records: readonly CheckedRecord[]): readonly ChainProblem[] {
  const problems: ChainProblem[] = [];
  if (records.length === 0) {
    return [{ code: 'CHAIN_GENESIS', seq: 0, detail: 'there is no record at all' }];
  }
  for (const [position, here] of records.entries()) {
    if (here.record === null) continue;
    const before = records[position - 1];
    const problem =
      before === undefined
        ? genesisProblem(here.record)
        : linkProblem(here.record, before, records);
    if (problem !== null) problems.push(problem);
  }
  return problems;
}

function genesisProblem({ seq, prev }: LedgerRecord): ChainProblem | null {
  if (seq !== 0) return { code: 'CHAIN_GENESIS', seq, detail: 'the first record is missing' };
  if (prev !== null) return { code: 'CHAIN_GENESIS', seq, detail: 'a first record names another' };
  return null;
}

function linkProblem(
  record: LedgerRecord,
  before: CheckedRecord,
  records: readonly CheckedRecord[],
): ChainProblem | null {
  const { seq, prev } = record;
  // An unreadable predecessor has no number of its own, but its bytes still have a hash to link to.
  const expected = (before.record?.seq ?? before.position) + 1;
  if (seq === expected) {
    if (prev === before.leafHash) return null;
    return { code: 'CHAIN_PREV', seq, detail: 'does not name the record before it' };
  }
  if (rivals(record, records)) {
    return { code: 'CHAIN_FORK', seq, detail: 'two different records continue the same one' };
  }
  if (seq < expected || comesLater(expected, records)) {
    return { code: 'CHAIN_SEQ', seq, detail: `stands where record ${expected} belongs` };
  }
  return { code: 'CHAIN_GAP', seq, detail: `records ${expected} to ${seq - 1} are missing` };
}

/** Is there another record with the same number and the same predecessor? */
function rivals(record: LedgerRecord, records: readonly CheckedRecord[]): boolean {
  const text = canonicalText(record);
  return records.some(
    (other) =>
      other.record !== null &&
      other.record.seq === record.seq &&
      other.record.prev === record.prev &&
      canonicalText(other.record) !== text,
  );
}

function comesLater(seq: number, records: readonly CheckedRecord[]): boolean {
  return records.some(({ record }) => record?.seq === seq);
}

function headProblems(
  records: readonly CheckedRecord[],
  { expected = {} }: ChainInput,
): readonly ChainProblem[] {
  const head = expected.head;
  const last = records.at(-1);
  if (head === undefined || last === undefined) return [];
  if (last.leafHash === head.leafHash) return [];
  const seq = last.record?.seq ?? last.position;
  return [{ code: 'HEAD_MISMATCH', seq, detail: `record ${head.seq} was expected to be the last` }];
}

function timeProblems(records: readonly CheckedRecord[]): readonly ChainProblem[] {
  const problems: ChainProblem[] = [];
  let ts = '';
  let size = 0;
  for (const { record } of records) {
    if (record === null) continue;
    const anchored = record.anchor?.size ?? size;
    if (record.ts < ts || anchored < size) {
      problems.push({ code: 'TIME_ORDER', seq: record.seq, detail: 'time runs backwards' });
    }
    ts = record.ts; // one form, UTC, fixed width: text order is time order
    size = anchored;
  }
  return problems;
}

async function checkOpenings(
  records: readonly CheckedRecord[],
  { openings = [], sha256 }: ChainInput,
): Promise<{ readonly problems: readonly ChainProblem[]; readonly unopened: number }> {
  const sealed = records.flatMap(({ record }) => (record === null ? [] : [record]));
  const unopened = new Set(sealed.flatMap((record) => commitmentsOf(record).map(keyOf)));
  const problems: ChainProblem[] = [];
  for (const opening of openings) {
    const c = await openedCommitment(opening, sha256);
    const candidates =
      opening.seq === null ? sealed : sealed.filter((record) => record.seq === opening.seq);
    if (c !== null && candidates.some((record) => hasCommitment(record, opening.path, c))) {
      unopened.delete(keyOf({ path: opening.path, c }));
    } else {
      problems.push({ code: 'COMMITMENT', seq: opening.seq, detail: `opens no ${opening.path}` });
    }
  }
  return { problems, unopened: unopened.size };
}

async function openedCommitment(opening: DisclosedOpening, sha256: Sha256): Promise<string | null> {
  try {
    const salt = fromHex(opening.salt);
    return toHex(await sha256(commitmentInput(opening.path, opening.value, salt)));
  } catch (error) {
    if (error instanceof LedgerError) return null; // malformed salt or text: opens nothing
    throw error;
  }
}

function hasCommitment(record: LedgerRecord, path: string, c: string): boolean {
  return commitmentsOf(record).some((commit) => commit.path === path && commit.c === c);
}

function keyOf({ path, c }: { readonly path: string; readonly c: string }): string {
  return `${path}:${c}`;
}
