import { ApplicationFailure } from '@temporalio/common';
import { ApplicationError } from '../application/error.ts';
import type { StepRef, StepResult } from '../domain/step-result.ts';
import type { ActivityDeps } from './index.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Local activity: one command, or the passing of time, through the transactional step.
 *
 * @throws ApplicationFailure NOT_FOUND, never retried: an Update that names no command row does
 *         nothing but to be sealed as an incident. Every other fault is retried with the same reference,
 *         which is the same act.
 */
export function createAdvance(deps: ActivityDeps) {
  const { advanceRequest, onFault } = deps;
  return async function advance(ref: StepRef): Promise<StepResult> {
    try {
      if (!isRef(ref)) throw new ApplicationError('NOT_FOUND', 'this names nothing');
      return await withoutUnseen(deps, await advanceRequest(ref));
    } catch (error) {
      // The cause may quote data; Temporal's history must not hold it.
      if (error instanceof ApplicationError && error.code === 'NOT_FOUND') {
        onFault?.('Temporal was given something that the application did not write', error);
        await report(deps, ref);
        throw ApplicationFailure.nonRetryable('no such request or command', error.code);
      }
      onFault?.('a step could not be completed; it is repeated', error);
      throw ApplicationFailure.retryable('the step could not be completed', 'STEP_FAILED');
    }
  };
}

/** Whoever reaches Temporal can schedule this with anything. */
function isRef(ref: StepRef): boolean {
  if (!UUID.test(String(ref?.requestId))) return false;
  return ref.kind === 'tick' || (ref.kind === 'command' && UUID.test(String(ref.commandId)));
}

/** A Temporal that does not know the search attributes would refuse the workflow's whole task. */
async function withoutUnseen({ shows }: ActivityDeps, result: StepResult): Promise<StepResult> {
  if (shows === undefined || (await shows())) return result;
  const { visible: _, ...rest } = result;
  return rest;
}

/** @throws ApplicationFailure STEP_FAILED where it could not be sealed: then the Update is taken again. */
async function report({ reportUnknown, onFault }: ActivityDeps, ref: StepRef): Promise<void> {
  if (ref?.kind !== 'command') return;
  try {
    await reportUnknown?.({
      requestId: String(ref.requestId),
      commandId: String(ref.commandId),
    });
  } catch (error) {
    onFault?.('an incident could not be sealed; it is repeated', error);
    throw ApplicationFailure.retryable('the step could not be completed', 'STEP_FAILED');
  }
}
