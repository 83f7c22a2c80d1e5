import { requiresView } from '../domain/decision.ts';
import type { AccountabilityEvent } from '../domain/event.ts';
import { addDuration, millisBetween } from '../domain/instant.ts';
import { policyVersionName } from '../domain/policy.ts';
import { stageAt } from '../domain/stage.ts';
import type { Draft } from '../ledger/append.ts';
import { sha256Hex } from '../ledger/hash.ts';
import type { Actor as RecordActor } from '../ledger/record.ts';
import type { SubmittedFacts } from './content.ts';
import { subjectOf } from './principal.ts';
import type { RequestSealing } from './sealing.ts';

/** A record to be, before it has its idempotency key. */
type WithoutKey<D> = D extends Draft ? Omit<D, 'cmd'> : never;
export type Unkeyed = WithoutKey<Draft>;

/** The commitment that stands for a subject in the chain. */
type RefOf = (subject: string) => string;

type EventOf<T extends AccountabilityEvent['type']> = Extract<AccountabilityEvent, { type: T }>;

/** What is the same in every record of a step, but for who acted. */
type Envelope = Pick<Unkeyed, 'actor' | 'auth' | 'surface' | 'policy'>;

/** One event of the domain with what the step knows around it. */
interface Telling {
  readonly sealing: RequestSealing;
  readonly ref: RefOf;
}

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
  policy_bound: (_event, telling) => [policyBound(telling)],
  held: (event, telling) => event.heldBy.map(() => held(telling)),
  stage_opened: stageOpened,
  viewed: (event, telling) => [viewed(event, telling)],
  reminded: (event, telling) => [reminded(event, telling)],
  escalated: (event, telling) => [escalated(event, telling)],
  decided: (event, telling) => [decided(event, telling)],
  refused: (event, telling) => [refused(event, telling)],
  overridden: (event, telling) => [overridden(event, telling)],
  withdrawn: (_event, telling) => [withdrawn(telling)],
  expired: (event, telling) => [expired(event, telling)],
  resolved: (event, telling) => [resolved(event, telling)],
};

const ACTOR_TYPE = { app: 'agent', person: 'human' } as const;

/** The caller of the command. */
function caller({ sealing, ref }: Telling, role: RecordActor['role']): Envelope {
  const { actor, auth, surface } = sealing.by;
  if (actor === null) return engine({ sealing, ref });
  return {
    actor: { type: ACTOR_TYPE[actor.type], role, c: ref(subjectOf(actor)) },
    auth,
    surface,
    policy: policyVersionName(sealing.state.policy),
  };
}

/** Time, and what follows from acts by rule. */
function engine({ sealing }: Telling): Envelope {
  return {
    actor: { type: 'system', role: 'engine', c: null },
    auth: { level: 0, method: 'internal', proof: null },
    surface: 'system',
    policy: policyVersionName(sealing.state.policy),
  };
}

/** What the policy says alone. */
function policy(telling: Telling): Envelope {
  return { ...engine(telling), actor: { type: 'policy', role: 'engine', c: null } };
}

/** The commitment of the acting person; null where an app acted. */
function actingPerson({ sealing, ref }: Telling): string | null {
  const { actor } = sealing.by;
  return actor?.type === 'person' ? ref(subjectOf(actor)) : null;
}

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
      occasion: 'submitted',
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
      about_stream: null,
      about_leaf: null,
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

function personRef(id: string): string {
  return subjectOf({ type: 'person', id });
}

function policyBound(telling: Telling): Unkeyed {
  const { state, boundTo } = telling.sealing;
  const { id, version, ruleIndex, rule } = state.policy;
  return {
    ...policy(telling),
    kind: 'policy_bound',
    refs: boundTo ?? [],
    body: {
      cause: 'submitted',
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
function stageOpened({ stage, deadline }: EventOf<'stage_opened'>, telling: Telling): Unkeyed[] {
  const { sealing, ref } = telling;
  const rule = stageAt(sealing.state, stage);
  const eligible = sealing.eligible.get(stage) ?? [];
  return rule.groups.map((group, index) => ({
    ...engine(telling),
    kind: 'stage_opened',
    body: {
      stage,
      group: rule.groups.length === 1 ? null : index,
      cause: 'order',
      name_digest: sha256Hex(rule.name),
      role: group.role,
      quorum: group.quorum,
      reject_quorum: group.rejectQuorum,
      join: rule.groups.length === 1 ? null : rule.join,
      deadline,
      calendar: null,
      assurance: rule.assurance,
      eligible: eligible.length,
      eligible_c: listed(eligible, ref),
      excluded: null,
    },
  }));
}

/**
 * People in a record; too many for it are named in a blob, and nobody here. In an order that says nothing
 * of who they are.
 */
function listed(people: readonly string[], ref: RefOf): string[] {
  return people.length > 64 ? [] : people.map((id) => ref(personRef(id))).sort();
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
  const recipients = telling.sealing.eligible.get(stage) ?? [];
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

function escalated({ stage, index }: EventOf<'escalated'>, telling: Telling): Unkeyed {
  const escalation = stageAt(telling.sealing.state, stage).escalations[index];
  if (escalation === undefined) throw new TypeError(`stage ${stage} has no escalation ${index}`);
  const openedAt = telling.sealing.now;
  const after = millisBetween(openedAt, addDuration(openedAt, escalation.after));
  return {
    ...engine(telling),
    kind: 'escalated',
    body: {
      stage,
      group: null,
      to_role: escalation.to,
      mode: escalation.mode,
      cause: 'time',
      after_seconds: Math.floor(after / 1_000),
      level: index + 1,
      eligible: null,
      eligible_c: [],
      person_c: null,
    },
  };
}

function decided({ decision, tally, viewed }: EventOf<'decided'>, telling: Telling): Unkeyed {
  const { sealing, ref } = telling;
  const { stage, group, verdict, delegatedBy } = decision;
  const groups = stageAt(sealing.state, stage).groups.length;
  return {
    ...caller(telling, 'reviewer'),
    kind: 'decided',
    erasable: sealing.texts,
    body: {
      verdict,
      stage,
      group: groups === 1 ? null : group,
      approvals: tally.approvals,
      rejections: tally.rejections,
      needed: tally.needed,
      content_digest: sealing.state.contentDigest,
      viewed,
      person_c: ref(personRef(decision.person)),
      role: null,
      delegated_by_c: delegatedBy === null ? null : ref(personRef(delegatedBy)),
      delegation: null,
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

function overridden({ effect, before, person }: EventOf<'overridden'>, telling: Telling): Unkeyed {
  const { sealing, ref } = telling;
  return {
    ...caller(telling, 'override_authority'),
    kind: 'overridden',
    erasable: sealing.texts,
    body: {
      effect,
      before,
      person_c: ref(personRef(person)),
      role: sealing.state.policy.rule.override?.role ?? null,
      second_c: null,
      break_glass: false,
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

function expired({ stage }: EventOf<'expired'>, telling: Telling): Unkeyed {
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
    body: { stage, group: null, then: THEN[applied], paused_seconds: 0 },
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
