import { addDuration } from './instant.ts';
import { openSubmission } from './opening.ts';
import { overrideProblems } from './override-problems.ts';
import { EFFECTS, type Policy, type Rule, type Stage } from './policy.ts';
import type { RequestState } from './request.ts';
import { satisfiability, type Bench, type RuleProblem } from './satisfiability.ts';
import type { Clock } from './stage.ts';
import { PLAIN_TIME } from './working-time.ts';

/** One thing that is wrong with a policy. `pointer` is a JSON Pointer into the policy document. */
export interface PolicyProblem {
  readonly pointer: string;
  readonly message: string;
}

/**
 * Lists everything that makes a well-formed policy unusable, all at once: a rule nobody can reach, a
 * stage that nobody can fill, stages that need more different people than there are, an escalation that
 * goes in a circle, a name that does not exist.
 *
 * Only what lasts counts. Absences end, stand-ins come and go, and nobody can acknowledge a version that is
 * not there yet: so they are left out here, and `satisfiability` shows them for one request in its preview.
 *
 * @param policy well-formed (its shape was checked before).
 * @param bench everybody who holds a role now, with teams, regions and trainings as they are now.
 * @returns empty when the policy can be published. @throws never.
 * @source product contract 5; docs/adr/0004-policies.md
 */
export function policyProblems(policy: Policy, bench: Bench): PolicyProblem[] {
  const lasting: Bench = {
    ...bench,
    people: bench.people.map((person) => ({ ...person, absent: false, standsFor: [] })),
  };
  return policy.rules.flatMap((rule, index) => {
    const at = `/rules/${index}`;
    const staffing = staffingProblems(policy, rule, lasting);
    return [
      ...unreachable(policy, rule, index),
      ...duplicateNames(rule, at),
      ...wrongEffect(rule, at),
      ...rule.stages.flatMap((stage, i) => [
        ...staffing
          .filter((problem) => problem.stage === i)
          .map(({ pointer, message }) => ({ pointer: `${at}${pointer}`, message })),
        ...shapeProblems({ rule, stage, index: i, at: `${at}/stages/${i}` }),
      ]),
      ...overrideProblems(rule, lasting).map(({ pointer, message }) => ({
        pointer: `${at}${pointer}`,
        message,
      })),
    ];
  });
}

/** What would stand in the way of a request that nobody is a party of. */
function staffingProblems(policy: Policy, rule: Rule, bench: Bench): RuleProblem[] {
  if (rule.effect !== 'review') return [];
  const { problems } = satisfiability(imagined(policy, rule), bench, CLOCK);
  return problems.filter(({ severity }) => severity !== 'warning');
}

/** Any instant will do; calendars are looked at where there is a request. */
const CLOCK: Clock = {
  now: '2026-01-01T00:00:00.000Z',
  time: { ...PLAIN_TIME, add: (_, from, duration) => addDuration(from, duration) },
};

function imagined(policy: Policy, rule: Rule): RequestState {
  const submission = {
    requestId: '',
    kind: policy.kind,
    requester: { type: 'app', id: '', owner: null },
    onBehalfOf: null,
    owners: [],
    actionDigest: '',
    contentDigest: '',
    reopens: null,
  } as const;
  const binding = {
    policy: { ...policy, requireAcknowledgement: false },
    rule: { ...rule, effect: 'approve' },
    ruleIndex: 0,
    tier: 'low',
    heldBy: [],
    boundUnder: [],
    deadlines: [],
    controls: [],
    exceptions: [],
    shadow: [],
  } as const;
  const { state } = openSubmission(submission, binding, CLOCK);
  return { ...state, stage: null, resolution: null };
}

function unreachable(policy: Policy, rule: Rule, index: number): PolicyProblem[] {
  const blocking = policy.rules.slice(0, index).find((earlier) => earlier.when === null);
  if (blocking === undefined) return [];
  const message = `rule "${rule.name}" is never reached: rule "${blocking.name}" before it matches always`;
  return [{ pointer: `/rules/${index}`, message }];
}

function duplicateNames(rule: Rule, at: string): PolicyProblem[] {
  const names = rule.stages.map((stage) => stage.name);
  return names.flatMap((name, index) =>
    names.indexOf(name) === index
      ? []
      : [{ pointer: `${at}/stages/${index}/name`, message: `a second stage is named "${name}"` }],
  );
}

function wrongEffect(rule: Rule, at: string): PolicyProblem[] {
  if (!EFFECTS.includes(rule.effect))
    return [{ pointer: `${at}/effect`, message: 'unknown effect' }];
  if (rule.effect === 'review' && rule.stages.length === 0)
    return [{ pointer: `${at}/stages`, message: 'a rule with effect review needs a stage' }];
  if (rule.effect !== 'review' && rule.stages.length > 0)
    return [{ pointer: `${at}/stages`, message: `effect ${rule.effect} asks nobody: no stages` }];
  return [];
}

interface StageAt {
  readonly rule: Rule;
  readonly stage: Stage;
  readonly index: number;
  readonly at: string;
}

function shapeProblems(where: StageAt): PolicyProblem[] {
  return [...escalationCircles(where), ...distinctProblems(where), ...timeoutProblems(where)];
}

function escalationCircles({ stage, at }: StageAt): PolicyProblem[] {
  const seen = new Set(stage.groups.map((group) => group.role));
  return stage.escalations.flatMap(({ to }, index) => {
    const pointer = `${at}/escalations/${index}/to`;
    if (seen.has(to))
      return [{ pointer, message: `escalation goes in a circle: "${to}" is asked already` }];
    seen.add(to);
    return [];
  });
}

function distinctProblems({ rule, stage, index, at }: StageAt): PolicyProblem[] {
  const earlier = rule.stages.slice(0, index).map((one) => one.name);
  return stage.distinctFrom.flatMap((name, i) =>
    earlier.includes(name)
      ? []
      : [{ pointer: `${at}/distinctFrom/${i}`, message: `"${name}" is not an earlier stage` }],
  );
}

function timeoutProblems({ rule, stage, index, at }: StageAt): PolicyProblem[] {
  const pointer = `${at}/onTimeout`;
  const problems: PolicyProblem[] = [];
  if (stage.onTimeout === 'next-stage' && index === rule.stages.length - 1)
    problems.push({ pointer, message: 'the last stage has no next stage' });
  if (stage.onTimeout !== 'expire' && stage.deadline === null)
    problems.push({ pointer, message: 'onTimeout needs a deadline' });
  return problems;
}
