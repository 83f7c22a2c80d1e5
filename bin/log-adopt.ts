import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openCheckpoint } from '../ledger/checkpoint.ts';
import { noteVerifier } from '../ledger/verifier-key.ts';
import type { SignerMemory } from '../ledger/signer.ts';
import { newestCheckpoint } from '../prisma/log-store.ts';
import { readConfig, type Config } from './config.ts';
import { withDatabase } from './with-database.ts';
import { readLogKeys } from './log-keys.ts';
import { SetupError } from './setup-error.ts';
import { fileMemory } from './signer-memory.ts';
import { openSystemDeps, runProgram } from './wire.ts';

const HELP = `npm run log:adopt

For a signer whose memory is lost (a new machine, a removed folder): takes the newest checkpoint of the
database as what was signed last, if one of the log's own keys at hand has signed it. Before you run
this, compare it with a checkpoint kept elsewhere: a signer without memory cannot see that a database was
set back. A memory that is there is never replaced.
`;

await runProgram(async () => {
  const { values } = parseArgs({ options: { help: { type: 'boolean' } } });
  if (values.help === true) {
    process.stdout.write(HELP);
    return;
  }
  const config = readConfig();
  const memory = fileMemory(join(config.log.memoryDir, 'head.json'));
  const known = await memory.read();
  if (known !== null)
    throw new SetupError(`The signer remembers size ${known.size}; nothing is to be adopted.`);
  await withDatabase(config, 'sequencer', (withLogin) => adopt(withLogin, memory));
});

async function adopt(config: Config, memory: SignerMemory): Promise<void> {
  const deps = await openSystemDeps(config, 1, 'sequencer');
  try {
    const stored = await newestCheckpoint(deps.db);
    if (stored === null) throw new SetupError('The log has no checkpoint; the signer starts anew.');
    const { origin } = deps;
    const keys = await readLogKeys(config, origin);
    const logKeys = await Promise.all(keys.map(({ verifierKey }) => noteVerifier(verifierKey)));
    const { checkpoint } = await openCheckpoint(Buffer.from(stored.note), { origin, logKeys });
    await memory.write(checkpoint);
    process.stdout.write(`${stored.note}\nThe signer goes on from this checkpoint.\n`);
  } finally {
    await deps.db.close();
  }
}
