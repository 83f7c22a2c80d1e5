import type { StepRef, StepResult } from '../domain/step-result.ts';
import { createAdvance } from './advance.ts';
import { createExamineLog, createSweepGates } from './maintain.ts';

/** What the activities call; wired in bin/worker.ts. */
export interface ActivityDeps {
  readonly advanceRequest: (ref: StepRef) => Promise<StepResult>;
  /** Examines the whole log, sealed once under this id; tells now and then that it still works. */
  readonly selfCheck: (id: string, onProgress: () => void) => Promise<{ readonly passed: boolean }>;
  /** Finds gates that were ended behind our back, and has them started again. */
  readonly sweep: (
    onProgress: () => void,
  ) => Promise<{ readonly open: number; readonly ended: number }>;
  /** Told of an Update that named no command of its request. */
  readonly reportUnknown?: (ref: {
    readonly requestId: string;
    readonly commandId: string;
  }) => Promise<void>;
  /** Does Temporal know the search attributes? Absent: it does. */
  readonly shows?: () => Promise<boolean>;
  /** Told what went wrong, which Temporal is not. */
  readonly onFault?: ((message: string, error: unknown) => void) | undefined;
}

/** Temporal's door into the application: thin. */
export function createActivities(deps: ActivityDeps) {
  return {
    advance: createAdvance(deps),
    examineLog: createExamineLog(deps),
    sweepGates: createSweepGates(deps),
  };
}

export type Activities = ReturnType<typeof createActivities>;
