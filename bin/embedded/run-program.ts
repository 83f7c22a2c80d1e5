import { spawn, type SpawnOptions } from 'node:child_process';

export type ProgramResult = {
  readonly ok: boolean;
  /** Why it is not ok, in words. */
  readonly reason: string;
  /** The newest output of both streams, at most 20,000 characters. */
  readonly output: string;
};

export type ProgramOptions = {
  readonly limitMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly input?: string;
  readonly spawn?: SpawnOptions;
};

const KEPT_CHARACTERS = 20_000;

/** Runs a helper program to its end. Never rejects: a program that is missing is a result too. */
export function runProgram(
  command: string,
  args: readonly string[],
  { limitMs, signal, input, spawn: options = {} }: ProgramOptions,
): Promise<ProgramResult> {
  return new Promise((resolve) => {
    // Its own group, so that what it starts itself (a compiler, a shell) ends with it.
    const child = spawn(command, args, { ...options, stdio: 'pipe', detached: true });
    let output = '';
    let stopped: string | null = null;
    const stop = (why: string) => {
      stopped = why;
      endGroup(child.pid);
    };
    const onAbort = () => stop('stopped');
    const timer = setTimeout(() => stop(`no end after ${limitMs / 1000} s`), limitMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString('utf8')).slice(-KEPT_CHARACTERS);
    };
    const finish = (failure: string | null) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      const reason = stopped ?? failure ?? '';
      resolve({ ok: reason === '', reason, output: output.trim() });
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    child.stdin?.on('error', () => {}); // it ended without reading
    child.stdin?.end(input);
    child.once('error', (error) => finish(error.message));
    child.once('close', (code, by) => finish(code === 0 ? null : (by ?? `exit code ${code}`)));
    if (signal?.aborted === true) onAbort();
  });
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // it has just ended by itself
  }
}
