import { z } from 'zod';
import type { Weekday } from '../../application/working-time.ts';
import { entityId, instant } from './common.ts';

const isSet = (items: readonly string[]): boolean => new Set(items).size === items.length;

const time = z
  .string()
  .regex(
    /^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$/,
    'is a time of the day such as 09:00-12:30, 24:00 at the latest',
  );

const times = z.array(time).max(24).optional();
const week = {
  mon: times,
  tue: times,
  wed: times,
  thu: times,
  fri: times,
  sat: times,
  sun: times,
} satisfies Record<Weekday, z.ZodType>;

const hours = z
  .strictObject(week)
  .meta({ description: 'by day of the week, on the clock of the zone; a missing day is closed' });

const date = z.iso
  .date({ error: 'is a date that exists, such as 2026-12-25' })
  .refine((text) => text >= '1970' && text < '2200', 'is between 1970 and 2199');

export const calendarBody = z
  .strictObject({
    id: entityId.optional().meta({ description: 'that of the address, where it is sent' }),
    timeZone: z.string().min(1).max(64).meta({ description: 'IANA, such as Europe/Berlin' }),
    hours,
    holidays: z.array(date).max(4_000).refine(isSet, 'names one twice').default([]),
  })
  .meta({ id: 'Calendar' });

export const calendarShape = z
  .object({
    id: z.string(),
    version: z.int(),
    timeZone: z.string(),
    hours: z.record(z.string(), z.array(z.string())),
    holidays: z.array(z.string()),
    source: z.string(),
    sourceSha256: z.string(),
    author: z.string(),
    createdAt: instant,
  })
  .meta({ id: 'CalendarVersion' });
