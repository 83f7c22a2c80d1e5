import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { namesOf, type Voice } from '../../domain/reachable.ts';
import { areDistinct, staff, type Demand, type Staffing } from '../../domain/staffing.ts';

const voices = (...ids: readonly string[]): Voice[] => ids.map((id) => ({ id, groups: [0] }));

function demand(people: readonly Voice[], differs: Partial<Demand> = {}): Demand {
  return { join: 'all', quorums: [1], voices: people, distinctFrom: [], ...differs };
}

const whoOf = (staffing: Staffing): string[][] =>
  staffing.kind === 'found'
    ? staffing.seats.map(({ demand: at, voice }) => [String(at), voice.id])
    : [[staffing.kind]];

describe('several stages', () => {
  test('one person may answer in both, unless they need different people', () => {
    const both = [demand(voices('eve')), demand(voices('eve'))] as const;
    expect(whoOf(staff(both))).toEqual([
      ['0', 'eve'],
      ['1', 'eve'],
    ]);
    expect(staff([both[0], { ...both[1], distinctFrom: [0] }]).kind).toBe('none');
  });

  test('who is missed elsewhere is left for there', () => {
    const found = staff([
      demand(voices('eve', 'rui')),
      demand(voices('eve'), { distinctFrom: [0] }),
    ]);
    expect(whoOf(found)).toEqual([
      ['0', 'rui'],
      ['1', 'eve'],
    ]);
  });

  test('the first and the last may be one person where only their neighbours differ', () => {
    const people = voices('eve', 'rui');
    const chain = [demand(people), demand(people, { distinctFrom: [0] })];
    expect(staff([...chain, demand(people, { distinctFrom: [1] })]).kind).toBe('found');
    expect(staff([...chain, demand(people, { distinctFrom: [0, 1] })]).kind).toBe('none');
  });

  test('whoever stands in uses up both names, in every stage that differs', () => {
    const eveForRui: Voice = { id: 'eve', standsFor: 'rui', groups: [0] };
    const first = demand([eveForRui]);
    expect(staff([first, demand(voices('rui'))]).kind).toBe('found');
    expect(staff([first, demand(voices('rui'), { distinctFrom: [0] })]).kind).toBe('none');
    expect(staff([first, demand(voices('sam'), { distinctFrom: [0] })]).kind).toBe('found');
  });

  test('many people of few kinds cost little', () => {
    const crowd = voices(...Array.from({ length: 3_000 }, (_, i) => `p${i}`));
    const chain = Array.from({ length: 6 }, (_, i) =>
      demand(crowd, { quorums: [100], distinctFrom: i === 0 ? [] : [i - 1] }),
    );
    const start = performance.now();
    expect(staff(chain).kind).toBe('found');
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});

// ---- against every way there is -------------------------------------------------------------------

const NAMES = ['p0', 'p1', 'p2', 'p3'] as const;
const someone = fc.constantFrom(...NAMES);

const anyVoice = (couples: boolean): fc.Arbitrary<Voice> =>
  fc
    .record({
      id: someone,
      standsFor: couples ? fc.option(someone, { freq: 2 }) : fc.constant(null),
      groups: fc.subarray([0, 1], { minLength: 1 }),
    })
    .filter(({ id, standsFor }) => id !== standsFor);

const anyDemands = (couples: boolean): fc.Arbitrary<Demand[]> =>
  fc
    .array(
      fc.record({
        join: fc.constantFrom('all', 'any'),
        quorums: fc.array(fc.constantFrom(1, 1, 2), { minLength: 1, maxLength: 2 }),
        voices: fc.array(anyVoice(couples), { maxLength: 5 }),
        distinctFrom: fc.subarray([0, 1, 2]),
      }),
      { minLength: 1, maxLength: 3 },
    )
    .map((all) =>
      all.map((one, index) => ({
        ...one,
        voices: one.voices.map((voice) => ({
          ...voice,
          groups: voice.groups.filter((group) => group < one.quorums.length),
        })),
        distinctFrom: one.distinctFrom.filter((other) => other < index),
      })),
    );

interface Taken {
  readonly demand: number;
  readonly names: readonly string[];
}

/** Tries every voice in every group of every demand. */
function isPossible(demands: readonly Demand[]): boolean {
  const walk = (at: number, left: readonly number[], taken: readonly Taken[]): boolean => {
    const one = demands[at];
    if (one === undefined) return true;
    const isDone =
      one.join === 'all' ? left.every((count) => count <= 0) : left.some((count) => count <= 0);
    if (isDone && walk(at + 1, demands[at + 1]?.quorums ?? [], taken)) return true;
    return one.voices.some((voice) => {
      const names = namesOf(voice);
      const clashes = taken.some(
        (other) =>
          (other.demand === at || areDistinct(demands, other.demand, at)) &&
          other.names.some((name) => names.includes(name)),
      );
      if (clashes) return false;
      return voice.groups.some(
        (group) =>
          (left[group] ?? 0) > 0 &&
          walk(
            at,
            left.map((count, i) => (i === group ? count - 1 : count)),
            [...taken, { demand: at, names }],
          ),
      );
    });
  };
  return walk(0, demands[0]?.quorums ?? [], []);
}

function assertProper(demands: readonly Demand[], staffing: Staffing): void {
  if (staffing.kind !== 'found') return;
  const { seats } = staffing;
  for (const [at, { join, quorums }] of demands.entries()) {
    const counts = quorums.map(
      (_, group) => seats.filter((seat) => seat.demand === at && seat.group === group).length,
    );
    const full = counts.map((count, group) => count >= (quorums[group] ?? 0));
    expect(join === 'all' ? full.every(Boolean) : full.some(Boolean)).toBe(true);
  }
  for (const [i, seat] of seats.entries()) {
    expect(demands[seat.demand]?.voices).toContainEqual(seat.voice);
    expect(seat.voice.groups).toContain(seat.group);
    for (const other of seats.slice(i + 1)) {
      const differ =
        other.demand === seat.demand || areDistinct(demands, seat.demand, other.demand);
      const shared = namesOf(seat.voice).filter((name) => namesOf(other.voice).includes(name));
      if (differ) expect(shared).toEqual([]);
    }
  }
}

test('everybody in their own right: found exactly where there is a way', () => {
  const check = fc.property(anyDemands(false), (demands) => {
    const staffing = staff(demands);
    assertProper(demands, staffing);
    expect(staffing.kind).toBe(isPossible(demands) ? 'found' : 'none');
  });
  fc.assert(check, { numRuns: 2_000 });
});

test('with stand-ins: what is found is a way, and of single stages every way is found', () => {
  const check = fc.property(anyDemands(true), (demands) => {
    const staffing = staff(demands);
    assertProper(demands, staffing);
    if (demands.length === 1) expect(staffing.kind).toBe(isPossible(demands) ? 'found' : 'none');
  });
  fc.assert(check, { numRuns: 2_000 });
});
