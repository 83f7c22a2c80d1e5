import type { Instant } from '../domain/instant.ts';
import type { Database } from './database.ts';
import type { Reader } from './directory-store.ts';
import type { Fragment, Tx } from './transaction.ts';

/** One immutable version as it is stored; `document` is what the text `source` says. */
export interface CalendarVersionRow {
  readonly id: string;
  readonly version: number;
  readonly document: unknown;
  readonly source: string;
  /** SHA-256 of `source`, 64 lower-case hex characters. */
  readonly sourceSha256: string;
  readonly author: string;
  readonly createdAt: Instant;
}

interface RawVersion {
  calendar_id: string;
  version: number;
  document: unknown;
  source: string;
  source_sha256: Buffer;
  author: string;
  created_at: string;
}

const COLUMNS =
  'v.calendar_id, v.version, v.document, v.source, v.source_sha256, v.author, v.created_at';
const NEWEST =
  'calendar c JOIN calendar_version v ON v.calendar_id = c.id AND v.version = c.newest';

function toVersion(raw: RawVersion): CalendarVersionRow {
  return {
    id: raw.calendar_id,
    version: raw.version,
    document: raw.document,
    source: raw.source,
    sourceSha256: raw.source_sha256.toString('hex'),
    author: raw.author,
    createdAt: raw.created_at,
  };
}

/** Newest versions in order of id, from after `after`. */
export async function listCalendars(
  db: Database,
  page: { readonly after: string | null; readonly limit: number },
): Promise<CalendarVersionRow[]> {
  const rows = await db.query<RawVersion>(
    `SELECT ${COLUMNS} FROM ${NEWEST} WHERE $1::text IS NULL OR c.id > $1 ORDER BY c.id LIMIT $2`,
    [page.after, page.limit],
  );
  return rows.map(toVersion);
}

export async function findCalendarVersion(
  db: Database,
  id: string,
  version: number,
): Promise<CalendarVersionRow | null> {
  const rows = await db.query<RawVersion>(
    `SELECT ${COLUMNS} FROM calendar_version v WHERE v.calendar_id = $1 AND v.version = $2`,
    [id, version],
  );
  return rows[0] === undefined ? null : toVersion(rows[0]);
}

/** What is in force of one calendar. */
export interface CalendarInForce {
  readonly id: string;
  readonly sourceSha256: string;
  /** null where the caller said that it knows this text already. */
  readonly document: unknown;
}

/** @param known SHA-256 of texts whose documents need not be sent. @returns those that exist. */
export async function calendarsInForce(
  reader: Reader,
  ids: readonly string[],
  known: readonly string[],
): Promise<CalendarInForce[]> {
  const rows = await reader.query<{ id: string; sha256: string; document: unknown }>({
    text: `SELECT c.id, encode(v.source_sha256, 'hex') AS sha256,
        CASE WHEN encode(v.source_sha256, 'hex') = ANY($2::text[]) THEN NULL ELSE v.document END AS document
      FROM ${NEWEST} WHERE c.id = ANY($1::text[])`,
    values: [ids, known],
  });
  return rows.map(({ id, sha256, document }) => ({ id, sourceSha256: sha256, document }));
}

/** Publishing is one at a time: the installation's row is the lock. @returns 0 = no version yet. */
export async function lockCalendar(tx: Tx, id: string): Promise<number> {
  await tx.query({ text: 'SELECT 1 FROM installation FOR UPDATE', values: [] });
  const rows = await tx.query<{ newest: number }>({
    text: 'SELECT newest FROM calendar WHERE id = $1',
    values: [id],
  });
  return rows[0]?.newest ?? 0;
}

/** The writes of one published version; the head is inserted or moved. */
export function insertCalendarVersion(row: CalendarVersionRow): Fragment[] {
  const head: Fragment =
    row.version === 1
      ? { text: 'INSERT INTO calendar (id, newest) VALUES ($1, $2)', values: [row.id, row.version] }
      : { text: 'UPDATE calendar SET newest = $2 WHERE id = $1', values: [row.id, row.version] };
  return [
    head,
    {
      text: `INSERT INTO calendar_version (calendar_id, version, document, source, source_sha256, author, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      values: [
        row.id,
        row.version,
        JSON.stringify(row.document),
        row.source,
        Buffer.from(row.sourceSha256, 'hex'),
        row.author,
        row.createdAt,
      ],
    },
  ];
}
