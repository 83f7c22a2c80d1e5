import type { Instant } from '../domain/instant.ts';
import type { RequestStatus } from '../domain/request.ts';
import type { Database } from './database.ts';
import { COLUMNS, toRow, type RawRow, type RequestRow } from './request-store.ts';

// Lists of requests. Every list is read in the order of an index from the place where the last page ended,
// at most so many rows from each index range that belongs to it: a page costs the same however many
// requests there are, and however deep it lies (docs/adr/0013-lists.md; test/prisma/list-store.test.ts
// holds the plans).

/** `newest`: last submitted first. `urgent`: pending ones only, the earliest deadline first. */
export type ListOrder = 'newest' | 'urgent';

/** A place in a list: of the last item shown. */
export interface ListPlace {
  /** An instant: `created_at`, or the deadline; `infinity` where there is none. */
  readonly at: string;
  readonly id: string;
}

export interface Listed {
  readonly row: RequestRow;
  readonly place: ListPlace;
}

interface Paged {
  readonly order: ListOrder;
  /** null = from the beginning. */
  readonly after: ListPlace | null;
  /** At most so many: one of `PAGE_SIZES`. */
  readonly size: PageSize;
}

/** Written into the statements: with an unknown limit the planner may prefer to sort. */
export const PAGE_SIZES = [21, 51, 201] as const;
export type PageSize = (typeof PAGE_SIZES)[number];

/** How each order is written, given the columns that hold it. */
const ORDERS = {
  newest: {
    by: (at: string, id: string) => `${at} DESC, ${id} DESC`,
    isAfter: (at: string, id: string) => `(${at}, ${id}) < ($1::timestamptz, $2::uuid)`,
    first: { at: 'infinity', id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' },
    waiting: 'created_at',
    request: 'created_at',
    when: '',
  },
  urgent: {
    by: (at: string, id: string) => `${at}, ${id}`,
    isAfter: (at: string, id: string) => `(${at}, ${id}) > ($1::timestamptz, $2::uuid)`,
    first: { at: '-infinity', id: '00000000-0000-0000-0000-000000000000' },
    waiting: 'due',
    request: `coalesce(deadline, 'infinity')`,
    when: ` AND status = 'pending'`,
  },
} as const;

/** Pending requests that ask one of several roles or people, for a person who may decide them. */
export interface Inbox extends Paged {
  /** As `askedNow` of domain/listing.ts writes them. */
  readonly asked: readonly string[];
  readonly person: string;
  readonly kind: string | null;
}

/** In order; whether the person may decide is for `eligibility` to say. */
export async function listWaiting(db: Database, inbox: Inbox): Promise<Listed[]> {
  const { at, id } = inbox.after ?? ORDERS[inbox.order].first;
  const values = [at, id, inbox.asked, inbox.person, inbox.kind];
  return listed(await db.query<RawListed>(waitingText(inbox), values));
}

export function waitingText({ order, size }: Pick<Paged, 'order' | 'size'>): string {
  const { by, isAfter, waiting: at } = ORDERS[order];
  return pageText({
    order,
    size,
    keys: `SELECT w.at, w.id FROM unnest($3::text[]) AS k(asked) CROSS JOIN LATERAL (
        SELECT ${at} AS at, request_id AS id FROM request_waiting
          WHERE asked = k.asked AND ${isAfter(at, 'request_id')}
            AND NOT ($4::text = ANY(barred)) AND ($5::text IS NULL OR kind = $5)
          ORDER BY ${by(at, 'request_id')} LIMIT ${size}) w`,
  });
}

/** Which requests a list shows. */
export interface RequestList extends Paged {
  /** Whose list it is; null = everybody's. */
  readonly of:
    | { readonly type: 'app'; readonly id: string }
    | { readonly type: 'person'; readonly id: string; readonly roles: readonly string[] }
    | null;
  /** null = all; with the order `urgent` it is `pending`. */
  readonly status: string | null;
  readonly kind: string | null;
}

/** In order; whether a person may see what is listed is for `maySee` to say. */
export async function listRequests(db: Database, list: RequestList): Promise<Listed[]> {
  const { at, id } = list.after ?? ORDERS[list.order].first;
  const { whose, values } = whoseList(list);
  return listed(await db.query<RawListed>(requestText(whose, list), [at, id, ...values]));
}

/** Which statement it takes, and its values from $3 on. */
function whoseList({ of, kind, status, order }: RequestList): {
  readonly whose: keyof typeof RANGES;
  readonly values: readonly unknown[];
} {
  if (of === null && kind === null && status === null && order === 'newest')
    return { whose: 'everything', values: [] };
  const filters = [kind, status === null ? STATUSES : [status]];
  if (of === null) return { whose: 'all', values: filters };
  return of.type === 'app'
    ? { whose: 'app', values: [...filters, of.id] }
    : { whose: 'person', values: [...filters, of.id, of.roles] };
}

/** The compiler holds them to those of domain/request.ts. */
const STATUSES = Object.keys({
  ...{ held: true, pending: true, approved: true, rejected: true },
  ...{ expired: true, withdrawn: true, overridden: true },
} satisfies Record<RequestStatus, true>);

/** What lists are made of. $3 kind or null, $4 statuses, $5 the app or person, $6 the person's roles. */
export function requestText(
  whose: keyof typeof RANGES,
  page: Pick<Paged, 'order' | 'size'>,
): string {
  const ranges = RANGES[whose].map((range) => range(page));
  return pageText({ ...page, keys: ranges.join(' UNION ALL ') });
}

type Range = (page: Pick<Paged, 'order' | 'size'>) => string;

const everything: Range = ({ order, size }) => {
  const { by, isAfter, request: at } = ORDERS[order];
  return `(SELECT ${at} AS at, id FROM request WHERE ${isAfter(at, 'id')}
    ORDER BY ${by(at, 'id')} LIMIT ${size})`;
};

const ofAll: Range = (page) =>
  rangesOf(page, ['audience = a.id'], {
    of: 'request_audience a',
    where: '$3::text IS NULL OR a.kind = $3',
  });

/** What people of a role may see: requests under rules that can turn to it. */
const ofRoles: Range = (page) =>
  rangesOf(page, ['audience = a.id'], {
    of: 'request_audience a',
    where: '($3::text IS NULL OR a.kind = $3) AND a.roles && $6::text[]',
  });

const KINDS = `(SELECT DISTINCT kind FROM request_audience WHERE $3::text IS NULL OR kind = $3) k`;

const ofApp: Range = (page) =>
  rangesOf(page, [`requester_type = 'app'`, 'requester_id = $5', 'kind = k.kind'], {
    of: KINDS,
    where: 'true',
  });

/** What a person asked for, and what their apps asked for. Whose an app is never changes. */
const ofRequester: Range = (page) =>
  rangesOf(page, ['requester_type = q.type', 'requester_id = q.id', 'kind = k.kind'], {
    of: `(SELECT 'person' AS type, $5::text AS id
        UNION ALL SELECT 'app', id FROM app WHERE owner = $5) q CROSS JOIN ${KINDS}`,
    where: 'true',
  });

/** What a person has had to do with. */
const ofPerson: Range = ({ order, size }) => {
  const { by, isAfter, waiting: at, when } = ORDERS[order];
  return `SELECT p.at, p.id FROM unnest($4::text[]) AS s(status) CROSS JOIN LATERAL (
      SELECT ${at} AS at, request_id AS id FROM request_person
        WHERE person_id = $5 AND status = s.status${when} AND ${isAfter(at, 'request_id')}
          AND ($3::text IS NULL OR kind = $3)
        ORDER BY ${by(at, 'request_id')} LIMIT ${size}) p`;
};

const RANGES = {
  app: [ofApp],
  person: [ofRoles, ofRequester, ofPerson],
  all: [ofAll],
  everything: [everything],
} as const satisfies Record<string, readonly Range[]>;

/** So many rows from the beginning of each range of an index, one range per status. */
function rangesOf(
  { order, size }: Pick<Paged, 'order' | 'size'>,
  range: readonly string[],
  { of, where }: { readonly of: string; readonly where: string },
): string {
  const { by, isAfter, request: at, when } = ORDERS[order];
  return `SELECT r.at, r.id FROM ${of} CROSS JOIN unnest($4::text[]) AS s(status) CROSS JOIN LATERAL (
      SELECT ${at} AS at, id FROM request
        WHERE ${range.join(' AND ')} AND status = s.status${when} AND ${isAfter(at, 'id')}
        ORDER BY ${by(at, 'id')} LIMIT ${size}) r WHERE ${where}`;
}

/** The first of several ranges together, with their rows. */
function pageText({
  order,
  size,
  keys,
}: Pick<Paged, 'order' | 'size'> & { readonly keys: string }): string {
  const { by } = ORDERS[order];
  const columns = COLUMNS.split(', ').map((column) => `r.${column}`);
  return `SELECT ${columns.join(', ')}, nullif(p.at, 'infinity') AS place_at
    FROM (SELECT DISTINCT at, id FROM (${keys}) k ORDER BY ${by('at', 'id')} LIMIT ${size}) p
    JOIN request r ON r.id = p.id ORDER BY ${by('p.at', 'p.id')}`;
}

type RawListed = RawRow & { readonly place_at: Instant | null };

function listed(rows: readonly RawListed[]): Listed[] {
  return rows.map((raw) => ({
    row: toRow(raw),
    place: { at: raw.place_at ?? 'infinity', id: raw.id },
  }));
}
