import {
  allHandlersFinished,
  condition,
  defineUpdate,
  proxyLocalActivities,
  setHandler,
} from '@temporalio/workflow';

const { act } = proxyLocalActivities<{ act(id: string): Promise<number> }>({
  startToCloseTimeout: '10s',
});

export const decide = defineUpdate<number, [string]>('decide');

/** The least that a gate can be in Temporal: waits for one Update, whose local activity does nothing. */
export async function bare(): Promise<void> {
  let decided = false;
  setHandler(decide, async (id) => {
    const seq = await act(id);
    decided = true;
    return seq;
  });
  await condition(() => decided && allHandlersFinished());
}
