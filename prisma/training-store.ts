import type { Instant } from '../domain/instant.ts';
import type { Reader } from './directory-store.ts';
import type { PageOfPerson, RowOfPerson } from './standing-in-store.ts';
import type { Fragment } from './transaction.ts';

export interface NewTraining {
  readonly id: string;
  readonly person: string;
  readonly course: string;
  readonly version: number;
  /** For which role it was taken; null = for the person. */
  readonly role: string | null;
  readonly from: Instant;
  /** null = it does not expire. */
  readonly until: Instant | null;
  readonly change: 'completed' | 'waived';
  readonly recordedBy: string;
  readonly createdAt: Instant;
}

export interface TrainingRow extends NewTraining {
  /** The first instant without it, where it was revoked. */
  readonly revokedAt: Instant | null;
}

export function insertTraining(training: NewTraining): Fragment {
  return {
    text: `INSERT INTO training
        (id, person_id, course, version, role, valid_from, valid_until, change, recorded_by, created_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    values: [
      ...[training.id, training.person, training.course, training.version, training.role],
      ...[training.from, training.until, training.change, training.recordedBy, training.createdAt],
    ],
  };
}

/** @param at the first instant without it. */
export function revokeRow(id: string, at: Instant): Fragment {
  return { text: 'UPDATE training SET revoked_at = $2 WHERE id = $1', values: [id, at] };
}

const TRAINING = `SELECT t.id, t.person_id AS person, t.course, t.version, t.role, t.valid_from AS "from",
    t.valid_until AS until, t.change, t.recorded_by AS "recordedBy", t.created_at AS "createdAt",
    t.revoked_at AS "revokedAt" FROM training t`;

/** In order of id. */
export async function trainingsOf(reader: Reader, page: PageOfPerson): Promise<TrainingRow[]> {
  return reader.query<TrainingRow>({
    text: `${TRAINING} WHERE t.person_id = $1 AND ($2::uuid IS NULL OR t.id > $2) ORDER BY t.id LIMIT $3`,
    values: [page.person, page.after, page.limit],
  });
}

export async function findTraining(reader: Reader, row: RowOfPerson): Promise<TrainingRow | null> {
  const rows = await reader.query<TrainingRow>({
    text: `${TRAINING} WHERE t.person_id = $1 AND t.id = $2`,
    values: [row.person, row.id],
  });
  return rows[0] ?? null;
}

/** A place in a list by end. */
export interface ExpiryPlace {
  readonly until: Instant;
  readonly id: string;
}

/** Trainings in force at `now` of people who are there, that end before `before`; the first to end first. */
export async function trainingsExpiring(
  reader: Reader,
  span: { readonly now: Instant; readonly before: Instant | null },
  page: { readonly after: ExpiryPlace | null; readonly limit: number },
): Promise<TrainingRow[]> {
  return reader.query<TrainingRow>({
    text: `${TRAINING} JOIN person p ON p.id = t.person_id
      WHERE t.valid_from <= $1 AND $1 < t.valid_until AND ($2::timestamptz IS NULL OR t.valid_until <= $2)
        AND (t.revoked_at IS NULL OR $1 < t.revoked_at) AND (p.left_at IS NULL OR $1 < p.left_at)
        AND ($3::timestamptz IS NULL OR (t.valid_until, t.id) > ($3, $4::uuid))
      ORDER BY t.valid_until, t.id LIMIT $5`,
    values: [
      ...[span.now, span.before, page.after?.until ?? null, page.after?.id ?? null],
      page.limit,
    ],
  });
}
