import { REQUEST_KINDS, type LedgerRecord, type RecordKind } from './record.ts';
import type { ChainProblem, ChainProblemCode, CheckedRecord } from './verify.ts';

// The rules of the procedure, read from the records alone. They cannot say who *should* have been
// asked (that takes the policy), but they say whether what is sealed fits together.
// @source docs/record-format.md, section 8

type Of<K extends RecordKind> = Extract<LedgerRecord, { readonly kind: K }>;
type Finding = { readonly code: ChainProblemCode; readonly detail: string };
type Verdict = Of<'decided'>['body']['verdict'];
type DecidedBody = Of<'decided'>['body'];
type Resolved = Of<'resolved'>['body'];
type Vote = { readonly place: string; readonly person: string; readonly verdict: Verdict };

/** What the records of one request have established so far. */
type Flow = {
  contentDigest: string;
  actionDigest: string;
  /** nobody of these may decide */
  readonly own: Set<string>;
  bound: Of<'policy_bound'>['body'] | null;
  readonly open: Set<string>;
  readonly views: Map<string, Of<'viewed'>['body']>;
  /** since the last amendment */
  votes: Vote[];
  /** all `decided` records */
  decisions: number;
  readonly expiries: Set<string>;
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
  'held',
  'released',
  'stage_opened',
  'reminded',
  'escalated',
  'decided',
  'expired',
  'withdrawn',
  'delegated',
  'claimed',
  'reassigned',
  'asked',
  'amended',
]);

/** Kinds that mean nothing outside a request's stream. */
const ONLY_IN_REQUESTS: ReadonlySet<RecordKind> = new Set<RecordKind>([
  ...ONLY_BEFORE_RESOLUTION,
  'requested',
  'overridden',
  'resolved',
  'receipt_issued',
  'receipt_consumed',
  'receipt_revoked',
  'outcome',
]);

/** What may follow `closed`: nothing that moves the request, unless an override opens it again. */
const MAY_FOLLOW_CLOSED: ReadonlySet<RecordKind> = new Set<RecordKind>([
  'closed',
  'refused',
  'viewed',
  'commented',
  'notified',
  'outcome',
  'accessed',
  'exported',
  'incident',
  'overridden',
]);

/**
 * Checks the rules of the procedure over a chain whose form, order and links hold.
 *
 * @param records all of them readable.
 * @returns in order of the chain; at most one problem for each record.
 */
export function flowProblems(records: readonly CheckedRecord[]): readonly ChainProblem[] {
  const problems: ChainProblem[] = [];
  const flow = startFlow(records[0]?.record ?? null);
  for (const { record, leafHash } of records) {
    if (record === null) continue;
    const finding = flow === null ? outsideRequest(record) : step(flow, record, leafHash);
    if (finding !== null) problems.push({ ...finding, seq: record.seq });
  }
  return problems;
}

/** null where this is not the stream of a request: a person's, a policy's, the system's. */
function startFlow(first: LedgerRecord | null): Flow | null {
  if (first === null || !REQUEST_KINDS.has(first.kind)) return null;
  return {
    contentDigest: '',
    actionDigest: '',
    own: new Set(),
    bound: null,
    open: new Set(),
    views: new Map(),
    votes: [],
    decisions: 0,
    expiries: new Set(),
    withdrawn: false,
    override: null,
    resolved: null,
    closed: false,
    receipts: new Map(),
  };
}

function outsideRequest(record: LedgerRecord): Finding | null {
  if (record.kind === 'closed') return closedCount(record);
  return ONLY_IN_REQUESTS.has(record.kind) ? rule(`${record.kind} outside a request`) : null;
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
    flow.open.add(placeOf(body));
    return flow.bound === null ? rule('a stage without a policy') : null;
  },
  reminded: (flow, { body }) => unlessOpen(flow, body),
  escalated: (flow, { body }) => unlessOpen(flow, body),
  expired: (flow, { body }) => {
    flow.expiries.add(body.then);
    return unlessOpen(flow, body);
  },
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
  return null;
}

function decided(flow: Flow, { body, actor }: Of<'decided'>): Finding | null {
  const place = placeOf(body);
  if (!flow.open.has(place)) return rule('a decision on a stage that was not opened');
  if (body.content_digest !== flow.contentDigest) return rule('a decision on other content');
  const view = viewFinding(flow, body);
  if (view !== null) return view;
  if (flow.own.has(body.person_c) || (actor.c !== null && flow.own.has(actor.c))) {
    return quorum('somebody decides on their own request');
  }
  if (flow.votes.some((vote) => vote.place === place && vote.person === body.person_c)) {
    return quorum('one person counted twice');
  }
  flow.decisions += 1;
  flow.votes.push({ place, person: body.person_c, verdict: body.verdict });
  return isCounted(flow, body) ? null : quorum('decisions counted wrongly');
}

/**
 * Do the numbers fit the decisions of the stage? Of parallel groups people are told the sum or the
 * nearest group, depending on the policy, so only an upper bound can be checked there.
 */
function isCounted(flow: Flow, { stage, group, approvals, rejections }: DecidedBody): boolean {
  const here = flow.votes.filter((vote) => stageOfPlace(vote.place) === stage);
  const approving = here.filter((vote) => vote.verdict === 'approve').length;
  if (rejections !== here.length - approving) return false;
  return group === null ? approvals === approving : approvals <= approving;
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
    approved: voted(flow, 'approve') || flow.expiries.has('approve'),
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

type StagePlace = { readonly stage: number; readonly group: number | null };

/** Time passes for a group, or for the stage as a whole: then `group` is null. */
function unlessOpen(flow: Flow, body: StagePlace): Finding | null {
  const isOpen =
    body.group === null
      ? [...flow.open].some((place) => stageOfPlace(place) === body.stage)
      : flow.open.has(placeOf(body));
  return isOpen ? null : rule('a stage that was not opened');
}

function placeOf(body: StagePlace): string {
  return `${body.stage}/${body.group ?? '-'}`;
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
