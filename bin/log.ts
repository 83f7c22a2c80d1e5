import { join } from 'node:path';
import { assertLogSound, startLogKeeper } from '../application/log-keeper.ts';
import { LogCorrupt } from '../application/sequencer.ts';
import { LedgerError } from '../ledger/error.ts';
import { fileMemory } from './signer-memory.ts';
import { readConfig } from './config.ts';
import { watchedLogKeys } from './log-keys.ts';
import { SetupError } from './setup-error.ts';
import { logFault, openSystemDeps, runProgram, stopRequested, tellSupervisor } from './wire.ts';

/** Sequencing, signing and the heartbeat, each on one connection. */
const CONNECTIONS = 4;

await runProgram(async () => {
  const config = readConfig();
  const deps = await openSystemDeps(config, CONNECTIONS, 'sequencer');
  const memory = fileMemory(join(config.log.memoryDir, 'head.json'));
  const keys = watchedLogKeys(config, deps.origin);
  await keys(); // a key that cannot be read ends the program here and not at the first checkpoint
  const keeping = { ...deps, memory, keys };
  await assertLogSound(keeping).catch(explain);
  const keeper = startLogKeeper(keeping, logFault);
  tellSupervisor({ type: 'ready' });

  await stopRequested();
  await keeper.stop();
  await deps.db.close();
});

function explain(error: unknown): never {
  const isState = error instanceof LogCorrupt || error instanceof LedgerError;
  if (!isState) throw error;
  throw new SetupError(`The log is not started: ${error.message}.`, { cause: error });
}
