import type { SealedRecord } from '../ledger/append.ts';
import type { Instant } from '../domain/instant.ts';
import type { Database } from './database.ts';
import type { Fragment } from './transaction.ts';

/** Rows of sealed `shadow_evaluated` records, read from the records themselves; never none. */
export function insertShadowEvaluations(records: readonly SealedRecord[]): Fragment {
  const rows = records.map(({ stream, seq, ts, bytes }) => {
    const { body } = JSON.parse(Buffer.from(bytes).toString()) as { body: SealedShadow };
    return { stream, seq, ts, ...body };
  });
  return {
    text: `INSERT INTO shadow_evaluation (request_id, seq, policy_id, version, effect, differs, at)
      SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::int[], $5::text[], $6::boolean[], $7::timestamptz[])`,
    values: [
      rows.map(({ stream }) => stream),
      rows.map(({ seq }) => seq),
      rows.map((row) => row.policy_id),
      rows.map(({ version }) => version),
      rows.map(({ effect }) => effect),
      rows.map(({ differs }) => differs),
      rows.map(({ ts }) => ts),
    ],
  };
}

/** The part of the sealed body that is counted. */
interface SealedShadow {
  readonly policy_id: string;
  readonly version: number;
  readonly effect: string;
  readonly differs: boolean;
}

export interface ShadowCount {
  readonly version: number;
  readonly effect: string;
  readonly evaluated: number;
  readonly differed: number;
}

/** How often each version of a policy was evaluated in shadow mode, by effect; `until` not included. */
export async function countShadows(
  db: Database,
  asked: { readonly id: string; readonly from: Instant | null; readonly until: Instant | null },
): Promise<ShadowCount[]> {
  const rows = await db.query<{
    version: number;
    effect: string;
    evaluated: string;
    differed: string;
  }>(
    `SELECT version, effect, count(*) AS evaluated, count(*) FILTER (WHERE differs) AS differed
      FROM shadow_evaluation
      WHERE policy_id = $1 AND ($2::timestamptz IS NULL OR at >= $2) AND ($3::timestamptz IS NULL OR at < $3)
      GROUP BY version, effect ORDER BY version DESC, effect`,
    [asked.id, asked.from, asked.until],
  );
  return rows.map((row) => ({
    ...{ version: row.version, effect: row.effect },
    ...{ evaluated: Number(row.evaluated), differed: Number(row.differed) },
  }));
}
