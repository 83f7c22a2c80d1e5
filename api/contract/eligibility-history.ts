import { z } from 'zod';
import { instant } from './common.ts';

export const eligibilityQuery = z.strictObject({
  at: instant.optional().meta({ description: 'not before the request, not to come; absent = now' }),
});

const name = z.string();
const toldBy = z.enum(['stage_opened', 'reminded', 'escalated']);

export const eligibilityShape = z
  .object({
    requestId: name,
    at: instant,
    status: z.enum([
      'held',
      'pending',
      'approved',
      'rejected',
      'expired',
      'withdrawn',
      'overridden',
    ]),
    policy: name.meta({ description: '<id>@<version>' }),
    rule: name,
    stage: z
      .object({
        name,
        index: z.int(),
        openedAt: instant,
        deadline: instant.nullable().meta({ description: 'as it was sealed at the opening' }),
        groups: z
          .array(z.object({ name, roles: z.array(name) }))
          .meta({ description: 'roles that could decide by then, escalations included' }),
      })
      .nullable(),
    eligible: z.array(
      z.object({
        person: name,
        groups: z.array(name).meta({ description: 'in which the decision could have counted' }),
        role: name,
        inPlaceOf: name.nullable().meta({ description: 'null = in their own right' }),
      }),
    ),
    excluded: z.array(
      z.object({
        person: name,
        reason: name.meta({ description: 'the refusal that they would have met' }),
        rule: name.meta({ description: 'a sentence: which rule excluded them' }),
      }),
    ),
    told: z.array(
      z.object({
        person: name.nullable().meta({ description: 'null = the name was erased' }),
        at: instant,
        by: toldBy,
        stage: z.int(),
      }),
    ),
    unnamed: z
      .array(z.object({ at: instant, by: toldBy, stage: z.int(), people: z.int() }))
      .meta({ description: 'told as well, by records that only say how many' }),
    decided: z.array(
      z.object({
        person: name.nullable(),
        verdict: z.enum(['approve', 'reject']),
        stage: name,
        at: instant,
        inPlaceOf: name.nullable(),
      }),
    ),
    counts: z
      .object({ eligible: z.int(), excluded: z.int(), told: z.int(), decided: z.int() })
      .meta({ description: 'how many there are; each list shows at most 1,000' }),
  })
  .meta({ id: 'EligibilityAt' });
