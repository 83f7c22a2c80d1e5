import { createHmac, hash } from 'node:crypto';

import { commitmentInput, leafInput, nodeInput, partsInput } from './encoding.ts';
import { jcs } from './jcs.ts';

// Digests with Node's own crypto. Every result that travels as text is 64 lower-case hex characters.

/** SHA-256, 32 bytes. Fits where a `Sha256` is asked for. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer');
}

/** SHA-256 of bytes, or of the UTF-8 of a text, as hex. */
export function sha256Hex(data: Uint8Array | string): string {
  return hash('sha256', data, 'hex');
}

/**
 * The RFC 6962 leaf hash of a record: its id, its link in the chain and its leaf in the tree.
 *
 * @param bytes the exact bytes of the record.
 * @source RFC 6962 section 2.1
 */
export function leafHash(bytes: Uint8Array): string {
  return hash('sha256', leafInput(bytes), 'hex');
}

/** The RFC 6962 hash of an inner node. @source RFC 6962 section 2.1 */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return hash('sha256', nodeInput(left, right), 'buffer');
}

/**
 * A salted commitment to a value that must stay erasable.
 *
 * @param path what the value is (`comment`, `person`); binds the commitment to its place.
 * @param value the text itself; structured values as their RFC 8785 text.
 * @param salt 32 random bytes, kept only beside the value.
 * @throws LedgerError VALUE_UNREPRESENTABLE
 * @source docs/record-format.md, section 4
 */
export function commitment(path: string, value: string, salt: Uint8Array): string {
  return hash('sha256', commitmentInput(path, value, salt), 'hex');
}

/**
 * The idempotency key of one record: the same scope and step always give the same key.
 *
 * @param scope what happens once: a command id, an external event id.
 * @param step which record of it, the same in every run: `decided`, `resolved`, `stage_opened/1`.
 * @source docs/record-format.md, section 3
 */
export function commandKey(scope: string, step: string): string {
  return hash('sha256', partsInput('countersign/command/v1', [scope, step]), 'hex');
}

/**
 * SHA-256 over the RFC 8785 form of a user's JSON value: `actionDigest`, `contentDigest`.
 *
 * @throws LedgerError VALUE_UNREPRESENTABLE
 * @source RFC 8785
 */
export function jsonDigest(value: unknown): string {
  return hash('sha256', jcs(value), 'hex');
}

/** HMAC-SHA-256 over length-separated parts, as hex. */
export function keyedDigest(key: Uint8Array, label: string, parts: readonly string[]): string {
  return createHmac('sha256', key).update(partsInput(label, parts)).digest('hex');
}
