import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { parseArgs } from 'node:util';
import {
  applyImport,
  previewImport,
  type ImportFile,
  type ImportReport,
} from '../application/directory-import.ts';
import { ApplicationError } from '../application/error.ts';
import { readCsv, readJson } from '../application/import-rows.ts';
import { BY_ENGINE } from '../application/sealing.ts';
import { readConfig, type Config } from './config.ts';
import { SetupError } from './setup-error.ts';
import { openDeps, runProgram } from './wire.ts';
import { withDatabase } from './with-database.ts';

const HELP = `npm run people:import -- <file.csv|file.json> [--apply]

Says what a file of people and roles would change, row by row, and every problem in it. Changes nothing
unless --apply is given; then all of it or nothing, sealed like any other change of the directory.

  CSV    a header with id, and any of name, team, region, roles; roles separated by semicolons
  JSON   {"people": [{"id": "ana", "name": "Ana Bell", "team": "credit", "roles": ["credit-officer"]}]}

An empty team or region takes it away; a column that is not there stays as it is. A file adds and changes:
nobody and no role is taken away by it. Applied again it changes nothing.

Ends with 0 where all is well, 1 where the file has problems.
`;

/** Rows between two lines of progress. */
const STEP = 1_000;

await runProgram(async () => {
  const { values, positionals } = parseArgs({
    options: { apply: { type: 'boolean' }, help: { type: 'boolean' } },
    allowPositionals: true,
  });
  const [path] = positionals;
  if (values.help === true) {
    process.stdout.write(HELP);
    return;
  }
  if (path === undefined || positionals.length > 1)
    throw new SetupError('Name one file: npm run people:import -- people.csv [--apply]');
  const file = await readFileOf(path);
  const isApplied = values.apply === true;
  await withDatabase(readConfig(), 'app', (config) => run(config, file, isApplied));
});

/** @throws SetupError when it cannot be read. */
async function readFileOf(path: string): Promise<ImportFile> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new SetupError(`${path} cannot be read.`, { cause });
  });
  if (extname(path).toLowerCase() !== '.json') return { ...readCsv(text), text };
  try {
    return { ...readJson(JSON.parse(text)), text };
  } catch (cause) {
    throw new SetupError(`${path} is not JSON: ${(cause as Error).message}`, { cause });
  }
}

async function run(config: Config, file: ImportFile, isApplied: boolean): Promise<void> {
  const deps = await openDeps(config, 2);
  try {
    const preview = await previewImport(deps, file);
    if (!isApplied || preview.problems.length > 0) tell(preview);
    if (preview.problems.length > 0)
      throw new SetupError(`Nothing was imported: ${preview.problems.length} problems.`);
    if (!isApplied)
      return say(preview.changes.length === 0 ? '' : 'Nothing was changed; --apply does it.');
    const by = { ...BY_ENGINE, surface: 'cli' } as const;
    const author = { by, name: 'system', source: 'import' } as const;
    const remember = (): void => undefined;
    tell(await applyImport(deps, author, { file, remember, onProgress }));
  } catch (error) {
    if (error instanceof ApplicationError) throw new SetupError(error.message, { cause: error });
    throw error;
  } finally {
    await deps.db.close();
  }
}

function onProgress(done: number, of: number): void {
  if (done % STEP === 0 && done < of) process.stderr.write(`${done} of ${of} people …\n`);
}

function tell({ dryRun, rows, added, changed, unchanged, changes, problems }: ImportReport): void {
  for (const { line, id, change, fields, granted } of changes) {
    const words = [
      ...fields.map(({ field, before, after }) => `${field} ${shown(before)} → ${shown(after)}`),
      ...granted.map((role) => `+${role}`),
    ];
    say(
      `line ${line}: ${id} ${dryRun ? 'would be' : 'was'} ${change}${words.length > 0 ? `: ${words.join(', ')}` : ''}`,
    );
  }
  for (const { line, column, message } of problems)
    process.stderr.write(`line ${line}: ${column === null ? '' : `${column} `}${message}\n`);
  say(
    `${rows} rows: ${added} added, ${changed} changed, ${unchanged} unchanged, ${problems.length} problems`,
  );
}

function shown(value: string | null): string {
  return value === null ? '(none)' : JSON.stringify(value);
}

function say(line: string): void {
  if (line !== '') process.stdout.write(`${line}\n`);
}
