import { sealRecords, type Draft, type SealedRecord } from '../ledger/append.ts';
import { insertRecords, LOG_ID, streamHead, type TimedHead } from '../prisma/ledger-store.ts';
import type { Tx } from '../prisma/transaction.ts';
import type { Deps } from './deps.ts';

// The stream in which the installation speaks of itself: heartbeats, self-checks, keys, incidents.

export type SystemDeps = Pick<Deps, 'db' | 'now' | 'origin' | 'software'>;

/** One key of PostgreSQL's advisory locks: whoever appends to the stream. */
const LOCK = 7_203_115;

/** Who speaks where nobody acted. */
export const SYSTEM_AUTHOR = {
  actor: { type: 'system', role: 'engine', c: null },
  auth: { level: 0, method: 'internal', proof: null },
  surface: 'system',
  policy: null,
} as const;

/**
 * Seals one record about the installation itself.
 *
 * @param draft without erasable values: nothing here is personal.
 * @returns null where its command key was sealed before; the first record stays.
 */
export function sealSystemRecord(deps: SystemDeps, draft: Draft): Promise<SealedRecord | null> {
  return deps.db.transaction((tx) => sealSystemRecordIn(tx, deps, draft));
}

/** The same inside a transaction that does more. The stream stays locked until it ends. */
export async function sealSystemRecordIn(
  tx: Tx,
  { origin, software, now }: Pick<SystemDeps, 'origin' | 'software' | 'now'>,
  draft: Draft,
): Promise<SealedRecord | null> {
  const place = await lockSystemStream(tx, draft.cmd);
  if (place === null) return null;
  const { stream, head } = place;
  const context = { log: origin, stream, about: 'installation', ts: now(), software } as const;
  const { records } = sealRecords(head, [draft], context);
  for (const fragment of insertRecords(records)) tx.write(fragment);
  return records[0] ?? null;
}

/**
 * The end of the stream, which is the caller's until the transaction ends.
 *
 * @returns null where the command key was sealed before.
 */
export async function lockSystemStream(
  tx: Tx,
  cmd: string,
): Promise<{ readonly stream: string; readonly head: TimedHead | null } | null> {
  // A statement of its own: what follows must see what the one before in the lock wrote.
  await tx.query({ text: `SELECT pg_advisory_xact_lock(${LOCK})`, values: [] });
  const stream = await systemStream(tx);
  if (await isSealed(tx, stream, cmd)) return null;
  return { stream, head: await streamHead(tx, stream) };
}

async function systemStream(tx: Tx): Promise<string> {
  const rows = await tx.query<{ system_stream_id: string }>({
    text: 'SELECT system_stream_id FROM installation',
    values: [],
  });
  const stream = rows[0]?.system_stream_id;
  if (stream === undefined) throw new TypeError('the installation has no row yet');
  return stream;
}

async function isSealed(tx: Tx, stream: string, cmd: string): Promise<boolean> {
  const rows = await tx.query({
    text: `SELECT FROM ledger_record WHERE log_id = ${LOG_ID} AND stream_id = $1 AND cmd = $2`,
    values: [stream, Buffer.from(cmd, 'hex')],
  });
  return rows.length > 0;
}
