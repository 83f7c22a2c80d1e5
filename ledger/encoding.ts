import { LedgerError } from './error.ts';

// The byte strings that get hashed. No hash function here: Node hands one in (`hash.ts`), a browser
// hands in WebCrypto (`verify.ts`).

/** SHA-256 of the bytes, 32 bytes; a browser's is asynchronous. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>;

export const HASH_BYTES = 32;
export const SALT_BYTES = 32;

const HEX_BYTES = /^(?:[0-9a-f]{2})*$/;
const encoder = new TextEncoder();
const COMMIT_LABEL = encoder.encode('countersign/commit/v1\0');
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Lower-case hex. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/**
 * @param hex lower case, two digits per byte.
 * @throws LedgerError VALUE_UNREPRESENTABLE
 */
export function fromHex(hex: string): Uint8Array {
  if (!HEX_BYTES.test(hex)) throw new LedgerError('VALUE_UNREPRESENTABLE', 'not lower-case hex');
  const bytes = new Uint8Array(hex.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16);
  }
  return bytes;
}

/** `0x00 || bytes`: what a leaf hash is taken over. @source RFC 6962 section 2.1 */
export function leafInput(bytes: Uint8Array): Uint8Array {
  const framed = new Uint8Array(1 + bytes.length);
  framed.set(bytes, 1);
  return framed;
}

/** `0x01 || left || right`: what a tree node is taken over. @source RFC 6962 section 2.1 */
export function nodeInput(left: Uint8Array, right: Uint8Array): Uint8Array {
  const framed = new Uint8Array(1 + left.length + right.length);
  framed[0] = 1;
  framed.set(left, 1);
  framed.set(right, 1 + left.length);
  return framed;
}

/**
 * What a commitment is taken over:
 * `"countersign/commit/v1" || 0x00 || salt || u16(len path) || path || u32(len value) || value`,
 * lengths in bytes, big endian, path and value in UTF-8.
 *
 * @param salt exactly 32 bytes.
 * @throws LedgerError VALUE_UNREPRESENTABLE for another salt length, a path over 65,535 bytes or
 *         text with a lone surrogate (two such texts would share one commitment).
 * @source docs/record-format.md, section 4
 */
export function commitmentInput(path: string, value: string, salt: Uint8Array): Uint8Array {
  if (salt.length !== SALT_BYTES) {
    throw new LedgerError('VALUE_UNREPRESENTABLE', 'a salt has 32 bytes');
  }
  if (!path.isWellFormed() || !value.isWellFormed()) {
    throw new LedgerError('VALUE_UNREPRESENTABLE', 'committed text has a lone surrogate');
  }
  const pathBytes = encoder.encode(path);
  const valueBytes = encoder.encode(value);
  if (pathBytes.length > 0xffff) throw new LedgerError('VALUE_UNREPRESENTABLE', 'path too long');
  const head = COMMIT_LABEL.length + SALT_BYTES;
  const framed = new Uint8Array(head + 2 + pathBytes.length + 4 + valueBytes.length);
  const lengths = new DataView(framed.buffer);
  framed.set(COMMIT_LABEL, 0);
  framed.set(salt, COMMIT_LABEL.length);
  lengths.setUint16(head, pathBytes.length);
  framed.set(pathBytes, head + 2);
  lengths.setUint32(head + 2 + pathBytes.length, valueBytes.length);
  framed.set(valueBytes, head + 2 + pathBytes.length + 4);
  return framed;
}

/**
 * Parts with their lengths, so that no two lists of parts give the same bytes:
 * for each part `u32(len) || UTF-8`.
 *
 * @throws LedgerError VALUE_UNREPRESENTABLE for text with a lone surrogate.
 */
export function partsInput(label: string, parts: readonly string[]): Uint8Array {
  const encoded = [label, ...parts].map((part) => {
    if (!part.isWellFormed()) throw new LedgerError('VALUE_UNREPRESENTABLE', 'lone surrogate');
    return encoder.encode(part);
  });
  const framed = new Uint8Array(encoded.reduce((sum, part) => sum + 4 + part.length, 0));
  const lengths = new DataView(framed.buffer);
  let offset = 0;
  for (const part of encoded) {
    lengths.setUint32(offset, part.length);
    framed.set(part, offset + 4);
    offset += 4 + part.length;
  }
  return framed;
}
