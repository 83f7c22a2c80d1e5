import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { canonicalBytes, canonicalText, parseCanonical } from '../../ledger/canonical-json.ts';
import { LedgerError, type LedgerErrorCode } from '../../ledger/error.ts';

const utf8 = new TextEncoder();

function codeOf(act: () => unknown): LedgerErrorCode | null {
  try {
    act();
    return null;
  } catch (error) {
    if (error instanceof LedgerError) return error.code;
    throw error;
  }
}

function nested(depth: number): unknown {
  return depth === 0 ? 1 : { a: nested(depth - 1) };
}

describe('what has a canonical form', () => {
  test.each([
    {
      why: 'keys are sorted',
      value: { b: 1, a: 2, a1: 3, a_b: 4 },
      text: '{"a":2,"a1":3,"a_b":4,"b":1}',
    },
    { why: 'nothing between', value: [1, null, true, 'x'], text: '[1,null,true,"x"]' },
    {
      why: 'largest integers',
      value: [2 ** 53 - 1, -(2 ** 53 - 1)],
      text: '[9007199254740991,-9007199254740991]',
    },
    { why: 'quotes and backslash', value: 'a"b\\c/', text: '"a\\"b\\\\c/"' },
    {
      why: 'other scripts as they are',
      value: 'Grüße 東京 😀\u2028',
      text: '"Grüße 東京 😀\u2028"',
    },
    {
      why: 'no prototype',
      value: Object.assign(Object.create(null) as object, { a: 1 }),
      text: '{"a":1}',
    },
    { why: 'empty', value: { a: [], b: {} }, text: '{"a":[],"b":{}}' },
    {
      why: 'eight containers',
      value: nested(8),
      text: '{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}}',
    },
  ])('$why', ({ value, text }) => {
    expect(canonicalText(value)).toBe(text);
    expect(canonicalText(parseCanonical(canonicalBytes(value)))).toBe(text);
  });
});

const holes: unknown[] = [1];
holes.length = 2;

describe('what has none', () => {
  test.each([
    { why: 'undefined', value: undefined },
    { why: 'undefined inside', value: { a: undefined } },
    { why: 'NaN', value: [Number.NaN] },
    { why: 'infinity', value: [Infinity] },
    { why: 'a fraction', value: { a: 0.5 } },
    { why: 'beyond safe integers', value: { a: 2 ** 53 } },
    { why: 'negative zero', value: { a: -0 } },
    { why: 'bigint', value: { a: 1n } },
    { why: 'function', value: { a: () => 1 } },
    { why: 'symbol', value: { a: Symbol('a') } },
    { why: 'symbol as key', value: { a: 1, [Symbol('b')]: 1 } },
    { why: 'hidden key', value: Object.defineProperty({ a: 1 }, 'b', { value: 1 }) },
    { why: 'class instance', value: { a: new Date(0) } },
    { why: 'own toJSON', value: { toJSON: () => 1 } },
    { why: 'inherited toJSON', value: Object.create({ toJSON: () => 1 }) as unknown },
    { why: 'boxed number', value: new Number(1) },
    { why: 'bytes', value: new Uint8Array(2) },
    { why: 'map', value: new Map() },
    { why: 'holes', value: holes },
    { why: 'array with a name', value: Object.assign([1], { a: 1 }) },
    { why: 'array subclass', value: new (class extends Array {})() },
    { why: 'integer-like key', value: { 10: 1 } },
    { why: 'camel case key', value: { aB: 1 } },
    { why: 'empty key', value: { '': 1 } },
    { why: '__proto__ as key', value: JSON.parse('{"__proto__":1}') as unknown },
    { why: 'lone surrogate', value: ['\ud800'] },
    { why: 'surrogates in wrong order', value: ['\udc00\ud800'] },
    { why: 'newline', value: ['a\nb'] },
    { why: 'delete character', value: ['\u007f'] },
    { why: 'C1 control', value: ['\u0085'] },
    { why: 'nine containers', value: nested(9) },
  ])('$why', ({ value }) => {
    expect(codeOf(() => canonicalText(value))).toBe('VALUE_UNREPRESENTABLE');
  });

  test('a cycle', () => {
    const cycle: Record<string, unknown> = {};
    cycle['a'] = cycle;
    expect(codeOf(() => canonicalText(cycle))).toBe('VALUE_UNREPRESENTABLE');
  });
});

describe('bytes from outside', () => {
  test.each([
    { why: 'space', text: '{"a": 1}' },
    { why: 'newline at the end', text: '{"a":1}\n' },
    { why: 'byte order mark', text: '\ufeff{"a":1}' },
    { why: 'other order', text: '{"b":1,"a":1}' },
    { why: 'duplicate key', text: '{"a":1,"a":1}' },
    { why: 'duplicate key, other value', text: '{"a":1,"a":2}' },
    { why: '1.0', text: '{"a":1.0}' },
    { why: '1e0', text: '{"a":1e0}' },
    { why: '-0', text: '{"a":-0}' },
    { why: '+1', text: '{"a":+1}' },
    { why: '01', text: '{"a":01}' },
    { why: 'rounded', text: '{"a":9007199254740993}' },
    { why: 'needless escape', text: '{"a":"\\u0041"}' },
    { why: 'escaped slash', text: '{"a":"\\/"}' },
    { why: 'escaped newline', text: '{"a":"\\n"}' },
    { why: 'lone surrogate', text: '{"a":"\\ud800"}' },
    { why: 'two values', text: '{}{}' },
    { why: 'comment', text: '{}/**/' },
    { why: 'nothing', text: '' },
    { why: '__proto__', text: '{"__proto__":{"a":1}}' },
  ])('$why is refused', ({ text }) => {
    expect(codeOf(() => parseCanonical(utf8.encode(text)))).toBe('NOT_CANONICAL');
  });

  test.each([
    { why: 'overlong A', bytes: [0x22, 0xc1, 0x81, 0x22] },
    { why: 'overlong slash', bytes: [0x22, 0xe0, 0x80, 0xaf, 0x22] },
    { why: 'surrogate in UTF-8', bytes: [0x22, 0xed, 0xa0, 0x80, 0x22] },
    { why: 'cut inside a character', bytes: [0x22, 0xf0, 0x9f, 0x98, 0x22] },
    { why: 'beyond Unicode', bytes: [0x22, 0xf5, 0x80, 0x80, 0x80, 0x22] },
    { why: 'UTF-16', bytes: [0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00] },
  ])('$why is refused', ({ bytes }) => {
    expect(codeOf(() => parseCanonical(Uint8Array.from(bytes)))).toBe('NOT_CANONICAL');
  });

  test('a hundred thousand brackets are refused, not a stack overflow', () => {
    const text = '['.repeat(100_000) + ']'.repeat(100_000);
    expect(codeOf(() => parseCanonical(utf8.encode(text)))).toBe('NOT_CANONICAL');
  });
});

const key = fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/);
const scalar = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.maxSafeInteger().map((value) => (value === 0 ? 0 : value)),
  fc.string({ unit: 'grapheme' }).filter((text) => !/\p{Cc}/u.test(text)),
);
const inProfile = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    scalar,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(key, tie('value'), { maxKeys: 4 }),
  ),
})).value;

describe('against other implementations', () => {
  test('every value in the profile has the form that canonicalize gives it, and comes back', () => {
    fc.assert(
      fc.property(inProfile, (value) => {
        const bytes = canonicalBytes(value);
        expect(new TextDecoder().decode(bytes)).toBe(canonicalize(value));
        expect(canonicalText(parseCanonical(bytes))).toBe(canonicalText(value));
      }),
      { numRuns: 2_000 },
    );
  });

  test('any JSON text is accepted exactly when it is the form of the value it parses to', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 3 }), (text) => {
        if (codeOf(() => parseCanonical(utf8.encode(text))) !== null) return;
        expect(canonicalize(JSON.parse(text))).toBe(text);
      }),
      { numRuns: 2_000 },
    );
  });
});
