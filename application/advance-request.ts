import { applyCommand, type Applied } from '../domain/apply.ts';
import type { Actor } from '../domain/command.ts';
import { eligibility } from '../domain/eligibility.ts';
import { later, millisBetween, type Instant } from '../domain/instant.ts';
import type { RequestState } from '../domain/request.ts';
import { stageAt } from '../domain/stage.ts';
import type { StepRef, StepResult } from '../domain/step-result.ts';
import { answerCommand, loadCommand, type CommandRow } from '../prisma/command-store.ts';
import {
  factsOfPeople,
  peopleWithRoles,
  type PersonFacts,
  type Reader,
} from '../prisma/directory-store.ts';
import { referencesOf } from '../prisma/ledger-store.ts';
import {
  insertView,
  lockRequest,
  updateRequest,
  viewLeafOf,
  type RequestRow,
} from '../prisma/request-store.ts';
import type { Tx } from '../prisma/transaction.ts';
import type { Auth, Surface } from '../ledger/record.ts';
import { reasonOf, textsOf, toCommand, type CommandPayload } from './command-payload.ts';
import type { Deps } from './deps.ts';
import { ApplicationError, notFound } from './error.ts';
import { commandPlace, reasonPlace } from './places.ts';
import { subjectOf } from './principal.ts';
import { BY_ENGINE, sealRequestEvents, type Sealed, type SealedBy } from './sealing.ts';
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
      if (turn.goingFirst === null || isStoreUnavailable(error)) throw error;
      deps.onFault?.(`the older command ${turn.goingFirst} could not be decided`, error);
      stuck.push(turn.goingFirst);
    }
  }
}

/** One turn of a call: which command it is about is known once the request is locked. */
interface Turn {
  readonly stuck: readonly string[];
  readonly mayGoFirst: boolean;
  /** Id of the older command that this turn decides; null = the caller's own. */
  goingFirst: string | null;
}

async function step(deps: Deps, ref: StepRef, turn: Turn): Promise<StepResult> {
  return deps.db.transaction(async (tx) => {
    const row = await lockRequest(tx, ref.requestId);
    if (row === null) throw notFound();
    const now = later(deps.now(), row.updatedAt);
    const command = ref.kind === 'tick' ? null : await nextCommand(tx, ref, turn);
    if (command !== null && command.answer !== null) return resultOf(row, now); // the same act came before
    const asked = command === null ? null : await readCommand(deps, tx, { row, command, now });
    const applied = applyCommand(row.state, asked?.command ?? null, {
      actor: asked?.actor ?? null,
      now,
    });
    if (applied.events.length === 0) return resultOf(row, now);
    const sealed = await sealStep(deps, tx, { row, asked, applied, now });
    return project(deps, tx, { row, asked, applied, now, sealed });
  });
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
  readonly command: ReturnType<typeof toCommand>;
  readonly actor: Actor;
  readonly person: PersonFacts | null;
  readonly references: ReadonlyMap<string, string>;
}

interface Around {
  readonly row: RequestRow;
  readonly asked: Asked | null;
  readonly applied: Applied;
  readonly now: Instant;
}

/** Everything the rules ask about the actor is read here and now, never taken from the caller. */
async function readCommand(
  deps: Deps,
  tx: Tx,
  { row, command, now }: { row: RequestRow; command: CommandRow; now: Instant },
): Promise<Asked> {
  const byPerson = command.actorType === 'person';
  const [people, viewed, references] = await Promise.all([
    byPerson ? factsOfPeople(tx, [command.actorId], now) : [],
    byPerson ? viewLeafOf(tx, row, command.actorId) : null,
    referencesOf(tx, row.id),
    deps.vault.prepare(tx, [row.dekId]),
  ]);
  const person = people[0] ?? null;
  await deps.vault.prepare(tx, person === null ? [] : [person.dekId]);
  const text = deps.vault.decrypt(row.dekId, commandPlace(command.id), command.payload);
  if (text === null) throw new Error(`the data key of request ${row.id} is gone`);
  const payload = JSON.parse(text) as CommandPayload; // ours: written by the approval service
  const actor: Actor = {
    type: command.actorType,
    id: command.actorId,
    roles: person?.roles ?? [],
    absent: person?.absent ?? false,
    assurance: command.authLevel,
    viewed,
  };
  return {
    row: command,
    payload,
    command: toCommand(payload),
    actor,
    person,
    references,
  };
}

async function sealStep(deps: Deps, tx: Tx, around: Around): Promise<Sealed> {
  const { row, asked, applied, now } = around;
  const eligible = await eligibleInStages(tx, applied, now);
  const references = asked?.references ?? (await referencesOf(tx, row.id));
  const people = asked?.person ? [...eligible.people, asked.person] : eligible.people;
  await deps.vault.prepare(tx, [row.dekId, ...people.map((one) => one.dekId)]);
  return sealRequestEvents(deps, {
    state: applied.state,
    events: applied.events,
    by: asked === null ? BY_ENGINE : sealedBy(asked.row),
    scope: asked === null ? `tick:${row.head.seq}` : asked.row.id,
    now,
    head: row.head,
    references,
    keys: new Map(people.map((one) => [subjectOf({ type: 'person', id: one.id }), one.dekId])),
    dekId: row.dekId,
    texts: asked === null ? [] : textsOf(asked.payload),
    refs: asked?.payload.kind === 'view' ? [asked.payload.view] : [],
    eligible: eligible.byStage,
  });
}

function sealedBy(row: CommandRow): SealedBy {
  return {
    actor: { type: row.actorType, id: row.actorId },
    auth: { level: row.authLevel, method: row.authMethod as Auth['method'], proof: null },
    surface: row.surface as Surface,
  };
}

/** Who could decide in the stages that events of a step speak of, and where they are looked up. */
export interface StageEligibility {
  readonly byStage: ReadonlyMap<number, readonly string[]>;
  readonly people: readonly PersonFacts[];
}

/** Looks up who could decide when a stage opened or was reminded; nobody is looked up otherwise. */
export async function eligibleInStages(
  reader: Reader,
  { state, events }: Pick<Applied, 'state' | 'events'>,
  now: Instant,
): Promise<StageEligibility> {
  const moments = events.flatMap((event) =>
    event.type === 'stage_opened' || event.type === 'reminded' ? [stageMoment(state, event)] : [],
  );
  const roles = [...new Set(moments.flatMap((moment) => moment.stage?.roles.flat() ?? []))];
  const people = roles.length === 0 ? [] : await peopleWithRoles(reader, roles, now);
  const byStage = new Map(
    moments.map((moment) => [
      moment.stage?.index ?? 0,
      eligiblePeople(people, moment).map((person) => person.id),
    ]),
  );
  return { byStage, people };
}

/** The state as it was when a stage was open: one step can open a stage and close it again. */
function stageMoment(
  state: RequestState,
  event: { readonly type: 'stage_opened' | 'reminded'; readonly stage: number },
): RequestState {
  if (state.stage?.index === event.stage) return state;
  const roles = stageAt(state, event.stage).groups.map((group) => [group.role]);
  const stage = { index: event.stage, openedAt: '', deadline: null, roles, agenda: [] };
  const before = state.decisions.filter((decision) => decision.stage < event.stage);
  return { ...state, stage, decisions: before, resolution: null };
}

/** Those of `people` who may decide in the open stage. */
function eligiblePeople(people: readonly PersonFacts[], state: RequestState): PersonFacts[] {
  const { stage } = state;
  if (stage === null) return [];
  return people.filter((person) => eligibility(state, stage, person).kind === 'eligible');
}

/** Kinds of record that answer a command; each command seals exactly one of them. */
const ANSWERING: readonly string[] = ['viewed', 'decided', 'refused', 'overridden', 'withdrawn'];

/** … and in force: head row, answer and view in the same commit as the records. */
function project(deps: Deps, tx: Tx, around: Around & { readonly sealed: Sealed }): StepResult {
  const { row, asked, applied, now, sealed } = around;
  const { state } = applied;
  const finished = state.resolution !== null;
  const gate = finished && row.gate !== 'none' ? 'closed' : row.gate;
  const next = { ...row, state, head: sealed.head, wakeAt: applied.wakeAt, gate, updatedAt: now };
  for (const fragment of sealed.fragments) tx.write(fragment);
  tx.write(updateRequest({ ...next, reason: reasonBytes(deps, around) }));
  if (asked !== null) {
    const record = sealed.records.find((one) => ANSWERING.includes(one.kind));
    if (record === undefined) throw new TypeError(`a ${asked.row.kind} sealed no answer`);
    const { seq, leafHash } = record;
    tx.write(
      answerCommand(asked.row.id, { outcome: applied.outcome, record: { seq, leafHash } }, now),
    );
    if (record.kind === 'viewed')
      tx.write(
        insertView({
          requestId: row.id,
          person: asked.actor.id,
          contentDigest: state.contentDigest,
          seq,
          leafHash,
        }),
      );
  }
  return resultOf(next, now);
}

/** The reason of an override or withdrawal that took effect; null keeps what is there. */
function reasonBytes({ vault }: Deps, { row, asked, applied }: Around): Uint8Array | null {
  const reason = asked === null ? null : reasonOf(asked.payload);
  if (reason === null || applied.outcome?.kind !== 'settled') return null;
  return vault.encrypt(row.dekId, reasonPlace(row.id), reason);
}

/** @returns what the workflow needs to know of a request as it is. */
export function resultOf(
  row: Pick<RequestRow, 'head' | 'state' | 'wakeAt'>,
  now: Instant,
): StepResult {
  return {
    seq: row.head.seq,
    wakeInMs: row.wakeAt === null ? null : Math.max(1, millisBetween(now, row.wakeAt)),
    finished: row.state.resolution !== null,
  };
}
