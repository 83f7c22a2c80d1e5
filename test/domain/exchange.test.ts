import { describe, expect, test } from 'vitest';
import { applyCommand, type Applied } from '../../domain/apply.ts';
import type { Actor, Command } from '../../domain/command.ts';
import { MOST_ENTRIES, QUESTION_DUE, type Entry } from '../../domain/discussion.ts';
import type { RefusalReason } from '../../domain/refusal.ts';
import type { RequestState } from '../../domain/request.ts';
import {
  actOf,
  aDecision,
  anApp,
  aPerson,
  aRequest,
  aStandIn,
  HELD,
  NOW,
} from '../support/builders.ts';
import { expectRefused } from './expect-refused.ts';

const ASK: Command = { kind: 'ask' };
const LATER = '2026-03-02T10:00:00.000Z';
const AFTER_DEADLINE = '2026-03-03T09:00:00.000Z';
const DUE = '2026-04-01T09:00:00.000Z';
const eve = aPerson('eve');

const answer = (question: string): Command => ({ kind: 'answer', question });
const comment = (replyTo: string | null = null): Command => ({ kind: 'comment', replyTo });

/** One act; its id is what it makes. */
function act(state: RequestState, id: string, command: Command, actor: Actor, now = NOW): Applied {
  return applyCommand(state, command, actOf(actor, now, id));
}
const asked = act(aRequest(), 'q-1', ASK, eve).state;
const full: RequestState = {
  ...asked,
  discussion: [
    ...asked.discussion,
    ...Array.from({ length: MOST_ENTRIES - 1 }, (_, index): Entry => {
      return { kind: 'comment', id: `c-${index}`, by: { type: 'person', id: 'eve' }, at: NOW };
    }),
  ],
};

describe('a question', () => {
  test(`stops the clock for ${QUESTION_DUE} at most, without its words`, () => {
    const before = aRequest();
    const applied = act(before, 'q-1', ASK, eve);
    const by = { type: 'person', id: 'eve' };
    expect(applied.state.discussion).toEqual([
      { kind: 'question', id: 'q-1', by, at: NOW, due: DUE, closedAt: null },
    ]);
    expect(applied.state.stage).toEqual({ ...before.stage, pausedSince: NOW });
    expect(applied.events).toEqual([
      { type: 'asked', question: 'q-1', due: DUE, clockStopped: true },
    ]);
    expect(applied.outcome).toEqual({ kind: 'done', made: 'question' });
    expect(applied.wakeAt).toBe(DUE);
  });

  test('a second one says that the clock stood already', () => {
    const applied = act(asked, 'q-2', ASK, aPerson('omar'), LATER);
    expect(applied.events).toMatchObject([{ type: 'asked', clockStopped: false }]);
    expect(applied.state.stage?.pausedSince).toBe(NOW);
  });

  test.each<{ why: string; actor: Actor; before?: RequestState }>([
    { why: 'somebody who may decide', actor: eve },
    { why: 'somebody who stands in', actor: aPerson('pia', { standsFor: [aStandIn('eve')] }) },
    {
      why: 'somebody who has decided',
      actor: eve,
      before: aRequest({ decisions: [aDecision('eve')] }),
    },
    { why: 'who may override', actor: aPerson('olga') },
  ])('can be asked by $why', ({ actor, before = aRequest() }) => {
    expect(act(before, 'q-1', ASK, actor).outcome).toMatchObject({ kind: 'done' });
  });

  test.each<{ why: string; before?: RequestState; actor?: Actor; reason: RefusalReason }>([
    { why: 'while it is held', before: aRequest({ heldBy: [HELD] }), reason: 'STAGE_CLOSED' },
    { why: 'after the end', before: aRequest({ rule: { effect: 'reject' } }), reason: 'RESOLVED' },
    { why: 'of a full discussion', before: full, reason: 'STAGE_CLOSED' },
    { why: 'by a party', before: aRequest({ onBehalfOf: 'eve' }), reason: 'OWN_REQUEST' },
    {
      why: 'by who stands in for a party',
      actor: aPerson('omar', { standsFor: [aStandIn('otto')] }),
      reason: 'OWN_REQUEST',
    },
    { why: 'by somebody else', actor: aPerson('sam'), reason: 'NOT_ELIGIBLE' },
    { why: 'by the app itself', actor: anApp(), reason: 'NOT_ELIGIBLE' },
  ])('is refused $why: $reason', ({ before = aRequest(), actor = eve, reason }) => {
    expectRefused(act(before, 'q-9', ASK, actor), before, { command: 'ask', reason });
  });

  test('is refused behind the deadline', () => {
    const applied = act(aRequest(), 'q-1', ASK, eve, AFTER_DEADLINE);
    expect(applied.outcome).toEqual({ kind: 'refused', reason: 'EXPIRED' });
    expect(applied.state.discussion).toEqual([]);
  });
});

describe('an answer', () => {
  test('closes the question and lets the clock run, without its words', () => {
    const applied = act(asked, 'a-1', answer('q-1'), anApp(), LATER);
    const [question] = asked.discussion;
    const by = { type: 'app', id: 'loan-agent' };
    expect(applied.state.discussion).toEqual([
      { ...question, closedAt: LATER },
      { kind: 'answer', id: 'a-1', by, at: LATER, question: 'q-1' },
    ]);
    expect(applied.state.stage?.pausedSince).toBeNull();
    expect(applied.events).toEqual([{ type: 'answered', question: 'q-1', clockResumed: true }]);
    expect(applied.outcome).toEqual({ kind: 'done', made: 'answer' });
  });

  test('to one of two questions lets the other stop the clock', () => {
    const two = act(asked, 'q-2', ASK, eve).state;
    const first = act(two, 'a-1', answer('q-1'), anApp(), LATER);
    expect(first.events).toMatchObject([{ clockResumed: false }]);
    expect(first.state.stage?.pausedSince).toBe(NOW);
    const second = act(first.state, 'a-2', answer('q-2'), anApp(), LATER);
    expect(second.events).toMatchObject([{ clockResumed: true }]);
    expect(second.state.stage?.pausedSince).toBeNull();
  });

  const byDana = { type: 'person', id: 'dana', owner: null } as const;
  test.each([
    { why: 'the owner of the app', requester: undefined, actor: aPerson('otto') },
    { why: 'the person who asked', requester: byDana, actor: aPerson('dana') },
  ])('may come from $why', ({ requester, actor }) => {
    const before = act(aRequest(requester ? { requester } : {}), 'q-1', ASK, eve).state;
    expect(act(before, 'a-1', answer('q-1'), actor).outcome?.kind).toBe('done');
  });

  const answered = act(asked, 'a-1', answer('q-1'), anApp()).state;
  const held = { ...asked, stage: null, heldBy: [HELD] };
  test('may come while the request is held: the question is open still', () => {
    const applied = act(held, 'a-1', answer('q-1'), anApp());
    expect(applied.events).toEqual([{ type: 'answered', question: 'q-1', clockResumed: false }]);
    expect(applied.state.discussion[0]).toMatchObject({ closedAt: NOW });
  });

  test.each<{ why: string; before?: RequestState; actor?: Actor; to?: string; reason: string }>([
    { why: 'of another app', actor: anApp('other-agent'), reason: 'NOT_ELIGIBLE' },
    {
      why: 'of a person with the id of the app',
      actor: aPerson('loan-agent'),
      reason: 'NOT_ELIGIBLE',
    },
    { why: 'of an app with the id of the owner', actor: anApp('otto'), reason: 'NOT_ELIGIBLE' },
    { why: 'of who asked it', actor: eve, reason: 'NOT_ELIGIBLE' },
    {
      why: 'of the person acted for',
      before: { ...asked, onBehalfOf: 'bea' },
      actor: aPerson('bea'),
      reason: 'NOT_ELIGIBLE',
    },
    { why: 'to no question', to: 'q-9', reason: 'STAGE_CLOSED' },
    { why: 'to a comment', before: full, to: 'c-0', reason: 'STAGE_CLOSED' },
    { why: 'given twice', before: answered, reason: 'STAGE_CLOSED' },
    { why: 'in a full discussion', before: full, reason: 'STAGE_CLOSED' },
    {
      why: 'after the end',
      before: act(asked, 'w', { kind: 'withdraw' }, anApp()).state,
      reason: 'RESOLVED',
    },
  ])('is refused $why: $reason', (row) => {
    const { before = asked, actor = anApp(), to = 'q-1', reason } = row;
    const refusal = { command: 'answer', reason: reason as RefusalReason } as const;
    expectRefused(act(before, 'a-9', answer(to), actor), before, refusal);
  });
});

describe('a comment', () => {
  test('is kept without its words, and its reply goes to what there is', () => {
    const first = act(aRequest(), 'c-1', comment(), aPerson('sam'));
    const by = { type: 'person', id: 'sam' };
    expect(first.state.discussion).toEqual([{ kind: 'comment', id: 'c-1', by, at: NOW }]);
    expect(first.events).toEqual([{ type: 'commented', comment: 'c-1', replyTo: null }]);
    expect(first.outcome).toEqual({ kind: 'done', made: 'comment' });
    const reply = act(first.state, 'c-2', comment('c-1'), eve);
    expect(reply.events).toMatchObject([{ comment: 'c-2', replyTo: 'c-1' }]);
    const astray = act(first.state, 'c-2', comment('c-9'), eve);
    expect(astray.events).toMatchObject([{ comment: 'c-2', replyTo: null }]);
  });

  test.each<{ why: string; before: RequestState; actor: Actor }>([
    { why: 'by the requester', before: aRequest(), actor: anApp() },
    { why: 'while it is held', before: aRequest({ heldBy: [HELD] }), actor: eve },
    { why: 'after the end', before: aRequest({ rule: { effect: 'reject' } }), actor: eve },
  ])('is taken $why, and stops no clock', ({ before, actor }) => {
    const applied = act(before, 'c-1', comment(), actor);
    expect(applied.outcome?.kind).toBe('done');
    expect({ ...applied.state, discussion: [] }).toEqual({
      ...before,
      revision: before.revision + 1,
    });
  });

  test('is refused where there are too many', () => {
    const refusal = { command: 'comment', reason: 'STAGE_CLOSED' } as const;
    expectRefused(act(full, 'c-x', comment(), eve), full, refusal);
  });
});
