import { fromBase64, toBase64 } from './base64.ts';
import { fromHex, toHex } from './encoding.ts';
import { LedgerError } from './error.ts';

// Signed notes: a text and, behind an empty line, the signatures of one or more keys. A browser reads
// them too; how a key verifies is handed in (`verifier-key.ts`).

/** As Go's reader has it; both far above what a checkpoint with many witnesses needs. */
export const NOTE_MAX_BYTES = 1_000_000;
export const NOTE_MAX_SIGNATURES = 100;

/** One signature line. Name and id together say which key, and which algorithm. */
export type NoteSignature = {
  readonly name: string;
  /** 8 lower-case hex characters; an identifier, not a strong hash */
  readonly keyId: string;
  /** without the id; 64 bytes for Ed25519 */
  readonly signature: Uint8Array;
};

export type SignedNote = {
  /** ends in LF, without the empty line that follows it; its UTF-8 is what is signed */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
};

/** A key that the reader trusts. `verify` gets the text's bytes and the signature without the id. */
export type NoteVerifier = {
  readonly name: string;
  readonly keyId: string;
  readonly verify: (text: Uint8Array, signature: Uint8Array) => Promise<boolean>;
};

/** A key at hand; a remote one answers later. */
export type NoteSigner = {
  readonly name: string;
  readonly keyId: string;
  readonly sign: (text: Uint8Array) => Uint8Array | Promise<Uint8Array>;
};

export type OpenedNote = {
  readonly text: string;
  /** one or more, all by keys handed in, all correct; signatures by other keys are not here */
  readonly verified: readonly NoteSignature[];
};

const DASH = '\u2014 ';
const KEY_ID_BYTES = 4;
const LINE_FEED = 0x0a;
const KEY_NAME = /^[^\p{White_Space}+]+$/u;
const BYTE_ORDER_MARK = '\ufeff';
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** May a key, and so a log, be called this? @source C2SP signed-note, Format */
export function isKeyName(name: string): boolean {
  return KEY_NAME.test(name);
}

/**
 * Opens a note with the keys that the reader trusts.
 *
 * Signatures by other keys are ignored, whatever they are. One known key whose signature fails
 * spoils the whole note, however many others are correct.
 *
 * @param bytes from outside.
 * @param verifiers never taken from the note or from what it came with.
 * @throws LedgerError NOTE_FORMAT also where a known key signs twice; NOTE_SIGNATURE; UNKNOWN_KEY where
 *         no known key has signed; KEY_FORMAT where two verifiers have one name and id.
 * @source C2SP signed-note, Signatures
 */
export async function openNote(
  bytes: Uint8Array,
  verifiers: readonly NoteVerifier[],
): Promise<OpenedNote> {
  const known = byIdentity(verifiers);
  const { text, signatures } = parseNote(bytes);
  const signed = encoder.encode(text);
  const verified = new Map<string, NoteSignature>();
  for (const line of signatures) {
    const verifier = known.get(identityOf(line));
    if (verifier === undefined) continue;
    if (verified.has(identityOf(line))) throw noteFault('a known key signed twice');
    if (!(await verifier.verify(signed, line.signature))) {
      throw new LedgerError(
        'NOTE_SIGNATURE',
        `the signature of ${line.name} does not fit the text`,
      );
    }
    verified.set(identityOf(line), line);
  }
  if (verified.size === 0) throw new LedgerError('UNKNOWN_KEY', 'no known key has signed the note');
  return { text, verified: [...verified.values()] };
}

/**
 * Signs a text.
 *
 * @param text ends in LF.
 * @param signers one or more; their lines stand in this order.
 * @throws LedgerError NOTE_FORMAT for a text or a key name that no note can hold.
 * @source C2SP signed-note, Signatures
 */
export async function signNote(text: string, signers: readonly NoteSigner[]): Promise<Uint8Array> {
  const signed = encoder.encode(text);
  const signatures: NoteSignature[] = [];
  for (const { name, keyId, sign } of signers) {
    signatures.push({ name, keyId, signature: await sign(signed) });
  }
  return formatNote({ text, signatures });
}

/**
 * Reads the form of a note. Nothing is verified: do not believe the text.
 *
 * @param bytes from outside.
 * @throws LedgerError NOTE_FORMAT
 * @source C2SP signed-note, Format
 */
export function parseNote(bytes: Uint8Array): SignedNote {
  const note = decode(bytes);
  const split = note.lastIndexOf('\n\n');
  if (split === -1) throw noteFault('no empty line between text and signatures');
  const lines = note.slice(split + 2).split('\n');
  if (lines.pop() !== '') throw noteFault('the last line does not end');
  if (lines.length === 0) throw noteFault('no signature');
  if (lines.length > NOTE_MAX_SIGNATURES) throw noteFault('too many signatures');
  return { text: note.slice(0, split + 1), signatures: lines.map(parseSignature) };
}

/**
 * Writes a note; also joins the signatures of others to a note already signed.
 *
 * @throws LedgerError NOTE_FORMAT where reading the note would not give the same again.
 * @source C2SP signed-note, Format
 */
export function formatNote({ text, signatures }: SignedNote): Uint8Array {
  if (!text.isWellFormed()) throw noteFault('a lone surrogate');
  const bytes = encoder.encode(`${text}\n${signatures.map(formatSignature).join('')}`);
  const read = parseNote(bytes);
  const same = signatures.every((line, at) => {
    const other = read.signatures[at];
    return other !== undefined && identityOf(other) === identityOf(line);
  });
  if (!same || read.text !== text || read.signatures.length !== signatures.length) {
    throw noteFault('reading the note would give something else');
  }
  return bytes;
}

function decode(bytes: Uint8Array): string {
  if (bytes.length > NOTE_MAX_BYTES) throw noteFault('longer than a note may be');
  if (bytes.some((byte) => byte < 0x20 && byte !== LINE_FEED)) {
    throw noteFault('a control character');
  }
  try {
    const note = decoder.decode(bytes);
    if (!note.startsWith(BYTE_ORDER_MARK)) return note;
  } catch (cause) {
    throw new LedgerError('NOTE_FORMAT', 'not UTF-8', { cause });
  }
  throw noteFault('a byte order mark'); // signed or not: no log writes one
}

function parseSignature(line: string): NoteSignature {
  const [name = '', base64 = '', ...rest] = line.slice(DASH.length).split(' ');
  if (!line.startsWith(DASH) || rest.length > 0 || !isKeyName(name)) {
    throw noteFault('a signature line of another form');
  }
  const bytes = fromBase64(base64);
  if (bytes === null || bytes.length <= KEY_ID_BYTES) throw noteFault('not a signature in base64');
  const keyId = toHex(bytes.subarray(0, KEY_ID_BYTES));
  return { name, keyId, signature: bytes.slice(KEY_ID_BYTES) };
}

/** @throws LedgerError VALUE_UNREPRESENTABLE for an id that is not hex: a mistake of the caller. */
function formatSignature({ name, keyId, signature }: NoteSignature): string {
  return `${DASH}${name} ${toBase64(new Uint8Array([...fromHex(keyId), ...signature]))}\n`;
}

function byIdentity(verifiers: readonly NoteVerifier[]): ReadonlyMap<string, NoteVerifier> {
  const known = new Map(verifiers.map((verifier) => [identityOf(verifier), verifier]));
  if (known.size === verifiers.length) return known;
  throw new LedgerError('KEY_FORMAT', 'two verifier keys have one name and id');
}

function identityOf({ name, keyId }: { readonly name: string; readonly keyId: string }): string {
  return `${name}+${keyId}`;
}

function noteFault(why: string): LedgerError {
  return new LedgerError('NOTE_FORMAT', why);
}
