import { join } from 'node:path';
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
import { startChores, type Chore } from '../application/chores.ts';
import { createIncidents, unknownCommand } from '../application/incidents.ts';
import { selfCheck } from '../application/self-check.ts';
import { sweepGates } from '../application/sweep.ts';
import { createWorkflowGateway, type WorkflowGateway } from '../application/workflow-gateway.ts';
import { readConfig } from './config.ts';
import { fileMemory } from './signer-memory.ts';
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
/**
 * How long Temporal waits for the worker that holds a gate in memory before any other may take it. The
 * default is as long as a caller waits at most: after a kill -9 everybody would be told "recorded".
 */
const STICKY_MS = 1_500;
/** Between two attempts to reach Temporal at the start. */
const RECONNECT_MS = 1_000;
/** The dispatcher comes back; a short wait lets the process stop soon. */
const DELIVERY_MS = 5_000;
const ARRANGE_MS = 60_000;

await runProgram(async () => {
  const config = readConfig();
  // We decide when to stop, in order; the SDK must not listen for signals on its own.
  Runtime.install({ shutdownSignals: [] });
  const deps = await openDeps(config, CONNECTIONS);
  const connection = await temporalConnection(config.temporal);
  const { namespace, taskQueue } = config.temporal;
  const stop = stopRequested();
  const memory = fileMemory(join(config.log.memoryDir, 'head.json'));
  const native = await connect(connection, stop);
  if (native === null) return deps.db.close();
  const gateway = createWorkflowGateway({
    ...{ connection, namespace, taskQueue },
    decisionTimeoutMs: DELIVERY_MS,
    onFault: logFault,
  });
  const seal = createIncidents(deps);
  const worker = await Worker.create({
    connection: native,
    namespace,
    taskQueue,
    identity: `countersign-worker/${process.pid}`, // the default names the machine
    workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)),
    activities: createActivities({
      advanceRequest: (ref) => advanceRequest(deps, ref),
      selfCheck: async (id, onProgress) =>
        selfCheck(deps, { id, signed: await memory.read(), onProgress }),
      sweep: (onProgress) => sweepGates({ ...deps, gateway, seal }, onProgress),
      reportUnknown: async (ref) => void (await seal(unknownCommand(ref))),
      shows: () => gateway.shows(),
      onFault: logFault,
    }),
    maxConcurrentWorkflowTaskExecutions: 40,
    maxConcurrentLocalActivityExecutions: 40,
    maxCachedWorkflows: 500,
    stickyQueueScheduleToStartTimeout: STICKY_MS,
    shutdownGraceTime: '5s',
    shutdownForceTime: '10s',
  });
  const running = worker.run();
  const dispatcher = startDispatcher({ ...deps, gateway });
  const nightly = startChores([arranging(gateway)], logFault);
  tellSupervisor({ type: 'ready' });

  // A worker that ends by itself has met a fault: the supervisor starts another.
  await Promise.race([stop, running]);
  await nightly.stop();
  await dispatcher.stop();
  if (worker.getState() === 'RUNNING') worker.shutdown();
  await running;
  await gateway.close();
  await native.close();
  await deps.db.close();
});

/** Again and again, because Temporal's store may be another one tomorrow. */
function arranging(gateway: WorkflowGateway): Chore {
  return {
    name: 'arranging what Temporal does by itself',
    everyMs: ARRANGE_MS,
    run: () => gateway.arrange(),
  };
}

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
