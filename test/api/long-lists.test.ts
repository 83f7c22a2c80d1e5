import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RequestShape } from '../../application/request-shape.ts';
import { PAGE_SIZES, requestText, waitingText, type PageSize } from '../../prisma/list-store.ts';
import { secretHash } from '../../application/secret.ts';
import { insertToken } from '../../prisma/people-store.ts';
import { openDatabase, type Database } from '../../prisma/database.ts';
import { layRequests } from '../../tools/bench/inbox/lay.ts';
import { openStack, type Reply, type Stack } from '../support/stack.ts';
import { aLoan, aSureLoan, aVendor, decide, expectProblem, submit } from './support/calls.ts';

// Twenty thousand requests, most of them over: what pages show, and that no page is made by looking at all.

let stack: Stack;
let owner: Database;
/** Otto owns the sample app and may decide nothing. */
const OTTO = 'o'.repeat(43);
const templates: Record<string, string> = {};
const COUNTS: Readonly<Record<string, number>> = {
  ...{
    approved: 10_500,
    rejected: 1_000,
    loan: 3_000,
    decidedByEve: 2_000,
    ofEve: 500,
    vendor: 3_000,
  },
};
beforeAll(async () => {
  stack = await openStack({ dispatcher: false });
  const add = async (name: string, body: unknown, who?: string): Promise<void> => {
    templates[name] = (await submit(stack, body, who)).id;
  };
  await add('approved', aSureLoan());
  await add('rejected', aLoan());
  await decide(stack, 'omar', templates['rejected'] ?? '', 'reject');
  await add('loan', aLoan());
  await add('decidedByEve', aLoan());
  await decide(stack, 'eve', templates['decidedByEve'] ?? '');
  await add('ofEve', aLoan(), 'eve');
  await add('vendor', aVendor());
  owner = openDatabase(stack.databaseUrl, 2);
  await owner.transaction(async (tx) =>
    tx.write(insertToken({ hash: secretHash(OTTO), person: 'otto', createdAt: stack.deps.now() })),
  );
  await layRequests(owner, {
    vault: stack.deps.vault,
    templates: Object.entries(COUNTS).map(([name, count]) => ({
      id: templates[name] ?? '',
      count,
    })),
    newest: new Date(Date.now() - 3_600_000),
    apartMs: 1_000,
  });
  await owner.query('ANALYZE');
}, 120_000);
afterAll(async () => {
  await owner.close();
  await stack.close();
});

type List = Reply<{ items: RequestShape[] }>;

/** Follows the links to the end. */
async function walk(who: string, first: string, most = Infinity): Promise<RequestShape[]> {
  const items: RequestShape[] = [];
  for (let next: string | null = first; next !== null && items.length < most;) {
    const reply: List = await stack.call(who, next);
    expect(reply.status, reply.text).toBe(200);
    items.push(...reply.body.items);
    next = /^<([^>]+)>/.exec(reply.headers.get('link') ?? '')?.[1] ?? null;
  }
  return items;
}

const isSorted = (values: readonly string[]): boolean =>
  values.every((value, at) => at === 0 || (values[at - 1] ?? '') <= value);
const newestFirst = (items: readonly RequestShape[]): boolean =>
  isSorted(items.map(({ createdAt }) => createdAt).reverse());
const mostUrgentFirst = async (items: readonly RequestShape[]): Promise<boolean> => {
  const rows = await owner.query<{ id: string; deadline: string }>(
    'SELECT id, deadline FROM request WHERE id = ANY($1::uuid[])',
    [items.map(({ id }) => id)],
  );
  const deadlines = new Map(rows.map(({ id, deadline }) => [id, deadline]));
  return isSorted(items.map(({ id }) => deadlines.get(id) ?? ''));
};

describe('an inbox', () => {
  test('shows each request that waits for the person once, newest first, to its end', async () => {
    const items = await walk('eve', '/v1/requests?eligible=me&limit=200');
    // One original and its copies; nothing that eve asked for or has decided.
    expect(items.length).toBe(3_001);
    expect(new Set(items.map(({ id }) => id)).size).toBe(3_001);
    expect(newestFirst(items)).toBe(true);
    expect(items.every(({ stage }) => stage?.eligible.includes('eve'))).toBe(true);
  });

  test('shows the same, the earliest deadline first', async () => {
    const items = await walk('eve', '/v1/requests?eligible=me&order=urgent&limit=200');
    expect(items.length).toBe(3_001);
    expect(await mostUrgentFirst(items)).toBe(true);
  });

  test('follows each decision at once', async () => {
    const { id } = await submit(stack, aLoan());
    const isIn = async (who: string): Promise<boolean> => {
      const { body }: List = await stack.call(who, '/v1/requests?eligible=me&limit=1');
      return body.items[0]?.id === id;
    };
    expect([await isIn('eve'), await isIn('omar'), await isIn('rui')]).toEqual([true, true, false]);
    await decide(stack, 'eve', id);
    expect([await isIn('eve'), await isIn('omar'), await isIn('rui')]).toEqual([
      false,
      true,
      false,
    ]);
    await decide(stack, 'omar', id);
    expect([await isIn('eve'), await isIn('omar'), await isIn('rui')]).toEqual([
      false,
      false,
      true,
    ]);
    await decide(stack, 'rui', id);
    expect([await isIn('eve'), await isIn('omar'), await isIn('rui')]).toEqual([
      false,
      false,
      false,
    ]);
  });

  test('is of one kind where that is asked for, and empty where nothing of it waits', async () => {
    expect((await walk('vic', '/v1/requests?eligible=me&limit=200')).length).toBe(3_001);
    expect(await walk('vic', '/v1/requests?eligible=me&kind=ai-decision')).toEqual([]);
    expect(await walk('vic', '/v1/requests?eligible=me&status=approved')).toEqual([]);
  });
});

describe('a list', () => {
  test.each([
    ['app', '', 19_505],
    ['app', 'status=rejected&', 1_001],
    ['app', 'kind=vendor-approval&', 3_001],
    ['cora', 'status=pending&', 8_504],
    ['vic', '', 3_001],
    // eve sees every loan by her role, and what she asked for herself.
    ['eve', 'status=pending&', 5_503],
    ['eve', 'order=urgent&', 5_503],
    ['cora', 'order=urgent&', 8_504],
    ['app', 'order=urgent&kind=vendor-approval&', 3_001],
    // otto owns the app and holds no role that is asked.
    ['otto', 'status=rejected&', 1_001],
    ['otto', 'order=urgent&', 8_003],
    // dana is acted for.
    ['dana', 'status=pending&kind=ai-decision&', 5_503],
  ])('of %s with %s has %i requests, each once and in order', async (who, query, count) => {
    const most = 4_000;
    const caller = who === 'otto' ? `csp_${OTTO}` : who;
    const items = await walk(caller, `/v1/requests?${query}limit=200`, most);
    expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
    if (count < most) expect(items.length).toBeGreaterThanOrEqual(count);
    // Other tests of this file submit one loan more.
    expect(items.length).toBeLessThanOrEqual(count + 1);
    const inOrder = query.includes('urgent') ? await mostUrgentFirst(items) : newestFirst(items);
    expect(inOrder).toBe(true);
  });

  test('of what is over cannot be urgent, and a cursor belongs to its order', async () => {
    const { errors } = expectProblem(
      await stack.call('cora', '/v1/requests?order=urgent&status=approved'),
      422,
      'VALIDATION_FAILED',
    );
    expect(errors.map(({ pointer }) => pointer)).toEqual(['/order']);
    const first = await stack.call('cora', '/v1/requests?status=pending&limit=1');
    const link = /^<([^>]+)>/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
    const other = link.replace('order=newest', 'order=urgent');
    expect(other).not.toBe(link);
    expectProblem(await stack.call('cora', other), 400, 'CURSOR_INVALID');
  });
});

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly Plan[];
}

/** Every node of a plan. */
function nodesOf(plan: Plan): Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
}

describe('the plan of each page', () => {
  const SIZES = PAGE_SIZES;
  const first = ['infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff'];
  const earliest = ['-infinity', '00000000-0000-0000-0000-000000000000'];
  const all = ['held', 'pending', 'approved', 'rejected', 'expired', 'withdrawn', 'overridden'];
  const loans = ['credit-officer', 'risk-manager'];
  const newest: [string, (size: PageSize) => string, (string | readonly string[] | null)[]][] = [
    ['everything', (size) => requestText('everything', { order: 'newest', size }), []],
    [
      'one kind of all',
      (size) => requestText('all', { order: 'newest', size }),
      ['ai-decision', all],
    ],
    [
      'an app',
      (size) => requestText('app', { order: 'newest', size }),
      [null, all, 'sample-agent'],
    ],
    [
      'a person',
      (size) => requestText('person', { order: 'newest', size }),
      [null, all, 'eve', loans],
    ],
    ['an inbox', (size) => waitingText({ order: 'newest', size }), [loans, 'eve', null]],
  ];
  const urgent: typeof newest = [
    ['all, urgent', (size) => requestText('all', { order: 'urgent', size }), [null, ['pending']]],
    [
      'an app, urgent',
      (size) => requestText('app', { order: 'urgent', size }),
      [null, ['pending'], 'sample-agent'],
    ],
    [
      'a person, urgent',
      (size) => requestText('person', { order: 'urgent', size }),
      [null, ['pending'], 'eve', loans],
    ],
    ['an inbox, urgent', (size) => waitingText({ order: 'urgent', size }), [loans, 'eve', null]],
  ];
  const cases = [...newest, ...urgent].flatMap(([name, text, values]) =>
    SIZES.flatMap((size) =>
      (['custom', 'generic'] as const).map((mode) => {
        const from = name.includes('urgent') ? earliest : first;
        return { name, size, mode, text: text(size), values: [...from, ...values] };
      }),
    ),
  );

  test.each(cases)('of $name, $size rows, $mode', async ({ text, values, size, mode }) => {
    const nodes = nodesOf(await explain(text, values, mode));
    const big = ['request', 'request_waiting', 'request_person'];
    const scans = nodes.filter(({ 'Relation Name': name }) => big.includes(name ?? ''));
    expect(scans.length).toBeGreaterThan(0);
    for (const scan of scans) {
      expect(scan['Node Type'], JSON.stringify(scan)).toMatch(/^Index (Only )?Scan$/);
      expect(scan['Actual Rows'], JSON.stringify(scan)).toBeLessThanOrEqual(size);
    }
    // What is sorted is what the ranges gave, never a table.
    const ranges = scans.reduce((sum, scan) => sum + scan['Actual Loops'], 0);
    for (const sort of nodes.filter(({ 'Node Type': type }) => /Sort|Aggregate/.test(type)))
      expect(sort['Actual Rows']).toBeLessThanOrEqual(size * ranges);
  });

  /** As a prepared statement is planned: for the values it is given, or once for all. */
  async function explain(
    text: string,
    values: readonly (string | readonly string[] | null)[],
    mode: 'custom' | 'generic',
  ): Promise<Plan> {
    let plan: Plan | undefined;
    await owner.transaction(async (tx) => {
      const run = (statement: string) =>
        tx.query<Record<string, [{ Plan: Plan }]>>({ text: statement, values: [] });
      await run(`SET LOCAL plan_cache_mode = 'force_${mode}_plan'`);
      await run(`PREPARE page AS ${text}`);
      const literals = values.map((value) => {
        if (value === null) return 'NULL';
        return typeof value === 'string' ? `'${value}'` : `'{${value.join(',')}}'`;
      });
      const rows = await run(`EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE page(${literals.join(', ')})`);
      plan = rows[0]?.['QUERY PLAN']?.[0].Plan;
      await run('DEALLOCATE page');
    });
    if (plan === undefined) throw new Error('no plan');
    return plan;
  }
});
