import type pg from 'pg';
import { applyRoles, RolesMissing } from '../prisma/roles.ts';
import { SetupError } from './setup-error.ts';

/** As `applyRoles`. @throws SetupError with what an administrator has to run. */
export async function applyRolesInWords(client: pg.Client): Promise<void> {
  try {
    await applyRoles(client);
  } catch (error) {
    if (error instanceof RolesMissing) throw new SetupError(error.message, { cause: error });
    throw error;
  }
}
