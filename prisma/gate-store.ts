import type { Instant } from '../domain/instant.ts';
import type { Database } from './database.ts';
import type { GateState } from './request-store.ts';

// Gates as the sweep sees them: what should run, whatever Temporal says.

export interface Gated {
  readonly requestId: string;
  readonly gate: GateState;
  /** When the gate was last put into Temporal's hands. */
  readonly since: Instant;
}

interface RawGated {
  readonly id: string;
  readonly gate: GateState;
  readonly gate_at: Instant;
}

const toGated = ({ id, gate, gate_at }: RawGated): Gated => ({
  requestId: id,
  gate,
  since: gate_at,
});

/** @returns up to `limit` gates that should run, in order of their request's id, after `after`. */
export async function openGates(
  db: Database,
  { after, limit }: { readonly after: string | null; readonly limit: number },
): Promise<Gated[]> {
  const rows = await db.query<RawGated>(
    `SELECT id, gate, gate_at FROM request WHERE gate = 'open' AND ($1::uuid IS NULL OR id > $1::uuid)
      ORDER BY id LIMIT $2`,
    [after, limit],
  );
  return rows.map(toGated);
}

/** @returns those of `ids` that are requests, whatever their gate. */
export async function gatesOf(db: Database, ids: readonly string[]): Promise<Gated[]> {
  const rows = await db.query<RawGated>(
    'SELECT id, gate, gate_at FROM request WHERE id = ANY($1::uuid[])',
    [ids],
  );
  return rows.map(toGated);
}

/** Has the dispatcher start them again; those that have ended meanwhile stay as they are. */
export async function reopenGatesOf(db: Database, ids: readonly string[]): Promise<void> {
  await db.query(
    `UPDATE request SET gate = 'due', gate_at = now() WHERE id = ANY($1::uuid[]) AND gate = 'open'`,
    [ids],
  );
}

/** @returns some requests whose gate runs and has left a command unanswered since before `since`. */
export async function silentGates(
  db: Database,
  { since, limit }: { readonly since: Instant; readonly limit: number },
): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    `SELECT DISTINCT r.id FROM command c JOIN request r ON r.id = c.request_id
      WHERE c.answer IS NULL AND c.created_at < $1 AND r.gate = 'open' LIMIT $2`,
    [since, limit],
  );
  return rows.map(({ id }) => id);
}
