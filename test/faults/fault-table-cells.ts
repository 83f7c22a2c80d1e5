import { expect } from 'vitest';
import type { RequestShape } from '../../application/request-shape.ts';
import {
  approve,
  COMMANDS,
  PHASES,
  POINT_OF,
  settle,
  STATES,
  UNREPORTED,
  type Phase,
} from './fault-table-acts.ts';
import type { Point } from './fault-table-wire.ts';
import type { Cell } from './fault-table-wave.ts';

// How the table was chosen. Decisions: every phase meets every fault, and every other one settles. Other
// commands: the phases lie in six classes, and of commands, classes and faults every pair is there, because
// the class is the sum of the other two. What a request can be going through meets every fault.

const CLASSES: readonly (readonly Phase[])[] = [
  ['written, not delivered'],
  ['delivered, before the transaction', 'after the lock', 'after the command is read'],
  ['sealed, before the writes', 'while the directory is read'],
  ['written, before COMMIT'],
  [UNREPORTED, 'after COMMIT, before the worker hears of it'],
  ['after Temporal has completed it', 'after its answer is kept'],
];
/** Nobody looks up an app in the directory. */
const OF_PEOPLE: readonly Phase[] = ['after the command is read', 'while the directory is read'];
const BY_APP: readonly string[] = ['an answer', 'an amendment', 'a withdrawal'];

/** Of a step that time takes, or the departure of somebody. */
const OF_TIME: readonly Phase[] = [
  'delivered, before the transaction',
  'sealed, before the writes',
  'written, before COMMIT',
  'after COMMIT, before the worker hears of it',
];

const byRequest =
  (phase: Phase): NonNullable<Cell['stop']> =>
  ({ token }) => ({ token, point: POINT_OF[phase] });

const nth = <T>(all: readonly T[], n: number): T => {
  const found = all[n % all.length];
  if (found === undefined) throw new TypeError('there is nothing to choose from');
  return found;
};

export function decisionsMet(fault: number): Cell[] {
  const decisions = PHASES.map((phase, row) => {
    const settles = (row + fault) % 2 === 1;
    const name = settles ? 'the approval that settles' : 'an approval';
    return { name, prepare: settles ? settle : approve, phase, stop: byRequest(phase) };
  });
  return [...decisions, ...statesMet(fault)];
}

function statesMet(fault: number): Cell[] {
  const due = nth(OF_TIME, fault);
  return [
    {
      name: 'time that is due',
      prepare: STATES.due,
      phase: due,
      stop: byRequest(due),
      isSlow: true,
    },
    { name: 'a deadline', prepare: STATES.later, phase: 'later' },
    {
      name: 'a clock that stands for a question',
      ...{ prepare: STATES.paused, phase: 'after' },
      thenHolds: async (world, { prepared }) => {
        const { text } = await world.call('app', `/v1/requests/${prepared.requestId}`);
        const { stage, createdAt, pausedSince } = JSON.parse(text) as RequestShape;
        expect(pausedSince).toBeNull();
        const runs = Date.parse(stage?.deadline ?? '') - Date.parse(createdAt);
        expect(runs).toBeGreaterThan(86_400_000);
      },
    },
    {
      name: 'a gate that goes on as a new run',
      ...{ prepare: STATES.renewed, phase: UNREPORTED, stop: byRequest(UNREPORTED) },
      thenHolds: async (world, { prepared }) => {
        const { events } = await world.port.history(prepared.requestId ?? '');
        const started = events?.[0]?.workflowExecutionStartedEventAttributes;
        expect(started?.continuedExecutionRunId).toMatch(/^[0-9a-f-]{36}$/);
      },
    },
  ];
}

export function commandsMet(fault: number): Cell[] {
  return Object.entries(COMMANDS).map(([name, prepare], n) => {
    const kind = (n + fault) % CLASSES.length;
    const all = nth(CLASSES, kind).filter(
      (phase) => !BY_APP.includes(name) || !OF_PEOPLE.includes(phase),
    );
    if (name === 'a submission') return submissionMet(prepare, kind);
    if (name === 'a departure that leaves nobody') return departureMet(prepare, kind);
    const phase = nth(all, n + Math.floor((n + fault) / CLASSES.length));
    return { name, prepare, phase, stop: byRequest(phase) };
  });
}

const QUESTION: Point = {
  at: ({ statement }) => statement.includes('INSERT INTO request '),
  keep: 'question',
};
const ANSWER: Point = { ...QUESTION, keep: 'answer', said: 'SELECT 1\0' };

/** It is one statement: it has reached the database or not. */
function submissionMet(prepare: Cell['prepare'], kind: number): Cell {
  const isStored = kind >= 3;
  return {
    name: 'a submission',
    prepare,
    phase: isStored ? 'written, not delivered' : 'sealed, before the writes',
    stop: ({ token }) => ({ token, point: isStored ? ANSWER : QUESTION }),
  };
}

/** Either its own transaction is met, or the step that follows from it. */
function departureMet(prepare: Cell['prepare'], kind: number): Cell {
  const name = 'a departure that leaves nobody';
  if (kind >= 1 && kind <= 4) {
    const phase = nth(OF_TIME, kind - 1);
    return { name, prepare, phase, stop: byRequest(phase), isSlow: true };
  }
  const phase = kind === 0 ? 'written, before COMMIT' : 'after its answer is kept';
  const point =
    kind === 0 ? 'written, before COMMIT' : 'after COMMIT, before the worker hears of it';
  return {
    ...{ name, prepare, phase },
    stop: ({ act }) => ({ token: (act?.path ?? '').replace('/v1/', ''), point: POINT_OF[point] }),
  };
}
