import { hash } from 'node:crypto';

import { SALT_BYTES } from './encoding.ts';
import { LedgerError } from './error.ts';
import { commitPath } from './fields.ts';
import { keyedDigest, sha256Hex } from './hash.ts';
import { makeOpening, type Opening } from './opening.ts';
import { secureRandomBytes } from './random.ts';
import { belongsIn, streamTypeOf, type StreamType } from './streams.ts';
import {
  contextSchema,
  MAX_LIST,
  MAX_RECORD_BYTES,
  RECORD_VERSION,
  rightCommits,
  schemaFault,
  spokenSchemas,
  type Actor,
  type Anchor,
  type Auth,
  type BlobRef,
  type Commit,
  type RecordBody,
  type RecordKind,
  type Surface,
} from './record.ts';

/** A value that must stay erasable: it goes to the encrypted side store, its commitment is sealed. */
export type Erasable = {
  /** what it is, unique within the record: `rationale`, `reason`, `client.ip` */
  readonly path: string;
  /** the text itself; structured values as their RFC 8785 text */
  readonly value: string;
};

/** What a caller fills in of a body; append itself counts for `closed`. */
export type DraftBody<K extends RecordKind> = K extends 'closed'
  ? Readonly<Record<never, never>>
  : Readonly<RecordBody<K>>;

/** One record to be, as the caller knows it. */
export type DraftOf<K extends RecordKind> = {
  readonly kind: K;
  /** idempotency key, see `commandKey`; unique within the stream */
  readonly cmd: string;
  readonly actor: Actor;
  readonly auth: Auth;
  readonly surface: Surface;
  /** `<policy id>@<version>` in force, or null */
  readonly policy: string | null;
  readonly body: DraftBody<K>;
  /** blobs this record rests on; none where absent */
  readonly refs?: readonly BlobRef[];
  /** none where absent */
  readonly erasable?: readonly Erasable[];
};
export type Draft = { [K in RecordKind]: DraftOf<K> }[RecordKind];

/** The last record of a stream. */
export type StreamHead = {
  readonly seq: number;
  readonly leafHash: string;
  /** its `ts`, so that time never runs backwards in a stream; null where the caller cannot tell */
  readonly ts: string | null;
};

/** What is the same for a whole batch. */
export type SealContext = {
  /** origin of the log */
  readonly log: string;
  readonly stream: string;
  /** what the stream is about; absent where the caller cannot tell, and only the head could */
  readonly about?: StreamType;
  /** now, RFC 3339 UTC with milliseconds; where the head is later, the head's `ts` is sealed */
  readonly ts: string;
  /** version of the writing program */
  readonly software: string;
  /** newest checkpoint known; none where absent */
  readonly anchor?: Anchor | null;
  /**
   * 32 secret bytes kept outside the records. With it erasable values count when a repeated command
   * is compared with the first one; without it only their paths do, because an unkeyed digest of a
   * short personal value could be guessed.
   */
  readonly inputKey?: Uint8Array | null;
  /** source of nonces and salts; Node's own where absent. Tests and vectors pass a fixed one. */
  readonly randomBytes?: (size: number) => Uint8Array;
};

/** A record as it is stored. Hashes are 64 lower-case hex characters. */
export type SealedRecord = {
  readonly stream: string;
  readonly seq: number;
  readonly kind: RecordKind;
  readonly ts: string;
  readonly cmd: string;
  /** digest of what the caller said, without `ts`, `nonce`, `prev`, salts and program version */
  readonly inputHash: string;
  readonly leafHash: string;
  /** null only where `seq` is 0 */
  readonly prev: string | null;
  /** the exact bytes: store them as they are */
  readonly bytes: Uint8Array;
};

/** The opening of an entry of a record's `commits`. */
export type RecordOpening = Opening & { readonly stream: string; readonly seq: number };

export type SealedBatch = {
  readonly records: readonly SealedRecord[];
  readonly openings: readonly RecordOpening[];
  /** null only for an empty batch on an empty stream */
  readonly head: StreamHead | null;
};

/** One batch at work: checked context, its random bytes, the openings made so far. */
type Batch = {
  readonly context: SealContext & { readonly anchor: Anchor | null };
  readonly takeHex: () => string;
  readonly openings: RecordOpening[];
};

/** The part of a draft that its schema has checked, members in sorted order. */
type Spoken = Pick<Draft, 'actor' | 'auth' | 'body' | 'cmd' | 'policy' | 'surface'> & {
  readonly refs: readonly BlobRef[];
};

const NOTHING: readonly never[] = [];

/**
 * Turns drafts into sealed records that continue a stream. Pure but for the random bytes: the
 * caller holds the stream's head under a lock, and stores records and openings in one commit.
 *
 * @param head the newest record of the stream, null where there is none.
 * @param drafts in order; each becomes one record.
 * @throws LedgerError STREAM_MISMATCH for a kind that has no place there; SCHEMA, RECORD_TOO_LARGE, VALUE_UNREPRESENTABLE; RECORD_CONFLICT where two
 *         drafts share a command key. Nothing is partly sealed.
 * @source docs/record-format.md, sections 3 to 5
 */
export function sealRecords(
  head: StreamHead | null,
  drafts: readonly Draft[],
  context: SealContext,
): SealedBatch {
  assertAtHome(head, drafts, context.about);
  const batch = openBatch(head, drafts, context);
  const records: SealedRecord[] = [];
  let last = head;
  for (const draft of drafts) {
    const record = sealOne(last, draft, batch);
    records.push(record);
    last = { seq: record.seq, leafHash: record.leafHash, ts: record.ts };
  }
  return { records, openings: batch.openings, head: last };
}

/**
 * The digest by which a repeated command is recognised: equal for the same act, whenever it is
 * sealed and by whichever version of the program.
 *
 * @throws LedgerError SCHEMA, VALUE_UNREPRESENTABLE
 * @source docs/record-format.md, section 3
 */
export function inputHashOf(
  draft: Draft,
  context: Pick<SealContext, 'log' | 'stream' | 'inputKey'>,
): string {
  return inputHash(draft, textsOf(checkDraft(draft, 0)), context);
}

/** A record in a stream of another kind would be refused by every verifier, and for ever. */
function assertAtHome(
  head: StreamHead | null,
  drafts: readonly Draft[],
  about: StreamType | undefined,
): void {
  if (about === undefined) return;
  const known = drafts.filter(({ kind }) => spokenSchemas.has(kind)); // others are refused as such
  const stray = known.find(({ kind }) => !belongsIn(kind, about));
  const [first] = head === null ? known : [];
  const wrong = stray ?? (first && streamTypeOf(first.kind) !== about ? first : undefined);
  if (wrong !== undefined)
    throw new LedgerError('STREAM_MISMATCH', `no "${wrong.kind}" here in a stream about ${about}`);
}

function openBatch(head: StreamHead | null, drafts: readonly Draft[], context: SealContext): Batch {
  const { log, stream, software } = context;
  const anchor = context.anchor ?? null;
  const ts = head !== null && head.ts !== null && head.ts > context.ts ? head.ts : context.ts;
  const checked = contextSchema.safeParse({ log, stream, software, anchor, ts });
  if (!checked.success) throw schemaFault(checked.error);
  if (new Set(drafts.map((draft) => draft.cmd)).size !== drafts.length) {
    throw new LedgerError('RECORD_CONFLICT', 'two drafts of a batch share a command key');
  }
  return {
    context: { ...context, anchor: checked.data.anchor, ts },
    takeHex: hexSource(context.randomBytes ?? secureRandomBytes, drafts),
    openings: [],
  };
}

/** One draw of random bytes for the whole batch, handed out 32 at a time: per record nonce, salts. */
function hexSource(
  randomBytes: (size: number) => Uint8Array,
  drafts: readonly Draft[],
): () => string {
  const needed = drafts.reduce((sum, draft) => sum + 1 + (draft.erasable?.length ?? 0), 0);
  const drawn = randomBytes(needed * SALT_BYTES);
  if (drawn.length !== needed * SALT_BYTES) throw new TypeError('random source gave too little');
  const hex = Buffer.from(drawn.buffer, drawn.byteOffset, drawn.length).toString('hex');
  let used = 0;
  return () => hex.slice(used, (used += 2 * SALT_BYTES));
}

function sealOne(
  last: StreamHead | null,
  draft: Draft,
  { context, takeHex, openings }: Batch,
): SealedRecord {
  const { log, stream, ts, software, anchor } = context;
  const seq = last === null ? 0 : last.seq + 1;
  const prev = last === null ? null : last.leafHash;
  const spoken = checkDraft(draft, seq);
  const kind = draft.kind;
  const nonce = takeHex();
  const commits = commitAll(draft, takeHex, (opening) =>
    openings.push({ ...opening, stream, seq }),
  );
  const said = textsOf(spoken);
  // Members in sorted order: this text is the canonical one (docs/record-format.md, section 2). What
  // is put between quotes here has been checked against a pattern that needs no escape.
  const text =
    `{"actor":${said.actor},"anchor":${JSON.stringify(anchor)},"auth":${said.auth}` +
    `,"body":${said.body},"cmd":"${spoken.cmd}","commits":${JSON.stringify(commits)}` +
    `,"kind":"${kind}","log":"${log}","nonce":"${nonce}","policy":${said.policy}` +
    `,"prev":${JSON.stringify(prev)},"refs":${said.refs},"seq":${seq}` +
    `,"software":"${software}","stream":"${stream}","surface":"${spoken.surface}"` +
    `,"ts":"${ts}","v":${RECORD_VERSION}}`;
  const { bytes, leafHash } = frame(text);
  const input = inputHash(draft, said, context);
  return { stream, seq, kind, ts, cmd: spoken.cmd, inputHash: input, leafHash, prev, bytes };
}

/** The parts that stand both in the record and in what its input hash is taken over, written once. */
type SaidTexts = { readonly [P in 'actor' | 'auth' | 'body' | 'policy' | 'refs']: string };

function textsOf({ actor, auth, body, policy, refs }: Spoken): SaidTexts {
  return {
    actor: JSON.stringify(actor),
    auth: JSON.stringify(auth),
    body: JSON.stringify(body),
    policy: JSON.stringify(policy),
    refs: JSON.stringify(refs),
  };
}

/** @throws LedgerError SCHEMA, naming the first field that is wrong */
function checkDraft(draft: Draft, seq: number): Spoken {
  const schema = spokenSchemas.get(draft.kind);
  if (schema === undefined) throw new LedgerError('SCHEMA', 'unknown kind of record');
  const { actor, auth, cmd, policy, surface, refs = NOTHING } = draft;
  const body = draft.kind === 'closed' ? { ...draft.body, count: seq + 1 } : draft.body;
  const result = schema.safeParse({ actor, auth, body, cmd, policy, refs, surface });
  if (!result.success) throw schemaFault(result.error);
  return result.data as Spoken; // the schema of this very kind has said so
}

function commitAll(
  draft: Draft,
  takeHex: () => string,
  keep: (opening: Opening) => void,
): readonly Commit[] {
  const erasable = draft.erasable ?? NOTHING;
  if (erasable.length > MAX_LIST || !rightCommits({ kind: draft.kind, commits: erasable })) {
    throw new LedgerError('SCHEMA', 'erasable values: too many, a path twice or one missing');
  }
  return erasable.map(({ path, value }) => {
    if (!commitPath.safeParse(path).success) throw new LedgerError('SCHEMA', 'bad commit path');
    const opening = makeOpening(path, value, Buffer.from(takeHex(), 'hex'));
    keep(opening);
    return { c: opening.c, path };
  });
}

/** The bytes and their leaf hash from one buffer: `0x00 || bytes` is laid out once. */
function frame(text: string): { readonly bytes: Uint8Array; readonly leafHash: string } {
  const size = Buffer.byteLength(text);
  if (size > MAX_RECORD_BYTES) {
    throw new LedgerError('RECORD_TOO_LARGE', `a record has at most ${MAX_RECORD_BYTES} bytes`);
  }
  const framed = Buffer.allocUnsafe(1 + size);
  framed[0] = 0;
  framed.write(text, 1);
  return { bytes: framed.subarray(1), leafHash: hash('sha256', framed, 'hex') };
}

function inputHash(
  draft: Draft,
  said: SaidTexts,
  { log, stream, inputKey }: Pick<SealContext, 'log' | 'stream' | 'inputKey'>,
): string {
  const erasable = draft.erasable ?? NOTHING;
  const body = draft.kind === 'closed' ? 'null' : said.body; // its count depends on the place
  const paths = JSON.stringify(erasable.map(({ path }) => path));
  const values = erasable.length === 0 || !inputKey ? null : digestValues(erasable, inputKey);
  // Members in sorted order; the draft has been checked before.
  const text =
    `{"actor":${said.actor},"auth":${said.auth},"body":${body},"cmd":"${draft.cmd}"` +
    `,"kind":"${draft.kind}","log":${JSON.stringify(log)},"paths":${paths}` +
    `,"policy":${said.policy},"refs":${said.refs},"stream":${JSON.stringify(stream)}` +
    `,"surface":"${draft.surface}","values":${JSON.stringify(values)}}`;
  return sha256Hex(`countersign/input/v1\0${text}`);
}

function digestValues(erasable: readonly Erasable[], inputKey: Uint8Array): string {
  const parts = erasable.flatMap(({ path, value }) => [path, value]);
  return keyedDigest(inputKey, 'countersign/input-values/v1', parts);
}
