import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createWorkingTime, timeZoneNamed, type Calendar } from '../../application/working-time.ts';
import { fromMillis, toMillis, type Instant } from '../../domain/instant.ts';

const OFFICE_HOURS = ['09:00-12:30', '13:30-17:00'];
const OFFICE: Calendar = {
  timeZone: 'Europe/Berlin',
  hours: {
    mon: OFFICE_HOURS,
    tue: OFFICE_HOURS,
    wed: OFFICE_HOURS,
    thu: OFFICE_HOURS,
    fri: ['09:00-15:00'],
  },
  holidays: ['2026-12-25', '2026-12-26', '2027-01-01'],
};
const ALWAYS: Calendar['hours'] = Object.fromEntries(
  ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'].map((day) => [day, ['00:00-24:00']]),
);
const always = (timeZone: string): Calendar => ({ timeZone, hours: ALWAYS, holidays: [] });
const nightly = (timeZone: string): Calendar => ({
  timeZone,
  hours: { sat: ['20:00-24:00'], sun: ['00:00-06:00'] },
  holidays: [],
});

const CALENDARS = new Map<string, Calendar>([
  ['office', OFFICE],
  ['kolkata', { ...OFFICE, timeZone: 'Asia/Kolkata' }],
  ['always-berlin', always('Europe/Berlin')],
  ['night-berlin', nightly('Europe/Berlin')],
  ['night-new-york', nightly('America/New_York')],
  ['sao-paulo', { ...always('America/Sao_Paulo'), holidays: [] }],
  ['apia', always('Pacific/Apia')],
  ['one-minute', { timeZone: 'UTC', hours: { mon: ['12:00-12:01'] }, holidays: [] }],
  ['in-the-gap', { timeZone: 'Europe/Berlin', hours: { sun: ['02:00-03:00'] }, holidays: [] }],
]);
const time = createWorkingTime(CALENDARS);

/** Text of a local time in Berlin, in winter and summer. */
const winter = (local: string): Instant => new Date(`${local}:00+01:00`).toISOString();
const summer = (local: string): Instant => new Date(`${local}:00+02:00`).toISOString();

describe('a duration in office hours', () => {
  // 2026-11-23 is a Monday.
  test.each([
    ['hours within one stretch', '2026-11-23T09:00', 'PT2H', '2026-11-23T11:00'],
    ['hours over the break', '2026-11-23T11:30', 'PT2H', '2026-11-23T14:30'],
    ['to the very end of a stretch', '2026-11-23T09:00', 'PT3H30M', '2026-11-23T12:30'],
    ['hours over the night', '2026-11-23T16:00', 'PT2H', '2026-11-24T10:00'],
    ['hours over the weekend', '2026-11-27T14:00', 'PT2H', '2026-11-30T10:00'],
    ['hours from before opening', '2026-11-23T03:00', 'PT1H', '2026-11-23T10:00'],
    ['hours from within the break', '2026-11-23T13:00', 'PT1H', '2026-11-23T14:30'],
    ['hours from the closing on', '2026-11-23T17:00', 'PT1H', '2026-11-24T10:00'],
    ['hours from a Saturday', '2026-11-28T12:00', 'PT1H', '2026-11-30T10:00'],
    ['hours over holidays', '2026-12-24T16:30', 'PT1H', '2026-12-28T09:30'],
    ['a working day keeps its time', '2026-11-23T10:15', 'P1D', '2026-11-24T10:15'],
    ['a working day skips the weekend', '2026-11-27T10:15', 'P1D', '2026-11-30T10:15'],
    ['working days skip holidays', '2026-12-23T10:15', 'P3D', '2026-12-29T10:15'],
    [
      'a day that closes earlier ends at its closing',
      '2026-11-26T16:00',
      'P1D',
      '2026-11-27T15:00',
    ],
    ['a day from a Saturday starts on Monday', '2026-11-28T12:00', 'P1D', '2026-12-01T09:00'],
    ['days and hours', '2026-11-26T14:00', 'P1DT2H', '2026-11-30T10:00'],
    ['a week is the same day a week later', '2026-11-23T10:15', 'P1W', '2026-11-30T10:15'],
    [
      'a week to a holiday goes on to the next opening',
      '2026-12-18T10:15',
      'P1W',
      '2026-12-28T09:00',
    ],
    ['a month goes on to the next opening', '2026-11-27T10:15', 'P1M', '2026-12-28T09:00'],
    ['a month from the 31st is clamped', '2026-08-31T10:15', 'P3M', '2026-11-30T10:15'],
    ['a year', '2026-11-23T10:15', 'P1Y', '2027-11-23T10:15'],
  ])('%s', (_why, from, duration, to) => {
    const start = from.includes('-08-') ? summer(from) : winter(from);
    expect(time.add('office', start, duration)).toBe(winter(to));
  });

  test('a time inside a break of that day moves to the end of the break', () => {
    const calendars = new Map([
      ['x', { ...OFFICE, hours: { ...OFFICE.hours, wed: ['08:00-18:00'] } }],
    ]);
    const later = createWorkingTime(calendars).add('x', winter('2026-11-25T13:00'), 'P1D');
    expect(later).toBe(winter('2026-11-26T13:30'));
    const early = createWorkingTime(calendars).add('x', winter('2026-11-25T08:10'), 'P1D');
    expect(early).toBe(winter('2026-11-26T09:00'));
  });

  test('without a calendar is plain time', () => {
    expect(time.add(null, '2026-11-28T12:00:00.000Z', 'P1D')).toBe('2026-11-29T12:00:00.000Z');
    expect(time.addMillis(null, '2026-11-28T12:00:00.000Z', 1)).toBe('2026-11-28T12:00:00.001Z');
    expect(time.between(null, '2026-11-28T12:00:00.000Z', '2026-11-28T12:00:01.000Z')).toBe(1_000);
  });

  test('of a calendar that nobody has given is a bug', () => {
    expect(() => time.add('none', winter('2026-11-23T10:15'), 'P1D')).toThrow(TypeError);
    expect(() => time.add('office', winter('2026-11-23T10:15'), 'soon')).toThrow(TypeError);
  });
});

describe('where the clock changes', () => {
  const HOUR = 3_600_000;
  test.each([
    // The night in which 02:00 becomes 03:00 has nine hours between 20:00 and 06:00, the other eleven.
    ['night-berlin', '2026-03-28T12:00:00.000Z', '2026-03-29T12:00:00.000Z', 9],
    ['night-berlin', '2026-10-24T12:00:00.000Z', '2026-10-25T12:00:00.000Z', 11],
    ['night-berlin', '2026-05-23T12:00:00.000Z', '2026-05-24T12:00:00.000Z', 10],
    ['night-new-york', '2026-03-07T12:00:00.000Z', '2026-03-08T18:00:00.000Z', 9],
    ['night-new-york', '2026-10-31T12:00:00.000Z', '2026-11-01T18:00:00.000Z', 11],
    // Hours that the clock skips are no working time; those that it repeats count twice.
    ['in-the-gap', '2026-03-28T12:00:00.000Z', '2026-03-30T12:00:00.000Z', 0],
    ['in-the-gap', '2026-10-24T12:00:00.000Z', '2026-10-26T12:00:00.000Z', 2],
    // Brazil changed its clock until 2019, at midnight, and never again.
    ['sao-paulo', '2018-11-03T12:00:00.000Z', '2018-11-04T12:00:00.000Z', 24],
    ['sao-paulo', '2026-11-03T12:00:00.000Z', '2026-11-04T12:00:00.000Z', 24],
    // Samoa left out a whole date.
    ['apia', '2011-12-29T12:00:00.000Z', '2011-12-31T12:00:00.000Z', 48],
  ])('%s from %s to %s works %i hours', (calendar, from, to, hours) => {
    expect(time.between(calendar, from, to)).toBe(hours * HOUR);
  });

  test('a working day keeps the time on the wall', () => {
    const day = (from: Instant): Instant => time.add('always-berlin', from, 'P1D');
    expect(day(winter('2026-03-28T10:00'))).toBe(summer('2026-03-29T10:00'));
    expect(day(summer('2026-10-24T10:00'))).toBe(winter('2026-10-25T10:00'));
    // 02:30 does not exist on that day, and exists twice on the other: later, and the first of both.
    expect(day(winter('2026-03-28T02:30'))).toBe(summer('2026-03-29T03:30'));
    expect(day(summer('2026-10-24T02:30'))).toBe(summer('2026-10-25T02:30'));
  });

  test('half hours of a zone', () => {
    expect(time.add('kolkata', '2026-11-23T03:30:00.000Z', 'PT3H30M')).toBe(
      '2026-11-23T07:00:00.000Z',
    );
    expect(time.add('kolkata', '2026-11-23T00:00:00.000Z', 'PT1H')).toBe(
      '2026-11-23T04:30:00.000Z',
    );
  });

  test('a zone that has given its changes up keeps the time on the wall over the years', () => {
    // 2018-02-17 is the last time that São Paulo went back by an hour, in a February of 28 days.
    expect(time.add('sao-paulo', '2018-02-16T12:00:00.000Z', 'P2D')).toBe(
      '2018-02-18T13:00:00.000Z',
    );
    expect(time.add('sao-paulo', '2026-02-16T12:00:00.000Z', 'P2D')).toBe(
      '2026-02-18T12:00:00.000Z',
    );
  });
});

describe('for any two instants', () => {
  const instant = (from: string, to: string) =>
    fc.integer({ min: toMillis(from), max: toMillis(to) }).map(fromMillis);
  const anyInstant = instant('2025-01-01T00:00:00.000Z', '2029-01-01T00:00:00.000Z');
  const anyCalendar = fc.constantFrom(...[...CALENDARS.keys()].filter((id) => id !== 'one-minute'));

  test('what lies between them, added to the first, gives the second where it is inside hours', () => {
    fc.assert(
      fc.property(anyCalendar, anyInstant, fc.integer({ min: 1, max: 4e9 }), (id, from, millis) => {
        const to = time.addMillis(id, from, millis); // inside hours, whatever `from` was
        expect(time.between(id, from, to)).toBe(millis);
        expect(time.addMillis(id, from, time.between(id, from, to))).toBe(to);
      }),
    );
  });

  test('parts add up, nothing runs backwards', () => {
    fc.assert(
      fc.property(anyCalendar, fc.tuple(anyInstant, anyInstant, anyInstant), (id, three) => {
        const [a, b, c] = three.toSorted() as [Instant, Instant, Instant];
        expect(time.between(id, a, b) + time.between(id, b, c)).toBe(time.between(id, a, c));
        expect(time.between(id, c, a)).toBe(0);
        for (const duration of ['PT1S', 'PT30H', 'P3D', 'P2M'])
          expect(time.add(id, a, duration) <= time.add(id, b, duration), duration).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('minute by minute it is the clock on the wall that counts', () => {
    const around = [
      instant('2026-03-27T00:00:00.000Z', '2026-03-31T00:00:00.000Z'),
      instant('2026-10-23T00:00:00.000Z', '2026-11-03T00:00:00.000Z'),
      instant('2026-12-23T00:00:00.000Z', '2026-12-29T00:00:00.000Z'),
    ];
    fc.assert(
      fc.property(anyCalendar, fc.oneof(...around), (id, at) => {
        const start = Math.floor(toMillis(at) / 60_000) * 60_000;
        const calendar = CALENDARS.get(id) as Calendar;
        let minutes = 0;
        for (let n = 0; n < 600; n += 1)
          if (isShowingHours(calendar, start + n * 60_000)) minutes += 1;
        const from = fromMillis(start);
        expect(time.between(id, from, fromMillis(start + 600 * 60_000))).toBe(minutes * 60_000);
      }),
      { numRuns: 60 },
    );
  });
});

/** The definition, told by the platform's own clock. */
function isShowingHours({ timeZone, hours, holidays }: Calendar, millis: number): boolean {
  const parts = new Intl.DateTimeFormat('en-CA', {
    ...{ timeZone, hourCycle: 'h23', weekday: 'short', year: 'numeric' },
    ...{ month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' },
  }).formatToParts(millis);
  const part = (type: string): string => parts.find((one) => one.type === type)?.value ?? '';
  if (holidays.includes(`${part('year')}-${part('month')}-${part('day')}`)) return false;
  const clock = `${part('hour')}:${part('minute')}`;
  const day = part('weekday').toLowerCase() as keyof Calendar['hours'];
  return (hours[day] ?? []).some((text) => {
    const [from = '', to = ''] = text.split('-');
    return from <= clock && clock < to;
  });
}

describe('however far', () => {
  test.each([
    ['office', 'P10Y'],
    ['office', 'P3650D'],
    ['office', 'PT87600H'],
    ['one-minute', 'P3650D'],
    ['one-minute', 'PT87600H'],
    ['always-berlin', 'PT87600H'],
  ])('%s + %s is there at once', (id, duration) => {
    const fresh = createWorkingTime(new Map([[id, { ...(CALENDARS.get(id) as Calendar) }]]));
    const from = '2026-11-23T10:00:00.000Z';
    const begun = performance.now();
    const to = fresh.add(id, from, duration);
    expect(performance.now() - begun).toBeLessThan(500);
    expect(to > '2036').toBe(true);
    // A hundred years at most, so that a step ends whatever a calendar says.
    expect(to < '2126-11-25').toBe(true);
  });

  test('a calendar that has run out of working time ends after a hundred years', () => {
    const never = createWorkingTime(new Map([['x', { ...OFFICE, hours: {} }]]));
    const to = never.add('x', '2026-11-23T10:00:00.000Z', 'PT1H');
    expect(to).toBe('2126-11-23T10:00:00.000Z');
    expect(never.between('x', '2026-11-23T10:00:00.000Z', to)).toBe(0);
  });
});

test.each([
  ['Europe/Berlin', 'Europe/Berlin'],
  ['europe/berlin', 'Europe/Berlin'],
  ['UTC', 'UTC'],
  ['Mars/Olympus', null],
  ['+02:00', null],
  ['', null],
  ['Europe/Berlin ', null],
])('the zone %j is %j', (name, expected) => {
  expect(timeZoneNamed(name)).toBe(expected);
});
