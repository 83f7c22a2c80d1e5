import { createSequencer } from '../../../application/sequencer.ts';
import { signNews, type CheckpointerDeps } from '../../../application/checkpointer.ts';
import { startLogKeeper } from '../../../application/log-keeper.ts';
import { loadSigningKey } from '../../../ledger/signer-key.ts';
import type { Database } from '../../../prisma/database.ts';
import { answerQuestions } from '../child.ts';
import type { Loaded } from '../loop.ts';
import { fileMemory } from '../servers.ts';
import { now, openLog, SOFTWARE, type LogHome } from './home.ts';

/** Sequencer and signer as the product runs them, in a process of their own. */
export type KeeperJob =
  /** Empties the queue and says how fast. */
  | { readonly kind: 'drain'; readonly home: LogHome; readonly sign: boolean }
  /** Keeps the log until told to rest. */
  | { readonly kind: 'keep'; readonly home: LogHome }
  | { readonly kind: 'rest' };

let rest: () => Promise<void> = async () => undefined;

async function answer(job: KeeperJob): Promise<unknown> {
  if (job.kind === 'drain') return drain(job);
  if (job.kind === 'rest') return rest();
  const db = openLog(job.home, 'sequencer', 4);
  const faults: string[] = [];
  const keeper = startLogKeeper(depsOf(job.home, db), (message, error) =>
    faults.push(`${message}: ${String(error)}`),
  );
  rest = async () => {
    await keeper.stop();
    await db.close();
    if (faults.length > 0) throw new Error(faults.join('; '));
  };
  return null;
}

function depsOf({ origin, signingKey, memory }: LogHome, db: Database): CheckpointerDeps {
  const key = loadSigningKey(origin, signingKey);
  const keys = async () => [key];
  return { db, origin, software: SOFTWARE, now, keys, memory: fileMemory(memory) };
}

async function drain({ home, sign }: { home: LogHome; sign: boolean }): Promise<Loaded> {
  const db = openLog(home, 'sequencer', 4);
  try {
    const sequencer = createSequencer(db);
    await db.query('SELECT 1');
    const begun = performance.now();
    const done = await sequencer.run();
    const seconds = (performance.now() - begun) / 1_000;
    if (sign) await signNews(depsOf(home, db));
    return { done, seconds, failed: 0, firstFailure: null, p50: NaN, p99: NaN };
  } finally {
    await db.close();
  }
}

await answerQuestions(answer);
process.exit(0);
