import { randomUUID } from 'node:crypto';
import type { Instant } from '../domain/instant.ts';
import { reading } from '../prisma/directory-store.ts';
import {
  absencesOf,
  cancelRow,
  findAbsence,
  insertAbsence,
  type NewAbsence,
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
} from './directory-changes.ts';
import { absenceDraft } from './directory-records.ts';
import { notFound } from './error.ts';
import type { Remember } from './idempotency.ts';
import type { PersonPrincipal } from './principal.ts';
import { assertNotOver, circleProblems, reasonOf, reasonReader } from './standing-in.ts';

/** Somebody is away: `from` included, `until` not. */
export interface AbsenceWish {
  readonly from: Instant;
  readonly until: Instant;
  /** Who decides meanwhile, with the absent person's rights; null = nobody. */
  readonly deputy: string | null;
  readonly reason: string | null;
}

export interface AbsenceView extends NewAbsence {
  readonly cancelledAt: Instant | null;
  readonly reason: string | null;
}

/**
 * Records an absence, sealed in the person's stream. Absences of one person may overlap: each counts for
 * itself, with its own deputy.
 *
 * @throws ApplicationError NOT_FOUND; CONFLICT when the person has left; VALIDATION_FAILED for a time that
 *         cannot be, a deputy who is not there, or deputies in a circle.
 */
export async function setAbsence(
  deps: Deps,
  author: DirectoryAuthor,
  {
    person,
    wish,
    remember,
  }: {
    readonly person: string;
    readonly wish: AbsenceWish;
    readonly remember: Remember<AbsenceView>;
  },
): Promise<AbsenceView> {
  return changePerson(deps, { person, remember, links: true }, async (stream) => {
    assertHere(stream);
    const { now, seq, book } = stream;
    const { from, until, deputy: to, reason } = wish;
    assertNoProblem('Nobody is absent at such a time.', spanProblems(now, wish));
    const deputy = to === null ? null : await otherPerson(stream, to, '/deputy');
    if (to !== null)
      assertNoProblem(
        'Deputies would stand in for each other.',
        await circleProblems(stream, { table: 'absence', to, from, until }),
      );
    const row = { person, deputy: to, from, until, recordedBy: author.name, createdAt: now, seq };
    const absence: NewAbsence = { id: randomUUID(), ...row };
    return {
      drafts: [absenceDraft({ author, book }, absence, { change: 'set', reason })],
      writes: [insertAbsence(absence)],
      keys: new Map(deputy === null ? [] : [[deputy.subject, deputy.dekId]]),
      result: { ...absence, cancelledAt: null, reason },
    };
  });
}

/**
 * Cancels an absence from this millisecond on. Safe to repeat.
 *
 * @throws ApplicationError NOT_FOUND; CONFLICT when it is over.
 */
export async function cancelAbsence(
  deps: Deps,
  author: DirectoryAuthor,
  { person, id }: RowOfPerson,
): Promise<void> {
  const change = { person, remember: () => undefined };
  await changePerson(deps, change, async ({ tx, now, book }) => {
    const absence = await findAbsence(tx, { person, id });
    if (absence === null) throw notFound('absence');
    if (absence.cancelledAt !== null) return { drafts: [], writes: [], result: null };
    assertNotOver(absence, now);
    const said = { change: 'cancelled', reason: null } as const;
    return {
      drafts: [absenceDraft({ author, book }, absence, said)],
      writes: [cancelRow('absence', id, now)],
      result: null,
    };
  });
}

/** Past, present and future, in order of id. @throws ApplicationError NOT_FOUND */
export async function absencesPage(
  deps: Deps,
  reader: PersonPrincipal,
  page: PageOfPerson,
): Promise<AbsenceView[]> {
  const who = await reasonReader(deps, reader, page.person);
  const rows = await absencesOf(reading(deps.db), page);
  return rows.map((row) => ({
    ...row,
    reason: reasonOf(deps, who, { row, standIn: row.deputy }),
  }));
}
