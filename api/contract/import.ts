import { z } from 'zod';

export const importQuery = z.strictObject({
  dryRun: z
    .enum(['true', 'false'])
    .optional()
    .meta({ description: 'true: says what would change, and changes nothing' }),
});

/** Rows are checked one by one, so that every problem is named with its line. */
export const importBody = z.strictObject({ people: z.array(z.unknown()).max(20_000) }).meta({
  id: 'ImportOfPeople',
  description:
    'each with id, and any of name, team, region, roles; as CSV: a header with these columns, roles separated by semicolons',
});

const problem = z.object({
  line: z.int(),
  column: z.string().nullable(),
  message: z.string(),
});

const change = z.object({
  line: z.int().meta({ description: 'of the CSV file, or the place in the list, from 1' }),
  id: z.string(),
  change: z.enum(['added', 'changed']),
  fields: z.array(
    z.object({
      field: z.string(),
      before: z.string().nullable(),
      after: z.string().nullable(),
    }),
  ),
  granted: z.array(z.string()),
});

export const importReport = z
  .object({
    dryRun: z.boolean(),
    rows: z.int(),
    added: z.int(),
    changed: z.int(),
    unchanged: z.int(),
    changes: z.array(change),
    problems: z.array(problem),
  })
  .meta({ id: 'ImportReport' });
