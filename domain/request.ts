import type { HeldFact } from './binding.ts';
import type { Instant } from './instant.ts';
import type { AssuranceLevel, OverrideEffect, RiskTier, Rule } from './policy.ts';

/** How a request ended. Time running out is `expired`, never `rejected`. */
export type ResolutionKind = 'approved' | 'rejected' | 'expired' | 'withdrawn' | 'overridden';

export type RequestStatus = 'held' | 'pending' | ResolutionKind;

export type Verdict = 'approve' | 'reject';

/** Who asked. `owner` is the person who answers for an app; null when a person asked. */
export interface Requester {
  readonly type: 'app' | 'person';
  readonly id: string;
  readonly owner: string | null;
}

/** One established answer of one person. Never removed, not even by an override. */
export interface Decision {
  readonly person: string;
  readonly delegatedBy: string | null;
  readonly verdict: Verdict;
  readonly stage: number;
  /** Index of the group of the stage in which it counts. */
  readonly group: number;
  readonly assurance: AssuranceLevel;
  readonly at: Instant;
}

/** Something that time brings about in an open stage. */
export type Appointment =
  | { readonly kind: 'reminder'; readonly at: Instant; readonly ordinal: number }
  | { readonly kind: 'escalation'; readonly at: Instant; readonly index: number }
  | { readonly kind: 'deadline'; readonly at: Instant };

/** The stage that waits for decisions. */
export interface OpenStage {
  readonly index: number;
  readonly openedAt: Instant;
  readonly deadline: Instant | null;
  /** Roles that may decide, per group of the stage: the rule's role and what escalation added. */
  readonly roles: readonly (readonly string[])[];
  /** What time will bring, earliest first. */
  readonly agenda: readonly Appointment[];
}

export type ResolvedBy = 'people' | 'policy' | 'deadline' | 'requester' | 'override';

export interface Resolution {
  readonly kind: ResolutionKind;
  readonly effect: OverrideEffect | null;
  /** The one thing an executor looks at. */
  readonly mayProceed: boolean;
  readonly at: Instant;
  /** People whose acts brought it about; empty when policy, time or an app did. */
  readonly by: readonly string[];
  readonly cause: ResolvedBy;
}

/**
 * Everything the rules need to know about one request. Plain JSON, no free text: words of people stay
 * in the encrypted side store, so that this state may be stored and moved in the clear.
 */
export interface RequestState {
  readonly requestId: string;
  readonly kind: string;
  readonly tier: RiskTier;
  readonly requester: Requester;
  readonly onBehalfOf: string | null;
  /** People who changed the content after it was submitted. */
  readonly editors: readonly string[];
  readonly actionDigest: string;
  readonly contentDigest: string;
  /** The rule as it was when the request was opened: later versions do not touch it. */
  readonly policy: {
    readonly id: string;
    readonly version: number;
    readonly ruleIndex: number;
    readonly rule: Rule;
  };
  readonly heldBy: readonly HeldFact[];
  readonly stage: OpenStage | null;
  readonly decisions: readonly Decision[];
  readonly resolution: Resolution | null;
  /** Rises with each change that a reader can see. */
  readonly revision: number;
  readonly createdAt: Instant;
}

/** @returns the word of `status` in the outer contract. */
export function statusOf(state: RequestState): RequestStatus {
  if (state.resolution !== null) return state.resolution.kind;
  return state.heldBy.length > 0 && state.stage === null ? 'held' : 'pending';
}

/** People who can never decide on this request: asked for it, own the asking app, or profit from it. */
export function partiesOf(state: RequestState): readonly string[] {
  const { requester, onBehalfOf, editors } = state;
  const asked = requester.type === 'person' ? requester.id : requester.owner;
  return [asked, onBehalfOf, ...editors].filter((person) => person !== null);
}
