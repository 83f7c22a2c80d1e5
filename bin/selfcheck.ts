import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { selfCheck, type LogCheck } from '../application/self-check.ts';
import { readConfig, type Config } from './config.ts';
import { withDatabase } from './with-database.ts';
import { fsckProgress, fsckText } from './fsck-text.ts';
import { fileMemory } from './signer-memory.ts';
import { openSystemDeps } from './wire.ts';
import { join } from 'node:path';

const HELP = `npm run selfcheck [-- --json]

Examines the whole log of a running installation: every record, link, leaf, tile, root, checkpoint, what the
signer remembers, and what programs read of each request. The result is sealed in the log; a failed one
turns /readyz red. The same runs every night by itself.

Exit code: 0 passed, 1 failed, 3 usage or fault.
`;

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  return 3;
});

async function main(args: string[]): Promise<number> {
  const options = { json: { type: 'boolean' }, help: { type: 'boolean' } } as const;
  const { values } = parseArgs({ args, options });
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const check = await withDatabase(readConfig(), 'app', run);
  const json = JSON.stringify(check, null, 2);
  process.stdout.write(values.json === true ? `${json}\n` : fsckText(check));
  return check.passed ? 0 : 1;
}

async function run(config: Config): Promise<LogCheck> {
  const deps = await openSystemDeps(config, 2, 'app');
  try {
    const signed = await fileMemory(join(config.log.memoryDir, 'head.json')).read();
    return await selfCheck(deps, { id: randomUUID(), signed, onProgress: fsckProgress() });
  } finally {
    await deps.db.close();
  }
}
