import { eligibility } from '../domain/eligibility.ts';
import { policyVersionName } from '../domain/policy.ts';
import { partiesOf, statusOf } from '../domain/request.ts';
import { maySee } from '../domain/visibility.ts';
import { sha256Hex } from '../ledger/hash.ts';
import { jcs } from '../ledger/jcs.ts';
import {
  factsOfPeople,
  peopleWithRoles,
  reading,
  type PersonFacts,
} from '../prisma/directory-store.ts';
import { contentOf, findRequest, listRequests, type RequestRow } from '../prisma/request-store.ts';
import { act, readerOf, type ActDeps, type CommandBody } from './approval-service.ts';
import type { Content } from './content.ts';
import { closeCursor, openCursor } from './cursor.ts';
import type { Deps } from './deps.ts';
import { ApplicationError, notFound } from './error.ts';
import { contentPlace } from './places.ts';
import { subjectOf, type Caller, type Principal } from './principal.ts';
import { readShape, shapesOf, withReadable, type RequestShape } from './request-shape.ts';

/** @throws ApplicationError NOT_FOUND when there is none or the caller may not see it. */
export async function visibleRequest(
  deps: Deps,
  principal: Principal,
  id: string,
): Promise<RequestRow> {
  const row = await findRequest(deps.db, id);
  if (row === null || !maySee(row.state, readerOf(principal))) throw notFound();
  return row;
}

export async function getRequest(
  deps: Deps,
  principal: Principal,
  id: string,
): Promise<RequestShape> {
  return readShape(deps, await visibleRequest(deps, principal, id));
}

// ---- view ----------------------------------------------------------------------------------------

/** Exactly what is to be decided (product contract 3.2). */
export interface ViewBody {
  readonly requestId: string;
  readonly contentDigest: string;
  readonly content: Content;
  readonly policy: { readonly id: string; readonly version: number; readonly name: string };
  readonly rule: { readonly name: string; readonly when: string | null };
  readonly stage: RequestShape['stage'];
  readonly excluded: readonly { readonly person: string; readonly reason: string }[];
  readonly record: CommandBody['record'];
}

/**
 * Shows a person what is to be decided and seals that it was shown, with the digest of the shown bytes.
 *
 * @throws ApplicationError NOT_FOUND, FORBIDDEN for apps.
 */
export async function viewRequest(deps: ActDeps, caller: Caller, id: string): Promise<ViewBody> {
  const { principal } = caller;
  if (principal.type !== 'person')
    throw new ApplicationError('FORBIDDEN', 'A view is for people; apps read the request itself.');
  const row = await visibleRequest(deps, principal, id);
  const shown = await shownOf(deps, row);
  const bytes = jcs(shown);
  const view = { name: 'view', sha256: sha256Hex(bytes), bytes: Buffer.byteLength(bytes) } as const;
  const { body } = await act(deps, caller, {
    requestId: id,
    payload: { kind: 'view', view },
    key: null,
  });
  return { ...shown, record: (body as CommandBody).record };
}

/** What a view shows, without the record that seals it; the time is that of `deps.now`. */
export async function shownOf(deps: Deps, row: RequestRow): Promise<Omit<ViewBody, 'record'>> {
  const { state } = row;
  const { rule } = state.policy;
  const [content, shape, excluded] = await Promise.all([
    readContent(deps, row),
    readShape(deps, row),
    excludedPeople(deps, row),
  ]);
  return {
    requestId: row.id,
    contentDigest: state.contentDigest,
    content,
    policy: {
      id: state.policy.id,
      version: state.policy.version,
      name: policyVersionName(state.policy),
    },
    rule: { name: rule.name, when: rule.when },
    stage: shape.stage,
    excluded,
  };
}

/** @throws ApplicationError NOT_FOUND when the content was erased, UNREADABLE when it was changed. */
export async function readContent(deps: Deps, row: RequestRow): Promise<Content> {
  const bytes = await contentOf(deps.db, row.id);
  const text = bytes === null ? null : await contentText(deps, row, bytes);
  if (text === null) throw notFound('content');
  return JSON.parse(text) as Content; // ours: it was parsed by its schema when it came in
}

async function contentText(
  deps: Deps,
  { id, dekId }: RequestRow,
  bytes: Uint8Array,
): Promise<string | null> {
  return withReadable(deps, id, async () => {
    await deps.vault.prepare(reading(deps.db), [dekId]);
    return deps.vault.decrypt(dekId, contentPlace(id), bytes);
  });
}

/** People who would be asked but may not decide, and the rule that says so. */
async function excludedPeople(deps: Deps, row: RequestRow): Promise<ViewBody['excluded']> {
  const { state } = row;
  const { stage } = state;
  if (stage === null) return [];
  const now = deps.now();
  const reader = reading(deps.db);
  const [asked, parties] = await Promise.all([
    peopleWithRoles(reader, stage.roles.flat(), now),
    factsOfPeople(reader, [...partiesOf(state)], now),
  ]);
  const people = new Map([...asked, ...parties].map((person) => [person.id, person]));
  const asExcluded = (person: PersonFacts): ViewBody['excluded'] => {
    const may = eligibility(state, stage, person);
    if (may.kind === 'eligible' || may.reason === 'ALREADY_DECIDED') return [];
    return [{ person: person.id, reason: may.reason }];
  };
  return [...people.values()].flatMap(asExcluded).sort((a, b) => (a.person < b.person ? -1 : 1));
}

// ---- lists ---------------------------------------------------------------------------------------

export interface ListQuery {
  readonly status: string | null;
  readonly kind: string | null;
  readonly eligible: 'me' | null;
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

/** Newest first: an app's own, or what a person may see. */
export async function listVisible(
  deps: Deps,
  principal: Principal,
  query: ListQuery,
): Promise<Page<RequestShape>> {
  const { shown, stoppedAt } = await scan(deps, principal, query);
  const rows = shown.slice(0, query.limit);
  const last = rows.at(-1);
  const more = shown.length > query.limit && last !== undefined;
  const end: Place | null = more ? { createdAt: last.createdAt, id: last.id } : stoppedAt;
  const next =
    end === null
      ? null
      : closeCursor(deps, listName(principal, query), `${end.createdAt} ${end.id}`);
  return { items: await shapesOf(deps, rows), next };
}

/** Rows that may be shown, one more than asked for where there are more. */
interface Scan {
  readonly shown: readonly RequestRow[];
  /** Where looking stopped although there may be more; null = nothing is left. */
  readonly stoppedAt: Place | null;
}

async function scan(deps: Deps, principal: Principal, query: ListQuery): Promise<Scan> {
  const filter = filterOf(principal, query);
  const shown: RequestRow[] = [];
  let after = placeAt(deps, principal, query);
  for (let scanned = 0; scanned < MAX_SCAN;) {
    const limit = Math.min(200, Math.max(query.limit + 1, 50));
    const rows = await listRequests(deps.db, { ...filter, after, limit });
    shown.push(...rows.filter((row) => isListed(row, principal, query)));
    const last = rows.at(-1);
    if (last === undefined || rows.length < limit || shown.length > query.limit)
      return { shown, stoppedAt: null };
    after = { createdAt: last.createdAt, id: last.id };
    scanned += rows.length;
  }
  return { shown, stoppedAt: after };
}

function filterOf(principal: Principal, { status, kind, eligible }: ListQuery) {
  const isApp = principal.type === 'app';
  const roles = isApp ? [] : principal.roles;
  return {
    status,
    kind,
    requester: isApp ? principal : null,
    waitingFor: eligible === null ? null : roles,
  };
}

function isListed({ state }: RequestRow, principal: Principal, query: ListQuery): boolean {
  if (!maySee(state, readerOf(principal))) return false;
  if (query.eligible === null) return true;
  if (principal.type === 'app' || state.stage === null || statusOf(state) !== 'pending')
    return false;
  const person = { id: principal.id, roles: principal.roles, absent: false };
  return eligibility(state, state.stage, person).kind === 'eligible';
}

interface Place {
  readonly createdAt: string;
  readonly id: string;
}

/** The same list on its next page: same caller, same filters. */
function listName(principal: Principal, { status, kind, eligible }: ListQuery): string {
  return JSON.stringify(['requests', subjectOf(principal), status, kind, eligible]);
}

/** @throws ApplicationError CURSOR_INVALID */
function placeAt(deps: Deps, principal: Principal, query: ListQuery): Place | null {
  if (query.cursor === null) return null;
  const place = openCursor(deps, listName(principal, query), query.cursor);
  const [createdAt = '', id = ''] = place.split(' ');
  return { createdAt, id };
}
