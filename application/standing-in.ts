import type { Instant } from '../domain/instant.ts';
import { circleOf } from '../domain/standing-in.ts';
import { reading } from '../prisma/directory-store.ts';
import { linksWithin } from '../prisma/standing-in-store.ts';
import type { DirectoryPerson } from '../prisma/people-store.ts';
import type { Deps } from './deps.ts';
import type { PersonStream } from './directory-changes.ts';
import { getPerson } from './directory-changes.ts';
import { ApplicationError, type FieldProblem } from './error.ts';
import { openingPlace } from './places.ts';
import type { PersonPrincipal } from './principal.ts';

// What absences and delegations have in common: time, circles, reasons in words.

/** Who stands in for whom, to be. */
export interface NewLink {
  readonly table: 'absence' | 'delegation';
  readonly to: string;
  readonly from: Instant;
  readonly until: Instant;
}

/** @returns a problem where somebody would, over others, stand in for themselves. */
export async function circleProblems(
  { tx, person }: PersonStream,
  { table, to, from, until }: NewLink,
): Promise<FieldProblem[]> {
  const links = await linksWithin(tx, table, { from, until });
  const circle = circleOf(links, { person: person.id, to, from, until });
  if (circle === null) return [];
  const pointer = table === 'absence' ? '/deputy' : '/to';
  return [{ pointer, message: `closes a circle: ${[...circle, person.id].join(' → ')}` }];
}

/** A row with words that not everybody may read. */
interface WithReason {
  readonly seq: number | null;
  readonly reason: Uint8Array | null;
}

/** Who reads a list of a person's rows. */
export interface ReasonReader {
  readonly person: DirectoryPerson;
  readonly reader: PersonPrincipal;
}

/** @throws ApplicationError NOT_FOUND */
export async function reasonReader(
  deps: Deps,
  reader: PersonPrincipal,
  person: string,
): Promise<ReasonReader> {
  const found = await getPerson(deps, person);
  await deps.vault.prepare(reading(deps.db), [found.dekId]);
  return { person: found, reader };
}

/**
 * The reason of an absence or delegation: for the person, for whoever stands in, for directory admins.
 *
 * @param standIn who stands in by this row.
 * @returns null where there is none, where it was erased, or where it is not for this reader.
 */
export function reasonOf(
  { vault }: Deps,
  { person, reader }: ReasonReader,
  { row, standIn }: { readonly row: WithReason; readonly standIn: string | null },
): string | null {
  const isAdmin = reader.roles.includes('directory-admin');
  const isConcerned = reader.id === person.id || reader.id === standIn;
  if (row.reason === null || row.seq === null || !(isAdmin || isConcerned)) return null;
  const text = vault.decrypt(
    person.dekId,
    openingPlace(person.streamId, row.seq, 'reason'),
    row.reason,
  );
  return text === null ? null : (JSON.parse(text) as { readonly value: string }).value;
}

/** @throws ApplicationError CONFLICT when there is nothing left to cancel. */
export function assertNotOver({ until }: { readonly until: Instant }, now: Instant): void {
  if (until <= now) throw new ApplicationError('CONFLICT', 'It is over already.');
}
