import type { Instant } from './instant.ts';

/** The review that somebody owes who broke the glass. Unpaid and overdue it removes their right. */
export interface ReviewDebt {
  readonly id: string;
  readonly person: string;
  /** Who may review. */
  readonly role: string;
  readonly due: Instant;
  readonly status: 'open' | 'overdue' | 'settled';
  readonly reviewedBy: string | null;
  readonly verdict: 'justified' | 'not_justified' | null;
}
