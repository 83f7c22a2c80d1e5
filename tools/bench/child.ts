/** The side of a program that the bench starts: says that it is ready, answers what it is asked, ends. */

export type FromChild =
  | { readonly type: 'ready'; readonly address?: string }
  | { readonly type: 'result'; readonly result: unknown }
  | { readonly type: 'failed'; readonly message: string };

export function tellReady(address?: string): void {
  process.send?.({ type: 'ready', ...(address === undefined ? {} : { address }) });
}

/** Resolves when the bench asks to stop or is gone. Ctrl-C is its business, not ours. */
export function stopAsked(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('disconnect', () => resolve());
  });
}

/** Answers one question at a time until the bench asks to stop. */
export async function answerQuestions<Q>(answer: (question: Q) => Promise<unknown>): Promise<void> {
  process.on('message', (question) => {
    answer(question as Q).then(
      (result) => process.send?.({ type: 'result', result }),
      (error: unknown) =>
        process.send?.({
          type: 'failed',
          message: error instanceof Error ? (error.stack ?? error.message) : String(error),
        }),
    );
  });
  tellReady();
  await stopAsked();
}
