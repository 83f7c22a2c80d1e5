import type { Instant } from '../domain/instant.ts';
import type { ReviewDebt } from '../domain/review-debt.ts';
import type { Fragment, Tx } from './transaction.ts';

/** What somebody owes, or has paid. The first state of a debt inserts it, later ones change it. */
export function storeDebt(requestId: string, debt: ReviewDebt, now: Instant): Fragment {
  return {
    text: `INSERT INTO review_debt (id, request_id, person_id, due, settled_at)
      VALUES ($1, $2, $3, $4, $5)
      ON CONFLICT (id) DO UPDATE SET settled_at = EXCLUDED.settled_at`,
    values: [debt.id, requestId, debt.person, debt.due, debt.status === 'settled' ? now : null],
  };
}

/** @returns whether the person owes a review whose time is over. */
export async function owesReview(tx: Tx, person: string, now: Instant): Promise<boolean> {
  const rows = await tx.query<{ owes: boolean }>({
    text: `SELECT EXISTS (SELECT FROM review_debt
      WHERE person_id = $1 AND settled_at IS NULL AND due <= $2) AS owes`,
    values: [person, now],
  });
  return rows[0]?.owes ?? false;
}
