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

/** As the document says; text order of instants and days is time order. */
const effectiveOf = (row: string): string => `(${row}.document ->> 'effective') COLLATE "C"`;
const isDue = (row: string): string =>
  `(${effectiveOf(row)} IS NULL OR ${effectiveOf(row)} <= $1::text)`;

/** The number of the enforced version of `v`'s policy that governs at `$1`, or null. */
const GOVERNING = `(SELECT max(e.version) FROM policy_version e WHERE e.policy_id = v.policy_id
    AND coalesce(e.document ->> 'mode', 'enforced') = 'enforced' AND ${isDue('e')})`;

/**
 * What governs at `now`, and every later version: in shadow mode, or to be in force one day. With the
 * generation to fence writes with.
 */
export async function policiesInForce(
  db: Database,
  now: Instant,
): Promise<{ generation: string; versions: PolicyVersionRow[]; exceptions: ExceptionInForce[] }> {
  // One statement, one snapshot: the generation belongs to exactly these versions and exceptions.
  const rows = await db.query<RawVersion & { generation: string; exceptions: RawException[] }>(
    `SELECT i.policy_generation AS generation, ${RUNNING_EXCEPTIONS} AS exceptions, ${COLUMNS}
      FROM installation i LEFT JOIN policy_version v ON v.version >= coalesce(${GOVERNING}, 1)`,
    [now],
  );
  return {
    generation: rows[0]?.generation ?? '0',
    versions: rows.filter((row) => row.policy_id !== null).map(toVersion),
    exceptions: (rows[0]?.exceptions ?? []).map(toException),
  };
}

/** Approved, not ended, not over at `$1`; times as the product writes them. */
const RUNNING_EXCEPTIONS = `(SELECT coalesce(json_agg(json_build_object('id', x.id, 'policy', x.policy_id,
    'rule', x.rule, 'when', x.scope, 'from', ${written('x.valid_from')}, 'until', ${written('x.valid_until')},
    'approver', x.approver) ORDER BY x.created_at, x.id), '[]')
  FROM policy_exception x
  WHERE x.approved_at IS NOT NULL AND x.ended_at IS NULL AND $1::text::timestamptz < x.valid_until)`;

function written(column: string): string {
  return `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}

/** One row of the aggregate above. */
type RawException = ExceptionInForce;

/** An exception as binding reads it. */
export interface ExceptionInForce {
  readonly id: string;
  readonly policy: string;
  readonly rule: string;
  readonly when: string | null;
  readonly from: Instant;
  readonly until: Instant;
  readonly approver: string;
}

function toException(raw: RawException): ExceptionInForce {
  const { id, policy, rule, when, from, until, approver } = raw;
  return { id, policy, rule, when, from, until, approver };
}

/** Exactly these versions, those that exist. */
export async function exactVersions(
  reader: Pick<Tx, 'query'>,
  names: readonly { readonly id: string; readonly version: number }[],
): Promise<PolicyVersionRow[]> {
  if (names.length === 0) return [];
  const rows = await reader.query<RawVersion>({
    text: `SELECT ${COLUMNS} FROM policy_version v
      WHERE (v.policy_id, v.version) IN (SELECT * FROM unnest($1::text[], $2::int[]))`,
    values: [names.map(({ id }) => id), names.map(({ version }) => version)],
  });
  return rows.map(toVersion);
}

/** Whether an enforced, enabled version of this kind governs: then that kind of thing is gated. */
export async function isKindGoverned(
  reader: Pick<Tx, 'query'>,
  kind: string,
  now: Instant,
): Promise<boolean> {
  const rows = await reader.query({
    text: `SELECT FROM policy_version v
      WHERE v.kind = $2 AND v.enabled AND v.version = ${GOVERNING} LIMIT 1`,
    values: [now, kind],
  });
  return rows.length > 0;
}

/** Stops the writes of a transaction whose policies are no longer the newest (SQLSTATE AP002). */
export function policyFence(generation: string): Fragment {
  return { text: 'fence_policies($1::bigint)', values: [generation] };
}

/** A version with where it stands among the others of its policy. */
export interface StandingVersion extends PolicyVersionRow {
  /** Number of the enforced version that governs; null while none does. */
  readonly governing: number | null;
  /** Number of the newest version whose time has come, enforced or not. */
  readonly current: number | null;
}

type RawStanding = RawVersion & { governing: number | null; current: number | null };

const STANDING = `${COLUMNS}, ${GOVERNING} AS governing,
    (SELECT max(e.version) FROM policy_version e WHERE e.policy_id = v.policy_id
      AND ${isDue('e')}) AS current`;

function toStanding(raw: RawStanding): StandingVersion {
  return { ...toVersion(raw), governing: raw.governing, current: raw.current };
}

/**
 * In order of id, from after `after`; newest versions only.
 * @param page.overdueOn a day: only those whose review was due before it; null = all.
 */
export async function listPolicies(
  db: Database,
  now: Instant,
  page: {
    readonly after: string | null;
    readonly limit: number;
    readonly overdueOn?: string | null;
  },
): Promise<StandingVersion[]> {
  const rows = await db.query<RawStanding>(
    `SELECT ${STANDING} FROM policy p JOIN policy_version v ON v.policy_id = p.id AND v.version = p.newest
      WHERE ($2::text IS NULL OR p.id > $2) AND ($4::text IS NULL OR (v.document ->> 'reviewBy') COLLATE "C" < $4)
      ORDER BY p.id LIMIT $3`,
    [now, page.after, page.limit, page.overdueOn ?? null],
  );
  return rows.map(toStanding);
}

/** Versions of one policy, newest first, below `before`. */
export async function listVersions(
  db: Database,
  now: Instant,
  page: { readonly id: string; readonly before: number | null; readonly limit: number },
): Promise<StandingVersion[]> {
  const rows = await db.query<RawStanding>(
    `SELECT ${STANDING} FROM policy_version v
      WHERE v.policy_id = $2 AND ($3::int IS NULL OR v.version < $3) ORDER BY v.version DESC LIMIT $4`,
    [now, page.id, page.before, page.limit],
  );
  return rows.map(toStanding);
}

export async function findStandingVersion(
  db: Database,
  now: Instant,
  name: { readonly id: string; readonly version: number },
): Promise<StandingVersion | null> {
  const rows = await db.query<RawStanding>(
    `SELECT ${STANDING} FROM policy_version v WHERE v.policy_id = $2 AND v.version = $3`,
    [now, name.id, name.version],
  );
  return rows[0] === undefined ? null : toStanding(rows[0]);
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
  /** 0 = only proposed so far. */
  readonly newest: number;
  /** SHA-256 of the newest version's text, 64 lower-case hex characters; null where there is none. */
  readonly sourceSha256: string | null;
}

/**
 * Changing rules is one at a time: the installation's row is the lock, also of every policy's stream.
 * @returns null = nothing was ever published or proposed under this id.
 */
export async function lockPolicies(tx: Tx, id: string): Promise<PolicyHead | null> {
  await tx.query({ text: 'SELECT 1 FROM installation FOR UPDATE', values: [] });
  const rows = await tx.query<{ stream_id: string; newest: number; source_sha256: Buffer | null }>({
    text: `SELECT p.stream_id, p.newest, v.source_sha256
      FROM policy p LEFT JOIN policy_version v ON v.policy_id = p.id AND v.version = p.newest
      WHERE p.id = $1`,
    values: [id],
  });
  const row = rows[0];
  if (row === undefined) return null;
  const sourceSha256 = row.source_sha256?.toString('hex') ?? null;
  return { streamId: row.stream_id, newest: row.newest, sourceSha256 };
}

/** The head row of a policy; `newest` 0 where the first version is only proposed. */
export function upsertPolicy(id: string, streamId: string, newest: number): Fragment {
  return {
    text: `INSERT INTO policy (id, stream_id, newest) VALUES ($1, $2, $3)
      ON CONFLICT (id) DO UPDATE SET newest = greatest(policy.newest, excluded.newest)`,
    values: [id, streamId, newest],
  };
}

/** Rules in force have changed: whoever holds older ones in memory is stopped at its next write. */
export const NEXT_GENERATION: Fragment = {
  text: 'UPDATE installation SET policy_generation = policy_generation + 1',
  values: [],
};

/** The writes of one published version; the head is inserted or moved. */
export function insertPolicyVersion(row: PolicyVersionRow, streamId: string): Fragment[] {
  return [
    upsertPolicy(row.id, streamId, row.version),
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
    NEXT_GENERATION,
  ];
}

/** @returns the stream of a policy, null where nothing was published or proposed under this id. */
export async function policyStream(reader: Pick<Tx, 'query'>, id: string): Promise<string | null> {
  const rows = await reader.query<{ stream_id: string }>({
    text: 'SELECT stream_id FROM policy WHERE id = $1',
    values: [id],
  });
  return rows[0]?.stream_id ?? null;
}

/** Rules by name, as the newest version has them and the one that governs; the newer one's place counts. */
export async function rulesOf(
  reader: Pick<Tx, 'query'>,
  id: string,
  now: Instant,
): Promise<{ name: string; index: number }[]> {
  const rows = await reader.query<{ name: string; index: string }>({
    text: `SELECT DISTINCT ON (r.rule ->> 'name') r.rule ->> 'name' AS name, r.place - 1 AS index
      FROM policy p JOIN policy_version v ON v.policy_id = p.id
        CROSS JOIN jsonb_array_elements(v.document -> 'rules') WITH ORDINALITY AS r (rule, place)
      WHERE p.id = $2 AND v.version IN (p.newest, ${GOVERNING})
      ORDER BY r.rule ->> 'name', v.version DESC`,
    values: [now, id],
  });
  return rows.map(({ name, index }) => ({ name, index: Number(index) }));
}
