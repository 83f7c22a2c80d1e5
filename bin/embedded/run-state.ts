import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { endProcess, isAlive, waitUntilGone, type ProcessIdentity } from './process-identity.ts';
import type { Report } from './report.ts';
import { ORDERLY, STOP_ORDER, TITLES, type ServiceName } from './stop-plans.ts';

const identitySchema = z.object({ pid: z.number().int().min(2), startedAt: z.string() });

const stateSchema = z.object({
  supervisor: identitySchema,
  guard: identitySchema.nullable(),
  apiUrl: z.string(),
  services: z.array(z.object({ name: z.enum(STOP_ORDER), identity: identitySchema })),
});

/** What runs now, on disk, so that the run after a kill -9 knows what to tidy up. */
export type RunState = z.infer<typeof stateSchema>;

/** How long the guard of a killed run may take to stop everything. */
const GUARD_LIMIT_MS = 60_000;

export function writeRunState(file: string, state: RunState): void {
  writeFileSync(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(`${file}.new`, file);
}

/** @returns null when there is none or a power cut damaged it. */
function readRunState(file: string): RunState | null {
  try {
    return stateSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return null;
  }
}

/**
 * Ends what a killed run left behind, and only that: pid and start time must both match. Call it with
 * the lock of the data folder held.
 */
export async function endLeftovers(file: string, report: Report): Promise<void> {
  const state = readRunState(file);
  if (state === null) return;
  await letGuardFinish(state.guard, report);
  for (const name of STOP_ORDER) {
    for (const service of state.services.filter((one) => one.name === name)) {
      await endLeftover(name, service.identity, report);
    }
  }
  rmSync(file, { force: true });
}

async function letGuardFinish(guard: ProcessIdentity | null, report: Report): Promise<void> {
  if (guard === null || !isAlive(guard)) return;
  const step = report.step('Waiting for what a killed run left behind to stop');
  await waitUntilGone(guard, GUARD_LIMIT_MS);
  await endProcess(guard, [{ signal: 'SIGKILL', waitMs: 2_000 }]);
  step.done();
}

async function endLeftover(name: ServiceName, identity: ProcessIdentity, report: Report) {
  if (!isAlive(identity)) return;
  const step = report.step(`Ending the ${TITLES[name]} of a killed run (pid ${identity.pid})`);
  const gone = await endProcess(identity, ORDERLY[name]);
  if (gone) step.done();
  else step.failed('it does not end');
}
