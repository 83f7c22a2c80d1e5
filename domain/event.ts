import type { HeldFact } from './binding.ts';
import type { RefusalReason } from './refusal.ts';
import type { Instant } from './instant.ts';
import type { Decision, RequestStatus, Resolution } from './request.ts';
import type { OverrideEffect } from './policy.ts';

/** What somebody can try to do with a request. The word appears in refusals. */
export type CommandKind = 'view' | 'decide' | 'override' | 'withdraw';

/**
 * The closed list of things that get sealed in the chain of a request. Each maps to exactly one record
 * kind (application/sealing.ts). Texts are not here: they are committed to beside the record.
 */
export type AccountabilityEvent =
  | { readonly type: 'requested' }
  | { readonly type: 'policy_bound' }
  | { readonly type: 'held'; readonly heldBy: readonly HeldFact[] }
  | {
      readonly type: 'stage_opened';
      readonly stage: number;
      readonly deadline: Instant | null;
    }
  | { readonly type: 'viewed'; readonly person: string }
  | { readonly type: 'reminded'; readonly stage: number; readonly ordinal: number }
  | { readonly type: 'escalated'; readonly stage: number; readonly index: number }
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
      readonly type: 'overridden';
      readonly effect: OverrideEffect;
      readonly before: RequestStatus;
      readonly person: string;
    }
  | { readonly type: 'withdrawn' }
  | { readonly type: 'expired'; readonly stage: number }
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
