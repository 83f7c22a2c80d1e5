import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canStillBeMet, namesOf, type Standing, type Voice } from '../../domain/reachable.ts';

const open = (...quorums: number[]): Standing['groups'] =>
  quorums.map((quorum) => ({ quorum, rejected: false }));
const voice = (id: string, ...groups: number[]): Voice => ({ id, groups });
const standIn = (id: string, standsFor: string, ...groups: number[]): Voice => ({
  ...voice(id, ...groups),
  standsFor,
});
const NOBODY = { join: 'all', approvals: [], candidates: [] } as const;

describe('a running stage', () => {
  test.each<{ why: string; stage: Partial<Standing> & Pick<Standing, 'groups'>; met: boolean }>([
    { why: 'nobody is left', stage: { groups: open(1) }, met: false },
    {
      why: 'enough have approved',
      stage: { groups: open(1), approvals: [{ groups: [0] }] },
      met: true,
    },
    {
      why: 'one approved and one is left, of two',
      stage: { groups: open(2), approvals: [{ groups: [0] }], candidates: [voice('eve', 0)] },
      met: true,
    },
    {
      why: 'one person would count twice',
      stage: { groups: open(1, 1), candidates: [voice('eve', 0, 1)] },
      met: false,
    },
    {
      why: 'an approval moves to where it helps',
      stage: {
        groups: open(1, 1),
        approvals: [{ groups: [0, 1] }],
        candidates: [voice('eve', 0)],
      },
      met: true,
    },
    {
      why: 'several voices of one person are alternatives',
      stage: { groups: open(2), candidates: [voice('eve', 0), standIn('eve', 'omar', 0)] },
      met: false,
    },
    {
      why: 'whoever is stood in for cannot answer beside it',
      stage: { groups: open(2), candidates: [voice('omar', 0), standIn('eve', 'omar', 0)] },
      met: false,
    },
    {
      why: 'two cannot stand in for one',
      stage: {
        groups: open(2),
        candidates: [standIn('eve', 'omar', 0), standIn('rui', 'omar', 0)],
      },
      met: false,
    },
    {
      why: 'a person stands in where others fill their own group',
      stage: {
        groups: open(1, 1),
        candidates: [voice('eve', 0), voice('rui', 0), standIn('rui', 'omar', 1)],
      },
      met: true,
    },
    {
      why: 'all: one group is rejected',
      stage: {
        groups: [
          { quorum: 1, rejected: true },
          { quorum: 1, rejected: false },
        ],
        candidates: [voice('eve', 0), voice('rui', 1)],
      },
      met: false,
    },
    {
      why: 'any: another group is left',
      stage: {
        join: 'any',
        groups: [
          { quorum: 1, rejected: true },
          { quorum: 1, rejected: false },
        ],
        candidates: [voice('rui', 0, 1)],
      },
      met: true,
    },
    {
      why: 'any: only people of the rejected group are left',
      stage: {
        join: 'any',
        groups: [
          { quorum: 1, rejected: true },
          { quorum: 1, rejected: false },
        ],
        candidates: [voice('rui', 0)],
      },
      met: false,
    },
    {
      why: 'any: approvals of different groups do not add up',
      stage: {
        join: 'any',
        groups: open(2, 2),
        approvals: [{ groups: [0] }],
        candidates: [voice('rui', 1)],
      },
      met: false,
    },
  ])('$why: $met', ({ stage, met }) => {
    expect(canStillBeMet({ ...NOBODY, ...stage })).toBe(met);
  });

  test('large directories are answered at once', () => {
    const candidates = Array.from({ length: 20_000 }, (_, i) => voice(`p${i}`, i % 3, (i + 1) % 3));
    const start = performance.now();
    expect(canStillBeMet({ ...NOBODY, groups: open(100, 100, 100), candidates })).toBe(true);
    expect(canStillBeMet({ ...NOBODY, groups: open(100, 100, 20_001), candidates })).toBe(false);
    expect(performance.now() - start).toBeLessThan(5_000);
  });
});

// ---- against every way there is -------------------------------------------------------------------

const groupsOf = fc.subarray([0, 1, 2], { minLength: 1 });
const names = fc.constantFrom('p0', 'p1', 'p2', 'p3');
const candidate: fc.Arbitrary<Voice> = fc.record({
  id: names,
  standsFor: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 2, arbitrary: names }),
  groups: groupsOf,
});
const standing: fc.Arbitrary<Standing> = fc.record({
  join: fc.constantFrom('all', 'any'),
  groups: fc.array(
    fc.record({
      quorum: fc.integer({ min: 1, max: 2 }),
      rejected: fc.constantFrom(false, false, false, true),
    }),
    { minLength: 3, maxLength: 3 },
  ),
  approvals: fc.array(fc.record({ groups: groupsOf }), { maxLength: 2 }),
  candidates: fc.array(candidate, { maxLength: 6 }),
});

/** Gives every voice a group or none, in every way. */
function isMet({ join, groups, approvals, candidates }: Standing): boolean {
  const all = [...approvals.map(({ groups: mine }) => voice('', ...mine)), ...candidates];
  const walk = (at: number, names_: ReadonlySet<string>, left: readonly number[]): boolean => {
    const full = (group: number): boolean =>
      (left[group] ?? 0) <= 0 && groups[group]?.rejected === false;
    const indices = [...groups.keys()];
    if (join === 'all' ? indices.every(full) : indices.some(full)) return true;
    const one = all[at];
    if (one === undefined) return false;
    if (walk(at + 1, names_, left)) return true;
    const mine = one.id === '' ? [] : namesOf(one);
    if (mine.some((name) => names_.has(name))) return false;
    return one.groups.some((group) =>
      walk(
        at + 1,
        new Set([...names_, ...mine]),
        left.map((count, i) => (i === group ? count - 1 : count)),
      ),
    );
  };
  const start = groups.map(({ quorum }) => quorum);
  return walk(0, new Set(), start);
}

test('can be met exactly where some way of giving every voice one group does', () => {
  const check = fc.property(standing, (stage) => {
    const proper = {
      ...stage,
      candidates: stage.candidates.filter(({ id, standsFor }) => id !== standsFor),
    };
    expect(canStillBeMet(proper)).toBe(isMet(proper));
  });
  fc.assert(check, { numRuns: 3_000 });
});
