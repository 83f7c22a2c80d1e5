import canonicalize from 'canonicalize';
import { describe, expect, test } from 'vitest';

import { canonicalBytes, canonicalText, parseCanonical } from '../../ledger/canonical-json.ts';
import { LedgerError } from '../../ledger/error.ts';
import { jcs } from '../../ledger/jcs.ts';

// K-8. The corpus of the authors of RFC 8785 (cyberphone/json-canonicalization, testdata): what they
// put in and what comes out. All of it is outside the profile of records, by its keys or numbers: user
// content takes it, records refuse it.

const CORPUS = [
  {
    name: 'arrays',
    input: '[ 56, { "d": true, "10": null, "1": [ ] } ]',
    output: '[56,{"1":[],"10":null,"d":true}]',
    inside: [56, [], true, null],
  },
  {
    name: 'french',
    input:
      '{ "peach": "This sorting order", "péché": "is wrong according to French",' +
      ' "pêche": "but canonicalization MUST", "sin": "ingnore locale" }',
    output:
      '{"peach":"This sorting order","péché":"is wrong according to French",' +
      '"pêche":"but canonicalization MUST","sin":"ingnore locale"}',
    inside: [{ peach: 'This sorting order', sin: 'ingnore locale' }],
  },
  {
    name: 'structures',
    input:
      '{ "1": {"f": {"f": "hi","F": 5} ,"\\n": 56.0}, "10": { }, "": "empty", "a": { },' +
      ' "111": [ { } ], "A": { } }',
    output: '{"":"empty","1":{"\\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{}],"A":{},"a":{}}',
    inside: [{ f: 'hi', a: {} }, [{}]],
  },
  {
    name: 'unicode',
    input: '{ "Unnormalized Unicode":"\\u1e0d\\u0307" }',
    output: '{"Unnormalized Unicode":"\u1e0d\u0307"}',
    inside: ['\u1e0d\u0307', { a: '\u1e0d\u0307' }],
  },
  {
    name: 'values',
    input:
      '{ "numbers": [1E30, 4.50, 333333333.33333329, 2e-3, 0.000000000000000000000000001],' +
      ' "escaping": "\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/",' +
      ' "literals": [null, true, false] }',
    output:
      '{"escaping":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/","literals":[null,true,false],' +
      '"numbers":[1e+30,4.5,333333333.3333333,0.002,1e-27]}',
    inside: [{ literals: [null, true, false] }, '€$A\'B"\\\\"/'],
  },
  {
    name: 'weird',
    input:
      '{ "\\u20ac": "Euro Sign", "1": "One", "\\u0080": "Control\\u007f", "\\ud83d\\ude02": "Smiley",' +
      ' "\\u00f6": "Latin Small Letter O With Diaeresis", "\\ufb33": "Hebrew Letter Dalet With Dagesh",' +
      ' "</script>": "Browser Challenge" }',
    output:
      '{"1":"One","</script>":"Browser Challenge","\u0080":"Control\u007f",' +
      '"ö":"Latin Small Letter O With Diaeresis","€":"Euro Sign","😂":"Smiley",' +
      '"\ufb33":"Hebrew Letter Dalet With Dagesh"}',
    inside: ['</script>', '😂', '\ufb33'],
  },
] as const;

describe.each(CORPUS)('$name', ({ input, output, inside }) => {
  test('is user content, in exactly this form', () => {
    expect(jcs(JSON.parse(input))).toBe(output);
    expect(canonicalize(JSON.parse(input))).toBe(output);
  });

  test('is no record', () => {
    expect(() => canonicalText(JSON.parse(input))).toThrow(LedgerError);
    for (const text of [input, output]) {
      expect(() => parseCanonical(new TextEncoder().encode(text))).toThrow(LedgerError);
    }
  });

  test('has parts that a record could hold, and these have the same form everywhere', () => {
    for (const value of inside) expect(canonicalText(value)).toBe(canonicalize(value));
  });
});

// ---- many random values of the profile -------------------------------------------------------------

/** Small, fast, the same in every run: mulberry32. */
function chanceOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const KEYS = ['a', 'a1', 'a_b', 'ab', 'b', 'z', 'z_1', 'action_digest', 'person_c'];
const TEXTS = [
  '',
  'x',
  '"',
  '\\',
  '/',
  'é',
  '東京',
  '😀',
  '\u2028',
  '\ufeff',
  '\ufb33',
  ' ',
  '</script>',
];
const NUMBERS = [0, 1, -1, 255, 65_536, 2 ** 31, -(2 ** 31), 2 ** 53 - 1, -(2 ** 53 - 1)];

function randomValue(chance: (below: number) => number, depth: number): unknown {
  const one = <T>(list: readonly T[]): T => list[chance(list.length)] as T;
  const size = chance(4);
  switch (chance(depth === 0 ? 4 : 6)) {
    case 0:
      return one([null, true, false]);
    case 1:
      return one(NUMBERS);
    case 2:
      return chance(2) === 0 ? chance(1_000_000) : -1 - chance(1_000_000);
    case 3:
      return Array.from({ length: size }, () => one(TEXTS)).join('');
    case 4:
      return Array.from({ length: size }, () => randomValue(chance, depth - 1));
    default: {
      const names = Array.from({ length: size }, () => one(KEYS));
      return Object.fromEntries(names.map((name) => [name, randomValue(chance, depth - 1)]));
    }
  }
}

/** A second oracle, as short as the rule: sorted members, and nothing between. */
function naive(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(naive).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, inner]) => `${JSON.stringify(key)}:${naive(inner)}`).join(',')}}`;
}

test('200,000 values have the form that two other implementations give them, and come back', () => {
  const chance = chanceOf(8785);
  let different = 0;
  for (let run = 0; run < 200_000; run++) {
    const value = randomValue(chance, 6);
    const text = canonicalText(value);
    if (text !== canonicalize(value) || text !== naive(value)) different += 1;
    else if (run % 10 === 0 && canonicalText(parseCanonical(canonicalBytes(value))) !== text)
      different += 1;
  }
  expect(different).toBe(0);
}, 60_000);
