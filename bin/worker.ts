import { fileURLToPath } from 'node:url';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createActivities } from '../activities/index.ts';
import { advanceRequest } from '../application/advance-request.ts';
import { startDispatcher } from '../application/dispatcher.ts';
import { createWorkflowGateway } from '../application/workflow-gateway.ts';
import { readConfig } from './config.ts';
import { openDeps, runProgram, stopRequested, tellSupervisor, temporalConnection } from './wire.ts';

/** Connections of the pool: steps run side by side, but two cores carry no more. */
const CONNECTIONS = 12;

await runProgram(async () => {
  const config = readConfig();
  // We decide when to stop, in order; the SDK must not listen for signals on its own.
  Runtime.install({ shutdownSignals: [] });
  const deps = await openDeps(config, CONNECTIONS);
  const connection = await temporalConnection(config.temporal);
  const native = await NativeConnection.connect(connection);
  const { namespace, taskQueue } = config.temporal;
  const worker = await Worker.create({
    connection: native,
    namespace,
    taskQueue,
    workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)),
    activities: createActivities({ advanceRequest: (ref) => advanceRequest(deps, ref) }),
    maxConcurrentWorkflowTaskExecutions: 40,
    maxConcurrentLocalActivityExecutions: 40,
    maxCachedWorkflows: 500,
    shutdownGraceTime: '5s',
    shutdownForceTime: '10s',
  });
  const gateway = createWorkflowGateway({ connection, namespace, taskQueue });
  const running = worker.run();
  const dispatcher = startDispatcher({ ...deps, gateway });
  tellSupervisor({ type: 'ready' });

  // A worker that ends by itself has met a fault: the supervisor starts another.
  await Promise.race([stopRequested(), running]);
  await dispatcher.stop();
  if (worker.getState() === 'RUNNING') worker.shutdown();
  await running;
  await gateway.close();
  await native.close();
  await deps.db.close();
});
