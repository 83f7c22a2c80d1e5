import type { Instant } from '../domain/instant.ts';
import type { Candidate, Reviewer, StandIn } from '../domain/reviewer.ts';
import type { SystemRole } from '../domain/standing-in.ts';
import type { Database } from './database.ts';
import type { Tx } from './transaction.ts';

/** Who may be stood in for: with the roles that can be passed on, and the key that their name is sealed under. */
export interface PrincipalFacts extends Reviewer {
  readonly dekId: string;
}

/** A person with what is in force at one instant. */
export interface PersonFacts extends Candidate {
  readonly dekId: string;
  readonly standsFor: readonly (StandIn & { readonly principal: PrincipalFacts })[];
}

/** Something that can read: a transaction or the database itself. */
export type Reader = Pick<Tx, 'query'>;

/** @returns the reader for one statement outside a transaction. */
export function reading(db: Database): Reader {
  return { query: (fragment) => db.query(fragment.text, fragment.values) };
}

// ---- what is in force at $1 ------------------------------------------------------------------------

/** When a row of a table stopped to count before its end. */
const CUT_SHORT = {
  role_grant: 'ended_at',
  absence: 'cancelled_at',
  delegation: 'cancelled_at',
  training: 'revoked_at',
} as const;

type Dated = keyof typeof CUT_SHORT;

/** Starts are included, ends are not (product contract, fine print). */
const inForce = (table: Dated, row: string): string =>
  `${row}.valid_from <= $1 AND (${row}.valid_until IS NULL OR $1 < ${row}.valid_until)
    AND (${row}.${CUT_SHORT[table]} IS NULL OR $1 < ${row}.${CUT_SHORT[table]})`;

const ROLE_IN_FORCE = inForce('role_grant', 'g');

/** How people are read: as they are, or looking back, with what had been recorded by then only. */
interface Look {
  readonly counts: (table: Dated, row: string) => string;
  readonly acknowledged: string;
  readonly profile: (person: string, column: 'team' | 'region') => string;
}

const NOW: Look = {
  counts: inForce,
  acknowledged: '',
  profile: (person, column) => `${person}.${column}`,
};

const LOOKING_BACK: Look = {
  counts: (table, row) => `${inForce(table, row)} AND ${row}.created_at <= $1`,
  acknowledged: ' AND k.at <= $1',
  profile: (person, column) => `(SELECT f.${column} FROM person_profile f
    WHERE f.person_id = ${person}.id AND f.created_at <= $1 ORDER BY f.seq DESC LIMIT 1)`,
};

const isHere = (person: string): string => `(${person}.left_at IS NULL OR $1 < ${person}.left_at)`;

/** A person's own facts, by column; whoever has left holds no role. @param but roles that do not count. */
function ownFacts(person: string, { counts, acknowledged, profile }: Look, but = '') {
  return {
    id: `${person}.id`,
    dekId: `${person}.dek_id`,
    roles: `ARRAY(SELECT DISTINCT g.role FROM role_grant g
      WHERE g.person_id = ${person}.id AND ${isHere(person)} AND ${counts('role_grant', 'g')}${but} ORDER BY 1)`,
    absent: `EXISTS (SELECT FROM absence a WHERE a.person_id = ${person}.id AND ${counts('absence', 'a')})`,
    team: profile(person, 'team'),
    region: profile(person, 'region'),
    trainings: `coalesce((SELECT json_agg(json_build_object('course', t.course, 'version', t.version)
      ORDER BY t.course, t.version, t.id) FROM training t
      WHERE t.person_id = ${person}.id AND ${counts('training', 't')}), '[]')`,
    acknowledged: `ARRAY(SELECT k.policy_id || '@' || k.version FROM policy_acknowledgement k
      WHERE k.person_id = ${person}.id${acknowledged} ORDER BY 1)`,
  };
}

/** The compiler holds them to those of domain/standing-in.ts. */
const NEVER_PASSED_ON = Object.keys({
  auditor: true,
  compliance: true,
  'directory-admin': true,
  'override-authority': true,
  'policy-admin': true,
} satisfies Record<SystemRole, true>);

/** Everybody `p` may stand in for, with their own facts `q`: what was passed on to them is not read. */
function standsFor(look: Look): string {
  const but = ` AND g.role <> ALL('{${NEVER_PASSED_ON.join(',')}}')`;
  const principal = Object.entries(ownFacts('q', look, but)).map(
    ([name, sql]) => `'${name}', ${sql}`,
  );
  return `coalesce((SELECT json_agg(json_build_object('id', s.id, 'source', s.source, 'role', s.role, 'kind', s.kind,
      'principal', json_build_object(${principal.join(', ')})) ORDER BY s.id)
    FROM (
      SELECT d.id, 'delegation' AS source, d.role, d.kind, d.person_id FROM delegation d
        WHERE d.to_id = p.id AND ${look.counts('delegation', 'd')}
      UNION ALL
      SELECT a.id, 'absence', NULL, NULL, a.person_id FROM absence a
        WHERE a.deputy_id = p.id AND ${look.counts('absence', 'a')}
    ) s JOIN person q ON q.id = s.person_id
    WHERE ${isHere('p')} AND ${isHere('q')}), '[]')`;
}

function factsText(look: Look): string {
  const own = Object.entries(ownFacts('p', look)).map(([name, sql]) => `${sql} AS "${name}"`);
  return `SELECT ${own.join(', ')}, ${standsFor(look)} AS "standsFor" FROM person p`;
}

const FACTS = factsText(NOW);

/**
 * The array `$2`, behind a query of its own: seen by the planner it would be planned anew with each call,
 * which takes longer than the reading (twice the time, measured with 2,000 people).
 */
const ASKED = '(SELECT $2::text[])::text[]';

// ---- people ----------------------------------------------------------------------------------------

/** @returns one row per person that exists, in order of id. */
export async function factsOfPeople(
  reader: Reader,
  ids: readonly string[],
  now: Instant,
): Promise<PersonFacts[]> {
  return reader.query<PersonFacts>({
    text: `${FACTS} WHERE p.id = ANY(${ASKED}) ORDER BY p.id`,
    values: [now, ids],
  });
}

/**
 * @returns everybody who holds one of the roles now, and everybody who may stand in for somebody who
 *          does: delegates, and the deputies of those who are absent; in order of id.
 */
export async function peopleWithRoles(
  reader: Reader,
  roles: readonly string[],
  now: Instant,
): Promise<PersonFacts[]> {
  return reader.query<PersonFacts>({
    text: `WITH holder AS (SELECT DISTINCT g.person_id AS id FROM role_grant g
        WHERE g.role = ANY(${ASKED}) AND ${ROLE_IN_FORCE})
      ${FACTS} WHERE p.id IN (
        SELECT id FROM holder
        UNION SELECT d.to_id FROM delegation d JOIN holder h ON h.id = d.person_id
          WHERE (d.role IS NULL OR d.role = ANY(${ASKED})) AND ${inForce('delegation', 'd')}
        UNION SELECT a.deputy_id FROM absence a JOIN holder h ON h.id = a.person_id
          WHERE a.deputy_id IS NOT NULL AND ${inForce('absence', 'a')})
        AND ${isHere('p')}
      ORDER BY p.id`,
    values: [now, roles],
  });
}

/**
 * Everybody as the directory had them at an instant and as it was known then: what was recorded or
 * cancelled later does not count.
 *
 * @returns in order of id; whoever was added later is not among them.
 */
export async function candidatesAt(reader: Reader, at: Instant): Promise<PersonFacts[]> {
  return reader.query<PersonFacts>({
    text: `${factsText(LOOKING_BACK)} WHERE p.created_at <= $1 ORDER BY p.id`,
    values: [at],
  });
}

/** @returns the person whom a token names, with what is in force now, or null; nobody who has left. */
export async function personByToken(
  db: Database,
  hash: Uint8Array,
  now: Instant,
): Promise<PersonFacts | null> {
  const rows = await db.query<PersonFacts>(
    `${FACTS} WHERE p.id = (SELECT person_id FROM person_token WHERE token_hash = $2) AND ${isHere('p')}`,
    [now, hash],
  );
  return rows[0] ?? null;
}

// ---- the directory as a whole ------------------------------------------------------------------------

/** @returns how many people hold each role now; roles that nobody holds are absent. */
export async function roleCounts(reader: Reader, now: Instant): Promise<Map<string, number>> {
  const rows = await reader.query<{ role: string; people: string }>({
    text: `SELECT g.role, count(DISTINCT g.person_id) AS people FROM role_grant g
      WHERE ${ROLE_IN_FORCE} GROUP BY g.role`,
    values: [now],
  });
  return new Map(rows.map((row) => [row.role, Number(row.people)]));
}

/** How much has begun and ended, which never goes back, and what is in force, which sees corrections. */
const timesOf = (table: Dated): string =>
  `(SELECT concat_ws(' ', count(*) FILTER (WHERE valid_from <= $1),
      count(*) FILTER (WHERE least(valid_until, ${CUT_SHORT[table]}) <= $1),
      sum(hashtextextended(id::text || person_id, 0)::numeric) FILTER (WHERE ${inForce(table, 't')}))
    FROM ${table} t)`;

/** Who is where, and who is gone. */
const PEOPLE = `(SELECT concat_ws(' ', count(*) FILTER (WHERE left_at <= $1),
    sum(hashtextextended(id || jsonb_build_array(team, region)::text, 0)::numeric)
      FILTER (WHERE team IS NOT NULL OR region IS NOT NULL))
  FROM person)`;

const IN_FORCE_NOW = [
  ...(Object.keys(CUT_SHORT) as Dated[]).map(timesOf),
  PEOPLE,
  '(SELECT count(*) FROM person_profile)',
  '(SELECT count(*) FROM policy_acknowledgement WHERE at <= $1)',
].join(', ');

/**
 * @returns a text that differs from every earlier one as soon as a role, an absence, a delegation or a
 *          training has begun or ended, somebody has moved, left or acknowledged a policy; by a change or by
 *          time alone. One scan of each table; not for every call.
 */
export async function directoryInForce(db: Database, now: Instant): Promise<string> {
  const rows = await db.query<{ directory: string }>(
    `SELECT concat_ws(' / ', ${IN_FORCE_NOW}) AS directory`,
    [now],
  );
  return rows[0]?.directory ?? '';
}
