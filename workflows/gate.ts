import {
  allHandlersFinished,
  condition,
  continueAsNew,
  proxyLocalActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { StepResult } from '../domain/step-result.ts';
import type { Activities } from '../activities/index.ts';
import { submitCommand, type CommandRef, type GateInput } from './messages.ts';

const { advance } = proxyLocalActivities<Pick<Activities, 'advance'>>({
  startToCloseTimeout: '10s',
  retry: { initialInterval: '100ms', backoffCoefficient: 2, maximumInterval: '5s' },
});

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Refuses only what is malformed. It must stay synchronous: the SDK drops the promise of an async
 * validator and lets the Update pass (sdk-typescript 1542).
 */
function assertWellFormed(ref: CommandRef): void {
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
  let step: StepResult | null = input.step;
  let news = 0;

  const follow = (next: StepResult): StepResult => {
    if (step === null || next.seq >= step.seq) step = next;
    news += 1;
    return next;
  };
  const tick = async (): Promise<StepResult> => follow(await advance({ kind: 'tick', requestId }));

  setHandler(
    submitCommand,
    async ({ commandId }) => follow(await advance({ kind: 'command', requestId, commandId })),
    { validator: assertWellFormed },
  );

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

/** @returns false when the time came before the news. */
async function wait(hasNews: () => boolean, wakeInMs: number | null): Promise<boolean> {
  if (wakeInMs !== null) return condition(hasNews, wakeInMs);
  await condition(hasNews);
  return true;
}
