import type { Checkpoint } from './checkpoint.ts';
import type { Sha256 } from './encoding.ts';
import { LedgerError } from './error.ts';
import type { NoteVerifier } from './note.ts';
import type { ChainProblemCode, CheckedRecord } from './verify.ts';
import type { BundleFiles } from './zip.ts';

/**
 * What a verifier can find in a bundle, beside what it finds in a chain (`ChainProblemCode`).
 *
 * - `INCLUSION_FAILED` the bytes are not in the signed tree at the place that the proof names.
 * - `PROOF_FORMAT` a proof is missing, malformed, or leads to another tree than the others.
 * - `NOTE_FORMAT`, `NOTE_SIGNATURE`, `UNKNOWN_KEY` a checkpoint or a stream head is not in its form,
 *   was changed after it was signed, or was signed by nobody whom the reader trusts.
 * - `HEAD_STALE` the stream-head statement speaks of another tree than the proofs.
 * - `CONSISTENCY` the tree is not the continuation of one that the reader held before.
 * - `BLOB_DIGEST` a content is missing without a mark, or is not the one that the records name.
 * - `MISSING_OPENING` a commitment has no opening, was not erased, and is not marked as not disclosed.
 * - `ERASURE_MISMATCH` something is marked as erased and no record says so, or the other way round.
 * - `EXPORT_SEAL` `bundle.json` is not the one that the log sealed when the bundle was made.
 * - `BUNDLE_FORMAT` files are missing, unlisted, changed after the list was made, or malformed.
 */
export type BundleProblemCode =
  | ChainProblemCode
  | 'INCLUSION_FAILED'
  | 'PROOF_FORMAT'
  | 'NOTE_FORMAT'
  | 'NOTE_SIGNATURE'
  | 'UNKNOWN_KEY'
  | 'HEAD_STALE'
  | 'CONSISTENCY'
  | 'BLOB_DIGEST'
  | 'MISSING_OPENING'
  | 'ERASURE_MISMATCH'
  | 'EXPORT_SEAL'
  | 'BUNDLE_FORMAT';

/** The checks in their order; witnesses, time stamps and signatures of people have their place later. */
export const BUNDLE_STEPS = [
  'checkpoint',
  'records',
  'chain',
  'procedure',
  'head',
  'consistency',
  'disclosed',
  'erasures',
  'seal',
  'files',
] as const;
export type BundleStep = (typeof BUNDLE_STEPS)[number];

export type BundleProblem = {
  readonly step: BundleStep;
  readonly code: BundleProblemCode;
  /** number of the record concerned; null where it is about no record */
  readonly seq: number | null;
  /** null where it is about no file */
  readonly file: string | null;
  /** a sentence for people, without values */
  readonly detail: string;
};

/** Whom the reader trusts, known from elsewhere and never from the bundle. */
export type BundleTrust = {
  readonly origin: string;
  /** of the log; during a rotation, two */
  readonly logKeys: readonly NoteVerifier[];
  /** the request that the reader asks about; absent: whatever the bundle is of */
  readonly request?: string;
  /** checkpoints that the reader kept from before, as signed notes */
  readonly oldCheckpoints?: readonly Uint8Array[];
};

/** One step: what it looked at, in words, and whether it held. */
export type BundleCheck = {
  readonly step: BundleStep;
  /** `skipped`: there was nothing to hold it against, or an earlier step took away the ground */
  readonly result: 'passed' | 'failed' | 'skipped';
  readonly detail: string;
};

export type BundleReport = {
  /** `incomplete`: nothing is wrong, but not everything can be seen, or answered by this bundle */
  readonly verdict: 'valid' | 'invalid' | 'incomplete';
  /** what it is of, as its records say; null where they say nothing. The reader compares */
  readonly request: string | null;
  /** in the order of the checks; the first one says what is wrong */
  readonly problems: readonly BundleProblem[];
  readonly checks: readonly BundleCheck[];
  readonly records: readonly CheckedRecord[];
  /** null where no checkpoint could be opened */
  readonly checkpoint: { readonly size: number; readonly root: string } | null;
  /** texts, people and contents that are not here, by the reason given */
  readonly absent: {
    readonly not_disclosed: number;
    readonly erased: number;
    readonly not_kept: number;
  };
  /** checkpoints of the reader that are newer than the bundle, which cannot answer for them */
  readonly newer: number;
};

/** A bundle in the middle of being checked. */
export type Reading = {
  readonly files: BundleFiles;
  readonly trust: BundleTrust;
  readonly sha256: Sha256;
  /** opens a checkpoint of the reader's log; each note once */
  readonly open: (note: Uint8Array) => Promise<Checkpoint>;
};

export type Found = Omit<BundleProblem, 'step'>;

/** One thing that is wrong, without its step. */
export function found(
  code: BundleProblemCode,
  detail: string,
  where: { readonly seq?: number; readonly file?: string } = {},
): Found {
  return { code, detail, seq: where.seq ?? null, file: where.file ?? null };
}

/** Codes of faults that bundles call otherwise: the reader sees one list of codes. */
const RENAMED: Readonly<Record<string, BundleProblemCode>> = {
  TLOG_PROOF_FORMAT: 'PROOF_FORMAT',
  KEY_FORMAT: 'UNKNOWN_KEY',
  VALUE_UNREPRESENTABLE: 'BUNDLE_FORMAT',
};

/**
 * What a fault of the ledger says about the bundle.
 *
 * @throws whatever else it was: a mistake of ours is not the bundle's.
 */
export function foundFault(
  error: unknown,
  where: { readonly seq?: number; readonly file?: string },
): Found {
  if (!(error instanceof LedgerError)) throw error;
  const code = RENAMED[error.code] ?? (error.code as BundleProblemCode);
  return found(code, error.message, where);
}
