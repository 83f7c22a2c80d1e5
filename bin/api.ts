import { createApi } from '../api/create-api.ts';
import { watchReadiness } from '../api/health.ts';
import { createMetrics } from '../api/metrics.ts';
import { listen } from '../api/server.ts';
import { createChangeWaiter } from '../application/change-waiter.ts';
import { createGateStarter } from '../application/gate-starter.ts';
import { createAuthenticator } from '../application/identity.ts';
import { createLogHealth } from '../application/log-health.ts';
import { createPolicyCache } from '../application/policies.ts';
import { createWorkflowGateway } from '../application/workflow-gateway.ts';
import { readConfig } from './config.ts';
import { readStreamHeadKey } from './log-keys.ts';
import {
  logFault,
  openDeps,
  runProgram,
  stopRequested,
  tellSupervisor,
  temporalConnection,
} from './wire.ts';

const CONNECTIONS = 12;
/** Calls that still run when the process is asked to stop may end within this. */
const GRACE_MS = 8_000;

await runProgram(async () => {
  const config = readConfig();
  const deps = await openDeps(config, CONNECTIONS);
  const { namespace, taskQueue } = config.temporal;
  const connection = await temporalConnection(config.temporal);
  const gateway = createWorkflowGateway({ connection, namespace, taskQueue, onFault: logFault });
  const gates = createGateStarter(deps, gateway);
  const waiter = createChangeWaiter(deps);
  const log = createLogHealth(deps.db);
  const readiness = await watchReadiness([
    { name: 'PostgreSQL', check: async () => void (await deps.db.query('SELECT 1')) },
    { name: 'Temporal', check: async () => void (await gateway.namespaceId()) },
    { name: 'log', check: () => log.moves() },
    { name: 'self-check', check: () => log.isSound() },
  ]);
  const app = createApi({
    ...deps,
    streamHeadSigner: await readStreamHeadKey(config, deps.origin),
    onFault: logFault,
    gateway,
    gateNeeded: (gate) => gates.need(gate),
    policies: createPolicyCache(deps),
    authenticator: createAuthenticator(deps, config.embedded),
    waiter,
    readiness,
    metrics: createMetrics(log),
  });
  const server = await listen(app, config);
  tellSupervisor({ type: 'ready', address: server.address });

  await stopRequested();
  readiness.stop();
  waiter.stop();
  await server.close(GRACE_MS);
  await gates.drain();
  await gateway.close();
  await deps.db.close();
});
