import { z } from 'zod';

import { fromBase64, toBase64 } from './base64.ts';
import { canonicalBytes, parseCanonical } from './canonical-json.ts';
import { HASH_BYTES } from './encoding.ts';
import { LedgerError } from './error.ts';
import {
  closed,
  commitPath,
  count,
  hex64,
  instant,
  ordinal,
  origin,
  softwareVersion,
  streamId,
} from './fields.ts';
import { jcs } from './jcs.ts';
import { PERSON_PATH } from './record.ts';

// The files of an evidence bundle: their names and the one form of each. Runs in a browser too.
// @source docs/evidence.md

export const BUNDLE_VERSION = 1;

/** Everything in the bundle but itself and the seal over it, which is made afterwards. */
export const MANIFEST = 'bundle.json';
export const HEAD_NOTE = 'head.note';
export const STREAM_HEAD_KEY = 'keys/stream-head.vkey';
/** References to people are the same in all records of a stream, so they are opened once. */
export const PEOPLE = 'openings/people.json';
export const BLOB_MARKS = 'blobs/index.json';
export const PAGE = 'index.html';
export const README = 'README.txt';
export const SEAL_RECORD = 'seal/export.json';
export const SEAL_PROOF = 'seal/export.tlog-proof';
export const SEAL_CONSISTENCY = 'seal/consistency.txt';

/** `seq` of a record, or the ordinal of a key: at least four digits. */
function numbered(folder: string, number: number, ending: string): string {
  return `${folder}/${String(number).padStart(4, '0')}.${ending}`;
}

export const recordPath = (at: number): string => numbered('records', at, 'json');
export const proofPath = (at: number): string => numbered('proofs', at, 'tlog-proof');
export const openingsPath = (seq: number): string => numbered('openings', seq, 'json');
export const keyRecordPath = (at: number): string => numbered('keys', at, 'json');
export const keyProofPath = (at: number): string => numbered('keys', at, 'tlog-proof');
export const blobPath = (sha256: string): string => `blobs/${sha256}`;
export const consistencyPath = (from: number, to: number): string =>
  `consistency/${from}-${to}.txt`;

/** The files of a bundle in their order: what stands behind each other here does so in the archive. */
const PLACES: readonly RegExp[] = [
  /^bundle\.json$/,
  /^records\/(\d{4,})\.json$/,
  /^proofs\/(\d{4,})\.tlog-proof$/,
  /^head\.note$/,
  /^keys\/stream-head\.vkey$/,
  /^keys\/(\d{4,})\.(?:json|tlog-proof)$/,
  /^openings\/people\.json$/,
  /^openings\/(\d{4,})\.json$/,
  /^blobs\/index\.json$/,
  /^blobs\/[0-9a-f]{64}$/,
  /^consistency\/\d+-\d+\.txt$/,
  /^index\.html$/,
  /^README\.txt$/,
  /^seal\/export\.json$/,
  /^seal\/export\.tlog-proof$/,
  /^seal\/consistency\.txt$/,
];

/** @returns the first path that no bundle has, or that stands in front of where it belongs; or null. */
export function misplacedPath(paths: readonly string[]): string | null {
  let last: readonly [number, number] = [0, 0];
  for (const path of paths) {
    const place = PLACES.findIndex((pattern) => pattern.test(path));
    const here = [place, Number(PLACES[place]?.exec(path)?.[1] ?? 0)] as const;
    if (here[0] < last[0] || (here[0] === last[0] && here[1] < last[1])) return path;
    last = here;
  }
  return null;
}

/** What the bundle is of, and every file of it. */
const manifestSchema = closed({
  v: z.literal(BUNDLE_VERSION),
  format: z.literal('countersign/evidence'),
  origin,
  /** stream of the request */
  request: streamId,
  /** of the tree that all proofs lead to */
  size: ordinal,
  root: hex64,
  records: ordinal,
  /** of the program that made it */
  software: softwareVersion,
  created: instant,
  /** `all`: everything that is kept; `shown`: what the product shows this reader anyway */
  disclosure: z.enum(['all', 'shown']),
  files: z.array(closed({ path: z.string().max(200), sha256: hex64, bytes: count })),
});
export type Manifest = z.infer<typeof manifestSchema>;

/** Why something is not here. `not_kept`, of contents only: only the digest was ever stored. */
const ABSENT = ['not_disclosed', 'erased', 'not_kept'] as const;

/** One commitment of a record, and what opens it. */
const openingSchema = z.discriminatedUnion('state', [
  closed({
    c: hex64,
    path: commitPath,
    state: z.literal('disclosed'),
    salt: hex64,
    value: z.string(),
  }),
  closed({ c: hex64, path: commitPath, state: z.enum(ABSENT) }),
]);
export type BundleOpening = z.infer<typeof openingSchema>;

/** One digest that records rest on, and whether its bytes are here. */
const blobMarkSchema = closed({
  sha256: hex64,
  state: z.enum(['disclosed', ...ABSENT]),
});
export type BlobMark = z.infer<typeof blobMarkSchema>;

const openingsSchema = z.array(openingSchema).min(1);
const blobMarksSchema = z.array(blobMarkSchema);

/** @throws LedgerError BUNDLE_FORMAT */
export function parseManifest(bytes: Uint8Array): Manifest {
  return checked(manifestSchema, canonicalValue(bytes), MANIFEST);
}

export function formatManifest(manifest: Manifest): Uint8Array {
  return canonicalBytes(manifestSchema.parse(manifest));
}

/** @throws LedgerError BUNDLE_FORMAT */
export function parseOpenings(bytes: Uint8Array, path: string): readonly BundleOpening[] {
  return checked(openingsSchema, jsonValue(bytes, path), path);
}

/** People write any text, so this is unrestricted RFC 8785. */
export function formatOpenings(openings: readonly BundleOpening[]): Uint8Array {
  return encoder.encode(jcs(openingsSchema.parse(openings)));
}

/** @throws LedgerError BUNDLE_FORMAT */
export function parseBlobMarks(bytes: Uint8Array): readonly BlobMark[] {
  return checked(blobMarksSchema, canonicalValue(bytes), BLOB_MARKS);
}

export function formatBlobMarks(marks: readonly BlobMark[]): Uint8Array {
  return canonicalBytes(blobMarksSchema.parse(marks));
}

/** Hashes of a consistency proof: one a line in base64, each line ended by LF. */
export function formatHashes(hashes: readonly Uint8Array[]): Uint8Array {
  return encoder.encode(hashes.map((hash) => `${toBase64(hash)}\n`).join(''));
}

/** @throws LedgerError PROOF_FORMAT */
export function parseHashes(bytes: Uint8Array): readonly Uint8Array[] {
  const lines = text(bytes, 'PROOF_FORMAT').split('\n');
  if (lines.pop() !== '') throw new LedgerError('PROOF_FORMAT', 'the last line does not end');
  return lines.map((line) => {
    const hash = fromBase64(line);
    if (hash?.length === HASH_BYTES) return hash;
    throw new LedgerError('PROOF_FORMAT', 'not a hash in base64');
  });
}

/** A verifier key as the one line of a file. @throws LedgerError KEY_FORMAT */
export function parseKeyLine(bytes: Uint8Array): string {
  const line = text(bytes, 'KEY_FORMAT');
  if (!line.endsWith('\n')) throw new LedgerError('KEY_FORMAT', 'not one line');
  return line.slice(0, -1);
}

export function isPersonPath(path: string): boolean {
  return path === PERSON_PATH;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function text(bytes: Uint8Array, code: 'BUNDLE_FORMAT' | 'PROOF_FORMAT' | 'KEY_FORMAT'): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new LedgerError(code, 'not UTF-8', { cause });
  }
}

function canonicalValue(bytes: Uint8Array): unknown {
  try {
    return parseCanonical(bytes);
  } catch (cause) {
    throw new LedgerError('BUNDLE_FORMAT', 'not canonical JSON', { cause });
  }
}

/** Written again it must be the same text: no key twice, no other form of a number. */
function jsonValue(bytes: Uint8Array, path: string): unknown {
  const written = text(bytes, 'BUNDLE_FORMAT');
  try {
    const value: unknown = JSON.parse(written);
    if (jcs(value) === written) return value;
  } catch (cause) {
    throw new LedgerError('BUNDLE_FORMAT', `not canonical JSON: ${path}`, { cause });
  }
  throw new LedgerError('BUNDLE_FORMAT', `not canonical JSON: ${path}`);
}

function checked<T>(schema: z.ZodType<T>, value: unknown, path: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new LedgerError('BUNDLE_FORMAT', `not of its form: ${path}`);
}
