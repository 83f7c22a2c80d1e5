import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RequestShape } from '../../application/request-shape.ts';
import { openStack, type Reply, type Stack } from '../support/stack.ts';
import {
  act,
  aHeldRequest,
  aLoan,
  aSureLoan,
  aVendor,
  decide,
  HOLDING_POLICY,
  submit,
} from './support/calls.ts';

let stack: Stack;
const ids: Record<string, string> = {};
beforeAll(async () => {
  stack = await openStack();
  await stack.call('cora', '/v1/policies/holding/versions', {
    raw: HOLDING_POLICY,
    headers: { 'Content-Type': 'application/yaml' },
  });
  const add = async (name: string, body: unknown, who?: string): Promise<void> => {
    ids[name] = (await submit(stack, body, who)).id;
  };
  await add('approved', aSureLoan());
  await add('pending', aLoan());
  await add('ofEve', aLoan(), 'eve');
  await add('held', aHeldRequest());
  await add('vendor', aVendor());
  await add('rejected', aLoan());
  await decide(stack, 'omar', ids['rejected'] ?? '', 'reject');
  await add('withdrawn', aLoan());
  await act(stack, 'app', `${ids['withdrawn']}/withdrawal`, {});
  await add('decidedByOmar', aLoan());
  await decide(stack, 'omar', ids['decidedByOmar'] ?? '');
});
afterAll(() => stack.close());

type List = Reply<{ items: RequestShape[] }>;
const list = (who: string, query = ''): Promise<List> => stack.call(who, `/v1/requests${query}`);
const namesOf = ({ body }: List): string[] =>
  body.items.map(({ id }) => Object.entries(ids).find(([, one]) => one === id)?.[0] ?? id);

describe('a list of requests', () => {
  test('is newest first, in the shape of a single one, with all that the caller may see', async () => {
    const all = await list('cora');
    expect(namesOf(all)).toEqual(Object.keys(ids).reverse());
    const one = await stack.call('cora', `/v1/requests/${ids['pending']}`);
    expect(all.body.items[namesOf(all).indexOf('pending')]).toEqual(one.body);
    expect(all.headers.get('link')).toBeNull();
  });

  test.each([
    [
      'app',
      '',
      ['decidedByOmar', 'withdrawn', 'rejected', 'vendor', 'held', 'pending', 'approved'],
    ],
    ['app', '?status=pending', ['decidedByOmar', 'vendor', 'pending']],
    ['app', '?status=held', ['held']],
    ['app', '?status=withdrawn', ['withdrawn']],
    ['app', '?status=expired', []],
    ['app', '?kind=vendor-approval', ['vendor']],
    ['app', '?kind=ai-decision&status=approved', ['approved']],
    ['app', '?kind=nothing', []],
    ['app', '?eligible=me', []],
    ['vic', '', ['vendor']],
    ['vic', '?eligible=me', ['vendor']],
    ['eve', '?eligible=me', ['decidedByOmar', 'pending']],
    ['omar', '?eligible=me', ['ofEve', 'pending']],
    ['dana', '?eligible=me', []],
    ['rui', '?eligible=me', []],
    ['eve', '?status=rejected', ['rejected']],
  ])('of %s with %s', async (who, query, expected) => {
    expect(namesOf(await list(who, query))).toEqual(expected);
  });
});
