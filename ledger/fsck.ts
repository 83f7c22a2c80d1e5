import { openCheckpoint } from './checkpoint.ts';
import { toHex } from './encoding.ts';
import { LedgerError } from './error.ts';
import { sha256 } from './hash.ts';
import type { NoteVerifier } from './note.ts';
import { TILE_WIDTH, type TileCoordinate } from './tile.ts';
import { appendLeaves, edgeRoot, EMPTY_EDGE, type RightEdge, type Tile } from './tile-tree.ts';
import { verifyChain, type ChainProblemCode, type CheckedRecord } from './verify.ts';

// The whole log recomputed from the exact bytes of its records, and everything else that is stored held
// against that: columns, order, tiles, root, checkpoints, the signer's memory.
// @source ledger design 3.11, 4.2

/**
 * What is found beside the codes of a chain.
 *
 * - `LEAF_MISMATCH` a stored hash or link is not that of the stored bytes.
 * - `LEAF_MISSING` a record has no place in the log, or a place has no record; `LEAF_ORDER` places have
 *   gaps, or a stream stands in another order than its records.
 * - `TILE_MISMATCH`, `TILE_MISSING` a stored tile is not the one that the records give.
 * - `ROOT_MISMATCH` the state of the log is not that of its records.
 * - `CHECKPOINT_MISMATCH` a signed checkpoint says another root than the records; `NOTE_SIGNATURE`,
 *   `NOTE_FORMAT`, `UNKNOWN_KEY` it is not one of this log's.
 * - `SIGNER_MEMORY` the log is not what its signer remembers.
 */
export type FsckCode =
  | ChainProblemCode
  | 'LEAF_MISMATCH'
  | 'LEAF_MISSING'
  | 'LEAF_ORDER'
  | 'TILE_MISMATCH'
  | 'TILE_MISSING'
  | 'ROOT_MISMATCH'
  | 'CHECKPOINT_MISMATCH'
  | 'NOTE_SIGNATURE'
  | 'NOTE_FORMAT'
  | 'UNKNOWN_KEY'
  | 'SIGNER_MEMORY';

export type FsckProblem = {
  readonly code: FsckCode;
  readonly stream: string | null;
  readonly seq: number | null;
  /** in the log */
  readonly index: number | null;
  /** a sentence for people, without values */
  readonly detail: string;
};

/** A record as it lies in its table; hashes are 64 lower-case hex characters. */
export type StoredRow = {
  readonly seq: number;
  readonly cmd: string;
  readonly leafHash: string;
  readonly prev: string | null;
  readonly bytes: Uint8Array;
};

export type StoredStream = { readonly stream: string; readonly rows: readonly StoredRow[] };

/** A place in the log with the hash of the record that has it; null where there is none. */
export type StoredLeaf = {
  readonly index: number;
  readonly stream: string;
  readonly seq: number;
  readonly leafHash: Uint8Array | null;
};

export type StoredNote = {
  readonly size: number;
  readonly root: Uint8Array;
  readonly note: Uint8Array;
};

/** Everything that is stored of a log, as one moment saw it. */
export type LogSource = {
  readonly state: { readonly size: number; readonly root: Uint8Array };
  /** whole streams, in any order */
  readonly streams: () => AsyncIterable<StoredStream>;
  /** in order of the log */
  readonly leaves: () => AsyncIterable<readonly StoredLeaf[]>;
  /** all stored widths of the tiles of a level from index `from` to `to` */
  readonly tiles: (level: number, from: number, to: number) => Promise<readonly Tile[]>;
  /** in order of size */
  readonly checkpoints: readonly StoredNote[];
  /** tiles that no tree of this size has */
  readonly strayTiles: () => Promise<readonly TileCoordinate[]>;
  /** rows of the queue that speak of no record, or of another one */
  readonly strayQueue: () => Promise<readonly { readonly stream: string; readonly seq: number }[]>;
  /** records that have neither a place nor a row in the queue, some of them */
  readonly unplaced: () => Promise<readonly { readonly stream: string; readonly seq: number }[]>;
};

export type FsckInput = {
  readonly source: LogSource;
  readonly origin: string;
  readonly logKeys: readonly NoteVerifier[];
  /** null where it is not at hand */
  readonly signed: { readonly size: number; readonly root: Uint8Array } | null;
  readonly projection?: Projection;
  readonly onProgress?: (done: FsckProgress) => void;
};

/** Whatever else is stored, held against the records of each stream. */
export type Projection = {
  /**
   * @param records of the stream; null where they are not sound, so that nothing follows from them.
   * @returns one sentence for each contradiction.
   */
  readonly check: (
    stream: string,
    records: readonly CheckedRecord[] | null,
  ) => Promise<readonly string[]>;
  /** What is left when all streams were there. */
  readonly rest: () => Promise<readonly string[]>;
};

export type FsckProgress = { readonly step: 'records' | 'log'; readonly records: number };

export type FsckReport = {
  readonly records: number;
  readonly streams: number;
  readonly size: number;
  readonly checkpoints: number;
  /** at most `MAX_PROBLEMS` of them */
  readonly problems: readonly FsckProblem[];
};

/** A log that somebody made anew differs everywhere; this many say so. */
export const MAX_PROBLEMS = 200;

/** @returns never throws for what is stored; for what the source throws. */
export async function fsck(input: FsckInput): Promise<FsckReport> {
  const problems: FsckProblem[] = [];
  const report = (problem: FsckProblem): void => {
    if (problems.length < MAX_PROBLEMS) problems.push(problem);
  };
  const counted = await checkStreams(input, report);
  await checkLog(input, report);
  for (const { stream, seq } of await input.source.unplaced())
    report({ ...NOWHERE, code: 'LEAF_MISSING', stream, seq, detail: 'has no place in the log' });
  for (const { stream, seq } of await input.source.strayQueue())
    report({
      ...NOWHERE,
      code: 'LEAF_MISSING',
      stream,
      seq,
      detail: 'is queued, but is no record',
    });
  for (const { level, index, width } of await input.source.strayTiles())
    report({
      ...NOWHERE,
      code: 'TILE_MISMATCH',
      detail: `tile ${level}/${index} of width ${width} lies outside of the tree`,
    });
  const { size } = input.source.state;
  const checkpoints = input.source.checkpoints.length;
  return { ...counted, size, checkpoints, problems };
}

type Report = (problem: FsckProblem) => void;

const NOWHERE = { stream: null, seq: null, index: null } as const;

// ---- records, stream by stream -------------------------------------------------------------------

async function checkStreams(
  input: FsckInput,
  report: Report,
): Promise<{ readonly records: number; readonly streams: number }> {
  let records = 0;
  let streams = 0;
  for await (const stored of input.source.streams()) {
    await checkStream(input, stored, report);
    records += stored.rows.length;
    streams += 1;
    input.onProgress?.({ step: 'records', records });
  }
  for (const detail of (await input.projection?.rest()) ?? [])
    report({ ...NOWHERE, code: 'PROJECTION_MISMATCH', detail });
  return { records, streams };
}

async function checkStream(
  { origin, projection }: FsckInput,
  { stream, rows }: StoredStream,
  report: Report,
): Promise<void> {
  const chain = await verifyChain({
    records: rows.map(({ bytes }) => bytes),
    sha256,
    expected: { log: origin, stream },
  });
  for (const { code, seq, detail } of chain.problems)
    report({ ...NOWHERE, code, stream, seq, detail });
  for (const [at, row] of rows.entries()) {
    const detail = columnProblem(row, chain.records[at]);
    if (detail !== null)
      report({ ...NOWHERE, code: 'LEAF_MISMATCH', stream, seq: row.seq, detail });
  }
  const words = await projection?.check(stream, chain.valid ? chain.records : null);
  for (const detail of words ?? [])
    report({ ...NOWHERE, code: 'PROJECTION_MISMATCH', stream, detail });
}

/** Columns beside the bytes help to find a record; they must not say other things than it does. */
function columnProblem(row: StoredRow, checked: CheckedRecord | undefined): string | null {
  if (row.leafHash !== checked?.leafHash) return 'its stored hash is not that of its bytes';
  const { record } = checked;
  if (record === null) return null;
  if (row.seq === record.seq && row.prev === record.prev && row.cmd === record.cmd) return null;
  return 'its number, link or key is stored differently than in its bytes';
}

// ---- the tree, in order of the log ---------------------------------------------------------------

type Walk = {
  edge: RightEdge;
  readonly lastOfStream: Map<string, number>;
  nextCheckpoint: number;
  isMemoryChecked: boolean;
};

async function checkLog(input: FsckInput, report: Report): Promise<void> {
  const { source, signed, onProgress } = input;
  const walk: Walk = {
    edge: EMPTY_EDGE,
    lastOfStream: new Map(),
    nextCheckpoint: 0,
    isMemoryChecked: signed === null,
  };
  await checkHeads(input, walk, report); // those of the empty log
  for await (const page of source.leaves()) {
    const hashes = page.map((leaf, at) => {
      checkLeaf(leaf, walk, { expected: walk.edge.size + at, report });
      return leaf.leafHash ?? NO_HASH;
    });
    await extend(input, walk, { hashes, report });
    onProgress?.({ step: 'log', records: walk.edge.size });
  }
  await checkEnd(input, walk, report);
}

const NO_HASH = new Uint8Array(32);

function checkLeaf(
  { index, stream, seq, leafHash }: StoredLeaf,
  { lastOfStream }: Walk,
  { expected, report }: { readonly expected: number; readonly report: Report },
): void {
  const place = { stream, seq, index };
  if (index !== expected)
    report({ ...place, code: 'LEAF_ORDER', detail: `stands where ${expected} belongs` });
  if (leafHash === null)
    report({ ...place, code: 'LEAF_MISSING', detail: 'the record of this place is gone' });
  if (seq !== (lastOfStream.get(stream) ?? -1) + 1)
    report({ ...place, code: 'LEAF_ORDER', detail: 'not in the order of its stream' });
  lastOfStream.set(stream, seq);
}

/** Adds leaves, with a stop at each size that somebody signed. */
async function extend(
  input: FsckInput,
  walk: Walk,
  { hashes, report }: { readonly hashes: readonly Uint8Array[]; readonly report: Report },
): Promise<void> {
  const full: Tile[] = [];
  for (let done = 0; done < hashes.length;) {
    const stop = nextStop(input, walk) - walk.edge.size;
    const count = Math.max(1, Math.min(stop, hashes.length - done));
    const { edge, tiles } = appendLeaves(walk.edge, hashes.slice(done, done + count), sha256);
    walk.edge = edge;
    full.push(...tiles.filter(({ width }) => width === TILE_WIDTH));
    done += count;
    await checkHeads(input, walk, report);
  }
  await checkTiles(input, full, report);
}

function nextStop({ source, signed }: FsckInput, walk: Walk): number {
  const checkpoint = source.checkpoints[walk.nextCheckpoint]?.size ?? Infinity;
  const memory = walk.isMemoryChecked ? Infinity : (signed?.size ?? Infinity);
  return Math.min(checkpoint, memory);
}

async function checkHeads(input: FsckInput, walk: Walk, report: Report): Promise<void> {
  const { checkpoints } = input.source;
  const { size } = walk.edge;
  if (nextStop(input, walk) !== size) return;
  const root = edgeRoot(walk.edge, sha256);
  for (; checkpoints[walk.nextCheckpoint]?.size === size; walk.nextCheckpoint += 1)
    await checkNote(input, checkpoints[walk.nextCheckpoint] as StoredNote, { root, report });
  if (walk.isMemoryChecked || input.signed?.size !== size) return;
  walk.isMemoryChecked = true;
  if (toHex(input.signed.root) !== toHex(root))
    report({
      ...NOWHERE,
      code: 'SIGNER_MEMORY',
      index: size,
      detail: `the records give another root than was signed at size ${size}`,
    });
}

async function checkNote(
  { origin, logKeys }: FsckInput,
  { size, root: stored, note }: StoredNote,
  { root, report }: { readonly root: Uint8Array; readonly report: Report },
): Promise<void> {
  const place = { ...NOWHERE, index: size };
  try {
    const { checkpoint } = await openCheckpoint(note, { origin, logKeys });
    const said = [toHex(checkpoint.root), toHex(stored)];
    if (checkpoint.size === size && said.every((one) => one === toHex(root))) return;
    const detail = `the checkpoint of size ${size} signs another root than the records give`;
    report({ ...place, code: 'CHECKPOINT_MISMATCH', detail });
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    const { code } = error;
    const known = code === 'NOTE_SIGNATURE' || code === 'NOTE_FORMAT' || code === 'UNKNOWN_KEY';
    report({
      ...place,
      code: known ? code : 'CHECKPOINT_MISMATCH',
      detail: `the checkpoint of size ${size}: ${error.message}`,
    });
  }
}

/** @param expected tiles of several levels, each level in order and without gaps. */
async function checkTiles(
  { source }: FsckInput,
  expected: readonly Tile[],
  report: Report,
): Promise<void> {
  for (const [level, tiles] of Map.groupBy(expected, (tile) => tile.level)) {
    const [first, last] = [tiles[0], tiles.at(-1)];
    if (first === undefined || last === undefined) continue;
    const stored = await source.tiles(level, first.index, last.index);
    const byIndex = Map.groupBy(stored, (tile) => tile.index);
    for (const tile of tiles) checkTile(tile, byIndex.get(tile.index) ?? [], report);
  }
}

function checkTile(tile: Tile, stored: readonly Tile[], report: Report): void {
  const { level, index, width, hashes } = tile;
  const place = { ...NOWHERE, index: index * TILE_WIDTH ** (level + 1) };
  const where = `tile ${level}/${index}`;
  if (!stored.some((one) => one.width === width))
    report({ ...place, code: 'TILE_MISSING', detail: `${where} of width ${width} is missing` });
  const expected = toHex(hashes);
  for (const one of stored)
    if (one.width > width || toHex(one.hashes) !== expected.slice(0, 64 * one.width))
      report({
        ...place,
        code: 'TILE_MISMATCH',
        detail: `${where} of width ${one.width} is not the one that the records give`,
      });
}

async function checkEnd(input: FsckInput, walk: Walk, report: Report): Promise<void> {
  const { source, signed } = input;
  const { size } = walk.edge;
  await checkTiles(input, partialTilesOf(walk.edge), report);
  const isRight =
    source.state.size === size && toHex(source.state.root) === toHex(edgeRoot(walk.edge, sha256));
  if (!isRight)
    report({
      ...NOWHERE,
      code: 'ROOT_MISMATCH',
      index: size,
      detail: `the log says size ${source.state.size}, its records give ${size} or another root`,
    });
  for (const { size: at } of source.checkpoints.slice(walk.nextCheckpoint))
    report({
      ...NOWHERE,
      code: 'CHECKPOINT_MISMATCH',
      index: at,
      detail: `a checkpoint of size ${at} was signed, but the log has only ${size} records`,
    });
  if (!walk.isMemoryChecked)
    report({
      ...NOWHERE,
      code: 'SIGNER_MEMORY',
      index: signed?.size ?? null,
      detail: `the signer signed ${signed?.size} records, but the log has only ${size}`,
    });
}

function partialTilesOf(edge: RightEdge): readonly Tile[] {
  return edge.levels.flatMap((hashes, level) => {
    if (hashes.length === 0) return [];
    const index = Math.floor(edge.size / TILE_WIDTH ** (level + 1));
    const bytes = new Uint8Array(32 * hashes.length);
    for (const [at, hash] of hashes.entries()) bytes.set(hash, 32 * at);
    return [{ level, index, width: hashes.length, hashes: bytes }];
  });
}
