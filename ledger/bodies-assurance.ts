import { z } from 'zod';

import {
  checkOutcome,
  closed,
  count,
  dataClass,
  day,
  hex64,
  impact,
  instant,
  itemId,
  nameId,
  opaqueId,
  ordinal,
  permille,
  person_c,
  severity,
  streamId,
  tier,
} from './fields.ts';

// Vendors, AI systems, and what is found out about them.
// @source docs/record-format.md, section 6.4

export const assuranceBodies = {
  /** First record of a vendor's stream. What is known of it is a commitment [facts]. */
  vendor_changed: closed({
    part: z.enum(['vendor', 'product', 'use_case', 'contract', 'approval', 'contact']),
    change: z.enum([
      'created',
      'updated',
      'proposed',
      'approved',
      'approved_with_conditions',
      'monitored',
      'lapsed',
      'suspended',
      'resumed',
      'revoked',
      'closed',
      'merged',
    ]),
    /** which product, use case, contract; null: the vendor itself */
    item: opaqueId.nullable(),
    version: ordinal.nullable(),
    owner_c: person_c.nullable(),
    lease_until: instant.nullable(),
    request: streamId.nullable(),
  }),
  /** First record of an AI system's stream. What is known of it is a commitment [facts]. */
  system_changed: closed({
    system: nameId,
    part: z.enum([
      'system',
      'model',
      'data_set',
      'endpoint',
      'output_class',
      'acceptable_use',
      'dependency',
      'scope',
      'owner',
    ]),
    change: z.enum([
      'created',
      'updated',
      'approved',
      'suspended',
      'resumed',
      'replaced',
      'retired',
    ]),
    item: opaqueId.nullable(),
    version: ordinal.nullable(),
    data_class: dataClass.nullable(),
    in_scope: z.boolean().nullable(),
    owner_c: person_c.nullable(),
    /** the vendor it depends on */
    vendor: streamId.nullable(),
    request: streamId.nullable(),
  }),
  /** A document or an answer that checks read [name, reason]. */
  evidence_added: closed({
    evidence: opaqueId,
    of: z.enum([
      'iso_certificate',
      'surveillance_audit',
      'statement_of_applicability',
      'soc2_report',
      'bridge_letter',
      'authenticity_check',
      'accreditation',
      'claim',
      'data_terms',
      'ai_risk_answers',
      'privacy_answers',
      'contract_clauses',
      'fact_sheet',
      'risk_assessment',
      'answer',
      'other',
    ]),
    change: z.enum(['added', 'replaced', 'confirmed', 'disputed', 'withdrawn', 'expired']),
    state: z.enum(['editorial', 'claimed', 'vendor_confirmed', 'evidence_held']),
    source: z.enum(['vendor', 'auditor', 'certification_body', 'client', 'editorial', 'internal']),
    product: opaqueId.nullable(),
    use_case: opaqueId.nullable(),
    /** of the file; null where there is none */
    sha256: hex64.nullable(),
    bytes: count.nullable(),
    rows: count.nullable(),
    valid_from: day.nullable(),
    valid_until: day.nullable(),
    review_on: day.nullable(),
    question: opaqueId.nullable(),
    person_c: person_c.nullable(),
  }),
  /** A set of checks was evaluated; reasons in the blob `report`, inputs in the blob `facts`. */
  check_evaluated: closed({
    catalogue: nameId,
    version: ordinal,
    as_of: day,
    cause: z.enum(['submitted', 'evidence', 'time', 'event', 'asked']),
    use_case: opaqueId.nullable(),
    /** the worst */
    outcome: checkOutcome,
    lease_until: day.nullable(),
    checks: z.array(closed({ check: itemId, outcome: checkOutcome })).max(160),
    /** roles that must sign because of it */
    roles: z.array(nameId).max(16),
  }),
  risk_assessed: closed({
    assessment: opaqueId,
    of: z.enum(['system', 'vendor', 'asset', 'model', 'process']),
    change: z.enum(['completed', 'incomplete', 'updated', 'overdue', 'accepted']),
    rating: tier.nullable(),
    threats: z
      .array(
        closed({
          threat: itemId,
          likelihood: z.int().min(1).max(5).nullable(),
          effect: z.int().min(1).max(5).nullable(),
          treatment: z.enum(['avoid', 'reduce', 'share', 'accept']).nullable(),
        }),
      )
      .max(64),
    review_on: day.nullable(),
    /** who accepts what remains */
    accepted_by_c: person_c.nullable(),
  }),
  /** An AI decision that needed no gate. */
  ai_recorded: closed({
    record: opaqueId,
    kind: nameId,
    system: nameId.nullable(),
    model: opaqueId.nullable(),
    data_class: dataClass.nullable(),
    action_digest: hex64.nullable(),
    content_digest: hex64,
    context_version: ordinal.nullable(),
    affected: count.nullable(),
    impact: impact.nullable(),
    reversible: z.boolean().nullable(),
    confidence_permille: permille.nullable(),
    on_behalf_of_c: person_c.nullable(),
    owner_c: person_c.nullable(),
    /** when it happened, as the app says */
    at: instant.nullable(),
    completeness: closed({ supplied: count, of: count }).nullable(),
    /** the request that reviews it, where the sampling rule chose it */
    request: streamId.nullable(),
  }),
  /** A share of records was chosen for review; anybody can choose again from the seed. */
  sample_drawn: closed({
    rule: nameId,
    version: ordinal,
    /** SHA-256 over seed, sealed before; then the seed itself */
    change: z.enum(['announced', 'drawn']),
    seed_digest: hex64,
    seed: hex64.nullable(),
    population: count.nullable(),
    chosen: count.nullable(),
    first_index: count.nullable(),
    last_index: count.nullable(),
  }),
  /** Something audits, checks or people found wanting [text]. */
  finding: closed({
    finding: opaqueId,
    change: z.enum(['opened', 'updated', 'risk_accepted', 'closed', 'overdue']),
    severity,
    of: z.enum(['record', 'policy', 'role', 'app', 'vendor', 'system', 'check', 'control']),
    source: z.enum(['audit', 'pre_audit', 'self_check', 'review', 'incident', 'person']),
    check: itemId.nullable(),
    control: itemId.nullable(),
    about_stream: streamId.nullable(),
    about_seq: count.nullable(),
    owner_c: person_c.nullable(),
    due: instant.nullable(),
  }),
  /** A review that has to happen from time to time [text]. */
  reviewed: closed({
    of: z.enum([
      'policy',
      'access',
      'precedent',
      'exception',
      'system',
      'vendor',
      'override',
      'management',
      'alert_rule',
    ]),
    policy_id: nameId.nullable(),
    version: ordinal.nullable(),
    item: itemId.nullable(),
    outcome: z.enum(['confirmed', 'change_needed', 'retired', 'justified', 'not_justified']),
    person_c: person_c.nullable(),
    actions: count,
    next_on: day.nullable(),
  }),
  /** A figure left its bounds, or came back [text]. */
  alert: closed({
    alert: opaqueId,
    rule: nameId,
    change: z.enum(['raised', 'updated', 'closed']),
    severity,
    about: z.enum(['policy', 'role', 'system', 'app', 'person', 'vendor', 'log', 'installation']),
    name: nameId.nullable(),
    person_c: person_c.nullable(),
    about_stream: streamId.nullable(),
    from: instant,
    until: instant,
    observed: count,
    expected: count.nullable(),
  }),
} as const;
