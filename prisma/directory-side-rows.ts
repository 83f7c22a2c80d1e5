import type { Instant } from '../domain/instant.ts';

// Rows of the directory that rights are read from, by the stream of the person whom they are about.

/** A time, as granted, and when it was cut short. */
interface Dated {
  readonly id: string;
  readonly from: Instant;
  readonly until: Instant | null;
  readonly cutAt: Instant | null;
}

export interface DirectorySideRows {
  readonly grants: readonly (Dated & { readonly role: string })[];
  readonly absences: readonly (Dated & { readonly deputy: string | null })[];
  readonly delegations: readonly (Dated & {
    readonly to: string;
    readonly role: string | null;
    readonly kind: string | null;
  })[];
  readonly trainings: readonly (Dated & {
    readonly course: string;
    readonly version: number;
    readonly role: string | null;
    readonly change: string;
  })[];
  readonly people: readonly {
    readonly leftAt: Instant | null;
    readonly team: string | null;
    readonly region: string | null;
  }[];
  /** Team and region that the person had, by time. */
  readonly places: readonly {
    readonly seq: number;
    readonly team: string | null;
    readonly region: string | null;
    readonly createdAt: Instant;
  }[];
}

const dated = (cutAt: string): string =>
  `p.stream_id AS stream, r.id::text COLLATE "C" AS place, r.id, r.valid_from AS "from",
    r.valid_until AS until, r.${cutAt} AS "cutAt"`;
const OF_PERSON = 'r JOIN person p ON p.id = r.person_id';

/** Statements, one for each kind of row; `place` orders the rows of a stream. */
export const DIRECTORY_ROWS = {
  grants: `SELECT ${dated('ended_at')}, r.role FROM role_grant ${OF_PERSON}`,
  absences: `SELECT ${dated('cancelled_at')}, r.deputy_id AS deputy FROM absence ${OF_PERSON}`,
  delegations: `SELECT ${dated('cancelled_at')}, r.to_id AS "to", r.role, r.kind FROM delegation ${OF_PERSON}`,
  trainings: `SELECT ${dated('revoked_at')}, r.course, r.version, r.role, r.change FROM training ${OF_PERSON}`,
  people: `SELECT stream_id AS stream, id COLLATE "C" AS place, left_at AS "leftAt", team, region FROM person`,
  places: `SELECT p.stream_id AS stream,
    lpad(r.seq::text, 10, '0') COLLATE "C" AS place, r.seq, r.team, r.region, r.created_at AS "createdAt" FROM person_profile ${OF_PERSON}`,
} as const satisfies Record<keyof DirectorySideRows, string>;
