import {
  consistencyPath,
  HEAD_NOTE,
  keyProofPath,
  keyRecordPath,
  parseHashes,
  parseKeyLine,
  STREAM_HEAD_KEY,
} from './bundle-format.ts';
import { found, foundFault, type Found, type Reading } from './bundle-report.ts';
import type { Checkpoint } from './checkpoint.ts';
import { toHex } from './encoding.ts';
import { LedgerError } from './error.ts';
import { checkConsistency, type TreeHead } from './merkle.ts';
import type { NoteVerifier } from './note.ts';
import { parseRecord, type LedgerRecord } from './record.ts';
import { openStreamHead, streamHeadName } from './stream-head.ts';
import { noteVerifier, parseVerifierKey } from './verifier-key.ts';
import { inclusionProblem, readProof } from './verify-bundle-proofs.ts';

// That nothing is cut off at the end, and that the tree continues the one the reader knew.

type Last = { readonly stream: string; readonly seq: number; readonly leafHash: string };

/** Does the operator state, for this very tree, that the last record here is the last of the stream? */
export async function headProblems(
  reading: Reading,
  tree: Checkpoint,
  last: Last,
): Promise<readonly Found[]> {
  const where = { file: HEAD_NOTE };
  const note = reading.files.get(HEAD_NOTE);
  if (note === undefined)
    return [found('HEAD_MISMATCH', 'there is no stream-head statement', where)];
  const { key, problems } = await authenticKey(reading);
  if (key === null) return problems;
  try {
    const { origin } = reading.trust;
    const { head } = await openStreamHead(note, { origin, keys: [key] });
    if (head.size !== tree.size)
      return [found('HEAD_STALE', 'the statement speaks of another tree than the proofs', where)];
    const isSame =
      toHex(head.root) === toHex(tree.root) &&
      head.stream === last.stream &&
      head.seq === last.seq &&
      head.leafHash === last.leafHash;
    if (isSame) return [];
    const detail = `the log has a newer end of this request: record ${head.seq}`;
    return [found('HEAD_MISMATCH', detail, { ...where, seq: last.seq })];
  } catch (error) {
    return [foundFault(error, where)];
  }
}

/**
 * The key of stream heads. The bundle brings it, and a record in the log itself vouches for it, so the
 * reader has to know the log's key only.
 */
async function authenticKey(
  reading: Reading,
): Promise<{ readonly key: NoteVerifier | null; readonly problems: readonly Found[] }> {
  const where = { file: STREAM_HEAD_KEY };
  try {
    const bytes = reading.files.get(STREAM_HEAD_KEY);
    if (bytes === undefined) throw new LedgerError('UNKNOWN_KEY', 'the key is not in the bundle');
    const line = parseKeyLine(bytes);
    const key = await parseVerifierKey(line, reading.sha256);
    if (key.name !== streamHeadName(reading.trust.origin))
      throw new LedgerError('ORIGIN_MISMATCH', 'the key is named for another log');
    const { isSealed, problems } = await sealedKeys(reading, line);
    if (problems.length > 0) return { key: null, problems };
    if (!isSealed) throw new LedgerError('UNKNOWN_KEY', 'no record of the log vouches for the key');
    return { key: await noteVerifier(key), problems: [] };
  } catch (error) {
    return { key: null, problems: [foundFault(error, where)] };
  }
}

/** Reads the `key_rotated` records; each must be in the tree, and one must name the key. */
async function sealedKeys(
  reading: Reading,
  line: string,
): Promise<{ readonly isSealed: boolean; readonly problems: readonly Found[] }> {
  // As records name a key: by its line as people hand it on, so that its name is bound, too.
  const digest = toHex(await reading.sha256(new TextEncoder().encode(line)));
  const problems: Found[] = [];
  let isSealed = false;
  for (let at = 0; ; at++) {
    const file = keyRecordPath(at);
    const bytes = reading.files.get(file);
    if (bytes === undefined) return { isSealed, problems };
    try {
      const record = parseRecord(bytes);
      if (record.log !== reading.trust.origin)
        throw new LedgerError('ORIGIN_MISMATCH', 'the record belongs to another log');
      const proof = readProof(reading, keyProofPath(at));
      const problem = await inclusionProblem(reading, { bytes, proof }, { file });
      if (problem !== null) problems.push(problem);
      else isSealed ||= takesIntoUse(record, digest);
    } catch (error) {
      problems.push(foundFault(error, { file }));
    }
  }
}

function takesIntoUse(record: LedgerRecord, digest: string): boolean {
  if (record.kind !== 'key_rotated' || record.v === 0 || record.body.use !== 'stream_head')
    return false;
  return ['added', 'activated'].includes(record.body.phase) && record.body.new_digest === digest;
}

/**
 * Is the tree the continuation of every tree that the reader held before?
 *
 * Of a newer tree than its own a bundle cannot tell, unless it holds that proof, too: it was made before.
 *
 * @returns the sizes of such trees as `newer`: a question without an answer, and no problem.
 */
export async function checkGrowth(
  reading: Reading,
  tree: Checkpoint,
): Promise<{ readonly problems: readonly Found[]; readonly newer: readonly number[] }> {
  const problems: Found[] = [];
  const later: number[] = [];
  for (const note of reading.trust.oldCheckpoints ?? []) {
    try {
      const old = await reading.open(note);
      if (old.size === 0) continue; // the beginning of every tree
      const [older, newer] = old.size <= tree.size ? [old, tree] : [tree, old];
      const file = consistencyPath(older.size, newer.size);
      if (old.size > tree.size && !reading.files.has(file)) {
        later.push(old.size);
        continue;
      }
      const problem = await growthProblem(reading, { older, newer, file });
      if (problem !== null) problems.push(problem);
    } catch (error) {
      problems.push(foundFault(error, {}));
    }
  }
  return { problems, newer: later };
}

/** Does the proof in the file lead from one tree to the other? Of one size they must be equal. */
export async function growthProblem(
  { files, sha256 }: Pick<Reading, 'files' | 'sha256'>,
  {
    older,
    newer,
    file,
  }: { readonly older: TreeHead; readonly newer: TreeHead; readonly file: string },
): Promise<Found | null> {
  const bytes = older.size === newer.size ? new Uint8Array() : files.get(file);
  const sizes = `from size ${older.size} to size ${newer.size}`;
  if (bytes === undefined) return found('CONSISTENCY', `there is no proof ${sizes}`, { file });
  try {
    const proof = parseHashes(bytes);
    if (await checkConsistency(older, { ...newer, proof }, sha256)) return null;
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
  }
  return found('CONSISTENCY', `the log did not only grow ${sizes}`, { file });
}
