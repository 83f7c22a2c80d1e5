import { readdirSync, readFileSync } from 'node:fs';

/** What Linux says about processes. On other systems there is nothing to read: figures are null. */

/** Ticks of /proc are hundredths of a second on every Linux that Node runs on. */
const TICK_MS = 10;

interface Stat {
  readonly pid: number;
  readonly parent: number;
  /** Of itself, and of children that ended and were waited for. */
  readonly cpuMs: number;
}

function statOf(pid: number): Stat | null {
  const text = read(`/proc/${pid}/stat`);
  if (text === null) return null;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return { pid, parent: Number(fields[1]), cpuMs: ticks * TICK_MS };
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null; // not Linux, not ours to read, or the process has just ended
  }
}

function allStats(): Stat[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((name) => statOf(Number(name)) ?? []);
}

/** @returns the process and everything below it, `except` and what is below those left out. */
export function treeOf(root: number, except: readonly number[] = []): number[] {
  if (process.platform !== 'linux') return [root];
  const children = Map.groupBy(allStats(), (stat) => stat.parent);
  const collect = (pid: number): number[] =>
    except.includes(pid)
      ? []
      : [pid, ...(children.get(pid) ?? []).flatMap((child) => collect(child.pid))];
  return collect(root);
}

/** CPU time that a process and all below it have used so far; null where nobody counts it. */
export function cpuMsOf(root: number): number | null {
  if (process.platform !== 'linux') return null;
  return treeOf(root).reduce((sum, pid) => sum + (statOf(pid)?.cpuMs ?? 0), 0);
}

export interface Memory {
  /** What each process occupies, shared pages counted in each. */
  readonly rss: number;
  /** Shared pages divided among those who share them; null where it may not be read. */
  readonly pss: number | null;
}

/** Memory of several processes together, in bytes; null where nobody counts it. */
export function memoryOf(pids: readonly number[]): Memory | null {
  if (process.platform !== 'linux') return null;
  const rss = pids.map((pid) => kilobytes(read(`/proc/${pid}/status`), 'VmRSS'));
  const pss = pids.map((pid) => kilobytes(read(`/proc/${pid}/smaps_rollup`), 'Pss'));
  const sum = (values: readonly (number | null)[]): number =>
    values.reduce<number>((total, value) => total + (value ?? 0), 0) * 1024;
  return { rss: sum(rss), pss: pss.includes(null) ? null : sum(pss) };
}

function kilobytes(text: string | null, name: string): number | null {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text ?? '');
  return match === null ? null : Number(match[1]);
}

export function parentOf(pid: number): number | null {
  return statOf(pid)?.parent ?? null;
}

/** CPU time that everything on this machine has used so far, in milliseconds; null where nobody counts it. */
export function busyMs(): number | null {
  const [name, user, nice, system, , , irq, softirq, steal] = (read('/proc/stat') ?? '').split(
    /\s+/,
  );
  if (name !== 'cpu') return null;
  const busy = [user, nice, system, irq, softirq, steal];
  return busy.reduce((sum, ticks) => sum + Number(ticks), 0) * TICK_MS;
}
