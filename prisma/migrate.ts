import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';

/** Two programs that migrate at once wait for each other on this number. */
const LOCK = 7_203_114;

/** The table and columns are Prisma's own, so that `prisma migrate status` reads them too. */
const TABLE = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id varchar(36) PRIMARY KEY,
  checksum varchar(64) NOT NULL,
  finished_at timestamptz,
  migration_name varchar(255) NOT NULL,
  logs text,
  rolled_back_at timestamptz,
  started_at timestamptz NOT NULL DEFAULT now(),
  applied_steps_count integer NOT NULL DEFAULT 0
)`;

interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/**
 * Brings the database to the newest schema: each file of `folder` once, in order of name, each in a
 * transaction of its own, all under one advisory lock.
 *
 * @param finish runs last, under the same lock, whether or not there was anything to apply.
 * @returns names of the migrations that were applied now; empty when there was nothing to do.
 * @throws Error when an applied file was changed since, or a file fails (it is rolled back); what
 *         `finish` throws.
 */
export async function migrate(
  url: string,
  folder: string,
  finish: (client: pg.Client) => Promise<void> = async () => undefined,
): Promise<string[]> {
  const client = new pg.Client({ connectionString: url, application_name: 'countersign migrate' });
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [LOCK]);
    await client.query(TABLE);
    const applied = await appliedChecksums(client);
    const done: string[] = [];
    for (const migration of await migrationsIn(folder)) {
      const before = applied.get(migration.name);
      if (before === undefined) {
        await apply(client, migration);
        done.push(migration.name);
      } else if (before !== migration.checksum) {
        throw new Error(
          `migration ${migration.name} was changed after it was applied; restore the file and add a new migration`,
        );
      }
    }
    await finish(client);
    return done;
  } finally {
    await client.end(); // ends the session and with it the lock
  }
}

async function migrationsIn(folder: string): Promise<Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const sql = await readFile(join(folder, name, 'migration.sql'), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

async function appliedChecksums(client: pg.Client): Promise<Map<string, string>> {
  const { rows } = await client.query<{ migration_name: string; checksum: string }>(
    'SELECT migration_name, checksum FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL',
  );
  return new Map(rows.map((row) => [row.migration_name, row.checksum]));
}

async function apply(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(sql);
    await client.query(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, now(), 1)`,
      [randomUUID(), checksum, name],
    );
    await client.query('COMMIT');
  } catch (cause) {
    await client.query('ROLLBACK');
    throw new Error(`migration ${name} failed and was rolled back`, { cause });
  }
}
