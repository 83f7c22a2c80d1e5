import type { Instant } from '../domain/instant.ts';
import { statusOf, type RequestState } from '../domain/request.ts';
import { toPresentState } from '../domain/stored-state.ts';
import type { Database } from './database.ts';
import type { StoredHead } from './ledger-store.ts';
import { audienceId, listChanged, listNew } from './listing-store.ts';
import type { Fragment, Tx } from './transaction.ts';

/** Where the workflow of a request stands: see the column's comment in the migration. */
export type GateState = 'none' | 'due' | 'open' | 'closed';

/** The head row of a request. Words of people are ciphertext under `dekId`. */
export interface RequestRow {
  readonly id: string;
  readonly state: RequestState;
  readonly head: StoredHead;
  readonly dekId: string;
  readonly title: Uint8Array;
  readonly reason: Uint8Array | null;
  readonly wakeAt: Instant | null;
  readonly gate: GateState;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
}

export interface NewRequest extends Omit<RequestRow, 'createdAt' | 'reason'> {
  readonly content: Uint8Array;
}

export interface RawRow {
  id: string;
  state: RequestState;
  head_seq: number;
  head_hash: Buffer;
  dek_id: string;
  title: Buffer;
  reason: Buffer | null;
  wake_at: string | null;
  gate: GateState;
  created_at: string;
  updated_at: string;
}

export const COLUMNS =
  'id, state, head_seq, head_hash, dek_id, title, reason, wake_at, gate, created_at, updated_at';

export function toRow(raw: RawRow): RequestRow {
  return {
    id: raw.id,
    state: toPresentState(raw.state),
    head: { seq: raw.head_seq, leafHash: raw.head_hash.toString('hex') },
    dekId: raw.dek_id,
    title: raw.title,
    reason: raw.reason,
    wakeAt: raw.wake_at,
    gate: raw.gate,
    createdAt: raw.created_at,
    updatedAt: raw.updated_at,
  };
}

export function insertRequest(row: NewRequest): Fragment {
  const { state, head } = row;
  return {
    text: `INSERT INTO request (id, kind, status, tier, requester_type, requester_id, audience, deadline,
        revision, head_seq, head_hash, state, dek_id, title, content, wake_at, gate, gate_at, created_at, updated_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18::timestamptz + interval '2 seconds', $18, $18)`,
    values: [
      row.id,
      state.kind,
      statusOf(state),
      state.tier,
      state.requester.type,
      state.requester.id,
      audienceId(state),
      state.stage?.deadline ?? null,
      state.revision,
      head.seq,
      Buffer.from(head.leafHash, 'hex'),
      JSON.stringify(state),
      row.dekId,
      row.title,
      row.content,
      row.wakeAt,
      row.gate,
      row.updatedAt,
    ],
    also: listNew(row.id, state, row.updatedAt),
  };
}

/** Everything that a step changes on the head row. */
export interface RequestChange {
  readonly id: string;
  readonly state: RequestState;
  readonly head: StoredHead;
  readonly wakeAt: Instant | null;
  readonly gate: GateState;
  /** The state before, where it is known: then lists are written only where they differ. */
  readonly before?: RequestState;
  /** null keeps what is there. */
  readonly reason: Uint8Array | null;
  /** The amended content, in the place of what was submitted; its digests are in the records. */
  readonly amended?: { readonly title: Uint8Array; readonly content: Uint8Array };
  readonly updatedAt: Instant;
}

export function updateRequest(change: RequestChange): Fragment {
  const { state, head } = change;
  return {
    text: `UPDATE request SET status = $2, tier = $3, audience = $4, deadline = $5, revision = $6,
        head_seq = $7, head_hash = $8, state = $9, wake_at = $10, gate = $11,
        reason = coalesce($12, reason), updated_at = $13,
        title = coalesce($14, title), content = coalesce($15, content) WHERE id = $1`,
    values: [
      change.id,
      statusOf(state),
      state.tier,
      audienceId(state),
      state.stage?.deadline ?? null,
      state.revision,
      head.seq,
      Buffer.from(head.leafHash, 'hex'),
      JSON.stringify(state),
      change.wakeAt,
      change.gate,
      change.reason,
      change.updatedAt,
      change.amended?.title ?? null,
      change.amended?.content ?? null,
    ],
    also: listChanged(change.id, state, change.before ?? null),
  };
}

/** Locks the head row until the transaction ends. @returns null when there is no such request. */
export async function lockRequest(tx: Tx, id: string): Promise<RequestRow | null> {
  const rows = await tx.query<RawRow>({
    text: `SELECT ${COLUMNS} FROM request WHERE id = $1 FOR NO KEY UPDATE`,
    values: [id],
  });
  return rows[0] === undefined ? null : toRow(rows[0]);
}

export async function findRequest(db: Database, id: string): Promise<RequestRow | null> {
  const rows = await db.query<RawRow>(`SELECT ${COLUMNS} FROM request WHERE id = $1`, [id]);
  return rows[0] === undefined ? null : toRow(rows[0]);
}

/** @returns up to `limit` requests that wait for people, in order of id, after `after`. */
export async function pendingRequests(
  db: Database,
  { after, limit }: { readonly after: string | null; readonly limit: number },
): Promise<RequestRow[]> {
  const rows = await db.query<RawRow>(
    `SELECT ${COLUMNS} FROM request WHERE status = 'pending' AND ($1::uuid IS NULL OR id > $1::uuid)
      ORDER BY id LIMIT $2`,
    [after, limit],
  );
  return rows.map(toRow);
}

/** @returns the ciphertext of what was submitted, as it was amended last, in a transaction that holds the row. */
export async function contentIn(tx: Tx, id: string): Promise<Uint8Array | null> {
  const rows = await tx.query<{ content: Buffer }>({
    text: 'SELECT content FROM request WHERE id = $1',
    values: [id],
  });
  return rows[0]?.content ?? null;
}

/** A content before it was amended, with the policy version that its digest covers. */
export interface FormerContent {
  readonly policy: string;
  readonly content: Uint8Array;
}

/** Keeps what an amendment takes the place of; written in the same statement, it reads what was there before. */
export function keepFormer(
  id: string,
  { amendments, policy }: { readonly amendments: number; readonly policy: string },
): Fragment {
  return {
    text: `INSERT INTO request_content (request_id, amendments, policy, content)
      SELECT id, $2, $3, content FROM request WHERE id = $1`,
    values: [id, amendments, policy],
  };
}

/** @returns contents of a request before its amendments, oldest first. */
export async function formerContents(db: Database, id: string): Promise<FormerContent[]> {
  return db.query<{ policy: string; content: Buffer }>(
    'SELECT policy, content FROM request_content WHERE request_id = $1 ORDER BY amendments',
    [id],
  );
}

/** The same outside of one. */
export async function contentOf(db: Database, id: string): Promise<Uint8Array | null> {
  const rows = await db.query<{ content: Buffer }>('SELECT content FROM request WHERE id = $1', [
    id,
  ]);
  return rows[0]?.content ?? null;
}

/** @returns the revision of each request that exists. */
export async function revisionsOf(
  db: Database,
  ids: readonly string[],
): Promise<Map<string, number>> {
  const rows = await db.query<{ id: string; revision: number }>(
    'SELECT id, revision FROM request WHERE id = ANY($1::uuid[])',
    [ids],
  );
  return new Map(rows.map((row) => [row.id, row.revision]));
}

export interface ViewRow {
  readonly requestId: string;
  readonly person: string;
  readonly contentDigest: string;
  readonly seq: number;
  readonly leafHash: string;
}

/** The first view of a content counts; a later one of the same content changes nothing here. */
export function insertView(view: ViewRow): Fragment {
  return {
    text: `INSERT INTO request_view (request_id, person_id, content_digest, seq, leaf_hash)
      VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
    values: [
      view.requestId,
      view.person,
      Buffer.from(view.contentDigest, 'hex'),
      view.seq,
      Buffer.from(view.leafHash, 'hex'),
    ],
  };
}

// ---- gates ---------------------------------------------------------------------------------------

/** A workflow that has to be started, with the place in its request's life that it starts from. */
export interface DueGate {
  readonly requestId: string;
  readonly kind: string;
}

/** Takes up to `limit` gates that are due and puts them off, so that no other dispatcher takes them. */
export async function claimDueGates(
  db: Database,
  claim: { readonly now: Instant; readonly again: Instant; readonly limit: number },
): Promise<DueGate[]> {
  const rows = await db.query<{ id: string; kind: string }>(
    `UPDATE request SET gate_at = $2 WHERE id IN (
        SELECT id FROM request WHERE gate = 'due' AND gate_at <= $1
        ORDER BY gate_at LIMIT $3 FOR UPDATE SKIP LOCKED)
      RETURNING id, kind`,
    [claim.now, claim.again, claim.limit],
  );
  return rows.map((row) => ({ requestId: row.id, kind: row.kind }));
}

/** The workflow runs. Changes nothing when the gate was closed meanwhile. */
export async function markGateOpen(db: Database, ids: readonly string[]): Promise<void> {
  await db.query(`UPDATE request SET gate = 'open' WHERE id = ANY($1::uuid[]) AND gate = 'due'`, [
    ids,
  ]);
}

/**
 * Marks gates as due again: all that should run (`null`), or those whose time has come without their
 * workflow noticing (an instant: due before it).
 *
 * @returns how many.
 */
export async function reopenGates(db: Database, overdueSince: Instant | null): Promise<number> {
  const rows = await db.query<{ id: string }>(
    `UPDATE request SET gate = 'due', gate_at = now()
      WHERE gate = 'open' AND ($1::timestamptz IS NULL OR wake_at < $1) RETURNING id`,
    [overdueSince],
  );
  return rows.length;
}

/** @returns some requests that should have woken before `since`, the most overdue first. */
export async function overdueRequests(
  db: Database,
  { since, limit }: { readonly since: Instant; readonly limit: number },
): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    `SELECT id FROM request WHERE wake_at < $1 AND gate IN ('due', 'open')
      ORDER BY wake_at LIMIT $2`,
    [since, limit],
  );
  return rows.map((row) => row.id);
}

/** @returns leaf hash of the person's view of the request's present content, or null. */
export async function viewLeafOf(tx: Tx, row: RequestRow, person: string): Promise<string | null> {
  const rows = await tx.query<{ leaf_hash: Buffer }>({
    text: `SELECT leaf_hash FROM request_view
      WHERE request_id = $1 AND person_id = $2 AND content_digest = $3`,
    values: [row.id, person, Buffer.from(row.state.contentDigest, 'hex')],
  });
  return rows[0]?.leaf_hash.toString('hex') ?? null;
}

/** A request as its row has it, for those who hold it against its records. */
export interface ProjectedRow {
  readonly id: string;
  readonly kind: string;
  readonly status: string;
  readonly tier: string;
  readonly requesterType: string;
  readonly requesterId: string;
  readonly state: RequestState;
  readonly head: StoredHead;
}

const PROJECTED_AT_ONCE = 500;

const PROJECTED =
  'id, kind, status, tier, requester_type, requester_id, state, head_seq, head_hash';

interface RawProjected {
  readonly id: string;
  readonly kind: string;
  readonly status: string;
  readonly tier: string;
  readonly requester_type: string;
  readonly requester_id: string;
  readonly state: RequestState;
  readonly head_seq: number;
  readonly head_hash: Buffer;
}

function toProjected(raw: RawProjected): ProjectedRow {
  const { head_seq, head_hash, requester_type, requester_id, ...row } = raw;
  return {
    ...row,
    state: toPresentState(row.state),
    requesterType: requester_type,
    requesterId: requester_id,
    head: { seq: head_seq, leafHash: head_hash.toString('hex') },
  };
}

/** All of them in order of id. */
export async function* projectedRequests(tx: Tx): AsyncIterable<ProjectedRow> {
  for (let after = '00000000-0000-0000-0000-000000000000'; ;) {
    const rows = await tx.query<RawProjected>({
      text: `SELECT ${PROJECTED} FROM request WHERE id > $1::uuid
        ORDER BY id LIMIT ${PROJECTED_AT_ONCE}`,
      values: [after],
    });
    for (const row of rows) yield toProjected(row);
    if (rows.length < PROJECTED_AT_ONCE) return;
    after = rows.at(-1)?.id ?? after;
  }
}

/** One of them. */
export async function projectedRequest(db: Database, id: string): Promise<ProjectedRow | null> {
  const rows = await db.query<RawProjected>(`SELECT ${PROJECTED} FROM request WHERE id = $1`, [id]);
  return rows[0] === undefined ? null : toProjected(rows[0]);
}
