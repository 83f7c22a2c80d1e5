import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { withDelegations } from '../../domain/delegation.ts';
import { eligibility } from '../../domain/eligibility.ts';
import { askedNow, audienceOf, barredNow, inPerson, peopleBeside } from '../../domain/listing.ts';
import { partiesOf, type RequestState } from '../../domain/request.ts';
import type { Candidate } from '../../domain/reviewer.ts';
import { maySee, SEES_ALL } from '../../domain/visibility.ts';
import {
  aCandidate,
  aDecision,
  aGroup,
  anEscalation,
  aRequest,
  aStage,
  aStandIn,
  NOW,
  openStageOf,
} from '../support/builders.ts';

const later = '2026-03-03T09:00:00.000Z';

describe('whom a request asks', () => {
  test('the roles of groups that are still open, and who it was handed to', () => {
    const groups = [aGroup({ quorum: 1 }), aGroup({ role: 'security', quorum: 1 })];
    const open = aRequest({ stages: [aStage({ groups, join: 'all' })] });
    expect(askedNow(open)).toEqual(['credit-officer', 'security']);
    const half = { ...open, decisions: [aDecision('eve')] };
    expect(askedNow(half)).toEqual(['security']);
    const delegation = { id: 'd', person: 'sam', to: 'pia', from: NOW, until: later };
    expect(askedNow({ ...half, delegations: [delegation] })).toEqual(['@pia', 'security']);
  });

  test('nobody where it is held or over', () => {
    expect(askedNow(aRequest({ heldBy: [{ fact: 'x#0', reason: 'y' }] }))).toEqual([]);
    expect(askedNow({ ...aRequest(), stage: null })).toEqual([]);
  });

  test('an audience is every role that the rule can turn to, in order', () => {
    const stages = [
      aStage({ escalations: [anEscalation()] }),
      aStage({ name: 'b', role: 'security' }),
    ];
    expect(audienceOf(aRequest({ stages }))).toEqual([
      ...['credit-manager', 'credit-officer', 'override-authority', 'security'],
    ]);
  });
});

// ---- lists say never too little ------------------------------------------------------------------

const NAMES = ['dana', 'eve', 'omar', 'otto', 'rui', 'sam'];
const ROLE_NAMES = ['credit-officer', 'risk-manager', 'security'];
const name = fc.constantFrom(...NAMES);
const roles = fc.subarray(ROLE_NAMES);

const anyStage = fc
  .tuple(
    fc.subarray(ROLE_NAMES, { minLength: 1 }),
    fc.constantFrom('all', 'any'),
    fc.integer({ min: 1, max: 2 }),
  )
  .map(
    ([of, join, quorum]) => ({ groups: of.map((role) => aGroup({ role, quorum })), join }) as const,
  );

const anyRequest: fc.Arbitrary<RequestState> = fc
  .record({
    first: anyStage,
    second: anyStage,
    distinct: fc.boolean(),
    onBehalfOf: fc.option(name),
    editors: fc.uniqueArray(name, { maxLength: 2 }),
    decided: fc.uniqueArray(fc.tuple(name, fc.option(name), fc.constantFrom(0, 1)), {
      selector: ([person]) => person,
      maxLength: 3,
    }),
    barred: fc.uniqueArray(name, { maxLength: 1 }),
    handed: fc.option(fc.tuple(name, name)),
    spoke: fc.option(name),
  })
  .map((given) => {
    const stages = [
      aStage({ ...given.first, name: 'first' }),
      aStage({ ...given.second, name: 'second', distinctFrom: given.distinct ? ['first'] : [] }),
    ];
    const state = aRequest({ stages, onBehalfOf: given.onBehalfOf, editors: given.editors });
    const [from, to] = given.handed ?? [];
    return {
      ...state,
      // As if the first stage were over: its decisions matter where the second is distinct from it.
      stage: {
        ...openStageOf(state),
        index: 1,
        roles: stages[1]?.groups.map(({ role }) => [role]) ?? [],
        barred: given.barred,
      },
      decisions: given.decided.map(([person, delegatedBy, stage]) =>
        aDecision(person, { delegatedBy, stage, groups: [0] }),
      ),
      delegations:
        from === undefined || to === undefined
          ? []
          : [{ id: 'h', person: from, to, from: NOW, until: later }],
      discussion:
        given.spoke === null
          ? []
          : [{ kind: 'comment', id: 'c', by: { type: 'person', id: given.spoke }, at: NOW }],
    };
  });

const anyPeople = fc
  .record({ roles: fc.tuple(...NAMES.map(() => roles)), standing: fc.option(fc.tuple(name, name)) })
  .map(({ roles: held, standing }) => {
    const people = NAMES.map((id, at) => aCandidate(id, { roles: held[at] ?? [] }));
    const [who, whom] = standing ?? [];
    const principal = people.find(({ id }) => id === whom);
    if (principal === undefined) return people;
    const { standsFor: _, ...reviewer } = principal;
    const standIn = { ...aStandIn(principal.id), principal: reviewer };
    return people.map((one) =>
      one.id === who && who !== whom ? { ...one, standsFor: [standIn] } : one,
    );
  });

const rolesOf = ({ roles: own, standsFor }: Candidate): string[] => [
  ...own,
  ...standsFor.flatMap(({ principal }) => principal.roles),
];

test('whoever may decide is asked, and is not among those who are left out', () => {
  let decided = 0;
  fc.assert(
    fc.property(anyRequest, anyPeople, (state, people) => {
      for (const person of people) {
        const candidate = withDelegations(state, person, { principals: people, now: NOW });
        if (eligibility(state, openStageOf(state), candidate).kind !== 'eligible') continue;
        decided += 1;
        const keys = [...rolesOf(person), inPerson(person.id)];
        expect(askedNow(state).some((asked) => keys.includes(asked))).toBe(true);
        expect(barredNow(state)).not.toContain(person.id);
      }
    }),
    { numRuns: 400 },
  );
  expect(decided).toBeGreaterThan(100);
});

test('whoever may see a request finds it by a role, by having asked, or by what they have to do with it', () => {
  fc.assert(
    fc.property(anyRequest, anyPeople, (state, people) => {
      for (const person of people) {
        const held = rolesOf(person);
        if (!maySee(state, { type: 'person', id: person.id, roles: held })) continue;
        const asker =
          state.requester.type === 'person' ? state.requester.id : state.requester.owner;
        const finds =
          held.some((role) => SEES_ALL.includes(role) || audienceOf(state).includes(role)) ||
          asker === person.id ||
          peopleBeside(state).includes(person.id);
        expect(finds, person.id).toBe(true);
      }
    }),
    { numRuns: 400 },
  );
});

test('every party but who asked has to do with it', () => {
  const state = aRequest({ onBehalfOf: 'dana', editors: ['mia'] });
  expect(partiesOf(state)).toEqual(expect.arrayContaining(['otto', 'dana', 'mia']));
  expect(peopleBeside(state)).toEqual(['dana', 'mia']);
});
