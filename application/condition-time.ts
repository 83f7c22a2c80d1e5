import { celMethod, CelScalar, type CelFunc, type CelType, type CelValue } from '@bufbuild/cel';
import { charge } from './condition-budget.ts';

export const BAD_TIMESTAMP = 'text is not an RFC 3339 timestamp';
export const BAD_ZONE = 'unknown time zone';

const RFC_3339 =
  /^(\d{4})-(\d{2})-(\d{2})T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;
const FIXED_OFFSET = /^([+-]?)(\d{2}):(\d{2})$/;
const ZONE_NAME = /^[A-Za-z][A-Za-z0-9_+-]*(?:\/[A-Za-z0-9_+-]+){0,2}$/;
const ZONE_COST = 100;
const DAY_MS = 86_400_000;

/**
 * The library takes 30 February as 2 March, and 24:00 as tomorrow.
 * @throws Error unless `text` is a timestamp whose date exists.
 */
export function assertTimestamp(text: string): void {
  const match = RFC_3339.exec(text);
  if (match === null) throw new Error(BAD_TIMESTAMP);
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const last = new Date(Date.UTC(year, month, 0));
  last.setUTCFullYear(year);
  const exists = month >= 1 && month <= 12 && day >= 1 && day <= last.getUTCDate();
  if (!exists) throw new Error(BAD_TIMESTAMP);
}

const METHODS: readonly (readonly [string, (date: Date) => number])[] = [
  ['getFullYear', (date) => date.getUTCFullYear()],
  ['getMonth', (date) => date.getUTCMonth()],
  ['getDate', (date) => date.getUTCDate()],
  ['getDayOfMonth', (date) => date.getUTCDate() - 1],
  ['getDayOfWeek', (date) => date.getUTCDay()],
  ['getDayOfYear', dayOfYear],
  ['getHours', (date) => date.getUTCHours()],
  ['getMinutes', (date) => date.getUTCMinutes()],
  ['getSeconds', (date) => date.getUTCSeconds()],
  ['getMilliseconds', (date) => date.getUTCMilliseconds()],
];

/**
 * The calendar methods of a timestamp. The library's own ones go through the local time of the process
 * and are wrong around its changes of daylight saving; these know UTC only.
 */
export function calendarMethods(timestamp: CelType): CelFunc[] {
  const { STRING, INT } = CelScalar;
  return METHODS.flatMap(([name, read]) => [
    celMethod(name, timestamp, [], INT, function () {
      return BigInt(read(shiftedDate(this, null)));
    }),
    celMethod(name, timestamp, [STRING], INT, function (zone) {
      return BigInt(read(shiftedDate(this, zone)));
    }),
  ]);
}

interface TimestampValue {
  readonly message: { readonly seconds: bigint; readonly nanos: number };
}

/** A date whose UTC fields are the wall clock of `zone`. */
function shiftedDate(value: CelValue, zone: string | null): Date {
  const { seconds, nanos } = (value as unknown as TimestampValue).message;
  const millis = Number(seconds) * 1_000 + Math.floor(nanos / 1_000_000);
  return new Date(millis + (zone === null ? 0 : offsetMillis(millis, zone)));
}

function offsetMillis(millis: number, zone: string): number {
  const fixed = FIXED_OFFSET.exec(zone);
  if (fixed === null) return zone === 'UTC' ? 0 : namedOffset(millis, zone);
  const minutes = Number(fixed[2]) * 60 + Number(fixed[3]);
  return (fixed[1] === '-' ? -minutes : minutes) * 60_000;
}

function namedOffset(millis: number, zone: string): number {
  charge(ZONE_COST);
  const wall = new Date(0);
  const fields = new Map(
    formatOf(zone)
      .formatToParts(millis)
      .map(({ type, value }) => [type, Number(value)] as const),
  );
  const field = (name: Intl.DateTimeFormatPartTypes): number => fields.get(name) ?? 0;
  wall.setUTCFullYear(field('year'), field('month') - 1, field('day'));
  wall.setUTCHours(field('hour'), field('minute'), field('second'));
  return wall.getTime() - Math.floor(millis / 1_000) * 1_000;
}

const formats = new Map<string, Intl.DateTimeFormat>();
const MOST_FORMATS = 100;

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  if (!ZONE_NAME.test(zone)) throw new Error(BAD_ZONE);
  const numbers = { year: 'numeric', month: 'numeric', day: 'numeric' } as const;
  const clock = {
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
    hourCycle: 'h23',
  } as const;
  try {
    const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, ...numbers, ...clock });
    if (formats.size >= MOST_FORMATS) formats.clear();
    formats.set(zone, format);
    return format;
  } catch (cause) {
    throw new Error(BAD_ZONE, { cause });
  }
}

function dayOfYear(date: Date): number {
  const start = new Date(0);
  start.setUTCFullYear(date.getUTCFullYear(), 0, 1);
  return Math.floor((date.getTime() - start.getTime()) / DAY_MS);
}
