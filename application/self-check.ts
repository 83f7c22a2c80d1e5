import {
  fsck,
  MAX_PROBLEMS,
  type FsckProgress,
  type FsckReport,
  type Projection,
} from '../ledger/fsck.ts';
import { commandKey, sha256 } from '../ledger/hash.ts';
import type { NoteVerifier } from '../ledger/note.ts';
import { noteVerifier, parseVerifierKey } from '../ledger/verifier-key.ts';
import { openLogSource } from '../prisma/fsck-store.ts';
import { logKeys } from '../prisma/log-store.ts';
import { projectedRequests, type ProjectedRow } from '../prisma/request-store.ts';
import { openSideReader } from '../prisma/side-store.ts';
import { insertSelfCheck } from '../prisma/self-check-store.ts';
import type { Tx } from '../prisma/transaction.ts';
import { projectionProblems } from './projection.ts';
import { sideProblems } from './side-checks.ts';
import { sealSystemRecordIn, SYSTEM_AUTHOR, type SystemDeps } from './system-stream.ts';

// The examination of everything: every night as a Temporal Schedule, and by hand. What it found is sealed.
// @source ledger design 3.11

export interface LogCheck extends FsckReport {
  readonly passed: boolean;
  /** What could not be looked at, in words; empty where everything was. */
  readonly unchecked: readonly string[];
  readonly tookMs: number;
}

export interface LogCheckOptions {
  /** What the signer remembers; null where its memory is not at hand. */
  readonly signed: { readonly size: number; readonly root: Uint8Array } | null;
  /** Verifier keys that the caller trusts; absent: those that the log itself lists. */
  readonly keys?: readonly string[];
  readonly onProgress?: (done: FsckProgress) => void;
}

/** Looks at every record, leaf, tile, link, checkpoint and projection as one moment saw them. */
export async function checkLog(
  { db, origin }: Pick<SystemDeps, 'db' | 'origin'>,
  { signed, keys, onProgress }: LogCheckOptions,
): Promise<LogCheck> {
  const begun = performance.now();
  const verifiers = await Promise.all((keys ?? (await keysOfLog(db))).map(verifierOf));
  const report = await db.transaction(async (tx) => {
    const source = await openLogSource(tx);
    const projection = await projectionOf(tx);
    return fsck({
      source,
      origin,
      logKeys: verifiers,
      signed: signed === null ? null : { size: signed.size, root: signed.root },
      projection,
      ...(onProgress === undefined ? {} : { onProgress }),
    });
  });
  const tookMs = Math.round(performance.now() - begun);
  const unchecked =
    signed === null && report.checkpoints > 0
      ? [
          'what the signer remembers: its memory is not here, so a log that was made anew with the true key would pass',
        ]
      : [];
  return { ...report, passed: report.problems.length === 0, unchecked, tookMs };
}

/** Those that can be read; others were put there by somebody else, which the records of keys show. */
async function keysOfLog(db: SystemDeps['db']): Promise<string[]> {
  const lines = (await logKeys(db))
    .filter(({ use }) => use === 'log')
    .map((key) => key.verifierKey);
  const isKey = await Promise.all(lines.map((line) => verifierOf(line).then(yes, no)));
  return lines.filter((_, at) => isKey[at]);
}

const yes = (): boolean => true;
const no = (): boolean => false;

async function verifierOf(line: string): Promise<NoteVerifier> {
  return noteVerifier(await parseVerifierKey(line, sha256));
}

/** Rows are read a page ahead of their streams: all of them go in order of id. */
async function projectionOf(tx: Tx): Promise<Projection> {
  const rows = projectedRequests(tx)[Symbol.asyncIterator]();
  const side = openSideReader(tx);
  let waiting = await nextOf(rows);
  /** Rows that no stream has come for. */
  const skip = async (before: string | null): Promise<string[]> => {
    const missing: string[] = [];
    while (waiting !== null && (before === null || waiting.id < before)) {
      if (missing.length < MAX_PROBLEMS) missing.push(`request ${waiting.id} has no record at all`);
      waiting = await nextOf(rows);
    }
    return missing;
  };
  return {
    rest: () => skip(null),
    async check(stream, records) {
      const missing = await skip(stream);
      const row = waiting?.id === stream ? waiting : null;
      if (row !== null) waiting = await nextOf(rows);
      const beside = await side.take(stream);
      if (records === null) return missing;
      const sealed = records.flatMap(({ record }) => (record === null ? [] : [record]));
      const problems = [...missing, ...sideProblems(sealed, beside)];
      const references = new Map(beside.references.map(({ subject, c }) => [subject, c]));
      if (row !== null) return [...problems, ...projectionProblems(row, records, references)];
      const isRequest = sealed[0]?.kind === 'requested';
      return isRequest ? [...problems, 'its request is gone, its records are not'] : problems;
    },
  };
}

async function nextOf(pages: AsyncIterator<ProjectedRow>): Promise<ProjectedRow | null> {
  const next = await pages.next();
  return next.done === true ? null : next.value;
}

/**
 * The same, sealed in the log and kept for `/readyz`.
 *
 * @param id names the examination, the same when it is repeated.
 */
export async function selfCheck(
  deps: SystemDeps,
  options: LogCheckOptions & { readonly id: string },
): Promise<LogCheck> {
  const check = await checkLog(deps, options);
  await deps.db.transaction(async (tx) => {
    const sealed = await sealSystemRecordIn(tx, deps, {
      ...SYSTEM_AUTHOR,
      kind: 'self_check',
      cmd: commandKey('self-check', options.id),
      body: bodyOf(check),
    });
    if (sealed !== null) tx.write(insertSelfCheck(deps.now(), check));
  });
  return check;
}

function resultOf({ passed, unchecked }: LogCheck): 'passed' | 'failed' | 'incomplete' {
  if (!passed) return 'failed';
  return unchecked.length === 0 ? 'passed' : 'incomplete';
}

function bodyOf(check: LogCheck) {
  const [first = null] = check.problems;
  return {
    scope: 'full',
    result: resultOf(check),
    records: check.records,
    streams: check.streams,
    size: check.size,
    root: null,
    checkpoints: check.checkpoints,
    problems: check.problems.length,
    code: first?.code ?? null,
    about_stream: first?.stream ?? null,
    about_seq: first?.seq ?? null,
    about_index: first?.index ?? null,
    planted: null,
    found: null,
    took_seconds: Math.round(check.tookMs / 1_000),
  } as const;
}
