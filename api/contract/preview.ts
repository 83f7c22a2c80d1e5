import { z } from 'zod';

/** What would become of a request, were it submitted now. */
export const previewShape = z
  .object({
    policy: z.object({ id: z.string(), version: z.int() }),
    rule: z.string(),
    effect: z.enum(['approve', 'reject', 'review']),
    stages: z
      .array(
        z.object({
          name: z.string(),
          role: z.string(),
          needed: z.int().meta({ description: 'approvals that are enough' }),
          eligible: z.array(z.string()).meta({ description: 'when the stage opens' }),
          excluded: z.array(z.object({ person: z.string(), reason: z.string() })),
        }),
      )
      .meta({ description: 'one per stage, or per group of a stage with parallel groups' }),
    satisfiable: z.boolean().meta({
      description: 'there are different people for every stage; true where nobody is asked',
    }),
    problems: z
      .array(z.string())
      .meta({ description: 'sentences; also of what only may go wrong' }),
  })
  .meta({ id: 'Preview' });
