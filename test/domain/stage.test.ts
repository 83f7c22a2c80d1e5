import { describe, expect, test } from 'vitest';
import type { Stage } from '../../domain/policy.ts';
import { decisionsOf, openStage, stageAt } from '../../domain/stage.ts';
import {
  at,
  aDecision,
  aGroup,
  anEscalation,
  aRequest,
  aSecondStage,
  aStage,
  openStageOf,
} from '../support/builders.ts';

const LATER = '2026-03-05T12:00:00.000Z';

/** The agenda of a stage that opens at nine o'clock, in short. */
function agendaOf(stage: Stage): readonly string[] {
  const state = aRequest({ stages: [stage] });
  return openStageOf(state).agenda.map((one) => {
    const number =
      one.kind === 'reminder' ? one.ordinal : one.kind === 'escalation' ? one.index : '';
    return `${one.at.slice(8, 16)} ${one.kind}${number}`;
  });
}

describe('a stage that opens', () => {
  test('counts from its own opening, not from that of the request', () => {
    const state = aRequest({
      stages: [aStage(), aSecondStage({ deadline: 'P2D', reminders: ['PT2H'] })],
    });
    const { stage } = openStage(state, 1, at(LATER)).state;
    expect(stage).toEqual({
      index: 1,
      openedAt: LATER,
      deadline: '2026-03-07T12:00:00.000Z',
      roles: [['risk-manager']],
      agenda: [
        { kind: 'reminder', at: '2026-03-05T14:00:00.000Z', ordinal: 0 },
        { kind: 'deadline', at: '2026-03-07T12:00:00.000Z' },
      ],
      ...{ pausedSince: null, pausedSeconds: 0, claims: [], barred: [], isStuck: false },
    });
  });

  test('is an event, and touches nothing else', () => {
    const state = aRequest({ stages: [aStage(), aSecondStage()], decisions: [aDecision('eve')] });
    const step = openStage(state, 1, at(LATER));
    const deadline = '2026-03-06T12:00:00.000Z';
    expect(step.events).toEqual([{ type: 'stage_opened', stage: 1, deadline, cause: 'order' }]);
    expect({ ...step.state, stage: null }).toEqual({ ...state, stage: null });
  });

  test.each([
    { why: 'counted from its own opening', deadline: 'PT6H', sealed: '2026-03-05T18:00:00.000Z' },
    { why: 'or that it has none', deadline: null, sealed: null },
  ])('says its deadline for the record, $why', ({ deadline, sealed }) => {
    const state = aRequest({ stages: [aStage(), aSecondStage({ deadline })] });
    const step = openStage(state, 1, at(LATER));
    expect(step.events).toEqual([
      { type: 'stage_opened', stage: 1, deadline: sealed, cause: 'order' },
    ]);
    expect(openStageOf(step.state).deadline).toBe(sealed);
  });

  test('asks one role per group', () => {
    const groups = [aGroup(), aGroup({ role: 'security' })];
    expect(openStageOf(aRequest({ stages: [aStage({ groups })] })).roles).toEqual([
      ['credit-officer'],
      ['security'],
    ]);
  });
});

describe('the agenda', () => {
  test.each([
    { why: 'nothing to do', stage: aStage({ deadline: null }), agenda: [] },
    { why: 'a deadline alone', stage: aStage(), agenda: ['03T09:00 deadline'] },
    {
      why: 'no deadline',
      stage: aStage({ deadline: null, reminders: ['P2D'] }),
      agenda: ['04T09:00 reminder0'],
    },
    {
      why: 'everything in the order of time, however the rule writes it',
      stage: aStage({
        reminders: ['PT8H', 'PT2H'],
        escalations: [anEscalation({ after: 'PT6H', to: 'security' }), anEscalation()],
      }),
      agenda: [
        '02T11:00 reminder0',
        '02T13:00 escalation1',
        '02T15:00 escalation0',
        '02T17:00 reminder1',
        '03T09:00 deadline',
      ],
    },
    {
      why: 'a reminder before an escalation at the same instant',
      stage: aStage({ reminders: ['PT4H'], escalations: [anEscalation()] }),
      agenda: ['02T13:00 reminder0', '02T13:00 escalation0', '03T09:00 deadline'],
    },
    {
      why: 'nothing at the deadline or behind it but the deadline',
      stage: aStage({
        reminders: ['P1D', 'P2D', 'PT23H'],
        escalations: [anEscalation({ after: 'PT24H' })],
      }),
      agenda: ['03T08:00 reminder0', '03T09:00 deadline'],
    },
  ])('$why', ({ stage, agenda }) => {
    expect(agendaOf(stage)).toEqual(agenda);
  });
});

test('decisions of one stage, in the order of recording', () => {
  const decisions = [
    aDecision('eve'),
    aDecision('rui', { stage: 1 }),
    aDecision('omar', { at: '2026-03-01T00:00:00.000Z' }),
  ];
  const state = aRequest({ decisions });
  expect(decisionsOf(state, 0).map((one) => one.person)).toEqual(['eve', 'omar']);
  expect(decisionsOf(state, 1).map((one) => one.person)).toEqual(['rui']);
});

test('a stage that the rule does not have is a bug', () => {
  expect(() => stageAt(aRequest(), 1)).toThrow(TypeError);
  expect(() => openStage(aRequest(), 1, at())).toThrow(TypeError);
});
