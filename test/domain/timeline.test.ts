import { describe, expect, test } from 'vitest';
import type { RequestState } from '../../domain/request.ts';
import type { Step } from '../../domain/stage.ts';
import { catchUp as passUntil, nextInstant } from '../../domain/timeline.ts';
import {
  at,
  aDecision,
  aGroup,
  anEscalation,
  aRequest,
  aSecondStage,
  aStage,
  HELD,
  NOW,
  openStageOf,
} from '../support/builders.ts';

const day = (time: string): string => `2026-03-${time}.000Z`;

/** Lets time pass up to an instant. */
const catchUp = (state: RequestState, now: string): Step => passUntil(state, at(now));
const A_YEAR_LATER = '2027-03-02T09:00:00.000Z';

/** The sample policy: reminders after two and eight hours, the manager after four, a day in all. */
const sample = aStage({ reminders: ['PT2H', 'PT8H'], escalations: [anEscalation()] });

const typesOf = (step: ReturnType<typeof catchUp>): readonly string[] =>
  step.events.map((event) => event.type);

describe('a reminder', () => {
  test('is given at its instant, once, and changes nothing else', () => {
    const before = aRequest({ stages: [sample] });
    const step = catchUp(before, day('02T11:00:00'));
    expect(step.events).toEqual([{ type: 'reminded', stage: 0, ordinal: 0 }]);
    const { agenda, ...rest } = openStageOf(before);
    expect(step.state).toEqual({ ...before, stage: { ...rest, agenda: agenda.slice(1) } });
  });

  test('is not given a millisecond early', () => {
    const before = aRequest({ stages: [sample] });
    const step = catchUp(before, '2026-03-02T10:59:59.999Z');
    expect(step.events).toEqual([]);
    expect(step.state).toBe(before);
  });
});

describe('an escalation', () => {
  const escalated = (...escalations: readonly ReturnType<typeof anEscalation>[]) =>
    catchUp(aRequest({ stages: [aStage({ escalations })] }), day('02T21:00:00'));

  test('adds a role to those who may decide', () => {
    const step = escalated(anEscalation());
    expect(step.events).toEqual([
      {
        ...{ type: 'escalated', stage: 0, cause: 'time', index: 0, to: 'credit-manager' },
        ...{ mode: 'add', person: null },
      },
    ]);
    expect(openStageOf(step.state).roles).toEqual([['credit-officer', 'credit-manager']]);
  });

  test('replaces those who may decide', () => {
    const step = escalated(anEscalation({ mode: 'replace' }));
    expect(openStageOf(step.state).roles).toEqual([['credit-manager']]);
  });

  test('adds to what an earlier one left', () => {
    const step = escalated(
      anEscalation({ mode: 'replace' }),
      anEscalation({ after: 'PT8H', to: 'security' }),
    );
    expect(openStageOf(step.state).roles).toEqual([['credit-manager', 'security']]);
  });

  test('reaches every group', () => {
    const groups = [aGroup(), aGroup({ role: 'security' })];
    const before = aRequest({ stages: [aStage({ groups, escalations: [anEscalation()] })] });
    expect(openStageOf(catchUp(before, day('02T13:00:00')).state).roles).toEqual([
      ['credit-officer', 'credit-manager'],
      ['security', 'credit-manager'],
    ]);
  });

  test('does not touch decisions given before', () => {
    const stages = [aStage({ escalations: [anEscalation({ mode: 'replace' })] })];
    const decisions = [aDecision('eve')];
    const step = catchUp(aRequest({ stages, decisions }), day('02T13:00:00'));
    expect(step.state.decisions).toEqual(decisions);
  });
});

describe('a deadline', () => {
  test('expires the request: never a rejection, nobody is named', () => {
    const { state, events } = catchUp(aRequest(), day('03T09:00:00'));
    expect(state.stage).toBeNull();
    expect(state.resolution).toEqual({
      kind: 'expired',
      effect: null,
      mayProceed: false,
      at: day('03T09:00:00'),
      by: [],
      cause: 'deadline',
    });
    expect(events).toEqual([
      { type: 'expired', stage: 0, pausedSeconds: 0 },
      { type: 'resolved', resolution: state.resolution, decisions: 0 },
    ]);
  });

  test('leaves a millisecond before it', () => {
    expect(catchUp(aRequest(), '2026-03-03T08:59:59.999Z').events).toEqual([]);
  });

  test('is not moved by decisions, and they stay', () => {
    const decisions = [aDecision('eve')];
    const { state } = catchUp(aRequest({ decisions }), day('03T09:00:00'));
    expect(state).toMatchObject({ decisions, resolution: { kind: 'expired' } });
  });

  test.each([
    { tier: 'low', kind: 'approved', mayProceed: true, cause: 'policy' },
    { tier: 'medium', kind: 'approved', mayProceed: true, cause: 'policy' },
    { tier: 'high', kind: 'expired', mayProceed: false, cause: 'deadline' },
  ] as const)('where the rule approves by silence, a $tier request is $kind', (row) => {
    const { tier, ...ending } = row;
    const stages = [aStage({ onTimeout: 'approve' })];
    const { state, events } = catchUp(aRequest({ tier, stages }), day('03T09:00:00'));
    expect(state.resolution).toMatchObject({ ...ending, by: [] });
    expect(events.map((event) => event.type)).toEqual(['expired', 'resolved']);
  });

  test('goes to the next stage, which gets its full time even when the clock was late', () => {
    const stages = [aStage({ onTimeout: 'next-stage' }), aSecondStage({ deadline: 'PT12H' })];
    const { state, events } = catchUp(aRequest({ stages }), day('05T09:00:00'));
    expect(state.resolution).toBeNull();
    expect(events).toEqual([
      { type: 'expired', stage: 0, pausedSeconds: 0 },
      { type: 'stage_opened', stage: 1, deadline: day('05T21:00:00'), cause: 'order' },
    ]);
    expect(state.stage).toMatchObject({ index: 1, openedAt: day('05T09:00:00') });
    expect(nextInstant(state)).toBe(day('05T21:00:00'));
  });
});

describe('silence', () => {
  const silent = aStage({ onTimeout: 'approve' });
  const after = (time: string, differs: Parameters<typeof aRequest>[0]) =>
    catchUp(aRequest(differs), day(time));

  test('passes its own stage only: whoever comes after is still asked', () => {
    const step = after('03T09:00:00', { stages: [silent, aSecondStage()] });
    expect(step.events).toEqual([
      { type: 'expired', stage: 0, pausedSeconds: 0 },
      { type: 'stage_opened', stage: 1, deadline: day('04T09:00:00'), cause: 'order' },
    ]);
    expect(step.state).toMatchObject({ resolution: null, stage: { index: 1, agenda: [{}] } });
    expect(openStageOf(step.state).roles).toEqual([['risk-manager']]);
  });

  test.each([
    { last: 'approve', kind: 'approved', cause: 'policy', mayProceed: true },
    { last: 'expire', kind: 'expired', cause: 'deadline', mayProceed: false },
  ] as const)('of all stages ends as the last one says: $last', ({ last, ...ending }) => {
    const stages = [silent, aSecondStage({ onTimeout: last })];
    const first = after('03T09:00:00', { stages });
    expect(first.state.resolution).toBeNull();
    const step = catchUp(first.state, day('04T09:00:00'));
    expect(step.state.resolution).toMatchObject({ ...ending, by: [], at: day('04T09:00:00') });
    expect(typesOf(step)).toEqual(['expired', 'resolved']);
  });

  test('never passes any stage of a high tier', () => {
    const step = after('03T09:00:00', { tier: 'high', stages: [silent, aSecondStage()] });
    expect(typesOf(step)).toEqual(['expired', 'resolved']);
    expect(step.state.resolution).toMatchObject({ kind: 'expired', mayProceed: false });
  });

  test('after a long outage does not run through the stages behind it: they get their time', () => {
    const step = after('20T09:00:00', { stages: [silent, aSecondStage({ onTimeout: 'approve' })] });
    expect(typesOf(step)).toEqual(['expired', 'stage_opened']);
    expect(nextInstant(step.state)).toBe(day('21T09:00:00'));
  });
});

describe('after a long outage', () => {
  test('everything that is late comes at once, in order, each once', () => {
    const step = catchUp(aRequest({ stages: [sample] }), A_YEAR_LATER);
    expect(typesOf(step)).toEqual(['reminded', 'escalated', 'reminded', 'expired', 'resolved']);
    expect(step.state.resolution?.kind).toBe('expired');
  });

  test('a second outage goes on where the next stage began', () => {
    const stages = [aStage({ onTimeout: 'next-stage' }), aSecondStage()];
    const first = catchUp(aRequest({ stages }), A_YEAR_LATER);
    const second = catchUp(first.state, '2028-03-02T09:00:00.000Z');
    expect(second.state.resolution?.kind).toBe('expired');
    expect(second.events[0]).toEqual({ type: 'expired', stage: 1, pausedSeconds: 0 });
  });
});

describe('time does nothing', () => {
  const expired = catchUp(aRequest(), A_YEAR_LATER).state;
  test.each<{ why: string; state: RequestState }>([
    { why: 'to a held request', state: aRequest({ heldBy: [HELD] }) },
    { why: 'to one that the policy decided', state: aRequest({ rule: { effect: 'approve' } }) },
    { why: 'to one that has expired', state: expired },
    {
      why: 'to a stage without deadline',
      state: aRequest({ stages: [aStage({ deadline: null })] }),
    },
  ])('$why', ({ state }) => {
    expect(nextInstant(state)).toBeNull();
    expect(catchUp(state, '2099-01-01T00:00:00.000Z')).toEqual({ state, events: [] });
  });

  test('when it runs backwards', () => {
    const before = aRequest({ stages: [sample] });
    expect(catchUp(before, '2020-01-01T00:00:00.000Z').state).toBe(before);
  });

  test.each(['02T11:00:00', '02T17:30:00', '03T09:00:00', '09T09:00:00'])(
    'when it was there already (%s)',
    (time) => {
      const once = catchUp(aRequest({ stages: [sample] }), day(time));
      const twice = catchUp(once.state, day(time));
      expect(twice.events).toEqual([]);
      expect(twice.state).toBe(once.state);
    },
  );
});

test('the next instant is the earliest that is left', () => {
  const instants = [NOW, '02T11:00:00', '02T13:00:00', '02T17:00:00', '03T09:00:00'].map(
    (time, index) =>
      nextInstant(catchUp(aRequest({ stages: [sample] }), index === 0 ? NOW : day(time)).state),
  );
  expect(instants).toEqual([
    day('02T11:00:00'),
    day('02T13:00:00'),
    day('02T17:00:00'),
    day('03T09:00:00'),
    null,
  ]);
});
