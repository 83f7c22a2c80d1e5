import { expect } from 'vitest';
import type { CommandOutcome } from '../../domain/command.ts';
import type { AccountabilityEvent, CommandKind } from '../../domain/event.ts';
import type { RefusalReason } from '../../domain/refusal.ts';
import type { RequestState } from '../../domain/request.ts';

interface Answered {
  readonly state: RequestState;
  readonly outcome: CommandOutcome | null;
  readonly events: readonly AccountabilityEvent[];
}

interface Refusal {
  readonly command: CommandKind;
  readonly reason: RefusalReason;
  readonly contentDigest?: string;
}

/** The three halves of a refusal: the answer gives the reason, nothing has changed, and one event is there to seal. */
export function expectRefused(
  answered: Answered,
  before: RequestState,
  { command, reason, contentDigest }: Refusal,
): void {
  expect(answered.outcome).toEqual({ kind: 'refused', reason });
  expect(answered.state).toBe(before);
  expect(answered.events).toEqual([
    { type: 'refused', command, reason, contentDigest: contentDigest ?? null },
  ]);
}
