import type { Instant } from '../domain/instant.ts';
import { LOG_ID } from './ledger-store.ts';
import type { Tx } from './transaction.ts';

/** Of the newest records of the installation, how many are looked at. */
const LOOKED_AT = 500;

/** Counted from the records themselves: incidents of one code since an instant (included). */
export async function incidentsSince(
  tx: Tx,
  stream: string,
  { code, since }: { readonly code: string; readonly since: Instant },
): Promise<number> {
  const rows = await tx.query<{ count: number }>({
    text: `SELECT count(*)::int AS count FROM (
        SELECT convert_from(bytes, 'UTF8')::json AS record FROM ledger_record
          WHERE log_id = ${LOG_ID} AND stream_id = $1 ORDER BY seq DESC LIMIT ${LOOKED_AT}) newest
      WHERE record ->> 'kind' = 'incident' AND record -> 'body' ->> 'code' = $2
        AND record ->> 'ts' >= $3`,
    values: [stream, code, since],
  });
  return rows[0]?.count ?? 0;
}
