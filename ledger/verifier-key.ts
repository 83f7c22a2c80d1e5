import { fromBase64, toBase64 } from './base64.ts';
import { toHex, type Sha256 } from './encoding.ts';
import { LedgerError } from './error.ts';
import { isKeyName, type NoteVerifier } from './note.ts';

// Public Ed25519 keys as people hand them on. A browser verifies with them too: WebCrypto, which Node
// has as well. Other kinds of keys (witnesses' cosignatures) are other verifiers beside this one.

/** The key of a log, or of another signer of notes. */
export type VerifierKey = {
  /** for a log: its origin */
  readonly name: string;
  /** 8 lower-case hex characters, computed from the two others */
  readonly keyId: string;
  /** 32 bytes as in RFC 8032 */
  readonly publicKey: Uint8Array;
};

/** WebCrypto's `CryptoKey`: Node's types name the value only. */
type ImportedKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

const ED25519 = 0x01; // signature type of signed-note
const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const KEY_ID_DIGITS = 8;
const VERIFIER_KEY = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/;
/** The order of the base point, big endian. @source RFC 8032 section 5.1 */
const ORDER = '1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed';
const encoder = new TextEncoder();

/**
 * Reads `<name>+<id>+<base64 of 0x01 and the key>`.
 *
 * @param text from outside, but from somewhere trusted: never from what the key shall verify.
 * @throws LedgerError KEY_FORMAT also for other algorithms and where the id is not that of the key.
 * @source C2SP signed-note, Verifier keys
 */
export async function parseVerifierKey(text: string, sha256: Sha256): Promise<VerifierKey> {
  const [, name = '', keyId = '', base64 = ''] = VERIFIER_KEY.exec(text) ?? [];
  const bytes = fromBase64(base64);
  if (bytes === null || bytes.length === 0) throw keyFault('not a verifier key');
  if (bytes[0] !== ED25519) throw keyFault('not an Ed25519 verifier key');
  const key = await makeVerifierKey(name, bytes.slice(1), sha256);
  if (key.keyId !== keyId) throw keyFault('the id of the verifier key is not that of its key');
  return key;
}

/** The reverse of `parseVerifierKey`. @source C2SP signed-note, Verifier keys */
export function formatVerifierKey({ name, keyId, publicKey }: VerifierKey): string {
  return `${name}+${keyId}+${toBase64(Uint8Array.of(ED25519, ...publicKey))}`;
}

/**
 * @param name without white space and plus sign.
 * @param publicKey 32 bytes.
 * @throws LedgerError KEY_FORMAT
 */
export async function makeVerifierKey(
  name: string,
  publicKey: Uint8Array,
  sha256: Sha256,
): Promise<VerifierKey> {
  return { name, keyId: keyIdOf(await sha256(keyIdInput(name, publicKey))), publicKey };
}

/**
 * What a key's id is taken over: `name || LF || 0x01 || raw key`.
 *
 * @throws LedgerError KEY_FORMAT for a name that no key can have, or a key that has not 32 bytes.
 * @source C2SP signed-note, Ed25519 signatures
 */
export function keyIdInput(name: string, publicKey: Uint8Array): Uint8Array {
  if (!isKeyName(name) || !name.isWellFormed()) throw keyFault('no key can have this name');
  if (publicKey.length !== PUBLIC_KEY_BYTES) throw keyFault('an Ed25519 key has 32 bytes');
  return Uint8Array.of(...encoder.encode(`${name}\n`), ED25519, ...publicKey);
}

/** The id: the first four bytes of the digest. */
export function keyIdOf(digest: Uint8Array): string {
  return toHex(digest).slice(0, KEY_ID_DIGITS);
}

/**
 * What `openNote` asks for.
 *
 * @throws LedgerError KEY_FORMAT where the platform refuses the key as no point of the curve.
 */
export async function noteVerifier({ name, keyId, publicKey }: VerifierKey): Promise<NoteVerifier> {
  const key = await importKey(publicKey);
  const verify = async (text: Uint8Array, signature: Uint8Array): Promise<boolean> => {
    if (signature.length !== SIGNATURE_BYTES || !isReduced(signature)) return false;
    return crypto.subtle.verify('Ed25519', key, owned(signature), owned(text));
  };
  return { name, keyId, verify };
}

async function importKey(publicKey: Uint8Array): Promise<ImportedKey> {
  try {
    return await crypto.subtle.importKey('raw', owned(publicKey), 'Ed25519', false, ['verify']);
  } catch (cause) {
    if (!(cause instanceof DOMException) || cause.name !== 'DataError') throw cause;
    throw new LedgerError('KEY_FORMAT', 'not a point of the curve', { cause });
  }
}

/**
 * Is S below the order? Otherwise anybody could make a second signature from a first one. Platforms
 * check this too, but a log must not hang on all of them doing it.
 *
 * @source RFC 8032 section 5.1.7
 */
function isReduced(signature: Uint8Array): boolean {
  const bigEndian = signature.subarray(SIGNATURE_BYTES / 2).toReversed();
  return toHex(bigEndian) < ORDER; // one length, so text order is number order
}

/** A copy in memory of its own: WebCrypto takes no shared memory. */
function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

function keyFault(why: string): LedgerError {
  return new LedgerError('KEY_FORMAT', why);
}
