import { Temporal } from 'temporal-polyfill';
import { fromMillis, isDuration, toMillis, type Duration } from '../domain/instant.ts';
import { PLAIN_TIME, type WorkingTime } from '../domain/working-time.ts';

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** When people of one place work. */
export interface Calendar {
  /** Of the IANA database: `Europe/Berlin`. */
  readonly timeZone: string;
  /** `HH:MM-HH:MM` on the clock of the zone, the end not included and up to `24:00`; a missing day is closed. */
  readonly hours: Readonly<Partial<Record<Weekday, readonly string[]>>>;
  /** Dates on which nobody works: `2026-12-25`. */
  readonly holidays: readonly string[];
}

const DAY_MS = 86_400_000;
/** How far a time is looked for: what takes longer ends there. A step must end, whatever a calendar says. */
const FURTHEST_MS = 36_524 * DAY_MS;
const LAST_MILLIS = Date.UTC(9999, 11, 31);
/** Years of openings that one calendar keeps in memory: about 12 KB each. */
const MOST_YEARS = 64;

/**
 * Working time of several calendars. It is working time while the clock of the zone shows a time inside
 * the hours of a date that is no holiday; so a change of the clock takes away or adds what it skips or
 * repeats. Every function is total: what would take more than a hundred years ends after them.
 *
 * @returns functions that throw TypeError for a calendar that is not in the map.
 * @source docs/calendars.md, docs/adr/0003-time.md
 */
export function createWorkingTime(calendars: ReadonlyMap<string, Calendar>): WorkingTime {
  const named = (name: string): Openings => {
    const calendar = calendars.get(name);
    if (calendar === undefined) throw new TypeError(`there is no calendar ${name}`);
    return openingsOf(calendar);
  };
  return {
    add: (name, from, duration) =>
      name === null
        ? PLAIN_TIME.add(null, from, duration)
        : fromMillis(addTo(named(name), toMillis(from), partsOf(duration))),
    addMillis: (name, from, millis) =>
      name === null
        ? PLAIN_TIME.addMillis(null, from, millis)
        : fromMillis(addMillisTo(named(name), toMillis(from), millis)),
    between: (name, from, to) =>
      name === null
        ? PLAIN_TIME.between(null, from, to)
        : workedBetween(named(name), toMillis(from), toMillis(to)),
  };
}

/** @returns the name as the IANA database writes it; null where it has none such, offsets included. */
export function timeZoneNamed(name: string): string | null {
  if (!/^[A-Za-z]/.test(name)) return null;
  try {
    return new Temporal.ZonedDateTime(0n, name).timeZoneId;
  } catch {
    return null; // RangeError: the library knows no such zone
  }
}

/** @returns milliseconds since local midnight, `HH:MM-HH:MM` as [from, to]; null where it is no such time. */
export function hoursOf(text: string): readonly [number, number] | null {
  const match = /^([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)$/.exec(text);
  if (match === null) return null;
  const minutes = (hour: string, minute: string): number => Number(hour) * 60 + Number(minute);
  const [, fromHour = '', fromMinute = '', toHour, toMinute] = match;
  const from = minutes(fromHour, fromMinute);
  const to = minutes(toHour ?? '24', toMinute ?? '0');
  return from < to ? [from * 60_000, to * 60_000] : null;
}

// ---- openings ------------------------------------------------------------------------------------

/** A calendar made ready: when it is open, as instants, a year at a time. */
interface Openings {
  readonly zone: string;
  /** Whether the date, in days since 1970-01-01, is a working day. */
  readonly isWorkingDay: (day: number) => boolean;
  /** Opening and closing instants of a year of UTC, one after the other, in milliseconds. */
  readonly ofYear: (year: number) => Float64Array;
}

const READY = new WeakMap<Calendar, Openings>();

function openingsOf(calendar: Calendar): Openings {
  let ready = READY.get(calendar);
  if (ready === undefined) {
    ready = makeReady(calendar);
    READY.set(calendar, ready);
  }
  return ready;
}

function makeReady({ timeZone, hours, holidays }: Calendar): Openings {
  const week = WEEKDAYS.map((day) => (hours[day] ?? []).flatMap((text) => [hoursOf(text) ?? []]));
  const closed = new Set(holidays.map(dayOfDate));
  const hoursOn = (day: number): readonly (readonly number[])[] =>
    closed.has(day) ? [] : (week[weekdayOf(day)] ?? []);
  const years = new Map<number, Float64Array>();
  return {
    zone: timeZone,
    isWorkingDay: (day) => hoursOn(day).length > 0,
    ofYear(year) {
      let found = years.get(year);
      if (found === undefined) {
        if (years.size >= MOST_YEARS) years.clear();
        found = openingsIn(timeZone, year, hoursOn);
        years.set(year, found);
      }
      return found;
    },
  };
}

/** @returns days since 1970-01-01. */
export function dayOfDate(date: string): number {
  return Math.floor(toMillis(`${date}T00:00:00.000Z`) / DAY_MS);
}

/** @returns 0 for Monday. 1970-01-01 was a Thursday. */
export function weekdayOf(day: number): number {
  return (((day + 3) % 7) + 7) % 7;
}

function openingsIn(
  zone: string,
  year: number,
  hoursOn: (day: number) => readonly (readonly number[])[],
): Float64Array {
  const bounds: number[] = [];
  for (const { from, to, offset } of stretchesOf(zone, Date.UTC(year), Date.UTC(year + 1))) {
    const last = Math.floor((to - 1 + offset) / DAY_MS);
    for (let day = Math.floor((from + offset) / DAY_MS); day <= last; day += 1) {
      for (const [opens = 0, closes = 0] of hoursOn(day)) {
        const open = Math.max(from, day * DAY_MS + opens - offset);
        const close = Math.min(to, day * DAY_MS + closes - offset);
        if (open >= close) continue;
        if (bounds.at(-1) === open) bounds[bounds.length - 1] = close;
        else bounds.push(open, close);
      }
    }
  }
  return Float64Array.from(bounds);
}

interface Stretch {
  readonly from: number;
  readonly to: number;
  /** Milliseconds that the clock of the zone is ahead of UTC. */
  readonly offset: number;
}

/** The time from `from` to `to`, cut where the zone changes its clock. */
function stretchesOf(zone: string, from: number, to: number): Stretch[] {
  const stretches: Stretch[] = [];
  let at = zonedAt(zone, from);
  for (;;) {
    const next = at.getTimeZoneTransition('next');
    const end = next === null ? to : Math.min(to, next.epochMilliseconds);
    const offset = at.offsetNanoseconds / 1_000_000;
    stretches.push({ from: at.epochMilliseconds, to: end, offset });
    if (next === null || end === to) return stretches;
    at = next;
  }
}

function zonedAt(zone: string, millis: number): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(millis).toZonedDateTimeISO(zone);
}

/** Every opening from `from` on, what lies before it and after `until` cut off. */
function* openFrom(
  openings: Openings,
  from: number,
  until: number,
): Generator<readonly [open: number, close: number]> {
  const lastYear = new Date(until).getUTCFullYear();
  for (let year = new Date(from).getUTCFullYear(); year <= lastYear; year += 1) {
    const bounds = openings.ofYear(year);
    for (let at = firstEndingAfter(bounds, from); at < bounds.length; at += 2) {
      const open = Math.max(from, bounds[at] ?? 0);
      if (open >= until) return;
      yield [open, Math.min(until, bounds[at + 1] ?? 0)];
    }
  }
}

/** @returns the place of the first opening that closes after `millis`. */
function firstEndingAfter(bounds: Float64Array, millis: number): number {
  let [low, high] = [0, bounds.length / 2];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((bounds[2 * middle + 1] ?? 0) > millis) high = middle;
    else low = middle + 1;
  }
  return 2 * low;
}

function furthestFrom(millis: number): number {
  return Math.min(millis + FURTHEST_MS, LAST_MILLIS);
}

/** @returns `from` where it is working time, else the next opening. */
function workingFrom(openings: Openings, from: number): number {
  const until = furthestFrom(from);
  for (const [open] of openFrom(openings, from, until)) return open;
  return until;
}

// ---- arithmetic ----------------------------------------------------------------------------------

function addMillisTo(openings: Openings, from: number, millis: number): number {
  const until = furthestFrom(from);
  let left = millis;
  for (const [open, close] of openFrom(openings, from, until)) {
    if (left <= close - open) return open + left;
    left -= close - open;
  }
  return until;
}

function workedBetween(openings: Openings, from: number, to: number): number {
  let worked = 0;
  for (const [open, close] of openFrom(openings, from, Math.min(to, furthestFrom(from))))
    worked += close - open;
  return worked;
}

interface Parts {
  /** Years, months and weeks move in the calendar of the zone. */
  readonly moved: { readonly years: number; readonly months: number; readonly weeks: number };
  readonly workingDays: number;
  readonly millis: number;
}

function partsOf(duration: Duration): Parts {
  if (!isDuration(duration)) throw new TypeError(`not a duration: ${duration}`);
  const { years, months, weeks, days, hours, minutes, seconds } = Temporal.Duration.from(duration);
  const millis = ((hours * 60 + minutes) * 60 + seconds) * 1_000;
  return { moved: { years, months, weeks }, workingDays: days, millis };
}

/** Years, months and weeks first, then working days, then working time; each from a working moment. */
function addTo(openings: Openings, from: number, { moved, workingDays, millis }: Parts): number {
  let at = workingFrom(openings, from);
  if (moved.years + moved.months + moved.weeks > 0)
    at = workingFrom(openings, zonedAt(openings.zone, at).add(moved).epochMilliseconds);
  if (workingDays > 0) at = addWorkingDays(openings, at, workingDays);
  if (millis > 0) at = addMillisTo(openings, at, millis);
  return Math.min(at, furthestFrom(from));
}

/** @param at a working moment. */
function addWorkingDays(openings: Openings, at: number, count: number): number {
  const until = furthestFrom(at);
  const local = zonedAt(openings.zone, at).toPlainDateTime();
  const today = local.toPlainDate();
  const first = dayOfDate(today.toString());
  let day = first;
  for (let left = count; left > 0; left -= openings.isWorkingDay(day) ? 1 : 0) {
    day += 1;
    if ((day - first) * DAY_MS >= until - at) return until;
  }
  return sameTimeOn(openings, local.add({ days: day - first }));
}

/** At that time of its date; closed then, at the date's next opening; closed for the date, at its last closing. */
function sameTimeOn(openings: Openings, local: Temporal.PlainDateTime): number {
  const date = local.toPlainDate();
  const [dawn, midnight] = [date, date.add({ days: 1 })].map(
    (one) => one.toZonedDateTime(openings.zone).epochMilliseconds,
  ) as [number, number];
  const wanted = local.toZonedDateTime(openings.zone).epochMilliseconds;
  for (const [open] of openFrom(openings, wanted, midnight)) return open;
  let closed: number | null = null;
  for (const [, close] of openFrom(openings, dawn, midnight)) closed = close;
  // A change of the clock can leave nothing of a day's hours.
  return closed ?? workingFrom(openings, wanted);
}
