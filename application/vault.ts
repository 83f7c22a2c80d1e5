import { createCipheriv, createDecipheriv, createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Reader } from '../prisma/directory-store.ts';
import { loadKeys, type StoredKey } from '../prisma/key-store.ts';

const IV_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
/** Unwrapped data keys kept in memory, at most. */
const CACHE_SIZE = 20_000;

/**
 * Keeps words of people: every value is AES-256-GCM under a data key of its subject, every data key is
 * wrapped by the installation's key-encryption key. Destroying a data key erases what it encrypted.
 */
export interface Vault {
  /** Makes a data key. Store it in the commit that stores what it encrypts. */
  createKey(subject: string): StoredKey;
  /**
   * Makes the keys usable; ids that do not exist or were destroyed stay unusable.
   *
   * @param reader the caller's transaction where there is one: a step never waits for a second connection.
   */
  prepare(reader: Reader, ids: readonly string[]): Promise<void>;
  /**
   * @param place binds the ciphertext to where it is stored; the same text is needed to decrypt.
   * @throws Error when the key was not prepared.
   */
  encrypt(dekId: string, place: string, text: string): Buffer;
  /** @returns null when the key was destroyed: the value is erased. @throws Error when it was changed. */
  decrypt(dekId: string, place: string, ciphertext: Uint8Array): string | null;
}

/** @param kek 32 bytes. */
export function createVault(kek: Uint8Array): Vault {
  if (kek.length !== KEY_BYTES) throw new TypeError('the encryption key has 32 bytes');
  const kekId = createHash('sha256')
    .update('countersign/kek/v1\0')
    .update(kek)
    .digest('hex')
    .slice(0, 16);
  const keys = new Map<string, Buffer | null>();

  const remember = (id: string, key: Buffer | null): void => {
    if (keys.size >= CACHE_SIZE) keys.delete(keys.keys().next().value as string);
    keys.set(id, key);
  };

  const unwrap = (stored: StoredKey): Buffer | null => {
    if (stored.wrapped === null) return null;
    if (stored.kek !== kekId)
      throw new Error(
        'stored data was encrypted under another ENCRYPTION_KEY than the present one',
      );
    return open(kek, `dek/${stored.dekId}`, stored.wrapped);
  };

  return {
    createKey(subject) {
      const dekId = randomUUID();
      const key = randomBytes(KEY_BYTES);
      remember(dekId, key);
      return { dekId, subject, wrapped: close(kek, `dek/${dekId}`, key), kek: kekId };
    },
    async prepare(reader, ids) {
      const missing = [...new Set(ids)].filter((id) => !keys.has(id));
      if (missing.length === 0) return;
      for (const stored of await loadKeys(reader, missing)) remember(stored.dekId, unwrap(stored));
    },
    encrypt(dekId, place, text) {
      const key = keys.get(dekId);
      if (!key) throw new Error(`data key ${dekId} is not at hand`);
      return close(key, place, Buffer.from(text, 'utf8'));
    },
    decrypt(dekId, place, ciphertext) {
      const key = keys.get(dekId);
      if (!key) return null;
      return open(key, place, ciphertext).toString('utf8');
    },
  };
}

/** iv ‖ tag ‖ ciphertext. */
function close(key: Uint8Array, place: string, plain: Uint8Array): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  cipher.setAAD(Buffer.from(place, 'utf8'));
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), body]);
}

function open(key: Uint8Array, place: string, sealed: Uint8Array): Buffer {
  const iv = sealed.subarray(0, IV_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(place, 'utf8'));
  decipher.setAuthTag(sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
  return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]);
}
