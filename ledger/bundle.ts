import {
  BLOB_MARKS,
  blobPath,
  BUNDLE_VERSION,
  consistencyPath,
  formatBlobMarks,
  formatHashes,
  formatManifest,
  formatOpenings,
  HEAD_NOTE,
  keyProofPath,
  keyRecordPath,
  MANIFEST,
  openingsPath,
  PAGE,
  PEOPLE,
  proofPath,
  README,
  recordPath,
  SEAL_CONSISTENCY,
  SEAL_PROOF,
  SEAL_RECORD,
  STREAM_HEAD_KEY,
  type BlobMark,
  type BundleOpening,
  type Manifest,
} from './bundle-format.ts';
import { bundleReadme } from './bundle-readme.ts';
import { toHex, type Sha256 } from './encoding.ts';
import { formatTlogProof } from './tlog-proof.ts';
import type { BundleFiles } from './zip.ts';

// Puts an evidence bundle together. What may be in it for whom is decided by the caller; how it is
// checked stands in `verify-bundle.ts`.
// @source ledger design 3.14; docs/evidence.md

/** The exact bytes of a record and its way to the root. */
export type RecordInTree = {
  readonly bytes: Uint8Array;
  /** in the log, from 0 */
  readonly index: number;
  /** from the leaf upwards */
  readonly hashes: readonly Uint8Array[];
};

export type ConsistencyInBundle = {
  readonly from: number;
  readonly to: number;
  readonly hashes: readonly Uint8Array[];
};

export type BundleContent = {
  readonly about: Pick<
    Manifest,
    'origin' | 'request' | 'size' | 'root' | 'software' | 'created' | 'disclosure'
  >;
  /** the signed note that all proofs lead to */
  readonly checkpoint: Uint8Array;
  /** the whole stream in that tree, from 0 on */
  readonly records: readonly RecordInTree[];
  /** the stream-head statement for that tree */
  readonly head: Uint8Array;
  readonly streamHeadKey: {
    /** as one line, without its end */
    readonly verifierKey: string;
    /** `key_rotated` records that vouch for it */
    readonly records: readonly RecordInTree[];
  };
  readonly people: readonly BundleOpening[];
  /** by `seq` */
  readonly openings: ReadonlyMap<number, readonly BundleOpening[]>;
  readonly blobs: readonly { readonly mark: BlobMark; readonly bytes: Uint8Array | null }[];
  readonly consistency: readonly ConsistencyInBundle[];
  /** makes `index.html` from all files that it can hold */
  readonly page: (files: BundleFiles) => Uint8Array;
};

/** A bundle without its seal: the digest of the manifest is what the log seals. */
export type UnsealedBundle = { readonly files: BundleFiles; readonly manifest: Uint8Array };

/**
 * Lays the files out, in their fixed order, and lists them.
 *
 * @throws LedgerError where a file would not be read again.
 */
export async function buildBundle(content: BundleContent, sha256: Sha256): Promise<UnsealedBundle> {
  const { about } = content;
  const files = contentFiles(content);
  files.set(PAGE, content.page(new Map(files)));
  files.set(README, encoder.encode(bundleReadme(about)));
  const listed: Manifest['files'] = [];
  for (const [path, bytes] of files) {
    listed.push({ path, bytes: bytes.length, sha256: toHex(await sha256(bytes)) });
  }
  const records = content.records.length;
  const manifest = formatManifest({
    ...about,
    v: BUNDLE_VERSION,
    format: 'countersign/evidence',
    records,
    files: listed,
  });
  return { manifest, files: new Map([[MANIFEST, manifest], ...files]) };
}

function contentFiles(content: BundleContent): Map<string, Uint8Array> {
  const { records, streamHeadKey, checkpoint } = content;
  const proof = ({ index, hashes }: RecordInTree): Uint8Array =>
    formatTlogProof({ index, hashes, checkpoint, extra: null });
  const files = new Map<string, Uint8Array>();
  for (const [seq, record] of records.entries()) files.set(recordPath(seq), record.bytes);
  for (const [seq, record] of records.entries()) files.set(proofPath(seq), proof(record));
  files.set(HEAD_NOTE, content.head);
  files.set(STREAM_HEAD_KEY, encoder.encode(`${streamHeadKey.verifierKey}\n`));
  for (const [at, record] of streamHeadKey.records.entries()) {
    files.set(keyRecordPath(at), record.bytes);
    files.set(keyProofPath(at), proof(record));
  }
  if (content.people.length > 0) files.set(PEOPLE, formatOpenings(content.people));
  for (const [seq, openings] of content.openings) {
    if (openings.length > 0) files.set(openingsPath(seq), formatOpenings(openings));
  }
  files.set(BLOB_MARKS, formatBlobMarks(content.blobs.map(({ mark }) => mark)));
  for (const { mark, bytes } of content.blobs) {
    if (bytes !== null) files.set(blobPath(mark.sha256), bytes);
  }
  for (const { from, to, hashes } of content.consistency) {
    files.set(consistencyPath(from, to), formatHashes(hashes));
  }
  return files;
}

/** The `exported` record that seals the manifest, in a newer tree that continues the bundle's. */
export type BundleSeal = RecordInTree & {
  readonly checkpoint: Uint8Array;
  /** from the bundle's tree to the seal's */
  readonly consistency: readonly Uint8Array[];
};

/** The whole bundle, ready for `writeZip`. */
export function sealBundle({ files }: UnsealedBundle, seal: BundleSeal): BundleFiles {
  const { bytes, index, hashes, checkpoint, consistency } = seal;
  return new Map([
    ...files,
    [SEAL_RECORD, bytes],
    [SEAL_PROOF, formatTlogProof({ index, hashes, checkpoint, extra: null })],
    [SEAL_CONSISTENCY, formatHashes(consistency)],
  ]);
}

const encoder = new TextEncoder();
