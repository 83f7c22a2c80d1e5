import type { Instant } from '../domain/instant.ts';
import type { Database } from './database.ts';
import type { Fragment } from './transaction.ts';

export interface SelfCheckResult {
  readonly passed: boolean;
  readonly size: number;
  readonly records: number;
  readonly problems: readonly unknown[];
  readonly tookMs: number;
}

export function insertSelfCheck(at: Instant, check: SelfCheckResult): Fragment {
  return {
    text: `INSERT INTO self_check (at, passed, size, records, problems, took_ms)
      VALUES ($1, $2, $3, $4, $5, $6)`,
    values: [
      at,
      check.passed,
      check.size,
      check.records,
      JSON.stringify(check.problems),
      check.tookMs,
    ],
  };
}

export interface SelfCheckSummary {
  readonly at: Instant;
  readonly passed: boolean;
  readonly problems: number;
}

/** @returns null before the first one. */
export async function newestSelfCheck(db: Database): Promise<SelfCheckSummary | null> {
  const rows = await db.query<SelfCheckSummary>(
    `SELECT at, passed, jsonb_array_length(problems) AS problems FROM self_check
      ORDER BY id DESC LIMIT 1`,
  );
  return rows[0] ?? null;
}
