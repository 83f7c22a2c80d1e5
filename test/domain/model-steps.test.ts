import { describe, expect, test } from 'vitest';
import { applyCommand } from '../../domain/apply.ts';
import { isVisible } from '../../domain/event.ts';
import { partiesOf, statusOf, type RequestState } from '../../domain/request.ts';
import { always } from './stories.ts';

describe('the end', () => {
  test('stays, unless an authority with the right and a reason reverses or forces', () => {
    always(({ before, act, applied }) => {
      if (before.resolution === null || applied.state === before) return;
      const { command, actor } = act ?? {};
      const right = before.policy.rule.override;
      if (command?.kind !== 'override' || !actor || !right) return expect.fail('no override');
      const reversible = command.effect === 'reverse' && before.resolution.kind === 'approved';
      const forcible = command.effect === 'force' && /^(rejected|expired)$/.test(statusOf(before));
      expect(reversible || forcible).toBe(true);
      expect(right.effects).toContain(command.effect);
      expect(actor.roles).toContain(right.role);
      expect(command.reasonLength).toBeGreaterThanOrEqual(right.minReason);
      expect(actor.absent || partiesOf(before).includes(actor.id)).toBe(false);
      expect(applied.state.resolution).toMatchObject({ kind: 'overridden', by: [actor.id] });
    });
  });

  test('is always an event, and no event says so without it', () => {
    always(({ before, applied }) => {
      const resolved = applied.events.filter((event) => event.type === 'resolved');
      const { resolution } = applied.state;
      if (resolution === before.resolution) expect(resolved).toEqual([]);
      else expect(resolved.at(-1)).toMatchObject({ resolution });
    });
  });

  test('lets the executor go on exactly after an approval or a force', () => {
    always(({ applied }) => {
      const { resolution } = applied.state;
      if (resolution === null) return;
      const { kind, effect } = resolution;
      expect(resolution.mayProceed).toBe(kind === 'approved' || effect === 'force');
      expect(effect !== null).toBe(kind === 'overridden');
    });
  });
});

describe('every step', () => {
  test('answers a command once and seals something; a tick answers nobody', () => {
    always(({ act, applied }) => {
      expect(applied.outcome === null).toBe(act === null);
      if (act !== null) expect(applied.events.length).toBeGreaterThan(0);
    });
  });

  test('that refuses adds nothing but time', () => {
    always(({ before, now, applied }) => {
      if (applied.outcome?.kind !== 'refused') return;
      const onlyTime = applyCommand(before, null, { actor: null, now });
      expect(applied.state).toEqual(onlyTime.state);
      expect(applied.events.slice(0, -1)).toEqual(onlyTime.events);
    });
  });

  test('wakes later or never, and never when it has ended', () => {
    always(({ now, applied: { state, wakeAt } }) => {
      if (wakeAt !== null) expect(wakeAt > now).toBe(true);
      if (state.resolution !== null) expect(wakeAt).toBeNull();
      const deadline = state.stage?.deadline ?? null;
      if (deadline !== null) expect(wakeAt !== null && wakeAt <= deadline).toBe(true);
    });
  });

  test('leaves nothing for a second tick at the same time', () => {
    always(({ now, applied }) => {
      const again = applyCommand(applied.state, null, { actor: null, now });
      expect(again).toEqual({ ...applied, outcome: null, events: [] });
      expect(again.state).toBe(applied.state);
    });
  });

  test('raises the revision by one exactly when a reader can see a change', () => {
    always(({ before, applied }) => {
      const rises = applied.events.some(isVisible) ? 1 : 0;
      expect(applied.state.revision).toBe(before.revision + rises);
      if (rises === 0) expect(seenBy(applied.state)).toEqual(seenBy(before));
    });
  });

  test('leaves a way on: pending has an open stage, held a reason, an end neither', () => {
    always(({ applied: { state } }) => {
      const status = statusOf(state);
      expect(state.stage !== null).toBe(status === 'pending');
      if (status === 'held') expect(state.heldBy.length).toBeGreaterThan(0);
    });
  });

  test('leaves a state that its own JSON reads back as', () => {
    always(({ applied: { state } }) => {
      expect(JSON.parse(JSON.stringify(state))).toStrictEqual(state);
    });
  });
});

/** Everything of the state but what time will bring. */
function seenBy({ stage, ...rest }: RequestState): unknown {
  return { ...rest, stage: stage && { ...stage, agenda: [] } };
}
