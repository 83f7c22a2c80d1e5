import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A process that cannot be mistaken for another one which got the same pid later.
 * `startedAt` is opaque: compare it, nothing else.
 */
export type ProcessIdentity = { readonly pid: number; readonly startedAt: string };

/** One attempt to end a process: send the signal, then give it this long. */
export type EndAttempt = { readonly signal: NodeJS.Signals; readonly waitMs: number };

const POLL_MS = 25;

/** @returns null when there is no such process or only its zombie. */
export function identityOf(pid: number): ProcessIdentity | null {
  const startedAt = process.platform === 'linux' ? linuxStart(pid) : psStart(pid);
  return startedAt === null ? null : { pid, startedAt };
}

/** @returns whether exactly this process still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identityOf(identity.pid)?.startedAt === identity.startedAt;
}

/**
 * Ends a process, politely first; the last attempt goes to its whole process group, where it leads
 * one, so that what it started ends with it.
 *
 * @returns whether it is gone.
 */
export async function endProcess(
  identity: ProcessIdentity,
  attempts: readonly EndAttempt[],
): Promise<boolean> {
  for (const { signal, waitMs } of attempts) {
    if (!isAlive(identity)) return true;
    send(identity.pid, signal);
    if (await waitUntilGone(identity, waitMs)) return true;
  }
  return !isAlive(identity);
}

/** @returns false when it still runs after `waitMs`. */
export async function waitUntilGone(identity: ProcessIdentity, waitMs: number): Promise<boolean> {
  const deadline = performance.now() + waitMs;
  while (isAlive(identity)) {
    if (performance.now() > deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}

function send(pid: number, signal: NodeJS.Signals): void {
  if (signal === 'SIGKILL' && kill(-pid, signal)) return;
  kill(pid, signal);
}

function kill(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    // It ended in this moment, or leads no group.
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}

/** Clock ticks since boot, and which boot: pids repeat after one. */
function linuxStart(pid: number): string | null {
  const stat = readOrNull(`/proc/${pid}/stat`);
  if (stat === null) return null;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const boot = readOrNull('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
  return fields[0] === 'Z' || fields[0] === 'X' ? null : `${boot}/${fields[19]}`;
}

function psStart(pid: number): string | null {
  const env = { PATH: '/bin:/usr/bin', LC_ALL: 'C', TZ: 'UTC' }; // the same text for every reader
  const options = { encoding: 'utf8', env } as const;
  const { stdout } = spawnSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], options);
  const line = stdout?.trim() ?? '';
  return line === '' || line.startsWith('Z') ? null : line.replace(/^\S+\s+/, '');
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null; // the process ended, or this system has no such file
  }
}
