import { randomUUID } from 'node:crypto';
import type { Instant } from '../domain/instant.ts';
import { reading } from '../prisma/directory-store.ts';
import { violatedUnique } from '../prisma/fault.ts';
import { insertKey } from '../prisma/key-store.ts';
import {
  endGrants,
  insertGrants,
  insertPerson,
  insertPlace,
  listPeople,
  markLeft,
  updateProfile,
  type DirectoryPerson,
  type Grant,
  type NewPlace,
  type Profile,
} from '../prisma/people-store.ts';
import type { Fragment } from '../prisma/transaction.ts';
import type { Deps } from './deps.ts';
import {
  assertHere,
  changePerson,
  type DirectoryAuthor,
  type DirectoryChange,
  type PersonStream,
} from './directory-changes.ts';
import {
  addedDraft,
  changedDraft,
  endedDraft,
  grantedDraft,
  type Telling,
} from './directory-records.ts';
import { ApplicationError } from './error.ts';
import type { Remember } from './idempotency.ts';
import { subjectOf } from './principal.ts';
import { newGrant } from './role-grants.ts';
import { openBook, sealDrafts } from './sealing.ts';

export interface NewDirectoryPerson {
  readonly id: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly team?: string | null;
  readonly region?: string | null;
}

/** A person to be, with everything that has to be written for them. */
export interface PreparedPerson {
  readonly added: DirectoryPerson;
  readonly fragments: readonly Fragment[];
}

/**
 * Adds a person with their first roles, sealed in the person's own stream.
 *
 * @throws ApplicationError CONFLICT when the id is taken.
 */
export async function addPerson(
  deps: Deps,
  author: DirectoryAuthor,
  {
    person,
    remember,
  }: {
    readonly person: NewDirectoryPerson;
    readonly remember: Remember<DirectoryPerson>;
  },
): Promise<DirectoryPerson> {
  const { added, fragments } = preparePerson(deps, author, person);
  try {
    await deps.db.transaction(async (tx) => {
      for (const fragment of fragments) tx.write(fragment);
      remember(tx, added);
    });
  } catch (error) {
    if (violatedUnique(error) !== 'person_pkey') throw error;
    throw new ApplicationError('CONFLICT', `There is a person "${person.id}" already.`);
  }
  return added;
}

/** Seals a new person's first records. Nothing is written yet. */
export function preparePerson(
  deps: Deps,
  author: DirectoryAuthor,
  { id, name, roles, team = null, region = null }: NewDirectoryPerson,
): PreparedPerson {
  const now = deps.now();
  const streamId = randomUUID();
  const key = deps.vault.createKey(subjectOf({ type: 'person', id }));
  const grants = roles.map((role) =>
    newGrant(author, now, { person: id, role, from: now, until: null }),
  );
  const telling: Telling = { author, book: openBook(new Map()) };
  const hasPlace = team !== null || region !== null;
  const values = { team: team ?? '', region: region ?? '' };
  const drafts = [
    addedDraft(telling, id),
    ...(hasPlace
      ? [changedDraft(telling, { person: id, change: 'team_changed', seq: 1, values })]
      : []),
    ...grants.map((grant) => grantedDraft(telling, grant)),
  ];
  const { dekId } = key;
  const row = { id, name, team, region, streamId, dekId, createdAt: now };
  const moved = { recordedBy: author.name, createdAt: now };
  const place = { stream: streamId, about: 'person', head: null } as const;
  const to = { ...place, now, keys: new Map(), dekId };
  return {
    added: { ...row, leftAt: null, grants },
    fragments: [
      insertKey(key),
      insertPerson(row),
      ...(hasPlace ? [insertPlace({ ...moved, person: id, seq: 1, team, region })] : []),
      ...(grants.length > 0 ? [insertGrants(grants)] : []),
      ...sealDrafts(deps, to, { drafts, book: telling.book }).fragments,
    ],
  };
}

/** In order of id. */
export async function peoplePage(
  deps: Deps,
  page: { readonly after: string | null; readonly limit: number },
): Promise<DirectoryPerson[]> {
  return listPeople(reading(deps.db), page);
}

// ---- changes ---------------------------------------------------------------------------------------

/** Absent stays as it is; null takes a team or a region away. */
export interface PersonWish {
  readonly name?: string | undefined;
  readonly team?: string | null | undefined;
  readonly region?: string | null | undefined;
}

/**
 * Changes name, team or region. What stays the same is not sealed again.
 *
 * @throws ApplicationError NOT_FOUND; CONFLICT when the person has left.
 */
export async function updatePerson(
  deps: Deps,
  author: DirectoryAuthor,
  {
    person,
    wish,
    remember,
  }: {
    readonly person: string;
    readonly wish: PersonWish;
    readonly remember: Remember<DirectoryPerson>;
  },
): Promise<DirectoryPerson> {
  return changePerson(deps, { person, remember }, (stream) => {
    assertHere(stream);
    return profileChange(author, stream, wish);
  });
}

/** What a new name, team or region seals and writes: nothing where all is as it was. */
export function profileChange(
  author: DirectoryAuthor,
  { person, now, seq, book }: PersonStream,
  wish: PersonWish,
): DirectoryChange<DirectoryPerson> {
  const after: Profile = {
    name: wish.name ?? person.name,
    team: wish.team === undefined ? person.team : wish.team,
    region: wish.region === undefined ? person.region : wish.region,
  };
  const isRenamed = after.name !== person.name;
  const isMoved = after.team !== person.team || after.region !== person.region;
  const changes = [
    ...(isRenamed ? [{ change: 'updated', values: { name: after.name } } as const] : []),
    ...(isMoved
      ? [
          {
            change: 'team_changed',
            values: { team: after.team ?? '', region: after.region ?? '' },
          } as const,
        ]
      : []),
  ];
  const telling = { author, book };
  const { team, region } = after;
  const moved: NewPlace = {
    ...{ person: person.id, seq: seq + changes.length - 1, team, region },
    ...{ recordedBy: author.name, createdAt: now },
  };
  return {
    drafts: changes.map((one, index) =>
      changedDraft(telling, { person: person.id, seq: seq + index, ...one }),
    ),
    writes: [
      ...(isRenamed || isMoved ? [updateProfile(person.id, after)] : []),
      ...(isMoved ? [insertPlace(moved)] : []),
    ],
    result: { ...person, ...after },
  };
}

/**
 * Somebody leaves: every role ends at once, their credentials stop, they stand in for nobody. What they did
 * stays as it is. Safe to repeat.
 *
 * @throws ApplicationError NOT_FOUND
 */
export async function recordDeparture(
  deps: Deps,
  author: DirectoryAuthor,
  { person, remember }: { readonly person: string; readonly remember: Remember<DirectoryPerson> },
): Promise<DirectoryPerson> {
  return changePerson(deps, { person, remember }, (stream) => {
    const { now, seq, book } = stream;
    const before = stream.person;
    if (before.leftAt !== null) return { drafts: [], writes: [], result: before };
    const running = before.grants.filter((grant) => !isOver(grant, now));
    const telling = { author, book };
    const end = { at: now, reason: 'PERSON_REMOVED' } as const;
    const ended = before.grants.map((grant) =>
      running.includes(grant) ? { ...grant, endedAt: now } : grant,
    );
    return {
      drafts: [
        ...running.map((grant) => endedDraft(telling, grant, end)),
        changedDraft(telling, { person, change: 'left', seq: seq + running.length, values: {} }),
      ],
      writes: [
        markLeft(person, now),
        ...(running.length > 0
          ? [
              endGrants(
                running.map(({ id }) => id),
                now,
              ),
            ]
          : []),
      ],
      result: { ...before, leftAt: now, grants: ended },
    };
  });
}

/** @returns whether a grant has ended, by time or because somebody ended it. */
function isOver({ until, endedAt }: Pick<Grant, 'until' | 'endedAt'>, now: Instant): boolean {
  return (until !== null && until <= now) || endedAt !== null;
}
