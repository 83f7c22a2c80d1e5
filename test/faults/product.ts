import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readConfig, type Config } from '../../bin/config.ts';
import { readDevCredentials, type DevCredentials } from '../../bin/embedded/dev-credentials.ts';
import { findFreePort } from '../../bin/embedded/ports.ts';
import {
  endProcess,
  identityOf,
  isAlive,
  waitUntilGone,
  type ProcessIdentity,
} from '../../bin/embedded/process-identity.ts';
import { eventually } from '../support/acts.ts';
import { track } from '../support/no-leaks.ts';
import { makeFolder } from '../support/servers.ts';

export type Service = 'postgres' | 'temporal' | 'worker' | 'log' | 'api';

/** What `npm start` starts, with a data folder and a port of its own. */
export interface Product {
  readonly url: string;
  readonly config: Config;
  readonly credentials: () => DevCredentials;
  /** Everything that it printed. */
  readonly output: () => string;
  /** kill -9 of one service. @returns false while it is down anyway. */
  kill(service: Service): boolean;
  /** kill -9 of the supervisor; its guard ends the rest. Then starts again. */
  killSupervisorAndStart(): Promise<void>;
  /** As Ctrl-C. @returns the exit code. */
  stop(): Promise<number | null>;
  /** Ends whatever runs and removes the folder. */
  close(): Promise<void>;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const READY_MS = 60_000;

interface Run {
  readonly pid: number;
  readonly identity: ProcessIdentity;
  readonly exitCode: Promise<number | null>;
}

export async function startProduct(policies: readonly string[]): Promise<Product> {
  const dataDir = makeFolder();
  const policiesDir = join(dataDir, 'policies');
  mkdirSync(policiesDir);
  for (const [n, source] of policies.entries())
    writeFileSync(join(policiesDir, `${n}.yaml`), source);
  const port = await findFreePort();
  const env = {
    ...process.env,
    NODE_ENV: '',
    PORT: String(port),
    COUNTERSIGN_DATA_DIR: dataDir,
    COUNTERSIGN_POLICIES: policiesDir,
  };
  const url = `http://127.0.0.1:${port}`;
  let output = '';
  const start = (): Run => spawnSupervisor(env, (text) => (output += text));
  const ready = () =>
    eventually(`the product to be ready:\n${output}`, READY_MS, async () => {
      const answer = await fetch(`${url}/readyz`).catch(() => null);
      await answer?.body?.cancel();
      return answer?.status === 200;
    });
  const stateFile = join(dataDir, 'run.json');
  let run = start();
  const close = track('the product', async () => {
    const left = servicesIn(stateFile);
    await endProcess(run.identity, [{ signal: 'SIGKILL', waitMs: 5_000 }]);
    for (const { identity } of left)
      await endProcess(identity, [{ signal: 'SIGKILL', waitMs: 5_000 }]);
    await run.exitCode;
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
  });
  await ready();
  return {
    url,
    config: readConfig(env),
    credentials: () => {
      const found = readDevCredentials(join(dataDir, 'dev-credentials.json'));
      if (found === null) throw new Error('there are no credentials');
      return found;
    },
    output: () => output,
    kill(service) {
      const found = servicesIn(stateFile).find(({ name }) => name === service);
      if (found === undefined || !isAlive(found.identity)) return false;
      process.kill(found.identity.pid, 'SIGKILL');
      return true;
    },
    async killSupervisorAndStart() {
      const left = servicesIn(stateFile);
      process.kill(run.pid, 'SIGKILL');
      await run.exitCode;
      for (const { identity } of left) await waitUntilGone(identity, 30_000);
      run = start();
      await ready();
    },
    async stop() {
      process.kill(run.pid, 'SIGTERM');
      return run.exitCode;
    },
    close,
  };
}

function spawnSupervisor(env: NodeJS.ProcessEnv, onOutput: (text: string) => void): Run {
  const child = spawn(process.execPath, [join(ROOT, 'bin', 'start.ts')], {
    ...{ cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] },
  });
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => onOutput(chunk.toString('utf8')));
  const pid = child.pid ?? 0;
  const exitCode = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { pid, identity: identityOf(pid) ?? { pid, startedAt: 'ended' }, exitCode };
}

interface Named {
  readonly name: string;
  readonly identity: ProcessIdentity;
}

function servicesIn(stateFile: string): Named[] {
  if (!existsSync(stateFile)) return [];
  const state = JSON.parse(readFileSync(stateFile, 'utf8')) as { services: Named[] };
  return state.services;
}
