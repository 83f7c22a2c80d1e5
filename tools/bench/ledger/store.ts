import { insertRecords } from '../../../prisma/ledger-store.ts';
import type { Database } from '../../../prisma/database.ts';
import { runLoad, type Load, type Loaded } from '../loop.ts';
import type { SealedRecord } from '../../../ledger/append.ts';
import { chainMaker, type Chain, type Template } from './chains.ts';
import { openLog, type LogHome } from './home.ts';

// One record per durable commit, as the product appends it and as a plain table takes it. Both sides
// store the same rows: they are sealed before the round begins.

export const PLAIN = 'bench_plain';
export const CHECKED = 'bench_checked';

/** Tables of the same shape: columns, primary key, unique index; the second one with the checks too. */
export const PLAIN_TABLES = `
  CREATE TABLE ${PLAIN} (LIKE ledger_record INCLUDING INDEXES);
  CREATE TABLE ${CHECKED} (LIKE ledger_record INCLUDING INDEXES INCLUDING CONSTRAINTS);
  GRANT INSERT ON ${PLAIN}, ${CHECKED} TO countersign_app`;

export type StoreJob = Load & { readonly home: LogHome } & (
    | { readonly kind: 'append'; readonly template: Template }
    | { readonly kind: 'insert'; readonly table: typeof PLAIN | typeof CHECKED }
  );

/** About what two cores store in a second; what is missing is sealed during the round. */
const RECORDS_A_SECOND = 11_000;

/** What the last appends took; plain inserts take the same. */
let chains: Chain[] = [];
let makeChain: (() => Chain) | null = null;

export async function store(job: StoreJob): Promise<Loaded> {
  const { home, callers } = job;
  if (job.kind === 'append') prepare(job);
  const db = openLog(home, 'app', callers);
  const write = job.kind === 'append' ? append : insertInto(job.table);
  const next = suppliers(callers);
  try {
    await Promise.all(Array.from({ length: callers }, () => db.query('SELECT pg_sleep(0.05)')));
    return await runLoad(job, async (caller) => {
      const record = next(caller);
      const begun = performance.now();
      await write(db, record);
      return performance.now() - begun;
    });
  } finally {
    await db.close();
  }
}

function prepare({ home, template, ms }: Extract<StoreJob, { kind: 'append' }>): void {
  const make = chainMaker(template, home.origin);
  makeChain = make;
  const count = Math.ceil((RECORDS_A_SECOND * ms) / 1_000 / template.records.length);
  chains = Array.from({ length: count }, make);
}

/** Each caller appends the records of one stream after the other, in order. */
function suppliers(callers: number): (caller: number) => SealedRecord {
  let used = 0;
  const take = (): Iterator<SealedRecord> => {
    const chain = chains[used] ?? makeChain?.() ?? [];
    if (chains[used] === undefined) chains.push(chain);
    used += 1;
    return chain[Symbol.iterator]();
  };
  const current = Array.from({ length: callers }, take);
  return (caller) => {
    for (;;) {
      const next = current[caller]?.next();
      if (next?.done === false) return next.value;
      current[caller] = take();
    }
  };
}

/** As every step of the product does it: record and queue in one statement, which is the commit. */
async function append(db: Database, record: SealedRecord): Promise<void> {
  await db.transaction(async (tx) => {
    for (const fragment of insertRecords([record])) tx.write(fragment);
  });
}

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

function insertInto(table: string): (db: Database, record: SealedRecord) => Promise<void> {
  const text = `INSERT INTO ${table} (log_id, stream_id, seq, cmd, input_hash, leaf_hash, prev_hash, bytes)
    VALUES (1, $1, $2, $3, $4, $5, $6, $7)`;
  return async (db, one) => {
    const prev = one.prev === null ? null : hex(one.prev);
    const hashes = [hex(one.cmd), hex(one.inputHash), hex(one.leafHash)];
    await db.query(text, [one.stream, one.seq, ...hashes, prev, one.bytes]);
  };
}
