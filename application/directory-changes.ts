import { later, type Instant } from '../domain/instant.ts';
import type { Draft } from '../ledger/append.ts';
import { reading } from '../prisma/directory-store.ts';
import { referencesOf, streamHead, type TimedHead } from '../prisma/ledger-store.ts';
import {
  findPeople,
  findPerson,
  lockLinks,
  lockPeople,
  type DirectoryPerson,
} from '../prisma/people-store.ts';
import type { Fragment, Tx } from '../prisma/transaction.ts';
import type { Deps } from './deps.ts';
import { ApplicationError, notFound, type FieldProblem } from './error.ts';
import type { Remember } from './idempotency.ts';
import { subjectOf } from './principal.ts';
import { openBook, sealDrafts, type Book, type SealedBy } from './sealing.ts';

// What every change of the directory has in common: it is sealed in the stream of the person whom it is
// about, in the transaction that puts it in force.

/** Who changes the directory, as records name them. */
export interface DirectoryAuthor {
  readonly by: SealedBy;
  /** Stands in the row: a person's id, or `system` for the sample directory and programs. */
  readonly name: string;
  readonly source: 'sample' | 'directory' | 'import';
  /** A person about themselves, without the right to change the directory. */
  readonly isSelf?: true;
}

/** A person's own stream, locked until the transaction ends. */
export interface PersonStream {
  readonly tx: Tx;
  /** Time of the change, in rows as in records. */
  readonly now: Instant;
  readonly person: DirectoryPerson;
  /** Number of the first record of the change. */
  readonly seq: number;
  readonly head: TimedHead | null;
  readonly book: Book;
}

/** What a change seals and writes. Without drafts nothing is changed. */
export interface DirectoryChange<T> {
  readonly drafts: readonly Draft[];
  readonly writes: readonly Fragment[];
  readonly result: T;
  /** Data keys of others whom the records name, by subject. */
  readonly keys?: ReadonlyMap<string, string>;
}

/** Whose stream, and what to do beside. */
export interface ChangeOf<T> {
  readonly person: string;
  readonly remember: Remember<T>;
  /** The change rests on who stands in for whom. */
  readonly links?: true;
}

/**
 * Changes something about a person: sealed in their stream and in force in one commit.
 *
 * @throws ApplicationError NOT_FOUND, and what `plan` throws.
 */
export async function changePerson<T>(
  deps: Deps,
  { person, remember, links }: ChangeOf<T>,
  plan: (stream: PersonStream) => Promise<DirectoryChange<T>> | DirectoryChange<T>,
): Promise<T> {
  return deps.db.transaction(async (tx) => {
    if (links === true) await lockLinks(tx);
    await lockPeople(tx, [person]);
    const stream = await openPersonStream(deps, tx, person);
    const change = await plan(stream);
    for (const fragment of await sealChange(deps, stream, change)) tx.write(fragment);
    remember(tx, change.result);
    return change.result;
  });
}

/** @throws ApplicationError NOT_FOUND */
export async function openPersonStream(deps: Deps, tx: Tx, id: string): Promise<PersonStream> {
  const person = await findPerson(tx, id);
  if (person === null) throw notFound('person');
  const [head, references] = await Promise.all([
    streamHead(tx, person.streamId),
    referencesOf(tx, person.streamId),
    deps.vault.prepare(tx, [person.dekId]),
  ]);
  const now = later(deps.now(), head?.ts ?? '');
  return { tx, now, person, head, seq: (head?.seq ?? -1) + 1, book: openBook(references) };
}

/** @returns everything that has to be written for the change. */
export async function sealChange(
  deps: Deps,
  { tx, now, person, head, book }: PersonStream,
  { drafts, writes, keys = new Map() }: DirectoryChange<unknown>,
): Promise<readonly Fragment[]> {
  if (drafts.length === 0) return writes;
  await deps.vault.prepare(tx, [...keys.values()]);
  const place = { stream: person.streamId, about: 'person', head } as const;
  const to = { ...place, now, keys, dekId: person.dekId };
  return [...writes, ...sealDrafts(deps, to, { drafts, book }).fragments];
}

/** @throws ApplicationError CONFLICT when the person has left. */
export function assertHere({ person, now }: Pick<PersonStream, 'person' | 'now'>): void {
  if (person.leftAt !== null && person.leftAt <= now)
    throw new ApplicationError('CONFLICT', `${person.id} has left; nothing is arranged for them.`);
}

/** @throws ApplicationError VALIDATION_FAILED where there is any problem. */
export function assertNoProblem(what: string, problems: readonly FieldProblem[]): void {
  if (problems.length > 0) throw new ApplicationError('VALIDATION_FAILED', what, { problems });
}

/** @throws ApplicationError NOT_FOUND */
export async function getPerson(deps: Deps, id: string): Promise<DirectoryPerson> {
  const person = await findPerson(reading(deps.db), id);
  if (person === null) throw notFound('person');
  return person;
}

/** Somebody else whom a change names. */
export interface OtherPerson {
  readonly id: string;
  readonly subject: string;
  readonly dekId: string;
}

/**
 * Somebody else who must be there.
 *
 * @param pointer where the body names them.
 * @throws ApplicationError VALIDATION_FAILED when there is no such person, they have left or are the same.
 */
export async function otherPerson(
  { tx, now, person }: PersonStream,
  id: string,
  pointer: string,
): Promise<OtherPerson> {
  const [found] = await findPeople(tx, [id]);
  const message =
    id === person.id
      ? 'is the same person'
      : found === undefined
        ? `there is no person "${id}"`
        : found.leftAt !== null && found.leftAt <= now
          ? `"${id}" has left`
          : null;
  if (message !== null || found === undefined)
    throw new ApplicationError('VALIDATION_FAILED', 'Nobody can stand in like that.', {
      problems: [{ pointer, message: message ?? '' }],
    });
  return { id, subject: subjectOf({ type: 'person', id }), dekId: found.dekId };
}

/** The same sentence for every time that cannot be. */
export function spanProblems(
  now: Instant,
  { from, until }: { readonly from: Instant; readonly until: Instant | null },
): FieldProblem[] {
  if (until === null) return [];
  if (until <= from) return [{ pointer: '/until', message: 'is not after "from"' }];
  return until <= now ? [{ pointer: '/until', message: 'is over already' }] : [];
}
