import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { act, type ActDeps, type CommandBody } from '../../application/approval-service.ts';
import { createApp, issueKey } from '../../application/apps.ts';
import { ApplicationError } from '../../application/error.ts';
import {
  keyUse,
  onceOnly,
  type KeyUse,
  type Remember,
  type Replayable,
} from '../../application/idempotency.ts';
import { addPerson } from '../../application/people.ts';
import { grantRole } from '../../application/role-grants.ts';
import { publishPolicy, type PolicyCache } from '../../application/policies.ts';
import { BY_ENGINE } from '../../application/sealing.ts';
import { submitRequest } from '../../application/submit-request.ts';
import { EngineUnavailable } from '../../application/workflow-gateway.ts';
import { aGateway, codeOf, losing, LOAN, openWorld, POLICY, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const aKey = (body: unknown = {}, principal = 'app:sample-agent'): KeyUse =>
  keyUse({ principal, route: 'POST /route', key: randomUUID() }, body);
const other = (use: KeyUse): KeyUse => keyUse(use, { another: 'body' });
const text = ({ status, headers, body }: Replayable): string =>
  JSON.stringify({ status, headers, body });
const count = async (sql: string, ...values: unknown[]): Promise<number> =>
  Number(
    (await world.deps.db.query<{ n: string }>(`SELECT count(*) AS n FROM ${sql}`, values))[0]?.n,
  );

/** Nobody goes on before `count` have come: all have looked for an earlier answer, none has made one. */
function meeting(count: number): () => Promise<void> {
  const all = Promise.withResolvers<void>();
  let missing = count;
  return async () => {
    missing -= 1;
    if (missing === 0) all.resolve();
    await all.promise;
  };
}

describe('submitting', () => {
  const requests = (): Promise<number> => count('request');

  test('again with the same key: the first answer, byte for byte, and one request', async () => {
    const key = aKey();
    const first = await world.submit({ key });
    const before = await requests();
    await world.approve(first.body.id, 'eve'); // what was answered then is answered now
    const second = await world.submit({ key });
    expect([first.replayed, second.replayed]).toEqual([false, true]);
    expect(text(second)).toBe(text(first));
    expect(first).toMatchObject({
      status: 201,
      headers: { Location: `/v1/requests/${first.body.id}` },
    });
    expect(await requests()).toBe(before);
  });

  test('with the same key and another body is a mistake that changes nothing', async () => {
    const key = aKey();
    await world.submit({ key });
    const before = await requests();
    expect(await codeOf(world.submit({ key: other(key) }))).toBe('IDEMPOTENCY_MISMATCH');
    expect(await requests()).toBe(before);
  });

  test('ten times at once: one request, and all hear of the same', async () => {
    const key = aKey();
    const [before, needed] = [await requests(), world.needed.length];
    const allLooked = meeting(10);
    const policies: PolicyCache = {
      drop: () => world.deps.policies.drop(),
      current: async () => {
        await allLooked();
        return world.deps.policies.current();
      },
    };
    const deps = { ...world.deps, policies };
    const caller = await world.caller('app');
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => submitRequest(deps, caller, { content: LOAN, key })),
    );
    expect(new Set(answers.map(text)).size).toBe(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(await requests()).toBe(before + 1);
    expect(world.needed.length).toBe(needed + 1);
  });

  test('without a key twice is two requests', async () => {
    const [one, two] = [await world.submit(), await world.submit()];
    expect(one.body.id).not.toBe(two.body.id);
  });

  test.each([
    { why: 'another principal', differs: { principal: 'person:cora' } },
    { why: 'another route', differs: { route: 'POST /other' } },
    { why: 'another key', differs: { key: 'another key' } },
  ])('$why is another act', async ({ differs }) => {
    const key = aKey();
    const first = await world.submit({ key });
    const second = await world.submit({ key: { ...key, ...differs } });
    expect(second.replayed).toBe(false);
    expect(second.body.id).not.toBe(first.body.id);
  });

  test('what was refused is not kept: the same key does it once it is right', async () => {
    const key = aKey();
    const wrong = world.submit({ key, content: { onBehalfOf: 'nobody' } });
    expect(await codeOf(wrong)).toBe('VALIDATION_FAILED');
    const right = await world.submit({ key, content: { onBehalfOf: 'dana' } });
    expect(right.replayed).toBe(false);
  });
});

describe('everything that is done once only', () => {
  const author = { by: BY_ENGINE, name: 'system', source: 'directory' } as const;
  let made = 0;
  /** One act: what it does with a name that is new, and how often it was done. */
  interface Act {
    readonly what: string;
    readonly work: (name: string, remember: Remember<unknown>) => Promise<unknown>;
    readonly done: (name: string) => Promise<number>;
    readonly before?: (name: string) => Promise<unknown>;
  }
  const acts: Act[] = [
    {
      what: 'adding a person',
      work: (id, remember) =>
        addPerson(world.deps, author, { person: { id, name: 'Somebody', roles: [] }, remember }),
      done: (id) => count('person WHERE id = $1', id),
    },
    {
      what: 'granting a role',
      before: (id) => {
        const person = { id, name: 'Somebody', roles: [] };
        return addPerson(world.deps, author, { person, remember: () => undefined });
      },
      work: (person, remember) =>
        grantRole(world.deps, author, {
          person,
          grant: { role: 'privacy', from: null, until: null },
          remember,
        }),
      done: (id) => count('role_grant WHERE person_id = $1', id),
    },
    {
      what: 'registering an app',
      work: (id, remember) =>
        createApp(world.deps, BY_ENGINE, {
          app: { id, name: 'An app', owner: 'cora', scopes: [], kinds: [] },
          remember,
        }),
      done: (id) => count('app WHERE id = $1', id),
    },
    {
      what: 'issuing a key, where there is room for one',
      before: async (id) => {
        const app = { id, name: 'An app', owner: 'cora', scopes: [], kinds: [] };
        await createApp(world.deps, BY_ENGINE, { app, remember: () => undefined });
        await issueKey(world.deps, BY_ENGINE, {
          appId: id,
          expiresAt: null,
          remember: () => undefined,
        });
      },
      work: (appId, remember) =>
        issueKey(world.deps, BY_ENGINE, { appId, expiresAt: null, remember }),
      done: async (id) => (await count('app_key WHERE app_id = $1', id)) - 1,
    },
    {
      what: 'publishing a first version',
      work: (id, remember) => publishing(id, null, remember),
      done: (id) => count('policy_version WHERE policy_id = $1', id),
    },
    {
      what: 'publishing a later version',
      before: (id) => publishing(id, null, () => undefined),
      work: (id, remember) => publishing(id, 1, remember),
      done: async (id) => (await count('policy_version WHERE policy_id = $1', id)) - 1,
    },
  ];

  function publishing(id: string, expected: number | null, remember: Remember<unknown>) {
    const source = POLICY.replace('id: loans', `id: ${id}`).replace('ai-decision', 'other-kind');
    const by = { ...BY_ENGINE, name: 'system' };
    return publishPolicy(world.deps, {
      id,
      source,
      format: 'yaml',
      expected,
      author: by,
      remember,
    });
  }

  const once = (act: Act, name: string, use: KeyUse | null): Promise<Replayable> =>
    onceOnly<unknown>(world.deps, use, {
      toAnswer: (body) => ({ status: 201, body, headers: { Location: `/${name}` } }),
      work: (remember) => act.work(name, remember),
    });
  const aName = async (act: Act): Promise<string> => {
    made += 1;
    const name = `name-${made}`;
    await act.before?.(name);
    return name;
  };

  test.each(acts)('$what: again with the same key is answered, not done', async (act) => {
    const [name, use] = [await aName(act), aKey()];
    const first = await once(act, name, use);
    const second = await once(act, name, use);
    expect([first.replayed, second.replayed]).toEqual([false, true]);
    expect(text(second)).toBe(text(first));
    expect(await act.done(name)).toBe(1);
  });

  test.each(acts)('$what: with another body it is a mistake', async (act) => {
    const [name, use] = [await aName(act), aKey()];
    await once(act, name, use);
    expect(await codeOf(once(act, name, other(use)))).toBe('IDEMPOTENCY_MISMATCH');
    expect(await act.done(name)).toBe(1);
  });

  test.each(acts)('$what: six at once do it once and all hear the same', async (act) => {
    const [name, use] = [await aName(act), aKey()];
    const allLooked = meeting(6);
    const together: Act = {
      ...act,
      work: async (...args) => {
        await allLooked();
        return act.work(...args);
      },
    };
    const answers = await Promise.all(Array.from({ length: 6 }, () => once(together, name, use)));
    expect(new Set(answers.map(text)).size).toBe(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(await act.done(name)).toBe(1);
  });

  test('without a key a second time is a conflict, and says so', async () => {
    const [add] = acts;
    if (add === undefined) return expect.fail();
    const name = await aName(add);
    await once(add, name, null);
    expect(await codeOf(once(add, name, null))).toBe('CONFLICT');
    expect(await codeOf(once(add, name, aKey()))).toBe('CONFLICT');
  });

  test('what failed is not kept: the key is as good as new', async () => {
    const [add] = acts;
    if (add === undefined) return expect.fail();
    const [name, use] = [await aName(add), aKey()];
    const broken = { ...add, work: () => Promise.reject(new ApplicationError('CONFLICT', 'no')) };
    expect(await codeOf(once(broken, name, use))).toBe('CONFLICT');
    expect((await once(add, name, use)).replayed).toBe(false);
  });
});

describe('a command', () => {
  const acting = (deliver?: ActDeps['gateway']['deliver']): ActDeps => ({
    ...world.deps,
    gateway: aGateway({ deliver: deliver ?? (async () => 'closed') }).gateway,
  });
  const decide = async (deps: ActDeps, requestId: string, use: KeyUse | null) =>
    act(deps, await world.caller('eve'), {
      requestId,
      payload: await world.decision(requestId),
      key: use,
    });
  const opened = async (): Promise<string> => (await world.submit()).body.id;
  const commands = (id: string): Promise<number> => count('command WHERE request_id = $1', id);

  test('again with the same key: the first answer, although the request has moved on', async () => {
    const [id, use] = [await opened(), aKey({}, 'person:eve')];
    const first = await decide(acting(), id, use);
    await world.approve(id, 'omar');
    const second = await decide(acting(), id, use);
    expect([first.replayed, second.replayed]).toEqual([false, true]);
    expect(text(second)).toBe(text(first));
    expect(await commands(id)).toBe(3);
  });

  test('with another body is a mistake; without a key a second time is refused', async () => {
    const [id, use] = [await opened(), aKey({}, 'person:eve')];
    await decide(acting(), id, use);
    expect(await codeOf(decide(acting(), id, other(use)))).toBe('IDEMPOTENCY_MISMATCH');
    const { body } = await decide(acting(), id, null);
    expect((body as CommandBody).outcome).toMatchObject({ reason: 'ALREADY_DECIDED' });
  });

  test('several at once are one act: the others are told that it runs, or the answer', async () => {
    const [id, use] = [await opened(), aKey({}, 'person:eve')];
    const all = await Promise.allSettled(
      Array.from({ length: 6 }, () => decide(acting(), id, use)),
    );
    const answers = all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const faults = all.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    expect(new Set(answers.map(text)).size).toBe(1);
    for (const fault of faults)
      expect(fault).toMatchObject({ code: 'IDEMPOTENCY_RUNNING', retryAfter: 1 });
    expect(await commands(id)).toBe(1);
    expect((await world.row(id)).state.decisions).toHaveLength(1);
  });

  test('that Temporal did not decide is recorded; the same key gives the answer when there is one', async () => {
    const [id, use] = [await opened(), aKey({}, 'person:eve')];
    const away = acting(async () => {
      throw new EngineUnavailable(null);
    });
    const first = await decide(away, id, use);
    expect(first).toMatchObject({ status: 202, body: { outcome: { kind: 'recorded' } } });
    const location = first.headers['Location'] ?? '';
    expect(await decide(away, id, use)).toMatchObject({
      status: 202,
      headers: { Location: location },
    });
    const decided = await decide(acting(), id, use);
    expect(decided).toMatchObject({ status: 200, body: { outcome: { kind: 'counted' } } });
    expect(text(await decide(away, id, use))).toBe(text(decided));
    expect(await commands(id)).toBe(1);
  });

  test('whose caller died is taken over by the same key when the lease ends, not before', async () => {
    const [id, use] = [await opened(), aKey({}, 'person:eve')];
    const dying = acting(async () => {
      throw new Error('killed');
    });
    // The process dies: nothing gives the key back.
    const db = losing(dying.db, 'SET running_until = NULL');
    await expect(decide({ ...dying, db }, id, use)).rejects.toThrow('killed');
    expect(await codeOf(decide(acting(), id, use))).toBe('IDEMPOTENCY_RUNNING');
    world.clock.move('PT15S');
    const answer = await decide(acting(), id, use);
    expect(answer).toMatchObject({ status: 200, body: { outcome: { kind: 'counted' } } });
    expect(await commands(id)).toBe(1);
  });
});
