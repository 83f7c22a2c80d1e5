import { fromMillis, toMillis, type Instant } from '../domain/instant.ts';
import { claimUndelivered, findCommand } from '../prisma/command-store.ts';
import { forgetKeys } from '../prisma/idempotency-store.ts';
import { rememberNamespace } from '../prisma/installation-store.ts';
import {
  claimDueGates,
  findRequest,
  markGateOpen,
  reopenGates,
  type DueGate,
} from '../prisma/request-store.ts';
import { deliverCommand, type ActDeps } from './approval-service.ts';
import { EngineUnavailable } from './workflow-gateway.ts';

/**
 * The net below everything that may be lost between a commit and Temporal: gates that were never
 * started, commands that were never delivered, a Temporal store that is another one than before.
 * Any number may run; rows are claimed for a while and come back by themselves.
 */
export interface Dispatcher {
  /** Stops after the turn that is running. */
  stop(): Promise<void>;
}

const TURN_MS = 250;
/** How long a claimed gate is left alone. */
const GATE_AGAIN_MS = 5_000;
/** A wake that is this late means that no workflow is keeping it. */
const OVERDUE_MS = 30_000;
/** Callers may repeat a key for this long. */
const KEY_AGE_MS = 7 * 86_400_000;

interface Chore {
  readonly everyMs: number;
  readonly run: (deps: ActDeps) => Promise<void>;
  last: number;
}

export function startDispatcher(deps: ActDeps): Dispatcher {
  const chores: Chore[] = [
    { everyMs: 5_000, run: noticeLostStore, last: -Infinity },
    { everyMs: 10_000, run: noticeOverdue, last: -Infinity },
    { everyMs: TURN_MS, run: startDueGates, last: -Infinity },
    { everyMs: TURN_MS, run: deliverWaiting, last: -Infinity },
    { everyMs: 3_600_000, run: forgetOldKeys, last: -Infinity },
  ];
  let stopped = false;
  let wake = (): void => undefined;

  const loop = async (): Promise<void> => {
    while (!stopped) {
      for (const chore of chores) if (!stopped) await turn(deps, chore);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, TURN_MS);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  const running = loop();
  return {
    async stop() {
      stopped = true;
      wake();
      await running;
    },
  };
}

/** A chore that fails is tried again in its next turn; the others go on. */
async function turn(deps: ActDeps, chore: Chore): Promise<void> {
  const now = performance.now();
  if (now - chore.last < chore.everyMs) return;
  chore.last = now;
  try {
    await chore.run(deps);
  } catch (error) {
    if (!(error instanceof EngineUnavailable)) deps.onFault?.(`${chore.run.name} failed`, error);
  }
}

const after = (now: Instant, ms: number): Instant => fromMillis(toMillis(now) + ms);

async function startDueGates(deps: ActDeps): Promise<void> {
  const now = deps.now();
  const claim = { now, again: after(now, GATE_AGAIN_MS), limit: 40 };
  const gates = await claimDueGates(deps.db, claim);
  const started: string[] = [];
  try {
    await inParallel(gates, 4, async (gate: DueGate) => {
      await deps.gateway.startGate({ ...gate, step: null });
      started.push(gate.requestId);
    });
  } finally {
    if (started.length > 0) await markGateOpen(deps.db, started);
  }
}

async function deliverWaiting(deps: ActDeps): Promise<void> {
  const commands = await claimUndelivered(deps.db, { now: deps.now(), limit: 20 });
  await inParallel(commands, 4, async ({ id, requestId }) => {
    const [row, command] = await Promise.all([
      findRequest(deps.db, requestId),
      findCommand(deps.db, id),
    ]);
    if (row !== null && command !== null && command.answer === null)
      await deliverCommand(deps, row, command);
  });
}

/** Records are the truth: a Temporal that knows nothing of us is given every open gate again. */
async function noticeLostStore(deps: ActDeps): Promise<void> {
  const id = await deps.gateway.namespaceId();
  if (await rememberNamespace(deps.db, id)) await reopenGates(deps.db, null);
}

/** A workflow that was ended behind our back is noticed when its request's time has come. */
async function noticeOverdue(deps: ActDeps): Promise<void> {
  await reopenGates(deps.db, after(deps.now(), -OVERDUE_MS));
}

async function forgetOldKeys(deps: ActDeps): Promise<void> {
  await forgetKeys(deps.db, after(deps.now(), -KEY_AGE_MS));
}

/** Runs `work` over items, `width` at once. @throws the first fault, after the others have ended. */
async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const lane = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  const results = await Promise.allSettled(Array.from({ length: width }, lane));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
