import { eligibility } from '../domain/eligibility.ts';
import type { Instant } from '../domain/instant.ts';
import { policyVersionName } from '../domain/policy.ts';
import type { RefusalReason } from '../domain/refusal.ts';
import {
  partiesOf,
  statusOf,
  type OpenStage,
  type RequestState,
  type RequestStatus,
  type Verdict,
} from '../domain/request.ts';
import type { Candidate } from '../domain/reviewer.ts';
import { decisionsOf, stageAt } from '../domain/stage.ts';
import type { PersonFacts } from '../prisma/directory-store.ts';
import type { Deps } from './deps.ts';
import { ApplicationError } from './error.ts';
import { exclusionRule } from './exclusion-rule.ts';
import { candidatesIn, openPast } from './past.ts';
import type { Principal } from './principal.ts';
import { visibleRequest } from './request-queries.ts';
import { timePassed } from './state-at.ts';
import { toldIn, type Told, type Unnamed } from './told-people.ts';

/** So many entries of each list are shown; how many there are is said beside them. */
export const MOST_NAMED = 1_000;

/** Who could have decided at an instant, who could not and by which rule, and who had been told. */
export interface EligibilityAt {
  readonly requestId: string;
  readonly at: Instant;
  readonly status: RequestStatus;
  /** `<id>@<version>`. */
  readonly policy: string;
  readonly rule: string;
  readonly stage: {
    readonly name: string;
    readonly index: number;
    readonly openedAt: Instant;
    readonly deadline: Instant | null;
    /** Roles that could decide by then, escalations included. */
    readonly groups: readonly { readonly name: string; readonly roles: readonly string[] }[];
  } | null;
  readonly eligible: readonly {
    readonly person: string;
    /** Names of groups in which the decision could have counted. */
    readonly groups: readonly string[];
    readonly role: string;
    readonly inPlaceOf: string | null;
  }[];
  readonly excluded: readonly {
    readonly person: string;
    readonly reason: RefusalReason;
    readonly rule: string;
  }[];
  /** In order of time. `person` is null where the name was erased. */
  readonly told: readonly Told[];
  /** Told as well, by records that only say how many. */
  readonly unnamed: readonly Unnamed[];
  /** Those that counted by then: since the content was changed last. */
  readonly decided: readonly {
    readonly person: string | null;
    readonly verdict: Verdict;
    readonly stage: string;
    readonly at: Instant;
    readonly inPlaceOf: string | null;
  }[];
  readonly counts: Readonly<Record<'eligible' | 'excluded' | 'told' | 'decided', number>>;
}

/**
 * Answers for one instant from what was sealed and known by then: the request from its records, people as
 * the directory had them, and the rules of the domain as the only judge. What was recorded later, with an
 * earlier start or not, changes nothing.
 *
 * @param at null = now.
 * @throws ApplicationError NOT_FOUND; VALIDATION_FAILED for a time to come or before the request.
 * @source docs/directory.md
 */
export async function eligibilityAt(
  deps: Deps,
  principal: Principal,
  { requestId, at: asked }: { readonly requestId: string; readonly at: Instant | null },
): Promise<EligibilityAt> {
  const row = await visibleRequest(deps, principal, requestId);
  const now = deps.now();
  const at = asked ?? now;
  assertPast(at, { from: row.createdAt, now });
  const past = await openPast(deps, row, at);
  const state = timePassed(await past.stateUpTo(past.records.length), past.records, at);
  const people = await past.peopleAt(at);
  return answerOf(state, { at, people, ...(await toldIn(past)) });
}

function assertPast(
  at: Instant,
  { from, now }: { readonly from: Instant; readonly now: Instant },
): void {
  const message = at > now ? 'lies in the future' : at < from ? 'is before the request' : null;
  if (message === null) return;
  throw new ApplicationError('VALIDATION_FAILED', 'Nothing is known of that instant.', {
    problems: [{ pointer: '/at', message }],
  });
}

// ---- the answer ------------------------------------------------------------------------------------

interface Found {
  readonly at: Instant;
  readonly people: readonly PersonFacts[];
  readonly told: readonly Told[];
  readonly unnamed: readonly Unnamed[];
}

function answerOf(state: RequestState, found: Found): EligibilityAt {
  const { requestId, policy } = state;
  const { eligible, excluded } = judged(state, found);
  const decided = state.decisions.map(({ person, verdict, stage, at, delegatedBy }) => ({
    person: named(person),
    verdict,
    stage: stageAt(state, stage).name,
    at,
    inPlaceOf: delegatedBy === null ? null : named(delegatedBy),
  }));
  const { told } = found;
  return {
    requestId,
    at: found.at,
    status: statusOf(state),
    policy: policyVersionName(policy),
    rule: policy.rule.name,
    stage: stageOf(state),
    eligible: eligible.slice(0, MOST_NAMED),
    excluded: excluded.slice(0, MOST_NAMED),
    told: told.slice(-MOST_NAMED),
    unnamed: found.unnamed,
    decided: decided.slice(-MOST_NAMED),
    counts: {
      eligible: eligible.length,
      excluded: excluded.length,
      told: told.length,
      decided: decided.length,
    },
  };
}

/** Names that nobody can say any more begin with `#`. */
function named(id: string): string | null {
  return id.startsWith('#') ? null : id;
}

function stageOf(state: RequestState): EligibilityAt['stage'] {
  const { stage } = state;
  if (stage === null) return null;
  const { name, groups } = stageAt(state, stage.index);
  return {
    name,
    index: stage.index,
    openedAt: stage.openedAt,
    deadline: stage.deadline,
    groups: groups.map((group, index) => ({ name: group.name, roles: stage.roles[index] ?? [] })),
  };
}

/** Everybody whom the stage concerned, judged by the domain; in order of id. */
function judged(
  state: RequestState,
  { at, people, told }: Found,
): Pick<EligibilityAt, 'eligible' | 'excluded'> {
  const { stage } = state;
  const eligible: EligibilityAt['eligible'][number][] = [];
  const excluded: EligibilityAt['excluded'][number][] = [];
  if (stage === null) return { eligible, excluded };
  const names = stageAt(state, stage.index).groups.map(({ name }) => name);
  const concerned = concernedBy(state, stage, told);
  for (const person of candidatesIn(state, people, at)) {
    const may = eligibility(state, stage, person);
    if (may.kind === 'eligible') {
      const groups = may.groups.flatMap((group) => names[group] ?? []);
      const inPlaceOf = may.standIn?.principal.id ?? null;
      eligible.push({ person: person.id, groups, role: may.role, inPlaceOf });
    } else if (concerned(person)) {
      const rule = exclusionRule(state, stage, { person, reason: may.reason });
      excluded.push({ person: person.id, reason: may.reason, rule });
    }
  }
  return { eligible, excluded };
}

/**
 * Whose exclusion says something: they held a role that was asked, or stood in for somebody who did, were a
 * party, have decided here, were told of this stage, or had it taken from them.
 */
function concernedBy(
  state: RequestState,
  stage: OpenStage,
  told: readonly Told[],
): (person: Candidate) => boolean {
  const asked = new Set(stage.roles.flat());
  const holdsOne = ({ roles }: Pick<Candidate, 'roles'>): boolean =>
    roles.some((role) => asked.has(role));
  const known = new Set<string | null>([
    ...partiesOf(state),
    ...stage.barred,
    ...decisionsOf(state, stage.index).flatMap((one) => [one.person, one.delegatedBy]),
    ...told.flatMap((one) =>
      one.stage === stage.index && one.at >= stage.openedAt ? [one.person] : [],
    ),
  ]);
  return (person) =>
    known.has(person.id) ||
    holdsOne(person) ||
    person.standsFor.some(
      ({ principal, kind }) => (kind === null || kind === state.kind) && holdsOne(principal),
    );
}
