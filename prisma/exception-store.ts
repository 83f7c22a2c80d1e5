import type { Instant } from '../domain/instant.ts';
import type { RuleException } from '../domain/rule-exception.ts';
import type { Reader } from './directory-store.ts';
import type { Database } from './database.ts';
import type { Fragment, Tx } from './transaction.ts';

/** An exception to a rule as it is stored; `reason` is ciphertext under `dekId`. */
export interface ExceptionRow {
  readonly id: string;
  readonly policyId: string;
  readonly rule: string;
  readonly scope: string | null;
  readonly from: Instant;
  readonly until: Instant;
  readonly reason: Uint8Array;
  readonly dekId: string;
  readonly author: string;
  readonly createdAt: Instant;
  readonly approver: string | null;
  readonly approvedAt: Instant | null;
  readonly endedBy: string | null;
  readonly endedAt: Instant | null;
  readonly expiredAt: Instant | null;
  readonly uses: number;
}

interface RawRow {
  id: string;
  policy_id: string;
  rule: string;
  scope: string | null;
  valid_from: string;
  valid_until: string;
  reason: Buffer;
  dek_id: string;
  author: string;
  created_at: string;
  approver: string | null;
  approved_at: string | null;
  ended_by: string | null;
  ended_at: string | null;
  expired_at: string | null;
  uses: number | null;
}

const COLUMNS = `x.id, x.policy_id, x.rule, x.scope, x.valid_from, x.valid_until, x.reason, x.dek_id, x.author,
  x.created_at, x.approver, x.approved_at, x.ended_by, x.ended_at, x.expired_at,
  (SELECT max(u.ordinal) FROM policy_exception_use u WHERE u.exception_id = x.id) AS uses`;

function toRow(raw: RawRow): ExceptionRow {
  return {
    id: raw.id,
    policyId: raw.policy_id,
    rule: raw.rule,
    scope: raw.scope,
    from: raw.valid_from,
    until: raw.valid_until,
    reason: raw.reason,
    dekId: raw.dek_id,
    author: raw.author,
    createdAt: raw.created_at,
    approver: raw.approver,
    approvedAt: raw.approved_at,
    endedBy: raw.ended_by,
    endedAt: raw.ended_at,
    expiredAt: raw.expired_at,
    uses: raw.uses ?? 0,
  };
}

export function insertException(row: ExceptionRow): Fragment {
  return {
    text: `INSERT INTO policy_exception (id, policy_id, rule, scope, valid_from, valid_until, reason, dek_id, author, created_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    values: [
      ...[row.id, row.policyId, row.rule, row.scope, row.from, row.until, row.reason, row.dekId],
      ...[row.author, row.createdAt],
    ],
  };
}

export function approveException(id: string, approver: string, now: Instant): Fragment {
  return {
    text: 'UPDATE policy_exception SET approver = $2, approved_at = $3 WHERE id = $1',
    values: [id, approver, now],
  };
}

export function endException(id: string, by: string, now: Instant): Fragment {
  return {
    text: 'UPDATE policy_exception SET ended_by = $2, ended_at = $3 WHERE id = $1',
    values: [id, by, now],
  };
}

export function markExpired(id: string, now: Instant): Fragment {
  return {
    text: 'UPDATE policy_exception SET expired_at = $2 WHERE id = $1',
    values: [id, now],
  };
}

export async function findException(reader: Reader, id: string): Promise<ExceptionRow | null> {
  const rows = await reader.query<RawRow & Record<string, unknown>>({
    text: `SELECT ${COLUMNS} FROM policy_exception x WHERE x.id = $1`,
    values: [id],
  });
  return rows[0] === undefined ? null : toRow(rows[0]);
}

/** Newest first, below `before`. */
export async function listExceptions(
  db: Database,
  page: {
    readonly policy: string | null;
    readonly before: { readonly createdAt: string; readonly id: string } | null;
    readonly limit: number;
  },
): Promise<ExceptionRow[]> {
  const rows = await db.query<RawRow & Record<string, unknown>>(
    `SELECT ${COLUMNS} FROM policy_exception x
      WHERE ($1::text IS NULL OR x.policy_id = $1)
        AND ($2::timestamptz IS NULL OR (x.created_at, x.id) < ($2::timestamptz, $3::uuid))
      ORDER BY x.created_at DESC, x.id DESC LIMIT $4`,
    [page.policy, page.before?.createdAt ?? null, page.before?.id ?? null, page.limit],
  );
  return rows.map(toRow);
}

/** Approved, not ended, begun and not over. */
export async function exceptionsRunning(reader: Reader, now: Instant): Promise<RuleException[]> {
  const rows = await reader.query<RawRow & Record<string, unknown>>({
    text: `SELECT ${COLUMNS} FROM policy_exception x
      WHERE x.approved_at IS NOT NULL AND x.ended_at IS NULL AND x.valid_from <= $1 AND $1 < x.valid_until
      ORDER BY x.created_at, x.id`,
    values: [now],
  });
  return rows.map(toRow).map(({ id, policyId, rule, scope, from, until, approver }) => ({
    ...{ id, policy: policyId, rule, when: scope, from, until },
    approver: approver ?? '',
  }));
}

/** Approved, never ended, over, and not said so: oldest first. */
export async function exceptionsOver(
  reader: Reader,
  now: Instant,
  limit: number,
): Promise<ExceptionRow[]> {
  const rows = await reader.query<RawRow & Record<string, unknown>>({
    text: `SELECT ${COLUMNS} FROM policy_exception x
      WHERE x.approved_at IS NOT NULL AND x.ended_at IS NULL AND x.expired_at IS NULL AND x.valid_until <= $1
      ORDER BY x.valid_until LIMIT $2`,
    values: [now, limit],
  });
  return rows.map(toRow);
}

// ---- uses ----------------------------------------------------------------------------------------

/** How often each has been used; nobody else can count until the transaction ends. */
export async function lockUses(tx: Tx, ids: readonly string[]): Promise<Map<string, number>> {
  // In order of id, so that two that use the same ones never wait for each other.
  const sorted = [...new Set(ids)].sort();
  await tx.query({
    text: 'SELECT 1 FROM policy_exception WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE',
    values: [sorted],
  });
  const rows = await tx.query<{ exception_id: string; uses: number }>({
    text: `SELECT exception_id, max(ordinal) AS uses FROM policy_exception_use
      WHERE exception_id = ANY($1::uuid[]) GROUP BY exception_id`,
    values: [sorted],
  });
  return new Map(rows.map((row) => [row.exception_id, row.uses]));
}

export function insertExceptionUse(use: {
  readonly exceptionId: string;
  readonly ordinal: number;
  readonly requestId: string;
  readonly ruleIndex: number;
  readonly at: Instant;
}): Fragment {
  return {
    text: `INSERT INTO policy_exception_use (exception_id, ordinal, request_id, rule_index, at)
      VALUES ($1, $2, $3, $4, $5)`,
    values: [use.exceptionId, use.ordinal, use.requestId, use.ruleIndex, use.at],
  };
}

/** Exceptions that were used for a request, in the order of the rules that they took out. */
export async function usesOfRequest(
  db: Database,
  requestId: string,
): Promise<{ exceptionId: string; policyId: string; rule: string; at: Instant }[]> {
  const rows = await db.query<{ id: string; policy_id: string; rule: string; at: string }>(
    `SELECT x.id, x.policy_id, x.rule, u.at FROM policy_exception_use u
      JOIN policy_exception x ON x.id = u.exception_id
      WHERE u.request_id = $1 ORDER BY u.at, x.policy_id, u.rule_index`,
    [requestId],
  );
  return rows.map((row) => ({
    ...{ exceptionId: row.id, policyId: row.policy_id, rule: row.rule, at: row.at },
  }));
}
