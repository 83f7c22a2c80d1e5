import { randomUUID } from 'node:crypto';
import { andWhereStuck, openRequest, type Applied, type Submission } from '../domain/apply.ts';
import type { Binding } from '../domain/binding.ts';
import type { AccountabilityEvent } from '../domain/event.ts';
import type { Instant } from '../domain/instant.ts';
import { policyVersionName } from '../domain/policy.ts';
import type { Reopened, Requester } from '../domain/request.ts';
import type { StepResult } from '../domain/step-result.ts';
import { factsOfPeople, type PersonFacts, type Reader } from '../prisma/directory-store.ts';
import { insertKey, type StoredKey } from '../prisma/key-store.ts';
import { policyFence } from '../prisma/policy-store.ts';
import { insertRequest } from '../prisma/request-store.ts';
import type { Tx } from '../prisma/transaction.ts';
import { calendarsNamed, loadWorkingTime } from './calendars.ts';
import { digestsOf } from './content-digests.ts';
import { submittedFacts, type Content } from './content.ts';
import type { Deps } from './deps.ts';
import { contentPlace, titlePlace } from './places.ts';
import type { PolicySet } from './policy-cache.ts';
import { subjectOf, type Caller, type Principal } from './principal.ts';
import { shapeOf, type RequestShape } from './request-shape.ts';
import { resultOf } from './result-of-step.ts';
import { sealRequestEvents, type Sealed, type SealedBy } from './sealing.ts';
import { insertShadowEvaluations } from '../prisma/shadow-store.ts';
import { peopleNamed, peopleOfStages } from './stage-people.ts';

/** Everything of one new request before it is written. */
export interface Intake {
  readonly requestId: string;
  readonly content: Content;
  readonly applied: Applied;
  readonly key: StoredKey;
  readonly sealed: Sealed;
  readonly shape: RequestShape;
  readonly title: Uint8Array;
  readonly generation: string;
  readonly now: Instant;
}

export interface IntakeAsked {
  readonly requestId: string;
  readonly content: Content;
  /** Whom the content names. */
  readonly people: readonly PersonFacts[];
  readonly policies: PolicySet;
  readonly binding: Binding;
  readonly now: Instant;
  readonly reopens: Reopened | null;
  /** Stream of the policy that the request would change; null where it is about none. */
  readonly aboutStream: string | null;
}

export const newRequestId = (): string => randomUUID();

/**
 * Opens a request under its binding and seals its first records. Writes nothing.
 *
 * @param reader the transaction where the caller is inside of one: it must not wait for a second connection.
 * @throws ApplicationError VALIDATION_FAILED when the content has no canonical form.
 */
export async function openIntake(
  deps: Deps,
  reader: Reader,
  { caller, asked }: { readonly caller: Caller; readonly asked: IntakeAsked },
): Promise<Intake> {
  const { requestId, content, policies, binding, now } = asked;
  const digests = digestsOf(content, policyVersionName(binding.policy));
  const submission: Submission = {
    requestId,
    kind: content.kind,
    requester: requesterOf(caller.principal),
    onBehalfOf: content.onBehalfOf ?? null,
    owners: ownersOf(content),
    actionDigest: digests.action.sha256,
    contentDigest: digests.content.sha256,
    reopens: asked.reopens,
  };
  const time = await loadWorkingTime(reader, calendarsNamed({ rules: [binding.rule] }));
  const opened = openRequest(submission, binding, { now, time });
  const people = await peopleOfStages(reader, opened, now);
  const applied = andWhereStuck(opened.state, opened, people);
  const key = deps.vault.createKey(`request:${requestId}`);
  const ids = approversIn(applied.events);
  const approvers = ids.length === 0 ? [] : await factsOfPeople(reader, ids, now);
  const named = [...asked.people, ...people, ...approvers];
  const keys = await personKeys(deps, reader, { principal: caller.principal, people: named });
  const sealed = sealRequestEvents(deps, {
    state: applied.state,
    events: applied.events,
    scope: requestId,
    now,
    head: null,
    references: new Map(),
    texts: [],
    refs: [
      { name: 'request', ...digests.content },
      { name: 'action', ...digests.action },
    ],
    submitted: { ...submittedFacts(content), aboutStream: asked.aboutStream },
    by: sealedBy(caller),
    keys,
    dekId: key.dekId,
    boundTo: policyRefs(policies, binding),
    ...peopleNamed(applied, people),
  });
  const title = deps.vault.encrypt(key.dekId, titlePlace(requestId), content.title);
  const row = { id: requestId, state: applied.state, dekId: key.dekId, title };
  const shape = shapeOf(deps, { ...row, reason: null, createdAt: now }, people);
  const { generation } = policies;
  return { requestId, content, applied, key, sealed, shape, title, generation, now };
}

/** Writes a new request with its records, in the caller's transaction; stopped where rules have moved on. */
export function writeIntake(deps: Deps, tx: Tx, intake: Intake): void {
  const { requestId, content, applied, sealed, now, key } = intake;
  const place = contentPlace(requestId);
  tx.fence(policyFence(intake.generation));
  tx.write(insertKey(key));
  tx.write(
    insertRequest({
      id: requestId,
      state: applied.state,
      head: sealed.head,
      dekId: key.dekId,
      title: intake.title,
      content: deps.vault.encrypt(key.dekId, place, JSON.stringify(content)),
      wakeAt: applied.wakeAt,
      gate: needsGate(intake) ? 'due' : 'none',
      updatedAt: now,
    }),
  );
  for (const fragment of sealed.fragments) tx.write(fragment);
  const shadows = sealed.records.filter(({ kind }) => kind === 'shadow_evaluated');
  if (shadows.length > 0) tx.write(insertShadowEvaluations(shadows));
}

function needsGate({ applied }: Intake): boolean {
  return applied.state.resolution === null;
}

/** A workflow that has to be started. */
export interface NeededGate {
  readonly requestId: string;
  readonly kind: string;
  readonly step: StepResult;
}

/** @returns the workflow that a stored request needs; null where policy has decided it alone. */
export function gateOf(intake: Intake): NeededGate | null {
  if (!needsGate(intake)) return null;
  const { requestId, content, sealed, applied, now } = intake;
  const row = { head: sealed.head, state: applied.state, wakeAt: applied.wakeAt };
  return { requestId, kind: content.kind, step: resultOf(row, now) };
}

function approversIn(events: readonly AccountabilityEvent[]): string[] {
  return events.flatMap((event) =>
    event.type === 'exception_used' ? [event.exception.approver] : [],
  );
}

/** @returns people whom the content itself makes parties. */
export function ownersOf(content: Content): readonly string[] {
  return content.kind === 'vendor-approval' ? [content.context.owner] : [];
}

export function requesterOf(principal: Principal): Requester {
  const owner = principal.type === 'app' ? principal.owner : null;
  return { type: principal.type, id: principal.id, owner };
}

function policyRefs(policies: PolicySet, { policy }: Binding) {
  const text = policies.textOf(policy.id, policy.version);
  return text === null ? [] : [{ name: 'policy', ...text } as const];
}

function sealedBy({ principal, surface }: Caller): SealedBy {
  const auth =
    principal.type === 'app'
      ? ({ level: 0, method: 'api_key', proof: null } as const)
      : ({ level: principal.assurance, method: principal.method, proof: null } as const);
  return { actor: { type: principal.type, id: principal.id }, auth, surface };
}

/** Data keys of everybody whom the first records name, ready for use. */
async function personKeys(
  deps: Deps,
  reader: Reader,
  { principal, people }: { readonly principal: Principal; readonly people: readonly PersonFacts[] },
): Promise<Map<string, string>> {
  const keys = new Map(
    people.map((person) => [subjectOf({ type: 'person', id: person.id }), person.dekId]),
  );
  if (principal.type === 'person') keys.set(subjectOf(principal), principal.dekId);
  else keys.set(subjectOf({ type: 'person', id: principal.owner }), principal.ownerDekId);
  await deps.vault.prepare(reader, [...keys.values()]);
  return keys;
}
