import { readFileSync } from 'node:fs';
import { z } from 'zod';

const credentialsSchema = z.object({
  apiUrl: z.string(),
  temporalUiUrl: z.string().nullable(),
  /** The key is null where only a key service knows it. */
  log: z.object({ origin: z.string(), verifierKey: z.string().nullable() }),
  app: z.object({ id: z.string(), key: z.string() }),
  people: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      roles: z.array(z.string()),
      token: z.string(),
    }),
  ),
});

/** What `bin/prepare.ts` leaves for people who try the product on their own machine. */
export type DevCredentials = z.infer<typeof credentialsSchema>;

/** @returns null when there is no such file. */
export function readDevCredentials(path: string): DevCredentials | null {
  try {
    return credentialsSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
