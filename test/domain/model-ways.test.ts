import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { andWhereStuck, applyCommand, type Applied } from '../../domain/apply.ts';
import type { Actor } from '../../domain/command.ts';
import type { OverrideEffect } from '../../domain/policy.ts';
import { statusOf, type RequestState } from '../../domain/request.ts';
import {
  actOf,
  aGroup,
  anApp,
  aPerson,
  aRequest,
  aStage,
  aStandIn,
  decide,
  override,
  tickAt,
} from '../support/builders.ts';
import { always, peopleOf, tell } from './stories.ts';
import { story, type Story, type Terms } from './story-parts.ts';

/** Who asked, as the step reads them. */
function requesterOf({ requester }: RequestState): Actor {
  return requester.type === 'app' ? anApp(requester.id) : aPerson(requester.id);
}

/** Two authorities who have nothing to do with the request, one after the other. */
function overrideByTwo(state: RequestState, effect: OverrideEffect, now: string): Applied {
  const roles = [state.policy.rule.override?.role ?? ''];
  const authority = (id: string): Actor => aPerson(id, { roles, assurance: 3 });
  const first = applyCommand(state, override(effect), actOf(authority('olga'), now));
  if (first.outcome?.kind === 'settled') return first;
  return applyCommand(first.state, override(effect), actOf(authority('max'), now));
}

describe('no state without a way out', () => {
  test('whoever asked can take it back at any time', () => {
    always(({ applied: { state }, now }) => {
      const { state: timed } = applyCommand(state, null, tickAt(now));
      if (timed.resolution !== null) return;
      const out = applyCommand(timed, { kind: 'withdraw' }, actOf(requesterOf(timed), now));
      expect(out.state.resolution?.kind).toBe('withdrawn');
    });
  });

  test('authorities with the right can stop it at any time, and force what is not approved', () => {
    always(({ applied: { state }, now }) => {
      const { state: timed } = applyCommand(state, null, tickAt(now));
      const effects = timed.policy.rule.override?.effects ?? [];
      const status = statusOf(timed);
      if (effects.includes('stop') && timed.resolution === null)
        expect(overrideByTwo(timed, 'stop', now).state.resolution).toMatchObject({
          effect: 'stop',
        });
      if (effects.includes('force') && /^(held|pending|rejected|expired)$/.test(status))
        expect(overrideByTwo(timed, 'force', now).state.resolution).toMatchObject({
          effect: 'force',
        });
    });
  });

  test('time alone ends whatever has a deadline in each stage to come', () => {
    always(({ applied, now }) => {
      const { stage, policy } = applied.state;
      if (stage === null) return;
      const isLimited = policy.rule.stages.every(
        ({ deadline }, index) => deadline !== null || (policy.deadlines[index] ?? null) !== null,
      );
      if (!isLimited) return;
      let { state, wakeAt } = applied;
      for (let ticks = 0; wakeAt !== null && state.resolution === null; ticks += 1) {
        expect(ticks).toBeLessThan(100);
        ({ state, wakeAt } = applyCommand(state, null, tickAt(wakeAt > now ? wakeAt : now)));
      }
      expect(state.resolution).not.toBeNull();
    });
  });

  test('where people cannot, those above are told', () => {
    always(({ before, applied, now }, told) => {
      const { state: timed } = applyCommand(applied.state, null, tickAt(now));
      if (timed.stage === null) return;
      const nobody = peopleOf(told).map((one) => ({ ...one, absent: true }));
      const fresh = { ...timed, stage: { ...timed.stage, isStuck: false } };
      const quiet: Applied = { state: fresh, outcome: null, events: [], wakeAt: null };
      const { state, events } = andWhereStuck(before, quiet, nobody);
      expect(state.stage?.isStuck).toBe(true);
      expect(state.stage?.agenda.some(({ kind }) => kind === 'escalation')).toBe(false);
      const role = timed.policy.rule.override?.role ?? 'override-authority';
      expect(events.at(-1)).toMatchObject({ type: 'escalated', index: null, to: role });
    });
  });
});

describe('what policy blocks', () => {
  const blocked: fc.Arbitrary<Story> = fc
    .tuple(story, fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }))
    .map(([told, isHeld]) => {
      const blocks = (terms: Terms, held: boolean): Terms => ({
        ...terms,
        held,
        rule: held ? terms.rule : { ...terms.rule, effect: 'reject', stages: [] },
      });
      return {
        ...told,
        terms: blocks(told.terms, isHeld[0] ?? true),
        others: told.others.map((one, index) => blocks(one, isHeld[index + 1] ?? true)),
      };
    });

  test('is never approved by any acts, and lets nobody go on but by force', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(blocked, (told) => {
        for (const { applied } of tell(told).scenes) {
          const { resolution, decisions } = applied.state;
          expect(decisions).toEqual([]);
          if (resolution === null) continue;
          seen.add(`${resolution.kind} ${resolution.effect}`);
          expect(resolution.kind).not.toBe('approved');
          expect(resolution.mayProceed).toBe(resolution.effect === 'force');
          if (resolution.mayProceed) expect(resolution.kind).toBe('overridden');
        }
      }),
      { numRuns: 800 },
    );
    expect([...seen]).toContain('overridden force');
    expect([...seen]).toContain('rejected null');
  });
});

describe('people who stand in, at one instant, in any order', () => {
  const ROLES = ['a', 'b', 'c'];
  const groups = fc.array(
    fc
      .tuple(fc.constantFrom(...ROLES), fc.constantFrom(1, 1, 2))
      .map(([role, quorum]) => aGroup({ role, quorum })),
    { minLength: 1, maxLength: 3 },
  );
  /** Roles of three who are away, and for each of those who are there whom they stand in for. */
  const crowd = fc.tuple(
    fc.array(fc.subarray(ROLES, { minLength: 1 }), { minLength: 3, maxLength: 3 }),
    fc.array(fc.nat(2), { maxLength: 5 }),
    fc.array(fc.nat(), { minLength: 5, maxLength: 5 }),
  );

  test('fill the same places: each voice of those who are away counts once', () => {
    fc.assert(
      fc.property(groups, crowd, (asked, [away, there, order]) => {
        const actors = there.map((principal, index) => {
          const { standsFor: _, ...reviewer } = aPerson(`away-${principal}`, {
            roles: away[principal] ?? [],
            absent: true,
          });
          return aPerson(`p${index}`, {
            roles: [],
            standsFor: [aStandIn(reviewer.id, { principal: reviewer })],
          });
        });
        const play = (line: readonly Actor[]): RequestState => {
          let state = aRequest({ stages: [aStage({ groups: asked })] });
          for (const actor of line) state = applyCommand(state, decide(), actOf(actor)).state;
          return state;
        };
        const other = actors
          .map((actor, index) => ({ actor, place: order[index] ?? 0 }))
          .sort((x, y) => x.place - y.place)
          .map(({ actor }) => actor);
        const [first, second] = [play(actors), play(other)];
        expect(statusOf(second)).toBe(statusOf(first));
        expect(second.decisions).toHaveLength(first.decisions.length);
        const names = first.decisions.map(({ delegatedBy }) => delegatedBy);
        expect(new Set(names).size).toBe(names.length);
      }),
      { numRuns: 600 },
    );
  });
});
