import { randomUUID } from 'node:crypto';
import { addDuration, type Instant } from '../domain/instant.ts';
import { doOverlap, isSystemRole } from '../domain/standing-in.ts';
import { reading } from '../prisma/directory-store.ts';
import {
  cancelRow,
  delegationsOf,
  findDelegation,
  insertDelegation,
  type NewDelegation,
  type PageOfPerson,
  type RowOfPerson,
} from '../prisma/standing-in-store.ts';
import type { Deps } from './deps.ts';
import {
  assertHere,
  assertNoProblem,
  changePerson,
  otherPerson,
  spanProblems,
  type DirectoryAuthor,
  type PersonStream,
} from './directory-changes.ts';
import { delegationDraft } from './directory-records.ts';
import { notFound, type FieldProblem } from './error.ts';
import type { Remember } from './idempotency.ts';
import type { PersonPrincipal } from './principal.ts';
import { assertNotOver, circleProblems, reasonOf, reasonReader } from './standing-in.ts';

/** Nobody gives their rights away for longer. */
const LONGEST = 'P1Y';

/** Somebody lets another person decide in their name: `from` included, `until` not. */
export interface DelegationWish {
  readonly to: string;
  readonly from: Instant;
  readonly until: Instant;
  readonly reason: string;
  /** null = all that may be passed on. */
  readonly role: string | null;
  /** null = requests of every kind. */
  readonly kind: string | null;
}

export interface DelegationView extends NewDelegation {
  readonly cancelledAt: Instant | null;
  readonly reason: string | null;
}

/**
 * Records a delegation, sealed in the person's stream. The delegate gets the rights that the person has at
 * the time of each decision, never those that were passed on to them.
 *
 * @throws ApplicationError NOT_FOUND; CONFLICT when the person has left; VALIDATION_FAILED for a time that
 *         cannot be or is longer than a year, a delegate who is not there, a role that is not the person's
 *         to pass on, or delegations in a circle.
 */
export async function setDelegation(
  deps: Deps,
  author: DirectoryAuthor,
  {
    person,
    wish,
    remember,
  }: {
    readonly person: string;
    readonly wish: DelegationWish;
    readonly remember: Remember<DelegationView>;
  },
): Promise<DelegationView> {
  return changePerson(deps, { person, remember, links: true }, async (stream) => {
    assertHere(stream);
    const { now, seq, book } = stream;
    const { to, from, until, role, kind, reason } = wish;
    assertNoProblem('Nothing can be delegated like that.', [
      ...timeProblems(now, wish),
      ...roleProblems(stream, wish),
    ]);
    const delegate = await otherPerson(stream, to, '/to');
    assertNoProblem(
      'The delegations would go in a circle.',
      await circleProblems(stream, { table: 'delegation', to, from, until }),
    );
    const said = { from, until, recordedBy: author.name, createdAt: now, seq };
    const delegation: NewDelegation = { id: randomUUID(), person, to, role, kind, ...said };
    return {
      drafts: [delegationDraft({ author, book }, delegation, { change: 'set', reason })],
      writes: [insertDelegation(delegation)],
      keys: new Map([[delegate.subject, delegate.dekId]]),
      result: { ...delegation, cancelledAt: null, reason },
    };
  });
}

function timeProblems(now: Instant, wish: DelegationWish): FieldProblem[] {
  const problems = spanProblems(now, wish);
  if (problems.length > 0 || wish.until <= addDuration(wish.from, LONGEST)) return problems;
  return [{ pointer: '/until', message: 'is more than a year after "from"' }];
}

function roleProblems(
  { person }: PersonStream,
  { role, from, until }: DelegationWish,
): FieldProblem[] {
  if (role === null) return [];
  const pointer = '/role';
  if (isSystemRole(role)) return [{ pointer, message: `"${role}" cannot be passed on` }];
  const isTheirs = person.grants.some(
    (grant) =>
      grant.role === role &&
      grant.endedAt === null &&
      doOverlap({ from: grant.from, until: grant.until }, { from, until }),
  );
  return isTheirs
    ? []
    : [{ pointer, message: `${person.id} does not hold "${role}" in that time` }];
}

/**
 * Cancels a delegation from this millisecond on. Safe to repeat.
 *
 * @throws ApplicationError NOT_FOUND; CONFLICT when it is over.
 */
export async function cancelDelegation(
  deps: Deps,
  author: DirectoryAuthor,
  { person, id }: RowOfPerson,
): Promise<void> {
  const change = { person, remember: () => undefined };
  await changePerson(deps, change, async ({ tx, now, book }) => {
    const delegation = await findDelegation(tx, { person, id });
    if (delegation === null) throw notFound('delegation');
    if (delegation.cancelledAt !== null) return { drafts: [], writes: [], result: null };
    assertNotOver(delegation, now);
    const said = { change: 'cancelled', reason: null } as const;
    return {
      drafts: [delegationDraft({ author, book }, delegation, said)],
      writes: [cancelRow('delegation', id, now)],
      result: null,
    };
  });
}

/** What the person has passed on, past, present and future, in order of id. @throws ApplicationError NOT_FOUND */
export async function delegationsPage(
  deps: Deps,
  reader: PersonPrincipal,
  page: PageOfPerson,
): Promise<DelegationView[]> {
  const who = await reasonReader(deps, reader, page.person);
  const rows = await delegationsOf(reading(deps.db), page);
  return rows.map((row) => ({ ...row, reason: reasonOf(deps, who, { row, standIn: row.to }) }));
}
