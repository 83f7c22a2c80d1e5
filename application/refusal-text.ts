import type { RefusalReason } from '../domain/refusal.ts';

/** What a person is told with a refusal: what is the case, and what they can do. */
export const REFUSAL_TEXT: Readonly<Record<RefusalReason, string>> = {
  EXPIRED: 'The time for this request has run out; it can no longer be decided.',
  RESOLVED: 'This request has been resolved already.',
  STAGE_CLOSED: 'This request is not waiting for decisions now.',
  OWN_REQUEST:
    'You asked for this, own the app that asked, are the person it acts for, or changed its content; somebody else must answer.',
  ALREADY_DECIDED: 'You have decided in this stage already.',
  NOT_ELIGIBLE: 'You are not among those who may do this here and now.',
  STALE_DIGEST:
    'The content has changed since you saw it. Open it again and decide on what it is now.',
  NOT_VIEWED: 'This request must be opened and read before it is decided.',
  ASSURANCE_TOO_LOW: 'This decision needs a stronger sign-in.',
  OVERRIDE_NOT_ALLOWED: 'This override is not possible here, or you do not have the right to it.',
  REASON_TOO_SHORT: 'The reason is too short. Say why, so that others can follow it later.',
};
