import { applyAmendment } from './amendment.ts';
import { refused, type Act, type Answered } from './answer.ts';
import type { Binding } from './binding.ts';
import { applyClaim, applyReassignment, applyRelease } from './claim.ts';
import type { Actor, Command, CommandOutcome } from './command.ts';
import { applyDecision } from './decision.ts';
import { applyDelegation } from './delegation.ts';
import { applyEscalation, escalateWhereStuck } from './escalation.ts';
import { isVisible, type AccountabilityEvent } from './event.ts';
import { applyAnswer, applyComment, applyQuestion } from './exchange.ts';
import type { Instant } from './instant.ts';
import { openSubmission, type Submission } from './opening.ts';
import { applyOverride, applyReview } from './override.ts';
import type { RequestState } from './request.ts';
import type { Candidate } from './reviewer.ts';
import type { Clock } from './stage.ts';
import { catchUp, nextInstant } from './timeline.ts';
import { applyWithdrawal } from './withdrawal.ts';

export type { Submission } from './opening.ts';

/** What one command or tick brought about. */
export interface Applied {
  readonly state: RequestState;
  /** null for a tick: nobody asked. */
  readonly outcome: CommandOutcome | null;
  /** In the order in which they are sealed; empty when nothing happened. */
  readonly events: readonly AccountabilityEvent[];
  /** When time alone changes something next; null = never. */
  readonly wakeAt: Instant | null;
}

/** Opens a request under the rule it was bound to. */
export function openRequest(submission: Submission, binding: Binding, clock: Clock): Applied {
  const { state, events } = openSubmission(submission, binding, clock);
  return { state, outcome: null, events, wakeAt: nextInstant(state) };
}

/** Who acts when; of a tick there is nobody. */
export interface Acting extends Clock {
  readonly actor: Actor | null;
  /** Names the act. */
  readonly id: string;
}

/**
 * The one way in which a request changes after it was opened: time first, then the command.
 *
 * @param command null = a tick: nothing but time.
 * @throws never.
 */
export function applyCommand(
  state: RequestState,
  command: Command | null,
  { actor, ...acting }: Acting,
): Applied {
  const timed = catchUp(state, acting);
  const answered =
    command === null || actor === null
      ? { state: timed.state, events: [], outcome: null }
      : dispatch(timed.state, command, { ...acting, actor });
  const events = [...timed.events, ...answered.events];
  return applied(state, { ...answered, events });
}

/**
 * Looks whether the stage that is open now can be approved by the people there are, and turns to others
 * where it cannot.
 *
 * @param people everybody who holds a role that the rule can turn to in this stage, or stands in for one.
 * @returns what was applied with what follows from it.
 */
export function andWhereStuck(
  before: RequestState,
  done: Applied,
  people: readonly Candidate[],
): Applied {
  const { state, events } = escalateWhereStuck(done.state, people);
  if (state === done.state) return done;
  return applied(before, { ...done, state, events: [...done.events, ...events] });
}

function applied(
  before: RequestState,
  { state, outcome, events }: Omit<Applied, 'wakeAt'>,
): Applied {
  const changed = events.some(isVisible);
  return {
    state: changed ? { ...state, revision: before.revision + 1 } : state,
    outcome,
    events,
    wakeAt: nextInstant(state),
  };
}

/** What each command does. The type makes it complete. */
const APPLY: {
  readonly [K in Command['kind']]: (
    state: RequestState,
    command: Extract<Command, { kind: K }>,
    act: Act,
  ) => Answered;
} = {
  view: viewed,
  decide: applyDecision,
  override: applyOverride,
  withdraw: (state, _command, act) => applyWithdrawal(state, act),
  ask: (state, _command, act) => applyQuestion(state, act),
  answer: applyAnswer,
  comment: applyComment,
  amend: applyAmendment,
  claim: (state, _command, act) => applyClaim(state, act),
  release: (state, _command, act) => applyRelease(state, act),
  delegate: applyDelegation,
  reassign: applyReassignment,
  escalate: applyEscalation,
  review: applyReview,
};

function dispatch(state: RequestState, command: Command, act: Act): Answered {
  // The table is indexed by the very type that each function takes; the compiler cannot follow that.
  const apply = APPLY[command.kind] as (
    state: RequestState,
    command: Command,
    act: Act,
  ) => Answered;
  return apply(state, command, act);
}

function viewed(
  state: RequestState,
  { amendments = state.amendments }: Extract<Command, { kind: 'view' }>,
  { actor }: Act,
): Answered {
  if (amendments !== state.amendments) return refused(state, 'view', 'STALE_DIGEST');
  return {
    state,
    events: [{ type: 'viewed', person: actor.id }],
    outcome: { kind: 'done' },
  };
}
