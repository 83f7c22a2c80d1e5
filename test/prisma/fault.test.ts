import { describe, expect, test } from 'vitest';
import { isDatabaseUnavailable, isPolicyFence, violatedUnique } from '../../prisma/fault.ts';

const coded = (code: string, more: object = {}): Error =>
  Object.assign(new Error('a text nobody may compare'), { code, ...more });

describe('out of reach or overloaded: the same call may succeed in a moment', () => {
  test.each([
    '08000',
    '08001',
    '08003',
    '08004',
    '08006',
    '57P01',
    '57P02',
    '57P03',
    '53300',
    '55P03',
    '57014',
    '40001',
    '40P01',
    '25P03',
    'ECONNREFUSED',
    'ECONNRESET',
    'EPIPE',
    'ETIMEDOUT',
    'ENOTFOUND',
    'EHOSTUNREACH',
  ])('%s', (code) => {
    expect(isDatabaseUnavailable(coded(code))).toBe(true);
    expect(isDatabaseUnavailable(new Error('outer', { cause: coded(code) }))).toBe(true);
    expect(isDatabaseUnavailable(new AggregateError([coded('other'), coded(code)]))).toBe(true);
  });

  test.each([
    'Connection terminated',
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
    'timeout exceeded when trying to connect',
    'Client has encountered a connection error and is not queryable',
    'Query read timeout',
  ])('%s (pg gives it no code)', (message) => {
    expect(isDatabaseUnavailable(new Error(message))).toBe(true);
  });
});

describe('the typed client keeps the state below a code of its own', () => {
  const typed = (originalCode?: string): Error =>
    coded('P2039', { meta: { driverAdapterError: { cause: { kind: 'postgres', originalCode } } } });
  test.each([
    { why: 'a killed connection', error: typed('57P01'), is: true },
    { why: 'a statement that took too long', error: typed('57014'), is: true },
    { why: 'nobody there', error: coded('P1001'), is: true },
    { why: 'a closed connection', error: coded('P1017'), is: true },
    { why: 'a check that failed', error: typed('23514'), is: false },
    { why: 'a unique key', error: coded('P2002'), is: false },
    { why: 'no state at all', error: typed(), is: false },
  ])('$why: $is', ({ error, is }) => {
    expect(isDatabaseUnavailable(error)).toBe(is);
  });
});

describe('an answer, which would be the same next time', () => {
  test.each([
    { why: 'a unique key', error: coded('23505') },
    { why: 'a check', error: coded('23514') },
    { why: 'an attempt to change evidence', error: coded('AP001') },
    { why: 'a fence', error: coded('AP002') },
    { why: 'a fault of ours', error: new TypeError('x is not a function') },
    { why: 'a text that only quotes', error: new Error('he said: Connection terminated') },
    { why: 'several answers', error: new AggregateError([coded('23505'), coded('23514')]) },
    { why: 'a number for a code', error: Object.assign(new Error('x'), { code: 8006 }) },
    { why: 'what is no error', error: '08006' },
    { why: 'nothing', error: undefined },
  ])('$why', ({ error }) => {
    expect(isDatabaseUnavailable(error)).toBe(false);
  });
});

test.each([
  { why: 'a unique key that is there', error: coded('23505', { constraint: 'k' }), name: 'k' },
  { why: 'another violation', error: coded('23514', { constraint: 'k' }), name: null },
  { why: 'a violation without a name', error: coded('23505'), name: null },
  { why: 'what is no error', error: null, name: null },
])('names the unique key: $why', ({ error, name }) => {
  expect(violatedUnique(error)).toBe(name);
});

test.each([
  { error: coded('AP002'), is: true },
  { error: coded('AP001'), is: false },
  { error: undefined, is: false },
])('only AP002 is the fence of policies', ({ error, is }) => {
  expect(isPolicyFence(error)).toBe(is);
});
