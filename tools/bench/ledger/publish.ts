import { setTimeout as sleep } from 'node:timers/promises';
import { insertRecords } from '../../../prisma/ledger-store.ts';
import type { Database } from '../../../prisma/database.ts';
import { newestCheckpoint } from '../../../prisma/log-store.ts';
import { runLoad, type Load, type Loaded } from '../loop.ts';
import { quantile } from '../stats.ts';
import type { SealedRecord } from '../../../ledger/append.ts';
import { chainMaker, type Template } from './chains.ts';
import { openLog, type LogHome } from './home.ts';

// From sealing to the signed checkpoint that covers the record: seal, append, sequence, sign, all at once.

export type PublishJob = Load & {
  readonly kind: 'publish';
  readonly home: LogHome;
  readonly template: Template;
  /** Records a second; null: as many as go. */
  readonly rate: number | null;
};

/** `done`: records that a stored checkpoint covered when the time was over; the times: till it did. */
export interface Published extends Loaded {
  readonly appended: number;
}

const LOOK_MS = 10;
/** One record in so many is followed. */
const FOLLOWED = 20;
const LATE_LIMIT_MS = 60_000;

interface Seen {
  readonly at: number;
  readonly size: number;
}

interface Followed {
  readonly stream: string;
  readonly seq: number;
  readonly begun: number;
}

export async function publish(job: PublishJob): Promise<Published> {
  const db = openLog(job.home, 'app', job.callers + 2);
  try {
    const seen: Seen[] = [await look(db)];
    const watch = watching(db, seen);
    const followed: Followed[] = [];
    const begun = performance.now();
    const loaded = await appendAll(db, job, followed);
    const until = seen.at(-1)?.size ?? 0;
    await allPublished(db);
    await watch.stop();
    const seconds = loaded.seconds;
    const times = (await latencies(db, seen, followed)).sort((a, b) => a - b);
    const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
    const done = until - sizeAt(seen, begun);
    return { ...loaded, appended: loaded.done, done, seconds, p50, p99 };
  } finally {
    await db.close();
  }
}

function appendAll(
  db: Database,
  { home, template, callers, ms, rate }: PublishJob,
  followed: Followed[],
): Promise<Loaded> {
  const make = chainMaker(template, home.origin);
  const left: SealedRecord[][] = Array.from({ length: callers }, () => []);
  const paceMs = rate === null ? 0 : (callers / rate) * 1_000;
  const start = performance.now();
  const turns = Array.from({ length: callers }, (_, caller) => (caller / callers) * paceMs);
  let count = 0;
  return runLoad({ callers, ms }, async (caller) => {
    const wait = (turns[caller] ?? 0) - (performance.now() - start);
    turns[caller] = (turns[caller] ?? 0) + paceMs;
    if (wait > 0) await sleep(wait);
    const begun = performance.now();
    const queue = left[caller] as SealedRecord[];
    if (queue.length === 0) queue.push(...make());
    const record = queue.shift() as SealedRecord;
    await db.transaction(async (tx) => {
      for (const fragment of insertRecords([record])) tx.write(fragment);
    });
    if ((count += 1) % FOLLOWED === 0)
      followed.push({ stream: record.stream, seq: record.seq, begun });
    return performance.now() - begun;
  });
}

async function look(db: Database): Promise<Seen> {
  const size = (await newestCheckpoint(db))?.size ?? 0;
  return { at: performance.now(), size };
}

function watching(db: Database, seen: Seen[]): { stop(): Promise<void> } {
  let isOver = false;
  const watched = (async () => {
    while (!isOver) {
      await sleep(LOOK_MS);
      const now = await look(db);
      if (now.size !== seen.at(-1)?.size) seen.push(now);
    }
  })();
  return {
    stop: () => {
      isOver = true;
      return watched;
    },
  };
}

async function allPublished(db: Database): Promise<void> {
  const limit = performance.now() + LATE_LIMIT_MS;
  while (performance.now() < limit) {
    const [row] = await db.query<{ left: boolean }>(
      `SELECT EXISTS (SELECT FROM log_queue) OR (SELECT size FROM log_state)
        > (SELECT coalesce(max(size), 0) FROM log_checkpoint) AS left`,
    );
    if (row?.left === false) return sleep(5 * LOOK_MS);
    await sleep(LOOK_MS);
  }
  throw new Error('the log did not catch up');
}

async function latencies(
  db: Database,
  seen: readonly Seen[],
  followed: readonly Followed[],
): Promise<number[]> {
  const rows = await db.query<{ leaf_index: string }>(
    `SELECT l.leaf_index FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS t (stream, seq, place)
      JOIN log_leaf l ON l.log_id = 1 AND l.stream_id = t.stream AND l.seq = t.seq ORDER BY t.place`,
    [followed.map(({ stream }) => stream), followed.map(({ seq }) => seq)],
  );
  if (rows.length !== followed.length) throw new Error('a record was lost');
  return followed.map(({ begun }, at) => {
    const index = Number(rows[at]?.leaf_index);
    const first = seen.find(({ size }) => size > index);
    if (first === undefined) throw new Error('a record was never published');
    return first.at - begun;
  });
}

function sizeAt(seen: readonly Seen[], at: number): number {
  return seen.findLast((one) => one.at <= at)?.size ?? seen[0]?.size ?? 0;
}
