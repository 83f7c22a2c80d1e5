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
} from '@temporalio/client';
import type { StepResult } from '../domain/step-result.ts';
import { submitCommand, type GateInput } from '../workflows/messages.ts';

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
  /** Has the log examined every night; changes nothing where that is arranged. @throws EngineUnavailable */
  arrangeSelfCheck(): Promise<void>;
  close(): Promise<void>;
}

export interface Gate {
  readonly requestId: string;
  readonly kind: string;
  /** Where the request is now; null = the workflow asks. */
  readonly step: StepResult | null;
}

/** Temporal was out of reach or slow. Nothing is lost: commands and gates are rows. */
export class EngineUnavailable extends Error {
  constructor(cause: unknown) {
    super('Temporal did not answer in time', { cause });
    this.name = 'EngineUnavailable';
  }
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

export function workflowIdOf(requestId: string): string {
  return `request/${requestId}`;
}

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

/** Connects lazily: the product becomes ready while Temporal is out of reach. */
export function createWorkflowGateway(options: GatewayOptions): WorkflowGateway {
  const { channelArgs } = options.connection;
  const connection = Connection.lazy({
    ...options.connection,
    channelArgs: { ...CHANNEL, ...channelArgs },
    interceptors: [repeating],
  });
  const client = new Client({ connection, namespace: options.namespace });
  const queues = createQueues(MAX_IN_FLIGHT);
  const timeout = options.decisionTimeoutMs ?? DECISION_TIMEOUT_MS;

  const startOptions = ({ requestId, step }: Gate) =>
    ({
      workflowId: workflowIdOf(requestId),
      taskQueue: options.taskQueue,
      args: [{ requestId, step }] satisfies [GateInput],
      workflowTaskTimeout: TASK_TIMEOUT_MS,
      workflowIdConflictPolicy: 'USE_EXISTING',
    }) as const;

  const reaching = createReach(connection, options.onFault);

  return {
    async startGate(gate) {
      // A first start that comes late must not open a gate that a command has opened and closed since;
      // a repair (no step) may: it asks for the truth first and ends by itself.
      const workflowIdReusePolicy = gate.step === null ? 'ALLOW_DUPLICATE' : 'REJECT_DUPLICATE';
      await reaching(Date.now() + START_TIMEOUT_MS, () =>
        client.workflow.start(typeOf(gate), { ...startOptions(gate), workflowIdReusePolicy }),
      );
    },
    async deliver(gate, commandId) {
      const deadline = Date.now() + timeout;
      return queues.run(gate.requestId, deadline, async () => {
        const startWorkflowOperation = new WithStartWorkflowOperation(typeOf(gate), {
          ...startOptions(gate),
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        });
        const answer = await reaching(deadline, () =>
          client.workflow.executeUpdateWithStart(submitCommand, {
            args: [{ commandId }],
            updateId: commandId,
            startWorkflowOperation,
          }),
        );
        return answer === 'no-gate' ? 'closed' : 'decided';
      });
    },
    async namespaceId() {
      const { namespace } = options;
      const answer = await reaching(Date.now() + START_TIMEOUT_MS, () =>
        connection.workflowService.describeNamespace({ namespace }),
      );
      const id = answer === 'no-gate' ? null : answer.namespaceInfo?.id;
      if (!id) throw new EngineUnavailable(new Error('there is no such namespace'));
      return id;
    },
    async arrangeSelfCheck() {
      await reaching(Date.now() + START_TIMEOUT_MS, () => arrange(client, options.taskQueue));
    },
    async close() {
      await connection.close();
    },
  };
}

/** When few people work; each installation a little apart, by its task queue. */
const NIGHT = { hour: 2, minute: 30 } as const;

async function arrange(client: Client, taskQueue: string): Promise<void> {
  const name = `countersign-self-check-${taskQueue}`;
  try {
    await client.schedule.create({
      scheduleId: name,
      spec: { calendars: [NIGHT], jitter: '30m', timezone: 'UTC' },
      action: { type: 'startWorkflow', workflowId: name, workflowType: 'selfCheck', taskQueue },
      policies: { overlap: 'SKIP', catchupWindow: '1 day' },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
}

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

/** At most `limit` calls at once per request; the others wait their turn, not longer than their deadline. */
export function createQueues(limit: number) {
  const waiting = new Map<string, { running: number; readonly turns: (() => void)[] }>();
  return {
    async run<T>(key: string, deadline: number, work: () => Promise<T>): Promise<T> {
      const queue = waiting.get(key) ?? { running: 0, turns: [] };
      waiting.set(key, queue);
      if (queue.running >= limit) await turn(queue.turns, deadline);
      else queue.running += 1;
      try {
        return await work();
      } finally {
        const next = queue.turns.shift();
        if (next === undefined) queue.running -= 1;
        else next(); // the place passes on
        if (queue.running === 0) waiting.delete(key);
      }
    },
  };
}

function turn(turns: (() => void)[], deadline: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const mine = (): void => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(
      () => {
        turns.splice(turns.indexOf(mine), 1);
        reject(new EngineUnavailable(new Error('too many acts on one request at once')));
      },
      Math.max(0, deadline - Date.now()),
    );
    turns.push(mine);
  });
}
