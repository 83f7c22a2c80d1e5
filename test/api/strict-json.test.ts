import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseStrictJson, survives } from '../../api/strict-json.ts';

const pointersOf = (text: string): string[] => {
  const json = parseStrictJson(text);
  return json.ok ? [] : json.problems.map(({ pointer }) => pointer);
};

describe('a number survives when it denotes the same decimal', () => {
  test.each(['0', '-0', '1.0', '1e3', '1E+3', '0.1', '12500.00', '9007199254740992', '5e-324'])(
    '%s does',
    (source) => {
      expect(survives(source)).toBe(true);
    },
  );
  test.each([
    '1.7976931348623157e308',
    '1e-7',
    '100000000000000000000',
    '0.000001e6',
    '0e999',
    '1e0000002',
  ])('%s does, too', (source) => {
    expect(survives(source)).toBe(true);
  });
  test.each([
    '9007199254740993',
    '1e400',
    '-1e400',
    '1e-400',
    '0.1000000000000000055511151231257827',
    '123456789012345678901234567890.5',
    '2e-324',
  ])('%s does not', (source) => {
    expect(survives(source)).toBe(false);
  });
});

test('what JSON.stringify writes is read back as it was', () => {
  const value = fc.jsonValue({ maxDepth: 6, stringUnit: 'binary' });
  fc.assert(
    fc.property(value, (expected) => {
      const text = JSON.stringify(expected);
      const json = parseStrictJson(text);
      const isFine = text.isWellFormed() && !/\\ud[89a-f]|\\u0000|"__proto__":/i.test(text);
      if (isFine) expect(json).toEqual({ ok: true, value: JSON.parse(text) as unknown });
      else if (json.ok) expect(canonicalize(json.value)).toBe(canonicalize(expected));
    }),
    { numRuns: 500 },
  );
});

test('any text is answered as JSON.parse does, or refused', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      const json = parseStrictJson(text);
      let isJson = true;
      try {
        JSON.parse(text);
      } catch {
        isJson = false;
      }
      if (!isJson) expect(json).toMatchObject({ ok: false, kind: 'malformed' });
      else if (!json.ok && json.kind === 'malformed')
        expect(json.problems[0]?.message).toMatch(/deeper/);
    }),
    { numRuns: 500 },
  );
});

test('each problem is named at its place', () => {
  const text =
    '{"a":[1,{"b":1e400,"~/x":"\\ud800"},[[],{},9007199254740993]],"c":1,"c":2,"n":"\\u0000","":{"__proto__":{}}}';
  expect(pointersOf(text)).toEqual(['/a/1/b', '/a/1/~0~1x', '/a/2/2', '/c', '/n', '//__proto__']);
});

test('strings that look like structure are none', () => {
  const value = { 'a"},{': '[1e400,"b":{', '\\': '\\"', c: '\\\\"1e400' };
  expect(parseStrictJson(JSON.stringify(value))).toEqual({ ok: true, value });
});

test('names at most fifty problems, and nests at most 32 levels', () => {
  expect(pointersOf(`[${'1e400,'.repeat(10_000)}1]`)).toHaveLength(50);
  const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
  expect(parseStrictJson(nested(32)).ok).toBe(true);
  expect(parseStrictJson(nested(33))).toMatchObject({ ok: false, kind: 'malformed' });
});

// Each of these took from seconds to minutes with backtracking patterns.
test.each([
  ['a string of quotes that never ends', `"${'\\"'.repeat(130_000)}`],
  ['zeros with something after them', `0.1${'0'.repeat(260_000)}1`],
  ['a long exponent', `1e-${'9'.repeat(260_000)}`],
  ['many brackets', `[${'[],'.repeat(80_000)}1]`],
  ['deep brackets', '['.repeat(130_000) + ']'.repeat(130_000)],
  ['a long string', `"${'a\\n'.repeat(80_000)}"`],
])('%s: 256 KiB are read in no time', (_why, text) => {
  const start = performance.now();
  parseStrictJson(text);
  expect(performance.now() - start).toBeLessThan(500);
});
