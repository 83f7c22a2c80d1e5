import { heartbeat } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { ActivityDeps } from './index.ts';

/**
 * Regular activity: examines the whole log. A failed examination is a result and not a fault.
 *
 * @throws ApplicationFailure EXAMINATION_FAILED where it could not be finished; repeated.
 */
export function createExamineLog({ selfCheck, onFault }: ActivityDeps) {
  return async function examineLog(id: string): Promise<{ readonly passed: boolean }> {
    try {
      const { passed } = await selfCheck(id, () => heartbeat());
      return { passed };
    } catch (error) {
      onFault?.('the log could not be examined', error);
      throw ApplicationFailure.retryable('the log could not be examined', 'EXAMINATION_FAILED');
    }
  };
}

/**
 * Regular activity: compares the gates that should run with those that do.
 *
 * @throws ApplicationFailure SWEEP_FAILED where it could not be finished; repeated.
 */
export function createSweepGates({ sweep, onFault }: ActivityDeps) {
  return async function sweepGates(): Promise<{ readonly open: number; readonly ended: number }> {
    try {
      const { open, ended } = await sweep(() => heartbeat());
      return { open, ended };
    } catch (error) {
      onFault?.('the gates could not be swept', error);
      throw ApplicationFailure.retryable('the gates could not be swept', 'SWEEP_FAILED');
    }
  };
}
