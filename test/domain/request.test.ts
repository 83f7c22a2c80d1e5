import { describe, expect, test } from 'vitest';
import { partiesOf, statusOf } from '../../domain/request.ts';
import { resolve } from '../../domain/resolution.ts';
import { aRequest, HELD, NOW } from '../support/builders.ts';

describe('the word of the status', () => {
  test('held until somebody can decide, then pending', () => {
    expect(statusOf(aRequest({ heldBy: [HELD] }))).toBe('held');
    expect(statusOf(aRequest())).toBe('pending');
  });

  test.each(['approved', 'rejected', 'expired', 'withdrawn', 'overridden'] as const)(
    '%s, also where it was held before',
    (kind) => {
      const before = aRequest({ heldBy: [HELD] });
      const { state } = resolve(before, { kind, cause: 'people', by: [] }, NOW);
      expect(statusOf(state)).toBe(kind);
    },
  );
});

describe('the people whose request it is', () => {
  test.each([
    { why: 'the owner of the app', state: aRequest(), parties: ['otto'] },
    {
      why: 'not the app itself',
      state: aRequest({ requester: { type: 'app', id: 'loan-agent', owner: null } }),
      parties: [],
    },
    {
      why: 'the person who asked',
      state: aRequest({ requester: { type: 'person', id: 'dana', owner: null } }),
      parties: ['dana'],
    },
    {
      why: 'the person acted for and every editor',
      state: aRequest({ onBehalfOf: 'dana', editors: ['eve', 'omar'] }),
      parties: ['otto', 'dana', 'eve', 'omar'],
    },
  ])('$why', ({ state, parties }) => {
    expect(partiesOf(state)).toEqual(parties);
  });
});
