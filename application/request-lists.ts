import { delegationsTo, withDelegations } from '../domain/delegation.ts';
import { eligibility } from '../domain/eligibility.ts';
import { inPerson } from '../domain/listing.ts';
import { statusOf, type RequestState } from '../domain/request.ts';
import type { Candidate } from '../domain/reviewer.ts';
import { maySee, SEES_ALL } from '../domain/visibility.ts';
import { factsOfPeople, reading } from '../prisma/directory-store.ts';
import {
  listRequests,
  listWaiting,
  PAGE_SIZES,
  type Listed,
  type ListOrder,
  type ListPlace,
  type PageSize,
} from '../prisma/list-store.ts';
import { closeCursor, openCursor } from './cursor.ts';
import type { Deps } from './deps.ts';
import { ApplicationError } from './error.ts';
import { readerOf, subjectOf, type PersonPrincipal, type Principal } from './principal.ts';
import { shapesOf, type RequestShape } from './request-shape.ts';

export interface ListQuery {
  readonly status: string | null;
  readonly kind: string | null;
  /** `me`: what waits for the caller's decision. */
  readonly eligible: 'me' | null;
  readonly order: ListOrder;
  readonly limit: number;
  readonly cursor: string | null;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Opaque; null on the last page. */
  readonly next: string | null;
}

/** Rows looked at for one page of a person's list, at most: what they may not see is left out. */
const MAX_SCAN = 2_000;

/**
 * Newest or most urgent first: an app's own, what a person may see, or what waits for a person.
 *
 * @returns a page; one that is not full, with a cursor, where much had to be left out.
 * @throws ApplicationError CURSOR_INVALID; VALIDATION_FAILED for urgency of what is not pending.
 */
export async function listVisible(
  deps: Deps,
  principal: Principal,
  query: ListQuery,
): Promise<Page<RequestShape>> {
  assertCanBeOrdered(query);
  const { shown, stoppedAt } = await scan(deps, principal, query);
  const page = shown.slice(0, query.limit);
  const last = page.at(-1);
  const end = shown.length > query.limit && last !== undefined ? last.place : stoppedAt;
  const list = listName(principal, query);
  const next = end === null ? null : closeCursor(deps, list, `${end.at} ${end.id}`);
  const items = await shapesOf(
    deps,
    page.map(({ row }) => row),
  );
  return { items, next };
}

function assertCanBeOrdered({ order, status }: ListQuery): void {
  if (order === 'newest' || status === null || status === 'pending') return;
  throw new ApplicationError('VALIDATION_FAILED', 'Only what is pending can be urgent.', {
    problems: [
      { pointer: '/order', message: `"urgent" lists pending requests, not ${status} ones` },
    ],
  });
}

/** Rows that may be shown, one more than asked for where there are more. */
interface Scan {
  readonly shown: readonly Listed[];
  /** Where looking stopped although there may be more; null = nothing is left. */
  readonly stoppedAt: ListPlace | null;
}

async function scan(deps: Deps, principal: Principal, query: ListQuery): Promise<Scan> {
  const shown: Listed[] = [];
  let after = placeAt(deps, principal, query);
  const size = PAGE_SIZES.find((one) => one > query.limit) ?? 201;
  const read = pageReader(deps, principal, query);
  for (let scanned = 0; scanned < MAX_SCAN;) {
    const rows = read === null ? [] : await read(after, size);
    shown.push(...(await listedOf(deps, rows, { principal, query })));
    const last = rows.at(-1);
    if (last === undefined || rows.length < size || shown.length > query.limit)
      return { shown, stoppedAt: null };
    after = last.place;
    scanned += rows.length;
  }
  return { shown, stoppedAt: after };
}

type ReadPage = (after: ListPlace | null, size: PageSize) => Promise<Listed[]>;

/** @returns how to read on in the list; null where it is empty whatever there is. */
function pageReader({ db }: Deps, principal: Principal, query: ListQuery): ReadPage | null {
  const { status, kind, order, eligible } = query;
  if (eligible === 'me') {
    if (principal.type === 'app' || (status !== null && status !== 'pending')) return null;
    const asked = askedOf(principal);
    const inbox = { asked, person: principal.id, kind, order };
    return (after, size) => listWaiting(db, { ...inbox, after, size });
  }
  const reader = readerOf(principal);
  const seesAll = reader.type === 'person' && reader.roles.some((role) => SEES_ALL.includes(role));
  const list = { of: seesAll ? null : reader, kind, order };
  const only = order === 'urgent' ? 'pending' : status;
  return (after, size) => listRequests(db, { ...list, status: only, after, size });
}

/** Their own roles, those of everybody they may stand in for, and themselves. */
function askedOf(person: PersonPrincipal): string[] {
  const lent = person.standsFor.flatMap(({ principal, role }) =>
    role === null ? principal.roles : [role],
  );
  return [...new Set([...person.roles, ...lent, inPerson(person.id)])];
}

async function listedOf(
  deps: Deps,
  rows: readonly Listed[],
  { principal, query }: { readonly principal: Principal; readonly query: ListQuery },
): Promise<Listed[]> {
  const reader = readerOf(principal);
  const visible = rows.filter(({ row }) => maySee(row.state, reader));
  if (query.eligible === null || principal.type === 'app') return visible;
  const candidateIn = await handedOver(deps, principal, visible);
  return visible.filter(({ row: { state } }) => mayDecide(state, candidateIn(state)));
}

function mayDecide(state: RequestState, person: Candidate): boolean {
  const { stage } = state;
  if (stage === null || statusOf(state) !== 'pending') return false;
  return eligibility(state, stage, person).kind === 'eligible';
}

/** The person with whom they may stand in for in single requests; people are looked up once. */
async function handedOver(
  deps: Deps,
  person: PersonPrincipal,
  rows: readonly Listed[],
): Promise<(state: RequestState) => Candidate> {
  const now = deps.now();
  const ids = rows.flatMap(({ row }) =>
    delegationsTo(row.state, person.id, now).map((one) => one.person),
  );
  if (ids.length === 0) return () => person;
  const principals = await factsOfPeople(reading(deps.db), [...new Set(ids)], now);
  return (state) => withDelegations<Candidate>(state, person, { principals, now });
}

/** The same list on its next page: same caller, same filters. */
function listName(principal: Principal, query: ListQuery): string {
  const { status, kind, eligible, order } = query;
  return JSON.stringify(['requests', subjectOf(principal), status, kind, eligible, order]);
}

/** @throws ApplicationError CURSOR_INVALID */
function placeAt(deps: Deps, principal: Principal, query: ListQuery): ListPlace | null {
  if (query.cursor === null) return null;
  const place = openCursor(deps, listName(principal, query), query.cursor);
  const [at = '', id = ''] = place.split(' ');
  return { at, id };
}
