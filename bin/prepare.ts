import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parsePolicy } from '../application/policy-file.ts';
import { POLICY_CHANGE, publishPolicy, PublishingGated } from '../application/policies.ts';
import { ApplicationError } from '../application/error.ts';
import { ensureSampleDirectory, issueSampleCredentials } from '../application/sample-directory.ts';
import { BY_ENGINE } from '../application/sealing.ts';
import type { Deps } from '../application/deps.ts';
import { registerKey, StrangeKey } from '../application/log-keys.ts';
import type { SystemDeps } from '../application/system-stream.ts';
import { sha256Hex } from '../ledger/hash.ts';
import { newSigningKey } from '../ledger/signer-key.ts';
import { formatVerifierKey } from '../ledger/verifier-key.ts';
import { openDatabase } from '../prisma/database.ts';
import { ensureInstallation } from '../prisma/installation-store.ts';
import { migrate } from '../prisma/migrate.ts';
import { applyRolesInWords } from './roles.ts';
import { listPolicies } from '../prisma/policy-store.ts';
import { readConfig, type Config } from './config.ts';
import { readLogKeys, readStreamHeadKey } from './log-keys.ts';
import { MIGRATIONS } from './migrate.ts';
import { SetupError } from './setup-error.ts';
import { openDeps, runProgram } from './wire.ts';

/** File of the embedded default that says where everything is and who may call. */
const CREDENTIALS = 'dev-credentials.json';

await runProgram(async () => {
  const config = readConfig();
  if (config.databaseUrl === null) throw new SetupError('DATABASE_URL is not set.');
  await ensureKeyFiles(config);
  const applied = await migrate(config.databaseUrl, MIGRATIONS, applyRolesInWords);
  say(applied.length === 0 ? 'schema is up to date' : `applied ${applied.join(', ')}`);
  const origin = await ensureOrigin(config, config.databaseUrl);
  const deps = await openDeps(config, 4);
  try {
    const verifierKey = await asOwner(config, config.databaseUrl, deps);
    if (config.embedded) await ensureSampleDirectory(deps);
    await publishPolicies(deps, config);
    if (config.embedded) await writeCredentials(deps, config, { origin, verifierKey });
  } finally {
    await deps.db.close();
  }
});

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

// ---- keys ----------------------------------------------------------------------------------------

/** Keys are made at the first start of an embedded installation; production brings its own. */
async function ensureKeyFiles({ encryption, log, streamHead, production }: Config): Promise<void> {
  if (encryption.key === null) {
    if (production) throw new SetupError('ENCRYPTION_KEY must be set when NODE_ENV=production.');
    await ensureSecret(encryption.keyFile, () => randomBytes(32).toString('base64'));
  }
  if (log.signingKey === null) {
    if (production) throw new SetupError('LOG_SIGNING_KEY must be set when NODE_ENV=production.');
    await ensureSecret(log.keyFile, newSigningKey);
  }
  // No harm comes from losing it to a thief but lies that convict themselves; so production may keep it here.
  if (streamHead.key === null) await ensureSecret(streamHead.keyFile, newSigningKey);
}

/**
 * The keys at hand become the first ones of the log, or must be keys that it knows.
 *
 * @returns the newest key of the log, as people hand it on.
 * @throws SetupError
 */
async function ensureLogKeys(deps: SystemDeps, config: Config): Promise<string> {
  const [newest, previous = null] = await readLogKeys(config, deps.origin);
  if (newest === undefined) throw new TypeError('a log has a key');
  const heads = await readStreamHeadKey(config, deps.origin);
  const endorsedBy = previous === null ? null : { key: previous.verifierKey, signer: previous };
  try {
    await registerKey(deps, { use: 'log', key: newest.verifierKey, endorsedBy });
    await registerKey(deps, { use: 'stream_head', key: heads.verifierKey, endorsedBy: null });
  } catch (error) {
    if (error instanceof StrangeKey) throw new SetupError(error.message);
    throw error;
  }
  return formatVerifierKey(newest.verifierKey);
}

/** Only the owner of the tables may say which keys are the log's, beside the log itself. */
async function asOwner(config: Config, databaseUrl: string, deps: SystemDeps): Promise<string> {
  const db = openDatabase(databaseUrl, 2);
  try {
    return await ensureLogKeys({ ...deps, db }, config);
  } finally {
    await db.close();
  }
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

/**
 * Publishes each policy file whose text is not the newest version already. Where a policy for
 * `policy-change` governs, files publish nothing: what differs is said, and goes through people.
 *
 * @throws SetupError with every problem of every file; the files without one are published.
 */
async function publishPolicies(deps: Deps, { policiesDir }: Config): Promise<void> {
  if (policiesDir === null) return;
  const present = await listPolicies(deps.db, deps.now(), { after: null, limit: 1_000 });
  const newest = new Map(present.map((row) => [row.id, row]));
  const wrong: string[] = [];
  for (const { path, source, id } of await policyTexts(policiesDir)) {
    const before = newest.get(id) ?? null;
    if (before?.sourceSha256 === sha256Hex(source)) continue;
    wrong.push(...(await publish(deps, { path, source, before })));
  }
  if (wrong.length > 0) throw new SetupError(wrong.join('\n'));
}

interface PolicyFile {
  readonly path: string;
  readonly source: string;
  /** The newest version. */
  readonly before: { readonly id: string; readonly version: number } | null;
}

/** @returns what is wrong with it, a line each; none where it was published, or others must agree. */
async function publish(deps: Deps, { path, source, before }: PolicyFile): Promise<string[]> {
  const parsed = parsePolicy(source, 'auto');
  try {
    const row = await publishPolicy(deps, {
      id: parsed.ok ? parsed.policy.id : '',
      source,
      format: 'auto',
      expected: before?.version ?? null,
      author: { ...BY_ENGINE, name: 'system' },
      remember: () => undefined,
    });
    say(`published policy ${row.id}@${row.version}${row.enabled ? '' : ' (not enabled)'}`);
    return [];
  } catch (error) {
    if (error instanceof PublishingGated) {
      const id = parsed.ok ? parsed.policy.id : '';
      const differs = before === null ? 'is new' : `differs from ${id}@${before.version}`;
      say(`${path} ${differs}, and changes need an approval: POST /v1/policies/${id}/versions`);
      return [];
    }
    if (!(error instanceof ApplicationError) || error.code !== 'POLICY_INVALID') throw error;
    const lines = error.problems.map((one) => `  ${one.pointer || '/'}: ${one.message}`);
    return [`${path}: ${error.message}`, ...lines];
  }
}

/** Those about changes of policies come last: what they gate is published before. */
async function policyTexts(
  folder: string,
): Promise<{ readonly path: string; readonly source: string; readonly id: string }[]> {
  const texts = await Promise.all(
    (await policyFiles(folder)).map(async (file) => {
      const path = join(folder, file);
      const source = await readFile(path, 'utf8');
      const parsed = parsePolicy(source, 'auto');
      const gates = parsed.ok && parsed.policy.kind === POLICY_CHANGE;
      return { path, source, id: parsed.ok ? parsed.policy.id : '', gates };
    }),
  );
  return texts.sort((a, b) => Number(a.gates) - Number(b.gates));
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
async function writeCredentials(
  deps: Deps,
  config: Config,
  log: { readonly origin: string; readonly verifierKey: string },
): Promise<void> {
  const path = join(config.dataDir, CREDENTIALS);
  const { app, people } = (await readCredentials(path)) ?? (await issueSampleCredentials(deps));
  const credentials = {
    apiUrl: config.publicUrl,
    consoleUrl: config.publicUrl,
    temporalAddress: config.temporal.address,
    temporalUiUrl: config.temporal.uiUrl,
    databaseUrl: config.databaseUrl,
    log,
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
