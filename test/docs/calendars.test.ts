import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { calendarBody } from '../../api/contract/calendars.ts';
import { calendarIn } from '../../application/calendars.ts';
import { createWorkingTime } from '../../application/working-time.ts';

const text = await readFile(new URL('../../docs/calendars.md', import.meta.url), 'utf8');
const source = /<!-- calendar: office -->\s+```json\n([\s\S]*?)^```$/m.exec(text)?.[1] ?? '';

test('the calendar in docs/calendars.md can be published as it stands', () => {
  expect(calendarBody.safeParse(JSON.parse(source)).error).toBeUndefined();
});

test('the times in docs/calendars.md are what the calendar gives', () => {
  const { add } = createWorkingTime(new Map([['office', calendarIn(source)]]));
  const rows = [...text.matchAll(/^\| (\d{4}-\S+) +\| `(\w+)` +\| (\S+) +\|/gm)];
  expect(rows.length).toBeGreaterThan(5);
  // All of them are in winter.
  const inBerlin = (local: string): string => new Date(`${local}:00+01:00`).toISOString();
  for (const [row, from = '', duration = '', to = ''] of rows)
    expect(add('office', inBerlin(from), duration), row).toBe(inBerlin(to));
});
