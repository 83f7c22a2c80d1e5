import { LedgerError } from '../ledger/error.ts';
import { commandKey } from '../ledger/hash.ts';
import type { RecordBody } from '../ledger/record.ts';
import { newestCheckpoint, readLogState } from '../prisma/log-store.ts';
import { breakSilence, memoryLost, signNews, type CheckpointerDeps } from './checkpointer.ts';
import { startChores, type RunningChores } from './chores.ts';
import { checkedEdge, createSequencer, LogCorrupt } from './sequencer.ts';
import { sealSystemRecord, SYSTEM_AUTHOR } from './system-stream.ts';

/** Polled, never notified: a commit that notifies takes a lock that all of them share. */
const SEQUENCE_MS = 100;
const SIGN_MS = 500;
const SILENCE_CHECK_MS = 10_000;
/** A log that is broken stays so; one line of it a minute is enough. */
const QUIET_MS = 60_000;

/**
 * Keeps the log: gives places, signs, breaks silence. Any number may run.
 *
 * @param onFault told once a minute of each fault, however often it repeats.
 */
export function startLogKeeper(
  deps: CheckpointerDeps,
  onFault: (message: string, error: unknown) => void,
): RunningChores {
  const sequencer = createSequencer(deps.db);
  const told = new Map<string, number>();
  const chores = [
    { name: 'sequencing', everyMs: SEQUENCE_MS, run: async () => void (await sequencer.run()) },
    { name: 'signing', everyMs: SIGN_MS, run: async () => void (await signNews(deps)) },
    {
      name: 'heartbeat',
      everyMs: SILENCE_CHECK_MS,
      run: async () => void (await breakSilence(deps)),
    },
  ];
  return startChores(chores, (message, error) => {
    const words = `${message}: ${error instanceof Error ? error.message : String(error)}`;
    if (performance.now() - (told.get(words) ?? -Infinity) < QUIET_MS) return;
    told.set(words, performance.now());
    onFault(message, error);
    void sealIncident(deps, words, error).catch((cause: unknown) =>
      onFault('the incident could not be sealed', cause),
    );
  });
}

type IncidentCode = RecordBody<'incident'>['code'];

/** What a person must look at is in the log too, once for each thing that it says. */
async function sealIncident(deps: CheckpointerDeps, words: string, error: unknown): Promise<void> {
  const code = incidentCode(error);
  if (code === null) return;
  await sealSystemRecord(deps, {
    ...SYSTEM_AUTHOR,
    kind: 'incident',
    cmd: commandKey('incident', words),
    body: {
      incident: null,
      change: 'detected',
      code,
      severity: 'critical',
      system: null,
      about_stream: null,
      about_seq: null,
      about_index: null,
      expected: null,
      found: null,
      person_c: null,
    },
  });
}

function incidentCode(error: unknown): IncidentCode | null {
  if (error instanceof LogCorrupt) return 'CHAIN_BROKEN';
  if (error instanceof LedgerError && error.code === 'SIGNER_REFUSED') return 'SIGNER_REFUSED';
  return null;
}

/**
 * Before anything is written: is what the tables say of the log what the signer last signed?
 *
 * @throws LogCorrupt, LedgerError SIGNER_REFUSED; the message says what, where, and what to run.
 */
export async function assertLogSound({ db, origin, memory }: CheckpointerDeps): Promise<void> {
  const state = await readLogState(db);
  if (state === null)
    throw new LogCorrupt('the database has no log yet: run npm start, which prepares it');
  await checkedEdge(db, state);
  const [newest, last] = await Promise.all([newestCheckpoint(db), memory.read()]);
  if (last !== null && last.origin !== origin)
    throw new LedgerError('SIGNER_REFUSED', `the signer's memory is of ${last.origin}`);
  if (last === null && newest !== null) throw memoryLost(newest.size);
  const signed = Math.max(last?.size ?? 0, newest?.size ?? 0);
  if (state.size < signed)
    throw new LedgerError(
      'SIGNER_REFUSED',
      `the database holds ${state.size} records, but ${signed} were signed: it is older than its own log. Restore the newest backup of the database, and do not touch the signer's memory`,
    );
}
