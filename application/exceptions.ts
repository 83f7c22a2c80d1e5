import { randomUUID } from 'node:crypto';
import type { Instant } from '../domain/instant.ts';
import { visibleLength } from '../domain/visible-text.ts';
import type { Draft } from '../ledger/append.ts';
import { factsOfPeople, reading } from '../prisma/directory-store.ts';
import {
  approveException,
  endException,
  exceptionsOver,
  findException,
  insertException,
  listExceptions,
  markExpired,
  type ExceptionRow,
} from '../prisma/exception-store.ts';
import { lockPolicies, NEXT_GENERATION, rulesOf, type PolicyHead } from '../prisma/policy-store.ts';
import type { Tx } from '../prisma/transaction.ts';
import { compileCondition } from './conditions.ts';
import type { Deps } from './deps.ts';
import { ApplicationError, notFound, type FieldProblem } from './error.ts';
import { exceptionDraft, taskDraft, type ExceptionActor } from './exception-records.ts';
import type { Remember } from './idempotency.ts';
import { exceptionReasonPlace } from './places.ts';
import { openPolicyStream, type PolicyStream } from './policy-stream.ts';

// A rule does not count, for a time and a scope: one person asks, another agrees, and everything is sealed
// in the policy's chain before it is in force.
// @source docs/policies.md

export type { ExceptionActor };

export interface NewException {
  readonly policy: string;
  /** The rule by its name. */
  readonly rule: string;
  /** CEL over the request; null = every request that the rule matches. */
  readonly when: string | null;
  /** null = from its approval on. */
  readonly from: Instant | null;
  /** Not included. */
  readonly until: Instant;
  readonly reason: string;
}

/** Where an exception stands now. */
export type ExceptionState = 'waiting' | 'upcoming' | 'in-force' | 'expired' | 'ended';

export interface ExceptionShape {
  readonly id: string;
  readonly policy: string;
  readonly rule: string;
  readonly when: string | null;
  readonly from: Instant;
  readonly until: Instant;
  readonly reason: string;
  readonly state: ExceptionState;
  readonly author: string;
  readonly createdAt: Instant;
  readonly approver: string | null;
  readonly approvedAt: Instant | null;
  readonly endedBy: string | null;
  readonly endedAt: Instant | null;
  /** For how many requests the rule was left out. */
  readonly uses: number;
}

/**
 * Asks for an exception. It changes nothing until another person has approved it.
 *
 * @throws ApplicationError VALIDATION_FAILED with every problem.
 */
export async function askException(
  deps: Deps,
  actor: ExceptionActor,
  {
    asked,
    remember,
  }: { readonly asked: NewException; readonly remember: Remember<ExceptionShape> },
): Promise<ExceptionShape> {
  return deps.db.transaction(async (tx) => {
    const now = deps.now();
    const head = await lockPolicies(tx, asked.policy);
    const rules = head === null ? [] : await rulesOf(tx, asked.policy, now);
    assertUsable({ asked, rules: head === null ? null : rules.map(({ name }) => name), now });
    const known = { id: asked.policy, head, now };
    const stream = await openStream(deps, tx, { ...known, people: [actor] });
    const row = rowOf(deps, { asked, actor, now, dekId: stream.dekId });
    stream.seal([taskDraft(row, 'opened', { actor, stream, reason: asked.reason })]);
    tx.write(insertException(row));
    const shape = shapeOf(deps, row, now);
    remember(tx, shape);
    return shape;
  });
}

function rowOf(
  { vault }: Deps,
  from: {
    readonly asked: NewException;
    readonly actor: ExceptionActor;
    readonly now: Instant;
    readonly dekId: string;
  },
): ExceptionRow {
  const { asked, actor, now, dekId } = from;
  const id = randomUUID();
  return {
    ...{ id, policyId: asked.policy, rule: asked.rule, scope: asked.when },
    ...{ from: asked.from ?? now, until: asked.until },
    reason: vault.encrypt(dekId, exceptionReasonPlace(id), asked.reason),
    ...{ dekId, author: actor.id, createdAt: now, approver: null, approvedAt: null },
    ...{ endedBy: null, endedAt: null, expiredAt: null, uses: 0 },
  };
}

/** @param from.rules names of the policy's rules; null where there is no such policy. */
function assertUsable(from: {
  readonly asked: NewException;
  readonly rules: readonly string[] | null;
  readonly now: Instant;
}): void {
  const { asked, rules, now } = from;
  const problems: FieldProblem[] = [];
  if (rules === null)
    problems.push({ pointer: '/policy', message: `there is no policy "${asked.policy}"` });
  else if (!rules.includes(asked.rule))
    problems.push({
      pointer: '/rule',
      message: `the policy has no rule of this name; it has ${rules.map((name) => `"${name}"`).join(', ')}`,
    });
  const compiled = asked.when === null ? null : compileCondition(asked.when);
  if (compiled?.ok === false)
    problems.push({ pointer: '/when', message: `condition: ${compiled.message}` });
  if (asked.until <= (asked.from ?? now))
    problems.push({ pointer: '/until', message: 'is not after the beginning' });
  else if (asked.until <= now) problems.push({ pointer: '/until', message: 'is over already' });
  if (visibleLength(Array.from(asked.reason)) === 0)
    problems.push({ pointer: '/reason', message: 'holds nothing that can be seen' });
  if (problems.length > 0)
    throw new ApplicationError('VALIDATION_FAILED', 'The exception cannot be asked for.', {
      problems,
    });
}

/**
 * Puts an exception in force, from now or its beginning on.
 *
 * @throws ApplicationError NOT_FOUND; FORBIDDEN for whoever asked for it; CONFLICT where it waits for nobody.
 */
export async function approve(
  deps: Deps,
  actor: ExceptionActor,
  { id, remember }: { readonly id: string; readonly remember: Remember<ExceptionShape> },
): Promise<ExceptionShape> {
  return changed(deps, { id, actor, remember }, ({ row, now, tx, stream, rule }) => {
    if (row.author === actor.id)
      throw new ApplicationError(
        'FORBIDDEN',
        'You asked for this exception; somebody else must approve it.',
      );
    const state = stateOf(row, now);
    if (state !== 'waiting')
      throw new ApplicationError('CONFLICT', `This exception waits for nobody: it is ${state}.`);
    if (row.until <= now)
      throw new ApplicationError(
        'CONFLICT',
        'The time of this exception is over: ask for a new one.',
      );
    const after = { ...row, approver: actor.id, approvedAt: now };
    tx.write(approveException(id, actor.id, now));
    const task = taskDraft(row, 'done', { actor, stream, reason: null });
    return { after, drafts: [task, exceptionDraft(after, 'granted', { actor, stream, rule })] };
  });
}

/**
 * Ends an exception before its time, or takes it back while it waits.
 *
 * @throws ApplicationError NOT_FOUND; CONFLICT where it has ended already.
 */
export async function end(
  deps: Deps,
  actor: ExceptionActor,
  { id, remember }: { readonly id: string; readonly remember: Remember<ExceptionShape> },
): Promise<ExceptionShape> {
  return changed(deps, { id, actor, remember }, ({ row, now, tx, stream, rule }) => {
    const state = stateOf(row, now);
    if (state === 'ended' || state === 'expired')
      throw new ApplicationError('CONFLICT', `This exception is ${state} already.`);
    const after = { ...row, endedBy: actor.id, endedAt: now };
    tx.write(endException(id, actor.id, now));
    const draft =
      row.approvedAt === null
        ? taskDraft(row, 'cancelled', { actor, stream, reason: null })
        : exceptionDraft(after, 'ended', { actor, stream, rule });
    return { after, drafts: [draft] };
  });
}

interface Changing {
  readonly tx: Tx;
  readonly row: ExceptionRow;
  readonly now: Instant;
  readonly stream: PolicyStream;
  /** Index of the rule as the policy stands now; null where it has none of this name. */
  readonly rule: number | null;
}

async function changed(
  deps: Deps,
  {
    id,
    actor,
    remember,
  }: {
    readonly id: string;
    readonly actor: ExceptionActor;
    readonly remember: Remember<ExceptionShape>;
  },
  change: (changing: Changing) => { readonly after: ExceptionRow; readonly drafts: Draft[] },
): Promise<ExceptionShape> {
  return deps.db.transaction(async (tx) => {
    const now = deps.now();
    const { head, row } = await lockException(tx, id);
    const named = [row.approver].filter((person) => person !== null);
    const people = [actor, ...(await factsOfPeople(tx, named, now))];
    const stream = await openStream(deps, tx, { id: row.policyId, head, now, people });
    const rule = await ruleIndex(tx, row, now);
    const { after, drafts } = change({ tx, row, now, stream, rule });
    stream.seal(drafts);
    tx.write(NEXT_GENERATION);
    await deps.vault.prepare(tx, [row.dekId]);
    const shape = shapeOf(deps, after, now);
    remember(tx, shape);
    return shape;
  });
}

/** Rules are locked first, and then the row is read as nobody can change it any more. */
async function lockException(
  tx: Tx,
  id: string,
): Promise<{ readonly head: PolicyHead; readonly row: ExceptionRow }> {
  const found = await findException(tx, id);
  if (found === null) throw notFound('exception');
  const head = await lockPolicies(tx, found.policyId);
  const row = await findException(tx, id);
  if (head === null || row === null) throw notFound('exception');
  return { head, row };
}

async function ruleIndex(tx: Tx, row: ExceptionRow, now: Instant): Promise<number | null> {
  const rules = await rulesOf(tx, row.policyId, now);
  return rules.find(({ name }) => name === row.rule)?.index ?? null;
}

function openStream(
  deps: Deps,
  tx: Tx,
  at: {
    readonly id: string;
    readonly head: PolicyHead | null;
    readonly now: Instant;
    readonly people: readonly { readonly id: string; readonly dekId: string }[];
  },
): Promise<PolicyStream> {
  const row = { id: at.id, version: at.head?.newest ?? 0, createdAt: at.now };
  const people = new Map(at.people.map(({ id, dekId }) => [id, dekId]));
  return openPolicyStream(deps, tx, { head: at.head, row, owner: null, people });
}

// ---- time ----------------------------------------------------------------------------------------

const AT_ONCE = 50;

/** Seals that exceptions have ended by time. They have not applied since; safe to repeat. */
export async function sealExpired(deps: Deps): Promise<void> {
  const over = await exceptionsOver(reading(deps.db), deps.now(), AT_ONCE);
  for (const { id } of over)
    await deps.db.transaction(async (tx) => {
      const now = deps.now();
      const { head, row } = await lockException(tx, id);
      if (row.endedAt !== null || row.expiredAt !== null || row.until > now) return;
      const people = await factsOfPeople(tx, [row.approver ?? ''], now);
      const stream = await openStream(deps, tx, { id: row.policyId, head, now, people });
      const rule = await ruleIndex(tx, row, now);
      stream.seal([exceptionDraft(row, 'expired', { actor: null, stream, rule })]);
      tx.write(markExpired(id, now));
    });
}

// ---- reading -------------------------------------------------------------------------------------

/** @throws ApplicationError NOT_FOUND */
export async function getException(deps: Deps, id: string): Promise<ExceptionShape> {
  const row = await findException(reading(deps.db), id);
  if (row === null) throw notFound('exception');
  const [shape] = await shapesOf(deps, [row]);
  return shape as ExceptionShape;
}

/** Newest first. @param page.policy null = of all policies. */
export async function exceptionPage(
  deps: Deps,
  page: {
    readonly policy: string | null;
    readonly before: { readonly createdAt: string; readonly id: string } | null;
    readonly limit: number;
  },
): Promise<ExceptionShape[]> {
  return shapesOf(deps, await listExceptions(deps.db, page));
}

async function shapesOf(deps: Deps, rows: readonly ExceptionRow[]): Promise<ExceptionShape[]> {
  await deps.vault.prepare(
    reading(deps.db),
    rows.map(({ dekId }) => dekId),
  );
  const now = deps.now();
  return rows.map((row) => shapeOf(deps, row, now));
}

const ERASED = '[erased]';

function shapeOf({ vault }: Deps, row: ExceptionRow, now: Instant): ExceptionShape {
  const { id, policyId: policy, rule, scope: when, from, until, author, createdAt } = row;
  const { approver, approvedAt, endedBy, endedAt, uses } = row;
  return {
    ...{ id, policy, rule, when, from, until },
    reason: vault.decrypt(row.dekId, exceptionReasonPlace(id), row.reason) ?? ERASED,
    state: stateOf(row, now),
    ...{ author, createdAt, approver, approvedAt, endedBy, endedAt, uses },
  };
}

function stateOf(row: ExceptionRow, now: Instant): ExceptionState {
  if (row.endedAt !== null) return 'ended';
  if (row.until <= now) return row.approvedAt === null ? 'waiting' : 'expired';
  if (row.approvedAt === null) return 'waiting';
  return row.from <= now ? 'in-force' : 'upcoming';
}
