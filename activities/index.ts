import type { StepRef, StepResult } from '../domain/step-result.ts';
import { createAdvance } from './advance.ts';
import { createExamineLog } from './maintain.ts';

/** What the activities call; wired in bin/worker.ts. */
export interface ActivityDeps {
  readonly advanceRequest: (ref: StepRef) => Promise<StepResult>;
  /** Examines the whole log, sealed once under this id; tells now and then that it still works. */
  readonly selfCheck: (id: string, onProgress: () => void) => Promise<{ readonly passed: boolean }>;
  /** Told what went wrong, which Temporal is not. */
  readonly onFault?: ((message: string, error: unknown) => void) | undefined;
}

/** Temporal's door into the application: thin. */
export function createActivities(deps: ActivityDeps) {
  return { advance: createAdvance(deps), examineLog: createExamineLog(deps) };
}

export type Activities = ReturnType<typeof createActivities>;
