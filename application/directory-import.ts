import { createHash, randomUUID } from 'node:crypto';
import type { Instant } from '../domain/instant.ts';
import { commandKey } from '../ledger/hash.ts';
import { reading } from '../prisma/directory-store.ts';
import { violatedUnique } from '../prisma/fault.ts';
import { insertKey } from '../prisma/key-store.ts';
import { referencesOf } from '../prisma/ledger-store.ts';
import {
  findPeople,
  insertGrants,
  lockPeople,
  type DirectoryPerson,
} from '../prisma/people-store.ts';
import type { Fragment, Tx } from '../prisma/transaction.ts';
import type { Deps } from './deps.ts';
import { openPersonStream, sealChange, type DirectoryAuthor } from './directory-changes.ts';
import { envelope, grantedDraft } from './directory-records.ts';
import { ApplicationError } from './error.ts';
import type { Remember } from './idempotency.ts';
import type { ImportProblem, ImportRow, ReadRows } from './import-rows.ts';
import { preparePerson, profileChange } from './people.ts';
import { subjectOf } from './principal.ts';
import { newGrant } from './role-grants.ts';
import { openBook, sealDrafts } from './sealing.ts';
import { lockSystemStream } from './system-stream.ts';

/** What a row would change, or has. */
export interface ImportChange {
  readonly line: number;
  readonly id: string;
  readonly change: 'added' | 'changed';
  readonly fields: readonly {
    readonly field: 'name' | 'team' | 'region';
    readonly before: string | null;
    readonly after: string | null;
  }[];
  readonly granted: readonly string[];
}

export interface ImportReport {
  readonly dryRun: boolean;
  readonly rows: number;
  readonly added: number;
  readonly changed: number;
  readonly unchanged: number;
  readonly changes: readonly ImportChange[];
  readonly problems: readonly ImportProblem[];
}

export interface ImportFile extends ReadRows {
  /** The file as it was sent; its digest is sealed. */
  readonly text: string;
}

interface Planned extends ImportChange {
  readonly row: ImportRow;
}

/**
 * Says, row by row, what a file of people would change. A file adds and changes: whoever and whatever it
 * does not name stays.
 */
export async function previewImport(deps: Deps, file: ImportFile): Promise<ImportReport> {
  const known = await findPeople(
    reading(deps.db),
    file.rows.map(({ id }) => id),
  );
  return reportOf(true, file, planOf(file, known, deps.now()));
}

export interface ImportWish {
  readonly file: ImportFile;
  readonly remember: Remember<ImportReport>;
  /** Told after every few people. */
  readonly onProgress?: (done: number, of: number) => void;
}

/**
 * Applies a file of people: all of it or nothing, each person sealed in their own stream, the import in the
 * stream of the installation. Applied again it changes nothing.
 *
 * @throws ApplicationError VALIDATION_FAILED with every problem; CONFLICT where somebody else was faster.
 */
export async function applyImport(
  deps: Deps,
  author: DirectoryAuthor,
  { file, remember, onProgress = () => undefined }: ImportWish,
): Promise<ImportReport> {
  const by: DirectoryAuthor = { ...author, source: 'import' };
  try {
    return await deps.db.transaction(async (tx) => {
      const ids = file.rows.map(({ id }) => id);
      await lockPeople(tx, ids);
      const plan = planOf(file, await findPeople(tx, ids), deps.now());
      const report = reportOf(false, file, plan);
      assertApplicable(report);
      for (let done = 0; done < plan.changes.length; done += AT_ONCE) {
        const some = plan.changes.slice(done, done + AT_ONCE);
        await Promise.all(some.map((change) => applyChange(deps, tx, { by, change })));
        onProgress(done + some.length, plan.changes.length);
      }
      if (plan.changes.length > 0) await sealImported(deps, tx, { by, file, report });
      remember(tx, report);
      return report;
    });
  } catch (error) {
    if (violatedUnique(error) !== 'person_pkey') throw error;
    throw new ApplicationError('CONFLICT', 'Somebody of the file was added meanwhile; try again.');
  }
}

/** People whose statements are under way together. */
const AT_ONCE = 50;
/** Problems named in one answer that refuses, at most. */
const MAX_NAMED = 50;

function assertApplicable({ problems }: ImportReport): void {
  if (problems.length === 0) return;
  throw new ApplicationError(
    'VALIDATION_FAILED',
    `Nothing was imported: ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'} in the file.`,
    {
      problems: problems.slice(0, MAX_NAMED).map(({ line, column, message }) => ({
        pointer: `/${line}${column === null ? '' : `/${column.replaceAll('~', '~0').replaceAll('/', '~1')}`}`,
        message: `line ${line}: ${message}`,
      })),
    },
  );
}

// ---- what would change -------------------------------------------------------------------------------

interface Plan {
  readonly changes: readonly Planned[];
  readonly problems: readonly ImportProblem[];
}

function planOf({ rows }: ImportFile, known: readonly DirectoryPerson[], now: Instant): Plan {
  const people = new Map(known.map((person) => [person.id, person]));
  const changes: Planned[] = [];
  const problems: ImportProblem[] = [];
  for (const row of rows) {
    const before = people.get(row.id) ?? null;
    const { line } = row;
    if (before === null && row.name === undefined)
      problems.push({ line, column: 'name', message: `is missing, and "${row.id}" is new` });
    else if (before !== null && before.leftAt !== null)
      problems.push({ line, column: 'id', message: `"${row.id}" has left` });
    else changes.push(...changeOf(row, before, now));
  }
  return { changes, problems };
}

function changeOf(row: ImportRow, before: DirectoryPerson | null, now: Instant): Planned[] {
  const { line, id } = row;
  const fields = (['name', 'team', 'region'] as const).flatMap((field) => {
    const [had, has] = [before?.[field] ?? null, row[field]];
    return has === undefined || has === had ? [] : [{ field, before: had, after: has }];
  });
  const granted = row.roles.filter((role) => before === null || !holds(before, role, now));
  if (before !== null && fields.length === 0 && granted.length === 0) return [];
  return [{ line, id, change: before === null ? 'added' : 'changed', fields, granted, row }];
}

/** Now, or from a day that is settled already. */
function holds({ grants }: DirectoryPerson, role: string, now: Instant): boolean {
  return grants.some(
    (grant) =>
      grant.role === role && grant.endedAt === null && (grant.until === null || now < grant.until),
  );
}

function reportOf(dryRun: boolean, file: ImportFile, { changes, problems }: Plan): ImportReport {
  const all = [...file.problems, ...problems].sort((a, b) => a.line - b.line);
  const added = changes.filter(({ change }) => change === 'added').length;
  return {
    dryRun,
    rows: file.rows.length + new Set(file.problems.map(({ line }) => line)).size,
    added,
    changed: changes.length - added,
    unchanged: file.rows.length - changes.length - problems.length,
    changes: changes.map(({ line, id, change, fields, granted }) => ({
      ...{ line, id, change },
      ...{ fields, granted },
    })),
    problems: all,
  };
}

// ---- changing it -------------------------------------------------------------------------------------

interface Applying {
  readonly by: DirectoryAuthor;
  readonly change: Planned;
}

/** Written at once: a statement for a whole file would have too many values. */
const writeAll = async (tx: Tx, fragments: readonly Fragment[]): Promise<void> => {
  for (const fragment of fragments) await tx.query(fragment);
};

async function applyChange(deps: Deps, tx: Tx, { by, change }: Applying): Promise<void> {
  const { row, granted } = change;
  const { id, name = '', team = null, region = null } = row;
  if (change.change === 'added') {
    const person = { id, name, team, region, roles: granted };
    return writeAll(tx, preparePerson(deps, by, person).fragments);
  }
  const stream = await openPersonStream(deps, tx, id);
  const { now, book } = stream;
  const grants = granted.map((role) =>
    newGrant(by, now, { person: id, role, from: now, until: null }),
  );
  const wish = { name: row.name, team: row.team, region: row.region };
  const profile = profileChange(by, stream, wish);
  const drafts = [
    ...profile.drafts,
    ...grants.map((grant) => grantedDraft({ author: by, book }, grant)),
  ];
  const writes = [...profile.writes, ...(grants.length > 0 ? [insertGrants(grants)] : [])];
  return writeAll(tx, await sealChange(deps, stream, { drafts, writes, result: null }));
}

/** The digest of the file is a commitment under a key of its own: files name people. */
async function sealImported(
  deps: Deps,
  tx: Tx,
  { by, file, report }: { by: DirectoryAuthor; file: ImportFile; report: ImportReport },
): Promise<void> {
  const id = randomUUID();
  const cmd = commandKey(`import:${id}`, 'imported');
  const place = await lockSystemStream(tx, cmd);
  if (place === null) return;
  const { stream, head } = place;
  const book = openBook(await referencesOf(tx, stream));
  const key = deps.vault.createKey(`import:${id}`);
  const importers = await findPeople(tx, [by.name]);
  await deps.vault.prepare(
    tx,
    importers.map(({ dekId }) => dekId),
  );
  const applied = report.added + report.changed;
  const draft = {
    ...envelope({ author: by, book }),
    kind: 'imported',
    cmd,
    body: {
      of: 'people',
      rows: report.rows,
      applied,
      unchanged: report.unchanged,
      refused: 0,
      dry_run: false,
    },
    erasable: [
      { path: 'file_digest', value: createHash('sha256').update(file.text).digest('hex') },
    ],
  } as const;
  const keys = new Map(
    importers.map((one) => [subjectOf({ type: 'person', id: one.id }), one.dekId]),
  );
  const to = {
    stream,
    about: 'installation',
    head,
    now: deps.now(),
    keys,
    dekId: key.dekId,
  } as const;
  const sealed = sealDrafts(deps, to, { drafts: [draft], book });
  for (const fragment of [insertKey(key), ...sealed.fragments]) tx.write(fragment);
}
