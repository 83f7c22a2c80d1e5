/**
 * The ordinary case: an agent asks to decline a loan, the rule wants two credit officers within a day.
 * Each builder takes only what differs, so that a test row shows nothing else.
 */
import type { Act } from '../../domain/answer.ts';
import { openRequest, type Acting, type Submission } from '../../domain/apply.ts';
import type { Binding, HeldFact } from '../../domain/binding.ts';
import type { Actor, Command } from '../../domain/command.ts';
import type { Instant } from '../../domain/instant.ts';
import type { Escalation, Group, OverrideRight, Policy, Rule, Stage } from '../../domain/policy.ts';
import type { Decision, OpenStage, RequestState, Verdict } from '../../domain/request.ts';
import type { Candidate, StandIn } from '../../domain/reviewer.ts';
import type { Clock } from '../../domain/stage.ts';
import { PLAIN_TIME } from '../../domain/working-time.ts';

/** When every ordinary request is opened. A Monday morning. */
export const NOW: Instant = '2026-03-02T09:00:00.000Z';

/** What every ordinary request shows; `OTHER_DIGEST` is some other text. */
export const ACTION_DIGEST = 'a'.repeat(64);
export const CONTENT_DIGEST = 'c'.repeat(64);
export const OTHER_DIGEST = 'e'.repeat(64);
/** Leaf hash of a `viewed` record. */
export const VIEWED = 'f'.repeat(64);

/** The sample people of the product contract and what they may do. */
const ROLES: Readonly<Record<string, readonly string[]>> = {
  dana: ['credit-officer'],
  eve: ['credit-officer'],
  omar: ['credit-officer'],
  ines: ['credit-officer'],
  mia: ['credit-manager'],
  rui: ['risk-manager'],
  sam: ['security'],
  pia: ['privacy'],
  olga: ['override-authority'],
  cora: ['compliance', 'policy-admin', 'directory-admin'],
  ada: ['auditor'],
};

/** A person as the directory has them: the sample roles, present, in no team, standing in for nobody. */
export function aCandidate(id: string, differs: Partial<Candidate> = {}): Candidate {
  return {
    id,
    roles: ROLES[id] ?? [],
    absent: false,
    team: null,
    region: null,
    trainings: [],
    acknowledged: [],
    standsFor: [],
    ...differs,
  };
}

/** The right to decide in the name of `principal`, by a delegation of the directory. */
export function aStandIn(principal: string, differs: Partial<StandIn> = {}): StandIn {
  const { standsFor: _, ...reviewer } = aCandidate(principal);
  return {
    id: `delegation-of-${principal}`,
    source: 'delegation',
    principal: reviewer,
    role: null,
    kind: null,
    ...differs,
  };
}

/** Plain time, at `now`. */
export function at(now: Instant = NOW): Clock {
  return { now, time: PLAIN_TIME };
}

/** One act of somebody. */
export function actOf(actor: Actor, now: Instant = NOW, id = 'act-1'): Act {
  return { ...at(now), actor, id };
}

/** Time alone. */
export function tickAt(now: Instant): Acting {
  return { ...at(now), actor: null, id: '' };
}

/** A person as the step reads them: the sample roles, present, signed in through a channel, nothing viewed. */
export function aPerson(id: string, differs: Partial<Actor> = {}): Actor {
  const roles = ROLES[id] ?? [];
  return {
    ...aCandidate(id),
    type: 'person',
    assurance: 1,
    viewed: null,
    owesReview: false,
    roles,
    ...differs,
  };
}

/** An app as the step reads it: no roles, never absent. */
export function anApp(id = 'loan-agent'): Actor {
  return aPerson(id, { type: 'app', roles: [], assurance: 0 });
}

const NOTHING_ASKED = { conditions: { team: [], region: [] }, trainings: [] } as const;

/** One group of a parallel stage: two credit officers, the first rejection rejects. */
export function aGroup(differs: Partial<Group> = {}): Group {
  const role = differs.role ?? 'credit-officer';
  return { name: role, role, quorum: 2, rejectQuorum: 1, ...NOTHING_ASKED, ...differs };
}

type StageDiffers = Partial<Stage> &
  Partial<Pick<Group, 'role' | 'quorum' | 'rejectQuorum' | 'conditions' | 'trainings'>>;

/** A plain stage of one group within a day; `role`, `quorum` and `rejectQuorum` are those of its group. */
export function aStage(differs: StageDiffers = {}): Stage {
  const { role = 'credit-officer', quorum = 2, rejectQuorum = 1, ...more } = differs;
  const { conditions = NOTHING_ASKED.conditions, trainings = [], ...rest } = more;
  const name = rest.name ?? 'first line';
  return {
    name,
    groups: [{ name, role, quorum, rejectQuorum, conditions, trainings }],
    join: 'all',
    deadline: 'P1D',
    reminders: [],
    escalations: [],
    onTimeout: 'expire',
    distinctFrom: [],
    assurance: 0,
    calendar: null,
    deadlineAt: null,
    ...rest,
  };
}

/** The second look of the sample policy: one risk manager who did not decide before. */
export function aSecondStage(differs: StageDiffers = {}): Stage {
  const ordinary = { name: 'second line', role: 'risk-manager', quorum: 1 };
  return aStage({ ...ordinary, distinctFrom: ['first line'], ...differs });
}

/** After four hours the credit manager too. */
export function anEscalation(differs: Partial<Escalation> = {}): Escalation {
  return { after: 'PT4H', to: 'credit-manager', mode: 'add', ...differs };
}

/** Everything an authority can do, for a reason of twenty characters. */
export function anOverrideRight(differs: Partial<OverrideRight> = {}): OverrideRight {
  const effects = ['stop', 'reverse', 'force'] as const;
  return {
    role: 'override-authority',
    minReason: 20,
    effects,
    assurance: 0,
    secondPerson: [],
    breakGlass: null,
    ...differs,
  };
}

/** A review in one stage that matches always; a view is asked for where the tier is high. */
export function aRule(differs: Partial<Rule> = {}): Rule {
  return {
    name: 'everything else',
    when: null,
    effect: 'review',
    controls: [],
    stages: differs.effect === undefined || differs.effect === 'review' ? [aStage()] : [],
    requireView: null,
    override: anOverrideRight(),
    slack: null,
    receipt: { validFor: 'PT1H' },
    ...differs,
  };
}

/** Version 4 of `credit-decisions` with one rule. */
export function aPolicy(differs: Partial<Policy> = {}): Policy {
  return {
    id: 'credit-decisions',
    version: 4,
    kind: 'ai-decision',
    enabled: true,
    when: null,
    objective: null,
    owner: null,
    reviewBy: null,
    effective: null,
    mode: 'enforced',
    requireAcknowledgement: false,
    controls: [],
    tier: [],
    rules: [aRule()],
    ...differs,
  };
}

/** The only rule of the ordinary policy, at a medium tier, nothing held. */
export function aBinding(differs: Partial<Omit<Binding, 'policy' | 'ruleIndex'>> = {}): Binding {
  const rule = differs.rule ?? aRule();
  const policy = aPolicy({ rules: [rule] });
  const { id, version, controls } = policy;
  return {
    ...{ policy, ruleIndex: 0, tier: 'medium', heldBy: [], controls },
    boundUnder: [{ id, version }],
    deadlines: rule.stages.map(() => null),
    exceptions: [],
    shadow: [],
    ...differs,
    rule,
  };
}

/** An agent asks; Otto owns it; it acts for nobody. */
export function aSubmission(differs: Partial<Submission> = {}): Submission {
  return {
    requestId: 'request-1',
    kind: 'ai-decision',
    requester: { type: 'app', id: 'loan-agent', owner: 'otto' },
    onBehalfOf: null,
    owners: [],
    reopens: null,
    actionDigest: ACTION_DIGEST,
    contentDigest: CONTENT_DIGEST,
    ...differs,
  };
}

interface RequestDiffers extends Partial<Submission> {
  readonly tier?: RequestState['tier'];
  readonly heldBy?: readonly HeldFact[];
  /** What differs from the ordinary rule. */
  readonly rule?: Partial<Rule>;
  /** Short for `rule: { stages }`. */
  readonly stages?: readonly Stage[];
  readonly openedAt?: Instant;
  /** Laid over the opened request: who changed it, what was decided. */
  readonly editors?: readonly string[];
  readonly decisions?: readonly Decision[];
}

/** A request as `openRequest` made it: pending in its first stage, unless the rule or `heldBy` says otherwise. */
export function aRequest(differs: RequestDiffers = {}): RequestState {
  const { tier = 'medium', heldBy = [], rule, stages, openedAt = NOW, ...rest } = differs;
  const { editors = [], decisions = [], ...submission } = rest;
  const bound = aRule({ ...(stages === undefined ? {} : { stages }), ...rule });
  const opened = openRequest(
    aSubmission(submission),
    aBinding({ rule: bound, tier, heldBy }),
    at(openedAt),
  );
  return { ...opened.state, editors, decisions };
}

/** @returns the open stage of a request. @throws TypeError when there is none. */
export function openStageOf(state: RequestState): OpenStage {
  if (state.stage === null) throw new TypeError('the request has no open stage');
  return state.stage;
}

/** One recorded approval in the first group of the first stage. */
export function aDecision(person: string, differs: Partial<Decision> = {}): Decision {
  return {
    person,
    delegatedBy: null,
    delegation: null,
    verdict: 'approve',
    stage: 0,
    groups: [0],
    role: 'credit-officer',
    assurance: 1,
    at: NOW,
    ...differs,
  };
}

/** What a reviewer sends who saw the request as it is. */
export function decide(
  verdict: Verdict = 'approve',
  contentDigest = CONTENT_DIGEST,
): Extract<Command, { kind: 'decide' }> {
  return { kind: 'decide', verdict, contentDigest };
}

/** What an authority sends; the reason is long enough. */
export function override(
  effect: OverrideRight['effects'][number],
  reasonLength = 20,
): Extract<Command, { kind: 'override' }> {
  return { kind: 'override', effect, reasonLength, breakGlass: false, lapsed: [] };
}

/** Why an ordinary request is held. */
export const HELD: HeldFact = { fact: 'credit-decisions#0', reason: 'no such key: confidence' };
