import type { Instant } from '../domain/instant.ts';
import type { Database } from './database.ts';
import type { Fragment, Tx } from './transaction.ts';

/** A person with what is in force at one instant. */
export interface PersonFacts {
  readonly id: string;
  readonly dekId: string;
  readonly roles: readonly string[];
  readonly absent: boolean;
}

interface RawFacts {
  id: string;
  dek_id: string;
  roles: string[];
  absent: boolean;
}

/** Starts are included, ends are not (product contract, fine print). */
const IN_FORCE = 'valid_from <= $1 AND (valid_until IS NULL OR $1 < valid_until)';

const FACTS = `SELECT p.id, p.dek_id,
    coalesce((SELECT array_agg(DISTINCT g.role) FROM role_grant g WHERE g.person_id = p.id AND ${IN_FORCE}), '{}') AS roles,
    EXISTS (SELECT 1 FROM absence a WHERE a.person_id = p.id AND a.valid_from <= $1 AND $1 < a.valid_until) AS absent
  FROM person p`;

function toFacts(raw: RawFacts): PersonFacts {
  return { id: raw.id, dekId: raw.dek_id, roles: raw.roles, absent: raw.absent };
}

/** Something that can read: a transaction or the database itself. */
export type Reader = Pick<Tx, 'query'>;

/** @returns the reader for one statement outside a transaction. */
export function reading(db: Database): Reader {
  return { query: (fragment) => db.query(fragment.text, fragment.values) };
}

/** @returns one row per person that exists, in order of id. */
export async function factsOfPeople(
  reader: Reader,
  ids: readonly string[],
  now: Instant,
): Promise<PersonFacts[]> {
  const rows = await reader.query<RawFacts>({
    text: `${FACTS} WHERE p.id = ANY($2) ORDER BY p.id`,
    values: [now, ids],
  });
  return rows.map(toFacts);
}

/** @returns everybody who holds one of the roles now, in order of id. */
export async function peopleWithRoles(
  reader: Reader,
  roles: readonly string[],
  now: Instant,
): Promise<PersonFacts[]> {
  const rows = await reader.query<RawFacts>({
    text: `${FACTS} WHERE p.id IN (SELECT person_id FROM role_grant WHERE role = ANY($2) AND ${IN_FORCE})
      ORDER BY p.id`,
    values: [now, roles],
  });
  return rows.map(toFacts);
}

/** @returns how many people hold each role now; roles that nobody holds are absent. */
export async function roleCounts(reader: Reader, now: Instant): Promise<Map<string, number>> {
  const rows = await reader.query<{ role: string; people: string }>({
    text: `SELECT role, count(DISTINCT person_id) AS people FROM role_grant WHERE ${IN_FORCE} GROUP BY role`,
    values: [now],
  });
  return new Map(rows.map((row) => [row.role, Number(row.people)]));
}

/** How much has begun and ended, which never goes back, and what is in force, which sees corrections. */
const TIMES = `concat_ws(' ', count(*) FILTER (WHERE valid_from <= $1), count(*) FILTER (WHERE valid_until <= $1),
    sum(hashtextextended(id::text || person_id, 0)::numeric) FILTER (WHERE ${IN_FORCE}))`;

/**
 * @returns a text that differs from every earlier one as soon as a role or an absence has begun or ended,
 *          by a grant or by time alone. One scan of both tables; not for every call.
 */
export async function directoryInForce(db: Database, now: Instant): Promise<string> {
  const rows = await db.query<{ directory: string }>(
    `SELECT concat_ws(' / ', (SELECT ${TIMES} FROM role_grant), (SELECT ${TIMES} FROM absence)) AS directory`,
    [now],
  );
  return rows[0]?.directory ?? '';
}

export interface NewPerson {
  readonly id: string;
  readonly streamId: string;
  readonly name: string;
  readonly dekId: string;
  readonly createdAt: Instant;
}

export function insertPerson(person: NewPerson): Fragment {
  return {
    text: 'INSERT INTO person (id, stream_id, name, dek_id, created_at) VALUES ($1, $2, $3, $4, $5)',
    values: [person.id, person.streamId, person.name, person.dekId, person.createdAt],
  };
}

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

/** A person as the directory shows them: with every grant, past and future. */
export interface DirectoryPerson {
  readonly id: string;
  readonly name: string;
  readonly streamId: string;
  readonly dekId: string;
  readonly createdAt: Instant;
  readonly grants: readonly {
    readonly id: string;
    readonly role: string;
    readonly from: Instant;
    readonly until: Instant | null;
    readonly grantedBy: string;
  }[];
}

/** In order of id, from after `after`. */
export async function listPeople(
  db: Database,
  page: { readonly after: string | null; readonly limit: number },
): Promise<DirectoryPerson[]> {
  const people = await db.prisma.person.findMany({
    where: page.after === null ? {} : { id: { gt: page.after } },
    include: { grants: { orderBy: [{ validFrom: 'asc' }, { role: 'asc' }] } },
    orderBy: { id: 'asc' },
    take: page.limit,
  });
  return people.map((person) => toPerson(person));
}

export async function findPerson(db: Database, id: string): Promise<DirectoryPerson | null> {
  const person = await db.prisma.person.findUnique({
    where: { id },
    include: { grants: { orderBy: [{ validFrom: 'asc' }, { role: 'asc' }] } },
  });
  return person === null ? null : toPerson(person);
}

type WithGrants = Awaited<ReturnType<Database['prisma']['person']['findMany']>>[number] & {
  readonly grants: readonly {
    readonly id: string;
    readonly role: string;
    readonly validFrom: Date;
    readonly validUntil: Date | null;
    readonly grantedBy: string;
  }[];
};

function toPerson(person: WithGrants): DirectoryPerson {
  return {
    id: person.id,
    name: person.name,
    streamId: person.streamId,
    dekId: person.dekId,
    createdAt: person.createdAt.toISOString(),
    grants: person.grants.map((grant) => ({
      id: grant.id,
      role: grant.role,
      from: grant.validFrom.toISOString(),
      until: grant.validUntil?.toISOString() ?? null,
      grantedBy: grant.grantedBy,
    })),
  };
}

/** Locks one person's row, so that records of their stream are appended one after another. */
export async function lockPerson(
  tx: Tx,
  id: string,
): Promise<{ streamId: string; dekId: string } | null> {
  const rows = await tx.query<{ stream_id: string; dek_id: string }>({
    text: 'SELECT stream_id, dek_id FROM person WHERE id = $1 FOR NO KEY UPDATE',
    values: [id],
  });
  const row = rows[0];
  return row === undefined ? null : { streamId: row.stream_id, dekId: row.dek_id };
}

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

/** @returns the person whom a token names, with what is in force now, or null. */
export async function personByToken(
  db: Database,
  hash: Uint8Array,
  now: Instant,
): Promise<PersonFacts | null> {
  const rows = await db.query<RawFacts>(
    `${FACTS} WHERE p.id = (SELECT person_id FROM person_token WHERE token_hash = $2)`,
    [now, hash],
  );
  return rows[0] === undefined ? null : toFacts(rows[0]);
}
