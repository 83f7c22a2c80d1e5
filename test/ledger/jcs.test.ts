import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { LedgerError } from '../../ledger/error.ts';
import { jsonDigest } from '../../ledger/hash.ts';
import { jcs } from '../../ledger/jcs.ts';

function isRefused(value: unknown): boolean {
  try {
    jcs(value);
    return false;
  } catch (error) {
    return error instanceof LedgerError && error.code === 'VALUE_UNREPRESENTABLE';
  }
}

function nested(depth: number): unknown {
  return depth === 0 ? 1 : [nested(depth - 1)];
}

describe('RFC 8785', () => {
  test('the sample of section 3.2.2', () => {
    const value: unknown = JSON.parse(
      '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],' +
        '"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
    );
    expect(jcs(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  test('the sorting sample of section 3.2.3', () => {
    const value = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      1: 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    };
    const values = Object.values(JSON.parse(jcs(value)) as object);
    expect(jcs(value).startsWith('{"\\r":"Carriage Return","1":"One","\u0080":"Control"')).toBe(
      true,
    );
    expect(values).toHaveLength(7);
    expect(jcs(value).indexOf('Emoji')).toBeLessThan(jcs(value).indexOf('Hebrew'));
  });

  test.each([
    [0, '0'],
    [-0, '0'],
    [5e-324, '5e-324'],
    [-1.7976931348623157e308, '-1.7976931348623157e+308'],
    [9007199254740992, '9007199254740992'],
    [295147905179352830000, '295147905179352830000'],
    [1e21, '1e+21'],
    [9.999999999999997e22, '9.999999999999997e+22'],
    [0.000001, '0.000001'],
    [333333333.3333332, '333333333.3333332'],
    [1424953923781206.25, '1424953923781206.2'],
  ])('number %d is written %s (appendix B)', (value, text) => {
    expect(jcs(value)).toBe(text);
  });

  test('keys that JavaScript reorders are sorted as text', () => {
    expect(jcs({ 9: 'a', 10: 'b', a: 'c' })).toBe('{"10":"b","9":"a","a":"c"}');
  });

  test('a key called __proto__ is a key', () => {
    expect(jcs(JSON.parse('{"b":1,"__proto__":{"x":1}}'))).toBe('{"__proto__":{"x":1},"b":1}');
  });

  test('the digest is SHA-256 over the UTF-8 bytes', () => {
    expect(jsonDigest({})).toBe('44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a');
  });

  test('sixty-four containers are the limit', () => {
    expect(isRefused(nested(64))).toBe(false);
    expect(isRefused(nested(65))).toBe(true);
    expect(isRefused(nested(5_000))).toBe(true);
  });

  test.each([
    { why: 'NaN', value: Number.NaN },
    { why: 'infinity', value: [-Infinity] },
    { why: 'undefined', value: { a: undefined } },
    { why: 'lone surrogate', value: '\udead' },
    { why: 'lone surrogate in a key', value: { '\ud800': 1 } },
    { why: 'bigint', value: 1n },
    { why: 'date', value: new Date(0) },
    { why: 'toJSON', value: { toJSON: () => 'x' } },
    { why: 'holes', value: Object.assign([1], { length: 2 }) },
    { why: 'symbol key', value: { [Symbol('a')]: 1 } },
  ])('refuses $why', ({ value }) => {
    expect(isRefused(value)).toBe(true);
  });

  test('agrees with canonicalize on every JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        fc.pre(JSON.stringify(value).isWellFormed());
        expect(jcs(value)).toBe(canonicalize(value));
      }),
      { numRuns: 3_000 },
    );
  });

  test('agrees with canonicalize on every number', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(jcs(value)).toBe(canonicalize(value));
      }),
      { numRuns: 3_000 },
    );
  });
});
