/**
 * An instant: RFC 3339, UTC, milliseconds and `Z`, always 24 characters: `2026-11-21T07:41:00.000Z`.
 * In this one form text order is time order, so instants compare with `<`.
 */
export type Instant = string;

/** ISO 8601 duration such as `PT4H`, `P1D`, `P3M`; never negative, never mixed with weeks. */
export type Duration = string;

const INSTANT = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})\.(\d{3})Z$/;
const DURATION =
  /^P(?!$)(?:(\d{1,4})W|(?:(\d{1,3})Y)?(?:(\d{1,4})M)?(?:(\d{1,5})D)?(?:T(?=\d)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,7})S)?)?)$/;

const DAY_MS = 86_400_000;

interface CivilDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/**
 * Days since 1970-01-01 of a date in the proleptic Gregorian calendar.
 * Own arithmetic because the domain has no clock and no `Date` (docs/adr/0003).
 */
function daysFromCivil({ year, month, day }: CivilDate): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const leapDays = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100);
  return era * 146_097 + yearOfEra * 365 + leapDays + dayOfYear - 719_468;
}

function civilFromDays(days: number): CivilDate {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1_460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthIndex = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthIndex + 2) / 5) + 1;
  const month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

function daysInMonth(year: number, month: number): number {
  const next = month === 12 ? { year: year + 1, month: 1 } : { year, month: month + 1 };
  return daysFromCivil({ ...next, day: 1 }) - daysFromCivil({ year, month, day: 1 });
}

/** @returns true for the one accepted form, with a date and a time that exist. */
export function isInstant(text: string): boolean {
  return INSTANT.test(text) && fromMillis(toMillis(text)) === text;
}

/** @returns milliseconds since 1970-01-01T00:00:00.000Z. @throws TypeError when `instant` is not one. */
export function toMillis(instant: Instant): number {
  const match = INSTANT.exec(instant);
  if (match === null) throw new TypeError(`not an instant: ${instant}`);
  const part = (index: number): number => Number(match[index]);
  const days = daysFromCivil({ year: part(1), month: part(2), day: part(3) });
  return days * DAY_MS + part(4) * 3_600_000 + part(5) * 60_000 + part(6) * 1_000 + part(7);
}

/** @param millis since 1970-01-01T00:00:00.000Z; years 0 to 9999. */
export function fromMillis(millis: number): Instant {
  const days = Math.floor(millis / DAY_MS);
  const { year, month, day } = civilFromDays(days);
  const rest = millis - days * DAY_MS;
  const two = (value: number): string => String(value).padStart(2, '0');
  const time = [
    two(Math.floor(rest / 3_600_000)),
    two(Math.floor(rest / 60_000) % 60),
    two(Math.floor(rest / 1_000) % 60),
  ].join(':');
  const fraction = String(rest % 1_000).padStart(3, '0');
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}T${time}.${fraction}Z`;
}

/** @returns true for an ISO 8601 duration this product understands (`P1D`, `PT30S`, `P2W`, `P3M`). */
export function isDuration(text: string): boolean {
  return DURATION.test(text);
}

/**
 * `instant + duration`. Years and months move in the calendar and clamp to the last day of the month
 * (31 January + P1M = 28 or 29 February); days are 24 hours, weeks 7 days: UTC has no shorter ones.
 *
 * @throws TypeError when `duration` is not one.
 */
export function addDuration(instant: Instant, duration: Duration): Instant {
  const match = DURATION.exec(duration);
  if (match === null) throw new TypeError(`not a duration: ${duration}`);
  const part = (index: number): number => Number(match[index] ?? 0);
  const start = toMillis(instant);
  const moved = addMonths(start, part(2) * 12 + part(3));
  const days = part(1) * 7 + part(4);
  const seconds = part(5) * 3_600 + part(6) * 60 + part(7);
  return fromMillis(moved + days * DAY_MS + seconds * 1_000);
}

function addMonths(millis: number, months: number): number {
  if (months === 0) return millis;
  const days = Math.floor(millis / DAY_MS);
  const { year, month, day } = civilFromDays(days);
  const target = year * 12 + (month - 1) + months;
  const newYear = Math.floor(target / 12);
  const newMonth = (target % 12) + 1;
  const newDay = Math.min(day, daysInMonth(newYear, newMonth));
  const newDays = daysFromCivil({ year: newYear, month: newMonth, day: newDay });
  return millis + (newDays - days) * DAY_MS;
}

/** @returns `to - from` in milliseconds; negative when `to` is earlier. */
export function millisBetween(from: Instant, to: Instant): number {
  return toMillis(to) - toMillis(from);
}

/** @returns the later of two instants. */
export function later(a: Instant, b: Instant): Instant {
  return a < b ? b : a;
}
