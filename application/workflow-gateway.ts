import {
  Client,
  Connection,
  isGrpcServiceError,
  isRetryableError,
  makeGrpcRetryInterceptor,
  NamespaceNotFoundError,
  ScheduleAlreadyRunning,
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  type ConnectionOptions,
  type WorkflowExecutionInfo,
} from '@temporalio/client';
import type { StepResult } from '../domain/step-result.ts';
import {
  firstAttributes,
  gateIdOf,
  look,
  submitCommand,
  type GateInput,
} from '../workflows/messages.ts';
import { createQueues } from './engine-queues.ts';
import { EngineUnavailable } from './engine-unavailable.ts';
import { createWatch, type GateWatch, type Run, type RunList } from './gate-watch.ts';
import { schedulesOf, type Arranged } from './schedules.ts';
import { createShowing, PROBE_MS, type AttributeStore, type Showing } from './search-attributes.ts';

export { EngineUnavailable };

/** What the application asks of Temporal. Everything here may be repeated: ids make it one act. */
export interface WorkflowGateway {
  /** Starts the gate of a request, or finds it running. @throws EngineUnavailable */
  startGate(gate: Gate): Promise<void>;
  /**
   * Brings a command to its gate and waits until it is decided.
   *
   * @returns `decided`, or `closed` when no gate takes the command: it has ended, ended meanwhile, or
   *          refuses it. The caller then takes the step itself; it may be decided already.
   * @throws EngineUnavailable when there was no answer in time; it may still be decided.
   */
  deliver(gate: Gate, commandId: string): Promise<'decided' | 'closed'>;
  /**
   * Names the store behind the service: another one means that its workflows are gone.
   *
   * @throws EngineUnavailable
   */
  namespaceId(): Promise<string>;
  /**
   * Has the log examined every night and the gates swept every minute, and makes the search attributes
   * known; changes nothing where that is arranged.
   *
   * @throws EngineUnavailable
   */
  arrange(): Promise<void>;
  close(): Promise<void>;
}

/** What only the worker asks of Temporal. */
export interface TemporalSide {
  readonly watch: GateWatch;
  /** Did Temporal know our search attributes when it was asked last? */
  shows(): Promise<boolean>;
}

export interface Gate {
  readonly requestId: string;
  readonly kind: string;
  /** Where the request is now; null = the workflow asks. */
  readonly step: StepResult | null;
}

export interface GatewayOptions {
  readonly connection: ConnectionOptions;
  readonly namespace: string;
  readonly taskQueue: string;
  /** How long a caller waits for the decision of a command, in milliseconds. */
  readonly decisionTimeoutMs?: number;
  /** Told when Temporal answers something that waiting does not cure, such as a wrong credential. */
  readonly onFault?: (message: string, error: unknown) => void;
}

/** Workflow types by kind of request; a kind of a policy's own runs as a decision gate. */
const WORKFLOW_OF: Readonly<Record<string, string>> = {
  'ai-decision': 'aiDecision',
  'vendor-approval': 'vendorApproval',
};

const START_TIMEOUT_MS = 5_000;
const DECISION_TIMEOUT_MS = 10_000;
/**
 * After this long Temporal gives what a dead worker had taken to another: within the time that a caller
 * waits, so that a kill -9 costs a few seconds and not the answer. Steps that run longer say so.
 */
const TASK_TIMEOUT_MS = 5_000;
/** Updates in flight per request: the server takes 10, and another process may hold some. */
const MAX_IN_FLIGHT = 4;

const typeOf = ({ kind }: Gate): string => WORKFLOW_OF[kind] ?? 'aiDecision';

export const workflowIdOf = gateIdOf;

/**
 * After an outage grpc-js waits up to two minutes before it connects again, and the SDK repeats calls
 * with pauses of up to five seconds, past their deadline. We want to notice within a second.
 */
const CHANNEL = {
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
};
const MAX_PAUSE_MS = 500;

/** Every call of ours has a deadline, which is what ends the repetitions. */
const repeating = makeGrpcRetryInterceptor({
  delayFunction: (attempt) => Math.min(MAX_PAUSE_MS, 50 * 2 ** attempt) * (0.5 + Math.random()),
  retryableDecider: (_attempt, status) => isRetryableError(status),
});

function connect({ connection: to, namespace }: GatewayOptions) {
  const channelArgs = { ...CHANNEL, ...to.channelArgs };
  const connection = Connection.lazy({ ...to, channelArgs, interceptors: [repeating] });
  // Not the default identity, which names the machine and its process.
  return { connection, client: new Client({ connection, namespace, identity: 'countersign' }) };
}

/** Connects lazily: the product becomes ready while Temporal is out of reach. */
export function createWorkflowGateway(options: GatewayOptions): WorkflowGateway & TemporalSide {
  const { connection, client } = connect(options);
  const queues = createQueues(MAX_IN_FLIGHT);
  const timeout = options.decisionTimeoutMs ?? DECISION_TIMEOUT_MS;

  const reaching = createReach(connection, options.onFault);
  const showing = createShowing(
    attributeStore(client, connection, options.namespace),
    options.onFault,
  );
  const starting = createStarting(options.taskQueue, { reaching, showing });

  return {
    shows: () => showing.usable(),
    async startGate(gate) {
      const deadline = Date.now() + START_TIMEOUT_MS;
      await starting(deadline, gate, async (how) => {
        // A first start that comes late must not open a gate that a command has opened and closed since;
        // a repair (no step) may: it asks for the truth first and ends by itself.
        if (gate.step !== null) {
          const once = { ...how, workflowIdReusePolicy: 'REJECT_DUPLICATE' } as const;
          return client.workflow.start(typeOf(gate), once);
        }
        const again = { ...how, workflowIdReusePolicy: 'ALLOW_DUPLICATE' } as const;
        return client.workflow.signalWithStart(typeOf(gate), { ...again, signal: look });
      });
    },
    async deliver(gate, commandId) {
      const deadline = Date.now() + timeout;
      return queues.run(gate.requestId, deadline, async () => {
        const answer = await starting(deadline, gate, (how) =>
          client.workflow.executeUpdateWithStart(submitCommand, {
            args: [{ commandId }],
            updateId: commandId,
            startWorkflowOperation: new WithStartWorkflowOperation(typeOf(gate), {
              ...how,
              workflowIdReusePolicy: 'ALLOW_DUPLICATE',
            }),
          }),
        );
        return answer === 'no-gate' ? 'closed' : 'decided';
      });
    },
    namespaceId: () => namespaceIdOf(connection, options.namespace, reaching),
    async arrange() {
      for (const schedule of schedulesOf(options.taskQueue))
        await reaching(Date.now() + START_TIMEOUT_MS, () => arrange(client, schedule));
      await reaching(Date.now() + START_TIMEOUT_MS, () => showing.register());
    },
    watch: createWatch(runList(client, options.namespace, reaching), {
      taskQueue: options.taskQueue,
      types: [...new Set(Object.values(WORKFLOW_OF))],
    }),
    async close() {
      await connection.close();
    },
  };
}

async function namespaceIdOf(
  connection: Connection,
  namespace: string,
  reaching: Reach,
): Promise<string> {
  const answer = await reaching(Date.now() + START_TIMEOUT_MS, () =>
    connection.workflowService.describeNamespace({ namespace }),
  );
  const id = answer === 'no-gate' ? null : answer.namespaceInfo?.id;
  if (!id) throw new EngineUnavailable(new Error('there is no such namespace'));
  return id;
}

// ---- starts ----------------------------------------------------------------------------------------

function startOptions({ requestId, kind, step }: Gate, taskQueue: string, shows: boolean) {
  return {
    workflowId: workflowIdOf(requestId),
    taskQueue,
    args: [{ requestId, step: shows ? step : withoutVisible(step) }] satisfies [GateInput],
    workflowTaskTimeout: TASK_TIMEOUT_MS,
    workflowIdConflictPolicy: 'USE_EXISTING',
    ...(shows ? { typedSearchAttributes: firstAttributes(kind, step?.visible ?? null) } : {}),
  } as const;
}

/** A start that Temporal refuses, maybe for its search attributes, is made without them. */
function createStarting(
  taskQueue: string,
  { reaching, showing }: { readonly reaching: Reach; readonly showing: Showing },
) {
  return async <T>(
    deadline: number,
    gate: Gate,
    start: (how: ReturnType<typeof startOptions>) => Promise<T>,
  ): Promise<T | 'no-gate'> => {
    const shows = await showing.usable();
    return reaching(deadline, async () => {
      try {
        return await start(startOptions(gate, taskQueue, shows));
      } catch (error) {
        if (!shows || !isRefusedArgument(error)) throw error;
        showing.forget();
        return start(startOptions(gate, taskQueue, false));
      }
    });
  };
}

// ---- schedules -----------------------------------------------------------------------------------

/** Makes a Schedule where it is missing, and makes one true again that somebody paused or changed. */
async function arrange(client: Client, schedule: Arranged): Promise<void> {
  const { scheduleId: id } = schedule;
  try {
    await client.schedule.create(schedule);
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const handle = client.schedule.getHandle(id);
    const { action, state } = await handle.describe();
    const { workflowType, taskQueue } = schedule.action;
    const isTrue = action.workflowType === workflowType && action.taskQueue === taskQueue;
    if (isTrue && !state.paused) return;
    await handle.delete();
    await client.schedule.create(schedule);
  }
}

// ---- search attributes ---------------------------------------------------------------------------

/** How the client's library calls their types. @source temporal.api.enums.v1.IndexedValueType */
const INDEXED = { KEYWORD: 2, DATETIME: 6, KEYWORD_LIST: 7 } as const;

function attributeStore(client: Client, connection: Connection, namespace: string): AttributeStore {
  const { operatorService } = connection;
  const by = <T>(call: () => Promise<T>): Promise<T> =>
    connection.withDeadline(Date.now() + PROBE_MS, call);
  return {
    count: async (query) => void (await by(() => client.workflow.count(query))),
    async names() {
      const { customAttributes } = await by(() =>
        operatorService.listSearchAttributes({ namespace }),
      );
      return Object.keys(customAttributes ?? {});
    },
    async add(missing) {
      const searchAttributes = Object.fromEntries(
        missing.map(({ name, type }) => [name, INDEXED[type]]),
      );
      await by(() => operatorService.addSearchAttributes({ namespace, searchAttributes }));
    },
  };
}

function withoutVisible(step: StepResult | null): StepResult | null {
  if (step === null) return null;
  const { visible: _, ...rest } = step;
  return rest;
}

/** INVALID_ARGUMENT, also inside of an update-with-start. */
function isRefusedArgument(error: unknown): boolean {
  for (let one: unknown = error; one instanceof Error; one = one.cause)
    if (isGrpcServiceError(one) && one.code === 3) return true;
  return false;
}

// ---- what runs -----------------------------------------------------------------------------------

function runList(client: Client, namespace: string, reaching: Reach): RunList {
  const soon = (): number => Date.now() + START_TIMEOUT_MS;
  return {
    async list(query, most) {
      const answer = await reaching(soon(), async () => {
        const found: Listed[] = [];
        for await (const run of client.workflow.list({ query, pageSize: most })) {
          found.push(run);
          if (found.length === most) break;
        }
        return found;
      });
      return answer === 'no-gate' ? [] : answer.map(toRun);
    },
    async describe(workflowId) {
      const handle = client.workflow.getHandle(workflowId);
      const answer = await reaching(soon(), () => handle.describe());
      if (answer === 'no-gate') return null;
      return { ...toRun(answer), attempts: answer.raw.pendingWorkflowTask?.attempt ?? 0 };
    },
    async terminate(workflowId, runId) {
      const handle = client.workflow.getHandle(workflowId, runId);
      await reaching(soon(), () => handle.terminate('not the gate of this request'));
    },
    async remove(workflowId, runId) {
      const workflowExecution = { workflowId, runId };
      await reaching(soon(), () =>
        client.workflowService.deleteWorkflowExecution({ namespace, workflowExecution }),
      );
    },
  };
}

type Listed = Pick<WorkflowExecutionInfo, 'workflowId' | 'runId' | 'type' | 'taskQueue' | 'status'>;

const toRun = ({ status, ...run }: Listed): Run => ({
  workflowId: run.workflowId,
  runId: run.runId,
  type: run.type,
  taskQueue: run.taskQueue,
  isRunning: status.name === 'RUNNING',
  attempts: 0,
});

// ---- how Temporal is reached ---------------------------------------------------------------------

/** Makes a call by a deadline. Answers `no-gate` where Temporal says that no workflow takes it. */
type Reach = <T>(deadline: number, call: () => Promise<T>) => Promise<T | 'no-gate'>;

/** @returns a function that throws EngineUnavailable for everything that Temporal may get over. */
function createReach(connection: Connection, onFault: GatewayOptions['onFault']): Reach {
  return async (deadline, call) => {
    try {
      return await connection.withDeadline(deadline, call);
    } catch (error) {
      const meaning = meaningOf(error);
      if (meaning === 'no-gate') return meaning;
      if (meaning === 'bug') throw error;
      if (meaning === 'wrong') onFault?.('Temporal refuses to work with us', error);
      throw new EngineUnavailable(error);
    }
  };
}

/** gRPC statuses, as numbers of google.rpc.Code, that say "later" … */
const LATER: ReadonlySet<number> = new Set([1, 2, 4, 8, 10, 13, 14, 15]);
/**
 * … and those that say that no workflow takes it: NOT_FOUND (ended), ALREADY_EXISTS (may not be opened
 * again), FAILED_PRECONDITION (took its last Update, or its code fails).
 */
const NO_GATE: ReadonlySet<number> = new Set([5, 6, 9]);

/**
 * `wrong`: neither waiting nor another way helps until somebody mends the configuration; so the command
 * waits as a row.
 *
 * @source sdk-typescript 1.24 client/src/workflow-client.ts: an error inside of a MultiOperation is
 *         thrown as the bare gRPC error with the code of the operation, any other one wrapped.
 */
function meaningOf(error: unknown): 'no-gate' | 'later' | 'wrong' | 'bug' {
  for (let one: unknown = error; one instanceof Error; one = one.cause) {
    if (one instanceof NamespaceNotFoundError) return 'wrong';
    if (one instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return 'later';
    // The workflow ended while it had the Update, or knows no such command.
    if (one instanceof WorkflowUpdateFailedError) return 'no-gate';
    if (one instanceof WorkflowNotFoundError) return 'no-gate';
    if (one instanceof WorkflowExecutionAlreadyStartedError) return 'no-gate';
    if (!isGrpcServiceError(one)) continue;
    if (NO_GATE.has(one.code)) return 'no-gate';
    return LATER.has(one.code) ? 'later' : 'wrong';
  }
  return 'bug';
}
