import { toBase64 } from './base64.ts';
import { parseCount, parseTreeHead } from './checkpoint.ts';
import { LedgerError } from './error.ts';
import { hex64, streamId } from './fields.ts';
import {
  isKeyName,
  openNote,
  signNote,
  type NoteSignature,
  type NoteSigner,
  type NoteVerifier,
} from './note.ts';

// A tree shows that a record is in it, not that no other one is. So the operator signs which record
// of a stream is the last one in a tree. Should a later record of that stream ever turn up at an index
// below the tree's size, the two files together show that the operator lied.

export type StreamHead = {
  /** of the log */
  readonly origin: string;
  /** of the checkpoint: the statement is about the first `size` leaves, at least `seq + 1` */
  readonly size: number;
  /** of the checkpoint, 32 bytes */
  readonly root: Uint8Array;
  /** lower-case UUID */
  readonly stream: string;
  /** of the last record of the stream in that tree, from 0 */
  readonly seq: number;
  /** its RFC 6962 leaf hash, 64 lower-case hex characters */
  readonly leafHash: string;
};

const SUFFIX = '/stream-heads/v1';

/** The first line of the statements of a log, and the name of the key that signs them. */
export function streamHeadName(origin: string): string {
  return `${origin}${SUFFIX}`;
}

/**
 * Signs a statement.
 *
 * @param signer named as `streamHeadName` says, so that no signature fits two kinds of notes.
 * @throws LedgerError NOTE_FORMAT for an impossible statement; ORIGIN_MISMATCH for another's key.
 * @source docs/record-format.md
 */
export async function signStreamHead(head: StreamHead, signer: NoteSigner): Promise<Uint8Array> {
  if (signer.name !== streamHeadName(head.origin)) {
    throw new LedgerError('ORIGIN_MISMATCH', 'the key is not named for stream heads of this log');
  }
  return signNote(streamHeadText(head), [signer]);
}

/**
 * Opens a statement. Whether its tree is the reader's, and its record the last of the chain at hand,
 * is for the caller to compare.
 *
 * @param note from outside.
 * @param trust known from elsewhere.
 * @throws LedgerError NOTE_FORMAT; NOTE_SIGNATURE; UNKNOWN_KEY; ORIGIN_MISMATCH
 */
export async function openStreamHead(
  note: Uint8Array,
  trust: { readonly origin: string; readonly keys: readonly NoteVerifier[] },
): Promise<{ readonly head: StreamHead; readonly signatures: readonly NoteSignature[] }> {
  const { text, verified } = await openNote(note, trust.keys);
  const head = parseStreamHeadText(text);
  if (head.origin !== trust.origin) {
    throw new LedgerError('ORIGIN_MISMATCH', 'the statement is that of another log');
  }
  return { head, signatures: verified };
}

/**
 * The text: `<origin>/stream-heads/v1`, size, root in base64, stream, seq, leaf hash in hex, each
 * ended by LF.
 *
 * @throws LedgerError NOTE_FORMAT where reading it would refuse it.
 */
export function streamHeadText(head: StreamHead): string {
  const { origin, size, root, stream, seq, leafHash } = head;
  const lines = [streamHeadName(origin), size, toBase64(root), stream, seq, leafHash];
  const text = lines.map((line) => `${line}\n`).join('');
  parseStreamHeadText(text);
  return text;
}

/**
 * Reads the text of a note as a statement. Nothing is verified here.
 *
 * @throws LedgerError NOTE_FORMAT
 */
export function parseStreamHeadText(text: string): StreamHead {
  const [name = '', size = '', root = '', stream, sequence = '', leafHash, end, ...rest] =
    text.split('\n');
  if (end !== '' || rest.length > 0) throw textFault('a stream head has six lines');
  const origin = originOf(name);
  const tree = parseTreeHead(size, root);
  const seq = parseCount(sequence);
  const streamRead = streamId.safeParse(stream);
  const leafRead = hex64.safeParse(leafHash);
  if (!streamRead.success) throw textFault('not a stream');
  if (!leafRead.success) throw textFault('not a leaf hash');
  if (seq >= tree.size) throw textFault('more records in the stream than leaves in the tree');
  return { origin, ...tree, stream: streamRead.data, seq, leafHash: leafRead.data };
}

function originOf(name: string): string {
  const origin = name.slice(0, -SUFFIX.length);
  if (!name.endsWith(SUFFIX) || !isKeyName(origin)) throw textFault('not a stream head');
  return origin;
}

function textFault(why: string): LedgerError {
  return new LedgerError('NOTE_FORMAT', why);
}
