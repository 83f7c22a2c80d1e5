import { describe, expect, test } from 'vitest';
import { policyProblems, type PolicyProblem } from '../../domain/policy-problems.ts';
import type { Rule } from '../../domain/policy.ts';
import type { Bench } from '../../domain/satisfiability.ts';
import {
  aGroup,
  anEscalation,
  anOverrideRight,
  aPerson,
  aPolicy,
  aRule,
  aSecondStage,
  aStage,
} from '../support/builders.ts';

/** The people of the installation. Nobody signs in at more than level 1. */
const BENCH: Bench = {
  people: ['dana', 'eve', 'omar', 'mia', 'rui', 'sam', 'olga', 'cora'].map((id) => aPerson(id)),
  reachable: 1,
};

function problemsOf(rules: readonly Rule[], bench = BENCH): readonly PolicyProblem[] {
  return policyProblems(aPolicy({ rules }), bench);
}

function pointersOf(...rules: readonly Rule[]): readonly string[] {
  return problemsOf(rules).map((problem) => problem.pointer);
}

test.each([
  { why: 'two officers of three', rules: [aRule()] },
  { why: 'as many as hold the role', rules: [aRule({ stages: [aStage({ quorum: 3 })] })] },
  { why: 'an effect without stages', rules: [aRule({ effect: 'approve' })] },
  {
    why: 'a second stage with other people',
    rules: [aRule({ stages: [aStage(), aSecondStage()] })],
  },
  {
    why: 'an escalation to somebody else',
    rules: [aRule({ stages: [aStage({ escalations: [anEscalation()] })] })],
  },
  {
    why: 'a rule behind one with a condition',
    rules: [aRule({ when: 'request.riskTier == "low"', effect: 'approve' }), aRule()],
  },
  {
    why: 'the next stage on timeout, when there is one',
    rules: [aRule({ stages: [aStage({ onTimeout: 'next-stage' }), aSecondStage()] })],
  },
  {
    why: 'approval by silence, said in words',
    rules: [aRule({ stages: [aStage({ onTimeout: 'approve' })] })],
  },
])('publishes $why', ({ rules }) => {
  expect(pointersOf(...rules)).toEqual([]);
});

test.each([
  {
    why: 'nobody holds the role',
    rules: [aRule({ stages: [aStage({ role: 'astronaut', quorum: 1 })] })],
    pointers: ['/rules/0/stages/0/role'],
  },
  {
    why: 'the quorum is larger than the role',
    rules: [aRule({ stages: [aStage({ quorum: 4 })] })],
    pointers: ['/rules/0/stages/0/quorum'],
  },
  {
    why: 'the quorum of a parallel group is larger than its role',
    rules: [aRule({ stages: [aStage({ groups: [aGroup(), aGroup({ role: 'security' })] })] })],
    pointers: ['/rules/0/stages/0/parallel/1/quorum'],
  },
  {
    why: 'escalation returns to the own role of the stage',
    rules: [aRule({ stages: [aStage({ escalations: [anEscalation({ to: 'credit-officer' })] })] })],
    pointers: ['/rules/0/stages/0/escalations/0/to'],
  },
  {
    why: 'escalation returns to an earlier target',
    rules: [
      aRule({
        stages: [aStage({ escalations: [anEscalation(), anEscalation({ after: 'PT8H' })] })],
      }),
    ],
    pointers: ['/rules/0/stages/0/escalations/1/to'],
  },
  {
    why: 'escalation returns to the role of a group beside it',
    rules: [
      aRule({
        stages: [
          aStage({
            groups: [aGroup(), aGroup({ role: 'security', quorum: 1 })],
            escalations: [anEscalation({ to: 'security' })],
          }),
        ],
      }),
    ],
    pointers: ['/rules/0/stages/0/escalations/0/to'],
  },
  {
    why: 'nobody hears the escalation',
    rules: [aRule({ stages: [aStage({ escalations: [anEscalation({ to: 'astronaut' })] })] })],
    pointers: ['/rules/0/stages/0/escalations/0/to'],
  },
  {
    why: 'a rule stands behind one that matches always',
    rules: [aRule(), aRule({ when: 'true' })],
    pointers: ['/rules/1'],
  },
  {
    why: 'two stages have one name',
    rules: [aRule({ stages: [aStage(), aSecondStage({ name: 'first line', distinctFrom: [] })] })],
    pointers: ['/rules/0/stages/1/name'],
  },
  {
    why: 'a review asks nobody',
    rules: [aRule({ stages: [] })],
    pointers: ['/rules/0/stages'],
  },
  {
    why: 'an approval by the policy has stages',
    rules: [aRule({ effect: 'approve', stages: [aStage()] })],
    pointers: ['/rules/0/stages'],
  },
  {
    why: 'a stage is distinct from itself',
    rules: [aRule({ stages: [aStage({ distinctFrom: ['first line'] })] })],
    pointers: ['/rules/0/stages/0/distinctFrom/0'],
  },
  {
    why: 'a stage is distinct from one that comes later, and from none',
    rules: [
      aRule({ stages: [aStage({ distinctFrom: ['second line', 'lunch'] }), aSecondStage()] }),
    ],
    pointers: ['/rules/0/stages/0/distinctFrom/0', '/rules/0/stages/0/distinctFrom/1'],
  },
  {
    why: 'the last stage times out into the next',
    rules: [aRule({ stages: [aStage({ onTimeout: 'next-stage' })] })],
    pointers: ['/rules/0/stages/0/onTimeout'],
  },
  {
    why: 'silence approves, but never ends',
    rules: [aRule({ stages: [aStage({ onTimeout: 'approve', deadline: null })] })],
    pointers: ['/rules/0/stages/0/onTimeout'],
  },
  {
    why: 'the last stage times out into the next, but has no deadline either',
    rules: [aRule({ stages: [aStage({ onTimeout: 'next-stage', deadline: null })] })],
    pointers: ['/rules/0/stages/0/onTimeout', '/rules/0/stages/0/onTimeout'],
  },
])('refuses a policy where $why', ({ rules, pointers }) => {
  expect(pointersOf(...rules)).toEqual(pointers);
});

test('lists every problem of every rule at once', () => {
  const broken = aStage({
    role: 'astronaut',
    escalations: [anEscalation({ to: 'astronaut' })],
    distinctFrom: ['lunch'],
    onTimeout: 'next-stage',
  });
  expect(
    pointersOf(aRule({ stages: [broken] }), aRule({ effect: 'reject', stages: [aStage()] })),
  ).toEqual([
    '/rules/0/stages/0/role',
    '/rules/0/stages/0/escalations/0/to',
    '/rules/0/stages/0/distinctFrom/0',
    '/rules/0/stages/0/onTimeout',
    '/rules/1',
    '/rules/1/stages',
  ]);
});

describe('the right to override', () => {
  const pointersFor = (differs: Parameters<typeof anOverrideRight>[0]): readonly string[] =>
    pointersOf(aRule({ override: anOverrideRight(differs) }));

  test.each([
    { why: 'somebody holds it', differs: {}, pointers: [] },
    {
      why: 'nobody holds it',
      differs: { role: 'astronaut' },
      pointers: ['/rules/0/override/role'],
    },
    {
      why: 'a second person is wanted, and there is one',
      differs: { secondPerson: ['force'] },
      pointers: ['/rules/0/override/secondPerson'],
    },
    {
      why: 'a second person is wanted, and there are three',
      differs: { role: 'credit-officer', secondPerson: ['force'] },
      pointers: [],
    },
    {
      why: 'nobody can sign in so strongly',
      differs: { assurance: 2 },
      pointers: ['/rules/0/override/assurance'],
    },
    {
      why: 'somebody else reviews a broken glass',
      differs: { breakGlass: { role: 'compliance', due: 'P3D' } },
      pointers: [],
    },
    {
      why: 'nobody reviews a broken glass',
      differs: { breakGlass: { role: 'astronaut', due: 'P3D' } },
      pointers: ['/rules/0/override/breakGlass/role'],
    },
    {
      why: 'only who may break the glass could review it',
      differs: { breakGlass: { role: 'override-authority', due: 'P3D' } },
      pointers: ['/rules/0/override/breakGlass/role'],
    },
  ] as const)('$why: $pointers', ({ differs, pointers }) => {
    expect(pointersFor(differs)).toEqual(pointers);
  });
});

describe('only what lasts counts', () => {
  const rules = [aRule({ stages: [aStage({ quorum: 3 })] })];
  const with_ = (differs: Parameters<typeof aPerson>[1]): Bench => ({
    ...BENCH,
    people: BENCH.people.map((one) => (one.id === 'eve' ? aPerson('eve', differs) : one)),
  });

  test('an absence ends: it refuses nothing', () => {
    expect(problemsOf(rules, with_({ absent: true }))).toEqual([]);
  });

  test('nobody can have acknowledged a version that is not there yet', () => {
    expect(policyProblems(aPolicy({ rules, requireAcknowledgement: true }), BENCH)).toEqual([]);
  });

  test('a stand-in is not counted on', () => {
    const [eve] = BENCH.people;
    const standIn = { id: 'd', source: 'delegation', role: null, kind: null } as const;
    const principal = eve as NonNullable<typeof eve>;
    const bench: Bench = {
      ...BENCH,
      people: BENCH.people.map((one) =>
        one.id === 'rui' ? aPerson('rui', { standsFor: [{ ...standIn, principal }] }) : one,
      ),
    };
    const four = [aRule({ stages: [aStage({ quorum: 4 })] })];
    expect(problemsOf(four, bench).map(({ pointer }) => pointer)).toEqual([
      '/rules/0/stages/0/quorum',
    ]);
  });

  test('a training that is missing does', () => {
    const stages = [aStage({ quorum: 1, trainings: [{ course: 'fair-lending', version: 1 }] })];
    expect(problemsOf([aRule({ stages })]).map(({ pointer }) => pointer)).toEqual([
      '/rules/0/stages/0/quorum',
    ]);
    const trained = with_({ trainings: [{ course: 'fair-lending', version: 2 }] });
    expect(problemsOf([aRule({ stages })], trained)).toEqual([]);
  });

  test('a rule that asks nobody is not asked for people', () => {
    const stages = [aStage({ role: 'astronaut' })];
    expect(problemsOf([aRule({ effect: 'reject', stages })]).map(({ pointer }) => pointer)).toEqual(
      ['/rules/0/stages'],
    );
  });
});
