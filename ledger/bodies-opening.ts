import { z } from 'zod';

import {
  assuranceLevel,
  closed,
  count,
  dataClass,
  hex64,
  HOLD_REASONS,
  impact,
  instant,
  itemId,
  nameId,
  opaqueId,
  ordinal,
  people_c,
  permille,
  person_c,
  seconds,
  streamId,
  tier,
} from './fields.ts';

// How a request begins, waits and is put before people. What a person typed is never in a body: it is
// named in `commits` under the path in brackets. People are commitments (`…_c`).
// @source docs/record-format.md, section 6.1

/** Which of a stage's parallel groups, from 0; null: it has only one, or the stage as a whole. */
const group = count.nullable();
/** Stages count from 0. */
const stage = count;

/** How a request begins, waits and is put before people. */
export const openingBodies = {
  /** First record of a request's stream. The requester is the record's `actor`. */
  requested: closed({
    kind: nameId,
    /** why it exists: asked for, a test of the installation, or a change that is gated by us */
    occasion: z.enum(['submitted', 'probe', 'sample', 'change', 'sampling', 'reopened']),
    tier,
    /** as the requester rated it; policy only raises */
    tier_asked: tier.nullable(),
    data_class: dataClass.nullable(),
    action_digest: hex64,
    content_digest: hex64,
    /** version of the schema of the kind's context; null where it has none */
    context_version: ordinal.nullable(),
    /** the AI system and its model as the register names them */
    system: nameId.nullable(),
    model: opaqueId.nullable(),
    /** stream of the vendor, and its use case */
    vendor: streamId.nullable(),
    use_case: opaqueId.nullable(),
    /** what it is about: the request reopened, the policy to be changed, the record sampled */
    about_stream: streamId.nullable(),
    about_leaf: hex64.nullable(),
    affected: count.nullable(),
    impact: impact.nullable(),
    reversible: z.boolean().nullable(),
    confidence_permille: permille.nullable(),
    /** the person acted for */
    on_behalf_of_c: person_c.nullable(),
    /** the requesting app's owner */
    owner_c: person_c.nullable(),
    /** who answers for decisions of this system and kind */
    accountable_c: person_c.nullable(),
    attachments: count,
    /** how many optional parts of the context were supplied; null where the kind counts none */
    completeness: closed({ supplied: count, of: count }).nullable(),
  }),
  /** The rule that governs the request; sealed again when a held request is evaluated again. */
  policy_bound: closed({
    cause: z.enum(['submitted', 'amended', 'reevaluated', 'policy_replaced', 'tier_raised']),
    /** null: no policy matched and the installation's fallback role reviews */
    policy_id: nameId.nullable(),
    version: ordinal.nullable(),
    /** index of the rule in the policy file, from 0 */
    rule: count.nullable(),
    effect: z.enum(['approve', 'reject', 'review']),
    stages: count,
    tier,
    /** policies of the kind that were evaluated; the strictest governs */
    evaluated: count.nullable(),
    /** a decision must then name a `viewed` record */
    require_view: z.boolean(),
    /** least length of an override's reason; null where nobody may override */
    min_reason: count.nullable(),
    /** above it chat shows a link only */
    max_data_class: dataClass.nullable(),
  }),
  /** What a policy in shadow mode would have said; nothing follows from it. */
  shadow_evaluated: closed({
    policy_id: nameId,
    version: ordinal,
    /** null: no rule of it matches, or it cannot be evaluated */
    rule: count.nullable(),
    effect: z.enum(['approve', 'reject', 'review', 'none', 'error']),
    stages: count,
    tier: tier.nullable(),
    differs: z.boolean(),
  }),
  held: closed({
    reason: z.enum(HOLD_REASONS),
    /** which fact, or which policy could not be evaluated; null where the reason is about none */
    fact: nameId.nullable(),
    check: itemId.nullable(),
    /** the vendor, AI system, incident or request that it waits for */
    about_stream: streamId.nullable(),
    until: instant.nullable(),
  }),
  released: closed({
    reason: z.enum([
      'FACT_RETURNED',
      'POLICY_REPLACED',
      'REEVALUATED',
      'OVERRIDE',
      'EVIDENCE_ADDED',
      'EXCEPTION_GRANTED',
      'INCIDENT_CLOSED',
      'SYSTEM_RESUMED',
      'HOLD_ENDED',
      'OPERATOR',
    ]),
    fact: nameId.nullable(),
    check: itemId.nullable(),
    about_stream: streamId.nullable(),
  }),
  /** A detector looked at the content; it can raise the tier, never approve. */
  screened: closed({
    detector: nameId,
    version: nameId,
    category: z.enum(['personal_data', 'prompt_injection', 'output_leak', 'malware', 'other']),
    result: z.enum(['clean', 'hit', 'failed']),
    hits: count,
    raised_to: tier.nullable(),
  }),
  stage_opened: closed({
    stage,
    group,
    cause: z.enum(['order', 'escalated', 'amended', 'reopened', 'refilled']),
    /** SHA-256 of the stage's name in UTF-8; the name itself is operator's text */
    name_digest: hex64,
    role: nameId,
    quorum: ordinal,
    reject_quorum: ordinal,
    /** how parallel groups combine; null where there is one */
    join: z.enum(['all', 'any']).nullable(),
    deadline: instant.nullable(),
    /** the business calendar that made the deadline; null: plain time */
    calendar: nameId.nullable(),
    /** least assurance level of a decision */
    assurance: assuranceLevel,
    /** how many could decide at that instant */
    eligible: count,
    /** who; empty where there are more than 64 and a blob named `eligibility` lists them */
    eligible_c: people_c,
    /** how many hold the role but may not decide here; the blob `eligibility` names the rule of each */
    excluded: count.nullable(),
  }),
  /** A stage ended by something else than a decision or its time. */
  stage_closed: closed({
    stage,
    group,
    cause: z.enum(['skipped', 'unsatisfiable', 'amended', 'superseded', 'overridden']),
    approvals: count,
    rejections: count,
  }),
  reminded: closed({
    about: z.enum(['stage', 'question', 'lease', 'outcome', 'condition', 'review_debt', 'task']),
    /** null where it is about no stage */
    stage: stage.nullable(),
    group,
    ordinal,
    recipients: count,
    recipients_c: people_c,
    due: instant.nullable(),
  }),
  escalated: closed({
    stage,
    group,
    to_role: nameId,
    mode: z.enum(['add', 'replace']),
    cause: z.enum(['time', 'person', 'unsatisfiable', 'absence', 'incident', 'rule']),
    /** after the opening of the stage; null where time is not the cause [reason] */
    after_seconds: seconds.nullable(),
    level: ordinal.nullable(),
    /** who could decide because of it; as in `stage_opened` */
    eligible: count.nullable(),
    eligible_c: people_c,
    /** who escalated, where a person did */
    person_c: person_c.nullable(),
  }),
} as const;
