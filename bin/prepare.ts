import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
} from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parsePolicy } from '../application/policy-file.ts';
import { publishPolicy } from '../application/policies.ts';
import { ApplicationError } from '../application/error.ts';
import { ensureSampleDirectory, issueSampleCredentials } from '../application/sample-directory.ts';
import { BY_ENGINE } from '../application/sealing.ts';
import type { Deps } from '../application/deps.ts';
import { sha256Hex } from '../ledger/hash.ts';
import { openDatabase } from '../prisma/database.ts';
import { ensureInstallation } from '../prisma/installation-store.ts';
import { migrate } from '../prisma/migrate.ts';
import { listPolicies } from '../prisma/policy-store.ts';
import { readConfig, type Config } from './config.ts';
import { MIGRATIONS } from './migrate.ts';
import { openDeps, runProgram, SetupError } from './wire.ts';

/** File of the embedded default that says where everything is and who may call. */
const CREDENTIALS = 'dev-credentials.json';

await runProgram(async () => {
  const config = readConfig();
  if (config.databaseUrl === null) throw new SetupError('DATABASE_URL is not set.');
  await ensureKeyFiles(config);
  const applied = await migrate(config.databaseUrl, MIGRATIONS);
  say(applied.length === 0 ? 'schema is up to date' : `applied ${applied.join(', ')}`);
  const origin = await ensureOrigin(config, config.databaseUrl);
  const deps = await openDeps(config, 4);
  try {
    if (config.embedded) await ensureSampleDirectory(deps);
    await publishPolicies(deps, config);
    if (config.embedded) await writeCredentials(deps, config, origin);
  } finally {
    await deps.db.close();
  }
});

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

// ---- keys ----------------------------------------------------------------------------------------

/** Keys are made at the first start of an embedded installation; production brings its own. */
async function ensureKeyFiles({ encryption, log, production }: Config): Promise<void> {
  if (encryption.key === null) {
    if (production) throw new SetupError('ENCRYPTION_KEY must be set when NODE_ENV=production.');
    await ensureSecret(encryption.keyFile, () => randomBytes(32).toString('base64'));
  }
  if (log.signingKey === null) {
    if (production) throw new SetupError('LOG_SIGNING_KEY must be set when NODE_ENV=production.');
    await ensureSecret(log.keyFile, newLogKey);
  }
}

function newLogKey(): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  return privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

/** Makes a file that only we read, unless it is there. */
async function ensureSecret(path: string, make: () => string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    await writeFile(path, `${make().trim()}\n`, { mode: 0o600, flag: 'wx' });
    say(`made ${path}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

async function ensureOrigin(config: Config, databaseUrl: string): Promise<string> {
  const db = openDatabase(databaseUrl, 1);
  try {
    const first = config.log.origin ?? `countersign.local/${randomBytes(6).toString('hex')}`;
    const origin = await ensureInstallation(db, { origin: first, cursorKey: randomBytes(32) });
    if (config.log.origin !== null && config.log.origin !== origin)
      throw new SetupError(
        `LOG_ORIGIN is ${config.log.origin}, but this log is called ${origin} since its first start; a log never changes its name.`,
      );
    return origin;
  } finally {
    await db.close();
  }
}

// ---- policies ------------------------------------------------------------------------------------

/** Publishes each policy file whose text is not the newest version already. */
async function publishPolicies(deps: Deps, { policiesDir }: Config): Promise<void> {
  const present = await listPolicies(deps.db, { after: null, limit: 1_000 });
  const newest = new Map(present.map((row) => [row.id, row]));
  for (const file of await policyFiles(policiesDir)) {
    const source = await readFile(join(policiesDir, file), 'utf8');
    const parsed = parsePolicy(source, 'auto');
    const id = parsed.ok ? parsed.policy.id : '';
    const before = newest.get(id);
    if (before?.sourceSha256 === sha256Hex(source)) continue;
    try {
      const row = await publishPolicy(deps, {
        id,
        source,
        format: 'auto',
        expected: before?.version ?? null,
        author: { ...BY_ENGINE, name: 'system' },
        remember: () => undefined,
      });
      say(`published policy ${row.id}@${row.version}${row.enabled ? '' : ' (not enabled)'}`);
    } catch (error) {
      if (!(error instanceof ApplicationError) || error.code !== 'POLICY_INVALID') throw error;
      const lines = error.problems.map((one) => `  ${one.pointer || '/'}: ${one.message}`);
      throw new SetupError(`${join(policiesDir, file)}: ${error.message}\n${lines.join('\n')}`);
    }
  }
}

async function policyFiles(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => /\.(ya?ml|json)$/.test(name)).sort();
  } catch (cause) {
    throw new SetupError(`The policy folder ${folder} cannot be read (COUNTERSIGN_POLICIES).`, {
      cause,
    });
  }
}

// ---- the credentials file ------------------------------------------------------------------------

interface Credentials {
  readonly app: { readonly id: string; readonly key: string };
  readonly people: readonly unknown[];
}

/** Keeps the tokens that are there; addresses are written anew at each start. */
async function writeCredentials(deps: Deps, config: Config, origin: string): Promise<void> {
  const path = join(config.dataDir, CREDENTIALS);
  const { app, people } = (await readCredentials(path)) ?? (await issueSampleCredentials(deps));
  const credentials = {
    apiUrl: config.publicUrl,
    consoleUrl: config.publicUrl,
    temporalAddress: config.temporal.address,
    temporalUiUrl: config.temporal.uiUrl,
    databaseUrl: config.databaseUrl,
    log: { origin, verifierKey: await verifierKey(config, origin) },
    app,
    people,
  };
  const draft = `${path}.new`;
  await writeFile(draft, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600 });
  await chmod(draft, 0o600);
  await rename(draft, path);
}

async function readCredentials(path: string): Promise<Credentials | null> {
  try {
    const { app, people } = JSON.parse(await readFile(path, 'utf8')) as Credentials;
    return app?.key && Array.isArray(people) && people.length > 0 ? { app, people } : null;
  } catch {
    return null; // missing or damaged: new ones are issued, the old ones end
  }
}

/** The C2SP verifier key: origin, key id, and 0x01 with the raw public key (signed-note). */
async function verifierKey({ log }: Config, origin: string): Promise<string | null> {
  const pem = log.signingKey ?? (await readFile(log.keyFile, 'utf8'));
  if (pem.startsWith('kms:')) return null;
  const jwk = createPublicKey(createPrivateKey(pem)).export({ format: 'jwk' });
  if (jwk.crv !== 'Ed25519' || jwk.x === undefined)
    throw new SetupError('LOG_SIGNING_KEY must be an Ed25519 key.');
  const key = Buffer.concat([Buffer.from([1]), Buffer.from(jwk.x, 'base64url')]);
  const id = createHash('sha256').update(`${origin}\n`).update(key).digest().subarray(0, 4);
  return `${origin}+${id.toString('hex')}+${key.toString('base64')}`;
}
