import type { RefusalReason } from '../domain/refusal.ts';

/** What a person is told with a refusal: what is the case, and what they can do. */
export const REFUSAL_TEXT: Readonly<Record<RefusalReason, string>> = {
  EXPIRED: 'The time for this request has run out; it can no longer be decided.',
  RESOLVED: 'This request has been resolved already.',
  STAGE_CLOSED: 'This is not open now: it waits for nothing that you could do here.',
  OWN_REQUEST:
    'You asked for this, own the app that asked, are the person it acts for, changed its content, or stand in for one of them; somebody else must answer.',
  ALREADY_DECIDED: 'You have decided in this stage already, or somebody has in your name.',
  NOT_ELIGIBLE: 'You are not among those who may do this here and now.',
  STALE_DIGEST:
    'The content has changed since you saw it. Open it again and decide on what it is now.',
  NOT_VIEWED: 'This request must be opened and read before it is decided.',
  ACKNOWLEDGEMENT_MISSING:
    'This policy version has to be acknowledged first: read it and confirm, then decide.',
  TRAINING_EXPIRED: 'You have no training in force that this decision asks for.',
  DELEGATION_INVALID:
    'This cannot be handed over like that: not to yourself, to somebody whose request it is, in a circle, for a time that is over, or when it was handed to you.',
  REVIEW_DEBT:
    'You acted at once before and the review of it is overdue; until it is settled you cannot override.',
  SECOND_PERSON_REQUIRED:
    'Your override is noted. It takes effect when a second person with the right asks for the same.',
  ASSURANCE_TOO_LOW: 'This decision needs a stronger sign-in.',
  OVERRIDE_NOT_ALLOWED: 'This override is not possible here, or you do not have the right to it.',
  REASON_TOO_SHORT: 'The reason is too short. Say why, so that others can follow it later.',
};
