import { addDuration, fromMillis, millisBetween, toMillis } from './instant.ts';
import type { Duration, Instant } from './instant.ts';

/**
 * How time counts in a business calendar, by its name; null = plain time. The domain has no time zones and
 * no holidays: a library outside of it answers (application/calendars.ts).
 *
 * @source docs/adr/0003-time.md
 */
export interface WorkingTime {
  /** @returns when `duration` of the calendar's time has passed since `from`. */
  readonly add: (calendar: string | null, from: Instant, duration: Duration) => Instant;
  /** @returns when that many milliseconds of the calendar's time have passed since `from`. */
  readonly addMillis: (calendar: string | null, from: Instant, millis: number) => Instant;
  /** @returns milliseconds of the calendar's time from `from` to `to`; 0 when `to` is not later. */
  readonly between: (calendar: string | null, from: Instant, to: Instant) => number;
}

/** Where no calendar is asked for. @throws TypeError for the name of a calendar. */
export const PLAIN_TIME: WorkingTime = {
  add: (calendar, from, duration) => addDuration(plain(calendar, from), duration),
  addMillis: (calendar, from, millis) => fromMillis(toMillis(plain(calendar, from)) + millis),
  between: (calendar, from, to) => Math.max(0, millisBetween(plain(calendar, from), to)),
};

function plain(calendar: string | null, instant: Instant): Instant {
  if (calendar !== null) throw new TypeError(`there is no calendar ${calendar}`);
  return instant;
}
