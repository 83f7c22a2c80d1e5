import { fromMillis, toMillis, type Instant } from '../domain/instant.ts';
import { claimUndelivered, findCommand, type CommandRow } from '../prisma/command-store.ts';
import { forgetKeys } from '../prisma/idempotency-store.ts';
import { readInstallation, rememberNamespace } from '../prisma/installation-store.ts';
import {
  claimDueGates,
  findRequest,
  markGateOpen,
  overdueRequests,
  reopenGates,
  type DueGate,
} from '../prisma/request-store.ts';
import { advanceRequest } from './advance-request.ts';
import { deliverCommand, type ActDeps } from './approval-service.ts';
import { startChores } from './chores.ts';
import { sealExpired } from './exceptions.ts';
import { createStuckWatch } from './stuck-requests.ts';
import { EngineUnavailable } from './workflow-gateway.ts';

/**
 * The net below everything that may be lost between a commit and Temporal: gates that were never
 * started, commands that were never delivered, a Temporal store that is another one than before.
 * Any number may run; rows are claimed for a while and come back by themselves.
 */
export interface Dispatcher {
  /** Stops after the turns that are running; none waits longer than one call to Temporal. */
  stop(): Promise<void>;
}

/** How long a claimed gate is left alone. */
const GATE_AGAIN_MS = 5_000;
/** A wake that is this late means that no workflow is keeping it. */
const OVERDUE_MS = 10_000;
/** A command that has waited for so long is decided without its gate, unless Temporal is away. */
const GIVEN_UP_MS = 60_000;
/** How soon after a change of the directory it is looked whether requests can still be approved. */
const STUCK_MS = 2_000;
/** Callers may repeat a key for this long. */
const KEY_AGE_MS = 7 * 86_400_000;

const CHORES: readonly {
  readonly everyMs: number;
  readonly run: (deps: ActDeps) => Promise<void>;
}[] = [
  { everyMs: 5_000, run: noticeLostStore },
  { everyMs: 5_000, run: noticeOverdue },
  { everyMs: 250, run: startDueGates },
  { everyMs: 250, run: deliverWaiting },
  { everyMs: 60_000, run: sealExpired },
  { everyMs: 3_600_000, run: forgetOldKeys },
];

export function startDispatcher(deps: ActDeps): Dispatcher {
  const chores = CHORES.map(({ everyMs, run }) => ({
    name: run.name,
    everyMs,
    run: () => run(deps),
  }));
  const stuck = { name: 'noticeStuck', everyMs: STUCK_MS, run: createStuckWatch(deps) };
  // That Temporal is out of reach is known; its waiting rows stay where they are.
  return startChores([...chores, stuck], (message, error) => {
    if (!(error instanceof EngineUnavailable)) deps.onFault?.(message, error);
  });
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
    if (row === null || command === null || command.answer !== null) return;
    const state = await deliverCommand(deps, row, command);
    if (state === 'waiting') await assertAway(deps, command);
    await ensureDecided(deps, { requestId, commandId: id });
  });
}

/**
 * @returns where a command has waited for long though Temporal is there: somebody at its port holds the
 *          gate's place, or the gate cannot go on.
 * @throws EngineUnavailable otherwise. Where one waits the next would too: their rows come back when
 *         their time has come.
 */
async function assertAway(deps: ActDeps, { createdAt }: CommandRow): Promise<void> {
  if (createdAt > after(deps.now(), -GIVEN_UP_MS)) throw new EngineUnavailable(null);
  await deps.gateway.namespaceId();
}

/** Anybody at Temporal's port can answer for our worker, or keep it from answering: the row counts. */
async function ensureDecided(
  deps: ActDeps,
  ref: { readonly requestId: string; readonly commandId: string },
): Promise<void> {
  const command = await findCommand(deps.db, ref.commandId);
  if (command === null || command.answer !== null) return;
  deps.onFault?.('a command that Temporal should have brought to its gate is decided here', null);
  await advanceRequest(deps, { kind: 'command', ...ref });
}

/** Records are the truth: a Temporal that knows nothing of us is given every open gate again. */
async function noticeLostStore(deps: ActDeps): Promise<void> {
  const id = await deps.gateway.namespaceId();
  const installation = await readInstallation(deps.db);
  if (installation === null || installation.temporalNamespaceId === id) return;
  await reopenGates(deps.db, null); // first: whoever dies in between does it again
  await rememberNamespace(deps.db, id);
}

/**
 * A workflow that was ended behind our back, or holds an old place of its request, is noticed when the
 * request's time has come, at the latest; starting a gate that runs has it look again. Time then takes
 * effect here, also while Temporal is out of reach.
 */
async function noticeOverdue(deps: ActDeps): Promise<void> {
  const since = after(deps.now(), -OVERDUE_MS);
  const ids = await overdueRequests(deps.db, { since, limit: 100 });
  await reopenGates(deps.db, since);
  await inParallel(ids, 4, async (requestId) => {
    await advanceRequest(deps, { kind: 'tick', requestId });
  });
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
