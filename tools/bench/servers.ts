// Like the tests, the bench starts what the product starts; it is the one file here that reaches into bin
// (the linter knows it by name).
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig, VARIABLES } from '../../bin/config.ts';
import { readDevCredentials, type DevCredentials } from '../../bin/embedded/dev-credentials.ts';
import { startGuard } from '../../bin/embedded/guard-client.ts';
import { findFreePort } from '../../bin/embedded/ports.ts';
import { startPostgres, type EmbeddedPostgres } from '../../bin/embedded/postgres.ts';
import { createReport, type Report } from '../../bin/embedded/report.ts';
import { runProgram } from '../../bin/embedded/run-program.ts';
import { findTemporalCli } from '../../bin/embedded/temporal-cli.ts';
import { startTemporal, type EmbeddedTemporal } from '../../bin/embedded/temporal.ts';
import { fileMemory } from '../../bin/signer-memory.ts';

export { createReport, fileMemory, findFreePort, runProgram, type DevCredentials, type Report };

/** Servers as `npm start` makes them, in a folder of their own, and the product prepared on them. */
export interface Servers {
  readonly folder: string;
  readonly postgres: EmbeddedPostgres;
  readonly temporal: EmbeddedTemporal;
  readonly temporalCli: string;
  readonly apiUrl: string;
  readonly credentials: DevCredentials;
  /** Environment of the product's programs. */
  readonly env: NodeJS.ProcessEnv;
  stop(): Promise<void>;
}

export interface Place {
  readonly root: string;
  /** Parent of the folder; null = the system's folder for temporary files. */
  readonly parent: string | null;
  readonly report: Report;
  readonly signal: AbortSignal;
}

/** What the caller's shell says about an installation of theirs must not reach ours. */
const KEPT = ['COUNTERSIGN_CACHE_DIR', 'TEMPORAL_CLI_PATH'];

export function cleanEnvironment(): NodeJS.ProcessEnv {
  const ours = VARIABLES.map(({ name }) => name).filter((name) => !KEPT.includes(name));
  const entries = Object.entries(process.env).filter(([name]) => !ours.includes(name));
  return Object.fromEntries(entries);
}

/** Open to other users: as root, PostgreSQL runs as one of them. */
export function makeFolder(parent: string | null): string {
  if (parent !== null) mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent ?? tmpdir(), 'countersign-bench-'));
  chmodSync(folder, 0o755);
  return folder;
}

/** @throws EmbeddedServerError, or Error when the product cannot be prepared; nothing is left running. */
export async function startServers(place: Place): Promise<Servers> {
  const { report, signal, root } = place;
  const config = readConfig();
  const folder = makeFolder(place.parent);
  const guard = startGuard({ logPath: null });
  const watched: Parameters<typeof guard.watch>[0] = [];
  const onSpawn = (name: 'postgres' | 'temporal') => (identity: EmbeddedPostgres['identity']) => {
    watched.push({ name, identity });
    guard.watch(watched);
  };
  const running: (EmbeddedPostgres | EmbeddedTemporal)[] = [];
  const stop = async (): Promise<void> => {
    for (const server of running.splice(0).reverse()) await server.stop();
    await guard.close();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const temporalCli = await findTemporalCli({
      ...{ configuredPath: config.temporalCliPath, cacheDir: config.cacheDir, report, signal },
    });
    const start = { dataDir: folder, cacheDir: config.cacheDir, report, signal };
    const postgres = await startPostgres({ ...start, onSpawn: onSpawn('postgres') });
    running.push(postgres);
    const temporal = await startTemporal({
      ...{ ...start, cliPath: temporalCli, namespace: 'default', onSpawn: onSpawn('temporal') },
    });
    running.push(temporal);
    const port = await findFreePort();
    const policies = join(folder, 'policies');
    cpSync(join(root, 'policies'), policies, { recursive: true });
    cpSync(join(root, 'tools', 'bench', 'policies'), policies, { recursive: true });
    const env = {
      ...cleanEnvironment(),
      DATABASE_URL: postgres.url,
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: 'default',
      PORT: String(port),
      COUNTERSIGN_DATA_DIR: folder,
      COUNTERSIGN_POLICIES: policies,
      COUNTERSIGN_EMBEDDED: '1',
      BENCH_TEMPORAL: temporal.address,
    };
    await prepare(place, env);
    const credentials = readDevCredentials(join(folder, 'dev-credentials.json'));
    if (credentials === null) throw new Error('bin/prepare.ts left no credentials');
    const apiUrl = `http://127.0.0.1:${port}`;
    return { folder, postgres, temporal, temporalCli, apiUrl, credentials, env, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const PREPARE_LIMIT_MS = 120_000;

async function prepare({ root, signal }: Place, env: NodeJS.ProcessEnv): Promise<void> {
  const { ok, reason, output } = await runProgram(
    process.execPath,
    [join(root, 'bin', 'prepare.ts')],
    { limitMs: PREPARE_LIMIT_MS, signal, spawn: { cwd: root, env } },
  );
  if (!ok) throw new Error(`bin/prepare.ts failed (${reason}):\n${output}`);
}
