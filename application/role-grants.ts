import { randomUUID } from 'node:crypto';
import type { Instant } from '../domain/instant.ts';
import { SYSTEM_ROLES } from '../domain/standing-in.ts';
import { reading } from '../prisma/directory-store.ts';
import {
  endGrants,
  grantsInForce,
  insertGrants,
  type DirectoryPerson,
  type Grant,
  type GrantPlace,
} from '../prisma/people-store.ts';
import type { Deps } from './deps.ts';
import {
  assertHere,
  assertNoProblem,
  changePerson,
  type DirectoryAuthor,
} from './directory-changes.ts';
import { endedDraft, grantedDraft, type EndReason } from './directory-records.ts';
import { ApplicationError, notFound } from './error.ts';
import type { Remember } from './idempotency.ts';

/** A right with its time: `from` included, `until` not; null = until it is ended. */
export interface RoleGrant {
  readonly role: string;
  readonly from: Instant | null;
  readonly until: Instant | null;
}

export function newGrant(
  author: DirectoryAuthor,
  now: Instant,
  { person, role, from, until }: RoleGrant & { readonly person: string },
): Grant {
  return {
    id: randomUUID(),
    person,
    role,
    from: from ?? now,
    until,
    endedAt: null,
    grantedBy: author.name,
    createdAt: now,
  };
}

/**
 * Grants a role, sealed in the person's stream.
 *
 * @throws ApplicationError NOT_FOUND; CONFLICT when the person has left; VALIDATION_FAILED when the end is
 *         not after the start.
 */
export async function grantRole(
  deps: Deps,
  author: DirectoryAuthor,
  {
    person,
    grant,
    remember,
  }: {
    readonly person: string;
    readonly grant: RoleGrant;
    readonly remember: Remember<DirectoryPerson>;
  },
): Promise<DirectoryPerson> {
  return changePerson(deps, { person, remember }, (stream) => {
    assertHere(stream);
    const { book, now, person: before } = stream;
    const granted = newGrant(author, now, { person, ...grant });
    const isBackwards = granted.until !== null && granted.until <= granted.from;
    assertNoProblem(
      'The grant ends before it starts.',
      isBackwards ? [{ pointer: '/until', message: 'is not after "from"' }] : [],
    );
    return {
      drafts: [grantedDraft({ author, book }, granted)],
      writes: [insertGrants([granted])],
      result: { ...before, grants: [...before.grants, granted] },
    };
  });
}

export interface GrantToEnd {
  readonly person: string;
  readonly grant: string;
  readonly reason: EndReason;
}

/**
 * Ends a grant from this millisecond on, or before it has begun. One that somebody ended before stays as
 * it was ended.
 *
 * @throws ApplicationError NOT_FOUND; CONFLICT when its time has run out by itself.
 */
export async function endRole(
  deps: Deps,
  author: DirectoryAuthor,
  { person, grant: id, reason }: GrantToEnd,
): Promise<void> {
  await changePerson(deps, { person, remember: () => undefined }, ({ now, book, ...stream }) => {
    const grant = stream.person.grants.find((one) => one.id === id);
    if (grant === undefined) throw notFound('grant');
    if (grant.endedAt !== null) return { drafts: [], writes: [], result: null };
    if (grant.until !== null && grant.until <= now)
      throw new ApplicationError('CONFLICT', 'The grant has ended by itself already.');
    return {
      drafts: [endedDraft({ author, book }, grant, { at: now, reason })],
      writes: [endGrants([id], now)],
      result: null,
    };
  });
}

/**
 * Who held rights over the installation itself at an instant, since when, until when and from whom.
 *
 * @returns in order of person and grant.
 */
export async function accessReport(
  deps: Deps,
  at: Instant,
  page: { readonly after: GrantPlace | null; readonly limit: number },
): Promise<Grant[]> {
  return grantsInForce(reading(deps.db), { roles: SYSTEM_ROLES, at }, page);
}
