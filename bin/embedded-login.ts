import type { RoleUse } from '../prisma/roles.ts';
import type { Config } from './config.ts';
import { embeddedDatabaseUrl } from './embedded/postgres.ts';
import { SetupError } from './setup-error.ts';

/**
 * For tools beside a running `npm start`: the configured database, else the embedded one.
 *
 * @throws SetupError where there is neither.
 */
export async function withEmbeddedLogin(config: Config, use: RoleUse): Promise<Config> {
  if (config.databaseUrl !== null || config.databaseLogins[use] !== null) return config;
  const login = await embeddedDatabaseUrl(config.dataDir, use);
  if (login === null)
    throw new SetupError('No database: start Countersign (`npm start`) or set DATABASE_URL.');
  return { ...config, databaseLogins: { ...config.databaseLogins, [use]: login } };
}
