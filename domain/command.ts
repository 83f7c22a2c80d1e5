import type { Binding } from './binding.ts';
import type { Instant } from './instant.ts';
import type { AssuranceLevel, OverrideEffect } from './policy.ts';
import type { RefusalReason } from './refusal.ts';
import type { Resolution, Verdict } from './request.ts';
import type { Candidate } from './reviewer.ts';

/** What somebody wants to do. Words of people are not part of it, only what rules ask about them. */
export type Command =
  | {
      readonly kind: 'view';
      /** How often the content that was shown had been changed; absent in views of earlier versions. */
      readonly amendments?: number;
    }
  | { readonly kind: 'decide'; readonly verdict: Verdict; readonly contentDigest: string }
  | {
      readonly kind: 'override';
      readonly effect: OverrideEffect;
      /** Visible characters of the reason: see visible-text.ts. */
      readonly reasonLength: number;
      /** At once and alone, owing a review, where the rule allows it. */
      readonly breakGlass: boolean;
      /** Those of the people who proposed an override before that may not override by now. */
      readonly lapsed: readonly string[];
    }
  | { readonly kind: 'withdraw' }
  | { readonly kind: 'ask' }
  | { readonly kind: 'answer'; readonly question: string }
  | { readonly kind: 'comment'; readonly replyTo: string | null }
  | {
      readonly kind: 'amend';
      /** null where whoever asks is not the requester: what they want is not read. */
      readonly amendment: Amendment | null;
    }
  | { readonly kind: 'claim' }
  | { readonly kind: 'release' }
  | {
      readonly kind: 'delegate';
      readonly to: string;
      readonly from: Instant;
      readonly until: Instant;
      readonly reasonLength: number;
    }
  | {
      readonly kind: 'reassign';
      readonly from: string;
      readonly to: string;
      readonly reasonLength: number;
      /** The person it goes to, as the directory has them. */
      readonly receiver: Candidate;
    }
  | { readonly kind: 'escalate'; readonly to: string | null; readonly reasonLength: number }
  | {
      readonly kind: 'review';
      readonly verdict: 'justified' | 'not_justified';
      readonly reasonLength: number;
    };

/** The changed content, put before the same policy versions again. */
export interface Amendment {
  readonly actionDigest: string;
  readonly contentDigest: string;
  readonly binding: Binding;
}

/** Who acts, as the step read it from the directory in its own transaction; never from the caller. */
export interface Actor extends Candidate {
  readonly type: 'app' | 'person';
  readonly assurance: AssuranceLevel;
  /** Leaf hash of this person's `viewed` record for the request's present content, or null. */
  readonly viewed: string | null;
  /** Owes the review of a broken glass whose time is over. */
  readonly owesReview: boolean;
}

/** The answer to a command (product contract 3.2). */
export type CommandOutcome =
  | { readonly kind: 'counted'; readonly approvals: number; readonly needed: number }
  | { readonly kind: 'settled'; readonly resolution: Resolution }
  | {
      readonly kind: 'done';
      /** What the command made has the command's own id. */
      readonly made?: 'question' | 'delegation' | 'comment' | 'answer';
    }
  | { readonly kind: 'refused'; readonly reason: RefusalReason };
