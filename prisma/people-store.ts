import type { Instant } from '../domain/instant.ts';
import type { Reader } from './directory-store.ts';
import type { Fragment, Tx } from './transaction.ts';

export interface NewPerson {
  readonly id: string;
  readonly streamId: string;
  readonly name: string;
  readonly team: string | null;
  readonly region: string | null;
  readonly dekId: string;
  readonly createdAt: Instant;
}

export function insertPerson(person: NewPerson): Fragment {
  return {
    text: `INSERT INTO person (id, stream_id, name, team, region, dek_id, created_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    values: [
      ...[person.id, person.streamId, person.name, person.team, person.region],
      ...[person.dekId, person.createdAt],
    ],
  };
}

/** What a person is called and where they work. */
export interface Profile {
  readonly name: string;
  readonly team: string | null;
  readonly region: string | null;
}

export function updateProfile(person: string, { name, team, region }: Profile): Fragment {
  return {
    text: 'UPDATE person SET name = $2, team = $3, region = $4 WHERE id = $1',
    values: [person, name, team, region],
  };
}

/** Team and region from an instant on. */
export interface NewPlace {
  readonly person: string;
  /** Number of the record of the change, in the person's stream. */
  readonly seq: number;
  readonly team: string | null;
  readonly region: string | null;
  readonly recordedBy: string;
  readonly createdAt: Instant;
}

export function insertPlace(place: NewPlace): Fragment {
  return {
    text: `INSERT INTO person_profile (person_id, seq, team, region, recorded_by, created_at)
      VALUES ($1, $2, $3, $4, $5, $6)`,
    values: [
      ...[place.person, place.seq, place.team, place.region],
      ...[place.recordedBy, place.createdAt],
    ],
  };
}

/** From `at` on the person is gone. */
export function markLeft(person: string, at: Instant): Fragment {
  return { text: 'UPDATE person SET left_at = $2 WHERE id = $1', values: [person, at] };
}

// ---- grants ----------------------------------------------------------------------------------------

export interface NewGrant {
  readonly id: string;
  readonly person: string;
  readonly role: string;
  readonly from: Instant;
  readonly until: Instant | null;
  readonly grantedBy: string;
  readonly createdAt: Instant;
}

export function insertGrants(grants: readonly NewGrant[]): Fragment {
  return {
    text: `INSERT INTO role_grant (id, person_id, role, valid_from, valid_until, granted_by, created_at)
      SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::timestamptz[])`,
    values: [
      grants.map((grant) => grant.id),
      grants.map((grant) => grant.person),
      grants.map((grant) => grant.role),
      grants.map((grant) => grant.from),
      grants.map((grant) => grant.until),
      grants.map((grant) => grant.grantedBy),
      grants.map((grant) => grant.createdAt),
    ],
  };
}

/** @param at the first instant without them. */
export function endGrants(ids: readonly string[], at: Instant): Fragment {
  return {
    text: 'UPDATE role_grant SET ended_at = $2 WHERE id = ANY($1::uuid[])',
    values: [ids, at],
  };
}

/** A grant as the directory shows it. */
export interface Grant {
  readonly id: string;
  readonly person: string;
  readonly role: string;
  readonly from: Instant;
  /** As it was granted; null = until it is ended. */
  readonly until: Instant | null;
  /** The first instant without it, where somebody ended it before its time. */
  readonly endedAt: Instant | null;
  readonly grantedBy: string;
  readonly createdAt: Instant;
}

const GRANT = `SELECT g.id, g.person_id AS person, g.role, g.valid_from AS "from", g.valid_until AS until,
    g.ended_at AS "endedAt", g.granted_by AS "grantedBy", g.created_at AS "createdAt" FROM role_grant g`;

/** Past, present and future, by start. */
async function grantsOf(reader: Reader, people: readonly string[]): Promise<Grant[]> {
  return reader.query<Grant>({
    text: `${GRANT} WHERE g.person_id = ANY($1) ORDER BY g.valid_from, g.role, g.id`,
    values: [people],
  });
}

/** A place in a list of grants: person, then id. */
export interface GrantPlace {
  readonly person: string;
  readonly id: string;
}

/** Grants of some roles that were in force at an instant, in order of person and id. */
export async function grantsInForce(
  reader: Reader,
  { roles, at }: { readonly roles: readonly string[]; readonly at: Instant },
  page: { readonly after: GrantPlace | null; readonly limit: number },
): Promise<Grant[]> {
  return reader.query<Grant>({
    text: `${GRANT} WHERE g.role = ANY($1) AND g.created_at <= $2 AND g.valid_from <= $2
        AND (g.valid_until IS NULL OR $2 < g.valid_until) AND (g.ended_at IS NULL OR $2 < g.ended_at)
        AND ($3::text IS NULL OR (g.person_id, g.id) > ($3, $4::uuid))
      ORDER BY g.person_id, g.id LIMIT $5`,
    values: [roles, at, page.after?.person ?? null, page.after?.id ?? null, page.limit],
  });
}

// ---- people ----------------------------------------------------------------------------------------

interface PersonRow extends NewPerson {
  readonly leftAt: Instant | null;
}

/** A person as the directory shows them: with every grant, past and future. */
export interface DirectoryPerson extends PersonRow {
  readonly grants: readonly Grant[];
}

const PERSON = `SELECT p.id, p.stream_id AS "streamId", p.name, p.team, p.region, p.dek_id AS "dekId",
    p.created_at AS "createdAt", p.left_at AS "leftAt" FROM person p`;

/** In order of id, from after `after`. */
export async function listPeople(
  reader: Reader,
  page: { readonly after: string | null; readonly limit: number },
): Promise<DirectoryPerson[]> {
  const rows = await reader.query<PersonRow>({
    text: `${PERSON} WHERE $1::text IS NULL OR p.id > $1 ORDER BY p.id LIMIT $2`,
    values: [page.after, page.limit],
  });
  return withGrants(reader, rows);
}

/** Those of `ids` that exist, in order of id. */
export async function findPeople(
  reader: Reader,
  ids: readonly string[],
): Promise<DirectoryPerson[]> {
  const rows = await reader.query<PersonRow>({
    text: `${PERSON} WHERE p.id = ANY($1) ORDER BY p.id`,
    values: [ids],
  });
  return withGrants(reader, rows);
}

export async function findPerson(reader: Reader, id: string): Promise<DirectoryPerson | null> {
  const [person] = await findPeople(reader, [id]);
  return person ?? null;
}

async function withGrants(reader: Reader, rows: readonly PersonRow[]): Promise<DirectoryPerson[]> {
  if (rows.length === 0) return [];
  const grants = Map.groupBy(
    await grantsOf(
      reader,
      rows.map(({ id }) => id),
    ),
    ({ person }) => person,
  );
  return rows.map((row) => ({ ...row, grants: grants.get(row.id) ?? [] }));
}

/** Locks the rows of people, so that records of their streams are appended one after another. */
export async function lockPeople(tx: Tx, ids: readonly string[]): Promise<void> {
  await tx.query({
    text: 'SELECT FROM person WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE',
    values: [ids],
  });
}

/** One key of PostgreSQL's advisory locks: whoever makes links between people. */
const LINKS_LOCK = 7_203_131;

/** What is then read of delegations and deputies stays true until the transaction ends. Take it first. */
export async function lockLinks(tx: Tx): Promise<void> {
  await tx.query({ text: `SELECT pg_advisory_xact_lock(${LINKS_LOCK})`, values: [] });
}

// ---- tokens ----------------------------------------------------------------------------------------

export function insertToken(token: {
  readonly hash: Uint8Array;
  readonly person: string;
  readonly createdAt: Instant;
}): Fragment {
  return {
    text: 'INSERT INTO person_token (token_hash, person_id, created_at) VALUES ($1, $2, $3)',
    values: [token.hash, token.person, token.createdAt],
  };
}

/** Ends every sample token: new ones follow in the same transaction. */
export function deleteTokens(): Fragment {
  return { text: 'DELETE FROM person_token', values: [] };
}
