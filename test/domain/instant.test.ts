import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addDuration,
  fromMillis,
  isDuration,
  isInstant,
  later,
  millisBetween,
  toMillis,
} from '../../domain/instant.ts';

const FIRST = Date.parse('0000-01-01T00:00:00.000Z');
const LAST = Date.parse('9999-12-31T23:59:59.999Z');
const anyMillis = fc.integer({ min: FIRST, max: LAST });
/** Years in which requests live, with room for every addition below. */
const nearMillis = fc.integer({ min: Date.UTC(1900, 0, 1), max: Date.UTC(2400, 0, 1) });
const iso = (millis: number): string => new Date(millis).toISOString();
const runs = { numRuns: 2_000 };

describe('an instant is what Date writes', () => {
  test('from milliseconds to text and back, years 0 to 9999', () => {
    fc.assert(
      fc.property(anyMillis, (millis) => {
        expect(fromMillis(millis)).toBe(iso(millis));
        expect(toMillis(iso(millis))).toBe(millis);
        expect(isInstant(iso(millis))).toBe(true);
      }),
      runs,
    );
  });

  test('the last and the first millisecond of every day of four centuries', () => {
    for (
      let midnight = Date.UTC(1900, 0, 1);
      midnight < Date.UTC(2301, 0, 1);
      midnight += 86_400_000
    )
      if (fromMillis(midnight) !== iso(midnight) || fromMillis(midnight - 1) !== iso(midnight - 1))
        expect.fail(`differs at ${iso(midnight)}`);
  });

  test('text order is time order', () => {
    fc.assert(
      fc.property(anyMillis, anyMillis, (a, b) => {
        expect(fromMillis(a) < fromMillis(b)).toBe(a < b);
        expect(millisBetween(fromMillis(a), fromMillis(b))).toBe(b - a);
        expect(later(fromMillis(a), fromMillis(b))).toBe(fromMillis(Math.max(a, b)));
      }),
      runs,
    );
  });

  test.each([
    ['a leap day of 2000, a century that is a leap year', '2000-02-29T00:00:00.000Z', true],
    ['29 February 1900, a century that is not', '1900-02-29T00:00:00.000Z', false],
    ['29 February 2026', '2026-02-29T00:00:00.000Z', false],
    ['31 April', '2026-04-31T00:00:00.000Z', false],
    ['month 13', '2026-13-01T00:00:00.000Z', false],
    ['month 0', '2026-00-01T00:00:00.000Z', false],
    ['day 0', '2026-01-00T00:00:00.000Z', false],
    ['hour 24', '2026-01-01T24:00:00.000Z', false],
    ['a leap second', '2016-12-31T23:59:60.000Z', false],
    ['no milliseconds', '2026-01-01T00:00:00Z', false],
    ['microseconds', '2026-01-01T00:00:00.000000Z', false],
    ['an offset', '2026-01-01T00:00:00.000+00:00', false],
    ['small letters', '2026-01-01t00:00:00.000z', false],
    ['a line feed behind it', '2026-01-01T00:00:00.000Z\n', false],
    ['a fifth digit of the year', '+010000-01-01T00:00:00.000Z', false],
    ['digits of another script', '٢٠٢٦-01-01T00:00:00.000Z', false],
    ['nothing', '', false],
  ])('%s', (_, text, accepted) => {
    expect(isInstant(text)).toBe(accepted);
  });

  test('what is no instant is a bug', () => {
    expect(() => toMillis('yesterday')).toThrow(TypeError);
    expect(() => addDuration('yesterday', 'P1D')).toThrow(TypeError);
  });
});

describe('a duration', () => {
  test.each(['P1D', 'PT4H', 'P3M', 'P2W', 'P1Y2M3DT4H5M6S', 'PT30S', 'P1DT1S', 'P0D'])(
    'accepts %s',
    (text) => {
      expect(isDuration(text)).toBe(true);
    },
  );

  test.each(['', 'P', 'PT', 'P1DT', '1D', '-P1D', 'P-1D', 'P1W2D', 'PT1.5S', 'P1H', 'PT1D', 'p1d'])(
    'refuses "%s"',
    (text) => {
      expect(isDuration(text)).toBe(false);
      expect(() => addDuration('2026-01-01T00:00:00.000Z', text)).toThrow(TypeError);
    },
  );

  test('days, weeks, hours, minutes and seconds have a fixed length', () => {
    const part = fc.integer({ min: 0, max: 9_999 });
    fc.assert(
      fc.property(nearMillis, part, part, part, part, (start, days, hours, minutes, seconds) => {
        const after = iso(
          start + days * 86_400_000 + hours * 3_600_000 + minutes * 60_000 + seconds * 1_000,
        );
        expect(addDuration(iso(start), `P${days}DT${hours}H${minutes}M${seconds}S`)).toBe(after);
        expect(addDuration(iso(start), `P${days}W`)).toBe(iso(start + days * 7 * 86_400_000));
      }),
      runs,
    );
  });

  test('years and months move in the calendar and stop at the end of the month', () => {
    const years = fc.integer({ min: 0, max: 200 });
    const months = fc.integer({ min: 0, max: 500 });
    fc.assert(
      fc.property(nearMillis, years, months, (start, y, m) => {
        expect(addDuration(iso(start), `P${y}Y${m}M`)).toBe(iso(inCalendar(start, y * 12 + m)));
      }),
      runs,
    );
  });

  test.each([
    ['31 January in a common year', '2026-01-31T10:00:00.000Z', 'P1M', '2026-02-28T10:00:00.000Z'],
    ['31 January in a leap year', '2028-01-31T10:00:00.000Z', 'P1M', '2028-02-29T10:00:00.000Z'],
    ['a leap day, a year later', '2028-02-29T10:00:00.000Z', 'P1Y', '2029-02-28T10:00:00.000Z'],
    ['a leap day, four years later', '2028-02-29T10:00:00.000Z', 'P4Y', '2032-02-29T10:00:00.000Z'],
    ['a leap day into a century', '2096-02-29T10:00:00.000Z', 'P4Y', '2100-02-28T10:00:00.000Z'],
    ['over the end of the year', '2026-12-31T23:59:59.999Z', 'P2M', '2027-02-28T23:59:59.999Z'],
    ['months before days', '2026-01-31T10:00:00.000Z', 'P1M1D', '2026-03-01T10:00:00.000Z'],
    ['twelve months', '2026-03-15T10:00:00.000Z', 'P12M', '2027-03-15T10:00:00.000Z'],
    ['nothing at all', '2026-03-31T10:00:00.000Z', 'P0D', '2026-03-31T10:00:00.000Z'],
  ])('%s', (_, from, duration, to) => {
    expect(addDuration(from, duration)).toBe(to);
  });
});

/** The oracle: the same day of the month, or the last day of it. */
function inCalendar(start: number, months: number): number {
  const date = new Date(start);
  const target = date.getUTCMonth() + months;
  const lastDay = new Date(Date.UTC(date.getUTCFullYear(), target + 1, 0)).getUTCDate();
  const day = Math.min(date.getUTCDate(), lastDay);
  return Date.UTC(date.getUTCFullYear(), target, day) + (start - midnightOf(date));
}

function midnightOf(date: Date): number {
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate());
}
