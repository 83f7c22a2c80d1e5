import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RequestShape } from '../../application/request-shape.ts';
import { openDatabase } from '../../prisma/database.ts';
import { openStack, type Stack } from '../support/stack.ts';
import { act, aLoan, expectProblem, submit, view } from './support/calls.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await openStack();
});
afterAll(() => stack.close());

interface Page {
  readonly items: readonly RequestShape[];
}

const told = (id: string): string[] => stack.faults.filter((fault) => fault.includes(id));

/** What is stored of one request, changed behind our back. */
async function spoil(id: string, column: 'title' | 'content'): Promise<void> {
  await stack.deps.db.query(`UPDATE request SET ${column} = $2 WHERE id = $1`, [
    id,
    Buffer.alloc(64, 7),
  ]);
}

describe('a request whose stored words cannot be decrypted', () => {
  test.each([
    { who: 'app', query: '' },
    { who: 'cora', query: '?status=pending' },
    { who: 'eve', query: '?eligible=me' },
  ])('hides none of the others from $who, and says so itself', async ({ who, query }) => {
    const [before, broken, after] = [
      await submit(stack, aLoan({ title: 'before' })),
      await submit(stack, aLoan({ title: 'broken' })),
      await submit(stack, aLoan({ title: 'after' })),
    ];
    await spoil(broken.id, 'title');
    for (let turn = 0; turn < 2; turn += 1) {
      const list = await stack.call<Page>(who, `/v1/requests${query}`);
      expect(list.status, list.text).toBe(200);
      const titles = new Map(list.body.items.map(({ id, title }) => [id, title]));
      expect([before, after].map(({ id }) => titles.get(id))).toEqual(['before', 'after']);
      expect(titles.get(broken.id)).toMatch(/cannot be read/);
    }
    expect(told(broken.id)).toHaveLength(1);

    // Asked for by itself it is an error in words; its chain is there all the same.
    for (const path of ['', '?wait=PT1S', ...(who === 'eve' ? ['/view'] : [])]) {
      const reply = await stack.call(who, `/v1/requests/${broken.id}${path}`);
      const { detail } = expectProblem(reply, 500, 'UNREADABLE');
      expect(detail).toMatch(/cannot be decrypted/);
    }
    expect((await stack.call(who, `/v1/requests/${broken.id}/chain`)).status).toBe(200);
    expect(told(broken.id)).toHaveLength(1);
  });

  test.each([
    { what: 'title', sql: 'UPDATE request SET title = $2 WHERE id = $1' },
    { what: 'content', sql: 'UPDATE request SET content = $2 WHERE id = $1' },
    { what: 'opening', sql: 'UPDATE opening SET ciphertext = $2 WHERE stream_id = $1' },
    { what: 'reference', sql: 'UPDATE reference SET ciphertext = $2 WHERE stream_id = $1' },
  ])(
    'gives no evidence where its $what was changed: in words, and nothing is sealed',
    async ({ sql }) => {
      const { id } = await submit(stack, aLoan());
      const { contentDigest } = await view(stack, 'eve', id);
      const decision = { verdict: 'approve', contentDigest, rationale: 'It is right.' };
      await act(stack, 'eve', `${id}/decisions`, decision);
      const owner = openDatabase(stack.databaseUrl, 1);
      try {
        await owner.query(sql, [id, Buffer.alloc(64, 7)]);
      } finally {
        await owner.close();
      }
      for (const who of ['cora', 'app', 'eve']) {
        const reply = await stack.call(who, `/v1/requests/${id}/evidence`);
        expect(expectProblem(reply, 500, 'UNREADABLE').detail).toMatch(/cannot be decrypted/);
      }
      const chain = await stack.call<{ records: { bytes: string }[] }>(
        'cora',
        `/v1/requests/${id}/chain`,
      );
      const kinds = chain.body.records.map(({ bytes }) => Buffer.from(bytes, 'base64').toString());
      expect(kinds.filter((text) => text.includes('"kind":"exported"'))).toEqual([]);
      expect(told(id)).toHaveLength(1);
    },
  );

  test('can still be decided by who has seen it, and stopped', async () => {
    const { id } = await submit(stack, aLoan());
    const { contentDigest } = await view(stack, 'eve', id);
    await spoil(id, 'title');
    const decided = await act(stack, 'eve', `${id}/decisions`, {
      verdict: 'approve',
      contentDigest,
    });
    expect(decided).toMatchObject({ status: 200, body: { outcome: { kind: 'counted' } } });
    expect(decided.body.request?.title).toMatch(/cannot be read/);
    const stop = { effect: 'stop', reason: 'what is stored was changed' };
    const stopped = await act(stack, 'olga', `${id}/overrides`, stop);
    expect(stopped).toMatchObject({ status: 200, body: { outcome: { kind: 'settled' } } });
  });

  test('where only the content was changed, the request is shown and a view is refused in words', async () => {
    const { id } = await submit(stack, aLoan({ title: 'the title is sound' }));
    await spoil(id, 'content');
    const shown = await stack.call<RequestShape>('eve', `/v1/requests/${id}`);
    expect(shown).toMatchObject({ status: 200, body: { title: 'the title is sound' } });
    expectProblem(await stack.call('eve', `/v1/requests/${id}/view`), 500, 'UNREADABLE');
    expect(told(id)).toHaveLength(1);
  });
});
