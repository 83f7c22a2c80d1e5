import type { StepRef, StepResult } from '../domain/step-result.ts';
import { createAdvance } from './advance.ts';

/** What the activities call; wired in bin/worker.ts. */
export interface ActivityDeps {
  readonly advanceRequest: (ref: StepRef) => Promise<StepResult>;
}

/** Temporal's door into the application: thin. */
export function createActivities(deps: ActivityDeps) {
  return { advance: createAdvance(deps) };
}

export type Activities = ReturnType<typeof createActivities>;
