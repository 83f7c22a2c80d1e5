import type { Actor, CommandOutcome } from './command.ts';
import type { CommandKind } from './event.ts';
import type { RefusalReason } from './refusal.ts';
import type { RequestState } from './request.ts';
import type { Clock, Step } from './stage.ts';

/** A step with the answer for the one who asked. */
export interface Answered extends Step {
  readonly outcome: CommandOutcome;
}

/** One act of somebody. */
export interface Act extends Clock {
  /** Names the act; what it makes (a question, a delegation) has the same id. */
  readonly id: string;
  readonly actor: Actor;
}

/** The state stays as it was; that somebody tried is sealed. */
export function refused(
  state: RequestState,
  command: CommandKind,
  reason: RefusalReason,
): Answered {
  return {
    state,
    events: [{ type: 'refused', command, reason, contentDigest: null }],
    outcome: { kind: 'refused', reason },
  };
}

/** @returns why nothing can be done any more on a request that has ended; null = it goes on. */
export function ended({ resolution }: RequestState): RefusalReason | null {
  if (resolution === null) return null;
  return resolution.kind === 'expired' ? 'EXPIRED' : 'RESOLVED';
}
