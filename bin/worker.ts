import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  NativeConnection,
  Runtime,
  Worker,
  type NativeConnectionOptions,
} from '@temporalio/worker';
import { createActivities } from '../activities/index.ts';
import { advanceRequest } from '../application/advance-request.ts';
import { startDispatcher } from '../application/dispatcher.ts';
import { createWorkflowGateway } from '../application/workflow-gateway.ts';
import { readConfig } from './config.ts';
import {
  logFault,
  openDeps,
  runProgram,
  stopRequested,
  tellSupervisor,
  temporalConnection,
} from './wire.ts';

/** Connections of the pool: steps run side by side, but two cores carry no more. */
const CONNECTIONS = 12;
/** Between two attempts to reach Temporal at the start. */
const RECONNECT_MS = 1_000;
/** The dispatcher comes back; a short wait lets the process stop soon. */
const DELIVERY_MS = 5_000;

await runProgram(async () => {
  const config = readConfig();
  // We decide when to stop, in order; the SDK must not listen for signals on its own.
  Runtime.install({ shutdownSignals: [] });
  const deps = await openDeps(config, CONNECTIONS);
  const connection = await temporalConnection(config.temporal);
  const { namespace, taskQueue } = config.temporal;
  const stop = stopRequested();
  const native = await connect(connection, stop);
  if (native === null) return deps.db.close();
  const worker = await Worker.create({
    connection: native,
    namespace,
    taskQueue,
    workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)),
    activities: createActivities({
      advanceRequest: (ref) => advanceRequest(deps, ref),
      onFault: logFault,
    }),
    maxConcurrentWorkflowTaskExecutions: 40,
    maxConcurrentLocalActivityExecutions: 40,
    maxCachedWorkflows: 500,
    shutdownGraceTime: '5s',
    shutdownForceTime: '10s',
  });
  const gateway = createWorkflowGateway({
    ...{ connection, namespace, taskQueue },
    decisionTimeoutMs: DELIVERY_MS,
    onFault: logFault,
  });
  const running = worker.run();
  const dispatcher = startDispatcher({ ...deps, gateway });
  tellSupervisor({ type: 'ready' });

  // A worker that ends by itself has met a fault: the supervisor starts another.
  await Promise.race([stop, running]);
  await dispatcher.stop();
  if (worker.getState() === 'RUNNING') worker.shutdown();
  await running;
  await gateway.close();
  await native.close();
  await deps.db.close();
});

/**
 * Waits for a Temporal that is not there yet: the order in which things start must not matter.
 *
 * @returns null when the program is asked to stop before.
 */
async function connect(
  options: NativeConnectionOptions,
  stop: Promise<void>,
): Promise<NativeConnection | null> {
  let stopped = false;
  void stop.then(() => (stopped = true));
  for (;;) {
    try {
      return await NativeConnection.connect(options);
    } catch (error) {
      logFault('Temporal is out of reach; the worker tries again', error);
    }
    await Promise.race([sleep(RECONNECT_MS), stop]);
    if (stopped) return null;
  }
}
