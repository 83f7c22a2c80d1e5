import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { findFreePort } from '../../bin/embedded/ports.ts';
import { endProcess, isAlive, type ProcessIdentity } from '../../bin/embedded/process-identity.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** The real supervisor over stand-in worker and API, in a process of its own. */
export type Supervised = {
  readonly pid: number;
  readonly dataDir: string;
  readonly env: NodeJS.ProcessEnv;
  /** Everything that it printed. */
  output(): string;
  /** What the stand-ins lived through: lines of `name event pid`. */
  journal(): string[];
  /** Waits until the output holds the text. */
  says(text: string): Promise<void>;
  readonly identity: (name: string) => ProcessIdentity;
  readonly exitCode: Promise<number | null>;
};

const SCRIPT = join(dirname(fileURLToPath(import.meta.url)), 'stand-ins', 'supervisor.ts');
/** No server starts: the stand-ins need none. */
export const EXTERNAL = {
  DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/nothing',
  TEMPORAL_ADDRESS: '127.0.0.1:1',
};
const PATIENCE_MS = 30_000;

/**
 * @param env beside a free PORT and a new data folder; what it started is ended with the test, also
 *        when the test killed the supervisor.
 */
export async function startSupervised(env: NodeJS.ProcessEnv): Promise<Supervised> {
  const dataDir = env['COUNTERSIGN_DATA_DIR'] || temporaryFolder();
  const journalPath = join(temporaryFolder(), 'journal');
  const full = {
    ...process.env,
    PORT: String(await findFreePort()),
    ...env,
    COUNTERSIGN_DATA_DIR: dataDir,
    STAND_IN_JOURNAL: journalPath,
  };
  const child = spawn(process.execPath, [SCRIPT], { env: full, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  }
  const exitCode = new Promise<number | null>((resolve) => child.once('close', resolve));
  const stateFile = join(dataDir, 'run.json');
  onTestFinished(async () => {
    const left = readIdentities(stateFile);
    child.kill('SIGKILL');
    await exitCode;
    for (const { identity } of left)
      await endProcess(identity, [{ signal: 'SIGKILL', waitMs: 5_000 }]);
  });
  return {
    pid: child.pid ?? 0,
    dataDir,
    env: full,
    output: () => output,
    journal: () =>
      existsSync(journalPath) ? readFileSync(journalPath, 'utf8').trim().split('\n') : [],
    says: (text) =>
      until(
        () => output.includes(text),
        () => `"${text}" in:\n${output}`,
      ),
    identity: (name) => {
      const found = readIdentities(stateFile).find((one) => one.name === name);
      if (found === undefined) throw new Error(`${name} does not run`);
      return found.identity;
    },
    exitCode,
  };
}

export async function until(isTrue: () => boolean, what: () => string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what()}`);
    await sleep(20);
  }
}

export async function untilGone(identity: ProcessIdentity): Promise<void> {
  await until(
    () => !isAlive(identity),
    () => `the end of process ${identity.pid}`,
  );
}

type Named = { readonly name: string; readonly identity: ProcessIdentity };

function readIdentities(stateFile: string): Named[] {
  if (!existsSync(stateFile)) return [];
  const state = JSON.parse(readFileSync(stateFile, 'utf8')) as {
    services: Named[];
    guard: ProcessIdentity | null;
  };
  const guard = state.guard === null ? [] : [{ name: 'guard', identity: state.guard }];
  return [...guard, ...state.services];
}
