import { requiresView } from '../domain/decision.ts';
import type { AccountabilityEvent } from '../domain/event.ts';
import { addDuration, millisBetween } from '../domain/instant.ts';
import { LAST_RESORT_ROLE } from '../domain/override.ts';
import { stageAt } from '../domain/stage.ts';
import { sha256Hex } from '../ledger/hash.ts';
import type { SubmittedFacts } from './content.ts';
import { exceptionUsed, shadowEvaluated } from './binding-records.ts';
import * as exchange from './exchange-records.ts';
import type { RequestSealing } from './sealing.ts';
import {
  actingPerson,
  caller,
  engine,
  groupName,
  listed,
  personRef,
  policy,
  type EventOf,
  type RefOf,
  type Telling,
  type Unkeyed,
} from './telling.ts';

/**
 * The records that one event becomes; each event has exactly one kind of record. People appear as
 * commitments only, their words as commitments beside the record.
 *
 * @source docs/record-format.md section 6
 */
export function draftsOf(
  event: AccountabilityEvent,
  sealing: RequestSealing,
  ref: RefOf,
): Unkeyed[] {
  // The table is indexed by the very type that each function takes; the compiler cannot follow that.
  const tell = RECORDS[event.type] as (event: AccountabilityEvent, telling: Telling) => Unkeyed[];
  return tell(event, { sealing, ref });
}

/** What becomes of each event. The type makes it complete. */
const RECORDS: {
  readonly [T in AccountabilityEvent['type']]: (event: EventOf<T>, telling: Telling) => Unkeyed[];
} = {
  requested: (_event, telling) => [requested(telling)],
  policy_bound: (event, telling) => [policyBound(event, telling)],
  exception_used: (event, telling) => [exceptionUsed(event, telling)],
  shadow_evaluated: (event, telling) => [shadowEvaluated(event, telling)],
  held: (event, telling) => event.heldBy.map(() => held(telling)),
  stage_opened: stageOpened,
  stage_closed: (event, telling) => [exchange.stageClosed(event, telling)],
  viewed: (event, telling) => [viewed(event, telling)],
  reminded: (event, telling) => [reminded(event, telling)],
  escalated: (event, telling) => [escalated(event, telling)],
  decided: (event, telling) => [decided(event, telling)],
  refused: (event, telling) => [refused(event, telling)],
  asked: (event, telling) => [exchange.asked(event, telling)],
  answered: (event, telling) => [exchange.answered(event, telling)],
  question_lapsed: (event, telling) => [exchange.questionLapsed(event, telling)],
  commented: (event, telling) => [exchange.commented(event, telling)],
  amended: (event, telling) => [exchange.amended(event, telling)],
  claimed: (event, telling) => [exchange.claimed(event, telling)],
  delegated: (event, telling) => [exchange.delegated(event, telling)],
  reassigned: (event, telling) => [exchange.reassigned(event, telling)],
  overridden: (event, telling) => [overridden(event, telling)],
  review_debt: (event, telling) => [exchange.reviewDebt(event, telling)],
  withdrawn: (_event, telling) => [withdrawn(telling)],
  expired: (event, telling) => [expired(event, telling)],
  resolved: (event, telling) => [resolved(event, telling)],
};

/** A step that repeats the first event without the submission at hand. */
const NOTHING_SUBMITTED: SubmittedFacts = {
  tierAsked: null,
  dataClass: null,
  contextVersion: 1,
  affected: null,
  impact: null,
  reversible: null,
  confidencePermille: null,
  attachments: 0,
  completeness: null,
};

function requested(telling: Telling): Unkeyed {
  const { sealing, ref } = telling;
  const { state, submitted = NOTHING_SUBMITTED } = sealing;
  const optional = (id: string | null): string | null => (id === null ? null : ref(personRef(id)));
  return {
    ...caller(telling, 'requester'),
    kind: 'requested',
    refs: sealing.refs,
    erasable: sealing.texts,
    body: {
      kind: state.kind,
      occasion: occasionOf(telling),
      tier: state.tier,
      tier_asked: submitted.tierAsked,
      data_class: submitted.dataClass,
      action_digest: state.actionDigest,
      content_digest: state.contentDigest,
      context_version: submitted.contextVersion,
      system: null,
      model: null,
      vendor: null,
      use_case: null,
      about_stream: submitted.aboutStream ?? state.reopens?.requestId ?? null,
      about_leaf: state.reopens?.leafHash ?? null,
      affected: submitted.affected,
      impact: submitted.impact,
      reversible: submitted.reversible,
      confidence_permille: submitted.confidencePermille,
      on_behalf_of_c: optional(state.onBehalfOf),
      owner_c: optional(state.requester.owner),
      accountable_c: null,
      attachments: submitted.attachments,
      completeness: submitted.completeness,
    },
  };
}

function occasionOf({ sealing }: Telling): 'submitted' | 'reopened' | 'change' {
  if (sealing.state.reopens !== null) return 'reopened';
  return (sealing.submitted?.aboutStream ?? null) === null ? 'submitted' : 'change';
}

function policyBound({ cause }: EventOf<'policy_bound'>, telling: Telling): Unkeyed {
  const { state, boundTo } = telling.sealing;
  const { id, version, ruleIndex, rule } = state.policy;
  return {
    ...policy(telling),
    kind: 'policy_bound',
    refs: boundTo ?? [],
    body: {
      cause,
      policy_id: id,
      version,
      rule: ruleIndex,
      effect: rule.effect,
      stages: rule.stages.length,
      tier: state.tier,
      evaluated: null,
      require_view: requiresView(state),
      min_reason: rule.override?.minReason ?? null,
      max_data_class: rule.slack?.maxDataClass ?? null,
    },
  };
}

function held(telling: Telling): Unkeyed {
  return {
    ...policy(telling),
    kind: 'held',
    body: {
      reason: 'POLICY_ERROR',
      fact: telling.sealing.state.policy.id,
      check: null,
      about_stream: null,
      until: null,
    },
  };
}

/** One record per group of the stage. */
function stageOpened(
  { stage, deadline, cause }: EventOf<'stage_opened'>,
  telling: Telling,
): Unkeyed[] {
  const { sealing, ref } = telling;
  const rule = stageAt(sealing.state, stage);
  const people = sealing.eligible.get(stage);
  return rule.groups.map((group, index) => {
    const eligible = people?.groups[index] ?? [];
    return {
      ...engine(telling),
      kind: 'stage_opened',
      body: {
        stage,
        group: groupName(rule.groups.length, [index]),
        cause,
        name_digest: sha256Hex(rule.name),
        role: group.role,
        quorum: group.quorum,
        reject_quorum: group.rejectQuorum,
        join: rule.groups.length === 1 ? null : rule.join,
        deadline,
        calendar: rule.calendar,
        assurance: rule.assurance,
        eligible: eligible.length,
        eligible_c: listed(eligible, ref),
        excluded: people?.excluded ?? null,
      },
    };
  });
}

function viewed({ person }: EventOf<'viewed'>, telling: Telling): Unkeyed {
  const { sealing, ref } = telling;
  return {
    ...caller(telling, 'reviewer'),
    kind: 'viewed',
    refs: sealing.refs,
    body: {
      person_c: ref(personRef(person)),
      content_digest: sealing.state.contentDigest,
      view_digest: sealing.refs.find((one) => one.name === 'view')?.sha256 ?? null,
      stage: sealing.state.stage?.index ?? null,
      group: null,
      masked: false,
      precedents: null,
      checks: null,
    },
  };
}

function reminded({ stage, ordinal }: EventOf<'reminded'>, telling: Telling): Unkeyed {
  const recipients = [...new Set(telling.sealing.eligible.get(stage)?.groups.flat())];
  return {
    ...engine(telling),
    kind: 'reminded',
    body: {
      about: 'stage',
      stage,
      group: null,
      ordinal: ordinal + 1,
      recipients: recipients.length,
      recipients_c: listed(recipients, telling.ref),
      due: telling.sealing.state.stage?.deadline ?? null,
    },
  };
}

function escalated(event: EventOf<'escalated'>, telling: Telling): Unkeyed {
  const { stage, index, to, mode, cause, person } = event;
  const { sealing, ref } = telling;
  // Where the rule has no escalation left, those who may override are told, and nobody may decide by it.
  const eligible = index === null ? [] : (sealing.escalatedTo.get(to) ?? []);
  return {
    ...(person === null ? engine(telling) : caller(telling, 'reviewer')),
    kind: 'escalated',
    ...(person === null ? {} : { erasable: sealing.texts }),
    body: {
      stage,
      group: null,
      to_role: to,
      mode,
      cause,
      after_seconds: cause === 'time' ? secondsAfterOpening(event, telling) : null,
      level: index === null ? null : index + 1,
      eligible: eligible.length,
      eligible_c: listed(eligible, ref),
      person_c: person === null ? null : ref(personRef(person)),
    },
  };
}

/** As the rule says it: a calendar or a pause may make it later on the clock. */
function secondsAfterOpening({ stage, index }: EventOf<'escalated'>, telling: Telling): number {
  const escalation =
    index === null ? null : stageAt(telling.sealing.state, stage).escalations[index];
  if (!escalation) throw new TypeError(`stage ${stage} has no escalation ${index}`);
  const from = telling.sealing.now;
  return Math.floor(millisBetween(from, addDuration(from, escalation.after)) / 1_000);
}

function decided({ decision, tally, viewed }: EventOf<'decided'>, telling: Telling): Unkeyed {
  const { sealing, ref } = telling;
  const { stage, groups: counted, verdict, delegatedBy } = decision;
  const groups = stageAt(sealing.state, stage).groups.length;
  return {
    ...caller(telling, 'reviewer'),
    kind: 'decided',
    erasable: sealing.texts,
    body: {
      verdict,
      stage,
      group: groupName(groups, counted),
      approvals: tally.approvals,
      rejections: tally.rejections,
      needed: tally.needed,
      content_digest: sealing.state.contentDigest,
      viewed,
      person_c: ref(personRef(decision.person)),
      role: decision.role,
      delegated_by_c: delegatedBy === null ? null : ref(personRef(delegatedBy)),
      delegation: decision.delegation,
      conditions: entriesOf(sealing, 'conditions'),
      acknowledgements: entriesOf(sealing, 'acknowledgements'),
      acknowledged: [],
      precedents: 0,
      until: null,
      intent_digest: null,
      expected_head: null,
    },
  };
}

/** How many entries a list of words has that is sealed as one commitment. */
function entriesOf({ texts }: RequestSealing, path: string): number {
  const list = texts.find((text) => text.path === path);
  return list === undefined ? 0 : (JSON.parse(list.value) as readonly unknown[]).length;
}

function refused(
  { command, reason, contentDigest }: EventOf<'refused'>,
  telling: Telling,
): Unkeyed {
  return {
    ...caller(telling, 'none'),
    kind: 'refused',
    erasable: telling.sealing.texts,
    body: {
      command,
      reason,
      stage: telling.sealing.state.stage?.index ?? null,
      content_digest: contentDigest,
      action_digest: null,
      receipt: null,
      fact: null,
      since: null,
      person_c: actingPerson(telling),
    },
  };
}

function overridden(
  { effect, before, person, second, breakGlass }: EventOf<'overridden'>,
  telling: Telling,
): Unkeyed {
  const { sealing, ref } = telling;
  return {
    ...caller(telling, 'override_authority'),
    kind: 'overridden',
    erasable: sealing.texts,
    body: {
      effect,
      before,
      person_c: ref(personRef(person)),
      role: sealing.state.policy.rule.override?.role ?? LAST_RESORT_ROLE,
      second_c: second === null ? null : ref(personRef(second)),
      break_glass: breakGlass,
      consumed: false,
      until: null,
    },
  };
}

function withdrawn(telling: Telling): Unkeyed {
  return {
    ...caller(telling, 'requester'),
    kind: 'withdrawn',
    erasable: telling.sealing.texts,
    body: { cause: 'requester', person_c: actingPerson(telling) },
  };
}

const THEN = { expire: 'expire', 'next-stage': 'next_stage', approve: 'approve' } as const;

function expired({ stage, pausedSeconds }: EventOf<'expired'>, telling: Telling): Unkeyed {
  const { state } = telling.sealing;
  const asWritten = stageAt(state, stage).onTimeout;
  const isLast = stage + 1 === state.policy.rule.stages.length;
  // A high tier is never approved by silence, whatever the rule says (product contract 3.1); below it
  // silence passes its own stage, and only behind the last one it approves.
  const bySilence = state.tier === 'high' ? 'expire' : isLast ? 'approve' : 'next-stage';
  const applied = asWritten === 'approve' ? bySilence : asWritten;
  return {
    ...engine(telling),
    kind: 'expired',
    body: { stage, group: null, then: THEN[applied], paused_seconds: pausedSeconds },
  };
}

function resolved({ resolution, decisions }: EventOf<'resolved'>, telling: Telling): Unkeyed {
  const author = resolution.cause === 'policy' ? policy(telling) : engine(telling);
  return {
    ...author,
    kind: 'resolved',
    body: {
      resolution: resolution.kind,
      effect: resolution.effect,
      may_proceed: resolution.mayProceed,
      decisions,
      action_digest: telling.sealing.state.actionDigest,
      content_digest: telling.sealing.state.contentDigest,
      lease_until: null,
    },
  };
}
