import type * as z from 'zod';
import type { Group, Policy, Rule, Stage } from '../domain/policy.ts';
import type { PolicyProblem } from '../domain/policy-problems.ts';
import { documentProblems } from './policy-checks.ts';
import { readablePolicy } from './policy-draft.ts';
import {
  policySchema,
  type PolicyShape,
  type RuleShape,
  type StageShape,
} from './policy-schema.ts';
import { readPolicySource, type Locate, type PolicyFormat } from './policy-source.ts';

export type { PolicyFormat } from './policy-source.ts';

/** A policy document as it was written, as JSON: what is stored, shown and digested. */
export type PolicyDocument = Readonly<Record<string, unknown>>;

export type PolicyParse =
  | {
      readonly ok: true;
      /** With version 0, until it gets one. */
      readonly policy: Policy;
      readonly document: PolicyDocument;
    }
  | {
      readonly ok: false;
      readonly problems: PolicyProblem[];
      /** What can be understood of it, for problems of another kind; see policy-draft.ts. */
      readonly readable: Policy | null;
    };

const MOST_PROBLEMS = 200;
const LONGEST_MESSAGE = 400;

/** Fields people ask for that are not there yet. */
const NOT_YET: Readonly<Record<string, string>> = {
  context: 'context schemas of a policy are not supported yet',
  contextSchema: 'context schemas of a policy are not supported yet',
};

/**
 * Reads a policy file.
 *
 * @param format `auto` takes a text that is JSON as JSON, everything else as YAML.
 * @returns the policy, or everything that is wrong with it: syntax with line and column, else shape and
 *          conditions by JSON Pointer, with line and column in the message. @throws never.
 * @source product contract 5; docs/adr/0004-policies.md
 */
export function parsePolicy(text: string, format: PolicyFormat): PolicyParse {
  const source = readPolicySource(text, format);
  if (!source.ok) return { ok: false, problems: atMost(source.problems, nowhere), readable: null };
  return parseDocumentAt(source.value, source.locate);
}

/** The same for a document that is JSON already, as it comes through the API. @throws never. */
export function parsePolicyDocument(value: unknown): PolicyParse {
  return parseDocumentAt(value, nowhere);
}

/**
 * @param document one that `parsePolicy` accepted, now or when it was published: conditions are not
 *        checked again, so that a published version stays what it is.
 * @throws TypeError when `document` has another shape.
 */
export function toPolicy(document: PolicyDocument, version: number): Policy {
  const parsed = policySchema.safeParse(document);
  if (!parsed.success) throw new TypeError('not a policy document', { cause: parsed.error });
  return policyOf(parsed.data, version);
}

const nowhere: Locate = () => null;

function parseDocumentAt(value: unknown, locate: Locate): PolicyParse {
  try {
    const parsed = policySchema.safeParse(value);
    const shape = parsed.success
      ? []
      : parsed.error.issues.flatMap((issue) => toProblems(issue, value));
    // A text in the place of a list also has a length: only the first thing is said of one place.
    const first = new Map(shape.toReversed().map((one) => [one.pointer, one]));
    const problems = [
      ...shape.filter((one) => first.get(one.pointer) === one),
      ...documentProblems(value),
    ];
    if (parsed.success && problems.length === 0)
      return { ok: true, policy: policyOf(parsed.data, 0), document: value as PolicyDocument };
    return { ok: false, problems: atMost(problems, locate), readable: readablePolicy(value) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const problems = [{ pointer: '', message: 'nested too deeply' }];
    return { ok: false, problems, readable: null };
  }
}

function located(problem: PolicyProblem, locate: Locate): PolicyProblem {
  const place = locate(problem.pointer);
  const message = problem.message.slice(0, LONGEST_MESSAGE);
  return { pointer: problem.pointer, message: place === null ? message : `${message} (${place})` };
}

/** What a person can read of a list of problems, each with its place. */
function atMost(problems: readonly PolicyProblem[], locate: Locate): PolicyProblem[] {
  const shown = problems.slice(0, MOST_PROBLEMS).map((problem) => located(problem, locate));
  const rest = problems.length - shown.length;
  return rest === 0 ? shown : [...shown, { pointer: '', message: `and ${rest} more` }];
}

/**
 * Problems that were found in what a text means, with their places in it.
 *
 * @param text one that `parsePolicy` could read.
 */
export function withPlaces(
  problems: readonly PolicyProblem[],
  { source: text, format }: { readonly source: string; readonly format: PolicyFormat },
): PolicyProblem[] {
  if (problems.length === 0) return [];
  const source = readPolicySource(text, format);
  return atMost(problems, source.ok ? source.locate : nowhere);
}

/** Adds problems of another kind, except at places that have one already; not too many in all. */
export function withMore(
  problems: readonly PolicyProblem[],
  more: readonly PolicyProblem[],
): PolicyProblem[] {
  const named = new Set(problems.map(({ pointer }) => pointer));
  const added = more.filter(({ pointer }) => !named.has(pointer));
  const room = Math.max(0, MOST_PROBLEMS - problems.length);
  if (added.length <= room) return [...problems, ...added];
  const rest = { pointer: '', message: `and ${added.length - room} more` };
  return [...problems, ...added.slice(0, room), rest];
}

function toProblems(issue: z.core.$ZodIssue, document: unknown): PolicyProblem[] {
  const pointer = pointerOf(issue.path);
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      pointer: `${pointer}${pointerOf([key])}`,
      message:
        (Object.hasOwn(NOT_YET, key) ? NOT_YET[key] : null) ??
        `unknown field "${key.slice(0, 60)}"`,
    }));
  const value = valueAt(document, issue.path);
  if (issue.code === 'invalid_union') return unionProblems(issue, { value, pointer, document });
  return [{ pointer, message: messageOf(issue, value) }];
}

/** Where a text or a list of texts may stand: what is wrong with the one that was written. */
function unionProblems(
  issue: Extract<z.core.$ZodIssue, { readonly code: 'invalid_union' }>,
  at: { readonly value: unknown; readonly pointer: string; readonly document: unknown },
): PolicyProblem[] {
  const { value, pointer, document } = at;
  const [asText, asList] = issue.errors;
  const meant = Array.isArray(value) ? asList : typeof value === 'string' ? asText : undefined;
  if (meant === undefined) {
    const message = `must be text or a list of texts, not ${kindOf(value)}${hint('string', value)}`;
    return [{ pointer, message }];
  }
  return meant.flatMap((inner) =>
    toProblems({ ...inner, path: [...issue.path, ...inner.path] }, document),
  );
}

function messageOf(issue: z.core.$ZodIssue, value: unknown): string {
  if (value === undefined) return 'is required';
  if (issue.code === 'invalid_type' && !issue.message.startsWith('must '))
    return `must be ${KINDS[issue.expected] ?? issue.expected}, not ${kindOf(value)}${hint(issue.expected, value)}`;
  if (issue.code === 'invalid_value')
    return `must be one of ${issue.values.map(String).join(', ')}`;
  return issue.message;
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  array: 'a list',
};

function kindOf(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return KINDS['array'] ?? 'a list';
  return KINDS[typeof value] ?? typeof value;
}

function hint(expected: string, value: unknown): string {
  const plain = typeof value === 'number' || typeof value === 'boolean';
  return expected === 'string' && plain ? ': put it in quotes' : '';
}

function valueAt(document: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        ? (value as Readonly<Record<PropertyKey, unknown>>)[key]
        : undefined,
    document,
  );
}

function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

function policyOf(shape: PolicyShape, version: number): Policy {
  const { id, kind, enabled, controls, tier } = shape;
  return {
    id,
    version,
    kind,
    enabled,
    when: shape.when ?? null,
    objective: shape.objective ?? null,
    owner: shape.owner ?? null,
    reviewBy: shape.reviewBy ?? null,
    effective: shape.effective ?? null,
    mode: shape.mode,
    requireAcknowledgement: shape.requireAcknowledgement,
    controls,
    tier,
    rules: shape.rules.map(ruleOf),
  };
}

function ruleOf(shape: RuleShape): Rule {
  const { name, effect, controls, override, receipt } = shape;
  return {
    name,
    when: shape.when ?? null,
    effect,
    controls,
    stages: shape.stages.map(stageOf),
    requireView: shape.requireView ?? null,
    override:
      override === undefined ? null : { ...override, breakGlass: override.breakGlass ?? null },
    slack:
      shape.slack === undefined ? null : { ...shape.slack, channel: shape.slack.channel ?? null },
    receipt,
  };
}

function stageOf(shape: StageShape): Stage {
  const { name, reminders, escalations, onTimeout, distinctFrom, assurance } = shape;
  const groups = shape.parallel?.map((group) => ({
    name: group.name ?? group.role,
    role: group.role,
    quorum: group.quorum,
    rejectQuorum: group.rejectQuorum,
    ...askedOf(shape, group),
  }));
  return {
    name,
    groups: groups ?? [plainGroup(shape)],
    join: shape.join ?? 'all',
    deadline: shape.deadline ?? null,
    reminders,
    escalations,
    onTimeout,
    distinctFrom,
    assurance,
    calendar: shape.calendar ?? null,
    deadlineAt: shape.deadlineAt ?? null,
  };
}

function plainGroup(shape: StageShape): Group {
  const { name, role, quorum, rejectQuorum } = shape;
  if (role === undefined || quorum === undefined) throw new TypeError('a stage asks a role');
  return { name, role, quorum, rejectQuorum: rejectQuorum ?? 1, ...askedOf(shape, {}) };
}

/** What a stage asks of reviewers it asks in each of its groups; a group may ask for more. */
function askedOf(
  stage: StageShape,
  group: Pick<StageShape, 'conditions' | 'trainings'>,
): Pick<Group, 'conditions' | 'trainings'> {
  const { team = [], region = [] } = { ...stage.conditions, ...definedOf(group.conditions) };
  return {
    conditions: { team, region },
    trainings: [...(stage.trainings ?? []), ...(group.trainings ?? [])],
  };
}

/** A group's own list replaces the stage's; an empty one says nothing. */
function definedOf(conditions: StageShape['conditions']): Partial<Group['conditions']> {
  const { team = [], region = [] } = conditions ?? {};
  return { ...(team.length > 0 && { team }), ...(region.length > 0 && { region }) };
}
