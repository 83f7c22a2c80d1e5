import { signCheckpoint, type Checkpoint } from './checkpoint.ts';
import { toHex } from './encoding.ts';
import { LedgerError } from './error.ts';
import { sha256 } from './hash.ts';
import { checkConsistency } from './merkle.ts';
import type { NoteSigner } from './note.ts';

// The one who holds the key of the log believes nobody: not the database, not the sequencer. What it
// signed last it remembers elsewhere, and it signs only what extends that.

/** What the signer keeps outside the database. */
export type SignerMemory = {
  /** null before the first checkpoint */
  readonly read: () => Promise<Checkpoint | null>;
  /** Returns when the head would survive a power cut. */
  readonly write: (head: Checkpoint) => Promise<void>;
};

/** What the sequencer says that the log has become, and what shows that it only grew. */
export type Extension = {
  readonly head: Checkpoint;
  /** from the head in the signer's memory to `head`; empty where there is none, or both are equal */
  readonly proof: readonly Uint8Array[];
};

/**
 * Signs the head of a log, if it extends the last one signed: stores first, signs second. A head that is
 * signed again gives the same bytes.
 *
 * @returns the checkpoint as a signed note.
 * @throws LedgerError SIGNER_REFUSED where the log is another one, has become smaller, has another root
 *         at the same size, or the proof does not show that it only grew; nothing is stored then.
 * @source ledger design 3.7; C2SP tlog-checkpoint
 */
export async function signHead(
  { keys, memory }: { readonly keys: readonly NoteSigner[]; readonly memory: SignerMemory },
  { head, proof }: Extension,
): Promise<Uint8Array> {
  const last = await memory.read();
  if (last !== null) await assertExtends(last, { head, proof });
  if (last === null || head.size > last.size) await memory.write(head);
  return signCheckpoint(head, keys);
}

async function assertExtends(last: Checkpoint, { head, proof }: Extension): Promise<void> {
  if (head.origin !== last.origin) throw refused(`the log is not ${last.origin}, signed so far`);
  if (head.size < last.size)
    throw refused(`the log has ${head.size} records, but ${last.size} were signed`);
  if (head.size === last.size && toHex(head.root) !== toHex(last.root))
    throw refused(`the log has another root than was signed at size ${last.size}`);
  if (last.size === 0 || head.size === last.size) return;
  if (!(await checkConsistency(last, { ...head, proof }, sha256)))
    throw refused(`the log does not extend what was signed at size ${last.size}`);
}

function refused(why: string): LedgerError {
  return new LedgerError('SIGNER_REFUSED', why);
}
