import { hasOpenQuestion } from './discussion.ts';
import type { AccountabilityEvent, OpeningCause } from './event.ts';
import type { Instant } from './instant.ts';
import type { Stage } from './policy.ts';
import type { Appointment, Decision, OpenStage, RequestState } from './request.ts';
import type { WorkingTime } from './working-time.ts';

/** A new state and what has to be sealed with it. */
export interface Step {
  readonly state: RequestState;
  readonly events: readonly AccountabilityEvent[];
}

/** When something happens, and how time counts. */
export interface Clock {
  readonly now: Instant;
  readonly time: WorkingTime;
}

/** @returns the stage as the rule wrote it. @throws TypeError when the rule has no such stage. */
export function stageAt(state: RequestState, index: number): Stage {
  const stage = state.policy.rule.stages[index];
  if (stage === undefined) throw new TypeError(`the rule has no stage ${index}`);
  return stage;
}

/** Decisions given in one stage, in the order in which they were recorded. */
export function decisionsOf(state: RequestState, index: number): readonly Decision[] {
  return state.decisions.filter((decision) => decision.stage === index);
}

/** Opens stage `index` now; its deadline, reminders and escalations count from here. */
export function openStage(
  state: RequestState,
  index: number,
  { now, time, cause = 'order' }: Clock & { readonly cause?: OpeningCause },
): Step {
  const stage = stageAt(state, index);
  const at = (after: string): Instant => time.add(stage.calendar, now, after);
  const deadline = earlier(
    stage.deadline === null ? null : at(stage.deadline),
    givenDeadline(state, index),
  );
  const opened: OpenStage = {
    index,
    openedAt: now,
    deadline,
    roles: stage.groups.map((group) => [group.role]),
    agenda: agendaOf(stage, at, deadline),
    // A question that is still open stops this clock too.
    pausedSince: hasOpenQuestion(state) ? now : null,
    pausedSeconds: 0,
    claims: [],
    barred: [],
    isStuck: false,
  };
  return {
    state: { ...state, stage: opened },
    events: [{ type: 'stage_opened', stage: index, deadline, cause }],
  };
}

/** @returns the deadline that the request itself gives a stage: no question moves it. */
export function givenDeadline({ policy }: RequestState, index: number): Instant | null {
  return policy.deadlines[index] ?? null;
}

export function earlier(a: Instant | null, b: Instant | null): Instant | null {
  if (a === null || b === null) return a ?? b;
  return a < b ? a : b;
}

/** What time will bring, earliest first; nothing at or after the deadline but the deadline itself. */
function agendaOf(
  stage: Stage,
  instantAfter: (after: string) => Instant,
  deadline: Instant | null,
): Appointment[] {
  const reminders = stage.reminders
    .map(instantAfter)
    .sort()
    .map((at, ordinal): Appointment => ({ kind: 'reminder', at, ordinal }));
  const escalations = stage.escalations.map(({ after }, index): Appointment => ({
    kind: 'escalation',
    at: instantAfter(after),
    index,
  }));
  const before = [...reminders, ...escalations]
    .filter(({ at }) => deadline === null || at < deadline)
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  return deadline === null ? before : [...before, { kind: 'deadline', at: deadline }];
}
