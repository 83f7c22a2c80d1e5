import { describe, expect, test } from 'vitest';
import { circleOf, doOverlap, isSystemRole, type Link } from '../../domain/standing-in.ts';

const day = (n: number): string => `2026-03-${String(n).padStart(2, '0')}T00:00:00.000Z`;
/** `ann>ben 1-5`: from the first of March, included, to the fifth, not included. */
function link(text: string): Link {
  const [, person = '', to = '', from = '', until = ''] =
    /^(\w+)>(\w+) (\d+)-(\d+)$/.exec(text) ?? [];
  return { person, to, from: day(Number(from)), until: day(Number(until)) };
}

describe('a circle', () => {
  test.each([
    { links: [], added: 'ann>ben 1-5', circle: null },
    { links: ['ben>ann 1-5'], added: 'ann>ben 1-5', circle: ['ann', 'ben'] },
    { links: ['ben>ann 4-9'], added: 'ann>ben 1-5', circle: ['ann', 'ben'] },
    { links: ['ben>ann 1-3'], added: 'ann>ben 2-5', circle: ['ann', 'ben'] },
    { links: ['ben>ann 5-9'], added: 'ann>ben 1-5', circle: null },
    { links: ['ben>ann 1-2'], added: 'ann>ben 2-5', circle: null },
    { links: ['ben>cas 1-9', 'cas>ann 1-9'], added: 'ann>ben 1-5', circle: ['ann', 'ben', 'cas'] },
    {
      links: ['ben>cas 1-9', 'cas>dot 1-9', 'dot>ann 3-9', 'ben>eve 1-9'],
      added: 'ann>ben 1-5',
      circle: ['ann', 'ben', 'cas', 'dot'],
    },
    // Each overlaps the new one, but no instant has both.
    { links: ['ben>cas 1-3', 'cas>ann 3-5'], added: 'ann>ben 1-5', circle: null },
    // The circle of the others is not ours to refuse.
    { links: ['ben>cas 1-9', 'cas>ben 1-9'], added: 'ann>ben 1-5', circle: null },
    { links: ['ann>cas 1-9', 'cas>dot 1-9'], added: 'ann>ben 1-5', circle: null },
  ])('$added after $links: $circle', ({ links, added, circle }) => {
    expect(circleOf(links.map(link), link(added))).toEqual(circle);
    expect(circleOf(links.map(link).toReversed(), link(added))).toEqual(circle);
  });
});

test('times overlap where they have an instant in common; an end is not part of them', () => {
  const span = (from: number, until: number | null) => ({
    from: day(from),
    until: until === null ? null : day(until),
  });
  expect(doOverlap(span(1, 5), span(4, 9))).toBe(true);
  expect(doOverlap(span(1, 5), span(5, 9))).toBe(false);
  expect(doOverlap(span(5, 9), span(1, 5))).toBe(false);
  expect(doOverlap(span(1, null), span(9, null))).toBe(true);
});

test('what is passed on is never the installation itself', () => {
  expect(
    ['compliance', 'auditor', 'credit-officer', 'override-authority'].map(isSystemRole),
  ).toEqual([true, true, false, true]);
});
