import { eligibility, type Eligibility } from './eligibility.ts';
import type { AssuranceLevel, Stage } from './policy.ts';
import { canStillBeMet, type Voice } from './reachable.ts';
import type { OpenStage, RequestState } from './request.ts';
import type { Candidate } from './reviewer.ts';
import { decisionsOf, earlier, givenDeadline, stageAt, type Clock } from './stage.ts';

/** Who there is to answer. */
export interface Bench {
  /** Everybody who holds a role that the rule can turn to, or stands in for one. In order of id. */
  readonly people: readonly Candidate[];
  /** Highest assurance level that a sign-in of this installation reaches. */
  readonly reachable: AssuranceLevel;
  /** false for a word of a policy that could not be read: nothing is said of it. Absent: all can. */
  readonly isReadable?: (word: string) => boolean;
}

/** What one stage comes to, whoever is needed elsewhere. */
export interface Outlook {
  readonly index: number;
  readonly rule: Stage;
  /** As it is first, then after each escalation that comes before the deadline. */
  readonly phases: readonly [Phase, ...Phase[]];
  /** false where a word of it could not be read. */
  readonly isKnown: boolean;
  /** The deadline that the request itself gives has passed before the stage opens. */
  readonly isOver: boolean;
  /** Approvals that are given, with the groups that each may count in. */
  readonly given: readonly (readonly number[])[];
}

/** A time in which one set of roles is asked. */
export interface Phase {
  readonly roles: OpenStage['roles'];
  /** Index of the escalation that led here; null = none. */
  readonly escalation: number | null;
  readonly voices: readonly Voice[];
  /** Its people can approve the stage. */
  readonly suffices: boolean;
}

/** Looks at one stage that is open or to come. @throws TypeError when the rule has no such stage. */
export function outlookOf(
  state: RequestState,
  index: number,
  { bench, clock }: { readonly bench: Bench; readonly clock: Clock },
): Outlook {
  const rule = stageAt(state, index);
  const words = [...rule.groups, ...rule.escalations.map(({ to }) => ({ role: to }))];
  const given = decisionsOf(state, index)
    .filter(({ verdict }) => verdict === 'approve')
    .map(({ groups }) => groups);
  const phaseOf = ({ roles, escalation }: Asked): Phase => {
    const voices = bench.people.flatMap((person) =>
      voicesOf(state, openAs(state, index, roles), person),
    );
    return { roles, escalation, voices, suffices: isEnough(rule, given, voices) };
  };
  const [first, ...later] = askedIn(state, index, clock);
  const deadline = givenDeadline(state, index);
  return {
    index,
    rule,
    phases: [phaseOf(first), ...later.map(phaseOf)],
    isKnown: words.every(({ role }) => bench.isReadable?.(role) ?? true),
    isOver: deadline !== null && deadline <= clock.now,
    given,
  };
}

/** @returns whether a stage can be approved by some people out of these. */
export function isEnough(
  { join, groups }: Pick<Stage, 'join' | 'groups'>,
  given: Outlook['given'],
  candidates: readonly Voice[],
): boolean {
  return canStillBeMet({
    join,
    groups: groups.map(({ quorum }) => ({ quorum, rejected: false })),
    approvals: given.map((mine) => ({ groups: mine })),
    candidates,
  });
}

/** What the person would be told, were the stage open with these roles. */
export function eligibilityIn(
  state: RequestState,
  index: number,
  { roles, person }: { readonly roles: OpenStage['roles']; readonly person: Candidate },
): Eligibility {
  return eligibility(state, openAs(state, index, roles), person);
}

interface Asked {
  readonly roles: OpenStage['roles'];
  readonly escalation: number | null;
}

/** The sets of roles that are asked one after the other; an escalation at or after the deadline never comes. */
function askedIn(
  state: RequestState,
  index: number,
  { now, time }: Clock,
): readonly [Asked, ...Asked[]] {
  const rule = stageAt(state, index);
  const open = state.stage?.index === index ? state.stage : null;
  const at = (after: string): string => time.add(rule.calendar, now, after);
  const deadline = earlier(
    rule.deadline === null ? null : at(rule.deadline),
    givenDeadline(state, index),
  );
  const ahead =
    open === null
      ? rule.escalations
          .map(({ after }, escalation) => ({ escalation, at: at(after) }))
          .filter((one) => deadline === null || one.at < deadline)
          .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
          .map(({ escalation }) => escalation)
      : open.agenda.flatMap((one) => (one.kind === 'escalation' ? [one.index] : []));
  let roles = open?.roles ?? rule.groups.map(({ role }) => [role]);
  const first: Asked = { roles, escalation: null };
  const later = ahead.map((escalation): Asked => {
    const { to, mode } = rule.escalations[escalation] ?? { to: '', mode: 'add' };
    roles = roles.map((all) => (mode === 'replace' ? [to] : [...new Set([...all, to])]));
    return { roles, escalation };
  });
  return [first, ...later];
}

/** The open stage as it is, or one to come, with these roles. */
function openAs(state: RequestState, index: number, roles: OpenStage['roles']): OpenStage {
  if (state.stage?.index === index) return { ...state.stage, roles };
  return {
    index,
    openedAt: state.createdAt,
    deadline: null,
    roles,
    agenda: [],
    pausedSince: null,
    pausedSeconds: 0,
    claims: [],
    barred: [],
    isStuck: false,
  };
}

/**
 * The ways in which a person can answer: in their own right, or in the name of one of those they stand in
 * for. Where any group settles a stage its groups do not fill up, so the right that comes first is the one.
 */
export function voicesOf(
  state: RequestState,
  stage: OpenStage,
  person: Candidate,
): readonly Voice[] {
  const full = eligibility(state, stage, person);
  if (full.kind === 'excluded') return [];
  const voiceOf = ({ groups, standIn }: typeof full): Voice => ({
    id: person.id,
    standsFor: standIn?.principal.id ?? null,
    groups,
  });
  if (person.standsFor.length === 0 || stageAt(state, stage.index).join === 'any')
    return [voiceOf(full)];
  const rights = [
    { ...person, standsFor: [] },
    ...person.standsFor.map((one) => ({ ...person, roles: [], standsFor: [one] })),
  ];
  return rights.flatMap((right) => {
    const may = eligibility(state, stage, right);
    return may.kind === 'eligible' ? [voiceOf(may)] : [];
  });
}
