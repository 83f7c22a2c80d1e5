import type { Instant } from '../domain/instant.ts';
import type { Database } from './database.ts';
import type { Fragment, Tx } from './transaction.ts';

/** That a person has acknowledged a version of a policy. */
export interface AcknowledgementRow {
  readonly person: string;
  readonly policy: string;
  readonly version: number;
  readonly at: Instant;
}

/** The person's row is the lock of their stream. @returns null = there is no such person. */
export async function lockAcknowledger(
  tx: Tx,
  asked: Pick<AcknowledgementRow, 'person' | 'policy' | 'version'>,
): Promise<{ streamId: string; dekId: string; before: Instant | null } | null> {
  const people = await tx.query<{ stream_id: string; dek_id: string }>({
    text: 'SELECT stream_id, dek_id FROM person WHERE id = $1 FOR UPDATE',
    values: [asked.person],
  });
  const [row] = people;
  if (row === undefined) return null;
  // A statement of its own: it sees what the one before in the lock wrote.
  const rows = await tx.query<{ at: string }>({
    text: `SELECT at FROM policy_acknowledgement
      WHERE person_id = $1 AND policy_id = $2 AND version = $3`,
    values: [asked.person, asked.policy, asked.version],
  });
  return { streamId: row.stream_id, dekId: row.dek_id, before: rows[0]?.at ?? null };
}

export function insertAcknowledgement(row: AcknowledgementRow): Fragment {
  return {
    text: 'INSERT INTO policy_acknowledgement (person_id, policy_id, version, at) VALUES ($1, $2, $3, $4)',
    values: [row.person, row.policy, row.version, row.at],
  };
}

/** In order of person, from after `after`. */
export async function listAcknowledgements(
  db: Database,
  page: {
    readonly policy: string;
    readonly version: number;
    readonly after: string | null;
    readonly limit: number;
  },
): Promise<AcknowledgementRow[]> {
  const rows = await db.query<{ person_id: string; at: string }>(
    `SELECT person_id, at FROM policy_acknowledgement
      WHERE policy_id = $1 AND version = $2 AND ($3::text IS NULL OR person_id > $3)
      ORDER BY person_id LIMIT $4`,
    [page.policy, page.version, page.after, page.limit],
  );
  const { policy, version } = page;
  return rows.map(({ person_id: person, at }) => ({ person, policy, version, at }));
}
