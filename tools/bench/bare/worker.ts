import { fileURLToPath } from 'node:url';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { stopAsked, tellReady } from '../child.ts';

/** The worker of the bare workflow, with the settings of the product's (bin/worker.ts). */
Runtime.install({ shutdownSignals: [] });
const connection = await NativeConnection.connect({ address: process.env['BENCH_TEMPORAL'] ?? '' });
const worker = await Worker.create({
  connection,
  namespace: 'default',
  taskQueue: 'bench-bare',
  workflowsPath: fileURLToPath(new URL('workflow.ts', import.meta.url)),
  activities: { act: async () => 1 },
  maxConcurrentWorkflowTaskExecutions: 40,
  maxConcurrentLocalActivityExecutions: 40,
  maxCachedWorkflows: 500,
  shutdownGraceTime: '5s',
  shutdownForceTime: '10s',
});
const running = worker.run();
tellReady();
await Promise.race([stopAsked(), running]);
if (worker.getState() === 'RUNNING') worker.shutdown();
await running;
await connection.close();
process.exit(0);
