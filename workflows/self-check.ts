import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';

const { examineLog } = proxyActivities<Pick<Activities, 'examineLog'>>({
  startToCloseTimeout: '2h',
  heartbeatTimeout: '2m',
  retry: { initialInterval: '1m', backoffCoefficient: 2, maximumAttempts: 5 },
});

/** The nightly examination of the whole log. @returns whether it passed; the findings are in the log. */
export async function selfCheck(): Promise<{ readonly passed: boolean }> {
  return examineLog(workflowInfo().workflowId);
}
