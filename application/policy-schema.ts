import * as z from 'zod';
import { addDuration, isDuration, isInstant, type Duration } from '../domain/instant.ts';
import { EFFECTS, RISK_TIERS } from '../domain/policy.ts';
import { visibleLength } from '../domain/visible-text.ts';

/** Sizes of a policy document. What is larger could be published, but not reviewed by people. */
export const POLICY_LIMITS = {
  bytes: 256 * 1024,
  rules: 50,
  tierRules: 50,
  stages: 20,
  groups: 20,
  reminders: 20,
  escalations: 20,
  controls: 50,
  name: 120,
  text: 500,
  condition: 4_000,
  quorum: 100,
  values: 20,
  trainings: 20,
  minReason: 1_000,
} as const;

/** A fixed instant to compare durations from; months have no length of their own. */
const REFERENCE = '2026-01-01T00:00:00.000Z';
const LONGEST_DURATION = 'P10Y';

/** @returns true when `a` ends later than `b`. Both are durations. */
export function isLonger(a: Duration, b: Duration): boolean {
  return addDuration(REFERENCE, a) > addDuration(REFERENCE, b);
}

/** @returns true for an ISO 8601 duration above zero and up to ten years. */
export function isUsableDuration(text: unknown): text is Duration {
  if (typeof text !== 'string' || !isDuration(text)) return false;
  return addDuration(REFERENCE, text) > REFERENCE && !isLonger(text, LONGEST_DURATION);
}

function isDate(text: string): boolean {
  return isInstant(`${text}T00:00:00.000Z`);
}

const id = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]{0,63}$/,
    'must be 1 to 64 of a-z, 0-9, ".", "_", "-", a letter or digit first',
  );
const role = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,63}$/, 'must be a role: 1 to 64 of a-z, 0-9, "-", a letter first');

/** One line that a person reads; no control characters, no turning of the direction of text. */
function line(most: number): z.ZodType<string, string> {
  return z
    .string()
    .max(most, `must have at most ${most} characters`)
    .regex(
      /^[^\p{Cc}\p{Cs}\u2028\u2029\u202A-\u202E\u2066-\u2069]*$/u,
      'must be one line without control characters',
    )
    .refine((text) => visibleLength(Array.from(text)) > 0, 'must not be empty');
}

const name = line(POLICY_LIMITS.name);
const condition = z
  .string()
  .max(POLICY_LIMITS.condition, `must have at most ${POLICY_LIMITS.condition} characters`)
  .regex(/^[^\0\p{Cs}]*$/u, 'must not hold U+0000 or half of a surrogate pair');
const duration = z
  .string()
  .refine(
    isUsableDuration,
    'must be an ISO 8601 duration above zero and up to ten years, such as PT4H or P1D',
  );

function count(most: number): z.ZodNumber {
  const message = `must be a whole number from 1 to ${most}`;
  return z.number().int(message).min(1, message).max(most, message);
}

function listOf<T extends z.ZodType>(item: T, most: number): z.ZodArray<T> {
  return z.array(item).max(most, `must have at most ${most} entries`);
}

const quorum = count(POLICY_LIMITS.quorum);

const oneOf = z
  .union([line(POLICY_LIMITS.name), listOf(line(POLICY_LIMITS.name), POLICY_LIMITS.values)])
  .transform((value) => (typeof value === 'string' ? [value] : value));

const conditionsSchema = z.strictObject({ team: oneOf.default([]), region: oneOf.default([]) });

const trainingsSchema = listOf(
  z.strictObject({ course: id, version: count(1_000_000).default(1) }),
  POLICY_LIMITS.trainings,
);

const groupSchema = z.strictObject({
  name: name.optional().describe('the role when absent'),
  role,
  quorum,
  rejectQuorum: quorum.default(1),
  conditions: conditionsSchema.optional(),
  trainings: trainingsSchema.optional(),
});

const escalationSchema = z.strictObject({
  after: duration,
  to: role,
  mode: z.enum(['add', 'replace']).default('add'),
});

// A union of the two kinds of stage would answer "invalid input"; which fields belong together is
// checked in policy-checks.ts, in words.
const stageSchema = z.strictObject({
  name,
  role: role.optional(),
  quorum: quorum.optional(),
  rejectQuorum: quorum.optional().describe('1 when absent'),
  parallel: listOf(groupSchema, POLICY_LIMITS.groups)
    .min(2, 'must have at least two groups')
    .optional(),
  join: z.enum(['all', 'any']).optional().describe('with parallel only; all when absent'),
  deadline: duration.optional(),
  reminders: listOf(duration, POLICY_LIMITS.reminders).default([]),
  escalations: listOf(escalationSchema, POLICY_LIMITS.escalations).default([]),
  onTimeout: z.enum(['expire', 'next-stage', 'approve']).default('expire'),
  distinctFrom: listOf(name, POLICY_LIMITS.stages).default([]),
  assurance: z.literal([0, 1, 2, 3]).default(0),
  conditions: conditionsSchema.optional().describe('of every group of the stage'),
  trainings: trainingsSchema.optional().describe('of every group of the stage'),
  calendar: id.optional(),
  deadlineAt: condition.optional(),
});

const overrideSchema = z.strictObject({
  role,
  minReason: count(POLICY_LIMITS.minReason).default(20),
  effects: listOf(z.enum(['stop', 'reverse', 'force']), 3)
    .min(1, 'must name at least one effect')
    .default(['stop', 'reverse', 'force']),
  assurance: z.literal([0, 1, 2, 3]).default(0),
  secondPerson: listOf(z.enum(['stop', 'reverse', 'force']), 3).default([]),
  breakGlass: z.strictObject({ role, due: duration.default('P3D') }).optional(),
});

const slackSchema = z.strictObject({
  channel: z
    .string()
    .regex(/^#[\p{L}\p{N}._-]{1,80}$/u, 'must be a channel by its #name')
    .optional(),
  decide: z.enum(['allowed', 'notify-only', 'step-up']).default('allowed'),
  maxDataClass: z.enum(['public', 'internal', 'confidential', 'personal']).default('internal'),
});

const ruleSchema = z.strictObject({
  name,
  when: condition.optional(),
  effect: z.enum(EFFECTS),
  controls: listOf(line(POLICY_LIMITS.name * 2), POLICY_LIMITS.controls).default([]),
  stages: listOf(stageSchema, POLICY_LIMITS.stages).default([]),
  requireView: z.boolean().optional(),
  override: overrideSchema.optional(),
  slack: slackSchema.optional(),
  receipt: z.strictObject({ validFor: duration.default('PT1H') }).default({ validFor: 'PT1H' }),
});

/**
 * A policy document as it is written (product contract 5). Shape only: conditions, times that depend on
 * each other and fields that belong together are checked by `documentProblems`.
 *
 * @source docs/adr/0004-policies.md
 */
export const policySchema = z.strictObject({
  id,
  kind: id,
  enabled: z.boolean().default(true),
  when: condition.optional(),
  objective: line(POLICY_LIMITS.text).optional(),
  controls: listOf(line(POLICY_LIMITS.name * 2), POLICY_LIMITS.controls).default([]),
  owner: line(POLICY_LIMITS.name).optional(),
  reviewBy: z.string().refine(isDate, 'must be a date that exists, such as 2027-01-31').optional(),
  effective: z
    .string()
    .refine(isInstant, 'must be an instant such as 2027-01-31T00:00:00.000Z')
    .optional(),
  mode: z.enum(['enforced', 'shadow']).default('enforced'),
  requireAcknowledgement: z.boolean().default(false),
  tier: listOf(
    z.strictObject({ when: condition, atLeast: z.enum(RISK_TIERS) }),
    POLICY_LIMITS.tierRules,
  ).default([]),
  rules: listOf(ruleSchema, POLICY_LIMITS.rules).min(1, 'must have at least one rule'),
});

export type PolicyShape = z.output<typeof policySchema>;
export type StageShape = z.output<typeof stageSchema>;
export type RuleShape = z.output<typeof ruleSchema>;
