import type { Instant } from '../domain/instant.ts';
import type { Database } from './database.ts';
import type { Fragment, Tx } from './transaction.ts';

/** One immutable version as it is stored; `document` is the parsed text `source`. */
export interface PolicyVersionRow {
  readonly id: string;
  readonly version: number;
  readonly kind: string;
  readonly enabled: boolean;
  readonly document: unknown;
  readonly source: string;
  /** SHA-256 of `source`, 64 lower-case hex characters. */
  readonly sourceSha256: string;
  readonly author: string;
  readonly createdAt: Instant;
}

interface RawVersion {
  policy_id: string;
  version: number;
  kind: string;
  enabled: boolean;
  document: unknown;
  source: string;
  source_sha256: Buffer;
  author: string;
  created_at: string;
}

const COLUMNS =
  'v.policy_id, v.version, v.kind, v.enabled, v.document, v.source, v.source_sha256, v.author, v.created_at';

function toVersion(raw: RawVersion): PolicyVersionRow {
  return {
    id: raw.policy_id,
    version: raw.version,
    kind: raw.kind,
    enabled: raw.enabled,
    document: raw.document,
    source: raw.source,
    sourceSha256: raw.source_sha256.toString('hex'),
    author: raw.author,
    createdAt: raw.created_at,
  };
}

/** What is in force: the newest version of every policy, and the generation to fence writes with. */
export async function policiesInForce(
  db: Database,
): Promise<{ generation: string; versions: PolicyVersionRow[] }> {
  // One statement, one snapshot: the generation belongs to exactly these versions.
  const rows = await db.query<RawVersion & { generation: string }>(
    `SELECT i.policy_generation AS generation, ${COLUMNS} FROM installation i
      LEFT JOIN (policy p JOIN policy_version v ON v.policy_id = p.id AND v.version = p.newest) ON true`,
  );
  const generation = rows[0]?.generation ?? '0';
  return { generation, versions: rows.filter((row) => row.policy_id !== null).map(toVersion) };
}

/** Stops the writes of a transaction whose policies are no longer the newest (SQLSTATE AP002). */
export function policyFence(generation: string): Fragment {
  return { text: 'fence_policies($1::bigint)', values: [generation] };
}

/** In order of id, from after `after`; newest versions only. */
export async function listPolicies(
  db: Database,
  page: { readonly after: string | null; readonly limit: number },
): Promise<PolicyVersionRow[]> {
  const rows = await db.query<RawVersion>(
    `SELECT ${COLUMNS} FROM policy p JOIN policy_version v ON v.policy_id = p.id AND v.version = p.newest
      WHERE $1::text IS NULL OR p.id > $1 ORDER BY p.id LIMIT $2`,
    [page.after, page.limit],
  );
  return rows.map(toVersion);
}

export async function findPolicyVersion(
  db: Database,
  id: string,
  version: number,
): Promise<PolicyVersionRow | null> {
  const rows = await db.query<RawVersion>(
    `SELECT ${COLUMNS} FROM policy_version v WHERE v.policy_id = $1 AND v.version = $2`,
    [id, version],
  );
  return rows[0] === undefined ? null : toVersion(rows[0]);
}

export interface PolicyHead {
  readonly streamId: string;
  readonly newest: number;
  /** SHA-256 of the newest version's text, 64 lower-case hex characters. */
  readonly sourceSha256: string;
}

/** Publishing is one at a time: the installation's row is the lock. @returns null = no version yet. */
export async function lockPolicies(tx: Tx, id: string): Promise<PolicyHead | null> {
  await tx.query({ text: 'SELECT 1 FROM installation FOR UPDATE', values: [] });
  const rows = await tx.query<{ stream_id: string; newest: number; source_sha256: Buffer }>({
    text: `SELECT p.stream_id, p.newest, v.source_sha256
      FROM policy p JOIN policy_version v ON v.policy_id = p.id AND v.version = p.newest WHERE p.id = $1`,
    values: [id],
  });
  const row = rows[0];
  if (row === undefined) return null;
  const sourceSha256 = row.source_sha256.toString('hex');
  return { streamId: row.stream_id, newest: row.newest, sourceSha256 };
}

/** The writes of one published version; the head is inserted or moved. */
export function insertPolicyVersion(row: PolicyVersionRow, streamId: string): Fragment[] {
  const head: Fragment =
    row.version === 1
      ? {
          text: 'INSERT INTO policy (id, stream_id, newest) VALUES ($1, $2, $3)',
          values: [row.id, streamId, row.version],
        }
      : {
          text: 'UPDATE policy SET newest = $2 WHERE id = $1',
          values: [row.id, row.version],
        };
  return [
    head,
    {
      text: `INSERT INTO policy_version (policy_id, version, kind, enabled, document, source, source_sha256, author, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      values: [
        row.id,
        row.version,
        row.kind,
        row.enabled,
        JSON.stringify(row.document),
        row.source,
        Buffer.from(row.sourceSha256, 'hex'),
        row.author,
        row.createdAt,
      ],
    },
    { text: 'UPDATE installation SET policy_generation = policy_generation + 1', values: [] },
  ];
}
