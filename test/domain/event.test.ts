import { expect, test } from 'vitest';
import { isVisible, type AccountabilityEvent } from '../../domain/event.ts';
import type { Resolution } from '../../domain/request.ts';
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
  policy_bound: { type: 'policy_bound' },
  held: { type: 'held', heldBy: [HELD] },
  stage_opened: { type: 'stage_opened', stage: 0, deadline: null },
  viewed: { type: 'viewed', person: 'eve' },
  reminded: { type: 'reminded', stage: 0, ordinal: 0 },
  escalated: { type: 'escalated', stage: 0, index: 0 },
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
  overridden: { type: 'overridden', effect: 'stop', before: 'pending', person: 'olga' },
  withdrawn: { type: 'withdrawn' },
  expired: { type: 'expired', stage: 0 },
  resolved: { type: 'resolved', resolution, decisions: 0 },
};

test('readers need not be told what was looked at, refused or called to mind', () => {
  const quiet = Object.values(oneOfEach).filter((event) => !isVisible(event));
  expect(quiet.map((event) => event.type).sort()).toEqual(['refused', 'reminded', 'viewed']);
});
