import type { Instant } from '../domain/instant.ts';

// Rows that rules are read from, and what came of them, by the stream that must have them.

export interface PolicySideRows {
  /** By the stream of the policy. */
  readonly policyVersions: readonly {
    readonly version: number;
    readonly kind: string;
    readonly enabled: boolean;
    readonly source: string;
    readonly document: unknown;
    /** Of the policy: its newest version. */
    readonly newest: number;
  }[];
  readonly proposals: readonly {
    readonly request: string;
    readonly version: number;
    readonly source: string;
    readonly document: unknown;
    readonly state: string;
  }[];
  readonly exceptions: readonly {
    readonly id: string;
    readonly policyId: string;
    readonly rule: string;
    readonly scope: string | null;
    readonly from: Instant;
    readonly until: Instant;
    readonly isApproved: boolean;
    readonly endedAt: Instant | null;
    readonly isExpired: boolean;
  }[];
  /** By the stream of the request. */
  readonly exceptionUses: readonly {
    readonly exception: string;
    readonly ordinal: number;
    readonly rule: number;
  }[];
  readonly shadows: readonly {
    readonly seq: number;
    readonly policy: string;
    readonly version: number;
    readonly effect: string;
    readonly differs: boolean;
  }[];
  /** By the stream of the person. */
  readonly acknowledgements: readonly {
    readonly policy: string;
    readonly version: number;
    readonly at: Instant;
  }[];
}

const PLACE = 'COLLATE "C"';
const number = (column: string): string => `lpad(${column}::text, 10, '0')`;

/** Statements, one for each kind of row; `place` orders the rows of a stream. */
export const POLICY_ROWS: { readonly [K in keyof PolicySideRows]: string } = {
  policyVersions: `SELECT p.stream_id AS stream, ${number('v.version')} ${PLACE} AS place, v.version, v.kind,
    v.enabled, v.source, v.document, p.newest
    FROM policy_version v JOIN policy p ON p.id = v.policy_id`,
  proposals: `SELECT p.stream_id AS stream, o.request_id::text ${PLACE} AS place, o.request_id AS request,
    o.version, o.source, o.document, o.state
    FROM policy_proposal o JOIN policy p ON p.id = o.policy_id`,
  exceptions: `SELECT p.stream_id AS stream, x.id::text ${PLACE} AS place, x.id, x.policy_id AS "policyId",
    x.rule, x.scope, x.valid_from AS "from", x.valid_until AS "until", x.approved_at IS NOT NULL AS "isApproved",
    x.ended_at AS "endedAt", x.expired_at IS NOT NULL AS "isExpired"
    FROM policy_exception x JOIN policy p ON p.id = x.policy_id`,
  exceptionUses: `SELECT u.request_id AS stream, u.exception_id::text || ${number('u.ordinal')} ${PLACE} AS place,
    u.exception_id AS exception, u.ordinal, u.rule_index AS rule FROM policy_exception_use u`,
  shadows: `SELECT s.request_id AS stream, ${number('s.seq')} ${PLACE} AS place, s.seq, s.policy_id AS policy,
    s.version, s.effect, s.differs FROM shadow_evaluation s`,
  acknowledgements: `SELECT p.stream_id AS stream, a.policy_id || ${number('a.version')} ${PLACE} AS place,
    a.policy_id AS policy, a.version, a.at
    FROM policy_acknowledgement a JOIN person p ON p.id = a.person_id`,
};
