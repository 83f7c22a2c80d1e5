import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  type KeyObject,
} from 'node:crypto';

import { LedgerError } from './error.ts';
import { sha256 } from './hash.ts';
import type { NoteSigner } from './note.ts';
import { keyIdInput, keyIdOf, type VerifierKey } from './verifier-key.ts';

/** A private key in memory. The key itself stays inside: what can be printed is public. */
export type SigningKey = Omit<NoteSigner, 'sign'> & {
  /** synchronous here, unlike that of a remote key; 64 bytes, for the same text always the same */
  readonly sign: (text: Uint8Array) => Uint8Array;
  /** what readers need */
  readonly verifierKey: VerifierKey;
};

const PKCS8 = /^\s*-----BEGIN PRIVATE KEY-----[A-Za-z0-9+/=\s]+-----END PRIVATE KEY-----\s*$/;
const RAW_KEY_BYTES = 32;

/**
 * Takes a private key into use.
 *
 * @param name for a log: its origin.
 * @param pem Ed25519 as unencrypted PKCS#8, one block and nothing else (`LOG_SIGNING_KEY`).
 * @throws LedgerError KEY_FORMAT for any other key or form; the message never shows the key.
 * @source C2SP signed-note, Ed25519 signatures
 */
export function loadSigningKey(name: string, pem: string): SigningKey {
  const privateKey = readPem(pem);
  if (privateKey.asymmetricKeyType !== 'ed25519') {
    throw new LedgerError('KEY_FORMAT', 'the signing key is not an Ed25519 key');
  }
  const publicKey = rawPublicKey(privateKey);
  const keyId = keyIdOf(sha256(keyIdInput(name, publicKey)));
  return {
    name,
    keyId,
    verifierKey: { name, keyId, publicKey },
    sign: (text) => sign(null, text, privateKey),
  };
}

/** A new key as PEM: write it where only the signer reads, and nowhere else. */
export function newSigningKey(): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  return privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

function readPem(pem: string): KeyObject {
  if (!PKCS8.test(pem)) throw new LedgerError('KEY_FORMAT', 'the signing key is not PKCS#8 in PEM');
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new LedgerError('KEY_FORMAT', 'the signing key cannot be read', { cause });
  }
}

/** The raw key stands at the end of its DER form. @source RFC 8410 section 4 */
function rawPublicKey(privateKey: KeyObject): Uint8Array {
  const der = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return new Uint8Array(der.subarray(-RAW_KEY_BYTES));
}
