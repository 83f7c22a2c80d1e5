import { unrepresentable, writeJson, type JsonProfile } from './json-form.ts';

/** Containers inside each other, the outermost counts 1. */
const MAX_JCS_DEPTH = 64;

const RFC_8785: JsonProfile = {
  maxDepth: MAX_JCS_DEPTH,
  numberText(value, at) {
    if (!Number.isFinite(value)) unrepresentable('number is not finite', at);
    return JSON.stringify(value); // ECMAScript's number form is the one RFC 8785 prescribes
  },
  stringText(value, at) {
    if (!value.isWellFormed()) unrepresentable('lone surrogate', at);
    return JSON.stringify(value); // escapes what RFC 8785 3.2.2.2 escapes, and nothing else
  },
  keyText(key, at) {
    if (!key.isWellFormed()) unrepresentable('lone surrogate in a key', at);
    return JSON.stringify(key);
  },
};

/**
 * Writes any JSON value of a user in the form of RFC 8785 (JCS): all keys, all finite numbers
 * (`-0` becomes `0`), all well-formed strings. What `actionDigest` and `contentDigest` are computed
 * over; records themselves use the stricter `canonicalText`.
 *
 * @returns the text; its digest is taken over the UTF-8 bytes.
 * @throws LedgerError VALUE_UNREPRESENTABLE for NaN, infinities, undefined, lone surrogates, class
 *         instances, holes, symbols, more than 64 containers inside each other, cycles.
 * @source RFC 8785
 */
export function jcs(value: unknown): string {
  return writeJson(value, RFC_8785);
}
