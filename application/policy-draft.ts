import type {
  Effect,
  Escalation,
  Group,
  OnTimeout,
  Policy,
  Rule,
  Stage,
} from '../domain/policy.ts';
import { EFFECTS } from '../domain/policy.ts';
import { POLICY_LIMITS } from './policy-schema.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * What can be understood of a policy document that cannot be published: everything keeps its place, and
 * what cannot be read becomes something that no rule objects to. So the problems of satisfiability can be
 * listed together with those of shape, and none of them follows from a problem that is listed already.
 *
 * @param document JSON of any shape.
 * @returns a policy for `policyProblems` and nothing else; null where there are no rules to speak of, or
 *          nobody can say whether it is enabled. @throws never.
 * @source product contract 3.2, fine print; docs/adr/0004-policies.md
 */
export function readablePolicy(document: unknown): Policy | null {
  if (!isFields(document) || !Array.isArray(document['rules'])) return null;
  const { enabled = true } = document;
  if (typeof enabled !== 'boolean') return null;
  return {
    id: textOr(document['id'], ''),
    version: 0,
    kind: '',
    enabled,
    when: null,
    objective: null,
    owner: null,
    reviewBy: null,
    effective: null,
    mode: 'enforced',
    requireAcknowledgement: false,
    controls: [],
    tier: [],
    rules: document['rules'].slice(0, POLICY_LIMITS.rules).map(ruleOf),
  };
}

/** Nobody holds it and nobody misses it: see `isReadable`. */
const UNREADABLE = '\0';

/** @returns false for a role or a name that stands for one that could not be read. */
export function isReadable(word: string): boolean {
  return !word.startsWith(UNREADABLE);
}

function ruleOf(value: unknown, index: number): Rule {
  const fields = isFields(value) ? value : null;
  const stages = listOf(fields?.['stages'], POLICY_LIMITS.stages).map(stageOf);
  const { effect } = fields ?? {};
  return {
    name: textOr(fields?.['name'], `number ${index + 1}`),
    // A condition that cannot be read is one all the same: it does not match always.
    when: fields !== null && fields['when'] === undefined ? null : 'false',
    effect: isEffect(effect) ? effect : stages.length > 0 ? 'review' : 'approve',
    controls: [],
    stages,
    requireView: null,
    override: null,
    slack: null,
    receipt: { validFor: 'PT1H' },
  };
}

function isEffect(value: unknown): value is Effect {
  return (EFFECTS as readonly unknown[]).includes(value);
}

function stageOf(value: unknown, index: number, all: readonly unknown[]): Stage {
  const fields: Fields = isFields(value) ? value : {};
  const isNameless = (one: unknown): boolean => !isFields(one) || typeof one['name'] !== 'string';
  // Which stage a later one means can be said only where every earlier one has a name.
  const namesAreKnown = !all.slice(0, index).some(isNameless);
  return {
    name: textOr(fields['name'], `${UNREADABLE}${index}`),
    groups: groupsOf(fields),
    join: 'all',
    // One that cannot be read is there all the same.
    deadline: fields['deadline'] === undefined ? null : 'PT1H',
    reminders: [],
    escalations: listOf(fields['escalations'], POLICY_LIMITS.escalations).map(escalationOf),
    onTimeout: onTimeoutOf(fields['onTimeout']),
    distinctFrom: namesAreKnown
      ? listOf(fields['distinctFrom'], POLICY_LIMITS.stages).map((name) => textOr(name, UNREADABLE))
      : [],
    assurance: 0,
    calendar: null,
    deadlineAt: null,
  };
}

function groupsOf(fields: Fields): Group[] {
  const { parallel } = fields;
  if (parallel === undefined) return [groupOf(fields)];
  const groups = listOf(parallel, POLICY_LIMITS.groups).map(groupOf);
  // With fewer than two, places would read as those of a plain stage.
  const missing = Math.max(0, 2 - groups.length);
  return [...groups, ...Array.from({ length: missing }, () => groupOf(null))];
}

function groupOf(value: unknown): Group {
  const fields: Fields = isFields(value) ? value : {};
  const { quorum } = fields;
  const role = textOr(fields['role'], UNREADABLE);
  const people = typeof quorum === 'number' && quorum >= 1 ? quorum : 1;
  return {
    name: role,
    role,
    quorum: people,
    rejectQuorum: 1,
    conditions: { team: [], region: [] },
    trainings: [],
  };
}

function escalationOf(value: unknown, index: number): Escalation {
  const to = isFields(value) ? value['to'] : null;
  return { after: 'PT1H', to: textOr(to, `${UNREADABLE}${index}`), mode: 'add' };
}

function onTimeoutOf(value: unknown): OnTimeout {
  return value === 'next-stage' || value === 'approve' ? value : 'expire';
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === 'string' && isReadable(value) ? value : otherwise;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listOf(value: unknown, most: number): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, most) : [];
}
