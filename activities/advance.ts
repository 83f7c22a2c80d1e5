import { ApplicationFailure } from '@temporalio/common';
import { ApplicationError } from '../application/error.ts';
import type { StepRef, StepResult } from '../domain/step-result.ts';
import type { ActivityDeps } from './index.ts';

/**
 * Local activity: one command, or the passing of time, through the transactional step.
 *
 * @throws ApplicationFailure NOT_FOUND, never retried: an Update that names no command row does
 *         nothing. Every other fault is retried with the same reference, which is the same act.
 */
export function createAdvance({ advanceRequest, onFault }: ActivityDeps) {
  return async function advance(ref: StepRef): Promise<StepResult> {
    try {
      return await advanceRequest(ref);
    } catch (error) {
      // The cause may quote data; Temporal's history must not hold it.
      if (error instanceof ApplicationError && error.code === 'NOT_FOUND') {
        onFault?.('Temporal was given something that the application did not write', error);
        throw ApplicationFailure.nonRetryable('no such request or command', error.code);
      }
      onFault?.('a step could not be completed; it is repeated', error);
      throw ApplicationFailure.retryable('the step could not be completed', 'STEP_FAILED');
    }
  };
}
