/**
 * What can go wrong in the ledger, and what the caller should do about it.
 *
 * - `VALUE_UNREPRESENTABLE` a value has no form in the profile (NaN, a class instance, a control
 *   character, too deep). A mistake of the caller, or outside input that was not checked: refuse it
 *   at the edge; never retry.
 * - `NOT_CANONICAL` bytes are not the one byte form of what they say. Treat them as forged.
 * - `SCHEMA` a record or a draft does not fit the closed schema of its kind. A mistake of the
 *   caller; never retry.
 * - `RECORD_TOO_LARGE` the record would exceed 16 KiB. Move content into blobs and name them in `refs`.
 * - `RECORD_CONFLICT` this command key was used for other content. Permanent: the first record
 *   stays; seal an `incident`.
 * - `HEAD_MOVED` other writers kept extending the stream. Nothing was stored: retry the whole step.
 * - `STREAM_CORRUPT` what the store returned contradicts itself. Stop writing and run the verifier.
 * - `PROOF_FORMAT` sizes, indexes or hashes of a Merkle proof are impossible. Refuse the proof.
 */
export type LedgerErrorCode =
  | 'VALUE_UNREPRESENTABLE'
  | 'NOT_CANONICAL'
  | 'SCHEMA'
  | 'RECORD_TOO_LARGE'
  | 'RECORD_CONFLICT'
  | 'HEAD_MOVED'
  | 'STREAM_CORRUPT'
  | 'PROOF_FORMAT';

/**
 * A fault of the ledger. Callers compare `code`, never the message. Messages name places (field
 * paths, sequence numbers), never values, so that they can be logged.
 */
export class LedgerError extends Error {
  readonly code: LedgerErrorCode;

  constructor(code: LedgerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LedgerError';
    this.code = code;
  }
}
