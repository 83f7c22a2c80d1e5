import { fileURLToPath } from 'node:url';
import { migrate } from '../prisma/migrate.ts';
import { applyRolesInWords } from './roles.ts';
import { readConfig } from './config.ts';
import { SetupError } from './setup-error.ts';
import { runProgram } from './wire.ts';

/** Where the SQL lies. */
export const MIGRATIONS = fileURLToPath(new URL('../prisma/migrations', import.meta.url));

const HELP = `npm run migrate
Brings the database of DATABASE_URL to the newest schema. Safe to repeat and to run twice at once.
`;

if (import.meta.main)
  await runProgram(async () => {
    if (process.argv.includes('--help')) {
      process.stdout.write(HELP);
      return;
    }
    const { databaseUrl } = readConfig();
    if (databaseUrl === null)
      throw new SetupError(
        'DATABASE_URL is not set. The embedded database is migrated by `npm start` itself.',
      );
    const applied = await migrate(databaseUrl, MIGRATIONS, applyRolesInWords);
    for (const name of applied) process.stdout.write(`applied ${name}\n`);
    process.stdout.write(applied.length === 0 ? 'nothing to apply\n' : 'done\n');
  });
