import type { PolicyProblem } from '../domain/policy-problems.ts';
import { compileCondition, compileMoment } from './conditions.ts';
import { isLonger, isUsableDuration, POLICY_LIMITS } from './policy-schema.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Ids that mean something else where a policy version is named. */
const RESERVED_IDS: readonly unknown[] = ['fallback'];

/**
 * What is wrong with a policy document beyond the shape of single fields: conditions, times that depend
 * on each other, fields that belong together, names used twice. Works on a document of any shape and says
 * nothing where the shape is already wrong, so that both lists together name every problem once.
 *
 * @returns in the order of the document. @throws never.
 */
export function documentProblems(document: unknown): PolicyProblem[] {
  if (!isFields(document)) return [];
  const rules = entriesOf(document['rules'], POLICY_LIMITS.rules);
  return [
    ...reservedId(document),
    ...conditionProblem(document, ''),
    ...entriesOf(document['tier'], POLICY_LIMITS.tierRules).flatMap(([row, index]) =>
      conditionProblem(row, `/tier/${index}`),
    ),
    ...repeatedNames(rules, '/rules', 'rule'),
    ...rules.flatMap(([rule, index]) => ruleProblems(rule, `/rules/${index}`)),
  ];
}

function ruleProblems(rule: Fields, at: string): PolicyProblem[] {
  const stages = entriesOf(rule['stages'], POLICY_LIMITS.stages);
  return [
    ...conditionProblem(rule, at),
    ...overrideProblems(rule['override'], `${at}/override`),
    ...stages.flatMap(([stage, index]) => stageProblems(stage, `${at}/stages/${index}`)),
  ];
}

/** A second person can be asked for only where somebody may act at all. */
function overrideProblems(override: unknown, at: string): PolicyProblem[] {
  if (!isFields(override) || !Array.isArray(override['effects'])) return [];
  const { effects } = override;
  const seconds = Array.isArray(override['secondPerson'])
    ? override['secondPerson'].slice(0, 3)
    : [];
  return seconds.flatMap((effect: unknown, index) =>
    typeof effect !== 'string' || effects.includes(effect)
      ? []
      : [
          {
            pointer: `${at}/secondPerson/${index}`,
            message: `"${effect.slice(0, 20)}" is none of the effects`,
          },
        ],
  );
}

function reservedId(document: Fields): PolicyProblem[] {
  if (!RESERVED_IDS.includes(document['id'])) return [];
  const message = `"${String(document['id'])}" is the name of the built-in policy for what no policy matches`;
  return [{ pointer: '/id', message }];
}

function conditionProblem(fields: Fields, at: string): PolicyProblem[] {
  const expression = fields['when'];
  if (typeof expression !== 'string' || expression.length > POLICY_LIMITS.condition) return [];
  const compiled = compileCondition(expression);
  if (compiled.ok) return [];
  return [{ pointer: `${at}/when`, message: `condition: ${compiled.message}` }];
}

function stageProblems(stage: Fields, at: string): PolicyProblem[] {
  return [
    ...kindProblems(stage, at),
    ...timeProblems(stage, at),
    ...deadlineProblems(stage, at),
    ...groupNames(stage, at),
  ];
}

/** A time that comes with the request is the requester's choice: it may end a stage, never pass it. */
function deadlineProblems({ deadlineAt, onTimeout }: Fields, at: string): PolicyProblem[] {
  if (typeof deadlineAt !== 'string' || deadlineAt.length > POLICY_LIMITS.condition) return [];
  const compiled = compileMoment(deadlineAt);
  const passes = onTimeout === 'approve' || onTimeout === 'next-stage';
  const message = `would pass the stage at a time that the requester chooses (deadlineAt): let it expire`;
  return [
    ...(compiled.ok
      ? []
      : [{ pointer: `${at}/deadlineAt`, message: `deadline: ${compiled.message}` }]),
    ...(passes ? [{ pointer: `${at}/onTimeout`, message }] : []),
  ];
}

/** A stage asks one role, or parallel groups. */
function kindProblems(stage: Fields, at: string): PolicyProblem[] {
  const has = (field: string): boolean => stage[field] !== undefined;
  if (has('parallel'))
    return ['role', 'quorum', 'rejectQuorum'].filter(has).map((field) => ({
      pointer: `${at}/${field}`,
      message: `a stage with parallel groups has no ${field} of its own: put it into the groups`,
    }));
  const missing = ['role', 'quorum'].filter((field) => !has(field));
  return [
    ...missing.map((field) => ({ pointer: `${at}/${field}`, message: 'is required' })),
    ...(has('join') ? [{ pointer: `${at}/join`, message: 'is for parallel groups only' }] : []),
  ];
}

function timeProblems(stage: Fields, at: string): PolicyProblem[] {
  const { deadline, reminders, escalations } = stage;
  if (!isUsableDuration(deadline)) return [];
  const times: readonly (readonly [string, unknown])[] = [
    ...arrayOf(reminders).map((after, index) => [`${at}/reminders/${index}`, after] as const),
    ...entriesOf(escalations, POLICY_LIMITS.escalations).map(
      ([row, index]) => [`${at}/escalations/${index}/after`, row['after']] as const,
    ),
  ];
  return times
    .filter(([, after]) => isUsableDuration(after) && isLonger(after, deadline))
    .map(([pointer]) => ({
      pointer,
      message: `comes after the deadline of the stage (${deadline})`,
    }));
}

function groupNames(stage: Fields, at: string): PolicyProblem[] {
  const groups = entriesOf(stage['parallel'], POLICY_LIMITS.groups).map(
    ([group, index]) => [{ name: group['name'] ?? group['role'] }, index] as const,
  );
  return repeatedNames(groups, `${at}/parallel`, 'group');
}

function repeatedNames(
  entries: readonly (readonly [Fields, number])[],
  at: string,
  what: string,
): PolicyProblem[] {
  const seen = new Set<unknown>();
  return entries.flatMap(([{ name }, index]) => {
    if (typeof name !== 'string') return [];
    const repeated = seen.has(name);
    seen.add(name);
    const message = `a second ${what} is named ${JSON.stringify(name.slice(0, POLICY_LIMITS.name))}`;
    return repeated ? [{ pointer: `${at}/${index}/name`, message }] : [];
  });
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, POLICY_LIMITS.reminders) : [];
}

/** The objects of a list with their places; not more than a document may have. */
function entriesOf(value: unknown, most: number): (readonly [Fields, number])[] {
  if (!Array.isArray(value)) return [];
  const items: readonly unknown[] = value.slice(0, most);
  return items.flatMap((item, index) => (isFields(item) ? [[item, index] as const] : []));
}
