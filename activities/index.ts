import type { StepRef, StepResult } from '../domain/step-result.ts';
import { createAdvance } from './advance.ts';

/** What the activities call; wired in bin/worker.ts. */
export interface ActivityDeps {
  readonly advanceRequest: (ref: StepRef) => Promise<StepResult>;
  /** Told what went wrong, which Temporal is not. */
  readonly onFault?: ((message: string, error: unknown) => void) | undefined;
}

/** Temporal's door into the application: thin. */
export function createActivities(deps: ActivityDeps) {
  return { advance: createAdvance(deps) };
}

export type Activities = ReturnType<typeof createActivities>;
