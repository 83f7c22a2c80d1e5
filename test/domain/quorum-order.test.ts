import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { applyCommand } from '../../domain/apply.ts';
import { escalateWhereStuck } from '../../domain/escalation.ts';
import { groupsWithRoom, mostPlaced, seatsOf } from '../../domain/matching.ts';
import type { Stage } from '../../domain/policy.ts';
import { openGroups, stageVerdict, tallyOf } from '../../domain/quorum.ts';
import { statusOf, type Decision, type RequestState } from '../../domain/request.ts';
import {
  aCandidate,
  actOf,
  aDecision,
  aGroup,
  aPerson,
  aRequest,
  aStage,
  decide,
  openStageOf,
} from '../support/builders.ts';

type Voices = readonly (readonly number[])[];

/** Every way of giving each voice one of its groups or none, tried out. */
function someSeating(voices: Voices, fits: (counts: readonly number[]) => boolean): boolean {
  const counts = [0, 0, 0];
  const seat = (at: number): boolean => {
    const groups = voices[at];
    if (groups === undefined) return fits(counts);
    if (seat(at + 1)) return true;
    return groups.some((group) => {
      counts[group] = (counts[group] ?? 0) + 1;
      const found = seat(at + 1);
      counts[group] = (counts[group] ?? 0) - 1;
      return found;
    });
  };
  return seat(0);
}

const placed = (places: readonly number[], counts: readonly number[]): number =>
  places.reduce((sum, most, group) => sum + Math.min(most, counts[group] ?? 0), 0);

function mostByTrying(places: readonly number[], voices: Voices): number {
  let most = 0;
  while (someSeating(voices, (counts) => placed(places, counts) > most)) most += 1;
  return most;
}

const places = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 3 });
const voices = fc.array(fc.subarray([0, 1, 2]), { maxLength: 6 });
const seating = fc.tuple(places, voices).map(([all, some]) => ({
  places: all,
  voices: some.map((groups) => groups.filter((group) => group < all.length)),
}));

describe('voices in groups', () => {
  test('find no fewer places than trying every way', () => {
    fc.assert(
      fc.property(seating, (one) => {
        expect(mostPlaced(one.places, one.voices)).toBe(mostByTrying(one.places, one.voices));
      }),
      { numRuns: 1_000 },
    );
  });

  test('there is room in a group exactly where one more voice finds a place', () => {
    fc.assert(
      fc.property(seating, (one) => {
        const before = mostByTrying(one.places, one.voices);
        const room = one.places.flatMap((_, group) =>
          mostByTrying(one.places, [...one.voices, [group]]) > before ? [group] : [],
        );
        expect(groupsWithRoom(one.places, one.voices)).toEqual(room);
      }),
      { numRuns: 1_000 },
    );
  });

  test('sit in one group of theirs each, none over its places, and as many as can', () => {
    fc.assert(
      fc.property(seating, (one) => {
        const seats = seatsOf(one.places, one.voices);
        const all = seats.flat();
        expect(new Set(all).size).toBe(all.length);
        expect(all.length).toBe(mostPlaced(one.places, one.voices));
        for (const [group, held] of seats.entries()) {
          expect(held.length).toBeLessThanOrEqual(one.places[group] ?? 0);
          for (const voice of held) expect(one.voices[voice]).toContain(group);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

const ROLES = ['a', 'b', 'c'] as const;
const stage: fc.Arbitrary<Stage> = fc
  .tuple(
    fc.array(
      fc.tuple(fc.constantFrom(...ROLES), fc.constantFrom(1, 1, 2, 3), fc.constantFrom(1, 2)),
      {
        minLength: 1,
        maxLength: 3,
      },
    ),
    fc.constantFrom('all' as const, 'any' as const),
  )
  .map(([rows, join]) =>
    aStage({
      join,
      groups: rows.map(([role, quorum, rejectQuorum]) => aGroup({ role, quorum, rejectQuorum })),
    }),
  );
const person = fc.record({
  roles: fc.subarray([...ROLES], { minLength: 1 }),
  isAgainst: fc.integer({ min: 0, max: 4 }).map((chance) => chance === 0),
});
const crowd = fc.array(person, { maxLength: 6 });
const orders = fc.array(fc.nat(), { minLength: 6, maxLength: 6 });

function ordered<T>(all: readonly T[], by: readonly number[]): readonly T[] {
  return all
    .map((one, index) => ({ one, place: by[index] ?? 0 }))
    .sort((x, y) => x.place - y.place)
    .map(({ one }) => one);
}

/** Decisions as they would be recorded if each could count wherever they have a role. */
function given(rule: Stage, people: readonly { roles: readonly string[]; isAgainst: boolean }[]) {
  return people.map(({ roles, isAgainst }, index): Decision => {
    const groups = rule.groups.flatMap(({ role }, group) => (roles.includes(role) ? [group] : []));
    return aDecision(`p${index}`, { groups, verdict: isAgainst ? 'reject' : 'approve' });
  });
}

/** The verdict read from the contract, by trying every seating. */
function verdictByTrying({ join, groups }: Stage, decisions: readonly Decision[]): string {
  const by = (verdict: Decision['verdict']): Voices =>
    decisions.flatMap((one) => (one.verdict === verdict ? [one.groups] : []));
  const inGroup = (all: Voices, group: number): number =>
    all.filter((mine) => mine.includes(group)).length;
  const rejected = groups.map(({ rejectQuorum }, i) => inGroup(by('reject'), i) >= rejectQuorum);
  if (join === 'all') {
    if (rejected.includes(true)) return 'rejected';
    const isFull = someSeating(by('approve'), (counts) =>
      groups.every(({ quorum }, i) => (counts[i] ?? 0) >= quorum),
    );
    return isFull ? 'approved' : 'open';
  }
  // A rejection counts in one group, in the one where it helps to end the stage.
  const most = groups.map(({ rejectQuorum }) => rejectQuorum);
  const closed = mostByTrying(most, by('reject'));
  const open = groups.flatMap((_, group) =>
    mostByTrying(most, [...by('reject'), [group]]) > closed ? [group] : [],
  );
  if (open.length === 0) return 'rejected';
  const isFull = open.some((i) => inGroup(by('approve'), i) >= (groups[i]?.quorum ?? 9));
  return isFull ? 'approved' : 'open';
}

describe('the same decisions in another order', () => {
  test('settle a stage the same way, leave the same groups open, and are told the same', () => {
    fc.assert(
      fc.property(stage, crowd, orders, (rule, people, by) => {
        const first = given(rule, people);
        const second = ordered(first, by);
        expect(stageVerdict(rule, second)).toBe(stageVerdict(rule, first));
        expect(openGroups(rule, second)).toEqual(openGroups(rule, first));
        expect(tallyOf(rule, second)).toEqual(tallyOf(rule, first));
        expect(stageVerdict(rule, first)).toBe(verdictByTrying(rule, first));
      }),
      { numRuns: 1_000 },
    );
  });

  /** What settles first settles: so of one direction only. */
  test.each(['approve', 'reject'] as const)(
    'given at one instant, all %s: the same end, and the same people could still count',
    (verdict) => {
      fc.assert(
        fc.property(stage, crowd, orders, (rule, people, by) => {
          const actors = people.map(({ roles }, index) => aPerson(`p${index}`, { roles }));
          const play = (line: typeof actors): RequestState => {
            let state = aRequest({ stages: [rule] });
            for (const actor of line)
              state = applyCommand(state, decide(verdict), actOf(actor)).state;
            return state;
          };
          const [one, other] = [play(actors), play([...ordered(actors, by)])];
          expect(statusOf(other)).toBe(statusOf(one));
          if (one.resolution !== null) return;
          expect(tallyOf(rule, other.decisions)).toEqual(tallyOf(rule, one.decisions));
          expect(openGroups(rule, other.decisions)).toEqual(openGroups(rule, one.decisions));
        }),
        { numRuns: 1_000 },
      );
    },
  );
});

test('a stage is stuck exactly where no answers of the people there approve it', () => {
  fc.assert(
    fc.property(stage, crowd, fc.nat(3), (rule, people, decided) => {
      let state = aRequest({ stages: [rule] });
      for (const [index, { roles, isAgainst }] of people.slice(0, decided).entries()) {
        const actor = aPerson(`p${index}`, { roles });
        state = applyCommand(state, decide(isAgainst ? 'reject' : 'approve'), actOf(actor)).state;
      }
      if (state.resolution !== null) return;
      const there = people.map(({ roles }, index) => aCandidate(`p${index}`, { roles }));
      const told = escalateWhereStuck(state, there).state;
      let all = state;
      for (const { id, roles } of there)
        all = applyCommand(all, decide(), actOf(aPerson(id, { roles }))).state;
      expect(openStageOf(told).isStuck).toBe(statusOf(all) !== 'approved');
    }),
    { numRuns: 1_000 },
  );
});

describe('who can sit in two groups', () => {
  const both = { roles: ['credit-officer', 'security'] };
  const groups = [aGroup({ quorum: 1 }), aGroup({ role: 'security', quorum: 1 })];
  const before = aRequest({ stages: [aStage({ groups })] });
  test.each([
    { why: 'first', line: ['both', 'eve'] },
    { why: 'last', line: ['eve', 'both'] },
  ])('leaves the seat to who has only one: $why', ({ line }) => {
    let state = before;
    for (const id of line) {
      const actor = id === 'both' ? aPerson('both', both) : aPerson(id);
      state = applyCommand(state, decide(), actOf(actor)).state;
    }
    expect(statusOf(state)).toBe('approved');
  });

  test('counts in one of them: alone they are half', () => {
    const applied = applyCommand(before, decide(), actOf(aPerson('both', both)));
    expect(applied.outcome).toEqual({ kind: 'counted', approvals: 1, needed: 2 });
  });

  test('all groups: rejects wherever they could have approved', () => {
    const applied = applyCommand(before, decide('reject'), actOf(aPerson('both', both)));
    expect(statusOf(applied.state)).toBe('rejected');
  });

  test('any group: closes one of them, and the other by nobody but somebody else', () => {
    const any = aRequest({ stages: [aStage({ groups, join: 'any' })] });
    const first = applyCommand(any, decide('reject'), actOf(aPerson('both', both))).state;
    expect(statusOf(first)).toBe('pending');
    expect(statusOf(applyCommand(first, decide(), actOf(aPerson('eve'))).state)).toBe('approved');
    const second = applyCommand(first, decide('reject'), actOf(aPerson('eve'))).state;
    expect(statusOf(second)).toBe('rejected');
  });
});
