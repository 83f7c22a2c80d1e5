import type { Applied } from '../domain/apply.ts';
import { delegationsTo, withDelegations } from '../domain/delegation.ts';
import { eligibility } from '../domain/eligibility.ts';
import type { AccountabilityEvent } from '../domain/event.ts';
import type { Instant } from '../domain/instant.ts';
import type { OpenStage, RequestState } from '../domain/request.ts';
import { stageAt } from '../domain/stage.ts';
import {
  factsOfPeople,
  peopleWithRoles,
  type PersonFacts,
  type Reader,
} from '../prisma/directory-store.ts';
import type { RequestSealing, StagePeople } from './sealing.ts';

/**
 * @returns everybody who holds a role that the open stage, and each that the events speak of, turns to or may
 *          turn to, or stands in for one who does, by the directory or in this request; in order of id.
 */
export async function peopleOfStages(
  reader: Reader,
  { state, events }: Pick<Applied, 'state' | 'events'>,
  now: Instant,
): Promise<PersonFacts[]> {
  const stages = events.flatMap((event) => (isAsking(event) ? [event.stage] : []));
  const { stage } = state;
  const asked = stage === null ? stages : [...stages, stage.index];
  const written = [...new Set(asked)].flatMap((index) => {
    const { groups, escalations } = stageAt(state, index);
    return [...groups.map(({ role }) => role), ...escalations.map(({ to }) => to)];
  });
  const roles = [...new Set([...written, ...(stage?.roles.flat() ?? [])])];
  const holders = roles.length === 0 ? [] : await peopleWithRoles(reader, roles, now);
  const known = new Set(holders.map(({ id }) => id));
  const others = state.delegations.map(({ to }) => to).filter((id) => !known.has(id));
  const added = others.length === 0 ? [] : await factsOfPeople(reader, [...new Set(others)], now);
  const all = [...holders, ...added].sort((a, b) => (a.id < b.id ? -1 : 1));
  return all.map((person) => withDelegations(state, person, { principals: holders, now }));
}

/** @returns a person with those whom they may stand in for in this request. */
export async function candidateIn(
  reader: Reader,
  state: RequestState,
  { person, now }: { readonly person: PersonFacts; readonly now: Instant },
): Promise<PersonFacts> {
  const delegations = delegationsTo(state, person.id, now);
  if (delegations.length === 0) return person;
  const ids = delegations.map((one) => one.person);
  const principals = await factsOfPeople(reader, ids, now);
  return withDelegations(state, person, { principals, now });
}

type Asking = Extract<
  AccountabilityEvent,
  { readonly type: 'stage_opened' | 'reminded' | 'escalated' }
>;

/** Whether a record of the event says who could decide at its instant. */
function isAsking(event: AccountabilityEvent): event is Asking {
  return event.type === 'stage_opened' || event.type === 'reminded' || event.type === 'escalated';
}

export function namesPeople({ events }: Pick<Applied, 'events'>): boolean {
  return events.some(isAsking);
}

type Named = Pick<RequestSealing, 'eligible' | 'escalatedTo'>;

/** @param people as `peopleOfStage` gives them. @returns who could decide in the stages the events speak of. */
export function peopleNamed(
  { state, events }: Pick<Applied, 'state' | 'events'>,
  people: readonly PersonFacts[],
): Named {
  const eligible = new Map<number, StagePeople>();
  const escalatedTo = new Map<string, readonly string[]>();
  for (const event of events) {
    if (event.type === 'stage_opened' || event.type === 'reminded')
      eligible.set(event.stage, stagePeople(stageMoment(state, event), people));
    if (event.type === 'escalated') {
      const then = stageMoment(state, { type: 'reminded', stage: event.stage });
      const can = stagePeople(then, people).groups.flat();
      const holds = people.filter(({ roles }) => roles.includes(event.to)).map(({ id }) => id);
      escalatedTo.set(event.to, [...new Set(can.filter((id) => holds.includes(id)))]);
    }
  }
  return { eligible, escalatedTo };
}

/** The state as it was when a stage was open: one step can open a stage and close it again. */
function stageMoment(
  state: RequestState,
  event: { readonly type: 'stage_opened' | 'reminded'; readonly stage: number },
): RequestState & { readonly stage: OpenStage } {
  const { stage } = state;
  const asWritten = stageAt(state, event.stage).groups.map((group) => [group.role]);
  if (stage?.index === event.stage)
    // What escalated in the same step came after the opening.
    return event.type === 'stage_opened'
      ? { ...state, stage: { ...stage, roles: asWritten } }
      : { ...state, stage };
  const opened = {
    index: event.stage,
    openedAt: '',
    deadline: null,
    roles: asWritten,
    agenda: [],
    pausedSince: null,
    pausedSeconds: 0,
    claims: [],
    barred: [],
    isStuck: false,
  };
  const before = state.decisions.filter((decision) => decision.stage < event.stage);
  return { ...state, stage: opened, decisions: before, resolution: null };
}

/** Those of `people` who may decide in the open stage, per group. */
function stagePeople(
  state: RequestState & { readonly stage: OpenStage },
  people: readonly PersonFacts[],
): StagePeople {
  const { stage } = state;
  const groups: string[][] = stage.roles.map(() => []);
  let excluded = 0;
  for (const person of people) {
    const may = eligibility(state, stage, person);
    if (may.kind === 'eligible') for (const group of may.groups) groups[group]?.push(person.id);
    else if (person.roles.some((role) => stage.roles.flat().includes(role))) excluded += 1;
  }
  return { groups, excluded };
}
