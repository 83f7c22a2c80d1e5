import {
  MANIFEST,
  misplacedPath,
  parseManifest,
  SEAL_CONSISTENCY,
  SEAL_PROOF,
  SEAL_RECORD,
  type Manifest,
} from './bundle-format.ts';
import { found, foundFault, type Found, type Reading } from './bundle-report.ts';
import type { Checkpoint } from './checkpoint.ts';
import { toHex } from './encoding.ts';
import { LedgerError } from './error.ts';
import { parseRecord, type LedgerRecord, type RecordV1 } from './record.ts';
import { growthProblem } from './verify-bundle-head.ts';
import { inclusionProblem, readProof } from './verify-bundle-proofs.ts';
import { isSafePath } from './zip.ts';

// That the list of files is the one that the log sealed when the bundle was made, and that the files
// are the ones listed.

/** What the checks before have established. */
export type Established = {
  readonly tree: Checkpoint;
  /** of the newest record in the bundle */
  readonly last: { readonly stream: string; readonly seq: number; readonly leafHash: string };
  readonly lastIndex: number;
  readonly count: number;
};

/** Is `bundle.json` what an `exported` record of this stream, in a later tree of this log, seals? */
export async function sealProblems(reading: Reading, so: Established): Promise<readonly Found[]> {
  const { files } = reading;
  const bytes = files.get(SEAL_RECORD);
  const manifest = files.get(MANIFEST);
  const where = { file: SEAL_RECORD };
  if (bytes === undefined) return [found('EXPORT_SEAL', 'the export is not sealed', where)];
  if (manifest === undefined)
    return [found('EXPORT_SEAL', 'what was sealed is missing', { file: MANIFEST })];
  try {
    const record = parseRecord(bytes);
    if (record.log !== reading.trust.origin)
      throw new LedgerError('ORIGIN_MISMATCH', 'the seal belongs to another log');
    const proof = readProof(reading, SEAL_PROOF);
    const outside = await inclusionProblem(reading, { bytes, proof }, where);
    if (outside !== null) return [outside];
    const newer = await reading.open(proof.checkpoint);
    const older = so.tree;
    const grown =
      newer.size < older.size || proof.index <= so.lastIndex
        ? found('EXPORT_SEAL', 'sealed before what it seals', where)
        : await growthProblem(reading, { older, newer, file: SEAL_CONSISTENCY });
    const digest = toHex(await reading.sha256(manifest));
    return grown === null
      ? contentProblems(record, { digest, bytes: manifest.length, so })
      : [grown];
  } catch (error) {
    return [foundFault(error, where)];
  }
}

function contentProblems(
  record: LedgerRecord,
  {
    digest,
    bytes,
    so,
  }: { readonly digest: string; readonly bytes: number; readonly so: Established },
): readonly Found[] {
  const where = { file: MANIFEST, seq: record.seq };
  const { last } = so;
  if (record.kind !== 'exported' || record.v === 0 || record.body.what !== 'evidence')
    return [found('EXPORT_SEAL', 'not the seal of an export', { ...where, file: SEAL_RECORD })];
  const { body } = record;
  if (body.sha256 !== digest || body.bytes !== bytes)
    return [found('EXPORT_SEAL', 'bundle.json was changed after the export was sealed', where)];
  if (follows(record, last) && hasSameBody(body, so)) return [];
  return [found('EXPORT_SEAL', 'seals other records than these', where)];
}

/** Behind the last record of the bundle; where it is the next one, it must name that one. */
function follows({ stream, seq, prev }: LedgerRecord, last: Established['last']): boolean {
  if (stream !== last.stream || seq <= last.seq) return false;
  return seq > last.seq + 1 || prev === last.leafHash;
}

function hasSameBody(
  body: Extract<RecordV1, { readonly kind: 'exported' }>['body'],
  { tree, last, count }: Established,
): boolean {
  return (
    body.records === count &&
    body.size === tree.size &&
    body.root === toHex(tree.root) &&
    body.head_seq === last.seq &&
    body.head_leaf === last.leafHash
  );
}

/** Are exactly the listed files here, each as it was listed? */
export async function fileProblems(
  reading: Reading,
  so: Established | null,
): Promise<readonly Found[]> {
  const bytes = reading.files.get(MANIFEST);
  if (bytes === undefined) return [found('BUNDLE_FORMAT', 'not there', { file: MANIFEST })];
  let manifest: Manifest;
  try {
    manifest = parseManifest(bytes);
  } catch (error) {
    return [foundFault(error, { file: MANIFEST })];
  }
  const problems = await listProblems(manifest, reading);
  if (problems.length === 0) problems.push(...placeProblems(manifest, reading));
  if (problems.length > 0 || so === null) return problems;
  return sameProblems(manifest, reading, so);
}

async function listProblems(manifest: Manifest, { files, sha256 }: Reading): Promise<Found[]> {
  const problems: Found[] = [];
  const listed = new Set([MANIFEST, SEAL_RECORD, SEAL_PROOF, SEAL_CONSISTENCY]);
  for (const { path, sha256: digest, bytes } of manifest.files) {
    const problem = (why: string): unknown =>
      problems.push(found('BUNDLE_FORMAT', why, { file: path }));
    const content = files.get(path);
    if (listed.has(path) || !isSafePath(path)) problem('listed twice, or no path of a bundle');
    listed.add(path);
    if (content === undefined) problem('listed, but not there');
    else if (content.length !== bytes || toHex(await sha256(content)) !== digest)
      problem('not the file that was listed');
  }
  for (const path of files.keys()) {
    if (listed.has(path)) continue;
    problems.push(found('BUNDLE_FORMAT', 'there, but not listed', { file: path }));
  }
  return problems;
}

/** One content has one form: the files stand in the order of the list, and that in the order of the format. */
function placeProblems({ files: listed }: Manifest, { files }: Reading): readonly Found[] {
  const seal = [SEAL_RECORD, SEAL_PROOF, SEAL_CONSISTENCY];
  const order = [MANIFEST, ...listed.map(({ path }) => path), ...seal];
  const moved = [...files.keys()].find((path, at) => path !== order[at]) ?? misplacedPath(order);
  return moved === null
    ? []
    : [found('BUNDLE_FORMAT', 'not where the format has its place', { file: moved })];
}

function sameProblems(manifest: Manifest, { trust }: Reading, so: Established): readonly Found[] {
  const isSame =
    manifest.origin === trust.origin &&
    manifest.request === so.last.stream &&
    manifest.size === so.tree.size &&
    manifest.root === toHex(so.tree.root) &&
    manifest.records === so.count;
  return isSame
    ? []
    : [found('BUNDLE_FORMAT', 'says other things than the files', { file: MANIFEST })];
}
