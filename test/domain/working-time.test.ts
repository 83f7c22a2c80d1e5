import { describe, expect, test } from 'vitest';
import { applyCommand, openRequest } from '../../domain/apply.ts';
import { addDuration, fromMillis, toMillis, type Instant } from '../../domain/instant.ts';
import type { Stage } from '../../domain/policy.ts';
import type { Clock } from '../../domain/stage.ts';
import { PLAIN_TIME, type WorkingTime } from '../../domain/working-time.ts';
import {
  aBinding,
  actOf,
  anApp,
  anEscalation,
  anOverrideRight,
  aPerson,
  aRule,
  aStage,
  aSubmission,
  decide,
  NOW,
  openStageOf,
  override,
} from '../support/builders.ts';

/** A calendar in which all takes twice as long, and what was asked of it. */
function slow(): { readonly time: WorkingTime; readonly asked: (string | null)[] } {
  const asked: (string | null)[] = [];
  const factor = (calendar: string | null): number => {
    asked.push(calendar);
    return calendar === null ? 1 : 2;
  };
  const plain = (from: Instant, to: Instant): number => Math.max(0, toMillis(to) - toMillis(from));
  return {
    asked,
    time: {
      add: (calendar, from, duration) =>
        fromMillis(toMillis(from) + factor(calendar) * plain(from, addDuration(from, duration))),
      addMillis: (calendar, from, millis) => fromMillis(toMillis(from) + factor(calendar) * millis),
      between: (calendar, from, to) => plain(from, to) / factor(calendar),
    },
  };
}

const full = aStage({
  calendar: 'office',
  deadline: 'PT8H',
  reminders: ['PT1H'],
  escalations: [anEscalation({ after: 'PT2H' })],
});
const open = (stages: readonly Stage[], clock: Clock) =>
  openRequest(aSubmission(), aBinding({ rule: aRule({ stages }) }), clock).state;

describe('a stage with a calendar', () => {
  test('asks it, and nothing else, for each of its times', () => {
    const { time, asked } = slow();
    const state = open([full], { now: NOW, time });
    expect(openStageOf(state).agenda).toEqual([
      { kind: 'reminder', at: '2026-03-02T11:00:00.000Z', ordinal: 0 },
      { kind: 'escalation', at: '2026-03-02T13:00:00.000Z', index: 0 },
      { kind: 'deadline', at: '2026-03-03T01:00:00.000Z' },
    ]);
    expect(openStageOf(state).deadline).toBe('2026-03-03T01:00:00.000Z');
    expect([...new Set(asked)]).toEqual(['office']);
  });

  test('a pause moves what lies ahead by the calendar’s own time', () => {
    const { time, asked } = slow();
    const state = open([full], { now: NOW, time });
    asked.length = 0;
    const paused = applyCommand(state, { kind: 'ask' }, { ...actOf(aPerson('eve')), time }).state;
    const answer = { kind: 'answer', question: 'act-1' } as const;
    const act = { ...actOf(anApp(), '2026-03-04T09:00:00.000Z'), time };
    const resumed = applyCommand(paused, answer, act).state;
    expect(openStageOf(resumed).agenda.map(({ at }) => at)).toEqual([
      '2026-03-04T11:00:00.000Z',
      '2026-03-04T13:00:00.000Z',
      '2026-03-05T01:00:00.000Z',
    ]);
    expect([...new Set(asked)]).toEqual(['office']);
  });

  test('each stage has its own', () => {
    const { time } = slow();
    const stages = [aStage({ quorum: 1 }), aStage({ name: 'second', calendar: 'office' })];
    const first = open(stages, { now: NOW, time });
    expect(openStageOf(first).deadline).toBe('2026-03-03T09:00:00.000Z');
    const second = applyCommand(first, decide(), { ...actOf(aPerson('eve')), time }).state;
    expect(openStageOf(second).deadline).toBe('2026-03-04T09:00:00.000Z');
  });
});

describe('what is no time of a stage counts plainly', () => {
  test.each([
    { why: 'a claim', command: { kind: 'claim' }, actor: aPerson('eve') },
    { why: 'how long a question is open', command: { kind: 'ask' }, actor: aPerson('eve') },
    {
      why: 'the review of a broken glass',
      command: { ...override('stop'), breakGlass: true },
      actor: aPerson('olga'),
    },
  ] as const)('$why', ({ command, actor }) => {
    const { time, asked } = slow();
    const right = anOverrideRight({ breakGlass: { role: 'compliance', due: 'P1D' } });
    const rule = aRule({ stages: [full], override: right });
    const { state } = openRequest(aSubmission(), aBinding({ rule }), { now: NOW, time });
    asked.length = 0;
    const applied = applyCommand(state, command, { ...actOf(actor), time });
    expect(applied.outcome?.kind).not.toBe('refused');
    expect(asked).toEqual([]);
  });
});

describe('plain time', () => {
  const LATER = '2026-03-04T10:30:00.250Z';
  test('goes on by the clock', () => {
    expect(PLAIN_TIME.add(null, NOW, 'P1DT1H')).toBe('2026-03-03T10:00:00.000Z');
    expect(PLAIN_TIME.addMillis(null, NOW, 250)).toBe('2026-03-02T09:00:00.250Z');
    const between = PLAIN_TIME.between(null, NOW, LATER);
    expect(PLAIN_TIME.addMillis(null, NOW, between)).toBe(LATER);
    expect(PLAIN_TIME.between(null, LATER, NOW)).toBe(0);
  });

  test('knows no calendar: that is a bug, not a day without holidays', () => {
    expect(() => PLAIN_TIME.add('office', NOW, 'P1D')).toThrow(TypeError);
    expect(() => PLAIN_TIME.addMillis('office', NOW, 1)).toThrow(TypeError);
    expect(() => PLAIN_TIME.between('office', NOW, LATER)).toThrow(TypeError);
  });
});
