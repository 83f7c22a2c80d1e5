import { randomUUID } from 'node:crypto';
import type { Instant } from '../domain/instant.ts';
import { commandKey } from '../ledger/hash.ts';
import type { Draft } from '../ledger/append.ts';
import {
  findPerson,
  insertGrants,
  insertPerson,
  listPeople,
  lockPerson,
  type DirectoryPerson,
} from '../prisma/directory-store.ts';
import { violatedUnique } from '../prisma/fault.ts';
import { insertKey } from '../prisma/key-store.ts';
import { referencesOf, streamHead } from '../prisma/ledger-store.ts';
import type { Deps } from './deps.ts';
import { ApplicationError, notFound } from './error.ts';
import type { Remember } from './idempotency.ts';
import { subjectOf } from './principal.ts';
import { openBook, sealDrafts, type Book, type SealedBy } from './sealing.ts';

export interface NewDirectoryPerson {
  readonly id: string;
  readonly name: string;
  readonly roles: readonly string[];
}

/** A right with its time: `from` included, `until` not; null = until it is ended. */
export interface RoleGrant {
  readonly role: string;
  readonly from: Instant | null;
  readonly until: Instant | null;
}

/** Who changes the directory, as records name them. */
export interface DirectoryAuthor {
  readonly by: SealedBy;
  /** Stands in the grant: a person's id, or `system` for the sample directory. */
  readonly name: string;
  readonly source: 'sample' | 'directory';
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
  const now = deps.now();
  const streamId = randomUUID();
  const key = deps.vault.createKey(subjectOf({ type: 'person', id: person.id }));
  const grants = person.roles.map((role) =>
    newGrant(author, now, { person: person.id, role, from: now, until: null }),
  );
  const book = openBook(new Map());
  const drafts = [
    addedDraft(author, person.id, book),
    ...grants.map((grant) => grantedDraft(author, grant, book)),
  ];
  const { id, name } = person;
  const added = { id, name, streamId, dekId: key.dekId, createdAt: now, grants };
  const place = { stream: streamId, about: 'person', head: null } as const;
  const to = { ...place, now, keys: new Map(), dekId: key.dekId };
  const sealed = sealDrafts(deps, to, { drafts, book });
  try {
    await deps.db.transaction(async (tx) => {
      tx.write(insertKey(key));
      tx.write(insertPerson({ id, streamId, name, dekId: key.dekId, createdAt: now }));
      if (grants.length > 0) tx.write(insertGrants(grants));
      for (const fragment of sealed.fragments) tx.write(fragment);
      remember(tx, added);
    });
  } catch (error) {
    if (violatedUnique(error) !== 'person_pkey') throw error;
    throw new ApplicationError('CONFLICT', `There is a person "${person.id}" already.`);
  }
  return added;
}

type Grant = ReturnType<typeof newGrant>;

function newGrant(
  author: DirectoryAuthor,
  now: Instant,
  grant: RoleGrant & { readonly person: string },
) {
  return {
    id: randomUUID(),
    person: grant.person,
    role: grant.role,
    from: grant.from ?? now,
    until: grant.until,
    grantedBy: author.name,
    createdAt: now,
  };
}

/**
 * Grants a role, sealed in the person's stream.
 *
 * @throws ApplicationError NOT_FOUND; VALIDATION_FAILED when the end is not after the start.
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
  const before = await getPerson(deps, person);
  return deps.db.transaction(async (tx) => {
    const now = deps.now();
    const row = await lockPerson(tx, person);
    if (row === null) throw notFound('person');
    const granted = newGrant(author, now, { person, ...grant });
    assertOrder(granted);
    const [head, references] = await Promise.all([
      streamHead(tx, row.streamId),
      referencesOf(tx, row.streamId),
      deps.vault.prepare(tx, [row.dekId]),
    ]);
    const book = openBook(references);
    const place = { stream: row.streamId, about: 'person', head } as const;
    const to = { ...place, now, keys: new Map(), dekId: row.dekId };
    const sealed = sealDrafts(deps, to, { drafts: [grantedDraft(author, granted, book)], book });
    tx.write(insertGrants([granted]));
    for (const fragment of sealed.fragments) tx.write(fragment);
    const after = { ...before, grants: [...before.grants, granted] };
    remember(tx, after);
    return after;
  });
}

function assertOrder({ from, until }: Grant): void {
  if (until === null || from < until) return;
  throw new ApplicationError('VALIDATION_FAILED', 'The grant ends before it starts.', {
    problems: [{ pointer: '/until', message: 'is not after "from"' }],
  });
}

export async function getPerson(deps: Deps, id: string): Promise<DirectoryPerson> {
  const person = await findPerson(deps.db, id);
  if (person === null) throw notFound('person');
  return person;
}

/** In order of id. */
export async function peoplePage(
  deps: Deps,
  page: { readonly after: string | null; readonly limit: number },
): Promise<DirectoryPerson[]> {
  return listPeople(deps.db, page);
}

function envelope(
  { by }: DirectoryAuthor,
  book: Book,
): Pick<Draft, 'actor' | 'auth' | 'surface' | 'policy'> {
  const { actor, auth, surface } = by;
  return {
    actor:
      actor === null
        ? { type: 'system', role: 'engine', c: null }
        : { type: 'human', role: 'directory_admin', c: book.of(subjectOf(actor)) },
    auth,
    surface,
    policy: null,
  };
}

function addedDraft(author: DirectoryAuthor, person: string, book: Book): Draft {
  return {
    ...envelope(author, book),
    kind: 'person_added',
    cmd: commandKey(`person:${person}`, 'added'),
    body: { person_c: book.of(subjectOf({ type: 'person', id: person })), source: author.source },
  };
}

function grantedDraft(author: DirectoryAuthor, grant: Grant, book: Book): Draft {
  return {
    ...envelope(author, book),
    kind: 'role_granted',
    cmd: commandKey(grant.id, 'granted'),
    body: {
      grant: grant.id,
      person_c: book.of(subjectOf({ type: 'person', id: grant.person })),
      role: grant.role,
      from: grant.from,
      until: grant.until,
      source: author.source,
      request: null,
      scope: null,
    },
  };
}
