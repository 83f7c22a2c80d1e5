import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStack, type CallOptions, type Stack } from '../support/stack.ts';
import { aSureLoan, aVendor } from './support/calls.ts';
import { withValue } from './support/refused.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await openStack({ worker: false, dispatcher: false });
  const app = { id: 'fuzzed', name: 'F', owner: 'mia', scopes: ['requests:read'], kinds: ['*'] };
  await stack.call('cora', '/v1/apps', { body: app });
});
afterAll(() => stack.close());

/** Valid bodies are what random changes start from; where they stay valid, 2xx is right. */
const TARGETS: readonly { who: string; path: string; body: () => object }[] = [
  { who: 'app', path: '/v1/requests', body: aSureLoan },
  { who: 'eve', path: '/v1/requests', body: aVendor },
  { who: 'cora', path: '/v1/people', body: () => ({ id: 'fuzz', name: 'F', roles: ['x'] }) },
  {
    who: 'cora',
    path: '/v1/people/eve/roles',
    body: () => ({ role: 'fuzzed', from: '2026-01-01T00:00:00.000Z' }),
  },
  {
    who: 'cora',
    path: '/v1/apps',
    body: () => ({ id: 'fuzz', name: 'F', owner: 'mia', scopes: ['requests:read'], kinds: ['*'] }),
  },
  {
    who: 'cora',
    path: '/v1/apps/fuzzed/keys',
    body: () => ({ expiresAt: '2030-01-01T00:00:00.000Z' }),
  },
  { who: 'cora', path: '/v1/policies/fuzz/versions', body: aPolicy },
  {
    who: 'vic',
    path: '/v1/requests/00000000-0000-4000-8000-000000000000/decisions',
    body: () => ({ verdict: 'approve', contentDigest: '0'.repeat(64) }),
  },
];

function aPolicy(): object {
  return {
    id: 'fuzz',
    kind: 'ai-decision',
    when: 'request.action.operation == "fuzz"',
    rules: [
      {
        name: 'all',
        effect: 'review',
        stages: [{ name: 'only', role: 'security', quorum: 1, deadline: 'P1D' }],
      },
    ],
  };
}

/** Replaces, adds or removes something somewhere in a JSON value. */
const change = (whole: object): fc.Arbitrary<unknown> => {
  const places = pointersOf(whole);
  return fc
    .array(fc.tuple(fc.constantFrom(...places), fc.option(fc.jsonValue({ maxDepth: 3 }))), {
      minLength: 1,
      maxLength: 3,
    })
    .map((changes) =>
      changes.reduce<unknown>((value, [pointer, by]) => {
        try {
          return withValue(value as object, pointer, by ?? undefined);
        } catch {
          return value; // the place is gone
        }
      }, whole),
    );
};

function pointersOf(value: unknown, at = ''): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => [
    `${at}/${key}`,
    ...pointersOf(child, `${at}/${key}`),
  ]);
}

describe('anything at all is answered, and never with a fault of ours', () => {
  const runs = { numRuns: 30 };

  async function expectNoFault(who: string, path: string, call: CallOptions): Promise<void> {
    const { status, text } = await stack.call(who, path, call);
    expect(status, text).toBeLessThan(500);
    expect(stack.faults).toEqual([]);
  }

  test.each(TARGETS)('changed bodies: $who $path', async ({ who, path, body }) => {
    await fc.assert(
      fc.asyncProperty(change(body()), async (changed) =>
        expectNoFault(who, path, { body: changed ?? null }),
      ),
      runs,
    );
  });

  test.each(TARGETS)('any JSON: $who $path', async ({ who, path }) => {
    await fc.assert(
      fc.asyncProperty(fc.json({ maxDepth: 5 }), async (raw) => expectNoFault(who, path, { raw })),
      runs,
    );
  });

  test.each(TARGETS)('any bytes: $who $path', async ({ who, path }) => {
    const types = fc.constantFrom('application/json', 'application/yaml', 'text/plain', 'x');
    const encodings = fc.constantFrom('identity', 'gzip', 'br', 'deflate', 'x');
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        types,
        encodings,
        async (raw, type, encoding) =>
          expectNoFault(who, path, {
            raw,
            headers: { 'Content-Type': type, 'Content-Encoding': encoding },
          }),
      ),
      runs,
    );
  });

  test('any YAML', async () => {
    const line = fc.tuple(
      fc.constantFrom('id: fuzz', 'kind: ai-decision', 'rules:', '- name: a', '  effect: review'),
      fc.string({ unit: 'binary', maxLength: 20 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 6 }), async (lines) => {
        const raw = lines.map(([start, rest]) => `${start} ${rest}`.toWellFormed()).join('\n');
        await expectNoFault('cora', '/v1/policies/fuzz/versions', {
          raw,
          headers: { 'Content-Type': 'application/yaml' },
        });
      }),
      { numRuns: 80 },
    );
  });

  test('any address', async () => {
    const part = fc
      .string({ unit: 'binary', maxLength: 12 })
      .map((text) => encodeURIComponent(text.toWellFormed()));
    const start = fc.constantFrom(
      '/v1/requests/',
      '/v1/people/',
      '/v1/apps/',
      '/v1/policies/',
      '/docs/',
    );
    const end = fc.constantFrom('', '/view', '/roles', '/keys', '/versions/1', '/chain');
    await fc.assert(
      fc.asyncProperty(start, part, end, part, async (a, b, c, d) =>
        expectNoFault('cora', `${a}${b}${c}?limit=${d}&kind=${d}&cursor=${b}`, {}),
      ),
      { numRuns: 100 },
    );
  });
});
