import { millisBetween, type Instant } from '../domain/instant.ts';
import type { RequestState } from '../domain/request.ts';
import type { StepResult } from '../domain/step-result.ts';
import { nextInstant } from '../domain/timeline.ts';
import type { RequestRow } from '../prisma/request-store.ts';
import { visibleOf } from './visible.ts';

/** @returns what the workflow needs to know of a request as it is. */
export function resultOf(
  row: Pick<RequestRow, 'head' | 'state' | 'wakeAt'>,
  now: Instant,
): StepResult {
  return {
    seq: row.head.seq,
    wakeInMs: row.wakeAt === null ? null : Math.max(1, millisBetween(now, row.wakeAt)),
    finished: isFinished(row.state),
    visible: visibleOf(row.state),
  };
}

/** Nothing more happens by itself: it has ended, and no review is owed whose time still runs. */
export function isFinished(state: RequestState): boolean {
  return state.resolution !== null && nextInstant(state) === null;
}
