import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedServerError } from './server-process.ts';

type Waiting = {
  readonly limitMs: number;
  readonly signal: AbortSignal;
  /** Why it goes on waiting. */
  onWait(reason: string): void;
};

const POLL_MS = 200;
const CALL_LIMIT_MS = 5_000;

/**
 * Waits until an address answers 200.
 *
 * @throws EmbeddedServerError with the last answer when it does not in time.
 */
export async function waitUntilReachable(url: string, waiting: Waiting): Promise<void> {
  const deadline = performance.now() + waiting.limitMs;
  for (;;) {
    const reason = await failureOf(url);
    if (reason === null) return;
    waiting.onWait(reason);
    if (performance.now() > deadline) {
      const limit = `${waiting.limitMs / 1000} s`;
      throw new EmbeddedServerError(`${url} is not ready after ${limit}: ${reason}`);
    }
    await sleep(POLL_MS, undefined, { signal: waiting.signal });
  }
}

async function failureOf(url: string): Promise<string | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(CALL_LIMIT_MS) });
    if (response.status === 200) {
      await response.body?.cancel();
      return null;
    }
    return `${response.status} ${(await response.text()).replaceAll(/\s+/g, ' ').slice(0, 300)}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
