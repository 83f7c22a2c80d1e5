import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from '../../bin/config.ts';
import { startGuard } from '../../bin/embedded/guard-client.ts';
import { startPostgres, type EmbeddedPostgres } from '../../bin/embedded/postgres.ts';
import {
  isAlive,
  type EndAttempt,
  type ProcessIdentity,
} from '../../bin/embedded/process-identity.ts';
import { silentReport } from '../../bin/embedded/report.ts';
import type { ServiceName } from '../../bin/embedded/stop-plans.ts';
import { findTemporalCli } from '../../bin/embedded/temporal-cli.ts';
import { startTemporal, type EmbeddedTemporal } from '../../bin/embedded/temporal.ts';
import { track } from './no-leaks.ts';
import { makeFolder } from './servers.ts';

const KILL: readonly EndAttempt[] = [{ signal: 'SIGKILL', waitMs: 5_000 }];

/** A server of one test file, which the file may kill and start again at the same place. */
export interface OwnServer<S> {
  readonly dataDir: string;
  readonly server: () => S;
  /** kill -9. */
  kill(): Promise<void>;
  /** Changes nothing while it runs. */
  start(): Promise<void>;
  /** For good. */
  close(): Promise<void>;
}

/** @param limits of the server's dynamic configuration, such as `history.maxTotalUpdates`. */
export function ownTemporal(
  limits: Readonly<Record<string, number>> = {},
): Promise<OwnServer<EmbeddedTemporal>> {
  return own('temporal', async ({ dataDir, onSpawn }) => {
    const { cacheDir, temporalCliPath } = readConfig();
    const report = silentReport;
    const cli = await findTemporalCli({ configuredPath: temporalCliPath, cacheDir, report });
    const cliPath = withLimits(cli, dataDir, limits);
    const place = { cliPath, dataDir, namespace: 'default', samePorts: true };
    return startTemporal({ ...place, report, onSpawn });
  });
}

/** The CLI with more arguments than the product gives it. */
function withLimits(cli: string, folder: string, limits: Readonly<Record<string, number>>): string {
  const args = Object.entries(limits).map(
    ([name, value]) => `--dynamic-config-value ${name}=${value}`,
  );
  if (args.length === 0) return cli;
  const script = join(folder, 'temporal-with-limits.sh');
  writeFileSync(script, `#!/bin/sh\nexec '${cli}' "$@" ${args.join(' ')}\n`);
  chmodSync(script, 0o755);
  return script;
}

export function ownPostgres(): Promise<OwnServer<EmbeddedPostgres>> {
  return own('postgres', ({ dataDir, onSpawn }) => {
    const { cacheDir } = readConfig();
    return startPostgres({ dataDir, cacheDir, report: silentReport, samePorts: true, onSpawn });
  });
}

interface Place {
  readonly dataDir: string;
  readonly onSpawn: (identity: ProcessIdentity) => void;
}

async function own<S extends EmbeddedPostgres | EmbeddedTemporal>(
  name: ServiceName,
  start: (place: Place) => Promise<S>,
): Promise<OwnServer<S>> {
  const dataDir = makeFolder();
  const guard = startGuard({ logPath: null }); // ends it when the test run is killed
  const onSpawn = (identity: ProcessIdentity): void => guard.watch([{ name, identity }]);
  let running = await start({ dataDir, onSpawn });
  const close = track(name, async () => {
    await running.stop(KILL);
    await guard.close();
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
  });
  return {
    dataDir,
    server: () => running,
    kill: () => running.stop(KILL),
    async start() {
      if (isAlive(running.identity)) return;
      running = await start({ dataDir, onSpawn });
    },
    close,
  };
}
