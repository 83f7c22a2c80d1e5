import { existsSync } from 'node:fs';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { registerKey, StrangeKey } from '../application/log-keys.ts';
import { loadSigningKey, newSigningKey, type SigningKey } from '../ledger/signer-key.ts';
import { formatVerifierKey } from '../ledger/verifier-key.ts';
import { readConfig, type Config } from './config.ts';
import { withDatabase } from './with-database.ts';
import { previousKeyFile, readLogKeys } from './log-keys.ts';
import { SetupError } from './setup-error.ts';
import { openSystemDeps, runProgram } from './wire.ts';

const HELP = `npm run log:rotate-key [-- --retire]

Makes a new signing key for the log. The old key vouches for it, the change is sealed in the log, and
from then on both keys sign each checkpoint, so that verifiers who hold only the old one go on. A running
log takes the new key up by itself, within a second.

  --retire   the old key stops signing and its file is removed. Do this when every verifier holds the
             new key (GET /v1/log/key), not earlier.

With LOG_SIGNING_KEY in the environment nothing is made: set LOG_SIGNING_KEY to the new key and
LOG_SIGNING_KEY_PREVIOUS to the old one, and run this to have the change vouched for and sealed.
`;

await runProgram(async () => {
  const { values } = parseArgs({
    options: { retire: { type: 'boolean' }, help: { type: 'boolean' } },
  });
  const config = readConfig();
  if (values.help === true) process.stdout.write(HELP);
  else if (values.retire === true) await retire(config);
  else await withDatabase(config, 'sequencer', rotate);
});

async function rotate(config: Config): Promise<void> {
  const deps = await openSystemDeps(config, 2, 'sequencer');
  try {
    const { newest, before } = await keysToChange(config, deps.origin);
    const endorsedBy = { key: before.verifierKey, signer: before };
    const isNew = await registerKey(deps, { use: 'log', key: newest.verifierKey, endorsedBy });
    if (config.log.signingKey === null) await moveIntoPlace(config);
    const verb = isNew ? 'The log now signs with' : 'This key is in use already:';
    say(`${verb} ${formatVerifierKey(newest.verifierKey)}`);
    say('Give it to everybody who verifies, by the way they got the old one.');
  } catch (error) {
    if (error instanceof StrangeKey) throw new SetupError(error.message);
    throw error;
  } finally {
    await deps.db.close();
  }
}

interface KeyChange {
  readonly newest: SigningKey;
  readonly before: SigningKey;
}

/** @throws SetupError */
async function keysToChange(config: Config, origin: string): Promise<KeyChange> {
  const next = nextKeyFile(config);
  if (config.log.signingKey === null) {
    if (existsSync(previousKeyFile(config)) && !existsSync(next))
      throw new SetupError(
        'The key before the present one still signs: run npm run log:rotate-key -- --retire first.',
      );
    const [before] = await readLogKeys(config, origin);
    if (before === undefined) throw new TypeError('a log has a key');
    if (!existsSync(next)) await writeKey(next, newSigningKey());
    return { newest: loadSigningKey(origin, await readFile(next, 'utf8')), before };
  }
  const [newest, before] = await readLogKeys(config, origin);
  if (newest === undefined || before === undefined)
    throw new SetupError(
      'Set LOG_SIGNING_KEY to the new key and LOG_SIGNING_KEY_PREVIOUS to the old one.',
    );
  return { newest, before };
}

/** Made before it is registered: a rotation that breaks off goes on with the same key. */
function nextKeyFile({ log }: Config): string {
  return `${log.keyFile.replace(/\.pem$/, '')}.next.pem`;
}

async function writeKey(path: string, pem: string): Promise<void> {
  const file = await open(`${path}.new`, 'wx', 0o600);
  await file.writeFile(pem);
  await file.sync();
  await file.close();
  await rename(`${path}.new`, path);
}

/** The old key is copied away before the new one takes its place: there is a key at every moment. */
async function moveIntoPlace(config: Config): Promise<void> {
  const next = nextKeyFile(config);
  if (!existsSync(next)) return;
  const { keyFile } = config.log;
  await rm(`${previousKeyFile(config)}.new`, { force: true });
  await writeKey(previousKeyFile(config), await readFile(keyFile, 'utf8'));
  await rename(next, keyFile);
}

async function retire(config: Config): Promise<void> {
  if (config.log.signingKey !== null)
    throw new SetupError('Remove LOG_SIGNING_KEY_PREVIOUS from the environment.');
  const path = previousKeyFile(config);
  if (!existsSync(path)) throw new SetupError('There is no older key that still signs.');
  await rm(path);
  say('The older key signs no more.');
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
