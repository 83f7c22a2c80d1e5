import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';

const { sweepGates } = proxyActivities<Pick<Activities, 'sweepGates'>>({
  startToCloseTimeout: '10m',
  heartbeatTimeout: '1m',
  retry: { initialInterval: '5s', backoffCoefficient: 2, maximumAttempts: 3 },
});

/** Every minute: finds gates that were ended behind our back. @returns how many; which is in the log. */
export async function sweep(): Promise<{ readonly open: number; readonly ended: number }> {
  return sweepGates();
}
