import { expect, test } from 'vitest';
import { isVisible, type AccountabilityEvent } from '../../domain/event.ts';
import type { Resolution } from '../../domain/request.ts';
import type { UsedException } from '../../domain/rule-exception.ts';
import { aDecision, CONTENT_DIGEST, HELD, NOW } from '../support/builders.ts';

const resolution: Resolution = {
  kind: 'expired',
  effect: null,
  mayProceed: false,
  at: NOW,
  by: [],
  cause: 'deadline',
};

/** One of each kind; the type makes the table complete. */
const oneOfEach: {
  readonly [K in AccountabilityEvent['type']]: AccountabilityEvent & { type: K };
} = {
  requested: { type: 'requested' },
  policy_bound: { type: 'policy_bound', cause: 'submitted' },
  held: { type: 'held', heldBy: [HELD] },
  stage_opened: { type: 'stage_opened', stage: 0, deadline: null, cause: 'order' },
  viewed: { type: 'viewed', person: 'eve' },
  reminded: { type: 'reminded', stage: 0, ordinal: 0 },
  escalated: {
    ...{ type: 'escalated', stage: 0, cause: 'time', index: 0, to: 'credit-manager' },
    ...{ mode: 'add', person: null },
  },
  decided: {
    type: 'decided',
    decision: aDecision('eve'),
    tally: { approvals: 1, rejections: 0, needed: 2 },
    viewed: null,
  },
  refused: {
    type: 'refused',
    command: 'decide',
    reason: 'RESOLVED',
    contentDigest: CONTENT_DIGEST,
  },
  overridden: {
    ...{ type: 'overridden', effect: 'stop', before: 'pending', person: 'olga' },
    ...{ second: null, breakGlass: false },
  },
  exception_used: {
    type: 'exception_used',
    exception: {
      ...{ id: 'x-1', policy: 'credit-decisions', rule: 'everything else', ruleIndex: 0, uses: 0 },
    } as unknown as UsedException,
  },
  shadow_evaluated: {
    type: 'shadow_evaluated',
    shadow: {
      ...{ policy: 'new', version: 1, rule: 0, effect: 'reject', stages: 0 },
      ...{ tier: null, differs: true },
    },
  },
  stage_closed: { type: 'stage_closed', stage: 0, approvals: 1, rejections: 0 },
  asked: { type: 'asked', question: 'q-1', due: NOW, clockStopped: true },
  answered: { type: 'answered', question: 'q-1', clockResumed: true },
  question_lapsed: { type: 'question_lapsed', question: 'q-1', ordinal: 1 },
  commented: { type: 'commented', comment: 'c-1', replyTo: null },
  amended: {
    ...{ type: 'amended', voided: 1 },
    ...{ beforeActionDigest: CONTENT_DIGEST, beforeContentDigest: CONTENT_DIGEST },
  },
  claimed: { type: 'claimed', change: 'claimed', stage: 0, person: 'eve', until: NOW },
  delegated: {
    type: 'delegated',
    delegation: { id: 'd-1', person: 'eve', to: 'pia', from: NOW, until: NOW },
    stage: 0,
  },
  reassigned: { type: 'reassigned', stage: 0, from: 'eve', to: 'omar' },
  review_debt: {
    type: 'review_debt',
    change: 'opened',
    debt: {
      ...{ id: 'r-1', person: 'olga', role: 'compliance', due: NOW, status: 'open' },
      ...{ reviewedBy: null, verdict: null },
    },
  },
  withdrawn: { type: 'withdrawn' },
  expired: { type: 'expired', stage: 0, pausedSeconds: 0 },
  resolved: { type: 'resolved', resolution, decisions: 0 },
};

test('readers need not be told what was looked at, refused or called to mind', () => {
  const quiet = Object.values(oneOfEach).filter((event) => !isVisible(event));
  expect(quiet.map((event) => event.type).sort()).toEqual(['refused', 'reminded', 'viewed']);
});
