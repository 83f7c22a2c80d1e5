import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bindingAgain } from '../../application/bind-request.ts';
import { conditionView } from '../../application/condition-view.ts';
import type { Content } from '../../application/content.ts';
import { reading } from '../../prisma/directory-store.ts';
import { LOAN, openWorld, POLICY, publish, type World } from './world.ts';

/** The tier follows from what is touched, whatever the requester says of it. */
const TIERED = POLICY.replace(
  'rules:\n',
  `tier:
  - when: request.dataClass == "personal"
    atLeast: medium
  - when: request.impact.effect == "rights" && request.impact.reversible == false
    atLeast: high
rules:
`,
);

let world: World;
beforeAll(async () => {
  world = await openWorld([TIERED]);
});
afterAll(() => world.close());

const requester = { type: 'app', id: 'sample-agent' } as const;
const aLoan = (differs: object = {}, context: object = {}): Content =>
  ({ ...LOAN, ...differs, context: { ...LOAN.context, ...context } }) as Content;

describe('what conditions see of a request', () => {
  test.each([
    { why: 'nothing supplied', context: {}, dataClass: null },
    {
      why: 'of the output',
      context: { output: { value: 1, dataClass: 'internal' } },
      dataClass: 'internal',
    },
    {
      why: 'the highest of all',
      context: {
        inputs: [
          { name: 'a', value: 1, dataClass: 'public' },
          { name: 'b', value: 1, dataClass: 'personal' },
        ],
        output: { value: 1, dataClass: 'confidential' },
      },
      dataClass: 'personal',
    },
  ])('the data class: $why', ({ context, dataClass }) => {
    const view = conditionView(aLoan({}, context), requester);
    expect(view).toMatchObject({
      dataClass,
      impact: { affected: null, effect: null, reversible: null },
    });
  });

  test('of a vendor approval the highest class of its use case', () => {
    const useCase = { dataClasses: ['public', 'confidential'] };
    const vendor = { kind: 'vendor-approval', context: { useCase } } as unknown as Content;
    expect(conditionView(vendor, requester)).toMatchObject({ dataClass: 'confidential' });
  });

  test('the impact as it was supplied', () => {
    const impact = { affected: 3, effect: 'rights', reversible: false };
    expect(conditionView(aLoan({}, { impact }), requester)).toMatchObject({ impact });
  });
});

describe('the risk tier', () => {
  const rights = { impact: { affected: 1, effect: 'rights', reversible: false } };
  const personal = { output: { value: 1, dataClass: 'personal' } };

  test.each([
    { why: 'nothing raises it', asked: 'low', context: {}, tier: 'low' },
    { why: 'data raise it', asked: 'low', context: personal, tier: 'medium' },
    { why: 'impact raises it', asked: 'low', context: rights, tier: 'high' },
    { why: 'both: the higher', asked: 'low', context: { ...rights, ...personal }, tier: 'high' },
    { why: 'the requester may ask for more', asked: 'high', context: personal, tier: 'high' },
    {
      why: 'a requester who says nothing means medium',
      asked: undefined,
      context: {},
      tier: 'medium',
    },
  ])('$why', async ({ asked, context, tier }) => {
    const riskTier = asked === undefined ? {} : { riskTier: asked };
    const content = aLoan(riskTier, context);
    const { body } = await world.submit({ content });
    expect(body.riskTier).toBe(tier);
    const [first] = await world.records(body.id);
    expect(first?.body).toMatchObject({ tier, tier_asked: asked ?? null });
  });
});

describe('an amended content', () => {
  test('is bound under exactly the versions of before', async () => {
    const own = await openWorld([TIERED]);
    const { state } = await own.row((await own.submit()).body.id);
    expect(state.policy.boundUnder).toEqual([{ id: 'loans', version: 1 }]);
    await publish(own.deps, TIERED.replace('quorum: 2', 'quorum: 1'), 1);
    await publish(
      own.deps,
      POLICY.replace('id: loans', 'id: stricter').replace(
        /effect: review[\s\S]*/,
        'effect: reject\n',
      ),
    );
    const again = await bindingAgain(own.deps, reading(own.deps.db), {
      content: aLoan({}, { impact: { effect: 'rights', reversible: false } }),
      ...{ requester, now: own.clock.now, tier: state.tier, boundUnder: state.policy.boundUnder },
    });
    expect(again).toMatchObject({
      policy: { id: 'loans', version: 1 },
      rule: { stages: [{ groups: [{ quorum: 2 }] }, {}] },
      ...{ tier: 'high', heldBy: [], shadow: [], boundUnder: state.policy.boundUnder },
    });
    await own.close();
  });

  test('never falls below the tier that it had', async () => {
    const again = await bindingAgain(world.deps, reading(world.deps.db), {
      content: aLoan({ riskTier: 'low' }),
      ...{ requester, now: world.clock.now, tier: 'high' },
      boundUnder: [{ id: 'loans', version: 1 }],
    });
    expect(again.tier).toBe('high');
  });

  test('stays with the built-in policy where no other was asked', async () => {
    const asked = {
      content: LOAN,
      requester,
      now: world.clock.now,
      tier: 'low',
      boundUnder: [],
    } as const;
    const again = await bindingAgain(world.deps, reading(world.deps.db), asked);
    expect(again.policy.id).toBe('fallback');
  });

  test('is not bound at all under a version that is gone', async () => {
    const boundUnder = [{ id: 'loans', version: 9 }];
    const asked = {
      content: LOAN,
      requester,
      now: world.clock.now,
      tier: 'low',
      boundUnder,
    } as const;
    await expect(bindingAgain(world.deps, reading(world.deps.db), asked)).rejects.toThrow(
      TypeError,
    );
  });
});

test('a deadline that the request gives is the one that its stage has', async () => {
  const dated = POLICY.replace('id: loans', 'id: dated').replace(
    'reminders: [PT2H]',
    'deadlineAt: request.action.parameters.before',
  );
  const own = await openWorld([
    dated.replace('escalations: [{ after: PT4H, to: credit-manager, mode: add }]', ''),
  ]);
  const before = own.clock.now.replace(/T.*/, 'T23:59:59.000Z');
  const parameters = { amount: '1.00', before };
  const { body } = await own.submit({ content: { action: { ...LOAN.action, parameters } } });
  const { state } = await own.row(body.id);
  expect(state.policy.deadlines).toEqual([before, null]);
  const held = (await own.submit()).body;
  expect(held).toMatchObject({
    status: 'held',
    heldBy: [{ fact: 'dated#0/stages/0', reason: expect.stringContaining('no such key: before') }],
  });
  await own.close();
});
