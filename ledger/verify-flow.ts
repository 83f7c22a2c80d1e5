import { missingCommit, type LedgerRecord, type RecordKind } from './record.ts';
import { belongsIn, streamTypeOf, type StreamType } from './streams.ts';
import type { ChainProblem, ChainProblemCode, CheckedRecord } from './verify.ts';

// The rules of the procedure, read from the records alone. They cannot say who *should* have been
// asked (that takes the policy), but they say whether what is sealed fits together. Records of every
// version are held to the same rules; what only a later version can say is looked at only there.
// @source docs/record-format.md, section 8

type Of<K extends RecordKind> = Extract<LedgerRecord, { readonly kind: K }>;
type Finding = { readonly code: ChainProblemCode; readonly detail: string };
type Verdict = Of<'decided'>['body']['verdict'];
type DecidedBody = Of<'decided'>['body'];
type Resolved = Of<'resolved'>['body'];
type Vote = { readonly place: string; readonly person: string; readonly verdict: Verdict };
type Delegation = {
  readonly person: string;
  readonly to: string;
  readonly from: string;
  readonly until: string;
};

/** What the records of one request have established so far. */
type Flow = {
  contentDigest: string;
  actionDigest: string;
  /** nobody of these may decide */
  readonly own: Set<string>;
  bound: Of<'policy_bound'>['body'] | null;
  /** open stages and groups → how many approvals the opening asked for */
  readonly open: Map<string, number>;
  readonly views: Map<string, Of<'viewed'>['body']>;
  /** since the last amendment */
  votes: Vote[];
  lastVote: DecidedBody | null;
  /** all `decided` records */
  decisions: number;
  readonly expiries: Set<string>;
  /** made for this request, and not cancelled */
  readonly delegations: Map<string, Delegation>;
  withdrawn: boolean;
  /** an override that no `resolved` has followed yet */
  override: Of<'overridden'>['body'] | null;
  resolved: Resolved | null;
  /** sealed as complete, and no override since */
  closed: boolean;
  /** receipt → its state */
  readonly receipts: Map<string, 'issued' | 'consumed' | 'revoked'>;
};

/** Kinds that change a request that is not resolved yet, and have no place afterwards. */
const ONLY_BEFORE_RESOLUTION: ReadonlySet<RecordKind> = new Set<RecordKind>([
  'policy_bound',
  'shadow_evaluated',
  'held',
  'released',
  'screened',
  'stage_opened',
  'stage_closed',
  'escalated',
  'decided',
  'expired',
  'withdrawn',
  'delegated',
  'claimed',
  'reassigned',
  'asked',
  'amended',
  'precedent_cited',
]);

/**
 * What may follow `closed`: the executor's side, what becomes of the result, what people say, read,
 * export, hold and erase; and an override, which opens the request again. Nothing that moves it.
 */
const MAY_FOLLOW_CLOSED: ReadonlySet<RecordKind> = new Set<RecordKind>([
  'closed',
  'overridden',
  'review_debt',
  // the executor's side, and the time an approval lives
  'receipt_issued',
  'receipt_consumed',
  'receipt_revoked',
  'outcome',
  'outcome_rated',
  'lease_started',
  'lease_changed',
  'lease_ended',
  'evidence_added',
  'check_evaluated',
  'exception',
  // what is said and told
  'refused',
  'viewed',
  'commented',
  'answered',
  'notified',
  'reminded',
  'acknowledged',
  'linked',
  'task_changed',
  'link_changed',
  'precedent_changed',
  // oversight
  'accessed',
  'exported',
  'legal_hold_set',
  'legal_hold_released',
  'erased',
  'incident',
  'finding',
  'reviewed',
  'alert',
]);

/**
 * Checks the rules of the procedure over a chain whose form, order and links hold.
 *
 * @param records all of them readable.
 * @returns in order of the chain; at most one problem for each record.
 */
export function flowProblems(records: readonly CheckedRecord[]): readonly ChainProblem[] {
  const problems: ChainProblem[] = [];
  const type = streamTypeOf(records[0]?.record?.kind ?? 'incident');
  const flow = type === 'request' ? startFlow() : null;
  let version = 0;
  for (const { record, leafHash } of records) {
    if (record === null) continue;
    const finding =
      placeFinding(record, type, version) ??
      (flow === null ? outsideRequest(record) : step(flow, record, leafHash));
    if (finding !== null) problems.push({ ...finding, seq: record.seq });
    version = Math.max(version, record.v);
  }
  return problems;
}

/** What holds for every record of every stream. */
function placeFinding(record: LedgerRecord, type: StreamType, version: number): Finding | null {
  if (record.v < version) return rule(`version ${record.v} after version ${version}`);
  if (!belongsIn(record.kind, type)) return rule(`${record.kind} has no place in this stream`);
  const missing = missingCommit(record);
  return missing === null ? null : rule(`${record.kind} without its ${missing}`);
}

function startFlow(): Flow {
  return {
    contentDigest: '',
    actionDigest: '',
    own: new Set(),
    bound: null,
    open: new Map(),
    views: new Map(),
    votes: [],
    lastVote: null,
    decisions: 0,
    expiries: new Set(),
    delegations: new Map(),
    withdrawn: false,
    override: null,
    resolved: null,
    closed: false,
    receipts: new Map(),
  };
}

function outsideRequest(record: LedgerRecord): Finding | null {
  if (record.kind === 'closed') return closedCount(record);
  if (record.kind === 'exported') return exportedCount(record);
  if (record.kind === 'erased') return erasedPlaces(record);
  return null;
}

function step(flow: Flow, record: LedgerRecord, leafHash: string): Finding | null {
  if ((record.kind === 'requested') !== (record.seq === 0)) {
    return rule('a request begins with one requested record');
  }
  if (flow.resolved !== null && ONLY_BEFORE_RESOLUTION.has(record.kind)) {
    return rule(`${record.kind} after the resolution`);
  }
  if (flow.closed && !MAY_FOLLOW_CLOSED.has(record.kind)) {
    return rule(`${record.kind} after the request was closed`);
  }
  // Each rule takes the record of its own kind, which is how it is found.
  const apply = RULES[record.kind] as Rule<LedgerRecord> | undefined;
  return apply === undefined ? null : apply(flow, record, leafHash);
}

type Rule<R> = (flow: Flow, record: R, leafHash: string) => Finding | null;

/** What each kind asks for and establishes; kinds without an entry do neither. */
const RULES: { readonly [K in RecordKind]?: Rule<Of<K>> } = {
  requested,
  amended,
  policy_bound: (flow, { body }) => {
    flow.bound = body;
    return null;
  },
  stage_opened: (flow, { body }) => {
    for (const place of flow.open.keys()) {
      if (stageOfPlace(place) !== body.stage) flow.open.delete(place); // one stage after the other
    }
    flow.open.set(placeOf(body), body.quorum);
    return flow.bound === null ? rule('a stage without a policy') : null;
  },
  stage_closed: (flow, { body }) => leaveStage(flow, body),
  reminded,
  escalated: (flow, { body }) => unlessOpen(flow, body),
  expired: (flow, { body }) => {
    flow.expiries.add(body.then);
    return leaveStage(flow, body);
  },
  delegated,
  viewed: (flow, { body }, leafHash) => {
    flow.views.set(leafHash, body);
    return null;
  },
  decided,
  withdrawn: (flow) => {
    flow.withdrawn = true;
    return null;
  },
  overridden,
  resolved,
  receipt_issued: receiptIssued,
  receipt_consumed: receiptConsumed,
  receipt_revoked: receiptRevoked,
  precedent_cited: precedentCited,
  exported: (_flow, record) => exportedCount(record),
  erased: (_flow, record) => erasedPlaces(record),
  closed,
};

function requested(flow: Flow, { body, actor }: Of<'requested'>): Finding | null {
  flow.contentDigest = body.content_digest;
  flow.actionDigest = body.action_digest;
  for (const c of [actor.c, body.on_behalf_of_c, body.owner_c]) if (c !== null) flow.own.add(c);
  return null;
}

function amended(flow: Flow, { body, actor }: Of<'amended'>): Finding | null {
  if (body.before_content_digest !== flow.contentDigest) return rule('amends other content');
  flow.contentDigest = body.content_digest;
  flow.actionDigest = body.action_digest;
  if (actor.c !== null) flow.own.add(actor.c); // who changed the content may not decide on it
  flow.votes = [];
  flow.lastVote = null;
  return null;
}

function decided(flow: Flow, record: Of<'decided'>): Finding | null {
  const { body, actor } = record;
  const place = placeOf(body);
  if (placesOf(flow, body).length === 0) return rule('a decision on a stage that is not open');
  if (body.content_digest !== flow.contentDigest) return rule('a decision on other content');
  const view = viewFinding(flow, body);
  if (view !== null) return view;
  if ([body.person_c, actor.c, body.delegated_by_c].some((c) => c !== null && flow.own.has(c))) {
    return quorum('somebody decides on their own request');
  }
  const delegation = delegationFinding(flow, record);
  if (delegation !== null) return delegation;
  if (flow.votes.some((vote) => vote.person === body.person_c && overlaps(vote.place, place))) {
    return quorum('one person counted twice');
  }
  flow.decisions += 1;
  flow.lastVote = body;
  flow.votes.push({ place, person: body.person_c, verdict: body.verdict });
  return isCounted(flow, body) ? null : quorum('decisions counted wrongly');
}

/**
 * Do the numbers fit the decisions of the stage? Of parallel groups people are told the sum or the
 * nearest group, depending on the policy, so only an upper bound can be checked there.
 */
function isCounted(flow: Flow, body: DecidedBody): boolean {
  const { stage, group, approvals, rejections, needed } = body;
  const here = flow.votes.filter((vote) => stageOfPlace(vote.place) === stage);
  const approving = here.filter((vote) => vote.verdict === 'approve').length;
  if (rejections !== here.length - approving) return false;
  // A decision of somebody who can count in several parallel groups names none of them.
  const quorumOfAll = flow.open.get(placeOf(body));
  if (group !== null || quorumOfAll === undefined) return approvals <= approving;
  return approvals === approving && needed === quorumOfAll;
}

/** Of a delegation made for this request it is known who made it, for whom, and for how long. */
function delegationFinding(flow: Flow, { v, ts, body }: Of<'decided'>): Finding | null {
  if (v === 0) return null; // could not name one
  if (body.delegation === null) return null;
  if (body.delegated_by_c === null) return quorum('a delegation of nobody');
  const made = flow.delegations.get(body.delegation);
  if (made === undefined) return null; // made for more than this request: sealed with the person
  if (made.person !== body.delegated_by_c || made.to !== body.person_c) {
    return quorum('a delegation between others');
  }
  return made.from <= ts && ts < made.until ? null : quorum('a delegate outside their time');
}

function delegated(flow: Flow, { v, body }: Of<'delegated'>): Finding | null {
  if (v !== 0 && body.change !== 'set') flow.delegations.delete(body.delegation);
  else {
    const { person_c, to_c, from, until } = body;
    flow.delegations.set(body.delegation, { person: person_c, to: to_c, from, until });
  }
  return body.person_c === body.to_c ? rule('a delegation to oneself') : null;
}

function reminded(flow: Flow, { v, body }: Of<'reminded'>): Finding | null {
  if (v !== 0 && body.about !== 'stage') return null;
  if (flow.resolved !== null) return rule('reminded after the resolution');
  return body.stage === null
    ? rule('a reminder of no stage')
    : unlessOpen(flow, { stage: body.stage, group: body.group });
}

/** Following needs no words; leaving an earlier decision does. */
function precedentCited(_flow: Flow, { body, commits }: Of<'precedent_cited'>): Finding | null {
  const isSaid = commits.some(({ path }) => path === 'text');
  return body.stance === 'follow' || isSaid ? null : rule(`${body.stance} without its text`);
}

function viewFinding(flow: Flow, body: DecidedBody): Finding | null {
  if (body.viewed === null) {
    return flow.bound?.require_view === true ? rule('a decision without a view') : null;
  }
  const view = flow.views.get(body.viewed);
  if (view === undefined) return rule('the view that the decision names is not before it');
  return view.person_c === body.person_c && view.content_digest === body.content_digest
    ? null
    : rule('the view that the decision names is not of this person and content');
}

function overridden(flow: Flow, { body }: Of<'overridden'>): Finding | null {
  const unresolved = body.before === 'held' || body.before === 'pending';
  const fits = flow.resolved === null ? unresolved : body.before === flow.resolved.resolution;
  if (!fits) return rule('an override of a state that was not');
  flow.override = body;
  flow.closed = false;
  return null;
}

function resolved(flow: Flow, { body }: Of<'resolved'>): Finding | null {
  if (flow.resolved !== null && flow.override === null) return rule('resolved twice');
  if (body.action_digest !== flow.actionDigest) return action();
  if (body.decisions !== flow.decisions) return quorum('decisions counted wrongly');
  if (!hasGround(flow, body)) return rule(`${body.resolution} without a ground`);
  if (body.may_proceed !== (body.resolution === 'approved' || body.effect === 'force')) {
    return rule('may_proceed does not follow from the resolution');
  }
  flow.resolved = body;
  flow.override = null;
  return null;
}

function hasGround(flow: Flow, { resolution, effect }: Resolved): boolean {
  if (resolution === 'overridden') return effect !== null && flow.override?.effect === effect;
  if (effect !== null || flow.override !== null) return false;
  const grounds = {
    approved: isApproved(flow) || flow.expiries.has('approve'),
    rejected: voted(flow, 'reject'),
    expired: flow.expiries.has('expire'),
    withdrawn: flow.withdrawn,
  };
  return grounds[resolution];
}

/** Did a person, or the policy alone, say so? */
function voted(flow: Flow, verdict: Verdict): boolean {
  return flow.bound?.effect === verdict || flow.votes.some((vote) => vote.verdict === verdict);
}

/** By the policy alone, or by people: then the newest approval is the one that was still needed. */
function isApproved(flow: Flow): boolean {
  if (flow.bound?.effect === 'approve') return true;
  const last = flow.lastVote;
  return last !== null && last.verdict === 'approve' && last.approvals >= last.needed;
}

function receiptIssued(flow: Flow, { body }: Of<'receipt_issued'>): Finding | null {
  if (flow.resolved?.may_proceed !== true) return rule('a receipt without an approval');
  if (flow.receipts.has(body.receipt)) return rule('a receipt issued twice');
  if (body.action_digest !== flow.actionDigest) return action();
  flow.receipts.set(body.receipt, 'issued');
  return null;
}

function receiptConsumed(flow: Flow, { body }: Of<'receipt_consumed'>): Finding | null {
  if (flow.receipts.get(body.receipt) !== 'issued') return rule('a receipt that is not open');
  if (body.action_digest !== flow.actionDigest) return action();
  flow.receipts.set(body.receipt, 'consumed');
  return null;
}

/** A reversal after the fact revokes what was consumed, too. */
function receiptRevoked(flow: Flow, { body }: Of<'receipt_revoked'>): Finding | null {
  const state = flow.receipts.get(body.receipt);
  if (state === undefined || state === 'revoked') return rule('a receipt that is not open');
  flow.receipts.set(body.receipt, 'revoked');
  return null;
}

function closed(flow: Flow, record: Of<'closed'>): Finding | null {
  if (flow.resolved === null) return rule('closed before it was resolved');
  flow.closed = true;
  return closedCount(record);
}

function closedCount({ body, seq }: Of<'closed'>): Finding | null {
  return body.count === seq + 1 ? null : rule('closed with another count');
}

/** What was exported lies before the record that seals the export. */
function exportedCount(record: Of<'exported'>): Finding | null {
  if (record.v === 0) return null;
  const { head_seq } = record.body;
  return head_seq === null || head_seq < record.seq ? null : rule('exported what was not there');
}

/** Only what was sealed before can be erased. */
function erasedPlaces({ body, seq }: Of<'erased'>): Finding | null {
  const places = [...body.commitments.map((one) => one.seq ?? 0), ...body.redacted];
  return places.every((place) => place < seq) ? null : rule('erased what was not there');
}

type StagePlace = { readonly stage: number; readonly group: number | null };

/** Time passes for a group, or for the stage as a whole: then `group` is null. */
function unlessOpen(flow: Flow, body: StagePlace): Finding | null {
  return placesOf(flow, body).length > 0 ? null : rule('a stage that is not open');
}

/** The stage, or one group of it, takes no decision any more. */
function leaveStage(flow: Flow, body: StagePlace): Finding | null {
  const places = placesOf(flow, body);
  for (const place of places) flow.open.delete(place);
  return places.length > 0 ? null : rule('a stage that is not open');
}

function placesOf(flow: Flow, { stage, group }: StagePlace): readonly string[] {
  const open = [...flow.open.keys()].filter((place) => stageOfPlace(place) === stage);
  return group === null ? open : open.filter((place) => place === `${stage}/${group}`);
}

function placeOf(body: StagePlace): string {
  return `${body.stage}/${body.group ?? '-'}`;
}

/** The same group, or one of them is the stage as a whole. */
function overlaps(a: string, b: string): boolean {
  const isWhole = a.endsWith('-') || b.endsWith('-');
  return a === b || (isWhole && stageOfPlace(a) === stageOfPlace(b));
}

function stageOfPlace(place: string): number {
  return Number.parseInt(place, 10);
}

function rule(detail: string): Finding {
  return { code: 'FLOW_RULE', detail };
}

function quorum(detail: string): Finding {
  return { code: 'QUORUM_RULE', detail };
}

function action(): Finding {
  return { code: 'ACTION_MISMATCH', detail: 'another action than the one decided on' };
}
