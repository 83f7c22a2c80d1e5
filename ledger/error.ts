/**
 * What can go wrong in the ledger, and what the caller should do about it.
 *
 * - `VALUE_UNREPRESENTABLE` a value has no form in the profile (NaN, a class instance, a control
 *   character, too deep). A mistake of the caller, or outside input that was not checked: refuse it
 *   at the edge; never retry.
 * - `NOT_CANONICAL` bytes are not the one byte form of what they say. Treat them as forged.
 * - `SCHEMA` a record or a draft does not fit the closed schema of its kind. A mistake of the
 *   caller; never retry.
 * - `STREAM_MISMATCH` a kind of record that has no place in such a stream. A mistake of the caller;
 *   never retry.
 * - `RECORD_TOO_LARGE` the record would exceed 16 KiB. Move content into blobs and name them in `refs`.
 * - `RECORD_CONFLICT` this command key was used for other content. Permanent: the first record
 *   stays; seal an `incident`.
 * - `HEAD_MOVED` other writers kept extending the stream. Nothing was stored: retry the whole step.
 * - `STREAM_CORRUPT` what the store returned contradicts itself. Stop writing and run the verifier.
 * - `PROOF_FORMAT` sizes, indexes or hashes of a Merkle proof are impossible. Refuse the proof.
 * - `NOTE_FORMAT` bytes are not a signed note, or its text is not the one form of what it says
 *   (checkpoint, stream head). Refuse the note.
 * - `NOTE_SIGNATURE` the signature of a known key does not fit the text. Treat the note as forged.
 * - `UNKNOWN_KEY` no key that the reader trusts for it has signed the note. Ask for another copy, or
 *   for the log's new verifier key through a channel already trusted; never take a key from the note.
 * - `KEY_FORMAT` a verifier key or a signing key is malformed, of another algorithm, or contradicts
 *   its own id. A mistake in the settings: stop at start.
 * - `ORIGIN_MISMATCH` a true note of another log, or a key named for another log.
 * - `TILE_FORMAT` a tile, an entry bundle or the path of one has an impossible form, or a store did
 *   not return the tiles that its size demands.
 * - `TLOG_PROOF_FORMAT` bytes are not a tlog-proof. Refuse the proof.
 * - `BUNDLE_FORMAT` bytes are not an evidence bundle: not this form of ZIP, unsafe or repeated paths,
 *   files that are missing, unlisted or of another form. Refuse the bundle.
 * - `SIGNER_REFUSED` the log is not what the signer signed last and something more: another log, a
 *   smaller or a forked one, or the signer has lost its memory. Stop, and find out who changed what.
 */
export type LedgerErrorCode =
  | 'VALUE_UNREPRESENTABLE'
  | 'NOT_CANONICAL'
  | 'SCHEMA'
  | 'STREAM_MISMATCH'
  | 'RECORD_TOO_LARGE'
  | 'RECORD_CONFLICT'
  | 'HEAD_MOVED'
  | 'STREAM_CORRUPT'
  | 'PROOF_FORMAT'
  | 'NOTE_FORMAT'
  | 'NOTE_SIGNATURE'
  | 'UNKNOWN_KEY'
  | 'KEY_FORMAT'
  | 'ORIGIN_MISMATCH'
  | 'TILE_FORMAT'
  | 'TLOG_PROOF_FORMAT'
  | 'BUNDLE_FORMAT'
  | 'SIGNER_REFUSED';

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
