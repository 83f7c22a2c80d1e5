import type { Instant } from '../domain/instant.ts';
import type { Policy } from '../domain/policy.ts';
import type { PolicyProblem } from '../domain/policy-problems.ts';
import { PLAIN_TIME, type WorkingTime } from '../domain/working-time.ts';
import type { Draft } from '../ledger/append.ts';
import { commandKey, sha256Hex } from '../ledger/hash.ts';
import {
  calendarsInForce,
  findCalendarVersion,
  insertCalendarVersion,
  listCalendars,
  lockCalendar,
  type CalendarVersionRow,
} from '../prisma/calendar-store.ts';
import { factsOfPeople, type Reader } from '../prisma/directory-store.ts';
import { referencesOf } from '../prisma/ledger-store.ts';
import type { Tx } from '../prisma/transaction.ts';
import type { Deps } from './deps.ts';
import { ApplicationError, notFound, type FieldProblem } from './error.ts';
import type { Remember } from './idempotency.ts';
import { subjectOf } from './principal.ts';
import { openBook, sealDrafts, type SealedBy } from './sealing.ts';
import { lockSystemStream } from './system-stream.ts';
import {
  createWorkingTime,
  dayOfDate,
  hoursOf,
  timeZoneNamed,
  weekdayOf,
  WEEKDAYS,
  type Calendar,
  type Weekday,
} from './working-time.ts';

export type { Calendar, CalendarVersionRow };

export interface CalendarPublication {
  readonly id: string;
  /** Of the right shape; what it means is checked here. */
  readonly calendar: Calendar;
  /** The text as it was sent: what is digested and sealed. */
  readonly source: string;
  /** What the author has seen, as with policies; null = they believe there is none. */
  readonly expected: readonly number[] | 'any' | null;
  readonly by: SealedBy & { readonly actor: { readonly type: 'person'; readonly id: string } };
  readonly remember: Remember<CalendarVersionRow>;
}

/**
 * Publishes the next version of a calendar, sealed in the installation's stream. Times that are computed
 * after the commit follow it; instants that were computed before stay.
 *
 * @throws ApplicationError VALIDATION_FAILED with every problem; PRECONDITION_REQUIRED, PRECONDITION_FAILED.
 */
export async function publishCalendar(
  deps: Deps,
  publication: CalendarPublication,
): Promise<CalendarVersionRow> {
  const { id, calendar, source, by } = publication;
  const problems = meaningProblems(calendar, deps.now());
  if (problems.length > 0)
    throw new ApplicationError('VALIDATION_FAILED', 'The calendar cannot be used.', { problems });
  return deps.db.transaction(async (tx) => {
    const newest = await lockCalendar(tx, id);
    assertExpected(newest, publication.expected);
    const row: CalendarVersionRow = {
      id,
      version: newest + 1,
      document: calendarIn(source),
      source,
      sourceSha256: sha256Hex(source),
      author: by.actor.id,
      createdAt: deps.now(),
    };
    await sealPublished(deps, tx, { row, by });
    for (const fragment of insertCalendarVersion(row)) tx.write(fragment);
    publication.remember(tx, row);
    return row;
  });
}

/** @param source a text that was published: what it says beside its id, holidays filled in. */
export function calendarIn(source: string): Calendar {
  const {
    timeZone,
    hours,
    holidays = [],
  } = JSON.parse(source) as Partial<Calendar> & Pick<Calendar, 'timeZone' | 'hours'>;
  return { timeZone, hours, holidays };
}

async function sealPublished(
  deps: Deps,
  tx: Tx,
  { row, by }: { readonly row: CalendarVersionRow; readonly by: CalendarPublication['by'] },
): Promise<void> {
  const cmd = commandKey(`calendar:${row.id}@${row.version}`, 'published');
  const place = await lockSystemStream(tx, cmd);
  if (place === null) throw new TypeError(`calendar ${row.id}@${row.version} was sealed before`);
  const [references, [author]] = await Promise.all([
    referencesOf(tx, place.stream),
    factsOfPeople(tx, [by.actor.id], row.createdAt),
  ]);
  if (author === undefined) throw new TypeError(`no person ${by.actor.id}`);
  await deps.vault.prepare(tx, [author.dekId]);
  const book = openBook(references);
  const draft: Draft = {
    kind: 'register_changed',
    cmd,
    actor: { type: 'human', role: 'policy_admin', c: book.of(subjectOf(by.actor)) },
    auth: by.auth,
    surface: by.surface,
    policy: null,
    body: {
      register: 'calendar',
      item: row.id,
      version: row.version,
      change: 'published',
      digest: row.sourceSha256,
      effective: row.createdAt,
      request: null,
    },
  };
  const { createdAt: now } = row;
  const to = {
    ...place,
    about: 'installation',
    now,
    keys: new Map(),
    dekId: author.dekId,
  } as const;
  for (const fragment of sealDrafts(deps, to, { drafts: [draft], book }).fragments)
    tx.write(fragment);
}

/** @source RFC 9110 section 13.1.1 */
function assertExpected(newest: number, expected: CalendarPublication['expected']): void {
  if (expected === null && newest > 0)
    throw new ApplicationError(
      'PRECONDITION_REQUIRED',
      `This calendar has version ${newest}; send If-Match with its ETag.`,
    );
  if (expected === null) return;
  if (newest === 0)
    throw new ApplicationError(
      'PRECONDITION_FAILED',
      'This calendar has no version yet; publish the first one without If-Match.',
    );
  if (expected !== 'any' && !expected.includes(newest))
    throw new ApplicationError(
      'PRECONDITION_FAILED',
      `The newest version is ${newest}, and If-Match names another; read it and publish again.`,
    );
}

/** Newest versions in order of id. */
export function calendarPage(
  { db }: Deps,
  page: { readonly after: string | null; readonly limit: number },
): Promise<CalendarVersionRow[]> {
  return listCalendars(db, page);
}

/** @throws ApplicationError NOT_FOUND */
export async function calendarVersion(
  { db }: Deps,
  id: string,
  version: number,
): Promise<CalendarVersionRow> {
  const row = await findCalendarVersion(db, id, version);
  if (row === null) throw notFound('calendar version');
  return row;
}

// ---- what a calendar must be ---------------------------------------------------------------------

/** Days without any working time in a row, at most. */
const LONGEST_PAUSE = 366;
const DAY_MS = 86_400_000;

/** What shapes cannot say: a zone that exists, hours in order, and days on which somebody works. */
function meaningProblems(calendar: Calendar, now: Instant): FieldProblem[] {
  const problems = [
    ...zoneProblems(calendar),
    ...WEEKDAYS.flatMap((day) => hoursProblems(calendar, day)),
  ];
  return problems.length > 0 ? problems : pauseProblems(calendar, now);
}

function zoneProblems({ timeZone }: Calendar): FieldProblem[] {
  const name = timeZoneNamed(timeZone);
  if (name === timeZone) return [];
  const message =
    name === null
      ? 'is no time zone of the IANA database, such as Europe/Berlin'
      : `is written ${name}`;
  return [{ pointer: '/timeZone', message }];
}

function hoursProblems({ hours }: Calendar, day: Weekday): FieldProblem[] {
  const times = (hours[day] ?? []).map(hoursOf);
  return times.flatMap((time, index) => {
    const pointer = `/hours/${day}/${index}`;
    const before = times[index - 1];
    if (time === null) return [{ pointer, message: 'does not end after it starts' }];
    if (before === undefined || before === null || before[1] <= time[0]) return [];
    return [{ pointer, message: 'starts before the one before it has ended: write them in order' }];
  });
}

/** A deadline that waits for more than a year for somebody to work is a mistake. */
function pauseProblems({ hours, holidays }: Calendar, now: Instant): FieldProblem[] {
  if (WEEKDAYS.every((day) => (hours[day] ?? []).length === 0))
    return [{ pointer: '/hours', message: 'have no working time on any day of the week' }];
  const closed = new Set(holidays.map(dayOfDate));
  const isOpen = (day: number): boolean =>
    !closed.has(day) && (hours[WEEKDAYS[weekdayOf(day)] ?? 'mon'] ?? []).length > 0;
  const today = Math.floor(Date.parse(now) / DAY_MS);
  let worked = today;
  for (const day of [...closed].filter((one) => one >= today).sort((a, b) => a - b)) {
    // Between two holidays lies a working day, unless they are closer than a week.
    for (let back = day - 1; back > Math.max(worked, day - 8); back -= 1)
      if (isOpen(back)) worked = back;
    if (day - worked > LONGEST_PAUSE)
      return [{ pointer: '/holidays', message: 'leave no working time for more than a year' }];
  }
  return [];
}

// ---- what others need ----------------------------------------------------------------------------

/** Calendars in memory by the SHA-256 of their text: a version never changes. */
const READ = new Map<string, Calendar>();
const MOST_CALENDARS = 500;

/**
 * Working time by the newest versions of the named calendars, for one step. One small query; none where
 * nothing is named.
 *
 * @throws TypeError for a calendar that was never published: publishing a policy that names one is refused.
 */
export async function loadWorkingTime(
  reader: Reader,
  ids: readonly string[],
): Promise<WorkingTime> {
  if (ids.length === 0) return PLAIN_TIME;
  const rows = await calendarsInForce(reader, [...new Set(ids)], [...READ.keys()]);
  const calendars = new Map<string, Calendar>();
  for (const { id, sourceSha256, document } of rows) {
    const calendar = READ.get(sourceSha256) ?? (document as Calendar); // ours: checked when published
    if (READ.size >= MOST_CALENDARS) READ.clear();
    READ.set(sourceSha256, calendar);
    calendars.set(id, calendar);
  }
  const unknown = ids.find((id) => !calendars.has(id));
  if (unknown !== undefined) throw new TypeError(`there is no calendar ${unknown}`);
  return createWorkingTime(calendars);
}

/** @returns the calendars that the stages of a policy name, each once. */
export function calendarsNamed({ rules }: Pick<Policy, 'rules'>): string[] {
  const named = rules.flatMap(({ stages }) => stages.flatMap(({ calendar }) => calendar ?? []));
  return [...new Set(named)];
}

/** @returns one problem for each stage whose calendar nobody has published. @throws never. */
export function calendarProblems(policy: Policy, knownIds: ReadonlySet<string>): PolicyProblem[] {
  return policy.rules.flatMap(({ stages }, rule) =>
    stages.flatMap(({ calendar }, stage) => {
      if (calendar === null || knownIds.has(calendar)) return [];
      const message = `there is no calendar "${calendar}": publish it first`;
      return [{ pointer: `/rules/${rule}/stages/${stage}/calendar`, message }];
    }),
  );
}

/** @returns which of the calendars that a policy names exist, for `calendarProblems`. */
export async function knownCalendars(
  reader: Reader,
  policy: Pick<Policy, 'rules'>,
): Promise<ReadonlySet<string>> {
  const named = calendarsNamed(policy);
  if (named.length === 0) return new Set();
  const rows = await calendarsInForce(reader, named, [...READ.keys()]);
  return new Set(rows.map(({ id }) => id));
}
