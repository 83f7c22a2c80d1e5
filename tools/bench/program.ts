import { fork, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FromChild } from './child.ts';

/** A Node program that the bench runs beside itself. */
export interface Program {
  readonly name: string;
  readonly pid: number;
  /** Where it listens; empty when it does not. */
  readonly address: string;
  /** Asks a load generator for one round. @throws Error when it fails or stays silent. */
  ask(question: unknown, limitMs: number): Promise<unknown>;
  stop(): Promise<void>;
}

export interface Launch {
  readonly name: string;
  /** Absolute path. */
  readonly script: string;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Folder for its log. */
  readonly folder: string;
}

const READY_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 20_000;

/** Starts a program and waits for its `{type: 'ready'}`. @throws Error with the end of its log. */
export async function startProgram(launch: Launch): Promise<Program> {
  const { name, script, cwd, env, folder } = launch;
  const logPath = join(folder, `${name}.log`);
  const log = openSync(logPath, 'a');
  // Detached: Ctrl-C reaches only the bench, which stops everything in order.
  const child = fork(script, [], {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
    execArgv: [],
  });
  closeSync(log);
  child.on('error', () => undefined); // a message that came too late; its end is seen below
  const failure = (what: string): Error =>
    new Error(`${name} ${what}. Its log ends with:\n${tail(logPath)}`);
  try {
    const ready = await nextMessage(child, READY_LIMIT_MS, failure);
    if (ready.type !== 'ready') throw failure('does not become ready');
    return {
      name,
      pid: child.pid ?? 0,
      address: ready.address ?? '',
      ask: async (question, limitMs) => {
        const answer = nextMessage(child, limitMs, failure);
        child.send(question as object);
        const message = await answer;
        if (message.type === 'result') return message.result;
        throw failure(message.type === 'failed' ? `failed: ${message.message}` : 'started again');
      },
      stop: () => end(child),
    };
  } catch (error) {
    await end(child);
    throw error;
  }
}

function tail(path: string): string {
  return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-12).join('\n');
}

function nextMessage(
  child: ChildProcess,
  limitMs: number,
  failure: (what: string) => Error,
): Promise<FromChild> {
  return new Promise((resolve, reject) => {
    const over = (): void => {
      clearTimeout(timer);
      child.off('message', onMessage);
      child.off('exit', onExit);
    };
    const onMessage = (message: unknown): void => {
      over();
      resolve(message as FromChild);
    };
    const onExit = (code: number | null, signal: string | null): void => {
      over();
      reject(failure(`ended (${signal ?? `exit code ${code}`})`));
    };
    const timer = setTimeout(() => {
      over();
      reject(failure(`is silent for ${limitMs / 1_000} s`));
    }, limitMs);
    child.on('message', onMessage);
    child.on('exit', onExit);
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  child.kill('SIGTERM');
  await ended;
  clearTimeout(timer);
}
