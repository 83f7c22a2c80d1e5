import { expect, test } from 'vitest';
import type { OverrideEffect } from '../../domain/policy.ts';
import type { ResolutionKind } from '../../domain/request.ts';
import { resolve } from '../../domain/resolution.ts';
import { aDecision, aRequest, NOW } from '../support/builders.ts';

test.each<{ kind: ResolutionKind; effect?: OverrideEffect; mayProceed: boolean }>([
  { kind: 'approved', mayProceed: true },
  { kind: 'rejected', mayProceed: false },
  { kind: 'expired', mayProceed: false },
  { kind: 'withdrawn', mayProceed: false },
  { kind: 'overridden', effect: 'stop', mayProceed: false },
  { kind: 'overridden', effect: 'reverse', mayProceed: false },
  { kind: 'overridden', effect: 'force', mayProceed: true },
])('an executor may go on after $kind $effect: $mayProceed', ({ mayProceed, ...ending }) => {
  const { state } = resolve(aRequest(), { ...ending, cause: 'people', by: [] }, NOW);
  expect(state.resolution).toMatchObject({ effect: null, ...ending, mayProceed });
});

test('closes the stage, keeps the decisions, and names everybody once', () => {
  const before = aRequest({ decisions: [aDecision('eve'), aDecision('omar')] });
  const by = ['eve', 'omar', 'eve'];
  const { state, events } = resolve(before, { kind: 'approved', cause: 'people', by }, NOW);
  expect(state).toMatchObject({ stage: null, decisions: before.decisions });
  expect(state.resolution?.by).toEqual(['eve', 'omar']);
  expect(events).toEqual([{ type: 'resolved', resolution: state.resolution, decisions: 2 }]);
});
