import type { Instant } from '../domain/instant.ts';
import type { Database } from './database.ts';
import type { Reader } from './directory-store.ts';
import type { Fragment } from './transaction.ts';

export type ProposalState = 'open' | 'published' | 'rejected';

/** A version that waits for the approval of a request, or what became of it. */
export interface ProposalRow {
  readonly requestId: string;
  readonly policyId: string;
  /** The number that it gets, or got. */
  readonly version: number;
  readonly document: unknown;
  readonly source: string;
  /** 64 lower-case hex characters. */
  readonly sourceSha256: string;
  readonly author: string;
  readonly createdAt: Instant;
  readonly state: ProposalState;
  /** Why it was not published, or what happened after it was. */
  readonly note: string | null;
  readonly closedAt: Instant | null;
}

interface RawRow extends Record<string, unknown> {
  request_id: string;
  policy_id: string;
  version: number;
  document: unknown;
  source: string;
  source_sha256: Buffer;
  author: string;
  created_at: string;
  state: ProposalState;
  note: string | null;
  closed_at: string | null;
}

const COLUMNS =
  'request_id, policy_id, version, document, source, source_sha256, author, created_at, state, note, closed_at';

function toRow(raw: RawRow): ProposalRow {
  return {
    requestId: raw.request_id,
    policyId: raw.policy_id,
    version: raw.version,
    document: raw.document,
    source: raw.source,
    sourceSha256: raw.source_sha256.toString('hex'),
    author: raw.author,
    createdAt: raw.created_at,
    state: raw.state,
    note: raw.note,
    closedAt: raw.closed_at,
  };
}

export function insertProposal(row: ProposalRow): Fragment {
  return {
    text: `INSERT INTO policy_proposal (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    values: [
      ...[row.requestId, row.policyId, row.version, JSON.stringify(row.document), row.source],
      ...[Buffer.from(row.sourceSha256, 'hex'), row.author, row.createdAt],
      ...[row.state, row.note, row.closedAt],
    ],
  };
}

export function closeProposal(
  requestId: string,
  closed: { readonly state: ProposalState; readonly note: string | null; readonly at: Instant },
): Fragment {
  return {
    text: 'UPDATE policy_proposal SET state = $2, note = $3, closed_at = $4 WHERE request_id = $1',
    values: [requestId, closed.state, closed.note, closed.at],
  };
}

export async function proposalOfRequest(
  reader: Reader,
  requestId: string,
): Promise<ProposalRow | null> {
  const rows = await reader.query<RawRow>({
    text: `SELECT ${COLUMNS} FROM policy_proposal WHERE request_id = $1`,
    values: [requestId],
  });
  return rows[0] === undefined ? null : toRow(rows[0]);
}

/** Newest first, below `before`. */
export async function listProposals(
  db: Database,
  page: {
    readonly id: string;
    readonly before: { readonly createdAt: string; readonly requestId: string } | null;
    readonly limit: number;
  },
): Promise<ProposalRow[]> {
  const rows = await db.query<RawRow>(
    `SELECT ${COLUMNS} FROM policy_proposal WHERE policy_id = $1
        AND ($2::timestamptz IS NULL OR (created_at, request_id) < ($2::timestamptz, $3::uuid))
      ORDER BY created_at DESC, request_id DESC LIMIT $4`,
    [page.id, page.before?.createdAt ?? null, page.before?.requestId ?? null, page.limit],
  );
  return rows.map(toRow);
}
