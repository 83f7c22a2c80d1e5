import { performance } from 'node:perf_hooks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  eligibilityAt,
  MOST_NAMED,
  type EligibilityAt,
} from '../../application/eligibility-history.ts';
import type { RequestShape } from '../../application/request-shape.ts';
import { addDuration, fromMillis, toMillis, type Instant } from '../../domain/instant.ts';
import { addReviewers, decideOn, LOAN, show, submit } from '../support/acts.ts';
import { openStack, publishPolicies, type Reply, type Stack } from '../support/stack.ts';
import { expectProblem } from './support/calls.ts';
import { readPeople, readStream, recount, type Case, type StageRule } from './support/recount.ts';

let stack: Stack;
/** Tokens of people who are no sample people. */
const tokens = new Map<string, string>();

beforeAll(async () => {
  stack = await openStack({ policies: [] });
  for (const [role, count, prefix] of [
    ['credit-officer', 4, 'o'],
    ['credit-manager', 2, 'm'],
    ['risk-manager', 2, 'r'],
  ] as const)
    await hire(role, count, prefix);
  for (const id of ['o-0', 'o-1', 'o-2', 'o-3'])
    await send('cora', `/v1/people/${id}`, { team: 'red' }, 'PATCH');
  for (const id of ['m-0', 'm-1'])
    await send('cora', `/v1/people/${id}/trainings`, { course: 'aml', version: 2 });
  await publishPolicies(stack.deps, [STORY_POLICY, PLAIN_POLICY]);
});
afterAll(() => stack.close());

/** @returns ids of new people who hold the role. */
async function hire(role: string, count: number, prefix: string): Promise<string[]> {
  const people = await addReviewers(stack.deps, { role, count, prefix });
  for (const { id, token } of people) tokens.set(id, token);
  return people.map(({ id }) => id);
}

const as = (who: string): string => tokens.get(who) ?? who;
const send = (who: string, path: string, body: unknown, method = 'POST') =>
  stack.call<{ id: string }>(as(who), path, { method, body });
const ask = (id: string, at?: Instant, who = 'ada'): Promise<Reply<EligibilityAt>> =>
  stack.call<EligibilityAt>(
    as(who),
    `/v1/requests/${id}/eligibility${at === undefined ? '' : `?at=${at}`}`,
  );
async function at(id: string, instant?: Instant): Promise<EligibilityAt> {
  const reply = await ask(id, instant);
  expect(reply.status, reply.text).toBe(200);
  return reply.body;
}
const just = (instant: Instant, ms: number): Instant => fromMillis(toMillis(instant) + ms);
const names = (list: readonly { readonly person: string | null }[]) =>
  list.map((one) => one.person);
/** Now, apart from what was before and what comes after by more than a millisecond. */
function mark(): Instant {
  stack.clock.advance('PT1S');
  const now = stack.clock.now();
  stack.clock.advance('PT1S');
  return now;
}

// ---- policies ------------------------------------------------------------------------------------

const OVERRIDE = 'override: { role: override-authority, minReason: 5, effects: [stop, reverse] }';

/** What a test can ask for by the operation of its action. */
const STORY_POLICY = `id: story
kind: ai-decision
when: request.action.operation.startsWith("story.")
requireAcknowledgement: true
rules:
  - name: people decide
    effect: review
    requireView: false
    ${OVERRIDE}
    stages:
      - name: first line
        role: credit-officer
        quorum: 2
        deadline: P2D
        reminders: [PT6H]
        escalations:
          - { after: PT12H, to: credit-manager, mode: add }
          - { after: P1D, to: risk-manager, mode: replace }
      - name: board
        parallel:
          - { name: seniors, role: credit-officer, quorum: 1, conditions: { team: red } }
          - { name: managers, role: credit-manager, quorum: 1, trainings: [{ course: aml, version: 2 }] }
          - { name: anyone, role: credit-officer, quorum: 1 }
        deadline: P2D
        distinctFrom: [first line]
        escalations: [{ after: PT18H, to: risk-manager, mode: add }]
`;

/** The same for the recount. */
const STORY_STAGES: readonly StageRule[] = [
  {
    distinctFrom: [],
    deadline: 'P2D',
    escalations: [
      { after: 'PT12H', to: 'credit-manager', mode: 'add' },
      { after: 'P1D', to: 'risk-manager', mode: 'replace' },
    ],
    groups: [{ name: 'first line', role: 'credit-officer', quorum: 2 }],
  },
  {
    distinctFrom: [0],
    deadline: 'P2D',
    escalations: [{ after: 'PT18H', to: 'risk-manager', mode: 'add' }],
    groups: [
      { name: 'seniors', role: 'credit-officer', quorum: 1, teams: ['red'] },
      {
        name: 'managers',
        role: 'credit-manager',
        quorum: 1,
        training: { course: 'aml', version: 2 },
      },
      { name: 'anyone', role: 'credit-officer', quorum: 1 },
    ],
  },
];

const PLAIN_POLICY = `id: plain
kind: ai-decision
when: request.action.operation.startsWith("plain.")
rules:
  - name: people decide
    effect: review
    requireView: false
    ${OVERRIDE}
    stages:
      - { name: first line, role: credit-officer, quorum: 2, deadline: P1D, onTimeout: next-stage, escalations: [{ after: PT4H, to: credit-manager }] }
      - { name: second line, role: risk-manager, quorum: 1, deadline: P1D, distinctFrom: [first line] }
`;

/** Of a role that a test makes. */
const LARGE_POLICY = `id: large
kind: ai-decision
when: request.action.operation.startsWith("large.")
rules:
  - name: very many
    effect: review
    requireView: false
    ${OVERRIDE}
    stages: [{ name: crowd, role: crowd, quorum: 1, deadline: P9D, reminders: [PT1H] }]
`;

const asking = (operation: string) => ({ ...LOAN, action: { operation, target: 'loan/1' } });
const submitAs = (operation: string, more: object = {}): Promise<RequestShape> =>
  submit(stack, { ...asking(operation), ...more });

// ---- random stories ------------------------------------------------------------------------------

/** Numbers below 1 that are the same for the same seed. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('equal to a recount from sealed records', () => {
  const ROLES = ['credit-officer', 'credit-manager', 'risk-manager'];
  interface Cast {
    readonly requests: readonly string[];
    readonly people: readonly string[];
  }

  /** People of their own for each story. */
  async function cast(seed: number): Promise<string[]> {
    const all: string[] = [];
    for (const [role, count] of [
      ['credit-officer', 6],
      ['credit-manager', 3],
      ['risk-manager', 2],
    ] as const)
      all.push(...(await hire(role, count, `s${seed}-${role}`)));
    return all;
  }

  /** One thing that happens, or is refused. */
  function nextThing(roll: () => number, { requests, people }: Cast) {
    const pick = <T>(from: readonly T[]): T => from[Math.floor(roll() * from.length)] as T;
    const [who, other] = [pick(people), pick(people)];
    const soon = (hours: number): Instant =>
      addDuration(stack.clock.now(), `PT${Math.ceil(roll() * hours)}H`);
    const request = pick(requests);
    const grants = async (): Promise<void> => {
      const { body } = await stack.call<{ items: { id: string; endedAt: string | null }[] }>(
        'cora',
        `/v1/people/${who}/roles`,
      );
      const running = body.items.filter(({ endedAt }) => endedAt === null);
      if (running.length > 0)
        await send('cora', `/v1/people/${who}/roles/${pick(running).id}`, undefined, 'DELETE');
    };
    const asked = async (): Promise<readonly string[]> =>
      ((await show(stack, request)).stage?.eligible ?? []).filter((id) => people.includes(id));
    const act = (name: string, body: unknown): Promise<Reply<unknown>> =>
      send(who, `/v1/requests/${request}/${name}`, body);
    const things: readonly (() => Promise<unknown>)[] = [
      async () =>
        send('cora', `/v1/people/${who}/roles`, {
          role: pick(ROLES),
          from: pick([soon(5), just(stack.clock.now(), -9_000_000), undefined]),
          until: pick([addDuration(soon(30), 'PT5H'), undefined]),
        }),
      grants,
      async () =>
        send(who, `/v1/people/${who}/absences`, {
          from: pick([stack.clock.now(), soon(4)]),
          until: addDuration(soon(12), 'PT4H'),
          ...pick([{ deputy: other }, {}]),
        }),
      async () =>
        send(who, `/v1/people/${who}/delegations`, {
          to: other,
          until: soon(20),
          reason: 'a story',
          ...pick([{ role: pick(ROLES) }, { kind: 'other' }, {}, {}]),
        }),
      async () =>
        send('cora', `/v1/people/${who}/trainings`, {
          course: 'aml',
          version: pick([1, 2, 3]),
          until: soon(20),
        }),
      async () => send('cora', `/v1/people/${who}`, { team: pick(['red', 'blue', null]) }, 'PATCH'),
      async () => (roll() < 0.15 ? send('cora', `/v1/people/${who}/departure`, {}) : undefined),
      async () => send(who, '/v1/policies/story/versions/1/acknowledgements', {}),
      async () => act('delegations', { to: other, until: soon(20), reason: 'a story' }),
      async () =>
        send('olga', `/v1/requests/${request}/reassignments`, {
          ...{ from: who, to: (await asked())[0] ?? other, reason: 'a story' },
        }),
      async () =>
        roll() < 0.5
          ? stack.call('app', `/v1/requests/${request}/amendments`, {
              body: { title: `amended ${roll()}` },
            })
          : undefined,
      ...Array.from({ length: 5 }, () => async () => {
        const verdict = roll() < 0.9 ? 'approve' : 'reject';
        const decider = pick([who, ...(await asked())]);
        await decideOn(stack, as(decider), { request: await show(stack, request), verdict });
      }),
      ...Array.from({ length: 3 }, () => async () => {
        stack.clock.advance(`PT${Math.ceil(roll() * 7)}H`);
        for (const id of requests) await stack.tick(id);
      }),
    ];
    return pick(things)();
  }

  async function play(seed: number): Promise<Cast & { readonly party: string }> {
    const roll = dice(seed);
    const people = await cast(seed);
    const [party = ''] = people;
    for (const id of people)
      if (roll() < 0.85) await send(id, '/v1/policies/story/versions/1/acknowledgements', {});
    const requests: string[] = [];
    for (let step = 0; step < 70; step += 1) {
      if (step % 25 === 0) requests.push((await submitAs('story.go', { onBehalfOf: party })).id);
      await nextThing(roll, { requests, people });
      stack.clock.advance('PT1S');
    }
    return { requests, people, party };
  }

  /** What a record of an opening names, by group. */
  function compare(story: Case, found: EligibilityAt): void {
    const again = recount(story, found.at);
    expect(found.stage?.index ?? null).toBe(again.stage);
    expect(
      found.eligible.map(({ person, groups, inPlaceOf }) => [person, groups, inPlaceOf]),
    ).toEqual(
      [...again.eligible]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([person, { groups, inPlaceOf }]) => [person, groups, inPlaceOf]),
    );
    expect(names(found.excluded)).toEqual(expect.arrayContaining([...again.excluded]));
    for (const { rule } of found.excluded) expect(rule).toMatch(/^[A-Z].*\.$/);
  }

  function compareOpening(story: Case, found: EligibilityAt): void {
    const { request } = story;
    const then = request.records.filter(({ ts }) => ts === found.at);
    if (then.some(({ kind }) => kind === 'escalated')) return; // it turned to others at once
    for (const { body } of then.filter(({ kind }) => kind === 'stage_opened')) {
      const group = body['group'] === null ? 0 : Number(body['group']);
      const name = STORY_STAGES[Number(body['stage'])]?.groups[group]?.name ?? '';
      const here = found.eligible.filter(({ groups }) => groups.includes(name));
      const sealed = (body['eligible_c'] as unknown as string[]).map(request.nameOf).sort();
      expect(names(here)).toEqual(sealed);
      expect(body['eligible']).toBe(sealed.length);
      expect(recount(story, found.at).excluded).toHaveLength(Number(body['excluded']));
      const told = found.told.filter((one) => one.at === found.at && one.by === 'stage_opened');
      expect(names(told)).toEqual(expect.arrayContaining(sealed));
    }
  }

  test.each([1, 2, 3])(
    'whatever happened to people and requests: story %i',
    async (seed) => {
      const { requests, party } = await play(seed);
      const people = await readPeople(stack, 'many-');
      const kinds = new Map<string, number>();
      let eligible = 0;
      for (const id of requests) {
        const request = await readStream(stack, id);
        for (const { kind } of request.records) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        const story: Case = {
          ...{ request, people, stages: STORY_STAGES, kind: 'ai-decision' },
          parties: ['otto', party],
          acknowledge: 'story@1',
        };
        const first = request.records[0]?.ts ?? '';
        const roll = dice(seed + 1_000);
        const around = [...people.values()]
          .flatMap(({ records }) => records)
          .flatMap(({ ts, body }) => [ts, body['from'], body['until']].map(String));
        const others = around.filter((ts) => /^\d{4}-/.test(ts) && roll() < 0.1);
        const instants = [...request.records.map(({ ts }) => ts), ...others]
          .flatMap((ts) => [ts, just(ts, -1), just(ts, Math.floor(roll() * 9e6))])
          .filter((ts) => first <= ts && ts <= stack.clock.now());
        for (const instant of new Set(instants)) {
          const found = await at(id, instant);
          compare(story, found);
          compareOpening(story, found);
          eligible += found.eligible.length;
        }
      }
      // The stories are not empty ones.
      expect(eligible).toBeGreaterThan(10);
      expect(kinds.get('decided') ?? 0).toBeGreaterThan(0);
    },
    240_000,
  );
});

// ---- one thing at a time -------------------------------------------------------------------------

test('a role that is recorded later with an earlier start changes nothing about what was known', async () => {
  const { id } = await submitAs('plain.go');
  const then = mark();
  const before = await at(id, then);
  expect(names(before.eligible)).not.toContain('pia');
  const from = addDuration(before.stage?.openedAt ?? '', 'PT0S');
  await send('cora', '/v1/people/pia/roles', { role: 'credit-officer', from });
  const granted = await stack.call<{ items: { id: string }[] }>('cora', '/v1/people/pia/roles');
  expect(await at(id, then)).toEqual(before);
  expect(names((await at(id)).eligible)).toContain('pia');
  const grant = granted.body.items.at(-1)?.id;
  await send('cora', `/v1/people/pia/roles/${grant}`, undefined, 'DELETE');
  expect(names((await at(id)).eligible)).not.toContain('pia');
  expect(await at(id, then)).toEqual(before);
});

test('a role counts from its first millisecond and not in its last', async () => {
  const { id } = await submitAs('plain.go');
  const [from, until] = [addDuration(mark(), 'PT1H'), addDuration(mark(), 'PT2H')];
  await send('cora', '/v1/people/sam/roles', { role: 'credit-officer', from, until });
  stack.clock.advance('PT3H');
  const seen = await Promise.all(
    [just(from, -1), from, just(until, -1), until].map(async (instant) =>
      names((await at(id, instant)).eligible).includes('sam'),
    ),
  );
  expect(seen).toEqual([false, true, true, false]);
});

test('whoever was added later is not among them; who left was until then', async () => {
  const { id } = await submitAs('plain.go');
  await send('cora', '/v1/people', { id: 'lea', name: 'Lea', roles: ['credit-officer'] });
  const present = mark();
  await send('cora', '/v1/people/lea/departure', {});
  const [first, then, now] = [
    await at(id, (await at(id)).stage?.openedAt),
    await at(id, present),
    await at(id),
  ];
  expect([first, then, now].map(({ eligible }) => names(eligible).includes('lea'))).toEqual([
    false,
    true,
    false,
  ]);
  expect(names(now.excluded)).not.toContain('lea');
  // Who had been told is still spoken of.
  const { id: second } = await submitAs('plain.go');
  await send('cora', '/v1/people', { id: 'max', name: 'Max', roles: ['credit-officer'] });
  const { id: third } = await submitAs('plain.go');
  await send('cora', '/v1/people/max/departure', {});
  expect(names((await at(second)).excluded)).not.toContain('max');
  expect((await at(third)).excluded).toContainEqual({
    person: 'max',
    reason: 'NOT_ELIGIBLE',
    rule: 'Stage "first line" asks for "credit-officer", and they held no such role.',
  });
});

test('an amended request is what it was before, with the decisions that counted then', async () => {
  const request = await submitAs('plain.go');
  const { id } = request;
  expect((await decideOn(stack, 'eve', { request })).status).toBe(200);
  const then = mark();
  await stack.call('app', `/v1/requests/${id}/amendments`, { body: { title: 'Another one' } });
  const [before, now] = [await at(id, then), await at(id)];
  expect(before.decided).toMatchObject([
    { person: 'eve', verdict: 'approve', stage: 'first line', inPlaceOf: null },
  ]);
  expect(before.excluded).toContainEqual({
    person: 'eve',
    reason: 'ALREADY_DECIDED',
    rule: 'One person counts once: they had decided in stage "first line".',
  });
  expect(now.decided).toEqual([]);
  expect(names(now.eligible)).toContain('eve');
  expect(now.counts).toMatchObject({ decided: 0, eligible: now.eligible.length });
});

test('each is excluded by a rule that is named, and a deputy acts in the name of who is absent', async () => {
  const request = await submitAs('plain.go', { onBehalfOf: 'dana' });
  const { id } = request;
  const span = { from: stack.clock.now(), until: addDuration(stack.clock.now(), 'PT3H') };
  const away = { ...span, deputy: 'm-1' };
  expect((await send('omar', '/v1/people/omar/absences', away)).status).toBe(201);
  const ways = { to: 'rui', until: addDuration(stack.clock.now(), 'PT3H'), reason: 'x' };
  expect((await send('eve', `/v1/requests/${id}/delegations`, ways)).status).toBe(200);
  const lent = mark();
  const found = await at(id, lent);
  expect(found.eligible).toEqual(
    expect.arrayContaining([
      { person: 'm-1', groups: ['first line'], role: 'credit-officer', inPlaceOf: 'omar' },
      { person: 'rui', groups: ['first line'], role: 'credit-officer', inPlaceOf: 'eve' },
      { person: 'eve', groups: ['first line'], role: 'credit-officer', inPlaceOf: null },
    ]),
  );
  expect(found.excluded).toEqual(
    expect.arrayContaining([
      {
        person: 'dana',
        reason: 'OWN_REQUEST',
        rule: 'Separation of duties: they had this asked for them.',
      },
      {
        person: 'otto',
        reason: 'OWN_REQUEST',
        rule: 'Separation of duties: they owned the app that asked.',
      },
      {
        person: 'omar',
        reason: 'NOT_ELIGIBLE',
        rule: 'Whoever is absent does not decide; their deputy may.',
      },
    ]),
  );
  expect((await decideOn(stack, 'rui', { request })).status).toBe(200);
  const after = await at(id);
  expect(after.decided).toMatchObject([{ person: 'rui', inPlaceOf: 'eve' }]);
  expect(after.excluded).toContainEqual({
    person: 'eve',
    reason: 'ALREADY_DECIDED',
    rule: 'One person counts once: rui had decided in their name in stage "first line".',
  });
  expect((await at(id, lent)).eligible).toEqual(found.eligible);
});

test('whoever a stage was taken from is excluded by that, from then on', async () => {
  const { id } = await submitAs('plain.go');
  const then = mark();
  const task = { from: 'o-1', to: 'o-2', reason: 'on another case' };
  const reply = await send('olga', `/v1/requests/${id}/reassignments`, task);
  expect(reply.status, reply.text).toBe(200);
  expect(names((await at(id, then)).eligible)).toContain('o-1');
  expect((await at(id)).excluded).toContainEqual({
    person: 'o-1',
    reason: 'NOT_ELIGIBLE',
    rule: 'A lead took stage "first line" away from them.',
  });
});

test('decisions fill the groups in which they could count, also where the record names none', async () => {
  const group = (name: string, role: string): string =>
    `{ name: ${name}, role: ${role}, quorum: 1 }`;
  const three = [
    group('a', 'credit-officer'),
    group('b', 'credit-officer'),
    group('c', 'credit-manager'),
  ];
  const source = PLAIN_POLICY.replace('id: plain', 'id: groups').replace('plain.', 'groups.');
  const stages = `stages: [{ name: all, deadline: P1D, parallel: [${three.join(', ')}] }]\n`;
  await publishPolicies(stack.deps, [source.replace(/stages:[^]*$/, stages)]);
  stack.deps.policies.drop();
  const request = await submitAs('groups.go');
  const before = mark();
  for (const who of ['o-0', 'o-1']) await decideOn(stack, as(who), { request });
  const o2 = { person: 'o-2', groups: ['a', 'b'], role: 'credit-officer', inPlaceOf: null };
  expect((await at(request.id, before)).eligible).toContainEqual(o2);
  const now = await at(request.id);
  expect(now.decided).toHaveLength(2);
  expect(now.eligible).toContainEqual({
    ...o2,
    person: 'mia',
    groups: ['c'],
    role: 'credit-manager',
  });
  expect(now.excluded).toContainEqual({
    person: 'o-2',
    reason: 'NOT_ELIGIBLE',
    rule: 'Every group of stage "all" in which they count had what it needs.',
  });
});

test('time that had passed counts, sealed or not; afterwards the records say the same', async () => {
  const { id } = await submitAs('plain.go');
  const { stage } = await at(id);
  const openedAt = stage?.openedAt ?? '';
  const [due, over] = [addDuration(openedAt, 'PT4H'), addDuration(openedAt, 'P1D')];
  const look = async () =>
    Promise.all(
      [just(due, -1), due, just(over, -1), over].map(async (instant) => {
        const { stage: open, eligible } = await at(id, instant);
        return [open?.name, names(eligible).includes('mia'), names(eligible).includes('rui')];
      }),
    );
  stack.clock.advance('P1DT1H'); // and nobody was awake to seal anything
  const expected = [
    ['first line', false, false],
    ['first line', true, false],
    ['first line', true, false],
    ['second line', false, true],
  ];
  expect(await look()).toEqual(expected);
  await stack.tick(id);
  expect(await look()).toEqual(expected);
});

test('a request that has ended asks nobody, and says who had been told and had decided', async () => {
  const request = await submitAs('plain.go');
  for (const who of ['eve', 'o-0', 'rui']) await decideOn(stack, as(who), { request });
  const found = await at(request.id);
  expect(found).toMatchObject({ status: 'approved', stage: null, eligible: [], excluded: [] });
  expect(found.policy).toBe('plain@1');
  expect(found.rule).toBe('people decide');
  expect(names(found.decided)).toEqual(['eve', 'o-0', 'rui']);
  expect(names(found.told.filter(({ stage }) => stage === 1))).toContain('rui');
  expect(found.counts.told).toBe(found.told.length);
});

test('the built-in policy asks whom it asked then', async () => {
  const { id } = await submitAs('nothing.matches');
  const found = await at(id);
  expect(found).toMatchObject({ policy: 'fallback@1', rule: 'no policy matches', unnamed: [] });
  expect(found.stage?.groups).toEqual([{ name: 'fallback', roles: ['compliance'] }]);
  expect(names(found.eligible)).toEqual(['cora']);
});

describe('whoever may see the request may ask', () => {
  test('the auditor, the app that asked, a reviewer; nobody else learns that there is one', async () => {
    const { id } = await submitAs('plain.go');
    for (const who of ['ada', 'app', 'eve', 'cora']) {
      const reply = await ask(id, undefined, who);
      expect(reply.status, who).toBe(200);
      expect(names(reply.body.eligible)).toContain('eve');
    }
    for (const who of ['vic', 'pia'])
      expectProblem(await ask(id, undefined, who), 404, 'NOT_FOUND');
    expectProblem(await ask('00000000-0000-4000-8000-000000000000'), 404, 'NOT_FOUND');
    expectProblem(await ask('nothing'), 404, 'NOT_FOUND');
  });

  test('about what was: a time to come, before the request, or no time at all is refused', async () => {
    const { id } = await submitAs('plain.go');
    const opened = (await at(id)).stage?.openedAt ?? '';
    expect((await at(id, opened)).status).toBe('pending');
    for (const [instant, message] of [
      [just(opened, -1), 'is before the request'],
      [addDuration(stack.clock.now(), 'PT1M'), 'lies in the future'],
    ] as const) {
      const { errors } = expectProblem(await ask(id, instant), 422, 'VALIDATION_FAILED');
      expect(errors).toEqual([{ pointer: '/at', message }]);
    }
    expect((await ask(id, 'yesterday')).status).toBe(400);
    expect((await stack.call('ada', `/v1/requests/${id}/eligibility?when=now`)).status).toBe(400);
  });
});

test('hundreds of people cost no more statements, and are told by name beyond what a record holds', async () => {
  await addReviewers(stack.deps, { role: 'crowd', count: 500, prefix: 'many' });
  await publishPolicies(stack.deps, [LARGE_POLICY]);
  stack.deps.policies.drop();
  const { id } = await submitAs('large.go');
  stack.clock.advance('PT2H');
  await stack.tick(id);
  const statements: string[] = [];
  const { db } = stack.deps;
  const counting = {
    ...db,
    query: (text: string, values: unknown[]) => {
      statements.push(text);
      return db.query(text, values);
    },
  } as typeof db;
  const ada = await stack.deps.authenticator.authenticate(stack.bearer('ada'), true);
  if (ada === null) throw new TypeError('no auditor');
  const began = performance.now();
  const asked = { requestId: id, at: null };
  const found = await eligibilityAt({ ...stack.deps, db: counting }, ada, asked);
  const took = performance.now() - began;
  expect(found.eligible).toHaveLength(500);
  expect(found.unnamed).toEqual([]);
  expect(names(found.told)).toContain('many-499');
  expect(found.told).toHaveLength(MOST_NAMED);
  expect(found.counts.told).toBe(1_000);
  // The request, its records, its names, its policy, people now and at two tellings.
  expect(statements.length).toBe(7);
  expect(took).toBeLessThan(10_000);
});
