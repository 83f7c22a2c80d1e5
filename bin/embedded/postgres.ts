import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { z } from 'zod';
import { ROLES, type RoleUse } from '../../prisma/roles.ts';
import { processEnvironment } from '../config.ts';
import { openLogFile, type LogFile } from './log-file.ts';
import { portState, readPorts, rememberedPorts } from './ports.ts';
import { postgresBinaries } from './postgres-binaries.ts';
import { handOver, postgresRunner, type PostgresRunner } from './postgres-user.ts';
import {
  endProcess,
  identityOf,
  type EndAttempt,
  type ProcessIdentity,
} from './process-identity.ts';
import type { Report } from './report.ts';
import { runProgram } from './run-program.ts';
import {
  EmbeddedServerError,
  startServerProcess,
  stopServerProcess,
  type ServerProcess,
} from './server-process.ts';
import { ORDERLY } from './stop-plans.ts';

export type PostgresOptions = {
  /** `.countersign`; the database lies in `postgres` below it. */
  readonly dataDir: string;
  readonly cacheDir: string;
  readonly report: Report;
  readonly maxConnections?: number;
  /** Each new line of the server's log. */
  readonly onLogLine?: (line: string) => void;
  /** Told the process as soon as it exists, before it is ready. */
  readonly onSpawn?: (identity: ProcessIdentity) => void;
  readonly signal?: AbortSignal | undefined;
  /** A restart while clients run: take the ports of before, whatever the matter. */
  readonly samePorts?: boolean;
};

export type EmbeddedPostgres = {
  /** Of the owner of the tables: role and database `countersign`, no superuser. */
  readonly url: string;
  /** Of the roles with fewer rights (prisma/roles.ts). */
  readonly logins: Readonly<Record<RoleUse, string>>;
  /** Of the superuser, database `postgres`. */
  readonly adminUrl: string;
  readonly pid: number;
  readonly identity: ProcessIdentity;
  readonly exited: Promise<string>;
  /** Fast shutdown unless told otherwise: open transactions roll back, then a checkpoint. */
  readonly stop: (attempts?: readonly EndAttempt[]) => Promise<void>;
};

const MAJOR = '18';
const ROLE = 'countersign';
const INITDB_LIMIT_MS = 5 * 60_000;
/** Recovery after a power cut reads what was written since the last checkpoint. */
const READY_LIMIT_MS = 120_000;
const POLL_MS = 50;

/**
 * Starts the embedded PostgreSQL on loopback, makes its cluster, role and database when they are
 * missing, and ends one that a killed run left behind.
 *
 * @throws EmbeddedServerError in words for a person.
 */
export async function startPostgres(options: PostgresOptions): Promise<EmbeddedPostgres> {
  const binaries = postgresBinaries();
  mkdirSync(options.dataDir, { recursive: true });
  const runner = postgresRunner({ ...options, binaries });
  const place = { runner, cluster: join(options.dataDir, 'postgres'), options };
  const passwords = readPasswords(options.dataDir);
  await makeCluster(place, passwords.values);
  if (passwords.isNew) await resetAdminPassword(place, passwords.values.admin);
  await endLeftover(place);
  return run(place, passwords.values);
}

/**
 * The embedded database of a run that is going on, for tools beside it.
 *
 * @param as the owner of the tables, or a role with fewer rights.
 * @returns null when there is none or it does not run.
 */
export async function embeddedDatabaseUrl(
  dataDir: string,
  as: RoleUse | 'owner',
): Promise<string | null> {
  const keys = passwordsFile(dataDir);
  const { postgres: port } = readPorts(portsFile(dataDir));
  if (port === undefined || !existsSync(keys)) return null;
  if ((await portState(port)) === 'free') return null;
  return urlFor(as, port, parsePasswords(keys));
}

type UrlParts = Readonly<Record<'user' | 'password' | 'database', string>> & { port: number };

function urlOf({ user, password, port, database }: UrlParts): string {
  return `postgresql://${user}:${password}@127.0.0.1:${port}/${database}`;
}

function urlFor(as: RoleUse | 'owner', port: number, passwords: Passwords): string {
  const user = as === 'owner' ? ROLE : ROLES[as];
  return urlOf({ port, user, password: passwords[as], database: ROLE });
}

function portsFile(dataDir: string): string {
  return join(dataDir, 'ports.json');
}

function passwordsFile(dataDir: string): string {
  return join(dataDir, 'keys', 'postgres.json');
}

type Place = {
  readonly runner: PostgresRunner;
  readonly cluster: string;
  readonly options: PostgresOptions;
};

// --- the cluster ----------------------------------------------------------------------------------

/** initdb works beside the final place: what a power cut interrupts never looks like a cluster. */
async function makeCluster(place: Place, passwords: Passwords): Promise<void> {
  const { cluster, runner, options } = place;
  if (existsSync(cluster)) return checkCluster(place);
  const draft = `${cluster}.new`;
  const passwordFile = `${cluster}.password`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  handOver(draft, runner.owner);
  writeFileSync(passwordFile, passwords.admin, { mode: 0o600 });
  handOver(passwordFile, runner.owner);
  const step = options.report.step(`Making the database cluster (PostgreSQL ${MAJOR})`);
  try {
    await initdb(place, draft, passwordFile);
    renameSync(draft, cluster);
    step.done();
  } catch (error) {
    step.failed('see below');
    throw error;
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

async function initdb({ runner, options }: Place, folder: string, passwordFile: string) {
  const command = runner.asOwner({
    command: join(runner.binaries, 'bin', 'initdb'),
    args: [
      ...['-D', folder, '--username', 'postgres', '--pwfile', passwordFile],
      ...['--auth', 'scram-sha-256', '--encoding', 'UTF8', '--data-checksums'],
      // Sorts and compares alike on every machine, whatever its C library knows.
      ...['--locale', 'C', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8'],
    ],
  });
  const { ok, reason, output } = await runProgram(command.command, command.args, {
    limitMs: INITDB_LIMIT_MS,
    signal: options.signal,
    spawn: { ...command.options, env: programEnv() },
  });
  options.signal?.throwIfAborted();
  if (!ok) throw new EmbeddedServerError(`initdb failed (${reason}):\n${output}`);
}

function checkCluster({ cluster, runner }: Place): void {
  const owner = statSync(cluster).uid;
  const self = runner.owner?.uid ?? process.getuid?.();
  if (self !== undefined && owner !== self) {
    throw new EmbeddedServerError(
      `${cluster} belongs to the user with id ${owner}, but PostgreSQL would run as ${self}: it was ` +
        'made by a run as another user. Run npm start as that user, or change the owner with chown -R.',
    );
  }
  const file = join(cluster, 'PG_VERSION');
  if (!existsSync(file)) {
    throw new EmbeddedServerError(
      `${cluster} exists, but holds no database (PG_VERSION is missing). Move it away.`,
    );
  }
  const version = readFileSync(file, 'utf8').trim();
  if (version !== MAJOR) {
    throw new EmbeddedServerError(
      `${cluster} was made by PostgreSQL ${version}; the embedded one is ${MAJOR}. Move the data ` +
        `with pg_dump of version ${version}, or set DATABASE_URL to a PostgreSQL ${version}.`,
    );
  }
}

/** The environment must not redirect or configure the server (PGDATA, PGPORT, LD_PRELOAD …). */
function programEnv(): NodeJS.ProcessEnv {
  return { PATH: processEnvironment()['PATH'], LC_ALL: 'C', TZ: 'UTC' };
}

// --- passwords ------------------------------------------------------------------------------------

/** All but that of `admin` are set at each start, so a file that lacks one is completed. */
const passwordsSchema = z.object({
  admin: z.string().min(20),
  owner: z.string().min(20).default(newPassword),
  app: z.string().min(20).default(newPassword),
  sequencer: z.string().min(20).default(newPassword),
  reader: z.string().min(20).default(newPassword),
});
type Passwords = z.infer<typeof passwordsSchema>;

/** @returns `isNew` when there were none, though a cluster may exist. */
function readPasswords(dataDir: string): { values: Passwords; isNew: boolean } {
  const path = passwordsFile(dataDir);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const isNew = !existsSync(path);
  const values = isNew ? passwordsSchema.parse({ admin: newPassword() }) : parsePasswords(path);
  writeFileSync(`${path}.new`, `${JSON.stringify(values)}\n`, { mode: 0o600, flush: true });
  renameSync(`${path}.new`, path);
  return { values, isNew: isNew && existsSync(join(dataDir, 'postgres')) };
}

function parsePasswords(path: string): Passwords {
  try {
    return passwordsSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    const advice = 'Remove it: the passwords are then set anew.';
    throw new EmbeddedServerError(`${path} cannot be read. ${advice}`, { cause });
  }
}

function newPassword(): string {
  return randomBytes(24).toString('base64url');
}

/** Without the old password only single-user mode, which asks for none, can set another. */
async function resetAdminPassword(place: Place, password: string): Promise<void> {
  await endLeftover(place);
  const { runner, cluster, options } = place;
  options.report.say('The passwords of the embedded PostgreSQL are missing; setting new ones');
  const command = runner.asOwner({
    command: join(runner.binaries, 'bin', 'postgres'),
    args: ['--single', '-D', cluster, 'postgres'],
  });
  const { ok, reason, output } = await runProgram(command.command, command.args, {
    limitMs: READY_LIMIT_MS,
    signal: options.signal,
    input: `ALTER USER postgres PASSWORD '${password}'\n`,
    spawn: { ...command.options, env: programEnv() },
  });
  if (!ok) throw new EmbeddedServerError(`Setting a new password failed (${reason}):\n${output}`);
}

// --- running it -----------------------------------------------------------------------------------

async function run(place: Place, passwords: Passwords): Promise<EmbeddedPostgres> {
  const { options } = place;
  const ports = await rememberedPorts(portsFile(options.dataDir), ['postgres'], options.samePorts);
  const log = openLogFile({
    path: join(options.dataDir, 'logs', 'postgres.log'),
    ...(options.onLogLine === undefined ? {} : { onLine: options.onLogLine }),
  });
  const port = ports.postgres;
  const urls = {
    url: urlFor('owner', port, passwords),
    logins: {
      app: urlFor('app', port, passwords),
      sequencer: urlFor('sequencer', port, passwords),
      reader: urlFor('reader', port, passwords),
    },
    adminUrl: urlOf({ port, user: 'postgres', password: passwords.admin, database: 'postgres' }),
  };
  const server = await startPostmaster(place, port, log);
  options.onSpawn?.(server.identity);
  void server.exited.then(() => log.close());
  const stop = (attempts = ORDERLY.postgres) => stopServerProcess(server, attempts);
  try {
    await waitUntilReady(server, urls.adminUrl, { log, signal: options.signal });
    await makeDatabase(urls.adminUrl, passwords);
  } catch (error) {
    await stop();
    throw error;
  }
  const { identity, exited } = server;
  return { ...urls, pid: identity.pid, identity, exited, stop };
}

function startPostmaster({ runner, cluster, options }: Place, port: number, log: LogFile) {
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: String(options.maxConnections ?? 100),
    fsync: 'on',
    full_page_writes: 'on',
    synchronous_commit: 'on',
    password_encryption: 'scram-sha-256',
    timezone: 'UTC',
    log_timezone: 'UTC',
    logging_collector: 'off',
    log_checkpoints: 'off',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return startServerProcess(
    runner.asOwner({
      command: join(runner.binaries, 'bin', 'postgres'),
      args: ['-D', cluster, ...args],
      options: { stdio: ['ignore', log.fd, log.fd], env: programEnv() },
    }),
  );
}

type Waiting = { readonly log: LogFile; readonly signal: AbortSignal | undefined };

async function waitUntilReady(server: ServerProcess, url: string, { log, signal }: Waiting) {
  const deadline = performance.now() + READY_LIMIT_MS;
  for (;;) {
    signal?.throwIfAborted();
    const reason = await connectFailure(url);
    if (reason === null) return;
    const ended = server.hasExited();
    if (ended || performance.now() > deadline) {
      const why = ended ? 'ended' : `is not ready after ${READY_LIMIT_MS / 1000} s: ${reason}`;
      throw new EmbeddedServerError(`PostgreSQL ${why}. Its log says:\n${log.tail(8).join('\n')}`);
    }
    await sleep(POLL_MS);
  }
}

async function connectFailure(url: string): Promise<string | null> {
  try {
    await withClient(url, async () => {});
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function makeDatabase(adminUrl: string, passwords: Passwords): Promise<void> {
  await withClient(adminUrl, async (client) => {
    await makeLogin(client, ROLE, passwords.owner);
    for (const use of Object.keys(ROLES) as RoleUse[]) {
      await makeLogin(client, ROLES[use], passwords[use]);
      await client.query(`GRANT ${ROLES[use]} TO ${ROLE}`);
    }
    const base = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [ROLE]);
    if (base.rowCount === 0) await client.query(`CREATE DATABASE ${ROLE} OWNER ${ROLE}`);
  });
}

async function makeLogin(client: pg.Client, role: string, password: string): Promise<void> {
  const found = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role]);
  const verb = found.rowCount === 0 ? 'CREATE' : 'ALTER';
  await client.query(`${verb} ROLE ${role} LOGIN PASSWORD ${client.escapeLiteral(password)}`);
}

async function withClient(url: string, use: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => {}); // the server ended under us; the query in flight says so too
  try {
    await client.connect();
    await use(client);
  } finally {
    await client.end().catch(() => {}); // never connected
  }
}

/**
 * Ends a server that a killed run left in this cluster, and forgets one that died without tidying up.
 * PostgreSQL itself would refuse to start when an unrelated process has the remembered pid today.
 */
async function endLeftover({ cluster, options }: Place): Promise<void> {
  const file = join(cluster, 'postmaster.pid');
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  const identity = Number.isInteger(pid) && pid > 1 ? identityOf(pid) : null;
  if (identity === null) return; // PostgreSQL notices by itself
  if (!isPostmasterOf(pid, cluster)) return rmSync(file, { force: true });
  const step = options.report.step(`Ending PostgreSQL of a killed run (pid ${pid})`);
  const gone = await endProcess(identity, ORDERLY.postgres);
  if (!gone) throw new EmbeddedServerError(`PostgreSQL (pid ${pid}) of a killed run does not end.`);
  step.done();
}

function isPostmasterOf(pid: number, cluster: string): boolean {
  if (process.platform !== 'linux') return true; // ask no further: ending our own data's server
  try {
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return args.some((arg) => arg.endsWith('postgres')) && args.includes(cluster);
  } catch {
    return false; // it ended at this moment
  }
}
