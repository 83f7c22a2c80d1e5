import { performance } from 'node:perf_hooks';
import { quantile } from './stats.ts';

/** What a load generator is asked: so many callers, each with one act at a time, for so long. */
export interface Load {
  readonly callers: number;
  readonly ms: number;
}

export interface Loaded {
  /** Acts that were done and answered as they should be. */
  readonly done: number;
  readonly failed: number;
  readonly firstFailure: string | null;
  /** From the first act to the end of the last one. */
  readonly seconds: number;
  /** Of the part of the act that is looked at, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** No round goes on beyond this, whatever the clock says. */
const MOST_ACTS = 500_000;
/** A caller that fails this often in a row gives up. */
const MOST_FAILURES = 20;

/**
 * Runs one round. Acts that were begun in time are finished and counted, and so is the time they take.
 *
 * @param act returns how long the part took that is looked at, in milliseconds.
 */
export async function runLoad(
  { callers, ms }: Load,
  act: (caller: number) => Promise<number>,
): Promise<Loaded> {
  const times: number[] = [];
  let begun = 0;
  let failed = 0;
  let firstFailure: string | null = null;
  const start = performance.now();
  const caller = async (index: number): Promise<void> => {
    let inARow = 0;
    while (performance.now() - start < ms && begun < MOST_ACTS && inARow < MOST_FAILURES) {
      begun += 1;
      try {
        times.push(await act(index));
        inARow = 0;
      } catch (error) {
        firstFailure ??= error instanceof Error ? error.message : String(error);
        failed += 1;
        inARow += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, index) => caller(index)));
  const seconds = (performance.now() - start) / 1_000;
  const sorted = times.sort((a, b) => a - b);
  const p50 = quantile(sorted, 0.5);
  const p99 = quantile(sorted, 0.99);
  return { done: times.length, failed, firstFailure, seconds, p50, p99 };
}
