import { z } from 'zod';

import {
  closed,
  codeId,
  count,
  hex64,
  instant,
  nameId,
  noteKeyId,
  opaqueId,
  person_c,
  seconds,
  severity,
  signature,
  softwareVersion,
  streamId,
} from './fields.ts';

// The log and the installation watching themselves.
// @source docs/record-format.md, section 6.6

/** The log and the installation. */
export const systemBodies = {
  log_changed: closed({
    change: z.enum(['opened', 'frozen', 'continued']),
    /** SHA-256 of the log's C2SP verifier key as text, without a newline */
    key_digest: hex64.nullable(),
    size: count,
    root: hex64.nullable(),
    /** SHA-256 of the last checkpoint of the log that this one continues */
    predecessor_digest: hex64.nullable(),
  }),
  heartbeat: closed({
    /** of the tree, as it was signed last */
    size: count,
    root: hex64.nullable(),
    silent_seconds: seconds,
    /** records that wait for their place */
    queued: count.nullable(),
  }),
  self_check: closed({
    scope: z.enum(['full', 'incremental', 'restore', 'drill', 'pre_audit']),
    result: z.enum(['passed', 'failed', 'incomplete']),
    records: count,
    streams: count.nullable(),
    size: count,
    root: hex64.nullable(),
    checkpoints: count.nullable(),
    problems: count,
    /** the first problem: its code and where it is */
    code: codeId.nullable(),
    about_stream: streamId.nullable(),
    about_seq: count.nullable(),
    about_index: count.nullable(),
    /** of a drill: attacks tried and attacks found */
    planted: count.nullable(),
    found: count.nullable(),
    took_seconds: seconds,
  }),
  key_rotated: closed({
    use: z.enum(['log', 'stream_head', 'receipt', 'webhook', 'encryption', 'session']),
    phase: z.enum(['added', 'activated', 'retired', 'destroyed', 'compromised']),
    algorithm: z.enum(['ed25519', 'ml_dsa_44', 'p256', 'hmac_sha256', 'aes_256_gcm']),
    /**
     * SHA-256: for `log` and `stream_head` of the C2SP verifier key as text, without a newline; else
     * of the public key's SubjectPublicKeyInfo, or of the key's name where there is no public part
     */
    old_digest: hex64.nullable(),
    new_digest: hex64.nullable(),
    old_key_id: noteKeyId.nullable(),
    new_key_id: noteKeyId.nullable(),
    /** by the old key over the new verifier key as text, in UTF-8, without a newline; so no note's text */
    signature: signature.nullable(),
    /** of the tree when it took effect: keys are bound to ranges of sizes */
    size: count,
    person_c: person_c.nullable(),
  }),
  incident: closed({
    incident: opaqueId.nullable(),
    change: z.enum(['detected', 'opened', 'updated', 'closed']),
    code: z.enum([
      'RECORD_CONFLICT',
      'UNKNOWN_COMMAND',
      'WORKFLOW_ENDED',
      'CLOCK_JUMP',
      'CHAIN_BROKEN',
      'RECORD_MISSING',
      'RECORD_CHANGED',
      'PROJECTION_MISMATCH',
      'TREE_MISMATCH',
      'CHECKPOINT_MISMATCH',
      'ROLLBACK',
      'FORK',
      'GUARD_DISABLED',
      'SIGNER_REFUSED',
      'WITNESS_REFUSED',
      'SELF_CHECK_FAILED',
      'STATE_LOST',
      'KEY_COMPROMISED',
      'CREDENTIAL_MISUSED',
      'REQUEST_REPLAYED',
      'RECEIPT_MISUSED',
      'EXECUTED_UNAPPROVED',
      'COMPLETENESS_GAP',
      'RULE_BYPASSED',
      'DATA_LEAKED',
      'MODEL_FAILED',
      'PROMPT_INJECTION',
      'REPORTED',
    ]),
    severity,
    /** the AI system concerned, as the register names it */
    system: nameId.nullable(),
    about_stream: streamId.nullable(),
    about_seq: count.nullable(),
    about_index: count.nullable(),
    /** what was expected and what was found: leaf hashes, roots, digests of our own data */
    expected: hex64.nullable(),
    found: hex64.nullable(),
    person_c: person_c.nullable(),
  }),
  /** A checkpoint was confirmed by somebody else's clock or witness. */
  anchored: closed({
    by: z.enum(['witness', 'timestamp', 'publication']),
    /** which one, as the register names it */
    name: nameId,
    size: count,
    root: hex64,
    at: instant,
    /** SHA-256 of the token or of the cosignature line */
    proof: hex64.nullable(),
  }),
  /** Records were compared with a second source. */
  reconciled: closed({
    source: z.enum(['temporal', 'executor', 'projection', 'export', 'keys']),
    from: instant,
    until: instant,
    matched: count,
    exceptions: count,
    /** SHA-256 of the list of exceptions */
    digest: hex64.nullable(),
  }),
  /** A file changed registers; its digest is a commitment, since files name people [file_digest]. */
  imported: closed({
    of: z.enum(['people', 'roles', 'vendors', 'evidence', 'systems', 'policies', 'trainings']),
    rows: count,
    applied: count,
    unchanged: count,
    refused: count,
    dry_run: z.boolean(),
  }),
  /** The program or its data changed version. */
  software_changed: closed({
    before: softwareVersion.nullable(),
    after: softwareVersion,
    migrations: count,
    build_digest: hex64.nullable(),
  }),
} as const;
