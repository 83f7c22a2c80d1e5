import { z } from 'zod';
import { entityId, instant, pageQuery, words } from './common.ts';

export const policyQuery = z.strictObject({
  ...pageQuery,
  review: z.literal('overdue').optional().meta({ description: 'only those whose review is due' }),
});

export const versionsQuery = z.strictObject(pageQuery);

const day = z.string().meta({ description: 'a day, such as 2027-01-31' });

export const policyShape = z
  .object({
    id: z.string(),
    version: z.int(),
    kind: z.string(),
    enabled: z.boolean(),
    mode: z.enum(['enforced', 'shadow']),
    standing: z
      .enum(['in-force', 'off', 'upcoming', 'shadow', 'superseded', 'built-in'])
      .meta({ description: 'where the version stands now' }),
    objective: z.string().nullable(),
    owner: z.string().nullable(),
    reviewBy: day.nullable(),
    reviewOverdue: z.boolean(),
    effective: instant,
    controls: z.array(z.string()),
    document: z.unknown(),
    source: z.string(),
    sourceSha256: z.string(),
    author: z.string(),
    createdAt: instant,
  })
  .meta({ id: 'PolicyVersion' });

export const policyDocument = z
  .looseObject({})
  .meta({ description: 'a policy document (docs/policies.md), as JSON or YAML' });

const difference = z.object({
  pointer: z.string(),
  change: z.enum(['added', 'removed', 'changed', 'moved']),
  words: z.string(),
});

export const diffShape = z
  .object({
    id: z.string(),
    from: z.int().nullable(),
    to: z.int(),
    changes: z.array(difference),
    unified: z.string(),
  })
  .meta({ id: 'PolicyDiff' });

export const proposedShape = z
  .object({
    request: z.string().meta({ description: 'the request that decides' }),
    version: z.int().meta({ description: 'the number that it gets when it is approved' }),
  })
  .meta({ id: 'ProposedPolicy' });

export const proposalShape = z
  .object({
    request: z.string(),
    policy: z.string(),
    version: z.int(),
    sourceSha256: z.string(),
    author: z.string(),
    state: z.enum(['open', 'published', 'rejected']),
    note: z
      .string()
      .nullable()
      .meta({ description: 'why it was not published, or what came after' }),
    createdAt: instant,
    closedAt: instant.nullable(),
  })
  .meta({ id: 'PolicyProposal' });

export const requestPolicyShape = z
  .object({
    name: z.string(),
    rule: z.object({ index: z.int(), name: z.string(), when: z.string().nullable() }),
    controls: z.array(z.string()),
    exceptions: z.array(
      z.object({ exception: z.string(), policy: z.string(), rule: z.string(), at: instant }),
    ),
    policy: policyShape,
    change: proposalShape
      .nullable()
      .meta({ description: 'what became of the version that the request is about' }),
  })
  .meta({ id: 'RequestPolicy' });

export const shadowQuery = z.strictObject({ from: instant.optional(), until: instant.optional() });

export const shadowShape = z
  .object({
    id: z.string(),
    from: instant.nullable(),
    until: instant.nullable(),
    versions: z.array(
      z.object({
        version: z.int(),
        evaluated: z.int(),
        differed: z.int(),
        effects: z.array(
          z.object({
            effect: z.enum(['approve', 'review', 'reject', 'none', 'error']),
            evaluated: z.int(),
            differed: z.int(),
          }),
        ),
      }),
    ),
  })
  .meta({ id: 'ShadowSummary' });

// ---- exceptions ----------------------------------------------------------------------------------

export const exceptionBody = z
  .strictObject({
    policy: entityId,
    rule: words(120),
    when: z.string().min(1).max(4_000).optional(),
    from: instant.optional(),
    until: instant,
    reason: words(10_000),
  })
  .meta({ id: 'NewException' });

export const exceptionsQuery = z.strictObject({ ...pageQuery, policy: entityId.optional() });

export const exceptionShape = z
  .object({
    id: z.string(),
    policy: z.string(),
    rule: z.string(),
    when: z.string().nullable(),
    from: instant,
    until: instant,
    reason: z.string(),
    state: z.enum(['waiting', 'upcoming', 'in-force', 'expired', 'ended']),
    author: z.string(),
    createdAt: instant,
    approver: z.string().nullable(),
    approvedAt: instant.nullable(),
    endedBy: z.string().nullable(),
    endedAt: instant.nullable(),
    uses: z.int(),
  })
  .meta({ id: 'Exception' });

// ---- acknowledgements ----------------------------------------------------------------------------

export const acknowledgementShape = z
  .object({
    person: z.string(),
    policy: z.string(),
    version: z.int(),
    at: instant,
  })
  .meta({ id: 'Acknowledgement' });

/** Of calls that say everything by being made. */
export const emptyBody = z.strictObject({}).meta({ id: 'Nothing' });
