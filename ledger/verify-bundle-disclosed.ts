import {
  BLOB_MARKS,
  blobPath,
  isPersonPath,
  openingsPath,
  parseBlobMarks,
  parseOpenings,
  PEOPLE,
  type BlobMark,
  type BundleOpening,
} from './bundle-format.ts';
import { found, foundFault, type BundleReport, type Found, type Reading } from './bundle-report.ts';
import { commitmentInput, fromHex, toHex } from './encoding.ts';
import { LedgerError } from './error.ts';
import { commitmentsOf, type BlobRef, type LedgerRecord } from './record.ts';

// That every text, person and content that the records name is here and is the one they name, or is
// marked as absent, and that what is marked as erased was erased by a sealed act.

export type Disclosed = {
  readonly problems: readonly Found[];
  /** found after everything else: marks against `erased` records */
  readonly erasures: readonly Found[];
  readonly absent: BundleReport['absent'];
  readonly opened: number;
  readonly blobs: number;
};

/** One commitment, where records name it. `seq`: the first that does. */
type Named = { readonly seq: number; readonly path: string; readonly c: string };
type Listed = BundleOpening & { readonly file: string; readonly seq: number | null };

/** Checks openings and contents of records that could all be read. */
export async function checkDisclosed(
  reading: Reading,
  records: readonly LedgerRecord[],
): Promise<Disclosed> {
  const { listed, problems } = readOpenings(reading, records);
  const named = namedCommitments(records);
  for (const opening of listed) {
    const problem = await openingProblem(reading, opening, named);
    if (problem !== null) problems.push(problem);
  }
  const answered = new Set(listed.map(keyOf));
  for (const one of named.values()) {
    if (answered.has(keyOf(one))) continue;
    const detail = `${one.path} is neither opened nor marked`;
    problems.push(found('MISSING_OPENING', detail, { seq: one.seq, file: fileOf(one) }));
  }
  const { marks, found: badBlobs } = await checkBlobs(reading, records);
  const states = [...listed.map(({ state }) => state), ...marks.map(({ state }) => state)];
  const counted = (state: string): number => states.filter((one) => one === state).length;
  return {
    problems: [...problems, ...badBlobs],
    erasures: erasureProblems(records, { named, listed, marks }),
    absent: {
      not_disclosed: counted('not_disclosed'),
      erased: counted('erased'),
      not_kept: counted('not_kept'),
    },
    opened: listed.filter(({ state }) => state === 'disclosed').length,
    blobs: marks.filter(({ state }) => state === 'disclosed').length,
  };
}

function fileOf({ seq, path }: { readonly seq: number; readonly path: string }): string {
  return isPersonPath(path) ? PEOPLE : openingsPath(seq);
}

/** A person is one commitment in the whole stream, a text one in its record. */
function keyOf({ seq, path, c }: { seq: number | null; path: string; c: string }): string {
  return `${isPersonPath(path) ? 'people' : seq}/${path}/${c}`;
}

function namedCommitments(records: readonly LedgerRecord[]): ReadonlyMap<string, Named> {
  const named = new Map<string, Named>();
  for (const record of records) {
    for (const { path, c } of commitmentsOf(record)) {
      const one = { seq: record.seq, path, c };
      if (!named.has(keyOf(one))) named.set(keyOf(one), one);
    }
  }
  return named;
}

function readOpenings(
  { files }: Reading,
  records: readonly LedgerRecord[],
): { readonly listed: readonly Listed[]; readonly problems: Found[] } {
  const listed: Listed[] = [];
  const problems: Found[] = [];
  const places = [
    { file: PEOPLE, seq: null },
    ...records.map(({ seq }) => ({ file: openingsPath(seq), seq })),
  ];
  for (const { file, seq } of places) {
    const bytes = files.get(file);
    if (bytes === undefined) continue;
    try {
      for (const opening of parseOpenings(bytes, file)) listed.push({ ...opening, file, seq });
    } catch (error) {
      problems.push(foundFault(error, seq === null ? { file } : { file, seq }));
    }
  }
  const keys = listed.map(keyOf);
  for (const [at, opening] of listed.entries()) {
    if (keys.indexOf(keyOf(opening)) === at) continue;
    problems.push(found('COMMITMENT', 'listed twice', whereOf(opening)));
  }
  return { listed, problems };
}

function whereOf({ file, seq }: Listed): { readonly file: string; readonly seq?: number } {
  return seq === null ? { file } : { file, seq };
}

async function openingProblem(
  { sha256 }: Reading,
  opening: Listed,
  named: ReadonlyMap<string, Named>,
): Promise<Found | null> {
  const where = whereOf(opening);
  if (!named.has(keyOf(opening)) || isPersonPath(opening.path) !== (opening.file === PEOPLE)) {
    return found('COMMITMENT', `no ${opening.path} of this commitment is sealed there`, where);
  }
  if (opening.state === 'not_kept') {
    // Of a commitment the opening was stored when it was sealed: it is never only a digest.
    const seq = opening.seq ?? named.get(keyOf(opening))?.seq;
    const place = seq === undefined ? where : { ...where, seq };
    return found('MISSING_OPENING', `the ${opening.path} is not here, and nothing says why`, place);
  }
  if (opening.state !== 'disclosed') return null;
  try {
    const input = commitmentInput(opening.path, opening.value, fromHex(opening.salt));
    if (toHex(await sha256(input)) === opening.c) return null;
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
  }
  return found('COMMITMENT', `the ${opening.path} is not the one that was sealed`, where);
}

// ---- contents ------------------------------------------------------------------------------------

type Ref = BlobRef & { readonly seq: number };

async function checkBlobs(
  reading: Reading,
  records: readonly LedgerRecord[],
): Promise<{ readonly marks: readonly BlobMark[]; readonly found: readonly Found[] }> {
  const refs = records.flatMap(({ seq, refs: list }) => list.map((ref) => ({ ...ref, seq })));
  const bytes = reading.files.get(BLOB_MARKS);
  let marks: readonly BlobMark[] = [];
  try {
    if (bytes !== undefined) marks = parseBlobMarks(bytes);
  } catch (error) {
    return { marks: [], found: [foundFault(error, { file: BLOB_MARKS })] };
  }
  const problems: Found[] = [];
  const states = new Map(marks.map(({ sha256, state }) => [sha256, state]));
  if (states.size !== marks.length)
    problems.push(found('BUNDLE_FORMAT', 'a digest twice', { file: BLOB_MARKS }));
  for (const ref of refs) {
    const problem = await blobProblem(reading, ref, states.get(ref.sha256) ?? null);
    if (problem !== null) problems.push(problem);
  }
  const known = new Set(refs.map(({ sha256 }) => sha256));
  for (const { sha256 } of marks) {
    if (known.has(sha256)) continue;
    problems.push(found('BLOB_DIGEST', 'no record names this content', { file: blobPath(sha256) }));
  }
  return { marks, found: problems };
}

async function blobProblem(
  { files, sha256 }: Reading,
  ref: Ref,
  state: BlobMark['state'] | null,
): Promise<Found | null> {
  const where = { seq: ref.seq, file: blobPath(ref.sha256) };
  const bytes = files.get(where.file);
  if (state === null)
    return found('BLOB_DIGEST', `the ${ref.name} is neither there nor marked`, where);
  if (state !== 'disclosed') {
    return bytes === undefined
      ? null
      : found('BLOB_DIGEST', `marked as ${state}, but there`, where);
  }
  if (bytes === undefined) return found('BLOB_DIGEST', `the ${ref.name} is not there`, where);
  const isSame = bytes.length === ref.bytes && toHex(await sha256(bytes)) === ref.sha256;
  return isSame ? null : found('BLOB_DIGEST', `not the ${ref.name} that was sealed`, where);
}

// ---- erasures ------------------------------------------------------------------------------------

/** Marks and `erased` records must say the same. */
function erasureProblems(
  records: readonly LedgerRecord[],
  here: {
    readonly named: ReadonlyMap<string, Named>;
    readonly listed: readonly Listed[];
    readonly marks: readonly BlobMark[];
  },
): readonly Found[] {
  const acts = records.flatMap((record) => (record.kind === 'erased' ? [record] : []));
  const gone = acts.flatMap(({ seq, body }) =>
    body.commitments.map((one) => ({ ...one, by: seq })),
  );
  const goneKeys = new Set(gone.map(keyOf));
  const goneBlobs = new Set(acts.flatMap(({ body }) => body.blobs));
  const problems: Found[] = [];
  for (const one of gone) {
    if (here.named.has(keyOf(one))) continue;
    problems.push(found('ERASURE_MISMATCH', 'erased what no record commits to', { seq: one.by }));
  }
  for (const opening of here.listed) {
    if ((opening.state === 'erased') === goneKeys.has(keyOf(opening))) continue;
    const detail = `${opening.path} is marked as ${opening.state}, the records say otherwise`;
    problems.push(found('ERASURE_MISMATCH', detail, whereOf(opening)));
  }
  for (const { sha256, state } of here.marks) {
    if ((state === 'erased') === goneBlobs.has(sha256)) continue;
    const detail = `a content is marked as ${state}, the records say otherwise`;
    problems.push(found('ERASURE_MISMATCH', detail, { file: blobPath(sha256) }));
  }
  return problems;
}
