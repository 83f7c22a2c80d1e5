import { z } from 'zod';

import {
  closed,
  count,
  dataClass,
  hex64,
  instant,
  nameId,
  opaqueId,
  ordinal,
  person_c,
  streamId,
  tier,
} from './fields.ts';

// What people say and hand over while a request runs.
// @source docs/record-format.md, section 6.1

/** Which of a stage's parallel groups, from 0; null: it has only one, or the stage as a whole. */
const group = count.nullable();
/** Stages count from 0. */
const stage = count;

/** Delegation, questions, amendments, precedents. */
export const exchangeBodies = {
  /** For this request [reason]. */
  delegated: closed({
    delegation: opaqueId,
    change: z.enum(['set', 'cancelled', 'declined']),
    person_c,
    to_c: person_c,
    role: nameId.nullable(),
    from: instant,
    until: instant,
    stage: stage.nullable(),
  }),
  claimed: closed({
    change: z.enum(['claimed', 'released', 'lapsed']),
    stage,
    group,
    person_c,
    until: instant.nullable(),
  }),
  /** [reason] */
  reassigned: closed({
    stage,
    group,
    from_c: person_c.nullable(),
    to_c: person_c.nullable(),
    to_role: nameId.nullable(),
    reason: z.enum(['ABSENCE', 'ROLE_ENDED', 'PERSON_REMOVED', 'TRAINING_ENDED', 'MANUAL']),
  }),
  /** [text] */
  commented: closed({
    comment: opaqueId,
    reply_to: opaqueId.nullable(),
    person_c: person_c.nullable(),
  }),
  /** [text] */
  asked: closed({
    question: opaqueId,
    to: z.enum(['requester', 'vendor', 'reviewer', 'owner']),
    to_c: person_c.nullable(),
    /** null where a program asks */
    person_c: person_c.nullable(),
    clock_stopped: z.boolean(),
    due: instant.nullable(),
  }),
  /** [text] */
  answered: closed({
    question: opaqueId,
    /** an app's or a vendor's answer names nobody */
    person_c: person_c.nullable(),
    clock_resumed: z.boolean(),
    attachments: count,
  }),
  /** By the requester; decisions so far are void. */
  amended: closed({
    revision: ordinal,
    tier,
    tier_asked: tier.nullable(),
    data_class: dataClass.nullable(),
    action_digest: hex64,
    content_digest: hex64,
    before_action_digest: hex64,
    before_content_digest: hex64,
    attachments: count,
    voided: count,
    person_c: person_c.nullable(),
  }),
  /** An earlier decision was answered for [text]. */
  precedent_cited: closed({
    /** stream and leaf hash of the record that is the precedent */
    precedent: streamId,
    leaf: hex64,
    stance: z.enum(['follow', 'distinguish', 'overrule']),
    binding: z.boolean(),
    /** its place among those shown, from 1 */
    rank: ordinal.nullable(),
    person_c,
  }),
  /** The weight of this request as a precedent [holding, reason]. */
  precedent_changed: closed({
    weight: z.enum(['binding', 'persuasive', 'overruled', 'none']),
    before: z.enum(['binding', 'persuasive', 'overruled', 'none']),
    by_stream: streamId.nullable(),
    person_c: person_c.nullable(),
  }),
} as const;
