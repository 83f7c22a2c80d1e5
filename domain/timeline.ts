import { assertNever } from './assert-never.ts';
import { openQuestions, withClosed } from './discussion.ts';
import { escalateTo } from './escalation.ts';
import type { AccountabilityEvent } from './event.ts';
import { later, millisBetween, type Instant } from './instant.ts';
import type { Appointment, OpenStage, RequestState } from './request.ts';
import { resolve } from './resolution.ts';
import { earlier, givenDeadline, openStage, stageAt, type Clock, type Step } from './stage.ts';

/** Something that time has brought about, or will. */
type Due =
  | { readonly kind: 'question'; readonly at: Instant; readonly question: string }
  | { readonly kind: 'claim'; readonly at: Instant; readonly person: string }
  | { readonly kind: 'agenda'; readonly at: Instant; readonly appointment: Appointment }
  /** A deadline that the request itself gives, which no question moves. */
  | { readonly kind: 'given'; readonly at: Instant }
  | { readonly kind: 'debt'; readonly at: Instant };

/** @returns the next instant at which time alone changes something; null = never. */
export function nextInstant(state: RequestState): Instant | null {
  return nextDue(state)?.at ?? null;
}

/**
 * Lets time pass up to `now`: reminders, escalations, deadlines, claims and questions that are due, each
 * once, in order. Runs before every command too, so that a decision after the deadline meets an expired
 * request even when the clock of the workflow was late.
 */
export function catchUp(state: RequestState, clock: Clock): Step {
  let current = state;
  const events: AccountabilityEvent[] = [];
  for (let due = nextDue(current); due !== null && due.at <= clock.now; due = nextDue(current)) {
    const step = keep(current, due, clock);
    events.push(...step.events);
    current = step.state;
  }
  return { state: current, events };
}

/** @returns the earliest; among those of one instant, what stops or frees people before what ends. */
function nextDue(state: RequestState): Due | null {
  const { stage, debt } = state;
  if (stage === null)
    return debt?.status === 'open' && state.resolution !== null
      ? { kind: 'debt', at: debt.due }
      : null;
  const all = [...questionDue(state), ...claimDue(stage), ...clockDue(state, stage)];
  return all.reduce<Due | null>((first, due) => (first && first.at <= due.at ? first : due), null);
}

function questionDue(state: RequestState): Due[] {
  const [question] = openQuestions(state);
  return question === undefined
    ? []
    : [{ kind: 'question', at: question.due, question: question.id }];
}

function claimDue({ claims }: OpenStage): Due[] {
  return claims.map(({ person, until }) => ({ kind: 'claim', at: until, person }));
}

function clockDue(state: RequestState, stage: OpenStage): Due[] {
  if (stage.pausedSince !== null) {
    const given = givenDeadline(state, stage.index);
    return given === null ? [] : [{ kind: 'given', at: given }];
  }
  const [appointment] = stage.agenda;
  return appointment === undefined ? [] : [{ kind: 'agenda', at: appointment.at, appointment }];
}

function keep(state: RequestState, due: Due, clock: Clock): Step {
  switch (due.kind) {
    case 'question':
      return lapse(state, due, clock);
    case 'claim':
      return endClaim(state, due.person, 'lapsed');
    case 'agenda':
      return keepAppointment(state, due.appointment, clock);
    case 'given':
      return timeOut(state, openStageOf(state), clock);
    case 'debt':
      return overdue(state);
    default:
      return assertNever(due);
  }
}

function openStageOf({ stage }: RequestState): OpenStage {
  if (stage === null) throw new TypeError('no stage is open');
  return stage;
}

function keepAppointment(state: RequestState, appointment: Appointment, clock: Clock): Step {
  const stage = openStageOf(state);
  const passed: OpenStage = { ...stage, agenda: stage.agenda.slice(1) };
  const next = { ...state, stage: passed };
  switch (appointment.kind) {
    case 'reminder': {
      const { ordinal } = appointment;
      return { state: next, events: [{ type: 'reminded', stage: stage.index, ordinal }] };
    }
    case 'escalation':
      return escalateTo(next, passed, { index: appointment.index, cause: 'time', person: null });
    case 'deadline':
      return timeOut(next, passed, clock);
    default:
      return assertNever(appointment);
  }
}

/** Ends a claim before its time or at it. Changes nothing where there is none. */
export function endClaim(state: RequestState, person: string, change: 'released' | 'lapsed'): Step {
  const stage = openStageOf(state);
  const claims = stage.claims.filter((claim) => claim.person !== person);
  if (claims.length === stage.claims.length) return { state, events: [] };
  return {
    state: { ...state, stage: { ...stage, claims } },
    events: [{ type: 'claimed', change, stage: stage.index, person, until: null }],
  };
}

/** A question that nobody answered stops the clock no longer. */
function lapse(
  state: RequestState,
  { question, at }: { readonly question: string; readonly at: Instant },
  clock: Clock,
): Step {
  const ordinal = state.discussion.filter(({ kind }) => kind === 'question').length;
  const closed = { ...state, discussion: withClosed(state, question, at) };
  return {
    state: resumeClock(closed, { ...clock, now: at }),
    events: [{ type: 'question_lapsed', question, ordinal }],
  };
}

/** Lets the clock of the open stage run again, if no question is open: what lay ahead lies as far ahead. */
export function resumeClock(state: RequestState, { now, time }: Clock): RequestState {
  const { stage } = state;
  if (stage === null || stage.pausedSince === null || openQuestions(state).length > 0) return state;
  const { pausedSince } = stage;
  const { calendar } = stageAt(state, stage.index);
  // A question can have been overdue already when this stage opened: it has cost the stage no time.
  const resumed = later(now, pausedSince);
  const moved = stage.agenda.map((one) => ({
    ...one,
    at: time.addMillis(calendar, resumed, time.between(calendar, pausedSince, one.at)),
  }));
  const due = moved.find(({ kind }) => kind === 'deadline')?.at ?? null;
  const deadline = earlier(due, givenDeadline(state, stage.index));
  const stood = Math.floor(millisBetween(pausedSince, resumed) / 1_000);
  return {
    ...state,
    stage: {
      ...stage,
      deadline,
      agenda: until(moved, deadline),
      pausedSince: null,
      pausedSeconds: stage.pausedSeconds + stood,
    },
  };
}

/** Nothing at or after the deadline but the deadline itself. */
function until(agenda: readonly Appointment[], deadline: Instant | null): readonly Appointment[] {
  if (deadline === null) return agenda;
  const before = agenda.filter(({ kind, at }) => kind !== 'deadline' && at < deadline);
  return [...before, { kind: 'deadline', at: deadline }];
}

/** The right to override is gone until somebody has reviewed what was done. */
function overdue(state: RequestState): Step {
  if (state.debt === null) return { state, events: [] };
  const debt = { ...state.debt, status: 'overdue' } as const;
  return { state: { ...state, debt }, events: [{ type: 'review_debt', change: 'overdue', debt }] };
}

function timeOut(state: RequestState, stage: OpenStage, clock: Clock): Step {
  const { pausedSince, index } = stage;
  const standing = pausedSince === null ? 0 : millisBetween(pausedSince, clock.now) / 1_000;
  const pausedSeconds = stage.pausedSeconds + Math.max(0, Math.floor(standing));
  const followed = afterTimeOut(state, stage, clock);
  return {
    state: followed.state,
    events: [{ type: 'expired', stage: index, pausedSeconds }, ...followed.events],
  };
}

function afterTimeOut(state: RequestState, stage: OpenStage, clock: Clock): Step {
  const { onTimeout } = stageAt(state, stage.index);
  const bySilence = onTimeout === 'approve' && state.tier !== 'high';
  const isLast = stage.index + 1 === state.policy.rule.stages.length;
  // Silence passes its own stage only: whoever comes after is still asked.
  if (onTimeout === 'next-stage' || (bySilence && !isLast))
    return openStage(state, stage.index + 1, clock);
  return bySilence
    ? resolve(state, { kind: 'approved', cause: 'policy', by: [] }, clock.now)
    : resolve(state, { kind: 'expired', cause: 'deadline', by: [] }, clock.now);
}
