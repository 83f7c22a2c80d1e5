import { commandKey, sha256Hex } from '../ledger/hash.ts';
import { signNote, type NoteSigner } from '../ledger/note.ts';
import { formatVerifierKey, type VerifierKey } from '../ledger/verifier-key.ts';
import { insertLogKey, logKeys, readLogState, type KeyUse } from '../prisma/log-store.ts';
import { LogCorrupt } from './sequencer.ts';
import { sealSystemRecordIn, SYSTEM_AUTHOR, type SystemDeps } from './system-stream.ts';

// Which keys the log has signed with. Each is sealed in the log itself before it signs anything.

/** The key at hand is none of this log, and no key before it vouches for it. */
export class StrangeKey extends Error {
  readonly code = 'STRANGE_KEY';
}

export interface KeyToRegister {
  readonly use: KeyUse;
  readonly key: VerifierKey;
  /** The key before; null only for the first key of its use. */
  readonly endorsedBy: { readonly key: VerifierKey; readonly signer: NoteSigner } | null;
}

/**
 * Takes a key into use: sealed as `key_rotated`, listed from the present size on.
 *
 * @returns false where it was in use already.
 * @throws StrangeKey for a key that is not the first and that no key in use vouches for.
 * @source ledger design 3.10
 */
export async function registerKey(
  deps: SystemDeps,
  { use, key, endorsedBy }: KeyToRegister,
): Promise<boolean> {
  const text = formatVerifierKey(key);
  const before = (await logKeys(deps.db)).filter((one) => one.use === use);
  if (before.some((one) => one.verifierKey === text)) return false;
  const old = endorsedBy === null ? null : formatVerifierKey(endorsedBy.key);
  if (before.length > 0 && !before.some((one) => one.verifierKey === old))
    throw new StrangeKey(
      `The ${use === 'log' ? 'signing' : 'stream-head'} key ${key.name}+${key.keyId} is not a key of this log. Bring back the key that was in use, or run npm run log:rotate-key, which lets the old key vouch for a new one.`,
    );
  const state = await readLogState(deps.db);
  if (state === null) throw new LogCorrupt('the state of the log is missing');
  const endorsement =
    endorsedBy === null ? null : await endorse(endorsedBy.signer, text, state.size);
  const signature = endorsedBy === null ? null : await signLine(endorsedBy.signer, text);
  await deps.db.transaction(async (tx) => {
    tx.write(
      insertLogKey({ verifierKey: text, use, fromSize: state.size, endorsement }, deps.now()),
    );
    await sealSystemRecordIn(tx, deps, {
      ...SYSTEM_AUTHOR,
      kind: 'key_rotated',
      cmd: commandKey('key', text),
      body: {
        use,
        phase: 'added',
        algorithm: 'ed25519',
        old_digest: old === null ? null : sha256Hex(old),
        new_digest: sha256Hex(text),
        old_key_id: endorsedBy?.key.keyId ?? null,
        new_key_id: key.keyId,
        signature,
        size: state.size,
        person_c: null,
      },
    });
  });
  return true;
}

/** No note's text: that ends in a newline. */
async function signLine(signer: NoteSigner, line: string): Promise<string> {
  return Buffer.from(await signer.sign(Buffer.from(line))).toString('hex');
}

/** A note by the old key: `<origin>/key-rotation/v1`, the new verifier key, the size, each ended by LF. */
async function endorse(signer: NoteSigner, verifierKey: string, size: number): Promise<string> {
  const text = `${signer.name}/key-rotation/v1\n${verifierKey}\n${size}\n`;
  return Buffer.from(await signNote(text, [signer])).toString();
}
