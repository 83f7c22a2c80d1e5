import { ended, refused, type Act, type Answered } from './answer.ts';
import type { Command } from './command.ts';
import { eligibility, isParty, isVoiceOf } from './eligibility.ts';
import { isLead } from './escalation.ts';
import type { AccountabilityEvent } from './event.ts';
import { addDuration } from './instant.ts';
import type { RefusalReason } from './refusal.ts';
import type { Claim, OpenStage, RequestState } from './request.ts';
import { decisionsOf } from './stage.ts';
import { endClaim } from './timeline.ts';

/** A claim ends by itself, so that nothing waits for somebody who went home. */
export const CLAIM_LASTS = 'PT4H';

/**
 * Somebody who may decide says that they are at it. A claim tells the others; it takes nobody's right.
 * Claiming again makes it last anew.
 *
 * @returns refused with EXPIRED, RESOLVED, STAGE_CLOSED or why the person may not decide; else done.
 */
export function applyClaim(state: RequestState, act: Act): Answered {
  const { stage } = state;
  const reason = ended(state) ?? (stage === null ? 'STAGE_CLOSED' : mayDecide(state, stage, act));
  if (stage === null || reason !== null) return refused(state, 'claim', reason ?? 'STAGE_CLOSED');
  const person = act.actor.id;
  const until = addDuration(act.now, CLAIM_LASTS);
  const event = { type: 'claimed', change: 'claimed', stage: stage.index, person, until } as const;
  return {
    state: withClaim(state, stage, { person, until }),
    events: [event],
    outcome: { kind: 'done' },
  };
}

function mayDecide(state: RequestState, stage: OpenStage, { actor }: Act): RefusalReason | null {
  const may = eligibility(state, stage, actor);
  return may.kind === 'eligible' ? null : may.reason;
}

function withClaim(state: RequestState, stage: OpenStage, claim: Claim): RequestState {
  const others = stage.claims.filter(({ person }) => person !== claim.person);
  return { ...state, stage: { ...stage, claims: [...others, claim] } };
}

/** Ends one's own claim. @returns refused with EXPIRED, RESOLVED or STAGE_CLOSED (there is none); else done. */
export function applyRelease(state: RequestState, { actor }: Act): Answered {
  const over = ended(state);
  if (over !== null) return refused(state, 'release', over);
  if (state.stage === null) return refused(state, 'release', 'STAGE_CLOSED');
  const step = endClaim(state, actor.id, 'released');
  if (step.events.length === 0) return refused(state, 'release', 'STAGE_CLOSED');
  return { ...step, outcome: { kind: 'done' } };
}

/** A reason that nobody can see is none. */
const LEAST_REASON = 1;

/**
 * A lead takes the open stage away from one person and gives it to another, who must be one that may decide
 * it anyway: nobody gains a right. Who had it cannot decide the stage any more, whatever they still show.
 *
 * @returns refused with EXPIRED, RESOLVED, STAGE_CLOSED, OWN_REQUEST (the lead is a party), NOT_ELIGIBLE (is
 *          no lead, or the receiver may not decide), ALREADY_DECIDED (the one it is taken from has decided,
 *          or somebody in their name) or REASON_TOO_SHORT; else done.
 */
export function applyReassignment(
  state: RequestState,
  command: Extract<Command, { kind: 'reassign' }>,
  act: Act,
): Answered {
  const { stage } = state;
  const reason =
    ended(state) ?? (stage === null ? 'STAGE_CLOSED' : mayReassign(state, stage, { command, act }));
  if (stage === null || reason !== null)
    return refused(state, 'reassign', reason ?? 'STAGE_CLOSED');
  const { from, to } = command;
  const until = addDuration(act.now, CLAIM_LASTS);
  const claims = stage.claims.filter(({ person }) => person !== from && person !== to);
  const events: AccountabilityEvent[] = [
    { type: 'reassigned', stage: stage.index, from, to },
    { type: 'claimed', change: 'claimed', stage: stage.index, person: to, until },
  ];
  const next: OpenStage = {
    ...stage,
    barred: [...new Set([...stage.barred, from])],
    claims: [...claims, { person: to, until }],
  };
  return { state: { ...state, stage: next }, events, outcome: { kind: 'done' } };
}

function mayReassign(
  state: RequestState,
  stage: OpenStage,
  { command, act }: { readonly command: Extract<Command, { kind: 'reassign' }>; readonly act: Act },
): RefusalReason | null {
  const { from, to, receiver } = command;
  if (isParty(state, act.actor)) return 'OWN_REQUEST';
  if (!isLead(state, stage, act.actor)) return 'NOT_ELIGIBLE';
  if (decisionsOf(state, stage.index).some((decision) => isVoiceOf(decision, from)))
    return 'ALREADY_DECIDED';
  const canTake = from !== to && eligibility(state, stage, receiver).kind === 'eligible';
  if (!canTake) return 'NOT_ELIGIBLE';
  return command.reasonLength < LEAST_REASON ? 'REASON_TOO_SHORT' : null;
}
