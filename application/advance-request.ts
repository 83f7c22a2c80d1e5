import { andWhereStuck, applyCommand, type Applied } from '../domain/apply.ts';
import type { Actor, Command } from '../domain/command.ts';
import { later, type Instant } from '../domain/instant.ts';
import { policyVersionName } from '../domain/policy.ts';
import type { RequestState } from '../domain/request.ts';
import type { StepRef, StepResult } from '../domain/step-result.ts';
import { nextInstant } from '../domain/timeline.ts';
import type { SealedRecord } from '../ledger/append.ts';
import type { Auth, BlobRef, LedgerRecord, Surface } from '../ledger/record.ts';
import { answerCommand, loadCommand, type CommandRow } from '../prisma/command-store.ts';
import { factsOfPeople, type PersonFacts } from '../prisma/directory-store.ts';
import { referencesOf } from '../prisma/ledger-store.ts';
import {
  insertView,
  keepFormer,
  lockRequest,
  updateRequest,
  viewLeafOf,
  type RequestRow,
} from '../prisma/request-store.ts';
import { owesReview, storeDebt } from '../prisma/review-debt-store.ts';
import type { Tx } from '../prisma/transaction.ts';
import { calendarsNamed, loadWorkingTime } from './calendars.ts';
import { reasonOf, textsOf, toCommand, type CommandPayload } from './command-payload.ts';
import type { Deps } from './deps.ts';
import { ApplicationError, notFound } from './error.ts';
import { withCountedUses } from './exception-uses.ts';
import { commandPlace, reasonPlace } from './places.ts';
import { resolutionEffects } from './policy-proposals.ts';
import { prepareCommand, type AmendedContent } from './prepare-command.ts';
import { subjectOf } from './principal.ts';
import { isFinished, resultOf } from './result-of-step.ts';
import { BY_ENGINE, sealRequestEvents, type Sealed, type SealedBy } from './sealing.ts';
import { namedBeside } from './named-people.ts';
import { candidateIn, namesPeople, peopleNamed, peopleOfStages } from './stage-people.ts';
import { isStoreUnavailable } from './store-fault.ts';

/** Older commands that one call decides before its own, at most. Who waits behind more takes its turn. */
const MOST_BEFORE = 200;

/**
 * The one transactional step: every change of a request is one call of this function, whoever calls it
 * and however often. What it seals and what is in force become true in one commit.
 *
 * Commands of one request are decided in the order in which they were written (time, then id), whoever
 * is delivered first: each that is still waiting before this one gets a step of its own.
 *
 * @returns the newest place in the request's life; the answer to a command is stored with the command.
 * @throws ApplicationError NOT_FOUND when the request or the command does not exist: never retry.
 *         Any other error: nothing happened, repeat.
 * @source house rule 3.0, docs/adr/0002-transactional-step.md
 */
export async function advanceRequest(deps: Deps, ref: StepRef): Promise<StepResult> {
  const stuck: string[] = [];
  for (let before = 0; ; before += 1) {
    const turn: Turn = { stuck, mayGoFirst: before < MOST_BEFORE, goingFirst: null };
    try {
      const result = await step(deps, ref, turn);
      if (turn.goingFirst === null) return result;
    } catch (error) {
      // An older command that cannot be decided must not hold up this one; whoever brings it is told.
      const { goingFirst } = turn;
      if (goingFirst === null || goingFirst === TIME || isStoreUnavailable(error)) throw error;
      deps.onFault?.(`the older command ${goingFirst} could not be decided`, error);
      stuck.push(goingFirst);
    }
  }
}

/** Goes first where an amendment meets what time has brought about. */
const TIME = 'time';

/** One turn of a call: which command it is about is known once the request is locked. */
interface Turn {
  readonly stuck: readonly string[];
  readonly mayGoFirst: boolean;
  /** Id of the older command that this turn decides, or TIME; null = the caller's own. */
  goingFirst: string | null;
}

async function step(deps: Deps, ref: StepRef, turn: Turn): Promise<StepResult> {
  return deps.db.transaction(async (tx) => {
    const row = await lockRequest(tx, ref.requestId);
    if (row === null) throw notFound();
    const now = later(deps.now(), row.updatedAt);
    const command = ref.kind === 'tick' ? null : await nextCommand(tx, ref, turn);
    if (command !== null && command.answer !== null) return resultOf(row, now); // the same act came before
    const asked = await askedNow(deps, tx, { row, command, now, turn });
    const time = await loadWorkingTime(tx, calendarsOf(row, asked));
    const act = { actor: asked?.actor ?? null, id: asked?.row.id ?? '', now, time };
    const done = applyCommand(row.state, asked?.command ?? null, act);
    const seen = await lookAround(tx, { row, asked, applied: done, now });
    if (seen.applied.events.length === 0) return resultOf(row, now);
    const uses = await withCountedUses(tx, seen.applied, { requestId: row.id, now });
    const around = { ...seen, applied: uses };
    const sealed = await sealStep(deps, tx, around);
    await resolutionEffects(deps, tx, { row, applied: around.applied, now });
    return project(deps, tx, { ...around, sealed });
  });
}

/** @returns null where time passes first: an amendment binds the request anew, and time belongs to the old rule. */
async function askedNow(
  deps: Deps,
  tx: Tx,
  {
    row,
    command,
    now,
    turn,
  }: { row: RequestRow; command: CommandRow | null; now: Instant; turn: Turn },
): Promise<Asked | null> {
  if (command === null) return null;
  const due = nextInstant(row.state);
  if (command.kind === 'amend' && due !== null && due <= now) {
    turn.goingFirst = TIME;
    return null;
  }
  return readCommand(deps, tx, { row, command, now });
}

/** Calendars that the times of this step may count in. */
function calendarsOf(row: RequestRow, asked: Asked | null): string[] {
  const { command } = asked ?? {};
  const amendment = command?.kind === 'amend' ? command.amendment : null;
  const amended = amendment === null ? [] : [amendment.binding.rule];
  return calendarsNamed({ rules: [row.state.policy.rule, ...amended] });
}

/** The command that is asked for, or the oldest that waits before it. */
async function nextCommand(
  tx: Tx,
  ref: Extract<StepRef, { kind: 'command' }>,
  turn: Turn,
): Promise<CommandRow> {
  const found = await loadCommand(tx, ref.commandId, turn.stuck);
  if (found === null || found.asked.requestId !== ref.requestId)
    throw new ApplicationError('NOT_FOUND', 'this request has no such command');
  if (found.before === null || !turn.mayGoFirst) return found.asked;
  turn.goingFirst = found.before.id;
  return found.before;
}

interface Asked {
  readonly row: CommandRow;
  readonly payload: CommandPayload;
  readonly command: Command;
  readonly actor: Actor;
  readonly person: PersonFacts | null;
  readonly references: ReadonlyMap<string, string>;
  /** The changed content of an amendment. */
  readonly amended: AmendedContent | null;
}

interface Around {
  readonly row: RequestRow;
  readonly asked: Asked | null;
  readonly applied: Applied;
  readonly now: Instant;
  /** Everybody whom the stage can turn to; empty where the step does not ask. */
  readonly people: readonly PersonFacts[];
}

interface Reading {
  readonly row: RequestRow;
  readonly command: CommandRow;
  readonly now: Instant;
}

/** Everything the rules ask about the actor is read here and now, never taken from the caller. */
async function readCommand(deps: Deps, tx: Tx, reading: Reading): Promise<Asked> {
  const { row, command, now } = reading;
  const byPerson = command.actorType === 'person';
  const [people, viewed, references] = await Promise.all([
    byPerson ? factsOfPeople(tx, [command.actorId], now) : [],
    byPerson ? viewLeafOf(tx, row, command.actorId) : null,
    referencesOf(tx, row.id),
    deps.vault.prepare(tx, [row.dekId]),
  ]);
  const [facts] = people;
  const person =
    facts === undefined ? null : await candidateIn(tx, row.state, { person: facts, now });
  await deps.vault.prepare(tx, person === null ? [] : [person.dekId]);
  const payload = payloadOf(deps, row, command);
  const prepared = await prepareCommand(deps, tx, { row, payload, now, by: actorIn(command) });
  const owes = payload.kind === 'override' && (await owesReview(tx, command.actorId, now));
  return {
    row: command,
    payload,
    command: toCommand(payload, prepared),
    actor: actorOf(command, person, { viewed, owesReview: owes }),
    person,
    references,
    amended: prepared.amended ?? null,
  };
}

function payloadOf(deps: Deps, row: RequestRow, command: CommandRow): CommandPayload {
  const text = deps.vault.decrypt(row.dekId, commandPlace(command.id), command.payload);
  if (text === null) throw new Error(`the data key of request ${row.id} is gone`);
  return JSON.parse(text) as CommandPayload; // ours: written by the approval service
}

function actorIn({ actorType, actorId }: CommandRow) {
  return { type: actorType, id: actorId } as const;
}

/** An app, or somebody who is not in the directory any more, has no rights. */
const NOBODY = {
  roles: [],
  absent: false,
  team: null,
  region: null,
  trainings: [],
  acknowledged: [],
  standsFor: [],
} as const;

function actorOf(
  { actorType, actorId, authLevel }: CommandRow,
  person: PersonFacts | null,
  known: Pick<Actor, 'viewed' | 'owesReview'>,
): Actor {
  const facts = person ?? NOBODY;
  return { ...facts, type: actorType, id: actorId, assurance: authLevel, ...known };
}

/** Reads who could decide where records say so, or where the stage may be one that nobody can settle. */
async function lookAround(
  tx: Tx,
  { row, asked, applied, now }: Omit<Around, 'people'>,
): Promise<Around> {
  const around = { row, asked, now };
  if (!namesPeople(applied) && !mayBeStuck(applied, asked))
    return { ...around, applied, people: [] };
  const people = await peopleOfStages(tx, applied, now);
  return { ...around, applied: andWhereStuck(row.state, applied, people), people };
}

/**
 * A rejection, a task taken away or the passing of time may make a stage impossible. An approval only where
 * its author could have spoken for somebody else, too.
 */
function mayBeStuck({ state, outcome }: Applied, asked: Asked | null): boolean {
  if (state.stage === null) return false;
  if (asked === null) return true;
  const { command } = asked;
  const done = outcome !== null && outcome.kind !== 'refused';
  return (
    done &&
    (command.kind === 'reassign' ||
      (command.kind === 'decide' &&
        (command.verdict === 'reject' || asked.actor.standsFor.length > 0)))
  );
}

async function sealStep(deps: Deps, tx: Tx, around: Around): Promise<Sealed> {
  const { row, asked, applied, now, people } = around;
  const references = asked?.references ?? (await referencesOf(tx, row.id));
  const named = await namedBeside(tx, applied.events, { known: people, now });
  const all = [...people, ...named, ...(asked?.person ? [asked.person] : [])];
  await deps.vault.prepare(tx, [row.dekId, ...all.map((one) => one.dekId)]);
  return sealRequestEvents(deps, {
    state: applied.state,
    events: applied.events,
    by: asked === null ? BY_ENGINE : sealedBy(asked.row),
    scope: asked === null ? `tick:${row.head.seq}` : asked.row.id,
    now,
    head: row.head,
    references,
    keys: new Map(all.map((one) => [subjectOf({ type: 'person', id: one.id }), one.dekId])),
    dekId: row.dekId,
    texts: asked === null ? [] : textsOf(asked.payload),
    refs: refsOf(asked),
    ...peopleNamed(applied, people),
    ...(asked?.amended ? { submitted: asked.amended.facts, boundTo: asked.amended.boundTo } : {}),
  });
}

function refsOf(asked: Asked | null): readonly BlobRef[] {
  if (asked?.payload.kind === 'view') return [asked.payload.view];
  return asked?.amended?.refs ?? [];
}

function sealedBy(row: CommandRow): SealedBy {
  return {
    actor: { type: row.actorType, id: row.actorId },
    auth: { level: row.authLevel, method: row.authMethod as Auth['method'], proof: null },
    surface: row.surface as Surface,
  };
}

/** Which record answers a command; each seals one of its kind, or a refusal. */
const ANSWER_OF: Readonly<Record<Command['kind'], LedgerRecord['kind']>> = {
  view: 'viewed',
  decide: 'decided',
  override: 'overridden',
  withdraw: 'withdrawn',
  ask: 'asked',
  answer: 'answered',
  comment: 'commented',
  amend: 'amended',
  claim: 'claimed',
  release: 'claimed',
  delegate: 'delegated',
  reassign: 'reassigned',
  escalate: 'escalated',
  review: 'review_debt',
};

/** Time passes before an act, and more may follow from it: of several records of a kind, the one of the act. */
function answering(sealed: Sealed, { command }: Asked, { events }: Applied): SealedRecord {
  const refusal = sealed.records.find(({ kind }) => kind === 'refused');
  const ofKind = sealed.records.filter(({ kind }) => kind === ANSWER_OF[command.kind]);
  const escalations = events.filter(({ type }) => type === 'escalated');
  const record =
    command.kind === 'escalate'
      ? ofKind[escalations.findIndex((one) => 'cause' in one && one.cause === 'person')]
      : ofKind.at(-1);
  const answer = refusal ?? record;
  if (answer === undefined) throw new TypeError(`a ${command.kind} sealed no answer`);
  return answer;
}

/** … and in force: head row, answer, view, content and debt in the same commit as the records. */
function project(deps: Deps, tx: Tx, around: Around & { readonly sealed: Sealed }): StepResult {
  const { row, asked, applied, now, sealed } = around;
  const { state } = applied;
  const gate = gateAfter(row, state);
  const next = { ...row, state, head: sealed.head, wakeAt: applied.wakeAt, gate, updatedAt: now };
  for (const fragment of sealed.fragments) tx.write(fragment);
  // One statement carries all writes of a step, and takes each row once: everything of the head row is here.
  const amended = applied.outcome?.kind === 'refused' ? null : (asked?.amended ?? null);
  const reason = reasonBytes(deps, around);
  tx.write(updateRequest({ ...next, reason, ...(amended && { amended: amended.stored }) }));
  if (amended !== null) {
    const { amendments, policy } = row.state;
    tx.write(keepFormer(row.id, { amendments, policy: policyVersionName(policy) }));
  }
  const owed = applied.events.findLast((event) => event.type === 'review_debt');
  if (owed !== undefined) tx.write(storeDebt(row.id, owed.debt, now));
  if (asked !== null) writeAnswer(tx, asked, around);
  return resultOf(next, now);
}

/** What has ended and still has a time to come (a review that is owed) needs its workflow again. */
function gateAfter({ gate }: RequestRow, state: RequestState): RequestRow['gate'] {
  if (isFinished(state)) return gate === 'none' ? gate : 'closed';
  return gate === 'none' || gate === 'closed' ? 'due' : gate;
}

function writeAnswer(
  tx: Tx,
  asked: Asked,
  { row, applied, now, sealed }: Around & { readonly sealed: Sealed },
): void {
  const record = answering(sealed, asked, applied);
  const { seq, leafHash } = record;
  const answer = { outcome: applied.outcome, record: { seq, leafHash } };
  tx.write(answerCommand(asked.row.id, answer, now));
  if (record.kind !== 'viewed') return;
  const { contentDigest } = applied.state;
  const view = { requestId: row.id, person: asked.actor.id, contentDigest, seq, leafHash };
  tx.write(insertView(view));
}

/** The reason of an override or withdrawal that took effect; null keeps what is there. */
function reasonBytes({ vault }: Deps, { row, asked, applied }: Around): Uint8Array | null {
  const reason = asked === null ? null : reasonOf(asked.payload);
  if (reason === null || applied.outcome?.kind !== 'settled') return null;
  return vault.encrypt(row.dekId, reasonPlace(row.id), reason);
}
