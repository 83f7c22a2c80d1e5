import type { Instant } from './instant.ts';
import type { RequestState } from './request.ts';

interface Said {
  readonly id: string;
  readonly by: { readonly type: 'app' | 'person'; readonly id: string };
  readonly at: Instant;
}

/** Something that was said about a request. Its words lie encrypted beside the records. */
export type Entry =
  | (Said & {
      readonly kind: 'question';
      /** Until then it stops the clock; it stays on record, and may still be answered. */
      readonly due: Instant;
      /** When it stopped holding the clock: answered, or overdue; null = it is open. */
      readonly closedAt: Instant | null;
    })
  | (Said & { readonly kind: 'answer'; readonly question: string })
  | (Said & { readonly kind: 'comment' });

export type Question = Extract<Entry, { kind: 'question' }>;

/** A request is no chat: beyond this many entries nothing more is taken. */
export const MOST_ENTRIES = 200;

/** For how long a question stops the clock at most: what waits must not wait for ever (docs/adr/0012). */
export const QUESTION_DUE = 'P30D';

export function questionsOf({ discussion }: RequestState): readonly Question[] {
  return discussion.filter((entry): entry is Question => entry.kind === 'question');
}

/** @returns questions that stop the clock, the one that is due first in front. */
export function openQuestions(state: RequestState): readonly Question[] {
  return questionsOf(state)
    .filter(({ closedAt }) => closedAt === null)
    .sort((a, b) => (a.due < b.due ? -1 : 1));
}

export function hasOpenQuestion(state: RequestState): boolean {
  return questionsOf(state).some(({ closedAt }) => closedAt === null);
}

/** @returns the discussion with a question closed at `now`. */
export function withClosed(
  { discussion }: RequestState,
  question: string,
  now: Instant,
): readonly Entry[] {
  return discussion.map((entry) =>
    entry.kind === 'question' && entry.id === question ? { ...entry, closedAt: now } : entry,
  );
}
