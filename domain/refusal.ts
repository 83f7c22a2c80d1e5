/**
 * Why a submission was not accepted. A refusal is an answer, not an error: it is returned, sealed and
 * explained. The order is the order of precedence where several fit (product contract 3.2).
 */
export const REFUSAL_REASONS = [
  'EXPIRED',
  'RESOLVED',
  'STAGE_CLOSED',
  'OWN_REQUEST',
  'ALREADY_DECIDED',
  'NOT_ELIGIBLE',
  'STALE_DIGEST',
  'NOT_VIEWED',
  'ACKNOWLEDGEMENT_MISSING',
  'TRAINING_EXPIRED',
  'DELEGATION_INVALID',
  'OVERRIDE_NOT_ALLOWED',
  'REVIEW_DEBT',
  'ASSURANCE_TOO_LOW',
  'REASON_TOO_SHORT',
  'SECOND_PERSON_REQUIRED',
] as const;

export type RefusalReason = (typeof REFUSAL_REASONS)[number];
