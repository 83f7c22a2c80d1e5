import { sealRecords, type Draft, type StreamHead } from '../../../ledger/append.ts';
import { buildBundle, sealBundle, type RecordInTree } from '../../../ledger/bundle.ts';
import {
  formatManifest,
  MANIFEST,
  parseManifest,
  SEAL_CONSISTENCY,
  SEAL_PROOF,
  SEAL_RECORD,
  type BundleOpening,
  type Manifest,
} from '../../../ledger/bundle-format.ts';
import type { BundleReport, BundleTrust } from '../../../ledger/bundle-report.ts';
import { signCheckpoint } from '../../../ledger/checkpoint.ts';
import { fromHex, toHex } from '../../../ledger/encoding.ts';
import { leafHash, sha256, sha256Hex } from '../../../ledger/hash.ts';
import { consistencyProof, inclusionProof, treeRoot } from '../../../ledger/merkle.ts';
import type { Opening } from '../../../ledger/opening.ts';
import { commitmentsOf, parseRecord } from '../../../ledger/record.ts';
import { signStreamHead, streamHeadName } from '../../../ledger/stream-head.ts';
import { formatVerifierKey, noteVerifier } from '../../../ledger/verifier-key.ts';
import { verifyBundle } from '../../../ledger/verify-bundle.ts';
import { aContext, aDraft, digest, fixedRandom, OTHER_STREAM, STREAM } from './drafts.ts';
import { aSigningKey, bytesOf } from './log.ts';
import {
  bound,
  closed,
  decided,
  emptyChain,
  engine,
  extend,
  people,
  resolved,
  stageOpened,
  viewed,
  type Chain,
} from './story.ts';

export const BUNDLE_ORIGIN = aContext().log;
export const logKey = aSigningKey(BUNDLE_ORIGIN, 'a');
const headKey = aSigningKey(streamHeadName(BUNDLE_ORIGIN), 'b');

/** Contents whose digests the story's records name. */
const BLOBS = ['request', 'action', 'policy text', 'view'] as const;
const ref = (name: 'request' | 'action' | 'policy' | 'view', label: string) =>
  ({ name, sha256: digest(label), bytes: label.length }) as const;

export const requested = aDraft('requested', {
  actor: { type: 'agent', role: 'requester', c: people.agent.c },
  auth: { level: 0, method: 'api_key', proof: null },
  policy: null,
  refs: [ref('request', 'request'), ref('action', 'action')],
  body: { on_behalf_of_c: people.dana.c, accountable_c: null, owner_c: null },
});
const policy = { ...bound, refs: [ref('policy', 'policy text')] } as Draft;

/** Asked, bound, opened, seen, approved by two, closed. */
export function theStory(): Chain {
  return extend(
    emptyChain,
    requested,
    policy,
    stageOpened,
    { ...viewed(people.eve), refs: [ref('view', 'view')] } as Draft,
    decided(people.eve),
    viewed(people.omar),
    decided(people.omar, { body: { approvals: 2 } }),
    resolved,
    closed,
  );
}

export const story = theStory();
export const storyBytes = story.records.map((record) => record.bytes);

export type Log = {
  readonly leaves: readonly Uint8Array[];
  readonly tree: (size: number) => { readonly size: number; readonly root: Uint8Array };
  readonly checkpoint: (size: number) => Promise<Uint8Array>;
  readonly place: (index: number, size: number) => RecordInTree;
  readonly growth: (from: number, to: number) => readonly Uint8Array[];
};

/** A log of these records, in this order, signed with the log's key. */
export function logOf(leaves: readonly Uint8Array[], key = logKey): Log {
  const hashes = leaves.map((bytes) => fromHex(leafHash(bytes)));
  const tree = (size: number) => ({ size, root: treeRoot(hashes.slice(0, size), sha256) });
  return {
    leaves,
    tree,
    checkpoint: (size) => signCheckpoint({ origin: key.name, ...tree(size) }, [key]),
    place: (index, size) => ({
      bytes: leaves[index] ?? new Uint8Array(),
      index,
      hashes: inclusionProof(hashes.slice(0, size), index, sha256),
    }),
    growth: (from, to) => consistencyProof(hashes.slice(0, to), from, sha256),
  };
}

export type BundleChange = {
  /** what the operator sealed, whatever it is */
  readonly records?: readonly Uint8Array[];
  readonly key?: typeof logKey;
  readonly openings?: readonly (Opening & { readonly seq: number })[];
  /** what becomes of a commitment; disclosed where nothing is said */
  readonly mark?: (path: string, seq: number) => BundleOpening['state'];
  readonly blobMark?: (label: string) => BundleOpening['state'];
  /** sizes that the reader holds a checkpoint of */
  readonly since?: readonly number[];
  /** another place for the head that is stated */
  readonly head?: { readonly seq: number; readonly leafHash: string };
  readonly page?: string;
  /** labels of the contents in it */
  readonly blobs?: readonly string[];
};

const decoder = new TextDecoder();

/** The record in which the installation takes the key of stream heads into use. */
function keyRecord(): Uint8Array {
  const draft = aDraft('key_rotated', {
    ...engine,
    policy: null,
    body: {
      use: 'stream_head',
      phase: 'activated',
      old_digest: null,
      new_digest: sha256Hex(formatVerifierKey(headKey.verifierKey)),
      old_key_id: null,
      new_key_id: headKey.keyId,
      signature: null,
      size: 0,
      person_c: null,
    },
  });
  const context = aContext({ stream: OTHER_STREAM, randomBytes: fixedRandom('system') });
  return sealRecords(null, [draft], context).records[0]?.bytes ?? new Uint8Array();
}

/** Where the story's records stand in the log: behind a key, with a stranger between them. */
const FIRST = 2;

/** A whole bundle: true in every part, whatever the records say. */
export async function aBundle(change: BundleChange = {}): Promise<Map<string, Uint8Array>> {
  const records = change.records ?? storyBytes;
  const before = [keyRecord(), bytesOf('a stranger'), ...records];
  const size = before.length;
  const key = change.key ?? logKey;
  const log = logOf(before, key);
  const { root } = log.tree(size);
  const last: StreamHead = { ...(change.head ?? headOf(records)), ts: null };
  const places = records.map((_, at) => log.place(FIRST + at, size));
  const unsealed = await buildBundle(
    {
      about: {
        origin: key.name,
        request: STREAM,
        size,
        root: toHex(root),
        software: '0.1.0',
        created: '2026-11-21T09:00:00.000Z',
        disclosure: 'all',
      },
      checkpoint: await log.checkpoint(size),
      records: places,
      head: await signStreamHead(
        {
          origin: BUNDLE_ORIGIN,
          size,
          root,
          stream: STREAM,
          seq: last.seq,
          leafHash: last.leafHash,
        },
        headKey,
      ),
      streamHeadKey: {
        verifierKey: formatVerifierKey(headKey.verifierKey),
        records: [log.place(0, size)],
      },
      people: openingsOf(records, change, true).map(({ seq: _seq, ...opening }) => opening),
      openings: bySeq(records, change),
      blobs: (change.blobs ?? BLOBS).map((label) => {
        const state = change.blobMark?.(label) ?? 'disclosed';
        const mark = { sha256: digest(label), state };
        return { mark, bytes: state === 'disclosed' ? bytesOf(label) : null };
      }),
      consistency: (change.since ?? []).map((from) => ({
        from,
        to: size,
        hashes: log.growth(from, size),
      })),
      page: () => bytesOf(change.page ?? '<!doctype html><title>for people</title>'),
    },
    sha256,
  );
  const sealed = sealRecords(
    last,
    [exportDraft(unsealed.manifest, { size, root, last, records })],
    {
      ...aContext({ ts: '2026-11-21T09:00:01.000Z', randomBytes: fixedRandom('seal') }),
    },
  );
  const newer = logOf(
    [...before, sealed.records[0]?.bytes ?? new Uint8Array(), bytesOf('later')],
    key,
  );
  const end = size + 2;
  const checkpoint = await newer.checkpoint(end);
  const consistency = newer.growth(size, end);
  return new Map(sealBundle(unsealed, { ...newer.place(size, end), checkpoint, consistency }));
}

function exportDraft(
  manifest: Uint8Array,
  about: {
    readonly size: number;
    readonly root: Uint8Array;
    readonly last: StreamHead;
    readonly records: readonly Uint8Array[];
  },
): Draft {
  return aDraft('exported', {
    body: {
      what: 'evidence',
      sha256: sha256Hex(manifest),
      bytes: manifest.length,
      records: about.records.length,
      size: about.size,
      root: toHex(about.root),
      head_seq: about.last.seq,
      head_leaf: about.last.leafHash,
      from: null,
      until: null,
    },
  });
}

function headOf(records: readonly Uint8Array[]): StreamHead {
  const last = records.at(-1) ?? new Uint8Array();
  return { seq: records.length - 1, leafHash: leafHash(last), ts: null };
}

function bySeq(
  records: readonly Uint8Array[],
  change: BundleChange,
): ReadonlyMap<number, readonly BundleOpening[]> {
  const groups = Map.groupBy(openingsOf(records, change, false), ({ seq }) => seq);
  return new Map([...groups].map(([seq, all]) => [seq, all.map(({ seq: _seq, ...one }) => one)]));
}

type PlacedOpening = BundleOpening & { readonly seq: number };

/** Every commitment of the records, each once, opened where the story knows how. */
function openingsOf(
  records: readonly Uint8Array[],
  change: BundleChange,
  ofPeople: boolean,
): readonly PlacedOpening[] {
  const known = new Map(
    [...Object.values(people), ...(change.openings ?? story.openings)].map((one) => [one.c, one]),
  );
  const found = new Map<string, PlacedOpening>();
  for (const { seq, path, c } of records.flatMap(namedIn)) {
    if ((path === 'person') !== ofPeople) continue;
    const place = ofPeople ? c : `${seq}/${path}`;
    if (found.has(place)) continue;
    const state = change.mark?.(path, seq) ?? 'disclosed';
    const opening = state === 'disclosed' ? known.get(c) : undefined;
    const absent = state === 'disclosed' ? 'not_disclosed' : state;
    found.set(
      place,
      opening === undefined
        ? { seq, c, path, state: absent }
        : { seq, c, path, state: 'disclosed', salt: opening.salt, value: opening.value },
    );
  }
  return [...found.values()];
}

function namedIn(bytes: Uint8Array): readonly { seq: number; path: string; c: string }[] {
  try {
    const record = parseRecord(bytes);
    return commitmentsOf(record).map(({ path, c }) => ({ seq: record.seq, path, c }));
  } catch {
    return []; // unreadable on purpose
  }
}

/** What a cheater without any key can still do: write the list of files anew. */
export function relisted(
  files: ReadonlyMap<string, Uint8Array>,
  change: Partial<Manifest> = {},
): Map<string, Uint8Array> {
  const before = parseManifest(files.get(MANIFEST) ?? new Uint8Array());
  const unlisted = [MANIFEST, SEAL_RECORD, SEAL_PROOF, SEAL_CONSISTENCY];
  const listed = [...files]
    .filter(([path]) => !unlisted.includes(path))
    .map(([path, bytes]) => ({ path, bytes: bytes.length, sha256: sha256Hex(bytes) }));
  return new Map(files).set(MANIFEST, formatManifest({ ...before, files: listed, ...change }));
}

export async function trustOf(change: Partial<BundleTrust> = {}): Promise<BundleTrust> {
  return { origin: BUNDLE_ORIGIN, logKeys: [await noteVerifier(logKey.verifierKey)], ...change };
}

export async function verifyFiles(
  files: ReadonlyMap<string, Uint8Array>,
  change: Partial<BundleTrust> = {},
): Promise<BundleReport> {
  return verifyBundle({ files, trust: await trustOf(change), sha256 });
}

/** `CODE@seq` of the first problem, or the verdict. */
export function nameOf(report: BundleReport): string {
  const first = report.problems[0];
  return first === undefined ? report.verdict : `${first.code}@${first.seq ?? '-'}`;
}

export const asText = (files: ReadonlyMap<string, Uint8Array>, path: string): string =>
  decoder.decode(files.get(path));
