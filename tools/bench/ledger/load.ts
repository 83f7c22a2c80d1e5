import { randomInt } from 'node:crypto';
import { inclusionOf } from '../../../application/log-queries.ts';
import { checkLog } from '../../../application/self-check.ts';
import { leafHash, sha256 } from '../../../ledger/hash.ts';
import { checkInclusion } from '../../../ledger/merkle.ts';
import { verifyChain } from '../../../ledger/verify.ts';
import { openLogSource } from '../../../prisma/fsck-store.ts';
import { newestCheckpoint, readEntries } from '../../../prisma/log-store.ts';
import { answerQuestions } from '../child.ts';
import { runLoad, type Load, type Loaded } from '../loop.ts';
import { fileMemory } from '../servers.ts';
import { chainMaker, type Template } from './chains.ts';
import { fill } from './fill.ts';
import { openLog, type LogHome } from './home.ts';
import { publish, type PublishJob } from './publish.ts';
import { store, type StoreJob } from './store.ts';

/** Everything that works on a log but its keeper, in a process of its own. One question is one round. */
export type LedgerJob =
  | StoreJob
  | PublishJob
  | (Load & { readonly kind: 'select' | 'verify' | 'fsck' | 'proofs'; readonly home: LogHome })
  | {
      readonly kind: 'fill';
      readonly home: LogHome;
      readonly template: Template;
      readonly count: number;
    };

function answer(job: LedgerJob): Promise<unknown> {
  switch (job.kind) {
    case 'append':
    case 'insert':
      return store(job);
    case 'publish':
      return publish(job);
    case 'select':
      return select(job);
    case 'verify':
      return verify(job);
    case 'fsck':
      return fsck(job);
    case 'proofs':
      return proofs(job);
    case 'fill':
      return fillLog(job);
  }
}

interface ReadJob extends Load {
  readonly home: LogHome;
}

const NO_TIMES = { failed: 0, firstFailure: null, p50: NaN, p99: NaN } as const;

/** Counts until the time is over, from the beginning again where the log is short. */
async function passes(
  ms: number,
  pass: (isOver: () => boolean) => Promise<number>,
): Promise<Loaded> {
  const begun = performance.now();
  const isOver = (): boolean => performance.now() - begun >= ms;
  let done = 0;
  while (!isOver()) done += await pass(isOver);
  return { ...NO_TIMES, done, seconds: (performance.now() - begun) / 1_000 };
}

/** As many as fsck reads at once (prisma/fsck-store.ts). */
const ROWS = 2_000;

/** The same rows in the same order, exact bytes included, and nothing done with them. */
async function select({ home, ms }: ReadJob): Promise<Loaded> {
  const db = openLog(home, 'reader', 1);
  try {
    await db.query('SELECT 1');
    return await passes(ms, (isOver) =>
      db.transaction(async (tx) => {
        let [stream, seq] = ['00000000-0000-0000-0000-000000000000', -1];
        let count = 0;
        for (;;) {
          const rows = await tx.query<{ stream_id: string; seq: number; bytes: Buffer }>({
            text: `SELECT stream_id, seq, cmd, leaf_hash, prev_hash, bytes FROM ledger_record
            WHERE log_id = 1 AND (stream_id, seq) > ($1::uuid, $2::int)
            ORDER BY stream_id, seq LIMIT ${ROWS}`,
            values: [stream, seq],
          });
          count += rows.length;
          const last = rows.at(-1);
          if (rows.length < ROWS || last === undefined || isOver()) return count;
          [stream, seq] = [last.stream_id, last.seq];
        }
      }),
    );
  } finally {
    await db.close();
  }
}

/** Every chain read and checked: form, schema, links, rules. @throws Error where one is not valid. */
async function verify({ home, ms }: ReadJob): Promise<Loaded> {
  const db = openLog(home, 'reader', 4);
  try {
    await db.query('SELECT 1');
    return await passes(ms, (isOver) =>
      db.transaction(async (tx) => {
        const source = await openLogSource(tx);
        let count = 0;
        for await (const { stream, rows } of source.streams()) {
          const records = rows.map(({ bytes }) => bytes);
          const report = await verifyChain({
            records,
            sha256,
            expected: { log: home.origin, stream },
          });
          if (!report.valid) throw new Error(`${stream}: ${report.problems[0]?.code}`);
          count += rows.length;
          if (isOver()) break;
        }
        return count;
      }),
    );
  } finally {
    await db.close();
  }
}

/** One examination of everything, however long it takes. @throws Error where it finds something. */
async function fsck({ home }: ReadJob): Promise<Loaded> {
  const db = openLog(home, 'reader', 4);
  try {
    const signed = await fileMemory(home.memory).read();
    const check = await checkLog({ db, origin: home.origin }, { signed });
    const [problem] = check.problems;
    if (problem !== undefined) throw new Error(`${problem.code}: ${problem.detail}`);
    if (check.records !== check.size) throw new Error('not every record has its place');
    return { ...NO_TIMES, done: check.records, seconds: check.tookMs / 1_000 };
  } finally {
    await db.close();
  }
}

/** Proofs of any records in the newest tree; the first of a round is checked against its root. */
async function proofs({ home, callers, ms }: ReadJob): Promise<Loaded> {
  const db = openLog(home, 'app', callers);
  try {
    const deps = { db, origin: home.origin };
    const checkpoint = await newestCheckpoint(db);
    if (checkpoint === null) throw new Error('the log has no checkpoint');
    const { size, root } = checkpoint;
    const first = await inclusionOf(deps, { index: size >> 1, size });
    const [bytes = Buffer.alloc(0)] = await readEntries(db, first.index, 1);
    const leaf = { hash: Buffer.from(leafHash(bytes), 'hex'), index: first.index };
    if (!(await checkInclusion(leaf, { size, root, proof: first.hashes }, sha256)))
      throw new Error('a proof that leads elsewhere');
    return await runLoad({ callers, ms }, async () => {
      const index = randomInt(size);
      const begun = performance.now();
      await inclusionOf(deps, { index, size });
      return performance.now() - begun;
    });
  } finally {
    await db.close();
  }
}

async function fillLog(job: {
  readonly home: LogHome;
  readonly template: Template;
  readonly count: number;
}): Promise<number> {
  const db = openLog(job.home, 'app', 2);
  try {
    return await fill(db, { ...job, makeChain: chainMaker(job.template, job.home.origin) });
  } finally {
    await db.close();
  }
}

await answerQuestions(answer);
process.exit(0);
