import type { Duration, Instant } from './instant.ts';

/** How much harm a wrong answer can do. Ordered; policy can only raise what the requester said. */
export type RiskTier = 'low' | 'medium' | 'high';

export const RISK_TIERS = ['low', 'medium', 'high'] as const satisfies readonly RiskTier[];

/** What a rule does with a request that it matches. Strictest last. */
export type Effect = 'approve' | 'review' | 'reject';

export const EFFECTS = ['approve', 'review', 'reject'] as const satisfies readonly Effect[];

export type OverrideEffect = 'stop' | 'reverse' | 'force';

/** What becomes of a stage whose deadline has passed. `approve` never applies to a high tier. */
export type OnTimeout = 'expire' | 'next-stage' | 'approve';

/** How strongly a person was identified: 0 asserted by an app … 3 passkey over the content digest. */
export type AssuranceLevel = 0 | 1 | 2 | 3;

/** Who is asked in addition (`add`) or instead (`replace`) when nobody answered for `after`. */
export interface Escalation {
  readonly after: Duration;
  readonly to: string;
  readonly mode: 'add' | 'replace';
}

/** What a reviewer must be besides holding the role. An empty list asks for nothing. */
export interface ReviewerConditions {
  /** One of these teams. */
  readonly team: readonly string[];
  /** One of these regions. */
  readonly region: readonly string[];
}

/** A training that a reviewer must have in force, in this version or a later one. */
export interface RequiredTraining {
  readonly course: string;
  readonly version: number;
}

/** People of one role, of whom `quorum` must approve; `rejectQuorum` rejections settle it the other way. */
export interface Group {
  readonly name: string;
  readonly role: string;
  readonly quorum: number;
  readonly rejectQuorum: number;
  readonly conditions: ReviewerConditions;
  readonly trainings: readonly RequiredTraining[];
}

/** One round of questions. A plain stage has exactly one group, named like the stage. */
export interface Stage {
  readonly name: string;
  readonly groups: readonly Group[];
  readonly join: 'all' | 'any';
  /** Counts from the opening of the stage; null = no deadline. */
  readonly deadline: Duration | null;
  readonly reminders: readonly Duration[];
  readonly escalations: readonly Escalation[];
  readonly onTimeout: OnTimeout;
  /** Names of earlier stages whose deciders may not decide here. */
  readonly distinctFrom: readonly string[];
  readonly assurance: AssuranceLevel;
  /** Business calendar in which the times of this stage count; null = plain time. */
  readonly calendar: string | null;
  /** CEL over the request that gives an instant; the earlier of it and `deadline` counts. */
  readonly deadlineAt: string | null;
}

export interface OverrideRight {
  readonly role: string;
  /** Least number of visible characters of the reason: see visible-text.ts. */
  readonly minReason: number;
  readonly effects: readonly OverrideEffect[];
  /** Least assurance level of whoever overrides. */
  readonly assurance: AssuranceLevel;
  /** Effects that need a second person who holds the right. */
  readonly secondPerson: readonly OverrideEffect[];
  /** Who may act at once, alone, and then owes a review; null = nobody. */
  readonly breakGlass: BreakGlass | null;
}

/** The review that acting at once owes: by somebody of `role`, within `due`. */
export interface BreakGlass {
  readonly role: string;
  readonly due: Duration;
}

/** Kept with the rule for the Slack surface; the domain gives it no meaning. */
export interface SlackSurface {
  readonly channel: string | null;
  readonly decide: 'allowed' | 'notify-only' | 'step-up';
  readonly maxDataClass: 'public' | 'internal' | 'confidential' | 'personal';
}

/** One row of a policy. `when` is a CEL condition; null matches always. Stages only for `review`. */
export interface Rule {
  readonly name: string;
  readonly when: string | null;
  readonly effect: Effect;
  /** What the rule supports, beside what the whole policy does; decisions inherit both. */
  readonly controls: readonly string[];
  readonly stages: readonly Stage[];
  /** null = decided by the tier: a high tier asks for a view. */
  readonly requireView: boolean | null;
  readonly override: OverrideRight | null;
  readonly slack: SlackSurface | null;
  /** How long a receipt of this rule can be used. */
  readonly receipt: { readonly validFor: Duration };
}

/** Raises the tier to `atLeast` where `when` holds. */
export interface TierRule {
  readonly when: string;
  readonly atLeast: RiskTier;
}

/** One immutable version of a policy, as it is in force. */
export interface Policy {
  readonly id: string;
  readonly version: number;
  readonly kind: string;
  readonly enabled: boolean;
  readonly when: string | null;
  readonly objective: string | null;
  /** Who answers for the policy: a person's id or a name. */
  readonly owner: string | null;
  /** A day, such as 2027-01-31. */
  readonly reviewBy: string | null;
  /** From when on it binds; null = from its publication. */
  readonly effective: Instant | null;
  /** `shadow`: evaluated and recorded, and nothing follows. */
  readonly mode: 'enforced' | 'shadow';
  /** Nobody decides under it who has not acknowledged this version. */
  readonly requireAcknowledgement: boolean;
  readonly controls: readonly string[];
  readonly tier: readonly TierRule[];
  readonly rules: readonly Rule[];
}

/** `"<policy id>@<version>"`, the one way a policy version is written (product contract 3.1). */
export function policyVersionName(policy: {
  readonly id: string;
  readonly version: number;
}): string {
  return `${policy.id}@${policy.version}`;
}

/** Who is asked where no policy matches: one person of `role`, for a day. */
export function fallbackPolicy(role: string, kind: string): Policy {
  const group: Group = {
    name: 'fallback',
    role,
    quorum: 1,
    rejectQuorum: 1,
    conditions: { team: [], region: [] },
    trainings: [],
  };
  const stage: Stage = {
    name: 'fallback',
    groups: [group],
    join: 'all',
    deadline: 'P1D',
    reminders: [],
    escalations: [],
    onTimeout: 'expire',
    distinctFrom: [],
    assurance: 0,
    calendar: null,
    deadlineAt: null,
  };
  const rule: Rule = {
    name: 'no policy matches',
    when: null,
    effect: 'review',
    controls: [],
    stages: [stage],
    requireView: null,
    override: {
      role: 'override-authority',
      minReason: 20,
      effects: ['stop', 'reverse', 'force'],
      assurance: 0,
      secondPerson: [],
      breakGlass: null,
    },
    slack: null,
    receipt: { validFor: 'PT1H' },
  };
  return {
    id: 'fallback',
    version: 1,
    kind,
    enabled: true,
    when: null,
    objective: null,
    owner: null,
    reviewBy: null,
    effective: null,
    mode: 'enforced',
    requireAcknowledgement: false,
    controls: [],
    tier: [],
    rules: [rule],
  };
}
