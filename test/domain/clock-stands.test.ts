import { describe, expect, test } from 'vitest';
import { applyCommand } from '../../domain/apply.ts';
import type { Command } from '../../domain/command.ts';
import { millisBetween } from '../../domain/instant.ts';
import type { Stage } from '../../domain/policy.ts';
import type { RequestState } from '../../domain/request.ts';
import { catchUp, nextInstant } from '../../domain/timeline.ts';
import {
  aBinding,
  actOf,
  anApp,
  anEscalation,
  aPerson,
  aRequest,
  aSecondStage,
  aStage,
  at,
  decide,
  HELD,
  NOW,
  openStageOf,
} from '../support/builders.ts';

const march = (time: string): string => `2026-03-${time}.000Z`;
const A_MONTH_LATER = '2026-04-01T09:00:00.000Z';
const sample = aStage({ reminders: ['PT2H', 'PT8H'], escalations: [anEscalation()] });

const ask = (state: RequestState, now: string, id = 'q-1'): RequestState =>
  applyCommand(state, { kind: 'ask' }, actOf(aPerson('eve'), now, id)).state;
const answer = (state: RequestState, now: string, question = 'q-1'): RequestState => {
  const command: Command = { kind: 'answer', question };
  return applyCommand(state, command, actOf(anApp(), now, `a-${question}`)).state;
};

/** A request whose stages have deadlines of their own, given by the content. */
function given(deadlines: readonly (string | null)[], stages: readonly Stage[]): RequestState {
  const state = aRequest({ stages });
  const policy = { ...state.policy, deadlines };
  const stage = openStageOf(state);
  const [own] = deadlines;
  if (own === undefined || own === null || (stage.deadline ?? '9') < own)
    return { ...state, policy };
  const kept = stage.agenda.filter((one) => one.kind !== 'deadline' && one.at < own);
  const agenda = [...kept, { kind: 'deadline', at: own } as const];
  return { ...state, policy, stage: { ...stage, deadline: own, agenda } };
}

const agendaOf = (state: RequestState): readonly string[] =>
  openStageOf(state).agenda.map((one) => `${one.kind} ${one.at.slice(8, 16)}`);

describe('while a question is open', () => {
  test('nothing of the agenda comes, however long', () => {
    const waiting = ask(aRequest({ stages: [sample] }), march('02T10:00:00'));
    const step = catchUp(waiting, at(march('31T10:00:00')));
    expect(step.events).toEqual([]);
    expect(step.state).toBe(waiting);
    expect(nextInstant(waiting)).toBe('2026-04-01T10:00:00.000Z');
  });

  test('people decide all the same', () => {
    const waiting = ask(aRequest({ stages: [aStage({ quorum: 1 })] }), NOW);
    const applied = applyCommand(waiting, decide(), actOf(aPerson('omar'), march('09T09:00:00')));
    expect(applied.state.resolution?.kind).toBe('approved');
  });

  test('a claim ends when it ends', () => {
    const claimed = applyCommand(aRequest(), { kind: 'claim' }, actOf(aPerson('eve'))).state;
    const waiting = ask(claimed, NOW);
    expect(nextInstant(waiting)).toBe(march('02T13:00:00'));
    const step = catchUp(waiting, at(march('02T13:00:00')));
    expect(step.events).toMatchObject([{ type: 'claimed', change: 'lapsed' }]);
    expect(openStageOf(step.state).pausedSince).toBe(NOW);
  });
});

describe('with the answer everything that lay ahead lies as far ahead', () => {
  test('reminders, escalations and the deadline move by exactly the pause', () => {
    const before = aRequest({ stages: [sample] });
    const after = answer(ask(before, march('02T12:00:00')), march('05T12:00:07'));
    expect(agendaOf(before)).toHaveLength(4);
    expect(openStageOf(after).agenda.map((one) => [one.kind, one.at])).toEqual([
      ['escalation', march('05T13:00:07')],
      ['reminder', march('05T17:00:07')],
      ['deadline', march('06T09:00:07')],
    ]);
    expect(openStageOf(after)).toMatchObject({
      deadline: march('06T09:00:07'),
      pausedSince: null,
      pausedSeconds: 3 * 86_400 + 7,
    });
    expect(nextInstant(after)).toBe(march('05T13:00:07'));
  });

  test('also where something was due while nobody woke', () => {
    const before = aRequest({ stages: [sample] });
    const waiting = ask(before, march('02T12:30:00')); // the reminder of eleven comes first
    expect(agendaOf(waiting)[0]).toBe('escalation 02T13:00');
    expect(agendaOf(answer(waiting, march('09T12:30:00')))[0]).toBe('escalation 09T13:00');
  });

  test('two pauses add up, and the expiry says so', () => {
    const once = answer(ask(aRequest(), march('02T10:00:00')), march('02T11:00:00'));
    const twice = answer(ask(once, march('02T12:00:00'), 'q-2'), march('02T12:30:00'), 'q-2');
    expect(openStageOf(twice)).toMatchObject({
      deadline: march('03T10:30:00'),
      pausedSeconds: 5_400,
    });
    const step = catchUp(twice, at(march('03T10:30:00')));
    expect(step.events).toMatchObject([
      { type: 'expired', stage: 0, pausedSeconds: 5_400 },
      { type: 'resolved' },
    ]);
  });

  test('two questions at once are one pause, from the first to the last answer', () => {
    const both = ask(ask(aRequest(), march('02T10:00:00')), march('02T11:00:00'), 'q-2');
    const one = answer(both, march('02T12:00:00'));
    expect(openStageOf(one)).toMatchObject({ pausedSince: march('02T10:00:00'), pausedSeconds: 0 });
    const none = answer(one, march('02T14:00:00'), 'q-2');
    expect(openStageOf(none)).toMatchObject({
      deadline: march('03T13:00:00'),
      pausedSeconds: 4 * 3_600,
    });
  });

  test('a stage without any times goes on without any', () => {
    const before = aRequest({ stages: [aStage({ deadline: null })] });
    const after = answer(ask(before, NOW), march('09T09:00:00'));
    expect(openStageOf(after)).toMatchObject({ deadline: null, agenda: [] });
    expect(nextInstant(after)).toBeNull();
  });
});

describe('a stage that opens while a question is open', () => {
  const stages = [aStage({ quorum: 1 }), aSecondStage({ reminders: ['PT1H'] })];
  const waiting = ask(aRequest({ stages }), march('02T10:00:00'));
  const opened = applyCommand(waiting, decide(), actOf(aPerson('omar'), march('02T12:00:00')));

  test('begins with its clock standing', () => {
    expect(openStageOf(opened.state)).toMatchObject({
      index: 1,
      pausedSince: march('02T12:00:00'),
      pausedSeconds: 0,
    });
    expect(opened.wakeAt).toBe('2026-04-01T10:00:00.000Z');
  });

  test('has its full time after the answer', () => {
    const after = answer(opened.state, march('04T12:00:00'));
    expect(agendaOf(after)).toEqual(['reminder 04T13:00', 'deadline 05T12:00']);
    expect(openStageOf(after).pausedSeconds).toBe(2 * 86_400);
  });
});

describe('a deadline that the request itself gives', () => {
  const GIVEN = march('04T09:00:00');
  const long = aStage({ deadline: 'P7D', reminders: ['P1D'] });

  test('is not moved by a question', () => {
    const after = answer(ask(given([GIVEN], [long]), NOW), march('03T09:00:00'));
    expect(openStageOf(after).deadline).toBe(GIVEN);
    expect(agendaOf(after)).toEqual(['deadline 04T09:00']); // the reminder would come at the end
  });

  test('the other one is, until it meets it', () => {
    const short = aStage({ deadline: 'P1D' });
    const once = answer(ask(given([GIVEN], [short]), NOW), march('02T21:00:00'));
    expect(openStageOf(once).deadline).toBe(march('03T21:00:00'));
    const twice = answer(ask(once, march('02T21:00:00'), 'q-2'), march('03T21:00:00'), 'q-2');
    expect(openStageOf(twice).deadline).toBe(GIVEN);
  });

  test('comes while the clock stands', () => {
    const waiting = ask(given([GIVEN], [long]), march('02T10:00:00'));
    expect(nextInstant(waiting)).toBe(GIVEN);
    expect(catchUp(waiting, at('2026-03-04T08:59:59.999Z')).events).toEqual([]);
    const step = catchUp(waiting, at(GIVEN));
    const pausedSeconds = 47 * 3_600;
    expect(step.events).toMatchObject([
      { type: 'expired', stage: 0, pausedSeconds },
      { type: 'resolved', resolution: { kind: 'expired', cause: 'deadline' } },
    ]);
  });

  test('that is over when its stage opens ends it with the next look', () => {
    const stages = [aStage({ quorum: 1 }), aSecondStage()];
    const before = given([null, march('01T00:00:00')], stages);
    const { state } = applyCommand(before, decide(), actOf(aPerson('eve')));
    expect(openStageOf(state).index).toBe(1);
    expect(catchUp(state, at()).state.resolution?.kind).toBe('expired');
  });
});

describe('a question that nobody answers', () => {
  test('lets the clock go on after thirty days, exactly there, and can be answered still', () => {
    const waiting = ask(aRequest(), NOW);
    expect(catchUp(waiting, at('2026-04-01T08:59:59.999Z')).events).toEqual([]);
    const late = catchUp(waiting, at('2026-04-01T20:00:00.000Z'));
    expect(late.events).toEqual([{ type: 'question_lapsed', question: 'q-1', ordinal: 1 }]);
    expect(openStageOf(late.state)).toMatchObject({
      pausedSince: null,
      pausedSeconds: 30 * 86_400,
      deadline: '2026-04-02T09:00:00.000Z',
    });
    expect(late.state.discussion).toMatchObject([{ closedAt: A_MONTH_LATER }]);
    const after = answer(late.state, '2026-04-01T21:00:00.000Z');
    expect(after.discussion).toMatchObject([
      { kind: 'question', closedAt: A_MONTH_LATER },
      { kind: 'answer' },
    ]);
    expect(openStageOf(after).deadline).toBe('2026-04-02T09:00:00.000Z');
  });

  test('lets everything behind it come in the same look, after a long outage', () => {
    const step = catchUp(ask(aRequest({ stages: [sample] }), NOW), at('2026-05-01T00:00:00.000Z'));
    expect(step.events.map(({ type }) => type)).toEqual([
      ...['question_lapsed', 'reminded', 'escalated', 'reminded', 'expired', 'resolved'],
    ]);
    expect(step.events).toContainEqual({
      ...{ type: 'expired', stage: 0, pausedSeconds: 30 * 86_400 },
    });
  });

  test('of two, the first lapses and the second still stops the clock', () => {
    const both = ask(ask(aRequest(), NOW), march('03T09:00:00'), 'q-2');
    const step = catchUp(both, at(A_MONTH_LATER));
    expect(step.events).toMatchObject([{ type: 'question_lapsed', question: 'q-1', ordinal: 2 }]);
    expect(openStageOf(step.state).pausedSince).toBe(NOW);
    expect(nextInstant(step.state)).toBe('2026-04-02T09:00:00.000Z');
  });

  test('comes before a deadline of the same instant', () => {
    const before = given([A_MONTH_LATER], [aStage({ deadline: null })]);
    const step = catchUp(ask(before, NOW), at(A_MONTH_LATER));
    expect(step.events.map(({ type }) => type)).toEqual(['question_lapsed', 'expired', 'resolved']);
  });

  /** Overdue already when a stage opens: the stage has lost no time by it. */
  test('takes no time from a stage that opens behind its end', () => {
    const held = { ...ask(aRequest(), NOW), stage: null, heldBy: [HELD] };
    expect(nextInstant(held)).toBeNull();
    const { state } = openAgain(held, '2026-04-10T09:00:00.000Z');
    expect(openStageOf(state).pausedSince).toBe('2026-04-10T09:00:00.000Z');
    const step = catchUp(state, at('2026-04-10T09:00:00.000Z'));
    expect(step.events.map(({ type }) => type)).toEqual(['question_lapsed']);
    expect(openStageOf(step.state)).toMatchObject({
      deadline: '2026-04-11T09:00:00.000Z',
      pausedSince: null,
      pausedSeconds: 0,
    });
  });
});

/** The requester mends what held it. */
function openAgain(held: RequestState, now: string) {
  const digests = { actionDigest: 'b'.repeat(64), contentDigest: 'd'.repeat(64) };
  const amendment = { ...digests, binding: aBinding() };
  return applyCommand(held, { kind: 'amend', amendment }, actOf(anApp(), now));
}

test('the pause is the time between the two acts and no more', () => {
  const waiting = ask(aRequest(), '2026-03-02T10:00:00.250Z');
  const after = answer(waiting, '2026-03-02T10:00:01.500Z');
  expect(millisBetween('2026-03-03T09:00:00.000Z', openStageOf(after).deadline ?? '')).toBe(1_250);
  expect(openStageOf(after).pausedSeconds).toBe(1);
});
