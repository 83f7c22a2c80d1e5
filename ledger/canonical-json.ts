import { LedgerError } from './error.ts';
import { unrepresentable, writeJson, type JsonProfile } from './json-form.ts';

/** A value of the strict profile, as records use it. */
export type CanonicalValue =
  | null
  | boolean
  | number
  | string
  | readonly CanonicalValue[]
  | { readonly [key: string]: CanonicalValue };

/** Containers inside each other, the record itself counts 1. */
const MAX_CANONICAL_DEPTH = 8;

/** Printable ASCII without quote and backslash: stands between quotes as it is. */
const PLAIN = /^[ !#-[\]-~]*$/;
const KEY = /^[a-z][a-z0-9_]*$/;
const CONTROL = /\p{Cc}/u; // U+0000 to U+001F, U+007F to U+009F

const STRICT: JsonProfile = {
  maxDepth: MAX_CANONICAL_DEPTH,
  numberText(value, at) {
    if (!Number.isSafeInteger(value)) unrepresentable('not a safe integer', at);
    if (Object.is(value, -0)) unrepresentable('negative zero', at);
    return String(value);
  },
  stringText(value, at) {
    if (PLAIN.test(value)) return `"${value}"`; // every string of a record; saves three looks
    if (!value.isWellFormed()) unrepresentable('lone surrogate', at);
    if (CONTROL.test(value)) unrepresentable('control character', at);
    return JSON.stringify(value);
  },
  keyText(key, at) {
    if (!KEY.test(key)) unrepresentable('key outside the profile', at);
    return `"${key}"`;
  },
};

const encoder = new TextEncoder();
// ignoreBOM keeps a byte order mark in the text, where it then fails to parse.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Writes a value in the strict profile of records: RFC 8785 with keys `^[a-z][a-z0-9_]*$`, safe
 * integers only, strings without control characters, at most 8 containers deep.
 *
 * @throws LedgerError VALUE_UNREPRESENTABLE
 * @source docs/record-format.md, section 2
 */
export function canonicalText(value: unknown): string {
  return writeJson(value, STRICT);
}

/** The UTF-8 bytes of {@link canonicalText}; no byte order mark, no newline at the end. */
export function canonicalBytes(value: unknown): Uint8Array {
  return encoder.encode(canonicalText(value));
}

/**
 * Reads bytes that came from outside and accepts only the one canonical form.
 *
 * One comparison rejects duplicate keys, other number forms, white space, needless escapes, other
 * key orders: writing the parsed value again must give the same text. Strict UTF-8 decoding maps
 * different bytes to different texts, so equal texts mean equal bytes.
 *
 * @throws LedgerError NOT_CANONICAL
 * @source docs/record-format.md, section 2
 */
export function parseCanonical(bytes: Uint8Array): CanonicalValue {
  let text: string;
  let value: unknown;
  let again: string;
  try {
    text = decoder.decode(bytes);
    value = JSON.parse(text);
    again = canonicalText(value);
  } catch (cause) {
    throw new LedgerError('NOT_CANONICAL', 'bytes are not canonical JSON', { cause });
  }
  if (again !== text) throw new LedgerError('NOT_CANONICAL', 'bytes are not the canonical form');
  return value as CanonicalValue; // canonicalText has just walked every part of it
}
