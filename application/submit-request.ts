import { randomUUID } from 'node:crypto';
import { openRequest, type Applied, type Submission } from '../domain/apply.ts';
import { bindPolicy, type Binding } from '../domain/binding.ts';
import type { Instant } from '../domain/instant.ts';
import { fallbackPolicy, policyVersionName } from '../domain/policy.ts';
import type { Requester } from '../domain/request.ts';
import type { StepResult } from '../domain/step-result.ts';
import { LedgerError } from '../ledger/error.ts';
import { sha256Hex } from '../ledger/hash.ts';
import { jcs } from '../ledger/jcs.ts';
import { factsOfPeople, reading, type PersonFacts } from '../prisma/directory-store.ts';
import { isPolicyFence, violatedUnique } from '../prisma/fault.ts';
import { insertKeyUse, KEY_CONSTRAINT } from '../prisma/idempotency-store.ts';
import { insertKey, type StoredKey } from '../prisma/key-store.ts';
import { policyFence } from '../prisma/policy-store.ts';
import { insertRequest } from '../prisma/request-store.ts';
import { eligibleInStages, resultOf } from './advance-request.ts';
import { conditionsFor } from './conditions.ts';
import { submittedFacts, type Content } from './content.ts';
import type { Deps } from './deps.ts';
import { ApplicationError } from './error.ts';
import { closedAnswer, replay, type KeyUse, type Replayable } from './idempotency.ts';
import { contentPlace, titlePlace } from './places.ts';
import type { PolicyCache, PolicySet } from './policies.ts';
import { subjectOf, type Caller, type Principal } from './principal.ts';
import { shapeOf, type RequestShape } from './request-shape.ts';
import { sealRequestEvents, type Sealed, type SealedBy } from './sealing.ts';

export interface SubmitDeps extends Deps {
  readonly policies: PolicyCache;
  /** Starts the request's workflow soon; the outbox does it if this is lost. Never throws. */
  readonly gateNeeded: (gate: { requestId: string; kind: string; step: StepResult }) => void;
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
  submitted: { readonly content: Content; readonly key: KeyUse | null },
): Promise<Replayable> {
  const { content, key } = submitted;
  assertMaySubmit(caller.principal, content.kind);
  const earlier = await replay(deps, key);
  if (earlier !== null) return earlier;
  const people = await peopleNamed(deps, caller.principal, content);
  for (let attempt = 1; ; attempt += 1) {
    const intake = await openIntake(deps, caller, { content, people });
    try {
      return await store(deps, intake, key);
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

function assertMaySubmit(principal: Principal, kind: string): void {
  if (principal.type === 'person') return;
  if (principal.kinds.includes('*') || principal.kinds.includes(kind)) return;
  throw new ApplicationError('FORBIDDEN', `This app may not submit requests of kind "${kind}".`);
}

/** @throws ApplicationError VALIDATION_FAILED when somebody named does not exist. */
async function peopleNamed(
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

/** Everything of one submission before it is written. */
interface Intake {
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

async function openIntake(
  deps: SubmitDeps,
  caller: Caller,
  { content, people }: { readonly content: Content; readonly people: readonly PersonFacts[] },
): Promise<Intake> {
  const now = deps.now();
  const policies = await deps.policies.current();
  const requester = requesterOf(caller.principal);
  const binding = bind(deps, policies, { content, requester, now });
  const requestId = randomUUID();
  const digests = digestsOf(content, policyVersionName(binding.policy));
  const submission: Submission = {
    requestId,
    kind: content.kind,
    requester,
    onBehalfOf: content.onBehalfOf ?? null,
    actionDigest: digests.action.sha256,
    contentDigest: digests.content.sha256,
  };
  const applied = openRequest(submission, binding, now);
  const eligible = await eligibleInStages(reading(deps.db), applied, now);
  const asked = eligible.people;
  const key = deps.vault.createKey(`request:${requestId}`);
  const keys = await personKeys(deps, caller.principal, [...people, ...asked]);
  const sealed = sealRequestEvents(deps, {
    ...firstRecords({ requestId, content, digests, applied, now }),
    by: sealedBy(caller),
    keys,
    dekId: key.dekId,
    boundTo: policyRefs(policies, binding),
    eligible: eligible.byStage,
  });
  const title = deps.vault.encrypt(key.dekId, titlePlace(requestId), content.title);
  const row = {
    id: requestId,
    state: applied.state,
    dekId: key.dekId,
    title,
    reason: null,
    createdAt: now,
  };
  const shape = shapeOf(deps, row, asked);
  return {
    requestId,
    content,
    applied,
    key,
    sealed,
    shape,
    title,
    generation: policies.generation,
    now,
  };
}

/** What the first records of a request rest on. */
function firstRecords(intake: {
  readonly requestId: string;
  readonly content: Content;
  readonly digests: Digests;
  readonly applied: Applied;
  readonly now: Instant;
}) {
  const { requestId, content, digests, applied, now } = intake;
  return {
    state: applied.state,
    events: applied.events,
    scope: requestId,
    now,
    head: null,
    references: new Map<string, string>(),
    texts: [],
    refs: [
      { name: 'request', ...digests.content },
      { name: 'action', ...digests.action },
    ] as const,
    submitted: submittedFacts(content),
  };
}

function requesterOf(principal: Principal): Requester {
  const owner = principal.type === 'app' ? principal.owner : null;
  return { type: principal.type, id: principal.id, owner };
}

function bind(
  deps: SubmitDeps,
  policies: PolicySet,
  asked: { readonly content: Content; readonly requester: Requester; readonly now: Instant },
): Binding {
  const { content, requester, now } = asked;
  const tier = content.riskTier ?? 'medium';
  const fallback = fallbackPolicy(deps.fallbackRole, content.kind);
  const request = { ...content, requester: { type: requester.type, id: requester.id } };
  const evaluate = conditionsFor(request, now);
  return bindPolicy(policies.ofKind(content.kind), fallback, { tier, evaluate });
}

/** The canonical form of something that people decide on: what records and digests refer to. */
interface Digested {
  readonly sha256: string;
  readonly bytes: number;
}

interface Digests {
  readonly action: Digested;
  readonly content: Digested;
}

/**
 * Digests as the contract defines them: over what was sent and the policy version, nothing filled in.
 *
 * @throws ApplicationError VALIDATION_FAILED when the content has no canonical form.
 */
function digestsOf(content: Content, policyVersion: string): Digests {
  const { kind, action } = content;
  try {
    return {
      action: digested({ kind, action, policyVersion }),
      content: digested({ ...content, policyVersion }),
    };
  } catch (cause) {
    if (!(cause instanceof LedgerError)) throw cause;
    throw new ApplicationError('VALIDATION_FAILED', 'The request has no canonical form.', {
      problems: [{ pointer: '', message: cause.message }],
      cause,
    });
  }
}

function digested(value: unknown): Digested {
  const text = jcs(value);
  return { sha256: sha256Hex(text), bytes: Buffer.byteLength(text) };
}

function policyRefs(policies: PolicySet, { policy }: Binding) {
  const text = policies.textOf(policy.id);
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
  principal: Principal,
  people: readonly PersonFacts[],
): Promise<Map<string, string>> {
  const keys = new Map(
    people.map((person) => [subjectOf({ type: 'person', id: person.id }), person.dekId]),
  );
  if (principal.type === 'person') keys.set(subjectOf(principal), principal.dekId);
  else keys.set(subjectOf({ type: 'person', id: principal.owner }), principal.ownerDekId);
  await deps.vault.prepare(reading(deps.db), [...keys.values()]);
  return keys;
}

async function store(deps: SubmitDeps, intake: Intake, key: KeyUse | null): Promise<Replayable> {
  const { requestId, content, applied, sealed, shape, now } = intake;
  const { dekId } = intake.key;
  const headers = { Location: `/v1/requests/${requestId}` };
  const answer = { status: 201, body: shape, headers };
  const needsGate = applied.state.resolution === null;
  const contentBytes = deps.vault.encrypt(dekId, contentPlace(requestId), JSON.stringify(content));
  await deps.db.transaction(async (tx) => {
    tx.fence(policyFence(intake.generation));
    tx.write(insertKey(intake.key));
    tx.write(
      insertRequest({
        id: requestId,
        state: applied.state,
        head: sealed.head,
        dekId,
        title: intake.title,
        content: contentBytes,
        wakeAt: applied.wakeAt,
        gate: needsGate ? 'due' : 'none',
        updatedAt: now,
      }),
    );
    for (const fragment of sealed.fragments) tx.write(fragment);
    if (key !== null) {
      const response = closedAnswer(deps, key, { answer, dekId });
      const { fingerprint } = key;
      const used = {
        fingerprint,
        runningUntil: null,
        commandId: null,
        status: 201,
        response,
        dekId,
      };
      tx.write(insertKeyUse(key, used, now));
    }
  });
  if (needsGate) {
    const row = { head: sealed.head, state: applied.state, wakeAt: applied.wakeAt };
    deps.gateNeeded({ requestId, kind: content.kind, step: resultOf(row, now) });
  }
  return { ...answer, replayed: false };
}
