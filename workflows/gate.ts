import {
  allHandlersFinished,
  condition,
  continueAsNew,
  proxyLocalActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { StepRef, StepResult } from '../domain/step-result.ts';
import type { Activities } from '../activities/index.ts';
import { submitCommand, type CommandRef, type GateInput } from './messages.ts';

const { advance } = proxyLocalActivities<Pick<Activities, 'advance'>>({
  startToCloseTimeout: '10s',
  retry: { initialInterval: '100ms', backoffCoefficient: 2, maximumInterval: '5s' },
});

/** An input that lay in a task queue for longer than this says nothing about when to wake. */
const FRESH_MS = 1_000;

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
  const { requestId } = input;
  let step: StepResult | null = isFresh() ? input.step : null;
  let news = 0;

  const follow = (next: StepResult): StepResult => {
    if (step === null || next.seq >= step.seq) step = next;
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

  step ??= await tick();
  while (!step.finished) {
    const seen = news;
    const hasNews = (): boolean => news !== seen;
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof gate>({ requestId, step: null });
    }
    const woken = await wait(hasNews, step.wakeInMs);
    if (!woken) await tick();
  }
  await condition(allHandlersFinished);
}

/** Not `runStartTime`: the SDK counts that from the first task (worker/src/worker.ts). */
function isFresh(): boolean {
  return Date.now() - workflowInfo().startTime.getTime() < FRESH_MS;
}

/** @returns false when the time came before the news. */
async function wait(hasNews: () => boolean, wakeInMs: number | null): Promise<boolean> {
  if (wakeInMs !== null) return condition(hasNews, wakeInMs);
  await condition(hasNews);
  return true;
}
