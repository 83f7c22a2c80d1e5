import type { Group, OverrideRight, Rule, Stage } from './policy.ts';
import type { BoundPolicy, Decision, OpenStage, RequestState } from './request.ts';

/** What later versions added, under what was stored. */
function under<T extends object>(later: Partial<T>, stored: T): T {
  return { ...later, ...stored };
}

/** A decision as it was before somebody could count in several groups. */
interface FormerDecision {
  readonly group?: number;
}

const LATER: Partial<RequestState> = {
  owners: [],
  amendments: 0,
  voided: 0,
  delegations: [],
  discussion: [],
  proposals: [],
  debt: null,
  reopens: null,
};

/**
 * Brings a stored state to its present form: requests that were opened under an earlier version go on.
 *
 * @param stored by this version or any before. @returns the same state, complete. @throws never.
 */
export function toPresentState(stored: RequestState): RequestState {
  if ('boundUnder' in stored.policy) return stored; // of this version
  return {
    ...under(LATER, stored),
    policy: presentPolicy(stored.policy),
    stage: stored.stage === null ? null : under(OPEN_STAGE, stored.stage),
    decisions: stored.decisions.map(presentDecision),
  };
}

function presentPolicy(stored: BoundPolicy): BoundPolicy {
  const { id, version } = stored;
  // The built-in policy is nobody's version.
  const boundUnder = id === 'fallback' ? [] : [{ id, version }];
  const later = { controls: [], requireAcknowledgement: false, boundUnder };
  return {
    ...under<BoundPolicy>(later, stored),
    deadlines: stored.rule.stages.map(() => null),
    rule: presentRule(stored.rule),
  };
}

function presentRule(rule: Rule): Rule {
  const { override } = rule;
  return {
    ...under<Rule>({ controls: [] }, rule),
    stages: rule.stages.map(presentStage),
    override: override === null ? null : under(OVERRIDE, override),
  };
}

const OVERRIDE: Partial<OverrideRight> = { assurance: 0, secondPerson: [], breakGlass: null };
const RULE_STAGE: Partial<Stage> = { calendar: null, deadlineAt: null };
const GROUP: Partial<Group> = { conditions: { team: [], region: [] }, trainings: [] };

function presentStage(stage: Stage): Stage {
  return { ...under(RULE_STAGE, stage), groups: stage.groups.map((group) => under(GROUP, group)) };
}

const OPEN_STAGE: Partial<OpenStage> = {
  pausedSince: null,
  pausedSeconds: 0,
  claims: [],
  barred: [],
  isStuck: false,
};

function presentDecision(stored: Decision & FormerDecision): Decision {
  const { group = 0, ...decision } = stored;
  return under<Decision>({ delegation: null, role: null, groups: [group] }, decision);
}
