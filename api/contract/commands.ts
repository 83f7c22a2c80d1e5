import { z } from 'zod';
import { entityId, instant, words } from './common.ts';
import { attachmentsSchema, submissionEnvelope } from './submission.ts';

// What people and apps say with the commands on a request that are not decisions. @source product contract 3.2

const text = (max: number) => z.string().max(max);
const id = z.uuid('is an id that an earlier answer gave');

export const questionBody = z.strictObject({ text: words(10_000) }).meta({ id: 'Question' });

export const answerBody = z
  .strictObject({ questionId: id, text: words(20_000) })
  .meta({ id: 'QuestionAnswer' });

export const commentBody = z
  .strictObject({ text: words(10_000), replyTo: id.optional() })
  .meta({ id: 'Comment' });

/** Each field that is sent takes the place of the one that was there, as a whole. */
export const amendmentBody = z
  .strictObject({
    title: submissionEnvelope.title.optional(),
    summary: submissionEnvelope.summary,
    action: submissionEnvelope.action.optional(),
    context: z
      .record(z.string(), z.unknown())
      .meta({ description: 'as in the submission of the same kind' })
      .optional(),
    riskTier: submissionEnvelope.riskTier,
    attachments: attachmentsSchema,
    callbackUrl: submissionEnvelope.callbackUrl,
  })
  .meta({ id: 'Amendment' });

export const claimBody = z.strictObject({}).meta({ id: 'Claim' });

const isInOrder = (body: { from?: string | undefined; until: string }): boolean =>
  body.from === undefined || body.from < body.until;

export const requestDelegationBody = z
  .strictObject({
    to: entityId,
    from: instant.optional().describe('now when absent'),
    until: instant,
    reason: text(10_000),
  })
  .refine(isInOrder, { path: ['until'], error: 'is not after "from"' })
  .meta({ id: 'RequestDelegation' });

export const reassignmentBody = z
  .strictObject({ from: entityId, to: entityId, reason: text(10_000) })
  .meta({ id: 'Reassignment' });

export const escalationBody = z
  .strictObject({
    to: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,63}$/, 'is a role')
      .optional()
      .describe('a role that the rule escalates to; the next one when absent'),
    reason: text(10_000),
  })
  .meta({ id: 'Escalation' });

export const reviewBody = z
  .strictObject({ verdict: z.enum(['justified', 'not_justified']), reason: text(10_000) })
  .meta({ id: 'BreakGlassReview' });

export const discussionShape = z.object({
  items: z.array(
    z.object({
      kind: z.enum(['question', 'answer', 'comment']),
      id: z.string(),
      by: z.object({ type: z.enum(['app', 'person']), id: z.string() }),
      at: instant,
      text: z.string().nullable(),
      questionId: z.string().nullable(),
      open: z
        .boolean()
        .nullable()
        .meta({ description: 'of a question: whether it stops the clock' }),
      due: instant.nullable(),
    }),
  ),
});
