import type { HeldFact, ShadowEvaluation } from './binding.ts';
import type { Instant } from './instant.ts';
import type { OverrideEffect } from './policy.ts';
import type { RefusalReason } from './refusal.ts';
import type { Decision, RequestDelegation, RequestStatus, Resolution } from './request.ts';
import type { ReviewDebt } from './review-debt.ts';
import type { UsedException } from './rule-exception.ts';

/** What somebody can try to do with a request. The word appears in refusals. */
export type CommandKind =
  | 'view'
  | 'decide'
  | 'override'
  | 'withdraw'
  | 'ask'
  | 'answer'
  | 'comment'
  | 'amend'
  | 'claim'
  | 'release'
  | 'delegate'
  | 'reassign'
  | 'escalate'
  | 'review';

/** Why a stage was opened: its turn came, or an amended content begins anew. */
export type OpeningCause = 'order' | 'amended';

/** What made a stage turn to more people. */
export type EscalationCause = 'time' | 'person' | 'unsatisfiable';

/**
 * The closed list of things that get sealed in the chain of a request. Each maps to exactly one record
 * kind (application/event-records.ts). Texts are not here: they are committed to beside the record.
 */
export type AccountabilityEvent =
  | { readonly type: 'requested' }
  | { readonly type: 'policy_bound'; readonly cause: 'submitted' | 'amended' }
  /** A rule that would have matched was skipped. */
  | { readonly type: 'exception_used'; readonly exception: UsedException }
  | { readonly type: 'shadow_evaluated'; readonly shadow: ShadowEvaluation }
  | { readonly type: 'held'; readonly heldBy: readonly HeldFact[] }
  | {
      readonly type: 'stage_opened';
      readonly stage: number;
      readonly deadline: Instant | null;
      readonly cause: OpeningCause;
    }
  /** An amended content ended it. */
  | {
      readonly type: 'stage_closed';
      readonly stage: number;
      readonly approvals: number;
      readonly rejections: number;
    }
  | { readonly type: 'viewed'; readonly person: string }
  | { readonly type: 'reminded'; readonly stage: number; readonly ordinal: number }
  | {
      readonly type: 'escalated';
      readonly stage: number;
      readonly cause: EscalationCause;
      /** Which of the rule's escalations; null = none is left: the override's role is told. */
      readonly index: number | null;
      readonly to: string;
      readonly mode: 'add' | 'replace';
      readonly person: string | null;
    }
  | {
      readonly type: 'decided';
      readonly decision: Decision;
      readonly tally: Tally;
      /** Leaf hash of the `viewed` record behind it; null where no view was asked for or made. */
      readonly viewed: string | null;
    }
  | {
      readonly type: 'refused';
      readonly command: CommandKind;
      readonly reason: RefusalReason;
      /** The digest the person acted on, where the command carries one. */
      readonly contentDigest: string | null;
    }
  | {
      readonly type: 'asked';
      readonly question: string;
      readonly due: Instant;
      readonly clockStopped: boolean;
    }
  | { readonly type: 'answered'; readonly question: string; readonly clockResumed: boolean }
  /** Its time is over: the clock runs again, whether it is answered or not. */
  | { readonly type: 'question_lapsed'; readonly question: string; readonly ordinal: number }
  | { readonly type: 'commented'; readonly comment: string; readonly replyTo: string | null }
  | {
      readonly type: 'amended';
      readonly beforeActionDigest: string;
      readonly beforeContentDigest: string;
      readonly voided: number;
    }
  | {
      readonly type: 'claimed';
      readonly change: 'claimed' | 'released' | 'lapsed';
      readonly stage: number;
      readonly person: string;
      readonly until: Instant | null;
    }
  | { readonly type: 'delegated'; readonly delegation: RequestDelegation; readonly stage: number }
  | {
      readonly type: 'reassigned';
      readonly stage: number;
      readonly from: string;
      readonly to: string;
    }
  | {
      readonly type: 'overridden';
      readonly effect: OverrideEffect;
      readonly before: RequestStatus;
      readonly person: string;
      /** Who proposed it first, where policy asks for two. */
      readonly second: string | null;
      readonly breakGlass: boolean;
    }
  | {
      readonly type: 'review_debt';
      readonly change: 'opened' | 'settled' | 'overdue';
      readonly debt: ReviewDebt;
    }
  | { readonly type: 'withdrawn' }
  | { readonly type: 'expired'; readonly stage: number; readonly pausedSeconds: number }
  | { readonly type: 'resolved'; readonly resolution: Resolution; readonly decisions: number };

/** How far a stage is: people counted for and against, and how many approvals settle it. */
export interface Tally {
  readonly approvals: number;
  readonly rejections: number;
  readonly needed: number;
}

/** Events that change nothing a reader of the request can see. */
const QUIET: readonly AccountabilityEvent['type'][] = ['viewed', 'refused', 'reminded'];

/** @returns true when a reader who holds the old revision must be told. */
export function isVisible(event: AccountabilityEvent): boolean {
  return !QUIET.includes(event.type);
}
