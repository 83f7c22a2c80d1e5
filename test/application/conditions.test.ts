import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  compileCondition,
  conditionsFor,
  expressionsFor,
  compileMoment,
  evaluateCondition,
  LONGEST_CONDITION,
} from '../../application/conditions.ts';
import type { ConditionResult } from '../../domain/binding.ts';
import { bindPolicy } from '../../domain/binding.ts';
import { fallbackPolicy, type Policy } from '../../domain/policy.ts';

const NOW = '2026-11-21T08:30:00.250Z'; // a Saturday

const SAMPLE =
  'has(request.context.confidence) && request.context.confidence > 0.98 && request.riskTier == "low"';

/** Values that must never be seen in a message. */
const SECRETS = { name: 'Jane-Q-Doe', amount: 987654321, iban: 'DE02120300000000202051' };

function aRequest(differs: object = {}): object {
  return {
    kind: 'ai-decision',
    title: 'Decline loan application 4711',
    riskTier: 'low',
    onBehalfOf: null,
    action: {
      operation: 'loan.decline',
      target: 'loan/4711',
      parameters: { amount: '12500.00', currency: 'EUR', empty: '' },
    },
    context: {
      system: 'credit-scorer',
      confidence: 0.83,
      impact: { affected: 150, reversible: false },
      inputs: [
        { name: 'application', dataClass: 'personal' },
        { name: 'rates', dataClass: 'public' },
      ],
      riskAssessment: { date: '2026-05-01' },
      seenAt: '2026-11-19T08:30:00.000Z',
      secrets: SECRETS,
    },
    ...differs,
  };
}

function evaluate(
  expression: string,
  request: unknown = aRequest(),
  facts: unknown = {},
): ConditionResult {
  return evaluateCondition(expression, { request, now: NOW, facts });
}

const TRUE = { kind: 'value', value: true };
const FALSE = { kind: 'value', value: false };

describe('what a condition may say', () => {
  test.each([
    'request.action.operation.startsWith("loan.")',
    'request.action.target.endsWith("4711")',
    'request.title.contains("loan")',
    'request.context.impact.affected > 100',
    'request.context.impact.affected >= 150',
    'request.context.impact.affected == 150',
    'request.context.impact.affected == 150.0',
    'request.context.impact.affected != 151u',
    'request.context.confidence < 1',
    'request.context.impact.affected + 1.0 == 151',
    'int(request.context.impact.affected) % 2 == 0',
    'request.context.inputs.size() > 0',
    'size(request.context.inputs) == 2',
    'request.context.inputs[0].name == "application"',
    '"currency" in request.action.parameters',
    'request.action.parameters["currency"] in ["EUR", "CHF"]',
    'has(request.context.confidence)',
    '!has(request.context.recipient)',
    '!has(request.onBehalfOf)',
    'request.onBehalfOf == null',
    'request.context.inputs.exists(i, i.dataClass == "personal")',
    'request.context.inputs.all(i, i.name != "")',
    'request.context.inputs.exists_one(i, i.dataClass == "public")',
    'request.context.inputs.filter(i, i.dataClass == "personal").size() == 1',
    'request.context.inputs.map(i, i.name) == ["application", "rates"]',
    'request.action.parameters.exists(key, key == "amount")',
    'request.action.operation.matches("^loan\\\\.(decline|approve)$")',
    'double(request.action.parameters.amount) > 10000.0',
    'request.riskTier != "high" ? request.context.confidence > 0.5 : false',
    'request.action.operation < "m" && request.action.operation >= "loan"',
    'now > timestamp("2026-01-01T00:00:00Z")',
    'now - timestamp(request.context.seenAt) > duration("24h")',
    'now - timestamp(request.context.seenAt) < duration("49h")',
    'timestamp(request.context.riskAssessment.date + "T00:00:00Z") + duration("8760h") > now',
    'now.getHours() == 8 && now.getMinutes() == 30 && now.getMilliseconds() == 250',
    'now.getDayOfWeek() == 6 && now.getDate() == 21 && now.getMonth() == 10',
    'now.getHours("Europe/Berlin") == 9',
    'now.getHours("-09:00") == 23 && now.getDayOfMonth("-09:00") == 19',
    'now.getDayOfYear() == 324',
    'timestamp(1000) == timestamp("1970-01-01T00:16:40Z")',
    'timestamp("2024-02-29T23:59:59.999999999+02:00") < now',
    'facts.vendor.assessed',
    'request.missing == 1 || request.riskTier == "low"',
    'type(request.context.impact.affected) == double',
    '.request.riskTier == "low"',
  ])('%s holds', (expression) => {
    expect(evaluate(expression, aRequest(), { vendor: { assessed: true } })).toEqual(TRUE);
  });

  test.each([
    SAMPLE,
    'request.context.impact.affected == "150"',
    'request.context.inputs.exists(i, i.dataClass == "secret")',
    '"missing" in request',
    'request.missing == 1 && request.riskTier == "high"',
    'request.context.impact.reversible',
    '[].exists(x, true)',
  ])('%s does not hold', (expression) => {
    expect(evaluate(expression)).toEqual(FALSE);
  });

  // A few rows of each part of the conformance suite of cel-spec v0.25.1 (Apache-2.0), unchanged.
  test.each([
    { name: 'comparisons/eq_literal/eq_int', expr: '1 == 1', value: true },
    { name: 'comparisons/eq_literal/eq_int_uint', expr: 'dyn(1) == 1u', value: true },
    { name: 'comparisons/eq_literal/eq_uint', expr: '2u == 2u', value: true },
    { name: 'comparisons/ne_literal/ne_int', expr: '24 != 42', value: true },
    { name: 'comparisons/ne_literal/ne_int_double', expr: 'dyn(24) != 24.1', value: true },
    { name: 'comparisons/ne_literal/ne_uint', expr: '1u != 2u', value: true },
    { name: 'comparisons/lt_literal/lt_int', expr: '-1 < 0', value: true },
    { name: 'comparisons/lt_literal/lt_uint', expr: '0u < 1u', value: true },
    { name: 'comparisons/lt_literal/lt_string', expr: "'a' < 'b'", value: true },
    { name: 'comparisons/gt_literal/gt_int', expr: '42 > -42', value: true },
    { name: 'comparisons/gt_literal/gt_uint', expr: '48u > 46u', value: true },
    { name: 'comparisons/gt_literal/gt_string_case', expr: "'abc' > 'aBc'", value: true },
    { name: 'comparisons/lte_literal/lte_int_lt', expr: '0 <= 1', value: true },
    { name: 'comparisons/lte_literal/not_lte_int_gt', expr: '1 <= -1', value: false },
    { name: 'comparisons/lte_literal/lte_double_lt', expr: '0.0 <= 0.1e-31', value: true },
    { name: 'comparisons/gte_literal/gte_int_gt', expr: '0 >= -1', value: true },
    { name: 'comparisons/gte_literal/not_gte_int_lt', expr: '999 >= 1000', value: false },
    { name: 'comparisons/gte_literal/gte_double_gt', expr: '1e+1 >= 1e+0', value: true },
    {
      name: 'comparisons/in_list_literal/elem_not_in_empty_list',
      expr: "'empty' in []",
      value: false,
    },
    {
      name: 'comparisons/in_list_literal/elem_not_in_list',
      expr: "'not' in ['elem1', 'elem2', 'elem3']",
      value: false,
    },
    {
      name: 'comparisons/in_map_literal/key_not_in_empty_map',
      expr: "'empty' in {}",
      value: false,
    },
    {
      name: 'comparisons/in_map_literal/key_not_in_map',
      expr: "'key' in {'lock':1, 'gate':2}",
      value: false,
    },
    { name: 'conversions/int/uint_range', expr: 'int(18446744073709551615u)', value: 'error' },
    {
      name: 'conversions/int/double_int_min_range',
      expr: 'int(-9223372036854775808.0)',
      value: 'error',
    },
    { name: 'conversions/type/dyn_no_denotation', expr: 'dyn', value: 'error' },
    {
      name: 'conversions/type/lists_monomorphic',
      expr: "type([1, 2, 3]) == type(['one', 'two', 'three'])",
      value: true,
    },
    { name: 'conversions/type/neq_diff', expr: 'type(0.0) != type(0)', value: true },
    { name: 'conversions/uint/int_neg', expr: 'uint(-1)', value: 'error' },
    { name: 'conversions/uint/double_range_beyond_uint', expr: 'uint(6.022e23)', value: 'error' },
    { name: 'conversions/bool/string_1', expr: "bool('1')", value: true },
    { name: 'conversions/bool/string_true_lowercase', expr: "bool('true')", value: true },
    { name: 'conversions/bool/string_f', expr: "bool('f')", value: false },
    { name: 'conversions/identity/bool', expr: 'bool(true)', value: true },
    {
      name: 'conversions/identity/timestamp',
      expr: 'timestamp(timestamp(1000000000)) == timestamp(1000000000)',
      value: true,
    },
    { name: 'fields/map_fields/map_key_int64', expr: '{0:1,2:2,5:true}[5]', value: true },
    { name: 'fields/map_fields/map_bad_key_type', expr: "{0:1,2:2,5:3}[dyn(b'')]", value: 'error' },
    {
      name: 'fields/map_fields/map_bad_key_type_and_true',
      expr: "dyn({0:1,2:2,5:3}[dyn(b'')]) && true",
      value: 'error',
    },
    { name: 'fields/map_has/has', expr: "has({'a': 1, 'b': 2}.a)", value: true },
    { name: 'fields/map_has/has_empty', expr: 'has({}.a)', value: false },
    {
      name: 'fields/qualified_identifier_resolution/map_key_float',
      expr: '{3.3:15.15, 1.0: 5}[1.0]',
      value: 'error',
    },
    {
      name: 'fields/qualified_identifier_resolution/map_value_repeat_key',
      expr: '{true:1,false:2,true:3}[true]',
      value: 'error',
    },
    { name: 'fields/in/empty', expr: '7 in {}', value: false },
    {
      name: 'fields/in/absent',
      expr: "'spider' in {'ant': 6, 'fly': 6, 'centipede': 100}",
      value: false,
    },
    { name: 'fp_math/fp_math/mod_not_support', expr: '47.5 % 5.5', value: 'error' },
    {
      name: 'fp_math/fp_math/add_associative',
      expr: '5.625 + (15.75 + 2.0) == (5.625 + 15.75) + 2.0',
      value: true,
    },
    { name: 'integer_math/int64_math/unary_minus_no_overload', expr: '-(42u)', value: 'error' },
    { name: 'integer_math/int64_math/mod_zero', expr: '34 % 0', value: 'error' },
    { name: 'integer_math/int64_math/mul_commutative', expr: '15 * 25 == 25 * 15', value: true },
    { name: 'integer_math/uint64_math/negative_no_overload', expr: '-(5u)', value: 'error' },
    { name: 'integer_math/uint64_math/divide_zero', expr: '15u / 0u', value: 'error' },
    {
      name: 'integer_math/uint64_math/mul_associative',
      expr: '15u * (23u * 88u) == (15u * 23u) * 88u',
      value: true,
    },
    {
      name: 'lists/concatenation/list_append',
      expr: '[0, 1, 2] + [3, 4, 5] == [0, 1, 2, 3, 4, 5]',
      value: true,
    },
    { name: 'lists/index/zero_based_double_error', expr: '[7, 8, 9][dyn(0.1)]', value: 'error' },
    {
      name: 'lists/index/index_out_of_bounds_or_false',
      expr: 'dyn([1, 2, 3][3]) || false',
      value: 'error',
    },
    { name: 'lists/index/bad_index_type', expr: "[1, 2, 3][dyn('')]", value: 'error' },
    { name: 'lists/in/empty', expr: '7 in []', value: false },
    { name: 'lists/in/first', expr: "'alpha' in ['alpha', 'beta', 'gamma']", value: true },
    { name: 'lists/in/uint_in_ints', expr: 'dyn(3u) in [5, 4, 3, 2, 1]', value: true },
    { name: 'logic/conditional/error_case', expr: "2 / 0 > 4 ? 'baz' : 'quux'", value: 'error' },
    { name: 'logic/AND/all_true', expr: 'true && true', value: true },
    { name: 'logic/AND/false_left', expr: 'false && true', value: false },
    { name: 'logic/AND/error_right', expr: 'true && 1/0 != 0', value: 'error' },
    { name: 'logic/OR/all_true', expr: 'true || true', value: true },
    { name: 'logic/OR/false_left', expr: 'false || true', value: true },
    { name: 'logic/OR/error_right', expr: 'false || 1/0 != 0', value: 'error' },
    { name: 'logic/NOT/not_true', expr: '!true', value: false },
    { name: 'logic/NOT/no_overload', expr: '!0', value: 'error' },
    { name: 'macros/exists/list_elem_all_true', expr: '[1, 2, 3].exists(e, e > 0)', value: true },
    { name: 'macros/exists/list_elem_none_true', expr: '[1, 2, 3].exists(e, e > 3)', value: false },
    { name: 'macros/exists/list_empty', expr: '[].exists(e, e == 2)', value: false },
    { name: 'macros/all/list_elem_all_true', expr: '[1, 2, 3].all(e, e > 0)', value: true },
    { name: 'macros/all/list_elem_none_true', expr: '[1, 2, 3].all(e, e == 17)', value: false },
    {
      name: 'macros/all/list_elem_error_exhaustive',
      expr: '[1, 2, 3].all(e, e / 0 != 17)',
      value: 'error',
    },
    { name: 'macros/exists_one/list_empty', expr: '[].exists_one(a, a == 7)', value: false },
    { name: 'macros/exists_one/list_one_false', expr: '[8].exists_one(a, a == 7)', value: false },
    {
      name: 'macros/exists_one/list_all',
      expr: "['foal', 'foo', 'four'].exists_one(n, n.startsWith('fo'))",
      value: false,
    },
    { name: 'macros/map/list_error', expr: '[2, 1, 0].map(n, 4 / n)', value: 'error' },
    {
      name: 'macros/filter/list_no_shortcircuit',
      expr: '[3, 2, 1, 0].filter(n, 12 / n > 4)',
      value: 'error',
    },
    {
      name: 'macros/nested/all_all',
      expr: "['signer'].all(signer, ['artifact'].all(artifact, true))",
      value: true,
    },
    { name: 'string/starts_with/basic_true', expr: "'foobar'.startsWith('foo')", value: true },
    { name: 'string/starts_with/empty_target', expr: "''.startsWith('foo')", value: false },
    { name: 'string/starts_with/unicode_smp', expr: "'🐱😀😛'.startsWith('🐱')", value: true },
    { name: 'string/ends_with/basic_true', expr: "'foobar'.endsWith('bar')", value: true },
    { name: 'string/ends_with/empty_target', expr: "''.endsWith('foo')", value: false },
    { name: 'string/ends_with/unicode_smp', expr: "'🐱😀😛'.endsWith('😛')", value: true },
    { name: 'string/matches/basic', expr: "'hubba'.matches('ubb')", value: true },
    { name: 'string/matches/empty_arg', expr: "'cows'.matches('')", value: true },
    { name: 'string/matches/re_rep', expr: "'banana'.matches('ba(na)*')", value: true },
    {
      name: 'string/concatenation/concat_with_spaces',
      expr: "'hello' + ' ' == 'hello'",
      value: false,
    },
    { name: 'string/contains/contains_true', expr: "'hello'.contains('he')", value: true },
    { name: 'string/contains/contains_false', expr: "'hello'.contains('ol')", value: false },
    { name: 'string/contains/empty_contains', expr: "''.contains('something')", value: false },
    {
      name: 'timestamps/timestamp_equality/eq_same',
      expr: "timestamp('2009-02-13T23:31:30Z') == timestamp('2009-02-13T23:31:30Z')",
      value: true,
    },
    {
      name: 'timestamps/timestamp_equality/neq_same',
      expr: "timestamp('1945-05-07T02:41:00Z') != timestamp('1945-05-07T02:41:00Z')",
      value: false,
    },
    {
      name: 'timestamps/duration_equality/eq_same',
      expr: "duration('123s') == duration('123s')",
      value: true,
    },
    {
      name: 'timestamps/duration_equality/neq_same',
      expr: "duration('604800s') != duration('604800s')",
      value: false,
    },
    {
      name: 'timestamps/timestamp_arithmetic/add_duration_to_duration',
      expr: "duration('600s') + duration('50s') == duration('650s')",
      value: true,
    },
    {
      name: 'timestamps/comparisons/leq_timestamp_true',
      expr: "timestamp('2009-02-13T23:00:00Z') <= timestamp('2009-02-13T23:00:00Z')",
      value: true,
    },
    {
      name: 'timestamps/comparisons/leq_duration_true',
      expr: "duration('200s') <= duration('200s')",
      value: true,
    },
    {
      name: 'timestamps/comparisons/geq_timestamp_true',
      expr: "timestamp('2009-02-13T23:00:00Z') >= timestamp('2009-02-13T23:00:00Z')",
      value: true,
    },
    {
      name: 'timestamps/timestamp_range/from_string_under',
      expr: "timestamp('0000-01-01T00:00:00Z')",
      value: 'error',
    },
    {
      name: 'timestamps/timestamp_range/add_duration_under',
      expr: "timestamp('0001-01-01T00:00:00Z') + duration('-1s')",
      value: 'error',
    },
    {
      name: 'timestamps/timestamp_range/sub_time_duration_over',
      expr: "timestamp('9999-12-31T23:59:59Z') - timestamp('0001-01-01T00:00:00Z')",
      value: 'error',
    },
    {
      name: 'timestamps/duration_range/from_string_under',
      expr: "duration('-320000000000s')",
      value: 'error',
    },
    {
      name: 'timestamps/duration_range/add_under',
      expr: "duration('-200000000000s') + duration('-200000000000s')",
      value: 'error',
    },
  ])('conforms: $name', ({ expr, value }) => {
    const result = evaluate(expr);
    expect(result.kind === 'error' ? 'error' : result.value).toBe(value);
  });
});

describe('what holds a request', () => {
  test.each([
    { expression: 'request.context.missing > 1', message: 'no such key: missing (column 16)' },
    { expression: 'request.context.impact', message: 'it gives neither true nor false' },
    { expression: 'request.title > 5', message: '> does not take (string, int) (column 15)' },
    {
      expression: 'request.context.impact.affected + 1 > 2',
      message: '+ does not take (double, int) (column 33)',
    },
    { expression: 'request.title', message: 'it gives neither true nor false' },
    {
      expression: 'request.title && true',
      message: 'expected true or false, got string (column 1)',
    },
    {
      expression: 'request.title.exists(c, true)',
      message: 'neither a list nor a map (column 14)',
    },
    { expression: 'request.context.inputs[7].name == ""', message: 'no such element (column 1)' },
    { expression: 'facts.vendor.assessed', message: 'no such key: vendor (column 6)' },
    { expression: 'request.title.foo == 1', message: 'no such key: foo (column 14)' },
    { expression: 'true &&\n  request.nope', message: 'no such key: nope (line 2, column 10)' },
  ])('$expression: $message', ({ expression, message }) => {
    const result = evaluate(expression);
    expect(result.kind === 'error' && result.message).toBe(message);
  });

  // Each of these passed as a number with the library's own conversions.
  test.each(['', ' 5 ', '0x10', 'abc', 'Infinity', 'NaN', '1_000', '1e999', '12,5', '٣'])(
    'an amount that is no number (%j) passes no limit',
    (amount) => {
      const request = aRequest({ action: { parameters: { amount } } });
      for (const convert of ['double', 'int', 'uint'])
        for (const operator of ['<', '>']) {
          const limit = { double: '1000.0', int: '1000', uint: '1000u' }[convert] ?? '';
          const expression = `${convert}(request.action.parameters.amount) ${operator} ${limit}`;
          expect(evaluate(expression, request)).toMatchObject({ kind: 'error' });
        }
    },
  );

  test.each([
    '2026-02-30T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01',
    '2025-02-29T00:00:00Z',
    '2026-00-10T00:00:00Z',
  ])('a date that does not exist (%s) is no timestamp', (text) => {
    expect(evaluate(`timestamp("${text}") < now`)).toMatchObject({ kind: 'error' });
  });

  test('the messages name no value of the request, whatever the library says', () => {
    const leaky = [
      'bool(request.context.secrets.name)',
      'int(request.context.secrets.name) > 0',
      'double(request.context.secrets.iban) > 0.0',
      'timestamp(request.context.secrets.name) < now',
      'duration(request.context.secrets.name) < duration("1h")',
      'request.context[request.context.secrets.name] == 1',
      'request.context[request.context.secrets.amount] == 1',
      'request.context.inputs[request.context.secrets.amount] == 1',
      '{request.context.secrets.name: 1, request.context.secrets.name: 2}.size() == 1',
      'now.getHours(request.context.secrets.name) == 1',
      'int(request.context.secrets.amount) / 0 == 1',
      'int(request.context.secrets.amount) * 9223372036854775807 > 1',
      'timestamp(int(request.context.secrets.amount) * 1000) < now',
      'request.context.secrets.name > request.context.secrets.amount',
      'request.context.secrets',
      'request.context.secrets.name.exists(x, true)',
    ];
    for (const expression of leaky) {
      const result = evaluate(expression);
      expect(result, expression).toMatchObject({ kind: 'error' });
      for (const secret of Object.values(SECRETS))
        expect(JSON.stringify(result), expression).not.toContain(String(secret));
    }
  });

  test('a key that is named in the condition may be named in the message, a key of the data may not', () => {
    const request = { wanted: 'hidden', literal: 'shown' };
    expect(evaluate('request[request.wanted]', request)).toMatchObject({
      message: 'no such key (column 1)',
    });
    expect(evaluate('request["shown"]', request)).toMatchObject({
      message: 'no such key: shown (column 1)',
    });
  });

  test('an error holds the request that is bound', () => {
    const policy: Policy = { ...fallbackPolicy('credit-officer', 'ai-decision'), id: 'p' };
    const rule = {
      ...policy.rules[0]!,
      name: 'sure',
      when: 'request.nope > 1',
      effect: 'approve',
      stages: [],
    } as const;
    const asked = { tier: 'low', exceptions: [], ...expressionsFor(aRequest(), NOW) } as const;
    const binding = bindPolicy([{ ...policy, rules: [rule] }], policy, asked);
    expect(binding.heldBy).toEqual([
      { fact: 'p#0', reason: 'rule "sure" could not be evaluated: no such key: nope (column 8)' },
    ]);
  });

  test.each([
    {
      why: 'nested too deeply',
      request: JSON.parse('['.repeat(5_000) + ']'.repeat(5_000)) as unknown,
    },
    { why: 'no JSON', request: { amount: 10n } },
    { why: 'no number', request: { amount: Number.NaN } },
    { why: 'no instant', request: {}, now: 'yesterday' },
  ])(
    'a request that cannot be read ($why) is an error, also for the condition "true"',
    ({ request, now }) => {
      const result = evaluateCondition('true', { request, now: now ?? NOW, facts: {} });
      expect(result).toMatchObject({ kind: 'error' });
      expect(conditionsFor(request, now ?? NOW)('true', 'low')).toEqual(result);
    },
  );

  test('objects that look like something else to the library are plain maps', () => {
    const request = JSON.parse(
      '{"a": {"$typeName": "google.protobuf.BoolValue", "value": true}, "constructor": {"name": "x"}, "__proto__": {"y": 1}}',
    ) as unknown;
    expect(evaluate('request.a', request)).toMatchObject({ kind: 'error' });
    expect(evaluate('request.a.value && request.constructor.name == "x"', request)).toEqual(TRUE);
    expect(evaluate('request.__proto__.y == 1 && !has(request.toString)', request)).toEqual(TRUE);
  });
});

describe('what is refused when a policy is published', () => {
  test.each([
    { expression: '', message: 'the condition is empty' },
    { expression: '1', message: 'must be true or false, but is int (column 1)' },
    { expression: 'request.title == "a" &&', message: 'syntax error: unexpected "&&" (column 22)' },
    { expression: 'request.a = 1', message: 'syntax error: unexpected "=" (column 11)' },
    { expression: '(request.a', message: 'syntax error: the condition ends too early (column 11)' },
    {
      expression: 'reqest.title == "x"',
      message: 'unknown name "reqest": a condition reads request, now and facts (column 1)',
    },
    {
      expression: 'true &&\n  lower(request.title) == "x"',
      message: 'unknown function "lower" (line 2, column 3)',
    },
    { expression: 'request.title.lower() == "x"', message: 'unknown function "lower" (column 14)' },
    { expression: 'now > "2026-01-01"', message: '> does not take (Timestamp, string) (column 5)' },
    {
      expression: 'now == "2026-01-01"',
      message: 'Timestamp and string are never equal (column 5)',
    },
    { expression: '"a" + 1 == "a1"', message: '+ does not take (string, int) (column 5)' },
    { expression: 'now && true', message: '&& needs true or false, not Timestamp (column 1)' },
    { expression: 'request.a ? 1 : 2', message: 'must be true or false, but is int (column 1)' },
    {
      expression: 'has(request)',
      message: 'has() takes one field, as in has(request.context.model) (column 1)',
    },
    {
      expression: 'request.a.exists(x)',
      message:
        'exists() takes a variable and a condition, as in list.exists(item, item.name == "a") (column 10)',
    },
    {
      expression: 'request.a.all(request, true)',
      message: '"request" already has a meaning (column 10)',
    },
    {
      expression: 'request.a.matches(request.b)',
      message: 'the pattern of matches() must be written in the condition (column 26)',
    },
    {
      expression: 'request.a.matches("(")',
      message: 'not a regular expression (RE2 syntax) (column 19)',
    },
    {
      expression: 'request.a.matches("(?=b)")',
      message: 'not a regular expression (RE2 syntax) (column 19)',
    },
    {
      expression: `request.a.matches("${'a'.repeat(201)}")`,
      message: 'the pattern of matches() has more than 200 characters (column 19)',
    },
    {
      expression: 'google.protobuf.BoolValue{value: true}',
      message: 'messages cannot be made here (column 1)',
    },
    { expression: '9223372036854775808 > 1', message: 'number too large (column 1)' },
    { expression: '1e400 > 1.0', message: 'number too large (column 1)' },
    {
      expression: 'request.a.all(a, a.all(b, b.all(c, c.all(d, true))))',
      message: 'more than 3 loops inside of each other (column 37)',
    },
    { expression: 'true || '.repeat(499) + 'true', message: 'more than 600 parts' },
    { expression: '1 + '.repeat(80) + '1 == 81', message: 'nested deeper than 60' },
    { expression: '['.repeat(1_900), message: '' },
    {
      expression: 'a'.repeat(LONGEST_CONDITION + 1),
      message: 'the condition has more than 4000 characters',
    },
  ])('$expression', ({ expression, message }) => {
    const compiled = compileCondition(expression);
    expect(compiled.ok ? 'accepted' : compiled.message.slice(0, 150)).toContain(message);
    const place = compiled.ok ? null : /column (\d+)\)$/.exec(compiled.message);
    if (place !== null && !compiled.ok) expect(compiled.column).toBe(Number(place[1]));
  });

  test('what is refused once is an error for every request', () => {
    expect(conditionsFor(aRequest(), NOW)('nope', 'low')).toMatchObject({ kind: 'error' });
  });
});

describe('the tier', () => {
  test('reads as asked, not as submitted', () => {
    const evaluateFor = conditionsFor(aRequest({ riskTier: 'low' }), NOW);
    expect(evaluateFor('request.riskTier == "high"', 'high')).toEqual(TRUE);
    expect(evaluateFor('request.riskTier == "low"', 'low')).toEqual(TRUE);
    expect(evaluateFor('request.riskTier == "low"', 'medium')).toEqual(FALSE);
  });
});

describe('cost', () => {
  const count = 30_000;
  const numbers = Array.from({ length: count }, (_, index) => index);
  const large = {
    numbers,
    text: 'a'.repeat(200_000),
    objects: numbers.slice(0, 5_000).map((n) => ({ n })),
  };

  test.each([
    'request.numbers.all(a, request.numbers.all(b, a + b >= 0.0))',
    'request.numbers.all(a, request.numbers.exists(b, true))',
    'request.numbers.all(a, a in request.numbers)',
    'request.numbers.all(a, request.objects == request.objects)',
    'request.numbers.map(a, a).size() > 0',
    'request.numbers.all(a, request.text.contains("b"))',
    'request.numbers.all(a, request.text.size() > 0)',
    'request.numbers.all(a, request.text.matches("a+b"))',
    'request.numbers.exists(a, "aaaaaaaaaaaaaaaaaaaaaaaa".matches("(a?){100}b"))',
    'request.numbers.all(a, now.getHours("Europe/Berlin") < 25)',
    `["aa"]${'.map(x, x + x)'.repeat(40)}.size() > 0`,
    `[[1]]${'.map(x, x + x)'.repeat(40)}.size() > 0`,
    'request.numbers.all(a, request.numbers.all(b, a + b >= 0.0)) || true',
  ])('%s ends soon, with an error or an answer', (expression) => {
    const started = performance.now();
    const result = evaluate(expression, large);
    expect(performance.now() - started).toBeLessThan(3_000); // 0.2 s alone; other tests share the machine
    const early = expression.includes('contains');
    expect(result).toEqual(early ? FALSE : expect.objectContaining({ kind: 'error' }));
  });

  test('an ordinary list is far from the bound, and the next evaluation has a full budget', () => {
    const expression = 'request.numbers.all(a, a >= 0 && a < 100000)';
    const request = { numbers: numbers.slice(0, 10_000) };
    for (let round = 0; round < 5; round += 1) expect(evaluate(expression, request)).toEqual(TRUE);
  });

  test('the sample condition runs at least 20,000 times a second', () => {
    const evaluateFor = conditionsFor(aRequest(), NOW);
    const rounds = 20_000;
    for (let round = 0; round < 2_000; round += 1) evaluateFor(SAMPLE, 'low');
    const started = performance.now();
    for (let round = 0; round < rounds; round += 1) evaluateFor(SAMPLE, 'low');
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe('any text and any request', () => {
  const word = fc.constantFrom(
    ...[
      'request',
      'now',
      'facts',
      '.a',
      '.b',
      '["a"]',
      '(',
      ')',
      '[',
      ']',
      '{',
      '}',
      '"',
      "'",
      '&&',
      '||',
      '!',
      '-',
    ],
    ...[
      '+',
      '*',
      '/',
      '%',
      '?',
      ':',
      ',',
      '==',
      '<',
      'in',
      '1',
      '1.5',
      '1u',
      '"x"',
      'null',
      'true',
      'x',
      '\n',
      '//',
    ],
    ...[
      'size(',
      '.exists(x,',
      '.map(x,',
      'has(request.a)',
      'timestamp(',
      'duration(',
      '.matches("a")',
      'b"a"',
      '\\',
    ],
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(word, { maxLength: 14 }).map((words) => words.join(' ')),
  );

  test('never throws and says no more than it should', () => {
    fc.assert(
      fc.property(text, fc.json(), (expression, json) => {
        const result = evaluate(expression, JSON.parse(json));
        if (result.kind === 'error') expect(result.message.length).toBeLessThanOrEqual(200);
      }),
      { numRuns: 1_500 },
    );
  });
});

describe('an instant that the request names', () => {
  const of = (expression: string, request: unknown = {}) =>
    expressionsFor(request, NOW).moment(expression, 'low');

  test.each([
    ['timestamp("2027-01-31T10:00:00.5Z")', '2027-01-31T10:00:00.500Z'],
    ['timestamp("2027-01-31T10:00:00+02:00") + duration("36h")', '2027-02-01T20:00:00.000Z'],
    ['"2027-01-31"', '2027-01-31T00:00:00.000Z'],
    ['"2027-01-31T10:00:00.123456789Z"', '2027-01-31T10:00:00.123Z'],
    ['"2027-01-31T10:00:00-05:30"', '2027-01-31T15:30:00.000Z'],
    ['request.context.contract.start', '2027-03-01T00:00:00.000Z'],
    ['now + duration("24h")', '2026-11-22T07:41:00.000Z'],
  ])('%s is %s', (expression, instant) => {
    const request = { context: { contract: { start: '2027-03-01' } } };
    const given = of(expression, request);
    if (expression.startsWith('now')) expect(given).toMatchObject({ kind: 'value' });
    else expect(given).toEqual({ kind: 'value', value: instant });
  });

  test.each([
    ['"2027-02-29"', 'it gives no instant'],
    ['"tomorrow"', 'it gives no instant'],
    ['"2027-01-31T24:00:00Z"', 'it gives no instant'],
    ['"0000-01-01"', 'it gives no instant'],
    ['request.number', 'it gives no instant'],
    ['request.nothing', 'no such key: nothing (column 8)'],
    ['timestamp(request.text)', 'not an RFC 3339 timestamp'],
  ])('%s holds: %s', (expression, message) => {
    const given = of(expression, { number: 5, text: 'secret words' });
    expect(given).toMatchObject({ kind: 'error', message: expect.stringContaining(message) });
    expect(JSON.stringify(given)).not.toContain('secret');
  });

  test.each([
    ['true', 'must be a timestamp or a text, but is bool (column 1)'],
    ['1 + 1', 'must be a timestamp or a text, but is int (column 3)'],
    ['request.', 'syntax error: unexpected "." (column 8)'],
  ])('%s cannot be published: %s', (expression, message) => {
    expect(compileMoment(expression)).toMatchObject({ ok: false, message });
  });
});
