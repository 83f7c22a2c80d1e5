import { randomUUID } from 'node:crypto';
import { addDuration } from '../domain/instant.ts';
import { maySee } from '../domain/visibility.ts';
import type { RefusalReason } from '../domain/refusal.ts';
import { violatedUnique } from '../prisma/fault.ts';
import { findCommand, insertCommand, type CommandRow } from '../prisma/command-store.ts';
import { reading } from '../prisma/directory-store.ts';
import {
  insertKeyUse,
  KEY_CONSTRAINT,
  releaseKey,
  storeAnswer,
  takeOverKey,
  type KeyRow,
} from '../prisma/idempotency-store.ts';
import { findRequest, type RequestRow } from '../prisma/request-store.ts';
import { advanceRequest } from './advance-request.ts';
import type { CommandPayload } from './command-payload.ts';
import type { Deps } from './deps.ts';
import { ApplicationError, notFound, storeUnavailable } from './error.ts';
import {
  assertNotRunning,
  closedAnswer,
  earlierUse,
  leaseUntil,
  storedAnswer,
  type Answer,
  type KeyUse,
  type Replayable,
} from './idempotency.ts';
import { commandPlace } from './places.ts';
import { readerOf, type Caller, type Principal } from './principal.ts';
import { REFUSAL_TEXT } from './refusal-text.ts';
import { resolutionShape, shapesOf, type RequestShape } from './request-shape.ts';
import { resultOf } from './result-of-step.ts';
import { isStoreUnavailable } from './store-fault.ts';
import { EngineUnavailable, type WorkflowGateway } from './workflow-gateway.ts';

export interface ActDeps extends Deps {
  readonly gateway: WorkflowGateway;
}

/** One act of a caller on a request. */
export interface Act {
  readonly requestId: string;
  readonly payload: CommandPayload;
  /** null where the caller sent no Idempotency-Key. */
  readonly key: KeyUse | null;
}

/** What a command answers once it is decided (product contract 3.2). */
export interface CommandBody {
  readonly outcome: OutcomeShape;
  readonly record: { readonly seq: number; readonly leafHash: string; readonly index: null } | null;
  /** null where the caller may not see the request: an attempt is answered, the request is not shown. */
  readonly request: RequestShape | null;
}

export type OutcomeShape =
  | { readonly kind: 'counted'; readonly approvals: number; readonly needed: number }
  | { readonly kind: 'settled'; readonly resolution: unknown }
  | {
      readonly kind: 'done';
      readonly questionId?: string;
      readonly delegationId?: string;
      readonly commentId?: string;
      readonly answerId?: string;
    }
  | { readonly kind: 'recorded' }
  | { readonly kind: 'refused'; readonly reason: RefusalReason; readonly text: string };

/** The dispatcher leaves a command to its caller for this long. */
const CALLER_WAITS = 'PT12S';

/**
 * Brings one act to the step: a command row first, then Temporal, then the answer. Whatever dies on the
 * way, the act is done once or not at all, and the same key finds it again.
 *
 * @returns 200 with the answer, or 202 `recorded` while Temporal is out of reach.
 * @throws ApplicationError NOT_FOUND, FORBIDDEN, IDEMPOTENCY_MISMATCH, IDEMPOTENCY_RUNNING.
 */
export async function act(deps: ActDeps, caller: Caller, asked: Act): Promise<Replayable> {
  const row = await requestFor(deps, caller.principal, asked);
  const claimed = await claim(deps, caller, { row, asked });
  if (claimed.kind === 'answered') return claimed.answer;
  const { commandId } = claimed;
  try {
    // Delivering a decided command again is the same act: the step returns what it recorded.
    const state = await deliverCommand(deps, row, { id: commandId, kind: asked.payload.kind });
    const reading = answerOf(deps, caller.principal, commandId);
    const answer = state === 'waiting' ? await soon(reading) : await reading;
    if (asked.key !== null) await keep(deps, { key: asked.key, row, answer });
    if (asked.key !== null) await releaseQuietly(deps, asked.key);
    return { ...answer, replayed: false };
  } catch (error) {
    const released = asked.key === null ? null : releaseQuietly(deps, asked.key);
    // Where the database is what failed, giving back would take as long again.
    if (!isStoreUnavailable(error)) await released;
    throw error;
  }
}

/** Who has waited for the gate in vain may be waiting for a frozen database, and has little time left. */
const SOON_MS = 2_000;

/** @throws ApplicationError STORE_UNAVAILABLE when there is no answer soon. */
async function soon<T>(reading: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(storeUnavailable()), SOON_MS);
  });
  try {
    return await Promise.race([reading, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What only those can do who may see the request; everything else is an attempt, answered and sealed. */
const FOR_READERS: readonly CommandPayload['kind'][] = ['view', 'comment'];

/**
 * @returns the request, where the caller may try. A person who may not see it may still try to decide or
 *          override: the attempt is answered and sealed as a refusal (docs/adr/0006-attempts.md).
 */
async function requestFor(deps: Deps, principal: Principal, asked: Act): Promise<RequestRow> {
  const row = await findRequest(deps.db, asked.requestId);
  if (row === null) throw notFound();
  if (principal.type === 'person' && !FOR_READERS.includes(asked.payload.kind)) return row;
  if (!maySee(row.state, readerOf(principal))) throw notFound();
  return row;
}

type Claim =
  | { readonly kind: 'answered'; readonly answer: Replayable }
  | { readonly kind: 'mine'; readonly commandId: string };

/** Writes the command, or finds the one that the key names. */
async function claim(
  deps: Deps,
  caller: Caller,
  { row, asked }: { readonly row: RequestRow; readonly asked: Act },
): Promise<Claim> {
  if (asked.key !== null) {
    const earlier = await earlierUse(deps, asked.key);
    if (earlier !== null) return resume(deps, asked.key, earlier);
  }
  const command = await commandRow(deps, caller, { row, asked });
  try {
    await deps.db.transaction(async (tx) => {
      tx.write(insertCommand(command, addDuration(command.createdAt, CALLER_WAITS)));
      if (asked.key !== null)
        tx.write(insertKeyUse(asked.key, freshUse(asked.key, command), command.createdAt));
    });
    return { kind: 'mine', commandId: command.id };
  } catch (error) {
    if (asked.key === null || violatedUnique(error) !== KEY_CONSTRAINT) throw error;
    const earlier = await earlierUse(deps, asked.key); // another call with the key was faster
    if (earlier === null) throw error;
    return resume(deps, asked.key, earlier);
  }
}

function freshUse(key: KeyUse, command: Pick<CommandRow, 'id' | 'createdAt'>): KeyRow {
  return {
    fingerprint: key.fingerprint,
    runningUntil: leaseUntil(command.createdAt),
    commandId: command.id,
    status: null,
    response: null,
    dekId: null,
  };
}

async function resume(deps: Deps, key: KeyUse, row: KeyRow): Promise<Claim> {
  const answer = await storedAnswer(deps, key, row);
  if (answer !== null) return { kind: 'answered', answer };
  const now = deps.now();
  assertNotRunning(row, now);
  if (row.commandId === null) throw new TypeError('a key of a command names no command');
  if (!(await takeOverKey(deps.db, key, { now, until: leaseUntil(now) })))
    throw new ApplicationError('IDEMPOTENCY_RUNNING', 'The first call with this key still runs.', {
      retryAfter: 1,
    });
  return { kind: 'mine', commandId: row.commandId };
}

async function commandRow(
  deps: Deps,
  { principal, surface }: Caller,
  { row, asked }: { readonly row: RequestRow; readonly asked: Act },
): Promise<Omit<CommandRow, 'answer'>> {
  await deps.vault.prepare(reading(deps.db), [row.dekId]);
  const id = randomUUID();
  const text = JSON.stringify(asked.payload);
  return {
    id,
    requestId: row.id,
    kind: asked.payload.kind,
    actorType: principal.type,
    actorId: principal.id,
    surface,
    authLevel: principal.type === 'app' ? 0 : principal.assurance,
    authMethod: principal.type === 'app' ? 'api_key' : principal.method,
    payload: deps.vault.encrypt(row.dekId, commandPlace(id), text),
    createdAt: deps.now(),
  };
}

/**
 * Takes a command into the step: through the gate while there is one, else straight. A view changes
 * nothing that a workflow waits for, so it never goes through Temporal.
 *
 * @returns `waiting` where the engine is out of reach or slow: the command waits as a row.
 */
export async function deliverCommand(
  deps: ActDeps,
  row: RequestRow,
  command: Pick<CommandRow, 'id' | 'kind'>,
): Promise<'decided' | 'waiting'> {
  const hasGate = row.gate === 'due' || row.gate === 'open';
  if (!hasGate || command.kind === 'view') return straight(deps, row, command);
  const gate = { requestId: row.id, kind: row.state.kind, step: resultOf(row, deps.now()) };
  try {
    const answer = await deps.gateway.deliver(gate, command.id);
    return answer === 'closed' ? await straight(deps, row, command) : answer;
  } catch (error) {
    if (!(error instanceof EngineUnavailable)) throw error;
    return 'waiting';
  }
}

async function straight(
  deps: Deps,
  row: RequestRow,
  { id }: Pick<CommandRow, 'id'>,
): Promise<'decided'> {
  await advanceRequest(deps, { kind: 'command', requestId: row.id, commandId: id });
  return 'decided';
}

/** The answer as it stands: 200 once decided, 202 until then. */
async function answerOf(deps: Deps, principal: Principal, commandId: string): Promise<Answer> {
  const command = await findCommand(deps.db, commandId);
  if (command === null) throw notFound('command');
  const row = await findRequest(deps.db, command.requestId);
  if (row === null) throw notFound();
  const [request = null] = maySee(row.state, readerOf(principal))
    ? await shapesOf(deps, [row])
    : [];
  if (command.answer === null) {
    const body: CommandBody = { outcome: { kind: 'recorded' }, record: null, request };
    const Location = `/v1/requests/${row.id}/commands/${command.id}`;
    return { status: 202, body, headers: { Location } };
  }
  const answer = command.answer as StoredAnswer; // ours: written by the step
  const body: CommandBody = {
    outcome: outcomeShape(answer.outcome, { row, request, commandId }),
    record: { ...answer.record, index: null },
    request,
  };
  return { status: 200, body, headers: {} };
}

interface StoredAnswer {
  readonly outcome:
    | { readonly kind: 'counted'; readonly approvals: number; readonly needed: number }
    | {
        readonly kind: 'settled';
        readonly resolution: NonNullable<RequestRow['state']['resolution']>;
      }
    | { readonly kind: 'done'; readonly made?: 'question' | 'delegation' | 'comment' | 'answer' }
    | { readonly kind: 'refused'; readonly reason: RefusalReason };
  readonly record: { readonly seq: number; readonly leafHash: string };
}

function outcomeShape(
  outcome: StoredAnswer['outcome'],
  {
    row,
    request,
    commandId,
  }: {
    readonly row: RequestRow;
    readonly request: RequestShape | null;
    readonly commandId: string;
  },
): OutcomeShape {
  switch (outcome.kind) {
    case 'counted':
      return outcome;
    case 'done': // what a command made has the command's own id
      return { kind: 'done', ...(outcome.made && { [`${outcome.made}Id`]: commandId }) };
    case 'refused':
      return { ...outcome, text: REFUSAL_TEXT[outcome.reason] };
    case 'settled': {
      const then = { ...row.state, resolution: outcome.resolution };
      const same = request?.resolution?.at === outcome.resolution.at;
      const words = same ? (request?.resolution?.reason ?? null) : null;
      return { kind: 'settled', resolution: resolutionShape(then, words) };
    }
  }
}

/** Only a decided answer is final; a 202 is answered anew by the same key. */
async function keep(
  deps: Deps,
  { key, row, answer }: { readonly key: KeyUse; readonly row: RequestRow; readonly answer: Answer },
): Promise<void> {
  if (answer.status !== 200) return;
  const response = closedAnswer(deps, key, { answer, dekId: row.dekId });
  await storeAnswer(deps.db, key, { status: answer.status, response, dekId: row.dekId });
}

/** Giving the key back early is a courtesy: its lease ends by itself. */
async function releaseQuietly(deps: Deps, key: KeyUse): Promise<void> {
  try {
    await releaseKey(deps.db, key);
  } catch (error) {
    deps.onFault?.('an Idempotency-Key could not be given back; its lease ends by itself', error);
  }
}

/** @returns what a command answered or still waits for. @throws ApplicationError NOT_FOUND */
export async function commandStatus(
  deps: Deps,
  principal: Principal,
  ids: { readonly requestId: string; readonly commandId: string },
): Promise<Answer> {
  const command = await findCommand(deps.db, ids.commandId);
  const own =
    command !== null &&
    command.requestId === ids.requestId &&
    command.actorType === principal.type &&
    command.actorId === principal.id;
  if (!own) throw notFound('command');
  const answer = await answerOf(deps, principal, ids.commandId);
  return { ...answer, status: 200 };
}
