import { z } from 'zod';
import { entityId, instant, pageQuery, roleName, words } from './common.ts';

// Absences, delegations and trainings: what changes who may decide, for a time.

/** As domain/instant.ts reads durations. */
const DURATION =
  /^P(?!$)(?:\d{1,4}W|(?:\d{1,3}Y)?(?:\d{1,4}M)?(?:\d{1,5}D)?(?:T(?=\d)(?:\d{1,6}H)?(?:\d{1,6}M)?(?:\d{1,7}S)?)?)$/;

const span = { from: instant, until: instant };
const kindName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'is a kind of request');

const recorded = {
  id: z.string(),
  person: z.string(),
  ...span,
  recordedBy: z.string(),
  createdAt: instant,
};

const cancelled = {
  cancelledAt: instant.nullable().meta({ description: 'first instant without it' }),
  reason: z
    .string()
    .nullable()
    .meta({ description: 'null where there is none, or where it is not for the caller to read' }),
};

export const newAbsenceBody = z
  .strictObject({ ...span, deputy: entityId.optional(), reason: words(2_000).optional() })
  .meta({ id: 'NewAbsence' });

export const absenceShape = z
  .object({ ...recorded, deputy: z.string().nullable(), ...cancelled })
  .meta({ id: 'Absence' });

export const newDelegationBody = z
  .strictObject({
    to: entityId,
    from: instant.optional(),
    until: instant,
    reason: words(2_000),
    role: roleName.optional(),
    kind: kindName.optional(),
  })
  .meta({ id: 'NewDelegation' });

export const delegationShape = z
  .object({
    ...recorded,
    to: z.string(),
    role: z.string().nullable().meta({ description: 'null: all that may be passed on' }),
    kind: z.string().nullable().meta({ description: 'null: requests of every kind' }),
    ...cancelled,
  })
  .meta({ id: 'Delegation' });

export const newTrainingBody = z
  .strictObject({
    course: entityId,
    version: z.int().min(1).max(999_999),
    role: roleName.optional(),
    from: instant.optional(),
    until: instant.optional(),
    change: z.enum(['completed', 'waived']).default('completed'),
  })
  .meta({ id: 'NewTraining' });

export const trainingShape = z
  .object({
    ...recorded,
    until: instant.nullable().meta({ description: 'null: it does not expire' }),
    course: z.string(),
    version: z.int(),
    role: z.string().nullable(),
    change: z.string(),
    revokedAt: instant.nullable(),
  })
  .meta({ id: 'Training' });

export const trainingsQuery = z.strictObject({
  ...pageQuery,
  expiring: z
    .string()
    .regex(DURATION, 'is an ISO 8601 duration such as P30D')
    .optional()
    .meta({ description: 'only those that end within this time' }),
});
