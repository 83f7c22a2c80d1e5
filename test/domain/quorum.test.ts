import { describe, expect, test } from 'vitest';
import type { Stage } from '../../domain/policy.ts';
import { openGroups, stageVerdict, tallyOf } from '../../domain/quorum.ts';
import type { Decision } from '../../domain/request.ts';
import { aDecision, aGroup, aStage } from '../support/builders.ts';

/** `+0` approves in group 0, `-1` rejects in group 1; one person each. */
function given(marks: string): readonly Decision[] {
  return marks
    .split(' ')
    .filter((mark) => mark !== '')
    .map((mark, index) =>
      aDecision(`person-${index}`, {
        verdict: mark.startsWith('+') ? 'approve' : 'reject',
        groups: [Number(mark.slice(1))],
      }),
    );
}

const twoOfThem = aStage({ quorum: 2 });
const twoToReject = aStage({ quorum: 3, rejectQuorum: 2 });
const groups = [aGroup({ quorum: 2 }), aGroup({ role: 'security', quorum: 1 })];
const all = aStage({ groups, join: 'all' });
const any = aStage({ groups, join: 'any' });

test.each<{ why: string; stage: Stage; marks: string; verdict: string }>([
  { why: 'nobody answered', stage: twoOfThem, marks: '', verdict: 'open' },
  { why: 'one below the quorum', stage: twoOfThem, marks: '+0', verdict: 'open' },
  { why: 'exactly the quorum', stage: twoOfThem, marks: '+0 +0', verdict: 'approved' },
  { why: 'one rejection', stage: twoOfThem, marks: '-0', verdict: 'rejected' },
  { why: 'one approval, then a rejection', stage: twoOfThem, marks: '+0 -0', verdict: 'rejected' },
  { why: 'one rejection where two are needed', stage: twoToReject, marks: '-0', verdict: 'open' },
  { why: 'two rejections', stage: twoToReject, marks: '-0 +0 -0', verdict: 'rejected' },
  { why: 'outvoted in time', stage: twoToReject, marks: '-0 +0 +0 +0', verdict: 'approved' },
  { why: 'all: one group of two', stage: all, marks: '+0 +0', verdict: 'open' },
  { why: 'all: half of both groups', stage: all, marks: '+0 +1', verdict: 'open' },
  { why: 'all: both groups', stage: all, marks: '+0 +1 +0', verdict: 'approved' },
  { why: 'all: one rejected group', stage: all, marks: '-1', verdict: 'rejected' },
  { why: 'all: approved and rejected', stage: all, marks: '+0 +0 -1', verdict: 'rejected' },
  { why: 'any: half of the larger group', stage: any, marks: '+0', verdict: 'open' },
  { why: 'any: the first group in favour', stage: any, marks: '+1', verdict: 'approved' },
  { why: 'any: one rejected group', stage: any, marks: '-1', verdict: 'open' },
  { why: 'any: rejected here, approved there', stage: any, marks: '-1 +0 +0', verdict: 'approved' },
  { why: 'any: all groups rejected', stage: any, marks: '-1 -0', verdict: 'rejected' },
])('a stage with $why is $verdict', ({ stage, marks, verdict }) => {
  expect(stageVerdict(stage, given(marks))).toBe(verdict);
});

test('a group counts its own decisions only', () => {
  expect(openGroups(all, given('+1 +0'))).toEqual([0]);
  expect(openGroups(any, given('-1 +0'))).toEqual([0]);
  expect(openGroups(any, given('+1'))).toEqual([0, 1]);
});

describe('what people are told', () => {
  test.each([
    { why: 'a plain stage', stage: twoOfThem, marks: '+0', tally: [1, 0, 2] },
    { why: 'rejections beside it', stage: twoToReject, marks: '-0 +0', tally: [1, 1, 3] },
    { why: 'all groups together', stage: all, marks: '+0 +1', tally: [2, 0, 3] },
    { why: 'any: the smallest group', stage: any, marks: '', tally: [0, 0, 1] },
  ])('$why', ({ stage, marks, tally: [approvals, rejections, needed] }) => {
    expect(tallyOf(stage, given(marks))).toEqual({ approvals, rejections, needed });
  });

  test('any: approvals of different groups do not add up to a quorum that no group has', () => {
    const stage = aStage({ groups: [aGroup({ quorum: 2 }), aGroup({ quorum: 3 })], join: 'any' });
    const decisions = given('+0 +1');
    expect(stageVerdict(stage, decisions)).toBe('open');
    expect(tallyOf(stage, decisions)).toMatchObject({ approvals: 1, needed: 2 });
  });

  test('any: the group that lacks fewest is the one to look at, unless it was rejected', () => {
    const stage = aStage({ groups: [aGroup({ quorum: 2 }), aGroup({ quorum: 3 })], join: 'any' });
    expect(tallyOf(stage, given('+1 +1'))).toMatchObject({ approvals: 2, needed: 3 });
    expect(tallyOf(stage, given('+0 -0'))).toMatchObject({ approvals: 0, needed: 3 });
  });
});
