import { fromBase64, toBase64 } from './base64.ts';
import { HASH_BYTES } from './encoding.ts';
import { LedgerError } from './error.ts';
import {
  isKeyName,
  openNote,
  signNote,
  type NoteSignature,
  type NoteSigner,
  type NoteVerifier,
} from './note.ts';

// The head of a log as a signed note. Stricter than the standard where it leaves room: no extension
// lines, since nobody could audit them, and nothing of an empty log that is not its one form.

export type Checkpoint = {
  /** which log; also the name of its key */
  readonly origin: string;
  /** number of leaves */
  readonly size: number;
  /** 32 bytes */
  readonly root: Uint8Array;
};

/** Whom the reader trusts for one log, known from elsewhere. */
export type CheckpointTrust = {
  readonly origin: string;
  /** keys of the log itself; during a rotation, two */
  readonly logKeys: readonly NoteVerifier[];
  readonly witnessKeys?: readonly NoteVerifier[];
};

export type OpenedCheckpoint = {
  readonly checkpoint: Checkpoint;
  /** one or more, by keys of the log */
  readonly logSignatures: readonly NoteSignature[];
  /** none or more, by known witnesses; whether they are enough is for the reader's policy to say */
  readonly cosignatures: readonly NoteSignature[];
};

const SIZE = /^(?:0|[1-9][0-9]{0,15})$/;
/** SHA-256 of nothing. @source RFC 6962 section 2.1 */
const EMPTY_ROOT = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';

/**
 * Opens the checkpoint of one log.
 *
 * @param note from outside.
 * @throws LedgerError NOTE_FORMAT; NOTE_SIGNATURE; UNKNOWN_KEY where no key of the log has signed,
 *         whoever else has; ORIGIN_MISMATCH for a checkpoint of another log signed with these keys.
 * @source C2SP tlog-checkpoint
 */
export async function openCheckpoint(
  note: Uint8Array,
  { origin, logKeys, witnessKeys = [] }: CheckpointTrust,
): Promise<OpenedCheckpoint> {
  const { text, verified } = await openNote(note, [...logKeys, ...witnessKeys]);
  const checkpoint = parseCheckpointText(text);
  if (checkpoint.origin !== origin) throw otherLog('the checkpoint is that of another log');
  const byLog = (line: NoteSignature): boolean => logKeys.some((key) => isOf(line, key));
  const logSignatures = verified.filter(byLog);
  if (logSignatures.length === 0) {
    throw new LedgerError('UNKNOWN_KEY', 'no known key of the log has signed the checkpoint');
  }
  return { checkpoint, logSignatures, cosignatures: verified.filter((line) => !byLog(line)) };
}

/**
 * Signs a checkpoint. Whether the log may sign it (it extends the last one signed) is asked before.
 *
 * @param signers keys of the log, named like it; during a rotation, two.
 * @throws LedgerError NOTE_FORMAT for an impossible checkpoint; ORIGIN_MISMATCH for another's key.
 * @source C2SP tlog-checkpoint
 */
export async function signCheckpoint(
  checkpoint: Checkpoint,
  signers: readonly NoteSigner[],
): Promise<Uint8Array> {
  if (signers.some(({ name }) => name !== checkpoint.origin)) {
    throw otherLog('the key is named for another log');
  }
  return signNote(checkpointText(checkpoint), signers);
}

/**
 * The text of a checkpoint: origin, size, root, each ended by LF.
 *
 * @throws LedgerError NOTE_FORMAT where reading it would refuse it.
 * @source C2SP tlog-checkpoint, Note text
 */
export function checkpointText({ origin, size, root }: Checkpoint): string {
  const text = `${origin}\n${size}\n${toBase64(root)}\n`;
  parseCheckpointText(text);
  return text;
}

/**
 * Reads the text of a note as a checkpoint. Nothing is verified here.
 *
 * @throws LedgerError NOTE_FORMAT
 * @source C2SP tlog-checkpoint, Note text
 */
export function parseCheckpointText(text: string): Checkpoint {
  const [origin = '', size = '', root = '', end, ...rest] = text.split('\n');
  if (end !== '' || rest.length > 0) throw textFault('a checkpoint has three lines');
  if (!isKeyName(origin)) throw textFault('not an origin');
  return { origin, ...parseTreeHead(size, root) };
}

/**
 * Reads the two lines that say which tree.
 *
 * @param sizeLine decimal, no superfluous zero, at most 2^53 − 1.
 * @param rootLine base64 of 32 bytes; for size 0 that of SHA-256 of nothing.
 * @throws LedgerError NOTE_FORMAT
 */
export function parseTreeHead(sizeLine: string, rootLine: string): Omit<Checkpoint, 'origin'> {
  const size = parseCount(sizeLine);
  const root = fromBase64(rootLine);
  if (root === null || root.length !== HASH_BYTES) throw textFault('not a root hash');
  if (size === 0 && rootLine !== EMPTY_ROOT) throw textFault('not the root of an empty tree');
  return { size, root };
}

/**
 * @param line decimal, no superfluous zero, at most 2^53 − 1.
 * @throws LedgerError NOTE_FORMAT
 */
export function parseCount(line: string): number {
  const count = Number(line);
  if (!SIZE.test(line) || !Number.isSafeInteger(count)) throw textFault('not a number of leaves');
  return count;
}

function isOf(line: NoteSignature, key: NoteVerifier): boolean {
  return line.name === key.name && line.keyId === key.keyId;
}

function textFault(why: string): LedgerError {
  return new LedgerError('NOTE_FORMAT', why);
}

function otherLog(why: string): LedgerError {
  return new LedgerError('ORIGIN_MISMATCH', why);
}
