import type { AssuranceLevel, OverrideEffect } from './policy.ts';
import type { RefusalReason } from './refusal.ts';
import type { Resolution, Verdict } from './request.ts';

/** What somebody wants to do. Words of people are not part of it, only what rules ask about them. */
export type Command =
  | { readonly kind: 'view' }
  | { readonly kind: 'decide'; readonly verdict: Verdict; readonly contentDigest: string }
  | {
      readonly kind: 'override';
      readonly effect: OverrideEffect;
      /** Visible characters of the reason: see visible-text.ts. */
      readonly reasonLength: number;
    }
  | { readonly kind: 'withdraw' };

/** Who acts, as the step read it from the directory in its own transaction; never from the caller. */
export interface Actor {
  readonly type: 'app' | 'person';
  readonly id: string;
  /** Roles in force now. Empty for apps. */
  readonly roles: readonly string[];
  readonly absent: boolean;
  readonly assurance: AssuranceLevel;
  /** Leaf hash of this person's `viewed` record for the request's present content, or null. */
  readonly viewed: string | null;
}

/** The answer to a command (product contract 3.2). */
export type CommandOutcome =
  | { readonly kind: 'counted'; readonly approvals: number; readonly needed: number }
  | { readonly kind: 'settled'; readonly resolution: Resolution }
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly reason: RefusalReason };
