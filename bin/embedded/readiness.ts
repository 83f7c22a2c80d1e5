import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { EmbeddedServerError } from './server-process.ts';

type Waiting = {
  readonly limitMs: number;
  readonly signal: AbortSignal;
  /** Why it goes on waiting. */
  onWait(reason: string): void;
};

const POLL_MS = 200;
const CALL_LIMIT_MS = 5_000;

/** What a start does not mend, and must not prevent: people come to look into it. */
const STANDING = 'self-check';

const readinessSchema = z.object({
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), problem: z.string().nullable() })),
});

/**
 * Waits until `/readyz` answers 200, or 503 for nothing but what a start cannot mend.
 *
 * @returns what stays wrong, for the operator; null where nothing does.
 * @throws EmbeddedServerError with the last answer when it does not in time.
 */
export async function waitUntilReachable(url: string, waiting: Waiting): Promise<string | null> {
  const deadline = performance.now() + waiting.limitMs;
  for (;;) {
    const { reason, standing } = await lookAt(url);
    if (reason === null) return standing;
    waiting.onWait(reason);
    if (performance.now() > deadline) {
      const limit = `${waiting.limitMs / 1000} s`;
      throw new EmbeddedServerError(`${url} is not ready after ${limit}: ${reason}`);
    }
    await sleep(POLL_MS, undefined, { signal: waiting.signal });
  }
}

interface Look {
  /** Why it is not there yet; null: it is. */
  readonly reason: string | null;
  readonly standing: string | null;
}

async function lookAt(url: string): Promise<Look> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(CALL_LIMIT_MS) });
    const text = await response.text();
    if (response.status === 200) return { reason: null, standing: null };
    const standing = response.status === 503 ? standingProblem(text) : null;
    if (standing !== null) return { reason: null, standing };
    const words = text.replaceAll(/\s+/g, ' ').slice(0, 300);
    return { reason: `${response.status} ${words}`, standing };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error), standing: null };
  }
}

/** @returns the problem where it is the only one. */
function standingProblem(text: string): string | null {
  const parsed = readinessSchema.safeParse(jsonOf(text));
  const wrong = parsed.success ? parsed.data.checks.filter(({ ok }) => !ok) : [];
  const [only] = wrong;
  return wrong.length === 1 && only?.name === STANDING ? (only.problem ?? STANDING) : null;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // of something in between
  }
}
