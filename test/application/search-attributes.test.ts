import { expect, test } from 'vitest';
import { createShowing, type AttributeStore } from '../../application/search-attributes.ts';

const refused = async (): Promise<never> => {
  throw new Error('PERMISSION_DENIED');
};

function showing(differs: Partial<AttributeStore> = {}) {
  const told: string[] = [];
  const added: string[] = [];
  let counted = 0;
  const store: AttributeStore = {
    count: async () => {
      counted += 1;
      if (added.length === 0) throw new Error('INVALID_ARGUMENT');
    },
    names: async () => [],
    add: async (missing) => void added.push(...missing.map(({ name }) => name)),
    ...differs,
  };
  const made = createShowing(store, (message) => void told.push(message));
  return { made, told, added, counted: () => counted };
}

test('are not used until Temporal answers a query that names them all', async () => {
  const { made, added } = showing();
  expect(await made.usable()).toBe(false);
  await made.register();
  expect(added).toHaveLength(5);
  expect(await made.usable()).toBe(true);
});

test('only those that are missing are added, and nothing where all are there', async () => {
  const some = showing({ names: async () => ['CountersignKind', 'CountersignDue', 'Other'] });
  await some.made.register();
  expect(some.added.toSorted()).toEqual([
    'CountersignRisk',
    'CountersignRole',
    'CountersignStatus',
  ]);
  const all = showing({ count: async () => undefined, add: refused });
  await all.made.register();
  expect([all.added, all.told]).toEqual([[], []]);
});

test('without the permission one sentence says what to run, once, and nothing fails', async () => {
  const { made, told } = showing({ add: refused });
  await made.register();
  await made.register();
  expect(told).toHaveLength(1);
  expect(told[0]).toContain('temporal operator search-attribute create --name CountersignKind');
  expect(told[0]).toContain('--name CountersignRole --type KeywordList');
  expect(await made.usable()).toBe(false);
});

test('once refused they are not used, and many callers ask one question', async () => {
  const { made, counted } = showing({ names: refused });
  await Promise.all([made.usable(), made.usable(), made.usable()]);
  expect(counted()).toBe(1);
  const fine = showing({ count: async () => undefined }).made;
  expect(await fine.usable()).toBe(true);
  fine.forget();
  expect(await fine.usable()).toBe(false);
});
