import { join } from 'node:path';
import { z } from 'zod';
import { openLogFile } from './log-file.ts';
import type { Launch, Running } from './keeper.ts';
import { endProcess, type EndAttempt } from './process-identity.ts';
import { EmbeddedServerError, startServerProcess, type ServerProcess } from './server-process.ts';

export type NodeService = {
  readonly name: 'api' | 'worker' | 'log';
  /** Absolute path of the script. */
  readonly script: string;
  readonly cwd: string;
  readonly dataDir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly onLogLine: (line: string) => void;
  readonly readyLimitMs: number;
};

const readySchema = z.object({ type: z.literal('ready') });
const KILL: readonly EndAttempt[] = [{ signal: 'SIGKILL', waitMs: 3_000 }];

/**
 * Starts one of our own programs and waits for its message `{type: 'ready'}`. Its channel tells it
 * when this process is gone.
 *
 * @throws EmbeddedServerError when it ends or stays silent.
 */
export async function startNodeService(service: NodeService, launch: Launch): Promise<Running> {
  const log = openLogFile({
    path: join(service.dataDir, 'logs', `${service.name}.log`),
    onLine: service.onLogLine,
  });
  const server = await startServerProcess({
    command: process.execPath,
    args: [service.script],
    options: {
      cwd: service.cwd,
      env: service.env,
      stdio: ['ignore', log.fd, log.fd, 'ipc'],
    },
  });
  launch.onSpawn(server.identity);
  const ready = await Promise.race([
    isReady(server).then(() => null),
    server.exited.then((how) => `ended before it was ready (${how})`),
    silence(service.readyLimitMs),
    stopped(launch.signal),
  ]);
  const lastWords = ready === null ? [] : log.tail(8);
  void server.exited.then(() => log.close());
  if (ready === null) return server;
  // Aborted: whoever stops us ends the process in its own way.
  if (!launch.signal.aborted) await endProcess(server.identity, KILL);
  throw new EmbeddedServerError(
    [`${service.script} ${ready}. Its log says:`, ...lastWords].join('\n'),
  );
}

function isReady({ child }: ServerProcess): Promise<void> {
  return new Promise((resolve) => {
    child.on('message', (message) => {
      if (readySchema.safeParse(message).success) resolve();
    });
  });
}

function silence(ms: number): Promise<string> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(`is not ready after ${ms / 1000} s`), ms).unref();
  });
}

function stopped(signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    const onAbort = () => resolve('was stopped before it was ready');
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
