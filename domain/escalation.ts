import type { Actor, Command } from './command.ts';
import { refused, type Act, type Answered } from './answer.ts';
import { eligibility } from './eligibility.ts';
import type { AccountabilityEvent, EscalationCause } from './event.ts';
import { isEnough, voicesOf } from './outlook.ts';
import { LAST_RESORT_ROLE } from './override.ts';
import type { RefusalReason } from './refusal.ts';
import type { OpenStage, RequestState } from './request.ts';
import type { Candidate } from './reviewer.ts';
import { decisionsOf, stageAt, type Step } from './stage.ts';

type Escalate = Extract<Command, { kind: 'escalate' }>;

/** Turns to the people of one of the rule's escalations, in addition or instead. */
export function escalateTo(
  state: RequestState,
  stage: OpenStage,
  {
    index,
    cause,
    person,
  }: {
    readonly index: number;
    readonly cause: EscalationCause;
    readonly person: string | null;
  },
): Step {
  const escalation = stageAt(state, stage.index).escalations[index];
  if (escalation === undefined) throw new TypeError(`the stage has no escalation ${index}`);
  const { to, mode } = escalation;
  const roles = stage.roles.map((group) =>
    mode === 'replace' ? [to] : [...new Set([...group, to])],
  );
  const agenda = stage.agenda.filter((one) => one.kind !== 'escalation' || one.index !== index);
  return {
    state: { ...state, stage: { ...stage, roles, agenda } },
    events: [{ type: 'escalated', stage: stage.index, cause, index, to, mode, person }],
  };
}

/** @returns indices of the escalations that time has not brought yet, in the order of time. */
function escalationsAhead({ agenda }: OpenStage): readonly number[] {
  return agenda.flatMap((one) => (one.kind === 'escalation' ? [one.index] : []));
}

/**
 * Somebody who may decide, or the authority over the rule, brings an escalation forward.
 *
 * @returns refused with EXPIRED, RESOLVED, STAGE_CLOSED, OWN_REQUEST or NOT_ELIGIBLE (also where the rule
 *          has no such escalation left: nobody can turn to people whom the rule does not name) or
 *          REASON_TOO_SHORT; else done.
 */
export function applyEscalation(state: RequestState, command: Escalate, act: Act): Answered {
  const { stage, resolution } = state;
  const no = (reason: RefusalReason): Answered => refused(state, 'escalate', reason);
  if (resolution !== null) return no(resolution.kind === 'expired' ? 'EXPIRED' : 'RESOLVED');
  if (stage === null) return no('STAGE_CLOSED');
  const reason = mayLead(state, stage, act.actor);
  if (reason !== null) return no(reason);
  const rule = stageAt(state, stage.index);
  const index = escalationsAhead(stage).find(
    (one) => command.to === null || rule.escalations[one]?.to === command.to,
  );
  if (index === undefined) return no('NOT_ELIGIBLE');
  if (command.reasonLength < 1) return no('REASON_TOO_SHORT');
  const how = { index, cause: 'person', person: act.actor.id } as const;
  return { ...escalateTo(state, stage, how), outcome: { kind: 'done' } };
}

/** Whoever may decide, who decided, or holds the rule's right to override; never a party. */
function mayLead(state: RequestState, stage: OpenStage, actor: Actor): RefusalReason | null {
  const may = eligibility(state, stage, actor);
  if (may.kind === 'eligible' || may.reason === 'ALREADY_DECIDED') return null;
  if (may.reason === 'OWN_REQUEST') return may.reason;
  return isLead(state, stage, actor) ? null : 'NOT_ELIGIBLE';
}

/** @returns whether somebody stands above those who decide: by an escalation or the right to override. */
export function isLead(state: RequestState, stage: OpenStage, actor: Actor): boolean {
  const { escalations } = stageAt(state, stage.index);
  const { override } = state.policy.rule;
  const roles = [...escalations.map(({ to }) => to), ...(override === null ? [] : [override.role])];
  return (
    actor.type === 'person' && !actor.absent && roles.some((role) => actor.roles.includes(role))
  );
}

/**
 * A stage that the people there are cannot approve any more turns to its escalations at once, one after the
 * other until it can be approved; where none is left, those who may override are told, once.
 *
 * @param people everybody who holds a role that the rule can turn to in this stage, or stands in for one.
 * @returns no events where the stage can be approved, or is known to be stuck. @throws never.
 */
export function escalateWhereStuck(state: RequestState, people: readonly Candidate[]): Step {
  let current = state;
  const events: AccountabilityEvent[] = [];
  for (;;) {
    const { stage } = current;
    if (stage === null) return { state: current, events };
    if (isReachable(current, stage, people))
      return { state: withStuck(current, stage, false), events };
    const [index] = escalationsAhead(stage);
    if (index === undefined) {
      const told = stage.isStuck ? [] : lastResort(current, stage);
      return { state: withStuck(current, stage, true), events: [...events, ...told] };
    }
    const step = escalateTo(current, stage, { index, cause: 'unsatisfiable', person: null });
    events.push(...step.events);
    current = step.state;
  }
}

function withStuck(state: RequestState, stage: OpenStage, isStuck: boolean): RequestState {
  return stage.isStuck === isStuck ? state : { ...state, stage: { ...stage, isStuck } };
}

/** Nobody gets a right by it: the authority over the rule hears that only they can end this. */
function lastResort({ policy }: RequestState, stage: OpenStage): AccountabilityEvent[] {
  const { override } = policy.rule;
  const to = override?.role ?? LAST_RESORT_ROLE;
  const how = { cause: 'unsatisfiable', index: null, to, mode: 'add' } as const;
  return [{ type: 'escalated', stage: stage.index, ...how, person: null }];
}

/**
 * @returns whether the approvals that are there and those who may still decide can approve it. Whoever stands
 *          in for somebody and that somebody are two people and one voice.
 */
function isReachable(state: RequestState, stage: OpenStage, people: readonly Candidate[]): boolean {
  const given = decisionsOf(state, stage.index)
    .filter(({ verdict }) => verdict === 'approve')
    .map(({ groups }) => groups);
  const voices = people.flatMap((person) => voicesOf(state, stage, person));
  return isEnough(stageAt(state, stage.index), given, voices);
}
