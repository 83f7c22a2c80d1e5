import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isOwn } from '../../domain/reachable.ts';
import { satisfiability } from '../../domain/satisfiability.ts';
import { NOW } from '../support/builders.ts';
import {
  answer,
  canReachApproval,
  CLOCK,
  eligibleNow,
  capacityNow,
  hasStandIns,
  later,
  needsAny,
  opened,
  replaces,
  story,
  submitted,
  type Moment,
  type Story,
} from './satisfiable-stories.ts';

const RUNS = { numRuns: 1_500 };

function outlook({ rule, people, parties }: Story) {
  return satisfiability(submitted(rule, parties).state, { people, reachable: 1 }, CLOCK);
}

/** Those who are named answer as soon as their group asks them; where none of them may yet, time goes on. */
function runAsNamed(told: Story): Moment {
  const { people } = told;
  const { groups } = outlook(told);
  let moment: Moment = { state: opened(told.rule, people, told.parties), now: NOW };
  for (;;) {
    const at = moment.state.stage?.index;
    const named = groups
      .filter(({ stage }) => stage === at)
      .flatMap(({ group, ask }) => ask.map((voice) => ({ voice, group })));
    const order = named.sort((a, b) => Number(isOwn(b.voice)) - Number(isOwn(a.voice)));
    const next = order.flatMap(({ voice, group }) => {
      const who = people.find(({ id }) => id === voice.id);
      const may = who === undefined ? null : capacityNow(moment, who);
      const isAsNamed =
        may?.groups.includes(group) === true &&
        (may.standIn?.principal.id ?? null) === (voice.standsFor ?? null);
      return isAsNamed && who !== undefined ? [who] : [];
    })[0];
    const after = next === undefined ? later(moment, people) : answer(moment, next, { people });
    if (after === null || after.state.resolution !== null) return after ?? moment;
    moment = after;
  }
}

test('what is said to be satisfiable reaches approval by the people who are named', () => {
  let satisfied = 0;
  const check = fc.property(story, (told) => {
    if (!outlook(told).satisfiable) return;
    // The engine takes stand-ins for one voice each and may turn to others before they are needed.
    fc.pre(!hasStandIns(told) || !replaces(told));
    satisfied += 1;
    expect(runAsNamed(told).state.resolution?.kind).toBe('approved');
  });
  fc.assert(check, RUNS);
  expect(satisfied).toBeGreaterThan(RUNS.numRuns / 20);
});

test('what is said to be unsatisfiable reaches approval by no order of answers and of time', () => {
  let refused = 0;
  const check = fc.property(story, (told) => {
    // Where any group is enough, who stands in for several is taken to do so for the first.
    // Across stages, people before and after a replacement are not combined, and stand-ins only in part;
    // in one stage, the engine takes whoever stands in and whom they stand in for as two.
    const isOneStage = told.rule.stages.length === 1;
    fc.pre(!replaces(told) || (isOneStage && !hasStandIns(told)));
    fc.pre(!hasStandIns(told) || (isOneStage && !needsAny(told)));
    const found = outlook(told);
    if (found.satisfiable) return;
    refused += 1;
    expect(found.problems).not.toEqual([]);
    expect(canReachApproval(told)).toBe(false);
  });
  fc.assert(check, RUNS);
  expect(refused).toBeGreaterThan(RUNS.numRuns / 20);
});

test('a rule of which nothing is said at design time never gets stuck, whoever answers first and how', () => {
  let clean = 0;
  const order = fc.infiniteStream(fc.nat(999));
  const check = fc.property(story, order, (told, choices) => {
    fc.pre(!hasStandIns(told));
    if (outlook(told).problems.length > 0) return;
    clean += 1;
    const { people } = told;
    let moment: Moment = { state: opened(told.rule, people, told.parties), now: NOW };
    while (moment.state.resolution === null) {
      const able = eligibleNow(moment, people);
      expect(able, 'somebody can go on').not.toEqual([]);
      const who = able[choices.next().value % able.length];
      const verdict = choices.next().value % 3 === 0 ? 'reject' : 'approve';
      if (who !== undefined) moment = answer(moment, who, { people, verdict });
    }
  });
  fc.assert(check, RUNS);
  expect(clean).toBeGreaterThan(RUNS.numRuns / 100);
});
