import { ended, refused, type Act, type Answered } from './answer.ts';
import type { Command } from './command.ts';
import {
  MOST_ENTRIES,
  openQuestions,
  QUESTION_DUE,
  questionsOf,
  withClosed,
} from './discussion.ts';
import { eligibility } from './eligibility.ts';
import { isLead } from './escalation.ts';
import { addDuration } from './instant.ts';
import type { RefusalReason } from './refusal.ts';
import { isRequester, type OpenStage, type RequestState } from './request.ts';
import { resumeClock } from './timeline.ts';

/**
 * Asks the requester. While a question is open the clock of the stage stands.
 *
 * @returns refused with EXPIRED, RESOLVED, STAGE_CLOSED, OWN_REQUEST or NOT_ELIGIBLE; else done.
 * @source product contract 3.2, fine print; docs/adr/0012-engine.md
 */
export function applyQuestion(state: RequestState, act: Act): Answered {
  const { stage } = state;
  const reason = ended(state) ?? (stage === null ? 'STAGE_CLOSED' : mayAsk(state, stage, act));
  if (stage === null || reason !== null) return refused(state, 'ask', reason ?? 'STAGE_CLOSED');
  const { id, now, actor } = act;
  const due = addDuration(now, QUESTION_DUE);
  const by = { type: actor.type, id: actor.id };
  const entry = { kind: 'question', id, by, at: now, due, closedAt: null } as const;
  const clockStopped = stage.pausedSince === null;
  return {
    state: {
      ...state,
      discussion: [...state.discussion, entry],
      stage: { ...stage, pausedSince: stage.pausedSince ?? now },
    },
    events: [{ type: 'asked', question: id, due, clockStopped }],
    outcome: { kind: 'done', made: 'question' },
  };
}

/** Whoever is asked to decide may ask, decided or not, and whoever stands above them. */
function mayAsk(state: RequestState, stage: OpenStage, { actor }: Act): RefusalReason | null {
  if (isFull(state)) return 'STAGE_CLOSED';
  const may = eligibility(state, stage, actor);
  if (may.kind === 'eligible' || may.reason === 'ALREADY_DECIDED') return null;
  if (may.reason !== 'NOT_ELIGIBLE') return may.reason;
  return isLead(state, stage, actor) ? null : 'NOT_ELIGIBLE';
}

function isFull({ discussion }: RequestState): boolean {
  return discussion.length >= MOST_ENTRIES;
}

/**
 * The requester answers a question; with the last open one the clock goes on. For an app its owner may
 * answer.
 *
 * @returns refused with EXPIRED, RESOLVED, NOT_ELIGIBLE (somebody else) or STAGE_CLOSED (there is no such
 *          question, or it has its answer).
 */
export function applyAnswer(
  state: RequestState,
  { question }: Extract<Command, { kind: 'answer' }>,
  act: Act,
): Answered {
  const { id, now, actor } = act;
  const over = ended(state);
  if (over !== null) return refused(state, 'answer', over);
  const isOwner = actor.type === 'person' && actor.id === state.requester.owner;
  if (!isRequester(state, actor) && !isOwner) return refused(state, 'answer', 'NOT_ELIGIBLE');
  const isAnswered = state.discussion.some(
    (entry) => entry.kind === 'answer' && entry.question === question,
  );
  const exists = questionsOf(state).some((asked) => asked.id === question);
  if (!exists || isAnswered || isFull(state)) return refused(state, 'answer', 'STAGE_CLOSED');
  const wasOpen = openQuestions(state).some((asked) => asked.id === question);
  const by = { type: actor.type, id: actor.id };
  const entry = { kind: 'answer', id, by, at: now, question } as const;
  const discussion = wasOpen ? withClosed(state, question, now) : state.discussion;
  const next = resumeClock({ ...state, discussion: [...discussion, entry] }, act);
  const clockResumed = state.stage?.pausedSince !== null && next.stage?.pausedSince === null;
  return {
    state: next,
    events: [{ type: 'answered', question, clockResumed }],
    outcome: { kind: 'done', made: 'answer' },
  };
}

/** Whoever may see a request may say something about it, also when it has ended. */
export function applyComment(
  state: RequestState,
  { replyTo }: Extract<Command, { kind: 'comment' }>,
  { id, now, actor }: Act,
): Answered {
  if (isFull(state)) return refused(state, 'comment', 'STAGE_CLOSED');
  const known = replyTo === null || state.discussion.some((entry) => entry.id === replyTo);
  const by = { type: actor.type, id: actor.id };
  return {
    state: { ...state, discussion: [...state.discussion, { kind: 'comment', id, by, at: now }] },
    events: [{ type: 'commented', comment: id, replyTo: known ? replyTo : null }],
    outcome: { kind: 'done', made: 'comment' },
  };
}
