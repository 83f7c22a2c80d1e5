import { refused, type Act, type Answered } from './answer.ts';
import type { Actor, Command } from './command.ts';
import { isParty } from './eligibility.ts';
import type { AccountabilityEvent } from './event.ts';
import { addDuration } from './instant.ts';
import type { OverrideEffect, OverrideRight } from './policy.ts';
import type { RefusalReason } from './refusal.ts';
import { statusOf, type RequestState, type RequestStatus, type Resolution } from './request.ts';
import { resolve } from './resolution.ts';
import type { Candidate } from './reviewer.ts';
import type { ReviewDebt } from './review-debt.ts';

type Override = Extract<Command, { kind: 'override' }>;

/** On which states an override has an effect (product contract 3.2). */
const HAS_EFFECT_ON: Readonly<Record<OverrideEffect, readonly RequestStatus[]>> = {
  stop: ['held', 'pending'],
  reverse: ['approved'],
  force: ['held', 'pending', 'rejected', 'expired'],
};

/**
 * A named authority stops, reverses or forces, with a reason. It adds to the chain and erases nothing:
 * the decisions before stay where they are. Where the rule asks for a second person, the first act is
 * refused with SECOND_PERSON_REQUIRED and kept; the same effect by another holder of the right then takes
 * effect. Who breaks the glass acts at once and owes a review.
 *
 * @returns refused with OWN_REQUEST, OVERRIDE_NOT_ALLOWED, REVIEW_DEBT, ASSURANCE_TOO_LOW, REASON_TOO_SHORT
 *          or SECOND_PERSON_REQUIRED, or settled.
 * @throws never.
 * @source product contract 3.2 and 4; docs/adr/0012-engine.md
 */
export function applyOverride(state: RequestState, command: Override, act: Act): Answered {
  const right = overrideRight(state);
  const reason = overrideRefusal(state, command, act.actor);
  if (right === null || reason !== null)
    return refused(state, 'override', reason ?? 'OVERRIDE_NOT_ALLOWED');
  const { effect, breakGlass } = command;
  const second = proposerOf(state, command, act);
  const needsSecond = right.secondPerson.includes(effect) && !breakGlass;
  if (needsSecond && second === null) return propose(state, command, act);
  return takeEffect(state, command, {
    act,
    second: needsSecond ? second : null,
    debt: breakGlass ? debtOf(right, act) : null,
  });
}

/** A proposal that nobody has taken up for so long is over: who made it may have lost the right since. */
const PROPOSAL_LASTS = 'P1D';

/** Holds the right that no rule needs to give. */
export const LAST_RESORT_ROLE = 'override-authority';

/** Who may end what waits for nobody: it lets nothing proceed. */
const LAST_RESORT: OverrideRight = {
  role: LAST_RESORT_ROLE,
  minReason: 20,
  effects: ['stop'],
  assurance: 0,
  secondPerson: [],
  breakGlass: null,
};

/**
 * The right that the rule gives. Where it gives none, a request that is held, or that nobody can approve any
 * more, can still be stopped: no state is without a way out.
 */
function overrideRight(state: RequestState): OverrideRight | null {
  const { override } = state.policy.rule;
  const waitsForNobody = statusOf(state) === 'held' || state.stage?.isStuck === true;
  return override ?? (waitsForNobody ? LAST_RESORT : null);
}

/** Somebody else who wanted the same effect, not long before. */
function proposerOf(
  { proposals }: RequestState,
  { effect, lapsed }: Override,
  { actor, now }: Act,
): string | null {
  const found = proposals.find(
    (one) =>
      one.effect === effect &&
      one.person !== actor.id &&
      !lapsed.includes(one.person) &&
      now < addDuration(one.at, PROPOSAL_LASTS),
  );
  return found?.person ?? null;
}

function propose(state: RequestState, { effect }: Override, { actor, now }: Act): Answered {
  const answered = refused(state, 'override', 'SECOND_PERSON_REQUIRED');
  const others = state.proposals.filter((one) => one.effect !== effect || one.person !== actor.id);
  const proposals = [...others, { person: actor.id, effect, at: now }];
  return { ...answered, state: { ...state, proposals } };
}

function debtOf({ breakGlass }: OverrideRight, { id, actor, now }: Act): ReviewDebt | null {
  if (breakGlass === null) return null;
  const { role } = breakGlass;
  const due = addDuration(now, breakGlass.due);
  const open = { status: 'open', reviewedBy: null, verdict: null } as const;
  return { id, person: actor.id, role, due, ...open };
}

function takeEffect(
  state: RequestState,
  { effect, breakGlass }: Override,
  {
    act: { actor, now },
    second,
    debt,
  }: { readonly act: Act; readonly second: string | null; readonly debt: ReviewDebt | null },
): Answered {
  const by = second === null ? [actor.id] : [second, actor.id];
  const ending = { kind: 'overridden', cause: 'override', by, effect } as const;
  const step = resolve({ ...state, debt: debt ?? state.debt }, ending, now);
  const before = statusOf(state);
  const events: AccountabilityEvent[] = [
    { type: 'overridden', effect, before, person: actor.id, second, breakGlass },
    ...step.events,
    ...(debt === null ? [] : [{ type: 'review_debt', change: 'opened', debt } as const]),
  ];
  const resolution = step.state.resolution as Resolution;
  return { state: step.state, events, outcome: { kind: 'settled', resolution } };
}

/**
 * @returns whether somebody holds the right over this request, as the directory has them now: what was
 *          proposed by who has lost it since counts no more.
 */
export function holdsOverride(
  state: RequestState,
  person: Candidate,
  { owesReview }: Pick<Actor, 'owesReview'>,
): boolean {
  const override = overrideRight(state);
  return (
    override !== null &&
    person.roles.includes(override.role) &&
    !person.absent &&
    !owesReview &&
    !isParty(state, person)
  );
}

function overrideRefusal(
  state: RequestState,
  command: Override,
  actor: Actor,
): RefusalReason | null {
  const right = overrideRight(state);
  if (isParty(state, actor)) return 'OWN_REQUEST';
  if (right === null || !isAllowed(state, command, { actor, right })) return 'OVERRIDE_NOT_ALLOWED';
  if (actor.owesReview) return 'REVIEW_DEBT';
  if (actor.assurance < right.assurance) return 'ASSURANCE_TOO_LOW';
  return command.reasonLength < right.minReason ? 'REASON_TOO_SHORT' : null;
}

function isAllowed(
  state: RequestState,
  { effect, breakGlass }: Override,
  { actor, right }: { readonly actor: Actor; readonly right: OverrideRight },
): boolean {
  return (
    actor.type === 'person' &&
    actor.roles.includes(right.role) &&
    !actor.absent &&
    right.effects.includes(effect) &&
    (!breakGlass || right.breakGlass !== null) &&
    HAS_EFFECT_ON[effect].includes(statusOf(state))
  );
}

/**
 * Somebody else looks at a broken glass and says whether it was justified: that pays the debt, late or not.
 *
 * @returns refused with STAGE_CLOSED (nothing is owed), OWN_REQUEST (a party, or who owes it, or their delegate), NOT_ELIGIBLE
 *          (not of the role that reviews) or REASON_TOO_SHORT; else done.
 */
export function applyReview(
  state: RequestState,
  { verdict, reasonLength }: Extract<Command, { kind: 'review' }>,
  { actor }: Act,
): Answered {
  const { debt } = state;
  const no = (reason: RefusalReason): Answered => refused(state, 'review', reason);
  if (debt === null || debt.status === 'settled') return no('STAGE_CLOSED');
  const voices = [actor.id, ...actor.standsFor.map(({ principal }) => principal.id)];
  if (isParty(state, actor) || voices.includes(debt.person)) return no('OWN_REQUEST');
  const isAsked = actor.type === 'person' && actor.roles.includes(debt.role) && !actor.absent;
  if (!isAsked) return no('NOT_ELIGIBLE');
  if (reasonLength < 1) return no('REASON_TOO_SHORT');
  const settled: ReviewDebt = { ...debt, status: 'settled', reviewedBy: actor.id, verdict };
  return {
    state: { ...state, debt: settled },
    events: [{ type: 'review_debt', change: 'settled', debt: settled }],
    outcome: { kind: 'done' },
  };
}
