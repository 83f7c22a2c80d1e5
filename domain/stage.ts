import type { AccountabilityEvent } from './event.ts';
import { addDuration, type Instant } from './instant.ts';
import type { Stage } from './policy.ts';
import type { Appointment, Decision, OpenStage, RequestState } from './request.ts';

/** A new state and what has to be sealed with it. */
export interface Step {
  readonly state: RequestState;
  readonly events: readonly AccountabilityEvent[];
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

/** Opens stage `index` at `now`; its deadline, reminders and escalations count from here. */
export function openStage(state: RequestState, index: number, now: Instant): Step {
  const stage = stageAt(state, index);
  const deadline = stage.deadline === null ? null : addDuration(now, stage.deadline);
  const opened: OpenStage = {
    index,
    openedAt: now,
    deadline,
    roles: stage.groups.map((group) => [group.role]),
    agenda: agendaOf(stage, now, deadline),
  };
  return {
    state: { ...state, stage: opened },
    events: [{ type: 'stage_opened', stage: index, deadline }],
  };
}

/** What time will bring, earliest first; nothing at or after the deadline but the deadline itself. */
function agendaOf(stage: Stage, now: Instant, deadline: Instant | null): Appointment[] {
  const reminders = stage.reminders
    .map((after) => addDuration(now, after))
    .sort()
    .map((at, ordinal): Appointment => ({ kind: 'reminder', at, ordinal }));
  const escalations = stage.escalations.map(({ after }, index): Appointment => ({
    kind: 'escalation',
    at: addDuration(now, after),
    index,
  }));
  const before = [...reminders, ...escalations]
    .filter(({ at }) => deadline === null || at < deadline)
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  return deadline === null ? before : [...before, { kind: 'deadline', at: deadline }];
}
