import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Report } from './report.ts';
import { EmbeddedServerError } from './server-process.ts';

export type Preparation = {
  /** Absolute path of the script: exit code 0 means prepared, each line of output is progress. */
  readonly script: string;
  readonly cwd: string;
  readonly dataDir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly report: Report;
  readonly signal: AbortSignal;
};

const LIMIT_MS = 10 * 60_000;
const KEPT_LINES = 20;

/**
 * Runs the script that migrates, makes keys, publishes policies and seeds the sample directory.
 *
 * @throws EmbeddedServerError with its last words.
 */
export async function runPreparation({ script, cwd, env, ...rest }: Preparation): Promise<void> {
  const { dataDir, report, signal } = rest;
  const logs = join(dataDir, 'logs');
  mkdirSync(logs, { recursive: true });
  const step = report.step('Preparing the database');
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  // Its own group: Ctrl-C reaches only the supervisor, which then ends it.
  const child = spawn(process.execPath, [script], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    signal: limit,
  });
  const lastLines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      if (line.trim() === '') return;
      appendFileSync(join(logs, 'prepare.log'), `${line}\n`);
      lastLines.push(line);
      if (lastLines.length > KEPT_LINES) lastLines.shift();
      step.progress(line.slice(0, 100));
    });
  }
  const failure = await new Promise<string | null>((resolve) => {
    child.once('error', (error) => resolve(limit.aborted ? 'stopped' : error.message));
    child.once('close', (code, by) => resolve(code === 0 ? null : (by ?? `exit code ${code}`)));
  });
  if (failure === null) return step.done();
  step.failed(failure);
  signal.throwIfAborted();
  throw new EmbeddedServerError(`${script} failed (${failure}):\n${lastLines.join('\n')}`);
}
