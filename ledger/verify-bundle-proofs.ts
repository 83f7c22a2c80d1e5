import { proofPath, recordPath } from './bundle-format.ts';
import { found, foundFault, type BundleTrust, type Found, type Reading } from './bundle-report.ts';
import { openCheckpoint, parseCheckpointText, type Checkpoint } from './checkpoint.ts';
import { fromHex, leafInput, toHex } from './encoding.ts';
import { LedgerError } from './error.ts';
import { checkInclusion } from './merkle.ts';
import { parseNote } from './note.ts';
import { parseTlogProof, type TlogProof } from './tlog-proof.ts';

// That records are in the tree that the reader's key has signed.

/** A record file with the proof beside it, as far as both could be read. */
export type ProvenRecord = {
  /** the number in the file's name; the record itself may say otherwise */
  readonly number: number;
  readonly file: string;
  readonly bytes: Uint8Array;
  readonly proof: TlogProof | null;
};

export type Proofs = {
  readonly records: readonly ProvenRecord[];
  /** the one tree that the proofs lead to; null where no checkpoint could be opened */
  readonly tree: Checkpoint | null;
  readonly problems: readonly Found[];
};

const RECORD_FILE = /^records\/([0-9]{4,6})\.json$/;

/** Reads every record's proof and opens the checkpoint in it, with the reader's keys only. */
export async function readProofs(reading: Reading): Promise<Proofs> {
  const records: ProvenRecord[] = [];
  const problems: Found[] = [];
  let tree: Checkpoint | null = null;
  for (const { number, file, bytes } of recordFiles(reading)) {
    const where = { seq: number, file: proofPath(number) };
    let proof: TlogProof | null = null;
    try {
      proof = readProof(reading, where.file);
      const one = await reading.open(proof.checkpoint);
      tree ??= one;
      const fault = otherTree(tree, one);
      if (fault !== null) problems.push({ ...fault, ...where });
    } catch (error) {
      problems.push(foundFault(error, where));
    }
    records.push({ number, file, bytes, proof });
  }
  return { records, tree, problems };
}

/** In order of their numbers; a number that is missing shows in the chain. */
function recordFiles({ files }: Reading): readonly Omit<ProvenRecord, 'proof'>[] {
  const numbers = [...files.keys()].flatMap((path) => {
    const number = Number(RECORD_FILE.exec(path)?.[1] ?? Number.NaN);
    return recordPath(number) === path ? [number] : [];
  });
  return numbers
    .sort((a, b) => a - b)
    .map((number) => {
      const file = recordPath(number);
      return { number, file, bytes: files.get(file) ?? new Uint8Array() };
    });
}

/** @throws LedgerError TLOG_PROOF_FORMAT, NOTE_FORMAT */
export function readProof({ files }: Reading, file: string): TlogProof {
  const bytes = files.get(file);
  if (bytes === undefined) throw new LedgerError('TLOG_PROOF_FORMAT', 'there is no proof');
  const proof = parseTlogProof(bytes);
  // Nobody signs it, so in a bundle it would be a place for words that nothing vouches for.
  if (proof.extra === null) return proof;
  throw new LedgerError('TLOG_PROOF_FORMAT', 'extra data, which nobody signs');
}

/** Opens each note once, however many proofs carry it. */
export function treeOpener(trust: BundleTrust): Reading['open'] {
  const opened = new Map<string, Promise<Checkpoint>>();
  return (note) => {
    const key = toHex(note);
    const known = opened.get(key) ?? openTree(note, trust);
    opened.set(key, known);
    return known;
  };
}

/**
 * The checkpoint of the reader's log.
 *
 * @throws LedgerError as `openCheckpoint`; ORIGIN_MISMATCH also where it names another log and was
 *         signed by keys of which the reader knows none.
 */
async function openTree(note: Uint8Array, trust: BundleTrust): Promise<Checkpoint> {
  try {
    return (await openCheckpoint(note, trust)).checkpoint;
  } catch (error) {
    const isUnknown = error instanceof LedgerError && error.code === 'UNKNOWN_KEY';
    if (!isUnknown || parseCheckpointText(parseNote(note).text).origin === trust.origin)
      throw error;
    throw new LedgerError('ORIGIN_MISMATCH', 'the checkpoint is that of another log');
  }
}

function otherTree(tree: Checkpoint, one: Checkpoint): Found | null {
  if (one.size !== tree.size) return found('PROOF_FORMAT', 'leads to another tree than the others');
  if (toHex(one.root) === toHex(tree.root)) return null;
  return found('CONSISTENCY', 'two signed trees of one size differ: the log has forked');
}

/** Are the bytes a leaf of the tree, at the place that the proof names? */
export async function inclusionProblem(
  { open, sha256 }: Pick<Reading, 'open' | 'sha256'>,
  { bytes, proof }: { readonly bytes: Uint8Array; readonly proof: TlogProof },
  where: { readonly seq?: number; readonly file: string },
): Promise<Found | null> {
  try {
    const tree = await open(proof.checkpoint);
    const leaf = { hash: await sha256(leafInput(bytes)), index: proof.index };
    const isIn = await checkInclusion(leaf, { ...tree, proof: proof.hashes }, sha256);
    return isIn
      ? null
      : found('INCLUSION_FAILED', 'the signed log does not hold these bytes', where);
  } catch (error) {
    return foundFault(error, where);
  }
}

/** The same for a record of the chain, whose leaf hash and tree are known. */
export async function leafProblem(
  tree: Checkpoint,
  leaf: { readonly leafHash: string; readonly proof: TlogProof },
  { sha256 }: Pick<Reading, 'sha256'>,
): Promise<Found | null> {
  try {
    const { index, hashes } = leaf.proof;
    const place = { hash: fromHex(leaf.leafHash), index };
    const isIn = await checkInclusion(place, { ...tree, proof: hashes }, sha256);
    return isIn ? null : found('INCLUSION_FAILED', 'the signed log does not hold these bytes');
  } catch (error) {
    return foundFault(error, {});
  }
}
