import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig, type Config } from '../../bin/config.ts';
import { startGuard, type Guard } from '../../bin/embedded/guard-client.ts';
import { startPostgres, type EmbeddedPostgres } from '../../bin/embedded/postgres.ts';
import type { ProcessIdentity } from '../../bin/embedded/process-identity.ts';
import type { Report } from '../../bin/embedded/report.ts';
import { findTemporalCli } from '../../bin/embedded/temporal-cli.ts';
import { startTemporal, type EmbeddedTemporal } from '../../bin/embedded/temporal.ts';

export type TestServers = {
  /** Of a superuser: tests make databases of their own with it. */
  readonly postgresAdminUrl: string;
  readonly temporalAddress: string;
  readonly stop: () => Promise<void>;
};

const MAX_CONNECTIONS = 200;

/**
 * Starts a real PostgreSQL and a real Temporal in a temporary folder, unless `TEST_DATABASE_URL` or
 * `TEST_TEMPORAL_ADDRESS` name running ones. A guard ends them when the test run is killed.
 */
export async function startTestServers(report: Report): Promise<TestServers> {
  const config = readConfig();
  const dataDir = makeFolder();
  const guard = startGuard({ logPath: null });
  const started: (EmbeddedPostgres | EmbeddedTemporal)[] = [];
  const stop = async () => {
    for (const server of started.reverse()) await server.stop();
    await guard.close();
    rmSync(dataDir, { recursive: true, force: true });
  };
  const start = { config, dataDir, report, onSpawn: watchWith(guard) };
  try {
    const postgresAdminUrl =
      process.env['TEST_DATABASE_URL'] ??
      (await startTestPostgres(start, (server) => started.push(server)));
    const temporalAddress =
      process.env['TEST_TEMPORAL_ADDRESS'] ??
      (await startTestTemporal(start, (server) => started.push(server)));
    return { postgresAdminUrl, temporalAddress, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Start = {
  readonly config: Config;
  readonly dataDir: string;
  readonly report: Report;
  readonly onSpawn: (name: 'postgres' | 'temporal') => (identity: ProcessIdentity) => void;
};

function watchWith(guard: Guard): Start['onSpawn'] {
  const watched: Parameters<Guard['watch']>[0] = [];
  return (name) => (identity) => {
    watched.push({ name, identity });
    guard.watch(watched);
  };
}

async function startTestPostgres(
  { config, onSpawn, ...start }: Start,
  onStarted: (server: EmbeddedPostgres) => void,
): Promise<string> {
  const postgres = await startPostgres({
    ...start,
    cacheDir: config.cacheDir,
    maxConnections: MAX_CONNECTIONS,
    onSpawn: onSpawn('postgres'),
  });
  onStarted(postgres);
  return postgres.adminUrl;
}

async function startTestTemporal(
  { config, onSpawn, ...start }: Start,
  onStarted: (server: EmbeddedTemporal) => void,
): Promise<string> {
  const cliPath = await findTemporalCli({
    configuredPath: config.temporalCliPath,
    cacheDir: config.cacheDir,
    report: start.report,
  });
  const namespace = 'default';
  const temporal = await startTemporal({
    ...start,
    cliPath,
    namespace,
    onSpawn: onSpawn('temporal'),
  });
  onStarted(temporal);
  return temporal.address;
}

/** Open to other users: as root, PostgreSQL runs as one of them. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-test-'));
  chmodSync(folder, 0o755);
  return folder;
}
