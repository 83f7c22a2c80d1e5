import {
  found,
  type BundleCheck,
  type BundleProblem,
  type BundleReport,
  type BundleStep,
  type BundleTrust,
  type Found,
  type Reading,
} from './bundle-report.ts';
import { toHex, type Sha256 } from './encoding.ts';
import type { LedgerRecord } from './record.ts';
import {
  verifyChain,
  type ChainProblem,
  type ChainProblemCode,
  type ChainReport,
} from './verify.ts';
import { checkDisclosed } from './verify-bundle-disclosed.ts';
import { checkGrowth, headProblems } from './verify-bundle-head.ts';
import { leafProblem, readProofs, treeOpener, type Proofs } from './verify-bundle-proofs.ts';
import { fileProblems, sealProblems, type Established } from './verify-bundle-seal.ts';
import type { BundleFiles } from './zip.ts';

// Runs in a browser too: no Node module, no network, no database. Keys come from the caller only.

/** What is checked: files, whom the reader trusts, and the platform's SHA-256. */
export type BundleInput = {
  readonly files: BundleFiles;
  readonly trust: BundleTrust;
  readonly sha256: Sha256;
};

/**
 * Checks an evidence bundle with nothing but the keys that the reader holds.
 *
 * Each step says what it found even where an earlier one failed, as far as it still has ground to stand
 * on; the first problem of the first failed step is the one to name.
 *
 * @returns never throws for a bad bundle.
 * @throws what `sha256` and the verifiers of the keys throw.
 * @source ledger design 3.15; docs/evidence.md
 */
export function verifyBundle(input: BundleInput): Promise<BundleReport> {
  return verify(input, true);
}

/**
 * The same without the list of files and its seal: for a page that stands inside the bundle and so
 * cannot hold a list with its own digest in it.
 */
export function verifyBundleContent(input: BundleInput): Promise<BundleReport> {
  return verify(input, false);
}

/** What the steps have said so far. */
type Log = {
  readonly checks: BundleCheck[];
  readonly problems: BundleProblem[];
  readonly tell: (step: BundleStep, detail: string, problems: readonly Found[]) => void;
  readonly skip: (step: BundleStep, detail: string) => void;
};

async function verify(input: BundleInput, isWhole: boolean): Promise<BundleReport> {
  const reading = { ...input, open: treeOpener(input.trust) };
  const log = openLog();
  const proofs = await readProofs(reading);
  const { tree } = proofs;
  const count = proofs.records.length;
  tellProofs(log, proofs);
  const chain = await checkRecords(reading, proofs, log);
  const so = established(proofs, chain);
  let newer = 0;
  if (so === null) for (const step of ['head', 'consistency'] as const) log.skip(step, NO_GROUND);
  else {
    const name = `stream-head statement at size ${so.tree.size}`;
    log.tell('head', name, await headProblems(reading, so.tree, so.last));
    newer = await tellConsistency(reading, so, log);
  }
  const absent = await tellDisclosed(reading, chain, log);
  if (isWhole) {
    const seal = so === null ? null : await sealProblems(reading, so);
    if (seal === null) log.skip('seal', NO_GROUND);
    else log.tell('seal', 'bundle.json against the sealed export', seal);
    const detail = `${reading.files.size} files against the list`;
    log.tell('files', detail, await fileProblems(reading, so));
  }
  const isWrong = log.problems.length > 0;
  const hidden = absent === null ? 1 : absent.not_disclosed + absent.erased + absent.not_kept;
  return {
    verdict: isWrong || count === 0 ? 'invalid' : hidden + newer > 0 ? 'incomplete' : 'valid',
    request: commonStream(proofs.records.map(({ bytes }) => bytes)),
    problems: log.problems,
    checks: log.checks,
    records: chain.records,
    checkpoint: tree === null ? null : { size: tree.size, root: toHex(tree.root) },
    absent: absent ?? { not_disclosed: 0, erased: 0, not_kept: 0 },
    newer,
  };
}

const NO_GROUND = 'nothing to hold it against: an earlier check failed';

function openLog(): Log {
  const checks: BundleCheck[] = [];
  const problems: BundleProblem[] = [];
  return {
    checks,
    problems,
    tell(step, detail, ofStep) {
      checks.push({ step, detail, result: ofStep.length === 0 ? 'passed' : 'failed' });
      for (const problem of ofStep) problems.push({ step, ...problem });
    },
    skip: (step, detail) => void checks.push({ step, detail, result: 'skipped' }),
  };
}

function tellProofs(log: Log, { tree, records, problems }: Proofs): void {
  const opened =
    tree === null ? 'no checkpoint could be opened' : `signed tree of ${tree.size} records`;
  const nothing = records.length === 0 ? [found('CHAIN_GENESIS', 'there is no record at all')] : [];
  log.tell('checkpoint', opened, [...problems, ...nothing]);
}

/** Problems of single records, by the code that a chain report gives them. */
const OF_RECORDS: ReadonlySet<ChainProblemCode> = new Set<ChainProblemCode>([
  'NOT_CANONICAL',
  'SCHEMA',
  'RECORD_TOO_LARGE',
  'ORIGIN_MISMATCH',
]);
const OF_PROCEDURE: ReadonlySet<ChainProblemCode> = new Set<ChainProblemCode>([
  'FLOW_RULE',
  'QUORUM_RULE',
  'ACTION_MISMATCH',
]);

async function checkRecords(reading: Reading, proofs: Proofs, log: Log): Promise<ChainReport> {
  const { records } = proofs;
  const bytes = records.map((record) => record.bytes);
  const { trust, sha256 } = reading;
  const stream = trust.request ?? commonStream(bytes);
  const expected = stream === null ? { log: trust.origin } : { log: trust.origin, stream };
  const chain = await verifyChain({ records: bytes, sha256, expected });
  const ofRecords = chain.problems.filter(({ code }) => OF_RECORDS.has(code));
  const outside = await inclusionProblems(reading, proofs, chain);
  const first = [...ofRecords.map(ofChain(proofs, chain)), ...outside, ...nodeShapes(proofs)];
  log.tell('records', `${records.length} records, each in the signed tree`, inOrder(first));
  const links = chain.problems.filter(
    ({ code }) => !OF_RECORDS.has(code) && !OF_PROCEDURE.has(code),
  );
  const strays = links.filter(({ code }) => code === 'STREAM_MISMATCH');
  const others = links.filter(({ code }) => code !== 'STREAM_MISMATCH');
  const linked = [...strays, ...others].map(ofChain(proofs, chain));
  log.tell('chain', 'numbers, links and times', [...linked, ...orderProblems(proofs)]);
  const rules = chain.problems.filter(({ code }) => OF_PROCEDURE.has(code));
  if (chain.problems.length > rules.length) log.skip('procedure', NO_GROUND);
  else log.tell('procedure', 'the rules of the procedure', rules.map(ofChain(proofs, chain)));
  return chain;
}

/** The stream of most records: one that was put in from elsewhere is the stray, wherever it stands. */
function commonStream(records: readonly Uint8Array[]): string | null {
  const counts = new Map<string, number>();
  for (const bytes of records) {
    const stream = STREAM.exec(decoder.decode(bytes))?.[1];
    if (stream !== undefined) counts.set(stream, (counts.get(stream) ?? 0) + 1);
  }
  const [most = null] = [...counts].sort((a, b) => b[1] - a[1]);
  return most === null ? null : most[0];
}

/** A first look at bytes that were not checked yet; whether they are a record is told elsewhere. */
const STREAM = /"stream":"([0-9a-f-]{36})"/;
const decoder = new TextDecoder();

function ofChain(proofs: Proofs, chain: ChainReport): (problem: ChainProblem) => Found {
  return ({ code, seq, detail }) => {
    const at = chain.records.findIndex(({ record, position }) => (record?.seq ?? position) === seq);
    const file = proofs.records[at]?.file ?? null;
    return { code, seq, file, detail };
  };
}

async function inclusionProblems(
  reading: Reading,
  { tree, records }: Proofs,
  chain: ChainReport,
): Promise<readonly Found[]> {
  const problems: Found[] = [];
  for (const [at, { number, file, proof }] of records.entries()) {
    const leafHash = chain.records[at]?.leafHash ?? '';
    if (tree === null || proof === null) continue; // said already
    const problem = await leafProblem(tree, { leafHash, proof }, reading);
    if (problem !== null) problems.push({ ...problem, seq: number, file });
  }
  return problems;
}

/** `0x01 || left || right`: were it hashed as it is, it would pass for an inner node of the tree. */
function nodeShapes({ records }: Proofs): readonly Found[] {
  return records
    .filter(({ bytes }) => bytes.length === 65 && bytes[0] === 1)
    .map(({ number, file }) =>
      found('SCHEMA', 'a node of the tree, not a record', { seq: number, file }),
    );
}

/** The first bad record first; of one record, what is wrong with its meaning before its form. */
function inOrder(problems: readonly Found[]): readonly Found[] {
  const weight = ({ code }: Found): number => (code === 'SCHEMA' ? 0 : 1);
  return [...problems].sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0) || weight(a) - weight(b));
}

/** What came later in the stream came later in the log. */
function orderProblems({ records }: Proofs): readonly Found[] {
  const problems: Found[] = [];
  let last = -1;
  for (const { number, file, proof } of records) {
    if (proof === null) continue;
    if (proof.index <= last)
      problems.push(found('CHAIN_SEQ', 'not behind the record before it', { seq: number, file }));
    last = proof.index;
  }
  return problems;
}

function established({ tree, records }: Proofs, chain: ChainReport): Established | null {
  const last = chain.records.at(-1);
  if (tree === null || last === undefined || last.record === null) return null;
  const { stream, seq } = last.record;
  const lastIndex = records.at(-1)?.proof?.index ?? 0;
  return { tree, last: { stream, seq, leafHash: last.leafHash }, lastIndex, count: records.length };
}

/** @returns how many checkpoints of the reader are newer than the bundle, and so are not answered. */
async function tellConsistency(reading: Reading, { tree }: Established, log: Log): Promise<number> {
  const held = reading.trust.oldCheckpoints?.length ?? 0;
  if (held === 0) {
    log.skip('consistency', 'no older checkpoint was given');
    return 0;
  }
  const { problems, newer } = await checkGrowth(reading, tree);
  if (problems.length > 0 || newer.length === 0)
    log.tell('consistency', `${held} checkpoint(s) that you hold`, problems);
  else
    log.skip(
      'consistency',
      `this bundle, of size ${tree.size}, is older than your checkpoint of size ${newer.join(', ')} and cannot ` +
        'answer for it: ask for a newer bundle, or give a checkpoint from before this one',
    );
  return newer.length;
}

async function tellDisclosed(
  reading: Reading,
  chain: ChainReport,
  log: Log,
): Promise<BundleReport['absent'] | null> {
  const records = chain.records.flatMap(({ record }): LedgerRecord[] =>
    record === null ? [] : [record],
  );
  if (records.length < chain.records.length) {
    for (const step of ['disclosed', 'erasures'] as const) log.skip(step, NO_GROUND);
    return null;
  }
  const { problems, erasures, absent, opened, blobs } = await checkDisclosed(reading, records);
  log.tell('disclosed', `${opened} openings, ${blobs} contents`, problems);
  log.tell('erasures', `${absent.erased} erased`, erasures);
  return absent;
}
