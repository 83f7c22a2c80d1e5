import type { Reopened } from '../domain/request.ts';
import { factsOfPeople, reading, type PersonFacts } from '../prisma/directory-store.ts';
import { isPolicyFence, violatedUnique } from '../prisma/fault.ts';
import { insertKeyUse, KEY_CONSTRAINT } from '../prisma/idempotency-store.ts';
import type { Tx } from '../prisma/transaction.ts';
import { bindRequest } from './bind-request.ts';
import type { Content } from './content.ts';
import type { Deps } from './deps.ts';
import { ApplicationError } from './error.ts';
import { countUses } from './exception-uses.ts';
import { closedAnswer, replay, type Answer, type KeyUse, type Replayable } from './idempotency.ts';
import {
  gateOf,
  newRequestId,
  openIntake,
  requesterOf,
  writeIntake,
  type Intake,
  type IntakeAsked,
  type NeededGate,
} from './intake.ts';
import type { PolicyCache } from './policies.ts';
import type { Caller, Principal } from './principal.ts';

export interface SubmitDeps extends Deps {
  readonly policies: PolicyCache;
  /** Starts the request's workflow soon; the outbox does it if this is lost. Never throws. */
  readonly gateNeeded: (gate: NeededGate) => void;
}

/** How often policies may be published while one submission is being written. */
const MAX_FENCES = 5;

/**
 * Takes a request in: binds it to its policy rule, opens its first stage or decides it by the policy
 * alone, seals the first records and answers, all in one commit.
 *
 * @param key null where the caller sent no Idempotency-Key.
 * @returns 201 with the request's shape.
 * @throws ApplicationError FORBIDDEN, VALIDATION_FAILED, IDEMPOTENCY_MISMATCH.
 */
export async function submitRequest(
  deps: SubmitDeps,
  caller: Caller,
  submitted: {
    readonly content: Content;
    readonly key: KeyUse | null;
    /** The request that is asked for again. */
    readonly reopens?: Reopened;
  },
): Promise<Replayable> {
  const { content, key, reopens = null } = submitted;
  assertMaySubmit(caller.principal, content.kind);
  const earlier = await replay(deps, key);
  if (earlier !== null) return earlier;
  const people = await peopleNamed(deps, caller.principal, content);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await takeIn(deps, caller, { content, people, key, reopens });
    } catch (error) {
      if (violatedUnique(error) === KEY_CONSTRAINT) {
        const first = await replay(deps, key); // another call with the key was faster
        if (first !== null) return first;
      }
      if (!isPolicyFence(error) || attempt === MAX_FENCES) throw error;
      deps.policies.drop();
    }
  }
}

/** @throws ApplicationError FORBIDDEN when the app's key is not for requests of this kind. */
export function assertMaySubmit(principal: Principal, kind: string): void {
  if (principal.type === 'person') return;
  if (principal.kinds.includes('*') || principal.kinds.includes(kind)) return;
  throw new ApplicationError('FORBIDDEN', `This app may not submit requests of kind "${kind}".`);
}

/** @throws ApplicationError VALIDATION_FAILED when somebody named does not exist. */
export async function peopleNamed(
  deps: Deps,
  principal: Principal,
  content: Content,
): Promise<PersonFacts[]> {
  const { onBehalfOf } = content;
  if (onBehalfOf === undefined) return [];
  const people = await factsOfPeople(reading(deps.db), [onBehalfOf], deps.now());
  if (people.length === 0)
    throw new ApplicationError(
      'VALIDATION_FAILED',
      'The request names a person who does not exist.',
      {
        problems: [{ pointer: '/onBehalfOf', message: `there is no person "${onBehalfOf}"` }],
      },
    );
  return people;
}

interface Submitted {
  readonly content: Content;
  readonly people: readonly PersonFacts[];
  readonly key: KeyUse | null;
  readonly reopens: Reopened | null;
}

async function takeIn(
  deps: SubmitDeps,
  caller: Caller,
  { content, people, key, reopens }: Submitted,
): Promise<Replayable> {
  const now = deps.now();
  const policies = await deps.policies.current();
  const requester = requesterOf(caller.principal);
  const binding = bindRequest(deps, policies, { content, requester, now });
  const asked: IntakeAsked = {
    ...{ requestId: newRequestId(), content, people, policies, binding, now },
    ...{ reopens, aboutStream: null },
  };
  const intake = await stored(deps, { caller, asked, key });
  const gate = gateOf(intake);
  if (gate !== null) deps.gateNeeded(gate);
  return { ...answerOf(intake), replayed: false };
}

interface ToStore {
  readonly caller: Caller;
  readonly asked: IntakeAsked;
  readonly key: KeyUse | null;
}

async function stored(deps: SubmitDeps, { caller, asked, key }: ToStore): Promise<Intake> {
  const write = (tx: Tx, intake: Intake): Intake => {
    writeIntake(deps, tx, intake);
    if (key !== null) writeAnswer(deps, tx, { intake, key });
    return intake;
  };
  if (asked.binding.exceptions.length > 0)
    // How often an exception has been used is counted, sealed and written under its lock.
    return deps.db.transaction(async (tx) => {
      const exceptions = await countUses(tx, asked.binding.exceptions, {
        requestId: asked.requestId,
        now: asked.now,
      });
      const counted = { ...asked, binding: { ...asked.binding, exceptions } };
      return write(tx, await openIntake(deps, tx, { caller, asked: counted }));
    });
  // Nothing is locked before everything is ready: one statement stores it.
  const intake = await openIntake(deps, reading(deps.db), { caller, asked });
  return deps.db.transaction(async (tx) => write(tx, intake));
}

function answerOf({ requestId, shape }: Intake): Answer {
  return { status: 201, body: shape, headers: { Location: `/v1/requests/${requestId}` } };
}

function writeAnswer(
  deps: Deps,
  tx: Tx,
  { intake, key }: { readonly intake: Intake; readonly key: KeyUse },
): void {
  const { dekId } = intake.key;
  const response = closedAnswer(deps, key, { answer: answerOf(intake), dekId });
  const { fingerprint } = key;
  const used = { fingerprint, runningUntil: null, commandId: null, status: 201, response, dekId };
  tx.write(insertKeyUse(key, used, intake.now));
}
