import {
  Client,
  Connection,
  isGrpcServiceError,
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
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
   * @returns `decided`, or `closed` when the gate has ended and cannot take commands any more.
   * @throws EngineUnavailable when there was no answer in time; it may still be decided.
   */
  deliver(gate: Gate, commandId: string): Promise<'decided' | 'closed'>;
  /** Names the store behind the service: another one means that its workflows are gone. */
  namespaceId(): Promise<string>;
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
}

/** Workflow types by kind of request; a kind of a policy's own runs as a decision gate. */
const WORKFLOW_OF: Readonly<Record<string, string>> = {
  'ai-decision': 'aiDecision',
  'vendor-approval': 'vendorApproval',
};

const START_TIMEOUT_MS = 5_000;
const DECISION_TIMEOUT_MS = 10_000;
/** Updates in flight per request: the server takes 10, and another process may hold some. */
const MAX_IN_FLIGHT = 4;

export function workflowIdOf(requestId: string): string {
  return `request/${requestId}`;
}

/** Connects lazily: the product becomes ready while Temporal is out of reach. */
export function createWorkflowGateway(options: GatewayOptions): WorkflowGateway {
  const connection = Connection.lazy(options.connection);
  const client = new Client({ connection, namespace: options.namespace });
  const queues = createQueues(MAX_IN_FLIGHT);
  const timeout = options.decisionTimeoutMs ?? DECISION_TIMEOUT_MS;

  const startOptions = ({ requestId, step }: Gate) =>
    ({
      workflowId: workflowIdOf(requestId),
      taskQueue: options.taskQueue,
      args: [{ requestId, step }] satisfies [GateInput],
      workflowIdConflictPolicy: 'USE_EXISTING',
    }) as const;
  const typeOf = ({ kind }: Gate): string => WORKFLOW_OF[kind] ?? 'aiDecision';

  return {
    async startGate(gate) {
      // A first start that comes late must not open a gate that a command has opened and closed since;
      // a repair (no step) may: it asks for the truth first and ends by itself.
      const workflowIdReusePolicy = gate.step === null ? 'ALLOW_DUPLICATE' : 'REJECT_DUPLICATE';
      try {
        await reaching(() =>
          connection.withDeadline(Date.now() + START_TIMEOUT_MS, () =>
            client.workflow.start(typeOf(gate), { ...startOptions(gate), workflowIdReusePolicy }),
          ),
        );
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      }
    },
    async deliver(gate, commandId) {
      const deadline = Date.now() + timeout;
      return queues.run(gate.requestId, deadline, async () => {
        const startWorkflowOperation = new WithStartWorkflowOperation(typeOf(gate), {
          ...startOptions(gate),
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        });
        try {
          await reaching(() =>
            connection.withDeadline(deadline, () =>
              client.workflow.executeUpdateWithStart(submitCommand, {
                args: [{ commandId }],
                updateId: commandId,
                startWorkflowOperation,
              }),
            ),
          );
          return 'decided';
        } catch (error) {
          if (error instanceof EngineUnavailable) throw error;
          return 'closed'; // whatever ended the gate: the caller takes the step itself
        }
      });
    },
    async namespaceId() {
      const { namespaceInfo } = await connection.withDeadline(Date.now() + START_TIMEOUT_MS, () =>
        connection.workflowService.describeNamespace({ namespace: options.namespace }),
      );
      const id = namespaceInfo?.id;
      if (!id) throw new EngineUnavailable(new Error('the namespace has no id'));
      return id;
    },
    async close() {
      await connection.close();
    },
  };
}

/** gRPC statuses that say "later", as numbers of google.rpc.Code. */
const LATER: ReadonlySet<number> = new Set([1, 4, 8, 14]);

async function reaching<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (isLater(error)) throw new EngineUnavailable(error);
    throw error;
  }
}

function isLater(error: unknown): boolean {
  for (let one: unknown = error; one instanceof Error; one = one.cause) {
    if (one instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return true;
    if (one instanceof WorkflowNotFoundError) return false;
    if (one instanceof WorkflowExecutionAlreadyStartedError) return false;
    if (isGrpcServiceError(one)) return LATER.has(one.code);
  }
  return false;
}

/** At most `limit` calls at once per request; the others wait their turn, not longer than their deadline. */
function createQueues(limit: number) {
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
