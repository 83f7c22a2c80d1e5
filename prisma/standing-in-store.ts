import type { Instant } from '../domain/instant.ts';
import type { Link } from '../domain/standing-in.ts';
import type { Reader } from './directory-store.ts';
import { LOG_ID } from './ledger-store.ts';
import type { Fragment } from './transaction.ts';

/** What absences and delegations have in common. */
interface Arrangement {
  readonly id: string;
  readonly person: string;
  readonly from: Instant;
  readonly until: Instant;
  readonly recordedBy: string;
  readonly createdAt: Instant;
  /** Number of the record that set it, in the person's stream; null in rows from before there was one. */
  readonly seq: number | null;
}

export interface NewAbsence extends Arrangement {
  readonly deputy: string | null;
}

export interface NewDelegation extends Arrangement {
  readonly to: string;
  /** null = all that may be passed on. */
  readonly role: string | null;
  /** null = requests of every kind. */
  readonly kind: string | null;
}

/** What a row is after it was stored. */
interface Stored {
  /** The first instant without it, where it was cancelled. */
  readonly cancelledAt: Instant | null;
  /** Salt and text of the reason, encrypted; null where none was given. */
  readonly reason: Uint8Array | null;
}

export type Absence = NewAbsence & Stored;
export type Delegation = NewDelegation & Stored;

const COMMON = `a.id, a.person_id AS person, a.valid_from AS "from", a.valid_until AS until,
    a.recorded_by AS "recordedBy", a.created_at AS "createdAt", a.seq, a.cancelled_at AS "cancelledAt",
    o.ciphertext AS reason`;
const WITH_REASON = `JOIN person p ON p.id = a.person_id LEFT JOIN opening o
    ON o.log_id = ${LOG_ID} AND o.stream_id = p.stream_id AND o.seq = a.seq AND o.path = 'reason'`;
const ABSENCE = `SELECT ${COMMON}, a.deputy_id AS deputy FROM absence a ${WITH_REASON}`;
const DELEGATION = `SELECT ${COMMON}, a.to_id AS "to", a.role, a.kind FROM delegation a ${WITH_REASON}`;

/** A page of one person's rows, in order of id. */
export interface PageOfPerson {
  readonly person: string;
  readonly after: string | null;
  readonly limit: number;
}

const ONE_PERSON = `WHERE a.person_id = $1 AND ($2::uuid IS NULL OR a.id > $2) ORDER BY a.id LIMIT $3`;

export function insertAbsence(absence: NewAbsence): Fragment {
  return {
    text: `INSERT INTO absence (id, person_id, deputy_id, valid_from, valid_until, recorded_by, created_at, seq)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    values: [
      ...[absence.id, absence.person, absence.deputy, absence.from, absence.until],
      ...[absence.recordedBy, absence.createdAt, absence.seq],
    ],
  };
}

export function insertDelegation(delegation: NewDelegation): Fragment {
  return {
    text: `INSERT INTO delegation (id, person_id, to_id, role, kind, valid_from, valid_until, recorded_by, created_at, seq)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    values: [
      ...[delegation.id, delegation.person, delegation.to, delegation.role, delegation.kind],
      ...[delegation.from, delegation.until, delegation.recordedBy, delegation.createdAt],
      delegation.seq,
    ],
  };
}

/** @param at the first instant without it. */
export function cancelRow(table: 'absence' | 'delegation', id: string, at: Instant): Fragment {
  return { text: `UPDATE ${table} SET cancelled_at = $2 WHERE id = $1`, values: [id, at] };
}

export async function absencesOf(reader: Reader, page: PageOfPerson): Promise<Absence[]> {
  return reader.query<Absence>({
    text: `${ABSENCE} ${ONE_PERSON}`,
    values: [page.person, page.after, page.limit],
  });
}

export async function delegationsOf(reader: Reader, page: PageOfPerson): Promise<Delegation[]> {
  return reader.query<Delegation>({
    text: `${DELEGATION} ${ONE_PERSON}`,
    values: [page.person, page.after, page.limit],
  });
}

/** One row of one person. */
export interface RowOfPerson {
  readonly person: string;
  readonly id: string;
}

export async function findAbsence(reader: Reader, row: RowOfPerson): Promise<Absence | null> {
  const rows = await reader.query<Absence>({
    text: `${ABSENCE} WHERE a.person_id = $1 AND a.id = $2`,
    values: [row.person, row.id],
  });
  return rows[0] ?? null;
}

export async function findDelegation(reader: Reader, row: RowOfPerson): Promise<Delegation | null> {
  const rows = await reader.query<Delegation>({
    text: `${DELEGATION} WHERE a.person_id = $1 AND a.id = $2`,
    values: [row.person, row.id],
  });
  return rows[0] ?? null;
}

const LINKS = {
  absence: `SELECT person_id AS person, deputy_id AS "to", valid_from AS "from", valid_until AS until
    FROM absence WHERE deputy_id IS NOT NULL`,
  delegation: `SELECT person_id AS person, to_id AS "to", valid_from AS "from", valid_until AS until
    FROM delegation WHERE true`,
} as const;

/** Who stands in for whom within a time, as far as it was not cancelled. */
export async function linksWithin(
  reader: Reader,
  table: 'absence' | 'delegation',
  span: { readonly from: Instant; readonly until: Instant },
): Promise<Link[]> {
  return reader.query<Link & { readonly until: Instant }>({
    text: `${LINKS[table]} AND cancelled_at IS NULL AND valid_from < $2 AND $1 < valid_until`,
    values: [span.from, span.until],
  });
}
