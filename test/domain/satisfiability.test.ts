import { describe, expect, test } from 'vitest';
import type { Bench } from '../../domain/satisfiability.ts';
import { satisfiability } from '../../domain/satisfiability.ts';
import type { Rule, Stage } from '../../domain/policy.ts';
import type { Candidate } from '../../domain/reviewer.ts';
import { aGroup, anEscalation, aRule, aSecondStage, aStage } from '../support/builders.ts';
import { aCandidate, CLOCK, standingFor, submitted, type Parties } from './satisfiable-stories.ts';

const officer = (id: string, differs: Partial<Candidate> = {}): Candidate =>
  aCandidate(id, { roles: ['credit-officer'], ...differs });
const DANA = officer('dana');
const EVE = officer('eve');
const OMAR = officer('omar');
const MIA = aCandidate('mia', { roles: ['credit-manager'] });
const RUI = aCandidate('rui', { roles: ['risk-manager'] });
const EVERYBODY = [DANA, EVE, MIA, OMAR, RUI];

interface Asked {
  readonly stages: readonly Stage[];
  readonly people?: readonly Candidate[];
  readonly parties?: Parties;
  readonly bench?: Partial<Bench>;
}

function found({ stages, people = EVERYBODY, parties = {}, bench = {} }: Asked) {
  const rule: Rule = aRule({ stages });
  const { state } = submitted(rule, parties);
  return satisfiability(state, { people, reachable: 1, ...bench }, CLOCK);
}

function told(asked: Asked) {
  const { satisfiable, problems } = found(asked);
  return [
    satisfiable,
    ...problems.map(({ severity, pointer, message }) => [severity, pointer, message]),
  ];
}

describe('who is named', () => {
  test('per group: who may answer, who may not and why, and a smallest set to ask', () => {
    const { satisfiable, groups, problems } = found({
      stages: [aStage(), aSecondStage()],
      parties: { onBehalfOf: 'dana' },
    });
    expect({ satisfiable, problems }).toEqual({ satisfiable: true, problems: [] });
    expect(groups).toMatchObject([
      {
        ...{ stage: 0, group: 0, name: 'first line', role: 'credit-officer', needed: 2 },
        eligible: ['eve', 'omar'],
        excluded: [{ person: 'dana', reason: 'OWN_REQUEST' }],
        ask: [{ id: 'eve' }, { id: 'omar' }],
      },
      { stage: 1, name: 'second line', eligible: ['rui'], excluded: [], ask: [{ id: 'rui' }] },
    ]);
  });

  test('where too few are asked at first, those are shown to whom the stage turns at once', () => {
    const { groups } = found({
      stages: [aStage({ escalations: [anEscalation()] })],
      people: [EVE, MIA],
    });
    expect(groups).toMatchObject([
      { eligible: ['eve', 'mia'], ask: [{ id: 'eve' }, { id: 'mia' }] },
    ]);
  });

  test('a deputy is named for whoever is absent', () => {
    const away = officer('eve', { absent: true });
    const { satisfiable, groups } = found({
      stages: [aStage()],
      people: [OMAR, away, standingFor(RUI, away)],
    });
    expect(satisfiable).toBe(true);
    expect(groups[0]).toMatchObject({
      eligible: ['omar', 'rui'],
      excluded: [{ person: 'eve', reason: 'NOT_ELIGIBLE' }],
      ask: [{ id: 'omar' }, { id: 'rui', standsFor: 'eve' }],
    });
  });

  test('the rule of the groups: those who are missed elsewhere are left for there', () => {
    const both = aCandidate('ben', { roles: ['credit-officer', 'risk-manager'] });
    const groups = [aGroup({ quorum: 1 }), aGroup({ role: 'risk-manager', quorum: 1 })];
    const { satisfiable, groups: asked } = found({
      stages: [aStage({ groups })],
      people: [both, EVE],
    });
    expect(satisfiable).toBe(true);
    expect(asked.map(({ ask }) => ask.map(({ id }) => id))).toEqual([['eve'], ['ben']]);
  });
});

describe('what cannot be', () => {
  const training = { course: 'fair-lending', version: 3 };
  const both = aCandidate('rui', { roles: ['credit-officer', 'risk-manager'] });

  test.each<Asked & { why: string; problem: readonly [string, string] }>([
    {
      why: 'too few hold the role',
      stages: [aStage({ quorum: 4 })],
      problem: [
        '/stages/0/quorum',
        'quorum 4 of "credit-officer" cannot be met: only dana, eve and omar hold it',
      ],
    },
    {
      why: 'nobody holds the role',
      stages: [aStage({ role: 'astronaut', quorum: 1 })],
      problem: ['/stages/0/role', 'nobody holds the role "astronaut"'],
    },
    {
      why: 'they are absent, or parties',
      stages: [aStage()],
      people: [DANA, officer('eve', { absent: true }), OMAR],
      parties: { owner: 'dana' },
      problem: [
        '/stages/0/quorum',
        'quorum 2 of "credit-officer" cannot be met: dana, eve and omar hold it, dana is a party of the request or stands in for one and eve is absent',
      ],
    },
    {
      why: 'trainings are missing, or too old',
      stages: [aStage({ trainings: [training] })],
      people: [
        DANA,
        officer('eve', { trainings: [training] }),
        officer('omar', { trainings: [{ ...training, version: 2 }] }),
      ],
      problem: [
        '/stages/0/quorum',
        'quorum 2 of "credit-officer" cannot be met: dana, eve and omar hold it, dana lacks a training in force ("fair-lending" 3) and omar lacks a training in force ("fair-lending" 3)',
      ],
    },
    {
      why: 'they are in other teams',
      stages: [aStage({ quorum: 1, conditions: { team: ['north'], region: [] } })],
      people: [officer('eve', { team: 'south' })],
      problem: [
        '/stages/0/quorum',
        'quorum 1 of "credit-officer" cannot be met: eve holds it, eve is in another team or region',
      ],
    },
    {
      why: 'nobody counts in two groups',
      stages: [
        aStage({ groups: [aGroup({ quorum: 1 }), aGroup({ role: 'risk-manager', quorum: 1 })] }),
      ],
      people: [both],
      problem: [
        '/stages/0/parallel',
        'the groups "credit-officer" and "risk-manager" need 2 different people, and only rui can answer in them',
      ],
    },
    {
      why: 'stages need different people',
      stages: [aStage({ quorum: 1 }), aSecondStage()],
      people: [both],
      problem: [
        '/stages/1/distinctFrom',
        'stages "first line" and "second line" need different people, and only rui can do both',
      ],
    },
    {
      why: 'nobody can sign in so strongly',
      stages: [aStage({ assurance: 3 })],
      problem: [
        '/stages/0/assurance',
        'assurance level 3 cannot be reached here: people sign in at level 1 at most',
      ],
    },
    {
      why: 'help comes after the deadline',
      stages: [aStage({ quorum: 4, deadline: 'PT4H', escalations: [anEscalation()] })],
      problem: [
        '/stages/0/quorum',
        'quorum 4 of "credit-officer" cannot be met: only dana, eve and omar hold it',
      ],
    },
  ])('$why', ({ problem, ...asked }) => {
    expect(told(asked)).toEqual([false, ['impossible', ...problem]]);
  });

  test('of three stages, the pair that clashes is named', () => {
    const ann = aCandidate('ann', { roles: ['a', 'b', 'c'] });
    const ben = aCandidate('ben', { roles: ['a'] });
    const stage = (name: string, distinctFrom: readonly string[]) =>
      aStage({ name, role: name, quorum: 1, distinctFrom });
    const stages = [stage('a', []), stage('b', ['a']), stage('c', ['b'])];
    const [satisfiable, ...problems] = told({ stages, people: [ann, ben] });
    expect(satisfiable).toBe(false);
    expect(problems).toEqual([
      [
        'impossible',
        '/stages/2/distinctFrom',
        'stages "b" and "c" need different people, and only ann can do both',
      ],
    ]);
  });
});

describe('what is refused although it could be', () => {
  test.each<Asked & { why: string; problem: readonly [string, string] }>([
    {
      why: 'rejections that can never come together',
      stages: [aStage({ quorum: 1, rejectQuorum: 4 })],
      problem: [
        '/stages/0/rejectQuorum',
        '4 rejections can never come together: only dana, eve and omar can answer as "credit-officer"',
      ],
    },
    {
      why: 'people are replaced by too few',
      stages: [aStage({ escalations: [anEscalation({ mode: 'replace' })] })],
      problem: [
        '/stages/0/escalations/0/to',
        'once "credit-manager" is asked instead (after PT4H), only mia can answer in "first line", which is too few',
      ],
    },
    {
      why: 'an escalation that nobody may answer',
      stages: [
        aStage({ conditions: { team: ['north'], region: [] }, escalations: [anEscalation()] }),
      ],
      people: [officer('eve', { team: 'north' }), officer('omar', { team: 'north' }), MIA],
      problem: [
        '/stages/0/escalations/0/to',
        'nobody who holds the role "credit-manager" may answer in "first line": mia',
      ],
    },
  ])('$why', ({ problem, ...asked }) => {
    const [satisfiable, ...problems] = told(asked);
    expect(satisfiable).toBe(true);
    expect(problems).toContainEqual(['refused', ...problem]);
  });
});

describe('what may go wrong', () => {
  test.each<Asked & { why: string; problem: readonly [string, string] }>([
    {
      why: 'answers can be split',
      stages: [aStage({ rejectQuorum: 2 })],
      people: [EVE, OMAR],
      problem: [
        '/stages/0',
        'answers in "first line" can be split so that nobody is left to settle it: only eve and omar can answer, and rejections that do not reject yet leave too few approvals',
      ],
    },
    {
      why: 'who answers first is missed later',
      stages: [
        aStage({ quorum: 1 }),
        aStage({ name: 'again', quorum: 1, distinctFrom: ['first line'], role: 'risk-manager' }),
      ],
      people: [EVE, aCandidate('rui', { roles: ['credit-officer', 'risk-manager'] })],
      problem: [
        '/stages/1/distinctFrom',
        'if rui answers in "first line", too few are left who can answer in "again"',
      ],
    },
    {
      why: 'others are asked at once',
      stages: [aStage({ escalations: [anEscalation()] })],
      people: [EVE, MIA],
      problem: [
        '/stages/0/escalations',
        'turns to "credit-manager" as soon as it opens: only eve can answer before, which is too few',
      ],
    },
  ])('$why', ({ problem, ...asked }) => {
    expect(told(asked)).toEqual([true, ['warning', ...problem]]);
  });
});

test('of a policy that could not be read nothing is said', () => {
  const isReadable = (word: string): boolean => word !== '?';
  const stages = [
    aStage({ role: '?', quorum: 9 }),
    aStage({ name: 'b', role: 'nobody', quorum: 1 }),
  ];
  const { problems } = found({ stages, bench: { isReadable } });
  expect(problems.map(({ pointer }) => pointer)).toEqual(['/stages/1/role']);
});
