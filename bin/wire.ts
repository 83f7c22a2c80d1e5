import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromMillis } from '../domain/instant.ts';
import type { Deps } from '../application/deps.ts';
import { isStoreUnavailable } from '../application/store-fault.ts';
import type { SystemDeps } from '../application/system-stream.ts';
import { createVault } from '../application/vault.ts';
import { openDatabase, type Database } from '../prisma/database.ts';
import { readInstallation } from '../prisma/installation-store.ts';
import { logOrigin } from '../prisma/ledger-store.ts';
import { ROLES, type RoleUse } from '../prisma/roles.ts';
import type { Config, TemporalConfig } from './config.ts';
import { SetupError } from './setup-error.ts';
import manifest from '../package.json' with { type: 'json' };

/** Role that reviews what no policy matches. */
const FALLBACK_ROLE = 'compliance';

/** A login of its own where there is one; else the owner's, whose connections take on the role. */
export function openDatabaseAs(use: RoleUse, config: Config, connections: number): Database {
  const login = config.databaseLogins[use];
  if (login !== null) return openDatabase(login, connections);
  if (config.databaseUrl === null) throw new SetupError('DATABASE_URL is not set.');
  return openDatabase(config.databaseUrl, connections, ROLES[use]);
}

/** Opens everything the use cases need. @throws SetupError before the first `npm run migrate`. */
export async function openDeps(
  config: Config,
  connections: number,
  use: RoleUse = 'app',
): Promise<Deps> {
  const system = await openSystemDeps(config, connections, use);
  try {
    const installation = await readInstallation(system.db);
    if (installation === null) throw new SetupError(NOT_PREPARED);
    return {
      ...system,
      vault: createVault(await encryptionKey(config)),
      cursorKey: installation.cursorKey,
      publicUrl: config.publicUrl,
      fallbackRole: FALLBACK_ROLE,
      onFault: logFault,
    };
  } catch (error) {
    await system.db.close();
    throw error;
  }
}

const NOT_PREPARED = 'The database has not been prepared: run `npm start` or bin/prepare.ts.';

/** What the log needs, and what seals about the installation itself. @throws SetupError */
export async function openSystemDeps(
  config: Config,
  connections: number,
  use: RoleUse,
): Promise<SystemDeps> {
  const db = openDatabaseAs(use, config, connections);
  try {
    const origin = await patiently(() => logOrigin(db));
    if (origin === null) throw new SetupError(NOT_PREPARED);
    return { db, origin, now: () => fromMillis(Date.now()), software: manifest.version };
  } catch (error) {
    await db.close();
    throw error;
  }
}

/** How long a program waits for a database that is just starting. */
const PATIENCE_MS = 30_000;

/** Repeats while the database is out of reach: a restart of it must not end those who start beside it. */
async function patiently<T>(read: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await read();
    } catch (error) {
      if (!isStoreUnavailable(error) || performance.now() > deadline) throw error;
      await sleep(500);
    }
  }
}

/** @returns 32 bytes from the environment or from the file that the first start made. */
export async function encryptionKey(config: Config): Promise<Uint8Array> {
  if (config.encryption.key !== null) return config.encryption.key;
  try {
    return Buffer.from((await readFile(config.encryption.keyFile, 'utf8')).trim(), 'base64');
  } catch (cause) {
    throw new SetupError(
      `ENCRYPTION_KEY is not set and ${config.encryption.keyFile} cannot be read.`,
      { cause },
    );
  }
}

/** What both the client and the worker connect with. */
export interface TemporalConnection {
  readonly address: string;
  readonly tls?: Awaited<ReturnType<typeof tlsOptions>>;
  readonly apiKey?: string;
}

export async function temporalConnection(temporal: TemporalConfig): Promise<TemporalConnection> {
  if (temporal.address === null) throw new SetupError('TEMPORAL_ADDRESS is not set.');
  const tls = temporal.tls === null ? null : await tlsOptions(temporal.tls);
  return {
    address: temporal.address,
    ...(tls === null ? {} : { tls }),
    ...(temporal.apiKey === null ? {} : { apiKey: temporal.apiKey }),
  };
}

async function tlsOptions(tls: NonNullable<TemporalConfig['tls']>) {
  const read = async (path: string | null): Promise<Buffer | null> =>
    path === null ? null : readFile(path);
  const [crt, key, ca] = await Promise.all([
    read(tls.certPath),
    read(tls.keyPath),
    read(tls.caPath),
  ]);
  return {
    ...(crt !== null && key !== null ? { clientCertPair: { crt, key } } : {}),
    ...(ca === null ? {} : { serverRootCACertificate: ca }),
    ...(tls.serverName === null ? {} : { serverNameOverride: tls.serverName }),
  };
}

/** One line per fault on standard error: what, and the class and message of its causes. No data. */
export function logFault(message: string, error: unknown): void {
  const causes: string[] = [];
  for (let one: unknown = error; one instanceof Error; one = one.cause)
    causes.push(`${one.name}: ${one.message.split('\n')[0] ?? ''}`);
  const time = new Date().toISOString();
  process.stderr.write(
    `${time} warning ${message}${causes.length > 0 ? ` (${causes.join(' < ')})` : ''}\n`,
  );
}

/** Tells the supervisor, where there is one. */
export function tellSupervisor(message: {
  readonly type: 'ready';
  readonly address?: string;
}): void {
  process.send?.(message);
}

/** Resolves when the program is asked to stop: by a signal, or because its supervisor has gone. */
export function stopRequested(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
    if (process.send !== undefined) process.once('disconnect', () => resolve());
  });
}

/** Runs a program to its end: says a setup error in one sentence, and any other with its causes. */
export async function runProgram(main: () => Promise<void>): Promise<void> {
  try {
    await main();
    process.exit(0);
  } catch (error) {
    if (error instanceof SetupError || isUsage(error)) process.stderr.write(`${error.message}\n`);
    else logFault('the program ends', error);
    process.exit(1);
  }
}

/** Of parseArgs: its sentence says which argument is not known. */
function isUsage(error: unknown): error is Error {
  return (
    error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
  );
}
