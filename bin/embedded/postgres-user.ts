import { spawnSync, type SpawnOptions } from 'node:child_process';
import { chownSync, cpSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from './server-process.ts';
import { EmbeddedServerError } from './server-process.ts';

/** PostgreSQL refuses to run as root: as whom and how it runs, and from where. */
export type PostgresRunner = {
  /** Folder with `bin`, `lib`, `share`, in reach of that user. */
  readonly binaries: string;
  /** null: as ourselves. */
  readonly owner: Owner | null;
  /** The same command, run as that user. */
  asOwner(command: Command): Command;
};

export type Owner = { readonly name: string; readonly uid: number; readonly gid: number };

/** What the user of PostgreSQL needs to reach; the folder exists. */
type Places = { readonly binaries: string; readonly dataDir: string; readonly cacheDir: string };

type How = 'self' | 'switch' | 'capabilities';

const PREFERRED_USERS = ['postgres', 'nobody', 'daemon'];
const PROBE_LIMIT_MS = 20_000;

/**
 * Finds out how PostgreSQL can run here. As root it becomes another user; where that user cannot
 * reach the folders (a clone in a private home), it is given the right to pass through them; where the
 * system does not allow that either, the programs are copied into the cache.
 *
 * @throws EmbeddedServerError that says which folder cannot be reached and what helps.
 */
export function postgresRunner(places: Places): PostgresRunner {
  if (process.getuid?.() !== 0) return createRunner(places.binaries, null, 'self');
  const owner = chooseOwner(places.dataDir);
  const inPlace = createRunner(places.binaries, owner, 'switch');
  if (runs(inPlace) && reaches(inPlace, places.dataDir)) return inPlace;
  const capable = createRunner(places.binaries, owner, 'capabilities');
  if (runs(capable) && reaches(capable, places.dataDir)) return capable;
  return copiedRunner(places, owner);
}

function createRunner(binaries: string, owner: Owner | null, how: How): PostgresRunner {
  return { binaries, owner, asOwner: (command) => asUser(owner, how, command) };
}

/** `cwd` is `/`: the folder from which somebody typed `npm start` may be out of that user's reach. */
function asUser(owner: Owner | null, how: How, { command, args, options }: Command): Command {
  const base: SpawnOptions = { cwd: '/', ...options };
  if (owner === null || how === 'self') return { command, args, options: base };
  const { uid, gid } = owner;
  if (how === 'switch') return { command, args, options: { ...base, uid, gid } };
  return { command: 'setpriv', args: [...capabilityArgs(owner), command, ...args], options: base };
}

/**
 * The right to pass through folders survives the change of user. Without `no_setuid_fixup` access(2),
 * with which PostgreSQL looks at its own program files, would ignore that right.
 */
function capabilityArgs({ uid, gid }: Owner): string[] {
  const capabilities = '+dac_override,+dac_read_search';
  return [
    ...['--reuid', String(uid), '--regid', String(gid), '--clear-groups'],
    ...['--securebits', '+no_setuid_fixup'],
    ...['--inh-caps', capabilities, '--ambient-caps', capabilities],
    '--',
  ];
}

function copiedRunner({ binaries, dataDir, cacheDir }: Places, owner: Owner): PostgresRunner {
  const inPlace = createRunner(binaries, owner, 'switch');
  if (!reaches(inPlace, dataDir)) throw unreachable(owner, [dataDir], 'COUNTERSIGN_DATA_DIR');
  const copy = join(
    cacheDir,
    `postgres-${versionOf(binaries)}-${process.platform}-${process.arch}`,
  );
  copyOnce(binaries, copy);
  const runner = createRunner(copy, owner, 'switch');
  if (!runs(runner)) throw unreachable(owner, [binaries, copy], 'COUNTERSIGN_CACHE_DIR');
  return runner;
}

function unreachable(owner: Owner, folders: readonly string[], variable: string) {
  return new EmbeddedServerError(
    `PostgreSQL must not run as root, and the user "${owner.name}" cannot reach ` +
      `${folders.join(' or ')}. Run npm start as an ordinary user, or set ${variable} to a folder ` +
      'which everybody may enter (for example below /var/lib), or set DATABASE_URL.',
  );
}

function versionOf(binaries: string): string {
  const text = readFileSync(join(binaries, '..', 'package.json'), 'utf8');
  const manifest: unknown = JSON.parse(text);
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown';
}

function copyOnce(from: string, to: string): void {
  if (statSync(to, { throwIfNoEntry: false }) !== undefined) return;
  const draft = `${to}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  cpSync(from, draft, { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(draft, to);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (statSync(to, { throwIfNoEntry: false }) === undefined) throw error; // not made by another run
  }
}

/** `initdb --show` finds its neighbours and its share folder, which `postgres --version` does not. */
function runs(runner: PostgresRunner): boolean {
  const command = join(runner.binaries, 'bin', 'initdb');
  return succeeds(runner.asOwner({ command, args: ['-D', '/nonexistent', '--show'] }));
}

function reaches(runner: PostgresRunner, folder: string): boolean {
  const args = ['-c', 'cd "$1" && test -x .', 'sh', folder];
  return succeeds(runner.asOwner({ command: '/bin/sh', args }));
}

function succeeds({ command, args, options }: Command): boolean {
  const result = spawnSync(command, args, { ...options, stdio: 'ignore', timeout: PROBE_LIMIT_MS });
  return result.status === 0;
}

/** The data's owner of before, else a user made for this, else the one that owns nothing. */
function chooseOwner(dataDir: string): Owner {
  const users = readUsers();
  const before = statSync(join(dataDir, 'postgres'), { throwIfNoEntry: false });
  const known = users.find(({ uid }) => uid === before?.uid);
  const preferred = PREFERRED_USERS.map((name) => users.find((user) => user.name === name));
  const owner = known ?? preferred.find((user) => user !== undefined);
  if (owner !== undefined) return owner;
  throw new EmbeddedServerError(
    `PostgreSQL must not run as root, and this system has none of the users ` +
      `${PREFERRED_USERS.join(', ')}. Run npm start as an ordinary user, or set DATABASE_URL.`,
  );
}

function readUsers(): Owner[] {
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  return lines
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ uid, gid }) => uid > 0 && gid > 0);
}

/** Gives a new folder or file to the user that PostgreSQL runs as. */
export function handOver(path: string, owner: Owner | null): void {
  if (owner !== null) chownSync(path, owner.uid, owner.gid);
}
