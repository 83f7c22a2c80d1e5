import { z } from 'zod';

/**
 * RFC 3339, UTC, milliseconds, `Z`. Not before 1900: nothing here is older, and readers of dates take years
 * of two digits for others.
 */
export const instant = z.iso
  .datetime({ precision: 3, error: 'is an instant such as 2026-11-21T07:41:00.000Z' })
  .refine((text) => text >= '1900', 'is not before the year 1900')
  .meta({ description: 'RFC 3339, UTC, milliseconds, Z' });

/** As `visibleLength` of domain/visible-text.ts counts; a refusal of blanks and of what shows nothing. */
const VISIBLE = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{C}\p{M}\u2800]/u;

/** Words that a person reads: at least one character that can be seen. */
export const words = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((text) => text === '' || VISIBLE.test(text), 'holds nothing that can be seen');

export const digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'is 64 lower-case hex characters')
  .meta({ description: 'SHA-256, 64 lower-case hex characters' });

/** Of a person, an app, a policy, a vendor. */
export const entityId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'is an id: a-z, 0-9, dot, dash, underscore');

export const roleName = z.string().regex(/^[a-z][a-z0-9-]{0,63}$/, 'is a role: a-z, 0-9 and dash');

export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().meta({ description: 'stable; compare this, not the texts' }),
    errors: z.array(z.object({ pointer: z.string(), message: z.string() })),
    requestId: z.string(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details' });

const limit = z
  .string()
  .regex(/^(?:[1-9]\d?|1\d\d|200)$/, 'is a whole number from 1 to 200')
  .transform(Number)
  .default(50)
  .meta({ override: { type: 'integer', minimum: 1, maximum: 200, default: 50 } });

/** `?limit=&cursor=` of every list. */
export const pageQuery = {
  limit,
  cursor: z.string().min(1).max(500).optional(),
} as const;

/** Queries of routes that take none. */
export const noQuery = z.strictObject({});
