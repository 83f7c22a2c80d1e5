import { SALT_BYTES, toHex } from './encoding.ts';
import { commitment } from './hash.ts';
import { secureRandomBytes } from './random.ts';
import { PERSON_PATH } from './record.ts';

/** What opens one commitment. Personal data: store it encrypted, destroy it to erase. */
export type Opening = {
  readonly path: string;
  /** 64 lower-case hex characters */
  readonly salt: string;
  readonly value: string;
  /** the commitment */
  readonly c: string;
};

/**
 * Commits to a value under a salt.
 *
 * @param salt 32 random bytes, never used twice.
 * @throws LedgerError VALUE_UNREPRESENTABLE for another salt length or text with a lone surrogate.
 * @source docs/record-format.md, section 4
 */
export function makeOpening(path: string, value: string, salt: Uint8Array): Opening {
  return { path, salt: toHex(salt), value, c: commitment(path, value, salt) };
}

/**
 * A reference to a person or an account: the same commitment wherever one stream names them, so
 * that an auditor can count distinct people without knowing who they are, and another one in every
 * other stream, so that nobody can follow a person across requests.
 *
 * @param value the identity, RFC 8785 text or an id; the same text for the same person in a stream.
 * @param salt 32 bytes.
 * @source docs/record-format.md, section 4
 */
export function createReference(
  value: string,
  salt: Uint8Array = secureRandomBytes(SALT_BYTES),
): Opening {
  return makeOpening(PERSON_PATH, value, salt);
}

/** The references of one stream. */
export type ReferenceBook = {
  /** The commitment that stands for this identity in the stream; made at the first call. */
  readonly of: (value: string) => string;
  /** References made since the book was opened: store them in the commit that seals the records. */
  readonly added: readonly Opening[];
};

/**
 * Opens the references of one stream.
 *
 * @param known every reference stored for the stream so far.
 * @param randomBytes as in `SealContext`.
 */
export function openReferenceBook(
  known: readonly Opening[],
  randomBytes: (size: number) => Uint8Array = secureRandomBytes,
): ReferenceBook {
  const byValue = new Map(known.map((opening) => [opening.value, opening.c]));
  const added: Opening[] = [];
  const of = (value: string): string => {
    const existing = byValue.get(value);
    if (existing !== undefined) return existing;
    const opening = createReference(value, randomBytes(SALT_BYTES));
    byValue.set(value, opening.c);
    added.push(opening);
    return opening.c;
  };
  return { of, added };
}
