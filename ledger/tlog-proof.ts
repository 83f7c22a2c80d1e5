import { fromBase64, toBase64 } from './base64.ts';
import { parseCheckpointText } from './checkpoint.ts';
import { HASH_BYTES } from './encoding.ts';
import { LedgerError } from './error.ts';
import { NOTE_MAX_BYTES, parseNote } from './note.ts';

// A proof that one record is in a log, as a text file that needs no network to be checked.

/** The content of a `.tlog-proof` file; believe nothing of it before it was checked. */
export type TlogProof = {
  /** of the leaf, from 0 */
  readonly index: number;
  /** from the leaf upwards, 32 bytes each; none for a tree of one leaf */
  readonly hashes: readonly Uint8Array[];
  /** a signed note, verbatim, with the cosignatures it had */
  readonly checkpoint: Uint8Array;
  /** never empty; nobody signs it, so nothing may rest on it alone */
  readonly extra: Uint8Array | null;
};

const HEADER = 'c2sp.org/tlog-proof@v1';
const EXTRA = 'extra ';
const INDEX = /^index (0|[1-9][0-9]{0,15})$/;
const EXTRA_MAX_BYTES = 65_536;
/** The way to the root of the highest tree has 53 steps. */
const MAX_HASHES = 53;
/** Header, index and hashes stay far below 10,000 bytes; base64 adds a third. */
const MAX_BYTES = NOTE_MAX_BYTES + 2 * EXTRA_MAX_BYTES + 10_000;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Writes a proof.
 *
 * @throws LedgerError TLOG_PROOF_FORMAT or NOTE_FORMAT where reading it would refuse it.
 * @source C2SP tlog-proof, Format
 */
export function formatTlogProof({ index, hashes, checkpoint, extra }: TlogProof): Uint8Array {
  const lines = [HEADER];
  if (extra !== null) lines.push(`${EXTRA}${toBase64(extra)}`);
  lines.push(`index ${index}`, ...hashes.map(toBase64), '', '');
  const head = encoder.encode(lines.join('\n'));
  const bytes = new Uint8Array(head.length + checkpoint.length);
  bytes.set(head);
  bytes.set(checkpoint, head.length);
  parseTlogProof(bytes);
  return bytes;
}

/**
 * Reads a proof. Nothing is verified: open the checkpoint with trusted keys (`openCheckpoint`), then
 * check the leaf hash against its root (`checkInclusion`).
 *
 * @param bytes from outside.
 * @throws LedgerError TLOG_PROOF_FORMAT; NOTE_FORMAT for what it carries as checkpoint.
 * @source C2SP tlog-proof, Format
 */
export function parseTlogProof(bytes: Uint8Array): TlogProof {
  if (bytes.length > MAX_BYTES) throw proofFault('longer than a proof may be');
  const file = decode(bytes);
  const split = file.indexOf('\n\n');
  if (split === -1) throw proofFault('no empty line before the checkpoint');
  const [header, ...lines] = file.slice(0, split).split('\n');
  if (header !== HEADER) throw proofFault('not a tlog-proof of version 1');
  const extra = lines[0]?.startsWith(EXTRA) === true ? parseExtra(lines.shift()) : null;
  const index = parseIndex(lines.shift());
  const hashes = lines.map(parseHash);
  if (hashes.length > MAX_HASHES) throw proofFault('more hashes than a tree is high');
  const checkpoint = encoder.encode(file.slice(split + 2));
  const { size } = parseCheckpointText(parseNote(checkpoint).text);
  if (index >= size) throw proofFault('no such leaf in the tree');
  return { index, hashes, checkpoint, extra };
}

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new LedgerError('TLOG_PROOF_FORMAT', 'not UTF-8', { cause });
  }
}

function parseExtra(line = ''): Uint8Array {
  const extra = fromBase64(line.slice(EXTRA.length));
  if (extra === null || extra.length === 0 || extra.length > EXTRA_MAX_BYTES) {
    throw proofFault('not extra data in base64');
  }
  return extra;
}

function parseIndex(line = ''): number {
  const index = Number(INDEX.exec(line)?.[1] ?? Number.NaN);
  if (!Number.isSafeInteger(index)) throw proofFault('not the index of a leaf');
  return index;
}

function parseHash(line: string): Uint8Array {
  const hash = fromBase64(line);
  if (hash === null || hash.length !== HASH_BYTES) throw proofFault('not a hash in base64');
  return hash;
}

function proofFault(why: string): LedgerError {
  return new LedgerError('TLOG_PROOF_FORMAT', why);
}
