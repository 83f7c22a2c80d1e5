import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkLog } from '../application/self-check.ts';
import { readConfig, type Config } from './config.ts';
import { withDatabase } from './with-database.ts';
import { fsckProgress, fsckText } from './fsck-text.ts';
import { fileMemory } from './signer-memory.ts';
import { EXIT } from './verify-exit.ts';
import { openSystemDeps } from './wire.ts';

/**
 * `npm run verify -- --fsck`: the whole log as it is stored. Changes and seals nothing.
 *
 * @param keys verifier keys, or files that hold one; none: those that the log itself lists.
 */
export async function verifyLog(keys: readonly string[], asJson: boolean): Promise<number> {
  return withDatabase(readConfig(), 'reader', (config) => examine(config, keys, asJson));
}

async function examine(config: Config, keys: readonly string[], asJson: boolean): Promise<number> {
  const deps = await openSystemDeps(config, 2, 'reader');
  try {
    const signed = await fileMemory(join(config.log.memoryDir, 'head.json')).read();
    const lines = await Promise.all(keys.map(keyLine));
    const trusted = lines.length === 0 ? {} : { keys: lines };
    const check = await checkLog(deps, { signed, ...trusted, onProgress: fsckProgress() });
    process.stdout.write(asJson ? `${JSON.stringify(check, null, 2)}\n` : fsckText(check));
    if (!check.passed) return EXIT.invalid;
    return check.unchecked.length === 0 ? EXIT.valid : EXIT.incomplete;
  } finally {
    await deps.db.close();
  }
}

async function keyLine(key: string): Promise<string> {
  return existsSync(key) ? (await readFile(key, 'utf8')).trim() : key;
}
