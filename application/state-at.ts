import type { HeldFact } from '../domain/binding.ts';
import type { Instant } from '../domain/instant.ts';
import type { AssuranceLevel, Policy } from '../domain/policy.ts';
import type {
  Appointment,
  Decision,
  OpenStage,
  RequestDelegation,
  RequestState,
  Requester,
  Resolution,
  ResolvedBy,
} from '../domain/request.ts';
import { stageAt } from '../domain/stage.ts';
import { catchUp } from '../domain/timeline.ts';
import { PLAIN_TIME, type WorkingTime } from '../domain/working-time.ts';
import type { LedgerRecord } from '../ledger/record.ts';

// What a request was, made again from its sealed records alone: nothing that programs keep of its present
// state is believed, but for the owners whom its content names, which no record lists.

type Kind = LedgerRecord['kind'];
type Of<K extends Kind> = Extract<LedgerRecord, { readonly kind: K }>;

/** What is needed beside the records. */
export interface Beside {
  readonly requestId: string;
  /** People whom the content makes parties. */
  readonly owners: readonly string[];
  /** The version that the last `policy_bound` names. */
  readonly policy: Policy;
  /** `person:<id>` or `app:<id>` by commitment. */
  readonly subjects: ReadonlyMap<string, string>;
  /** Groups in which a decision counts whose record leaves them open, by its number. */
  readonly groups: ReadonlyMap<number, readonly number[]>;
}

/** @returns the records of one kind, in order. */
export function ofKind<K extends Kind>(records: readonly LedgerRecord[], kind: K): Of<K>[] {
  return records.filter((record): record is Of<K> => record.kind === kind);
}

/** The rule that governs after these records: since the last amendment, the last that was bound. */
export function boundBy(records: readonly LedgerRecord[]): Of<'policy_bound'> | undefined {
  return ofKind(records, 'policy_bound').at(-1);
}

/** @returns the name behind a commitment; `#` and the commitment where nobody can say any more. */
function nameOf({ subjects }: Pick<Beside, 'subjects'>, c: string): string {
  const subject = subjects.get(c);
  return subject === undefined ? `#${c}` : subject.slice(subject.indexOf(':') + 1);
}

/**
 * The state of a request after some of its records, from the first on. Only what decides about who may act
 * is in it: words, questions and claims are not.
 *
 * @throws TypeError where the records do not begin a request.
 */
export function stateAfter(records: readonly LedgerRecord[], beside: Beside): RequestState {
  const [first] = records;
  if (first?.kind !== 'requested') throw new TypeError('the first record opens no request');
  const bound = boundBy(records);
  const rule = beside.policy.rules[bound?.body.rule ?? 0];
  if (bound === undefined || rule === undefined) throw new TypeError('no rule was bound');
  const amendments = ofKind(records, 'amended');
  const now = amendments.at(-1) ?? first;
  const since = records.slice(records.indexOf(now) + 1);
  const { id, version, requireAcknowledgement } = beside.policy;
  const policy = { id, version, ruleIndex: bound.body.rule ?? 0, rule, requireAcknowledgement };
  const state: RequestState = {
    ...{ requestId: beside.requestId, kind: first.body.kind, tier: bound.body.tier },
    requester: requesterOf(first, beside),
    onBehalfOf: personOf(first.body.on_behalf_of_c, beside),
    owners: beside.owners,
    editors: amendments.flatMap((one) => personOf(editorOf(one), beside) ?? []),
    actionDigest: now.body.action_digest,
    contentDigest: now.body.content_digest,
    amendments: amendments.length,
    policy: { ...policy, controls: [], deadlines: rule.stages.map(() => null), boundUnder: [] },
    heldBy: heldBy(since),
    stage: null,
    decisions: [],
    voided: amendments.reduce((sum, { body }) => sum + body.voided, 0),
    delegations: delegationsIn(records, beside),
    ...{ discussion: [], proposals: [], debt: null, reopens: null, revision: 1 },
    resolution: resolutionIn(records),
    createdAt: first.ts,
  };
  const decided = { ...state, decisions: decisionsIn(since, state, beside) };
  return { ...decided, stage: stageIn(since, decided, beside) };
}

function personOf(c: string | null, beside: Beside): string | null {
  return c === null ? null : nameOf(beside, c);
}

function requesterOf({ actor, body }: Of<'requested'>, beside: Beside): Requester {
  const type = actor.type === 'human' ? 'person' : 'app';
  return { type, id: personOf(actor.c, beside) ?? '', owner: personOf(body.owner_c, beside) };
}

/** null where an app changed the content; the first version named the actor only. */
function editorOf({ actor, body }: Of<'amended'>): string | null {
  if ('person_c' in body) return body.person_c;
  return actor.type === 'human' ? actor.c : null;
}

/** Held as long as nothing has come of it. */
function heldBy(since: readonly LedgerRecord[]): HeldFact[] {
  const held = since.findLastIndex(({ kind }) => kind === 'held');
  const record = since[held];
  if (record?.kind !== 'held') return [];
  if (since.slice(held).some(({ kind }) => kind === 'stage_opened' || kind === 'released'))
    return [];
  return [{ fact: record.body.fact ?? '', reason: record.body.reason }];
}

function delegationsIn(records: readonly LedgerRecord[], beside: Beside): RequestDelegation[] {
  const all = new Map<string, RequestDelegation>();
  for (const { body } of ofKind(records, 'delegated')) {
    if (!('change' in body)) continue;
    const { delegation: id, from, until } = body;
    const people = { person: nameOf(beside, body.person_c), to: nameOf(beside, body.to_c) };
    if (body.change === 'set') all.set(id, { id, ...people, from, until });
    else all.delete(id);
  }
  return [...all.values()];
}

const CAUSES: Readonly<Record<string, ResolvedBy>> = {
  expired: 'deadline',
  withdrawn: 'requester',
  overridden: 'override',
};

function resolutionIn(records: readonly LedgerRecord[]): Resolution | null {
  const record = ofKind(records, 'resolved').at(-1);
  if (record === undefined) return null;
  const { resolution: kind, effect, may_proceed: mayProceed, decisions } = record.body;
  const cause = CAUSES[kind] ?? (decisions > 0 ? 'people' : 'policy');
  return { kind, effect, mayProceed, at: record.ts, by: [], cause };
}

// ---- decisions -----------------------------------------------------------------------------------

function decisionsIn(
  since: readonly LedgerRecord[],
  state: RequestState,
  beside: Beside,
): Decision[] {
  return ofKind(since, 'decided').map((record): Decision => {
    const { body, auth, ts, seq } = record;
    const all = stageAt(state, body.stage).groups.map((_, group) => group);
    const groups = body.group === null ? (beside.groups.get(seq) ?? all) : [body.group];
    return {
      person: nameOf(beside, body.person_c),
      delegatedBy: personOf(body.delegated_by_c, beside),
      delegation: 'delegation' in body ? body.delegation : null,
      verdict: body.verdict,
      stage: body.stage,
      groups,
      role: 'role' in body ? body.role : null,
      assurance: auth.level as AssuranceLevel, // its schema allows no other
      at: ts,
    };
  });
}

// ---- the open stage ------------------------------------------------------------------------------

const ENDS_A_STAGE: readonly Kind[] = ['stage_closed', 'resolved'];

function stageIn(
  since: readonly LedgerRecord[],
  state: RequestState,
  beside: Beside,
): OpenStage | null {
  const last = since.findLastIndex(({ kind }) => kind === 'stage_opened');
  const opened = since[last];
  if (opened?.kind !== 'stage_opened') return null;
  const after = since.slice(last + 1);
  if (after.some(({ kind }) => ENDS_A_STAGE.includes(kind))) return null;
  const { stage: index, deadline } = opened.body;
  const barred = ofKind(after, 'reassigned').flatMap(({ body }) =>
    'from_c' in body && body.from_c !== null ? [nameOf(beside, body.from_c)] : [],
  );
  return {
    ...{ index, openedAt: opened.ts, deadline },
    roles: rolesAfter(state, index, after),
    agenda: [],
    ...{ pausedSince: null, pausedSeconds: 0, claims: [] },
    barred: [...new Set(barred)],
    isStuck: false,
  };
}

type Escalated = Of<'escalated'>;

/** Where the rule has no escalation left somebody is told, and nobody may decide by it. */
function givesRights({ body }: Escalated): boolean {
  return !('level' in body) || body.level !== null;
}

function rolesAfter(
  state: RequestState,
  index: number,
  after: readonly LedgerRecord[],
): OpenStage['roles'] {
  const written: OpenStage['roles'] = stageAt(state, index).groups.map(({ role }) => [role]);
  return ofKind(after, 'escalated')
    .filter((record) => record.body.stage === index && givesRights(record))
    .reduce(
      (roles, { body: { to_role: to, mode } }) =>
        roles.map((all) => (mode === 'replace' ? [to] : [...new Set([...all, to])])),
      written,
    );
}

// ---- time ----------------------------------------------------------------------------------------

/** What follows a deadline has deadlines of its own; here they only have to be later. */
const ROUGH_TIME: WorkingTime = {
  add: (_calendar, from, duration) => PLAIN_TIME.add(null, from, duration),
  addMillis: (_calendar, from, millis) => PLAIN_TIME.addMillis(null, from, millis),
  between: (_calendar, from, to) => PLAIN_TIME.between(null, from, to),
};

/**
 * Lets the time pass that had passed at an instant and was sealed a moment later: whoever acted between a
 * deadline and its record would have met the deadline. Where a question had moved the clock the records
 * alone count, and so do escalations in a business calendar, whose versions change.
 *
 * @param records those from which `state` was made.
 */
export function timePassed(
  state: RequestState,
  records: readonly LedgerRecord[],
  at: Instant,
): RequestState {
  const { stage } = state;
  if (stage === null || isClockMoved(stage, records)) return state;
  const agenda = agendaOf(state, stage, records);
  return catchUp({ ...state, stage: { ...stage, agenda } }, { now: at, time: ROUGH_TIME }).state;
}

function isClockMoved({ openedAt }: OpenStage, records: readonly LedgerRecord[]): boolean {
  const answers = ofKind(records, 'answered');
  return ofKind(records, 'asked').some(({ body, ts }) => {
    const answer = answers.find((one) => one.body.question === body.question);
    return ts >= openedAt || answer === undefined || answer.ts >= openedAt;
  });
}

/** What lay ahead: the sealed deadline, and before it the escalations that nothing sealed has brought. */
function agendaOf(
  state: RequestState,
  { index, openedAt, deadline }: OpenStage,
  records: readonly LedgerRecord[],
): Appointment[] {
  const { calendar, escalations } = stageAt(state, index);
  const from = records.findLastIndex(({ kind }) => kind === 'stage_opened');
  const brought = new Set(
    ofKind(records.slice(from), 'escalated').map(({ body }, ordinal) =>
      'level' in body && body.level !== null ? body.level - 1 : ordinal,
    ),
  );
  const ahead = (calendar === null ? escalations : []).map(({ after }, one): Appointment => ({
    kind: 'escalation',
    at: PLAIN_TIME.add(null, openedAt, after),
    index: one,
  }));
  const before = ahead
    .filter((one) => one.kind === 'escalation' && !brought.has(one.index))
    .filter(({ at }) => deadline === null || at < deadline)
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  return deadline === null ? before : [...before, { kind: 'deadline', at: deadline }];
}
