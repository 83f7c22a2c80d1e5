import {
  allHandlersFinished,
  ApplicationFailure,
  condition,
  continueAsNew,
  proxyLocalActivities,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { StepRef, StepResult, Visible } from '../domain/step-result.ts';
import type { Activities } from '../activities/index.ts';
import { gateIdOf, look, submitCommand, type CommandRef, type GateInput } from './messages.ts';
import { laterAttributes } from './search-attributes.ts';

const { advance } = proxyLocalActivities<Pick<Activities, 'advance'>>({
  startToCloseTimeout: '10s',
  retry: { initialInterval: '100ms', backoffCoefficient: 2, maximumInterval: '5s' },
});

/** An input that lay in a task queue for longer than this says nothing about when to wake. */
const FRESH_MS = 1_000;
/** A gate looks at least this often, in milliseconds: thirty days. Longer waits are made of several. */
const LONGEST_SLEEP_MS = 30 * 86_400_000;

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Refuses only what is malformed. It must stay synchronous: the SDK drops the promise of an async
 * validator and lets the Update pass (sdk-typescript 1542). That is what `undefined` is for: `void`
 * would take a promise.
 */
function assertWellFormed(ref: CommandRef): undefined {
  if (typeof ref?.commandId !== 'string' || !UUID.test(ref.commandId))
    throw new TypeError('an update names a command by its id');
}

/**
 * Holds one request open: takes commands one by one into the transactional step, and wakes when time
 * alone changes something. It knows no rule; its variables are a cache of the newest step.
 *
 * @source house rule 3.0
 */
export async function gate(input: GateInput): Promise<void> {
  const requestId = requestOf(input);
  let step: StepResult | null = isFresh() ? hintOf(input) : null;
  const show = createShow(input.step?.visible);
  let news = 0;
  let stale = false;

  const follow = (next: StepResult): StepResult => {
    if (step === null || next.seq >= step.seq) {
      step = next;
      show(next.visible);
    }
    news += 1;
    return next;
  };
  // One at a time. Answers of local activities that run side by side wake the loop below together or
  // one after the other, which a replay does in its own way: TMPRL1100, and the gate would be stuck.
  let turn: Promise<unknown> = Promise.resolve();
  const take = (ref: StepRef): Promise<StepResult> => {
    const mine = turn.then(async () => follow(await advance(ref)));
    turn = mine.catch(() => undefined); // whoever asked is told
    return mine;
  };
  const tick = (): Promise<StepResult> => take({ kind: 'tick', requestId });

  setHandler(submitCommand, ({ commandId }) => take({ kind: 'command', requestId, commandId }), {
    validator: assertWellFormed,
  });
  setHandler(look, () => {
    stale = true;
  });

  step ??= await tick();
  while (!step.finished) {
    const seen = news;
    const hasNews = (): boolean => news !== seen || stale;
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof gate>({ requestId, step: null });
    }
    const woken = await wait(hasNews, step.wakeInMs);
    if (woken && !stale) continue;
    stale = false;
    await tick();
  }
  await condition(allHandlersFinished);
}

/**
 * Anybody at Temporal's port can start a workflow: one that is not the one of its request ends at once.
 *
 * @throws ApplicationFailure NO_GATE
 */
function requestOf(input: GateInput): string {
  const requestId: unknown = input?.requestId;
  const isGate = typeof requestId === 'string' && workflowInfo().workflowId === gateIdOf(requestId);
  if (isGate && UUID.test(requestId)) return requestId;
  throw ApplicationFailure.nonRetryable('a gate is started for one request', 'NO_GATE');
}

/**
 * What the starter knew lets a fresh gate sleep without asking first. Whatever a step answers later is
 * newer, also where somebody else made it up.
 */
function hintOf({ step }: GateInput): StepResult | null {
  if (typeof step?.finished !== 'boolean') return null;
  if (step.wakeInMs !== null && typeof step.wakeInMs !== 'number') return null;
  return { ...step, seq: -1 };
}

/**
 * Keeps the search attributes true. A command of the task in which the step's answer arrived: it costs
 * no task of its own. What a history of before does not know of, its steps do not bring.
 */
function createShow(first: Visible | undefined): (visible: Visible | undefined) => void {
  let shown = first === undefined ? null : JSON.stringify(first);
  return (visible) => {
    if (visible === undefined || JSON.stringify(visible) === shown) return;
    shown = JSON.stringify(visible);
    upsertSearchAttributes(laterAttributes(visible));
  };
}

/** Not `runStartTime`: the SDK counts that from the first task (worker/src/worker.ts). */
function isFresh(): boolean {
  return Date.now() - workflowInfo().startTime.getTime() < FRESH_MS;
}

const sleepOf = (wakeInMs: number): number => Math.max(1, Math.min(wakeInMs, LONGEST_SLEEP_MS));

/** @returns false when the time came before the news. */
async function wait(hasNews: () => boolean, wakeInMs: number | null): Promise<boolean> {
  if (wakeInMs !== null) return condition(hasNews, sleepOf(wakeInMs));
  await condition(hasNews);
  return true;
}
