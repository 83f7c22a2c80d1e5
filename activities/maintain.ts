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
