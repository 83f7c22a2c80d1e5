import { z } from 'zod';

import {
  closed,
  COMMANDS,
  count,
  hex64,
  instant,
  itemId,
  nameId,
  opaqueId,
  ordinal,
  OVERRIDE_EFFECTS,
  person_c,
  REFUSAL_REASONS,
  RESOLUTIONS,
  seconds,
} from './fields.ts';

// What people do with a request, and how it ends.
// @source docs/record-format.md, section 6.1

/** Which of a stage's parallel groups, from 0; null: it has only one, or the stage as a whole. */
const group = count.nullable();
/** Stages count from 0. */
const stage = count;

/** Seen, decided, refused, overridden, ended. */
export const decisionBodies = {
  /** The exact content was shown to a person. */
  viewed: closed({
    person_c,
    content_digest: hex64,
    /** SHA-256 of what was rendered; null where the surface cannot tell */
    view_digest: hex64.nullable(),
    stage: stage.nullable(),
    group,
    /** true: parts above the surface's data class were withheld */
    masked: z.boolean(),
    /** precedents, checks and conflicts shown beside the content */
    precedents: count.nullable(),
    checks: count.nullable(),
  }),
  /** One established answer [rationale, conditions.0 …]. `actor` is the account, `person_c` who it is. */
  decided: closed({
    verdict: z.enum(['approve', 'reject']),
    stage,
    group,
    /** of the stage, this decision included; with parallel groups as the policy counts them */
    approvals: count,
    rejections: count,
    needed: ordinal,
    content_digest: hex64,
    /** leaf hash of the `viewed` record of this stream that this decision rests on */
    viewed: hex64.nullable(),
    person_c,
    /** the role under which the person counted */
    role: nameId.nullable(),
    /** who delegated to this person, where the decision rests on a delegation, and which one */
    delegated_by_c: person_c.nullable(),
    delegation: opaqueId.nullable(),
    /** how many conditions the decision sets; each is a commitment */
    conditions: count,
    /** how many acknowledgements; by id those that are entries of our own lists */
    acknowledgements: count,
    acknowledged: z.array(itemId).max(64),
    /** how many precedents were answered; each is a `precedent_cited` record */
    precedents: count,
    /** the approval holds no longer than this */
    until: instant.nullable(),
    /** SHA-256 of the intent that the person signed, and the head of the stream that it names */
    intent_digest: hex64.nullable(),
    expected_head: hex64.nullable(),
  }),
  /** A submission that was not accepted. */
  refused: closed({
    command: z.enum(COMMANDS),
    reason: z.enum(REFUSAL_REASONS),
    stage: stage.nullable(),
    /** the content the submission named; null where it named none */
    content_digest: hex64.nullable(),
    /** the action the executor presented, and with which receipt */
    action_digest: hex64.nullable(),
    receipt: opaqueId.nullable(),
    /** the fact, training or register that forbids it, and since when it does */
    fact: nameId.nullable(),
    since: instant.nullable(),
    /** null where the account is nobody we know */
    person_c: person_c.nullable(),
  }),
  /** [reason], always. */
  overridden: closed({
    effect: z.enum(OVERRIDE_EFFECTS),
    /** the request's status before */
    before: z.enum(['held', 'pending', ...RESOLUTIONS]),
    person_c,
    role: nameId.nullable(),
    /** the second person, where policy asks for one */
    second_c: person_c.nullable(),
    /** at once, with a review that is owed */
    break_glass: z.boolean(),
    /** the receipt was used already: what it allowed has to be undone */
    consumed: z.boolean(),
    /** it holds no longer than this */
    until: instant.nullable(),
  }),
  /** A review that break-glass owes; unpaid debt removes the right [reason]. */
  review_debt: closed({
    debt: opaqueId,
    change: z.enum(['opened', 'settled', 'overdue', 'waived']),
    person_c,
    reviewer_c: person_c.nullable(),
    verdict: z.enum(['justified', 'not_justified']).nullable(),
    due: instant,
  }),
  /** The time of a stage ran out; what its rule does then. */
  expired: closed({
    stage,
    group,
    then: z.enum(['expire', 'next_stage', 'approve']),
    /** time of open questions that did not count */
    paused_seconds: seconds,
  }),
  /** By the requester [reason]. */
  withdrawn: closed({
    cause: z.enum(['requester', 'probe', 'superseded']),
    person_c: person_c.nullable(),
  }),
  resolved: closed({
    resolution: z.enum(RESOLUTIONS),
    /** of the override; null unless `overridden` */
    effect: z.enum(OVERRIDE_EFFECTS).nullable(),
    may_proceed: z.boolean(),
    /** `decided` records in this stream so far */
    decisions: count,
    /** what was resolved, as amended last */
    action_digest: hex64,
    content_digest: hex64,
    /** the approval ends by itself then */
    lease_until: instant.nullable(),
  }),
  /** Nothing of substance follows. Append fills `count` in. */
  closed: closed({
    /** records of the stream, this one included */
    count: ordinal,
  }),
} as const;
