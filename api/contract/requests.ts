import { z } from 'zod';
import { digest, entityId, instant, pageQuery, words } from './common.ts';

const text = (max: number) => z.string().max(max);

export const decisionBody = z
  .strictObject({
    verdict: z.enum(['approve', 'reject']),
    rationale: text(10_000).optional(),
    contentDigest: digest,
    conditions: z.array(words(2_000)).max(50).optional(),
    acknowledgements: z.array(words(200)).max(200).optional(),
  })
  .meta({ id: 'Decision' });

export const overrideBody = z
  .strictObject({
    effect: z.enum(['stop', 'reverse', 'force']),
    reason: text(10_000),
    breakGlass: z
      .boolean()
      .optional()
      .meta({ description: 'at once and alone, owing a review, where the rule allows it' }),
  })
  .meta({ id: 'Override' });

export const withdrawalBody = z
  .strictObject({ reason: text(10_000).optional() })
  .meta({ id: 'Withdrawal' });

export const listQuery = z.strictObject({
  ...pageQuery,
  status: z
    .enum(['held', 'pending', 'approved', 'rejected', 'expired', 'withdrawn', 'overridden'])
    .optional(),
  kind: entityId.optional(),
  eligible: z.literal('me').optional(),
  order: z
    .enum(['newest', 'urgent'])
    .default('newest')
    .meta({ description: 'urgent: pending ones only, the earliest deadline first' }),
});

/** Any ISO 8601 duration; what is longer than PT60S is taken as PT60S. */
export const waitQuery = z.strictObject({
  wait: z
    .string()
    .max(40)
    .regex(
      /^P(?=[\dT])(?:\d+Y)?(?:\d+M)?(?:\d+W)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+(?:[.,]\d+)?S)?)?$/,
      'is a duration such as PT30S',
    )
    .optional(),
});

/** `since`: size of a checkpoint that the reader holds; the bundle then shows that the log only grew. */
export const evidenceQuery = z.strictObject({
  since: z
    .string()
    .regex(/^[1-9]\d{0,15}$/, 'is the size of a checkpoint')
    .transform(Number)
    .refine(Number.isSafeInteger, 'is the size of a checkpoint')
    .meta({ override: { type: 'integer', minimum: 1 } })
    .optional(),
});

const resolution = z
  .object({
    kind: z.enum(['approved', 'rejected', 'expired', 'withdrawn', 'overridden']),
    effect: z.enum(['stop', 'reverse', 'force']).nullable(),
    mayProceed: z.boolean().meta({ description: 'the one thing an executor looks at' }),
    at: instant,
    by: z.array(z.string()),
    reason: z.string().nullable(),
  })
  .meta({ id: 'Resolution' });

export const requestShape = z
  .object({
    id: z.string(),
    kind: z.string(),
    title: z.string(),
    status: z.enum([
      'held',
      'pending',
      'approved',
      'rejected',
      'expired',
      'withdrawn',
      'overridden',
    ]),
    revision: z.int().meta({ description: 'rises with each change that a reader can see' }),
    riskTier: z.enum(['low', 'medium', 'high']),
    actionDigest: digest,
    contentDigest: digest,
    policy: z.object({ id: z.string(), version: z.int(), rule: z.string() }),
    stage: z
      .object({
        name: z.string(),
        index: z.int(),
        of: z.int(),
        approvals: z.int(),
        rejections: z.int(),
        needed: z.int(),
        deadline: instant.nullable(),
        eligible: z.array(z.string()),
        decided: z.array(z.string()),
      })
      .nullable(),
    heldBy: z.array(z.object({ fact: z.string(), reason: z.string() })),
    decisions: z.array(
      z.object({
        person: z.string(),
        delegatedBy: z.string().nullable(),
        verdict: z.enum(['approve', 'reject']),
        stage: z.string(),
        at: instant,
      }),
    ),
    resolution: resolution.nullable(),
    controls: z.array(z.string()).meta({ description: 'what policy and rule support' }),
    claims: z.array(z.object({ person: z.string(), until: instant })),
    pausedSince: instant.nullable().meta({ description: 'an open question stops the clock' }),
    openQuestions: z.array(z.string()),
    proposals: z
      .array(
        z.object({
          person: z.string(),
          effect: z.enum(['stop', 'reverse', 'force']),
          at: instant,
        }),
      )
      .meta({ description: 'overrides that wait for a second person' }),
    debt: z
      .object({
        id: z.string(),
        person: z.string(),
        role: z.string(),
        due: instant,
        status: z.enum(['open', 'overdue', 'settled']),
        reviewedBy: z.string().nullable(),
        verdict: z.enum(['justified', 'not_justified']).nullable(),
      })
      .nullable()
      .meta({ description: 'the review that acting at once owes' }),
    reopens: z.string().nullable(),
    requester: z.object({ type: z.enum(['app', 'person']), id: z.string() }),
    createdAt: instant,
    links: z.object({
      self: z.string(),
      chain: z.string(),
      policy: z.string(),
      console: z.string(),
    }),
  })
  .meta({ id: 'Request' });

const sealedRecord = z.object({ seq: z.int(), leafHash: digest, index: z.int().nullable() });

export const commandAnswer = z
  .object({
    outcome: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('counted'), approvals: z.int(), needed: z.int() }),
      z.object({ kind: z.literal('settled'), resolution }),
      z.object({
        kind: z.literal('done'),
        questionId: z.string().optional(),
        answerId: z.string().optional(),
        delegationId: z.string().optional(),
        commentId: z.string().optional(),
      }),
      z.object({ kind: z.literal('recorded') }),
      z.object({ kind: z.literal('refused'), reason: z.string(), text: z.string() }),
    ]),
    record: sealedRecord.nullable(),
    request: requestShape.nullable(),
  })
  .meta({ id: 'CommandAnswer' });

export const viewShape = z
  .object({
    requestId: z.string(),
    contentDigest: digest,
    content: z.unknown().meta({ description: 'everything submitted' }),
    policy: z.object({ id: z.string(), version: z.int(), name: z.string() }),
    rule: z.object({ name: z.string(), when: z.string().nullable() }),
    exceptions: z
      .array(z.object({ exception: z.string(), policy: z.string(), rule: z.string() }))
      .meta({ description: 'rules that were left out because of an exception' }),
    stage: z.unknown(),
    excluded: z.array(z.object({ person: z.string(), reason: z.string() })),
    discussion: z
      .unknown()
      .meta({ description: 'questions, answers and comments with their words' }),
    record: sealedRecord.nullable(),
  })
  .meta({ id: 'View' });

export const chainShape = z
  .object({
    requestId: z.string(),
    records: z.array(
      z.object({
        seq: z.int(),
        index: z.int().nullable(),
        leafHash: digest,
        bytes: z.string().meta({ description: 'base64 of the exact record' }),
      }),
    ),
    checkpoint: z.string().nullable(),
  })
  .meta({ id: 'Chain' });
