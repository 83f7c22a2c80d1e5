import { assertNever } from './assert-never.ts';
import type { AccountabilityEvent } from './event.ts';
import type { Instant } from './instant.ts';
import type { Appointment, OpenStage, RequestState } from './request.ts';
import { resolve } from './resolution.ts';
import { openStage, stageAt, type Step } from './stage.ts';

/** @returns the next instant at which time alone changes something; null = never. */
export function nextInstant(state: RequestState): Instant | null {
  return state.stage?.agenda[0]?.at ?? null;
}

/**
 * Lets time pass up to `now`: reminders, escalations and deadlines that are due, each once, in order.
 * Runs before every command too, so that a decision after the deadline meets an expired request even
 * when the clock of the workflow was late.
 */
export function catchUp(state: RequestState, now: Instant): Step {
  let current = state;
  const events: AccountabilityEvent[] = [];
  for (let due = dueNow(current, now); due !== null; due = dueNow(current, now)) {
    const step = keep(due.stage, due.appointment, { state: current, now });
    events.push(...step.events);
    current = step.state;
  }
  return { state: current, events };
}

interface Due {
  readonly stage: OpenStage;
  readonly appointment: Appointment;
}

function dueNow({ stage }: RequestState, now: Instant): Due | null {
  const appointment = stage?.agenda[0];
  if (!stage || appointment === undefined || appointment.at > now) return null;
  return { stage, appointment };
}

function keep(
  stage: OpenStage,
  appointment: Appointment,
  { state, now }: { readonly state: RequestState; readonly now: Instant },
): Step {
  const passed: OpenStage = { ...stage, agenda: stage.agenda.slice(1) };
  const next = { ...state, stage: passed };
  switch (appointment.kind) {
    case 'reminder':
      return {
        state: next,
        events: [{ type: 'reminded', stage: stage.index, ordinal: appointment.ordinal }],
      };
    case 'escalation':
      return escalate(next, passed, appointment.index);
    case 'deadline':
      return timeOut(next, passed, now);
    default:
      return assertNever(appointment);
  }
}

function escalate(state: RequestState, stage: OpenStage, index: number): Step {
  const escalation = stageAt(state, stage.index).escalations[index];
  if (escalation === undefined) throw new TypeError(`the stage has no escalation ${index}`);
  const { to, mode } = escalation;
  const roles = stage.roles.map((group) =>
    mode === 'replace' ? [to] : [...new Set([...group, to])],
  );
  return {
    state: { ...state, stage: { ...stage, roles } },
    events: [{ type: 'escalated', stage: stage.index, index }],
  };
}

function timeOut(state: RequestState, stage: OpenStage, now: Instant): Step {
  const followed = afterTimeOut(state, stage, now);
  return {
    state: followed.state,
    events: [{ type: 'expired', stage: stage.index }, ...followed.events],
  };
}

function afterTimeOut(state: RequestState, stage: OpenStage, now: Instant): Step {
  const { onTimeout } = stageAt(state, stage.index);
  const bySilence = onTimeout === 'approve' && state.tier !== 'high';
  const isLast = stage.index + 1 === state.policy.rule.stages.length;
  // Silence passes its own stage only: whoever comes after is still asked.
  if (onTimeout === 'next-stage' || (bySilence && !isLast))
    return openStage(state, stage.index + 1, now);
  return bySilence
    ? resolve(state, { kind: 'approved', cause: 'policy', by: [] }, now)
    : resolve(state, { kind: 'expired', cause: 'deadline', by: [] }, now);
}
