import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RequestShape } from '../../application/request-shape.ts';
import { openStack, type Reply, type Stack } from '../support/stack.ts';
import { aLoan, aSureLoan, aVendor, expectProblem, submit } from './support/calls.ts';

let stack: Stack;
/** What eve may decide, two of them. */
const loans: string[] = [];
beforeAll(async () => {
  stack = await openStack({ worker: false, dispatcher: false });
  await submit(stack, aSureLoan());
  for (const body of [aLoan(), aVendor(), aLoan()]) {
    const { id, kind } = await submit(stack, body);
    if (kind === 'ai-decision') loans.push(id);
  }
  await stack.deps.db.query(`UPDATE request SET created_at = '2026-01-01T00:00:00Z'`, []);
  for (const body of [aSureLoan(), aVendor(), aVendor()]) await submit(stack, body);
});
afterAll(() => stack.close());

type List = Reply<{ items: RequestShape[] }>;
const list = (who: string, query = ''): Promise<List> => stack.call(who, `/v1/requests${query}`);

describe('pages', () => {
  /** Follows the links to the end. */
  async function walk(who: string, path: string): Promise<string[][]> {
    const pages: string[][] = [];
    let next: string | null = path;
    while (next !== null && pages.length < 30) {
      const reply: Reply<{ items: { id: string }[] }> = await stack.call(who, next);
      expect(reply.status, reply.text).toBe(200);
      pages.push(reply.body.items.map(({ id }) => id));
      const link = reply.headers.get('link');
      next = link === null ? null : (/^<([^>]+)>; rel="next"$/.exec(link)?.[1] ?? 'no link');
    }
    return pages;
  }

  test('give every request once, also where several are of one instant', async () => {
    const whole = (await list('app')).body.items.map(({ id }) => id);
    for (const limit of [1, 2, 3]) {
      const pages = await walk('app', `/v1/requests?limit=${limit}`);
      expect(pages.flat()).toEqual(whole);
      expect(pages.slice(0, -1).every((page) => page.length === limit)).toBe(true);
      expect(pages.at(-1)?.length).toBeGreaterThan(0);
    }
  });

  test('keep their filters, and skip what the caller may not see', async () => {
    const pages = await walk('eve', '/v1/requests?limit=1&eligible=me');
    expect(pages.map((page) => page.length)).toEqual([1, 1]);
    expect(new Set(pages.flat())).toEqual(new Set(loans));
  });

  test('are stable while requests come in', async () => {
    const first = await list('app', '?limit=3');
    const { id } = await submit(stack, aSureLoan());
    const next = /^<([^>]+)>/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
    const second = await stack.call<{ items: RequestShape[] }>('app', next);
    const both = [...first.body.items, ...second.body.items].map((item) => item.id);
    expect(both).not.toContain(id);
    expect(new Set(both).size).toBe(both.length);
  });

  test.each(['/v1/people', '/v1/policies', '/v1/apps'])(
    'of %s are in order of id',
    async (path) => {
      const whole = await stack.call<{ items: { id: string }[] }>('cora', path);
      const expected = whole.body.items.map(({ id }) => id);
      expect(expected).toEqual([...expected].sort());
      const pages = await walk('cora', `${path}?limit=2`);
      expect(pages.flat()).toEqual(expected);
    },
  );

  test('belong to the list, the filters and the caller that got them', async () => {
    const cursorOf = async (who: string, path: string): Promise<string> => {
      const link = (await stack.call(who, path)).headers.get('link') ?? '';
      return (
        new URL(/^<([^>]+)>/.exec(link)?.[1] ?? '', 'http://x').searchParams.get('cursor') ?? ''
      );
    };
    const mine = await cursorOf('app', '/v1/requests?limit=1');
    const people = await cursorOf('cora', '/v1/people?limit=1');
    expect((await list('app', `?cursor=${mine}`)).status).toBe(200);
    expect((await list('app', `?limit=2&cursor=${mine}`)).status).toBe(200);
    const flipped = `${mine.slice(0, -2)}${mine.endsWith('AA') ? 'BB' : 'AA'}`;
    for (const [who, path] of [
      ['cora', `/v1/requests?cursor=${mine}`],
      ['app', `/v1/requests?status=pending&cursor=${mine}`],
      ['app', `/v1/requests?cursor=${flipped}`],
      ['app', `/v1/requests?cursor=${mine}x`],
      ['cora', `/v1/people?cursor=${mine}`],
      ['cora', `/v1/requests?cursor=${people}`],
      ['cora', `/v1/apps?cursor=${people}`],
    ] as const) {
      const { errors } = expectProblem(await stack.call(who, path), 400, 'CURSOR_INVALID');
      expect(errors.map(({ pointer }) => pointer)).toEqual(['/cursor']);
    }
  });
});
