import { describe, expect, test } from 'vitest';
import { visibleLength } from '../../domain/visible-text.ts';

const characters = new Intl.Segmenter('en', { granularity: 'grapheme' });
const lengthOf = (text: string): number =>
  visibleLength([...characters.segment(text)].map(({ segment }) => segment));

describe('what shows nothing has no length, however much of it there is', () => {
  test.each([
    ['blanks', ' \t\n\u00a0\u2003\u3000'],
    ['zero-width spaces', '\u200b'],
    ['joiners', '\u200c\u200d\u2060\ufeff'],
    ['the empty Braille pattern', '\u2800'],
    ['Hangul fillers', '\u115f\u1160\u3164\uffa0'],
    ['marks of direction', '\u200e\u200f\u061c\u202a\u202e\u2066\u2069'],
    ['soft hyphens', '\u00ad'],
    ['variation selectors', '\ufe0f\u{e0100}'],
    ['tags', '\u{e0061}\u{e007f}'],
    ['Khmer inherent vowels', '\u17b4\u17b5'],
    ['Mongolian separators', '\u180e\u180b'],
    ['the combining grapheme joiner', '\u034f'],
    ['accents without a letter', '\u0301'],
    ['controls', '\0\u0007\u001b\u0085'],
    ['halves of pairs', '\ud800'],
    ['what nobody has assigned', '\u0378\u{e0fff}'],
    ['nothing', ''],
  ])('%s', (_why, text) => {
    expect(lengthOf(text)).toBe(0);
    expect(lengthOf(text.repeat(40))).toBe(0);
    expect(lengthOf(`${text} ${text}`)).toBe(0);
    // … and adds nothing to what is to be seen: at most one blank between two letters.
    expect(lengthOf(`${text}a${text}`)).toBe(1);
    expect(lengthOf(`a${text.repeat(40)}b`)).toBeLessThanOrEqual(3);
  });
});

describe('what is to be seen counts as a person counts', () => {
  test.each([
    { text: 'Wrong applicant', length: 15 },
    { text: '  Wrong applicant\n', length: 15 },
    { text: 'Wrong    applicant', length: 15 },
    { text: 'Wrong\u200b \u200bapplicant', length: 15 },
    { text: 'W\u200br\u200bo\u200bng', length: 5 },
    { text: 'Übel', length: 4 },
    { text: 'U\u0308bel', length: 4 },
    { text: '错误的申请人', length: 6 },
    { text: '가나다', length: 3 },
    { text: 'हिन्दी', length: 2 },
    { text: '👩‍👩‍👧', length: 1 },
    { text: '🇩🇪', length: 1 },
    { text: '❤️', length: 1 },
    { text: '.', length: 1 },
    { text: '⠁', length: 1 },
  ])('$text: $length', ({ text, length }) => {
    expect(lengthOf(text)).toBe(length);
  });
});
