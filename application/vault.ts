import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  randomBytes,
  randomUUID,
  type KeyObject,
} from 'node:crypto';
import type { Reader } from '../prisma/directory-store.ts';
import { loadKeys, type StoredKey } from '../prisma/key-store.ts';

/** Stored words or a stored key are not what was written here, or were written under another ENCRYPTION_KEY. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable';
}

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
   * @throws Unreadable where one of them cannot be unwrapped; the others are usable all the same.
   */
  prepare(reader: Reader, ids: readonly string[]): Promise<void>;
  /**
   * @param place binds the ciphertext to where it is stored; the same text is needed to decrypt.
   * @throws Error when the key was not prepared.
   */
  encrypt(dekId: string, place: string, text: string): Buffer;
  /** @returns null when the key was destroyed: the value is erased. @throws Unreadable */
  decrypt(dekId: string, place: string, ciphertext: Uint8Array): string | null;
}

/** @param kek 32 bytes. */
export function createVault(kek: Uint8Array): Vault {
  if (kek.length !== KEY_BYTES) throw new TypeError('the encryption key has 32 bytes');
  const wrapping = createSecretKey(kek);
  const kekId = createHash('sha256')
    .update('countersign/kek/v1\0')
    .update(kek)
    .digest('hex')
    .slice(0, 16);
  const keys = createKeyCache();

  const unwrap = (stored: StoredKey): KeyObject | null => {
    if (stored.wrapped === null) return null;
    if (stored.kek !== kekId)
      throw new Unreadable(
        'stored data was encrypted under another ENCRYPTION_KEY than the present one',
      );
    return createSecretKey(open(wrapping, `dek/${stored.dekId}`, stored.wrapped));
  };

  return {
    createKey(subject) {
      const dekId = randomUUID();
      const key = randomBytes(KEY_BYTES);
      keys.set(dekId, createSecretKey(key));
      return { dekId, subject, wrapped: close(wrapping, `dek/${dekId}`, key), kek: kekId };
    },
    async prepare(reader, ids) {
      const missing = [...new Set(ids)].filter((id) => !isAtHand(keys.get(id)));
      if (missing.length === 0) return;
      let broken: Unreadable | null = null;
      for (const stored of await loadKeys(reader, missing)) {
        try {
          keys.set(stored.dekId, unwrap(stored));
        } catch (error) {
          if (!(error instanceof Unreadable)) throw error;
          keys.set(stored.dekId, BROKEN);
          broken = error;
        }
      }
      if (broken !== null) throw broken;
    },
    encrypt(dekId, place, text) {
      const key = keys.get(dekId);
      if (!key || key === BROKEN) throw new Error(`data key ${dekId} is not at hand`);
      return close(key, place, Buffer.from(text, 'utf8'));
    },
    decrypt(dekId, place, ciphertext) {
      const key = keys.get(dekId);
      if (key === BROKEN) throw new Unreadable(`data key ${dekId} cannot be unwrapped`);
      if (!key) return null;
      return open(key, place, ciphertext).toString('utf8');
    },
  };
}

/** Stands for a key that was read and could not be unwrapped; it is read again the next time. */
const BROKEN = 'broken';
type KeyInMemory = KeyObject | null | typeof BROKEN;

function isAtHand(key: KeyInMemory | undefined): boolean {
  return key !== undefined && key !== BROKEN;
}

/**
 * Keys in memory, the least recently used forgotten first. A key that was just prepared or made is among
 * the newest, so it is still there when the same call encrypts with it.
 */
function createKeyCache() {
  const keys = new Map<string, KeyInMemory>();
  return {
    /** @returns undefined where it is not at hand, null where it was destroyed. */
    get(id: string): KeyInMemory | undefined {
      const key = keys.get(id);
      if (key === undefined) return undefined;
      keys.delete(id);
      keys.set(id, key);
      return key;
    },
    set(id: string, key: KeyInMemory): void {
      if (keys.size >= CACHE_SIZE) keys.delete(keys.keys().next().value as string);
      keys.set(id, key);
    },
  };
}

/** Random bytes are drawn for many values at once: one call to the system costs as much as a value. */
const IVS_AT_ONCE = 256;
let ivs = Buffer.alloc(0);
let used = 0;

function nextIv(): Buffer {
  if (used >= ivs.length) {
    ivs = randomBytes(IV_BYTES * IVS_AT_ONCE);
    used = 0;
  }
  return ivs.subarray(used, (used += IV_BYTES));
}

/** iv ‖ tag ‖ ciphertext. */
function close(key: KeyObject, place: string, plain: Uint8Array): Buffer {
  const iv = nextIv();
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  cipher.setAAD(Buffer.from(place, 'utf8'));
  const body = cipher.update(plain);
  cipher.final(); // a stream cipher: nothing is left over
  return Buffer.concat([iv, cipher.getAuthTag(), body]);
}

/** @throws Unreadable where anything was changed. */
function open(key: KeyObject, place: string, sealed: Uint8Array): Buffer {
  try {
    const iv = sealed.subarray(0, IV_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(place, 'utf8'));
    decipher.setAuthTag(sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    const plain = decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES));
    decipher.final(); // throws where anything was changed
    return plain;
  } catch (cause) {
    throw new Unreadable('what is stored cannot be decrypted', { cause });
  }
}
