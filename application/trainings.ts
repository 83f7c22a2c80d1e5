import { randomUUID } from 'node:crypto';
import { addDuration, type Duration, type Instant } from '../domain/instant.ts';
import { reading } from '../prisma/directory-store.ts';
import type { PageOfPerson, RowOfPerson } from '../prisma/standing-in-store.ts';
import {
  findTraining,
  insertTraining,
  revokeRow,
  trainingsExpiring,
  trainingsOf,
  type ExpiryPlace,
  type NewTraining,
  type TrainingRow,
} from '../prisma/training-store.ts';
import type { Deps } from './deps.ts';
import {
  assertHere,
  assertNoProblem,
  changePerson,
  getPerson,
  type DirectoryAuthor,
} from './directory-changes.ts';
import { trainingDraft } from './directory-records.ts';
import { ApplicationError, notFound } from './error.ts';
import type { Remember } from './idempotency.ts';

/** Somebody has taken a course: it counts from `from`, included, to `until`, not included. */
export interface TrainingWish {
  readonly course: string;
  readonly version: number;
  /** For which role; null = for the person. */
  readonly role: string | null;
  /** null = now. */
  readonly from: Instant | null;
  /** null = it does not expire. */
  readonly until: Instant | null;
  readonly change: NewTraining['change'];
}

/**
 * Records a training, sealed in the person's stream. From its end on the person is no longer eligible where
 * it is asked for.
 *
 * @throws ApplicationError NOT_FOUND; CONFLICT when the person has left; VALIDATION_FAILED when the end is
 *         not after the start.
 */
export async function recordTraining(
  deps: Deps,
  author: DirectoryAuthor,
  {
    person,
    wish,
    remember,
  }: {
    readonly person: string;
    readonly wish: TrainingWish;
    readonly remember: Remember<TrainingRow>;
  },
): Promise<TrainingRow> {
  return changePerson(deps, { person, remember }, (stream) => {
    assertHere(stream);
    const { now, book } = stream;
    const said = { ...wish, from: wish.from ?? now, recordedBy: author.name, createdAt: now };
    const training: NewTraining = { id: randomUUID(), person, ...said };
    const isBackwards = training.until !== null && training.until <= training.from;
    assertNoProblem(
      'The training ends before it starts.',
      isBackwards ? [{ pointer: '/until', message: 'is not after "from"' }] : [],
    );
    return {
      drafts: [trainingDraft({ author, book }, training, training.change)],
      writes: [insertTraining(training)],
      result: { ...training, revokedAt: null },
    };
  });
}

/**
 * Revokes a training from this millisecond on. Safe to repeat.
 *
 * @throws ApplicationError NOT_FOUND; CONFLICT when it has expired.
 */
export async function revokeTraining(
  deps: Deps,
  author: DirectoryAuthor,
  { person, id }: RowOfPerson,
): Promise<void> {
  const change = { person, remember: () => undefined };
  await changePerson(deps, change, async ({ tx, now, book }) => {
    const training = await findTraining(tx, { person, id });
    if (training === null) throw notFound('training');
    if (training.revokedAt !== null) return { drafts: [], writes: [], result: null };
    if (training.until !== null && training.until <= now)
      throw new ApplicationError('CONFLICT', 'The training has expired already.');
    return {
      drafts: [trainingDraft({ author, book }, training, 'revoked')],
      writes: [revokeRow(id, now)],
      result: null,
    };
  });
}

/** Past, present and future, in order of id. @throws ApplicationError NOT_FOUND */
export async function trainingsPage(deps: Deps, page: PageOfPerson): Promise<TrainingRow[]> {
  await getPerson(deps, page.person);
  return trainingsOf(reading(deps.db), page);
}

/**
 * Trainings that count now and have an end; the first to end first.
 *
 * @param within only those that end within this time; null = all.
 */
export async function expiringTrainings(
  deps: Deps,
  within: Duration | null,
  page: { readonly after: ExpiryPlace | null; readonly limit: number },
): Promise<TrainingRow[]> {
  const now = deps.now();
  const before = within === null ? null : addDuration(now, within);
  return trainingsExpiring(reading(deps.db), { now, before }, page);
}
