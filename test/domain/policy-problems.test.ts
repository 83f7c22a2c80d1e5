import { expect, test } from 'vitest';
import { policyProblems } from '../../domain/policy-problems.ts';
import type { Rule } from '../../domain/policy.ts';
import { aGroup, anEscalation, aPolicy, aRule, aSecondStage, aStage } from '../support/builders.ts';

/** How many people hold each role of the installation. */
const STAFF: Readonly<Record<string, number>> = {
  'credit-officer': 3,
  'credit-manager': 1,
  'risk-manager': 1,
  security: 1,
};
const peopleIn = (role: string): number => STAFF[role] ?? 0;

function pointersOf(...rules: readonly Rule[]): readonly string[] {
  return policyProblems(aPolicy({ rules }), peopleIn).map((problem) => problem.pointer);
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
