import { EFFECTS, type Policy, type Rule, type Stage } from './policy.ts';

/** One thing that is wrong with a policy. `pointer` is a JSON Pointer into the policy document. */
export interface PolicyProblem {
  readonly pointer: string;
  readonly message: string;
}

/** How many people hold a role now. */
export type CountPeople = (role: string) => number;

/**
 * Lists everything that makes a well-formed policy unusable, all at once: a rule nobody can reach, a
 * stage that nobody can fill, an escalation that goes in a circle, a name that does not exist.
 *
 * @param policy well-formed (its shape was checked before).
 * @param peopleIn how many people hold a role at the instant of publishing.
 * @returns empty when the policy can be published. @throws never.
 * @source product contract 5; docs/adr/0004-policies.md
 */
export function policyProblems(policy: Policy, peopleIn: CountPeople): PolicyProblem[] {
  return policy.rules.flatMap((rule, index) => {
    const at = `/rules/${index}`;
    return [
      ...unreachable(policy, rule, index),
      ...duplicateNames(rule, at),
      ...wrongEffect(rule, at),
      ...rule.stages.flatMap((stage, i) =>
        stageProblems({ rule, stage, index: i, at: `${at}/stages/${i}` }, peopleIn),
      ),
    ];
  });
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

function stageProblems(where: StageAt, peopleIn: CountPeople): PolicyProblem[] {
  return [
    ...quorumProblems(where, peopleIn),
    ...escalationProblems(where, peopleIn),
    ...distinctProblems(where),
    ...timeoutProblems(where),
  ];
}

function quorumProblems({ stage, at }: StageAt, peopleIn: CountPeople): PolicyProblem[] {
  return stage.groups.flatMap((group, index) => {
    const pointer = stage.groups.length === 1 ? at : `${at}/parallel/${index}`;
    const people = peopleIn(group.role);
    if (people === 0)
      return [{ pointer: `${pointer}/role`, message: `nobody holds the role "${group.role}"` }];
    if (group.quorum > people)
      return [
        {
          pointer: `${pointer}/quorum`,
          message: `quorum ${group.quorum} is larger than the role "${group.role}" (${people})`,
        },
      ];
    return [];
  });
}

function escalationProblems({ stage, at }: StageAt, peopleIn: CountPeople): PolicyProblem[] {
  const seen = new Set(stage.groups.map((group) => group.role));
  return stage.escalations.flatMap(({ to }, index) => {
    const pointer = `${at}/escalations/${index}/to`;
    if (seen.has(to))
      return [{ pointer, message: `escalation goes in a circle: "${to}" is asked already` }];
    seen.add(to);
    return peopleIn(to) === 0 ? [{ pointer, message: `nobody holds the role "${to}"` }] : [];
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
