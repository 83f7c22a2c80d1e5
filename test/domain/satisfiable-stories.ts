import fc from 'fast-check';
import { andWhereStuck, applyCommand, openRequest, type Applied } from '../../domain/apply.ts';
import type { Actor } from '../../domain/command.ts';
import { eligibility, type Capacity } from '../../domain/eligibility.ts';

import type { Group, Rule, Stage } from '../../domain/policy.ts';
import type { RequestState, Verdict } from '../../domain/request.ts';
import type { Candidate } from '../../domain/reviewer.ts';
import type { Clock } from '../../domain/stage.ts';
import { PLAIN_TIME } from '../../domain/working-time.ts';
import { aPolicy, aRule, aStage, CONTENT_DIGEST, NOW } from '../support/builders.ts';

export const CLOCK: Clock = { now: NOW, time: PLAIN_TIME };

/** A person with nothing but these roles. */
export function aCandidate(id: string, differs: Partial<Candidate> = {}): Candidate {
  return {
    id,
    roles: [],
    absent: false,
    team: null,
    region: null,
    trainings: [],
    acknowledged: [],
    standsFor: [],
    ...differs,
  };
}

/** Lets a person stand in for another, by the directory. */
export function standingFor(person: Candidate, principal: Candidate): Candidate {
  const standIn = {
    id: `${person.id} for ${principal.id}`,
    source: 'delegation',
    principal,
    role: null,
    kind: null,
  } as const;
  return { ...person, standsFor: [...person.standsFor, standIn] };
}

export interface Parties {
  readonly owner?: string | null;
  readonly onBehalfOf?: string | null;
}

/** A request under a rule, with its first stage open. */
export function submitted(rule: Rule, { owner = null, onBehalfOf = null }: Parties = {}): Applied {
  const submission = {
    requestId: 'request-1',
    kind: 'ai-decision',
    requester: { type: 'app', id: 'loan-agent', owner },
    onBehalfOf,
    owners: [],
    actionDigest: 'a'.repeat(64),
    contentDigest: CONTENT_DIGEST,
    reopens: null,
  } as const;
  const binding = {
    policy: aPolicy({ rules: [rule] }),
    rule,
    ruleIndex: 0,
    tier: 'medium',
    heldBy: [],
    boundUnder: [],
    deadlines: rule.stages.map(() => null),
    controls: [],
    exceptions: [],
    shadow: [],
  } as const;
  return openRequest(submission, binding, CLOCK);
}

/** The same as the step leaves it: where these people cannot approve it, it has turned to others. */
export function opened(
  rule: Rule,
  people: readonly Candidate[],
  parties: Parties = {},
): RequestState {
  const applied = submitted(rule, parties);
  return andWhereStuck(applied.state, applied, people).state;
}

// ---- rules and people at random ------------------------------------------------------------------

export interface Story {
  readonly rule: Rule;
  readonly people: readonly Candidate[];
  readonly parties: Parties;
}

const ROLES = ['a', 'b', 'c'] as const;
const role = fc.constantFrom(...ROLES);

const group: fc.Arbitrary<Group> = fc
  .record({
    role,
    quorum: fc.constantFrom(1, 1, 1, 2, 2, 3),
    rejectQuorum: fc.constantFrom(1, 1, 1, 2),
    team: fc.constantFrom<readonly string[]>([], [], [], ['north']),
    isTrained: fc.constantFrom(false, false, false, true),
  })
  .map(({ team, isTrained, ...rest }) => ({
    ...rest,
    name: rest.role,
    conditions: { team, region: [] },
    trainings: isTrained ? [{ course: 'safety', version: 2 }] : [],
  }));

const escalation = fc.record({
  after: fc.constantFrom('PT1H', 'PT2H', 'PT3H', 'P2D'),
  to: role,
  mode: fc.constantFrom('add', 'add', 'replace'),
});

const stage: fc.Arbitrary<Stage> = fc
  .record({
    groups: fc.array(group, { minLength: 1, maxLength: 2 }),
    join: fc.constantFrom('all', 'all', 'any'),
    escalations: fc.array(escalation, { maxLength: 2 }),
    distinctFrom: fc.subarray(['stage 0', 'stage 1']),
  })
  .map((differs) => aStage(differs));

const rule: fc.Arbitrary<Rule> = fc.array(stage, { minLength: 1, maxLength: 3 }).map((stages) =>
  aRule({
    requireView: false,
    override: null,
    stages: stages.map((one, index) => ({
      ...one,
      name: `stage ${index}`,
      distinctFrom: one.distinctFrom.filter((name) => name < `stage ${index}`),
    })),
  }),
);

const person = (id: string): fc.Arbitrary<Candidate> =>
  fc
    .record({
      roles: fc.subarray([...ROLES]),
      absent: fc.constantFrom(false, false, false, false, true),
      team: fc.constantFrom(null, 'north', 'north', 'south'),
      version: fc.constantFrom(1, 2, 2, 3),
    })
    .map(({ version, ...differs }) =>
      aCandidate(id, { ...differs, trainings: [{ course: 'safety', version }] }),
    );

const NAMES = ['ann', 'ben', 'cas', 'dot'] as const;

/** @param pairs whom each may stand in for, by place in the list. */
function withStandIns(
  people: readonly Candidate[],
  pairs: readonly (readonly [number, number])[],
): Candidate[] {
  return people.map((one, at) =>
    pairs
      .filter(([from, to]) => from === at && to !== at && to < people.length)
      .reduce((holder, [, to]) => standingFor(holder, people[to] as Candidate), one),
  );
}

const place = fc.nat(NAMES.length - 1);

export const story: fc.Arbitrary<Story> = fc
  .record({
    rule,
    people: fc.tuple(...NAMES.map(person)),
    pairs: fc.array(fc.tuple(place, place), { maxLength: 2 }),
    owner: fc.constantFrom(null, null, 'ann'),
    onBehalfOf: fc.constantFrom(null, null, null, 'ben'),
  })
  .map(({ rule: bound, people, pairs, ...parties }) => ({
    rule: bound,
    people: withStandIns(people, pairs),
    parties,
  }));

export const hasStandIns = ({ people }: Story): boolean =>
  people.some(({ standsFor }) => standsFor.length > 0);

export const needsAny = ({ rule: { stages } }: Story): boolean =>
  stages.some(({ join }) => join === 'any');

export const replaces = ({ rule: { stages } }: Story): boolean =>
  stages.some(({ escalations }) => escalations.some(({ mode }) => mode === 'replace'));

// ---- running them -------------------------------------------------------------------------------

export interface Moment {
  readonly state: RequestState;
  readonly now: string;
}

const actorOf = (one: Candidate): Actor => ({
  ...one,
  type: 'person',
  assurance: 1,
  viewed: null,
  owesReview: false,
});

/** One person answers, as the step does it; what is stuck then turns to others. */
export function answer(
  { state, now }: Moment,
  who: Candidate,
  { people, verdict = 'approve' }: { people: readonly Candidate[]; verdict?: Verdict },
): Moment {
  const act = { ...CLOCK, now, actor: actorOf(who), id: `act-${state.decisions.length}` };
  const command = { kind: 'decide', verdict, contentDigest: CONTENT_DIGEST } as const;
  const applied = applyCommand(state, command, act);
  return { state: andWhereStuck(state, applied, people).state, now };
}

/** Time goes on to the next escalation; null where the next thing is the deadline. */
export function later({ state }: Moment, people: readonly Candidate[]): Moment | null {
  const next = state.stage?.agenda[0];
  if (next === undefined || next.kind === 'deadline') return null;
  const applied = applyCommand(state, null, { ...CLOCK, now: next.at, actor: null, id: 'tick' });
  return { state: andWhereStuck(state, applied, people).state, now: next.at };
}

/** How an answer of the person would count now; null = it would be refused. */
export function capacityNow({ state }: Moment, who: Candidate): Capacity | null {
  if (state.stage === null) return null;
  const may = eligibility(state, state.stage, who);
  return may.kind === 'eligible' ? may : null;
}

export function eligibleNow(moment: Moment, people: readonly Candidate[]): Candidate[] {
  return people.filter((one) => capacityNow(moment, one) !== null);
}

/** @returns whether some order of approvals and of time, deadlines left out, ends in `approved`. */
export function canReachApproval({ rule: bound, people, parties }: Story): boolean {
  const seen = new Set<string>();
  const search = (moment: Moment): boolean => {
    const { state } = moment;
    if (state.resolution !== null) return state.resolution.kind === 'approved';
    const given = state.decisions.map(({ person: id, stage: at }) => `${at}${id}`).sort();
    const key = JSON.stringify([given, state.stage?.index, state.stage?.roles]);
    if (seen.has(key)) return false;
    seen.add(key);
    if (eligibleNow(moment, people).some((who) => search(answer(moment, who, { people }))))
      return true;
    const next = later(moment, people);
    return next !== null && search(next);
  };
  return search({ state: opened(bound, people, parties), now: NOW });
}
