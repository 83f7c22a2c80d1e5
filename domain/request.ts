import type { HeldFact } from './binding.ts';
import type { Entry } from './discussion.ts';
import type { Instant } from './instant.ts';
import type { AssuranceLevel, OverrideEffect, RiskTier, Rule } from './policy.ts';
import type { ReviewDebt } from './review-debt.ts';

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
  /** In whose name; null = in their own right. */
  readonly delegatedBy: string | null;
  /** The delegation, or the absence that names a deputy, on which that rests. */
  readonly delegation: string | null;
  readonly verdict: Verdict;
  readonly stage: number;
  /** Groups of the stage in which it can count; it counts in one of them. */
  readonly groups: readonly number[];
  /** The role under which it counts; null in requests that were opened before roles were kept. */
  readonly role: string | null;
  readonly assurance: AssuranceLevel;
  readonly at: Instant;
}

/** Something that time brings about in an open stage, on the stage's own clock. */
export type Appointment =
  | { readonly kind: 'reminder'; readonly at: Instant; readonly ordinal: number }
  | { readonly kind: 'escalation'; readonly at: Instant; readonly index: number }
  | { readonly kind: 'deadline'; readonly at: Instant };

/** Somebody has said that they are at it. It takes nobody's right away. */
export interface Claim {
  readonly person: string;
  readonly until: Instant;
}

/** The stage that waits for decisions. */
export interface OpenStage {
  readonly index: number;
  readonly openedAt: Instant;
  readonly deadline: Instant | null;
  /** Roles that may decide, per group of the stage: the rule's role and what escalation added. */
  readonly roles: readonly (readonly string[])[];
  /** What time will bring, earliest first. */
  readonly agenda: readonly Appointment[];
  /** Since when the clock stands because a question to the requester is open; null = it runs. */
  readonly pausedSince: Instant | null;
  /** Whole seconds for which the clock stood before. */
  readonly pausedSeconds: number;
  /** In order of time. */
  readonly claims: readonly Claim[];
  /** People from whom a lead has taken this stage away. */
  readonly barred: readonly string[];
  /** It is known, and sealed, that the people there are cannot settle it. */
  readonly isStuck: boolean;
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

/** For this request alone: `to` may decide in the name of `person`. */
export interface RequestDelegation {
  readonly id: string;
  readonly person: string;
  readonly to: string;
  /** Included. */
  readonly from: Instant;
  /** Not included. */
  readonly until: Instant;
}

/** An override that waits for its second person. */
export interface OverrideProposal {
  readonly person: string;
  readonly effect: OverrideEffect;
  readonly at: Instant;
}

/** The request that this one opens again, and the last record of its chain. */
export interface Reopened {
  readonly requestId: string;
  readonly leafHash: string;
}

/** The rule as it was when the request was opened: later versions do not touch it. */
export interface BoundPolicy {
  readonly id: string;
  readonly version: number;
  readonly ruleIndex: number;
  readonly rule: Rule;
  /** What the policy and the rule support; decisions inherit it. */
  readonly controls: readonly string[];
  readonly requireAcknowledgement: boolean;
  /** Deadlines that the request itself gives, per stage; null where it gives none. */
  readonly deadlines: readonly (Instant | null)[];
  /** Every policy version that was asked; an amended content is put before the same ones. */
  readonly boundUnder: readonly { readonly id: string; readonly version: number }[];
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
  /** People whom the content itself makes parties: the owner of a vendor. */
  readonly owners: readonly string[];
  /** People who changed the content after it was submitted. */
  readonly editors: readonly string[];
  readonly actionDigest: string;
  readonly contentDigest: string;
  /** How often the content was changed. */
  readonly amendments: number;
  readonly policy: BoundPolicy;
  readonly heldBy: readonly HeldFact[];
  readonly stage: OpenStage | null;
  /** Since the last amendment. */
  readonly decisions: readonly Decision[];
  /** How many decisions before that amendments have voided: they stay on record. */
  readonly voided: number;
  readonly delegations: readonly RequestDelegation[];
  /** Questions, answers and comments in order of time; their words are elsewhere. */
  readonly discussion: readonly Entry[];
  readonly resolution: Resolution | null;
  readonly proposals: readonly OverrideProposal[];
  readonly debt: ReviewDebt | null;
  readonly reopens: Reopened | null;
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
  const { requester, onBehalfOf, editors, owners } = state;
  const asked = requester.type === 'person' ? requester.id : requester.owner;
  return [asked, onBehalfOf, ...owners, ...editors].filter((person) => person !== null);
}

/** @returns whether this is who asked, be it an app or a person. */
export function isRequester(
  { requester }: RequestState,
  actor: { readonly type: 'app' | 'person'; readonly id: string },
): boolean {
  return actor.type === requester.type && actor.id === requester.id;
}
