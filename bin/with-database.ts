import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { RoleUse } from '../prisma/roles.ts';
import type { Config } from './config.ts';
import { tryLock } from './embedded/lock.ts';
import { embeddedDatabaseUrl, startPostgres } from './embedded/postgres.ts';
import { createReport } from './embedded/report.ts';
import { SetupError } from './setup-error.ts';

/**
 * For tools beside `npm start`, and for when it does not start: the configured database, else the embedded
 * one, which is started for the time of the work where it does not run.
 *
 * @throws SetupError where there is neither; what the work throws.
 */
export async function withDatabase<T>(
  config: Config,
  use: RoleUse,
  work: (config: Config) => Promise<T>,
): Promise<T> {
  if (config.databaseUrl !== null || config.databaseLogins[use] !== null) return work(config);
  const login = await embeddedDatabaseUrl(config.dataDir, use);
  return login === null ? whileItRuns(config, use, work) : work(withLogin(config, use, login));
}

function withLogin(config: Config, use: RoleUse, login: string): Config {
  return { ...config, databaseLogins: { ...config.databaseLogins, [use]: login } };
}

async function whileItRuns<T>(
  config: Config,
  use: RoleUse,
  work: (config: Config) => Promise<T>,
): Promise<T> {
  const { dataDir, cacheDir } = config;
  if (!existsSync(join(dataDir, 'postgres')))
    throw new SetupError('No database: start Countersign (`npm start`) or set DATABASE_URL.');
  const lock = tryLock(join(dataDir, 'run.lock'), 'a tool that needs the database for a moment');
  if (lock.kind === 'taken')
    throw new SetupError(`The database is not there yet: ${lock.by.about} (pid ${lock.by.pid}).`);
  try {
    // What the tool itself says is its standard output.
    const report = createReport(process.stderr);
    const postgres = await startPostgres({ dataDir, cacheDir, report });
    try {
      return await work(withLogin(config, use, postgres.logins[use]));
    } finally {
      await postgres.stop();
    }
  } finally {
    lock.release();
  }
}
