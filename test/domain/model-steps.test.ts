import { describe, expect, test } from 'vitest';
import { applyCommand } from '../../domain/apply.ts';
import { withDelegations } from '../../domain/delegation.ts';
import { openQuestions } from '../../domain/discussion.ts';
import { eligibility } from '../../domain/eligibility.ts';
import { isVisible, type AccountabilityEvent } from '../../domain/event.ts';
import { partiesOf, statusOf, type OpenStage, type RequestState } from '../../domain/request.ts';
import type { Candidate } from '../../domain/reviewer.ts';
import { tickAt } from '../support/builders.ts';
import type { Act } from './reference-types.ts';
import { always, peopleOf } from './stories.ts';

describe('the end', () => {
  test('stays, unless an authority with the right and a reason reverses or forces', () => {
    always(({ before, act, applied }) => {
      if (before.resolution === null || applied.state.resolution === before.resolution) return;
      if (act === null) return expect.fail('time alone');
      const { command, actor } = act;
      const right = before.policy.rule.override;
      if (command.kind !== 'override' || right === null) return expect.fail('no override');
      const reversible = command.effect === 'reverse' && before.resolution.kind === 'approved';
      const forcible = command.effect === 'force' && /^(rejected|expired)$/.test(statusOf(before));
      expect(reversible || forcible).toBe(true);
      expect(right.effects).toContain(command.effect);
      expect(actor.roles).toContain(right.role);
      expect(command.reasonLength).toBeGreaterThanOrEqual(right.minReason);
      expect(actor.absent || partiesOf(before).includes(actor.id)).toBe(false);
      const { resolution } = applied.state;
      expect(resolution).toMatchObject({ kind: 'overridden', effect: command.effect });
      expect(resolution?.by.at(-1)).toBe(actor.id);
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
      const onlyTime = applyCommand(before, null, tickAt(now));
      const { proposals } = applied.state; // a first of two is kept
      expect(applied.state).toEqual({ ...onlyTime.state, proposals });
      expect(applied.events.slice(0, -1)).toEqual(onlyTime.events);
    });
  });

  test('wakes later or never; when it has ended only for a review that is owed', () => {
    always(({ now, applied: { state, events, wakeAt } }) => {
      if (wakeAt !== null && wakeAt <= now) return expectOverAtOpening(state, { events, now });
      if (state.stage !== null) return expectInTime(state.stage, wakeAt);
      if (state.debt?.status !== 'open') expect(wakeAt).toBeNull();
    });
  });

  test('brought by time alone leaves something later to wake for, or nothing', () => {
    always(({ now, applied }) => {
      const { wakeAt } = applyCommand(applied.state, null, tickAt(now));
      expect(wakeAt === null || wakeAt > now).toBe(true);
    });
  });

  test('wakes for something: a tick at that instant does it, and each wakes later than the last', () => {
    always(({ applied, now }) => {
      let { state, wakeAt } = applied;
      let last = now;
      for (let ticks = 0; wakeAt !== null; ticks += 1) {
        expect(ticks).toBeLessThan(100);
        const at: string = wakeAt > last ? wakeAt : last;
        const next = applyCommand(state, null, tickAt(at));
        expect(next.events.length).toBeGreaterThan(0);
        expect(next.wakeAt === null || next.wakeAt > at).toBe(true);
        ({ state, wakeAt } = next);
        last = at;
      }
    }, 150);
  });

  test('keeps the agenda in order, ending with the deadline', () => {
    always(({ applied: { state } }) => {
      const { agenda = [], deadline = null, pausedSince } = state.stage ?? {};
      const times = agenda.map(({ at }) => at);
      expect(times).toEqual([...times].sort());
      expect(agenda.filter(({ kind }) => kind === 'deadline')).toHaveLength(
        deadline === null ? 0 : 1,
      );
      if (deadline !== null && pausedSince === null) expect(times.at(-1)).toBe(deadline);
    });
  });

  test('leaves claims of people who may decide when they claim, for a time, once each', () => {
    always(({ before, act, applied, now }, told) => {
      const was = before.stage?.claims ?? [];
      for (const claim of applied.state.stage?.claims ?? []) {
        expect(claim.until > now).toBe(true);
        const isOld = was.some((one) => one.person === claim.person && one.until === claim.until);
        if (isOld) continue;
        const { state } = applyCommand(before, null, tickAt(now));
        const principals = peopleOf(told);
        const reader = withDelegations(state, claimantOf(act, claim.person), { principals, now });
        expect(eligibility(state, state.stage as OpenStage, reader).kind).toBe('eligible');
      }
      const names = applied.state.stage?.claims.map(({ person }) => person) ?? [];
      expect(new Set(names).size).toBe(names.length);
    });
  });

  test('leaves nothing for a second tick at the same time', () => {
    always(({ now, applied }) => {
      const again = applyCommand(applied.state, null, tickAt(now));
      if (applied.wakeAt !== null && applied.wakeAt <= now) return; // over when it opened
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

/** Everything of the state but what time will bring and what waits for a second person. */
function seenBy({ stage, ...rest }: RequestState): unknown {
  return { ...rest, proposals: [], stage: stage && { ...stage, agenda: [] } };
}

function hasOverdueQuestion(state: RequestState, now: string): boolean {
  return openQuestions(state).some(({ due }) => due <= now);
}

/** A deadline that the request gives, or that of a question, can be over when a stage opens: the next look sees to it. */
function expectOverAtOpening(
  state: RequestState,
  { events, now }: { readonly events: readonly AccountabilityEvent[]; readonly now: string },
): void {
  const index = state.stage?.index;
  const opened = events.findLast(({ type }) => type === 'stage_opened');
  expect(opened).toMatchObject({ stage: index });
  const late = state.policy.deadlines[index ?? 0] ?? '9';
  expect(late <= now || hasOverdueQuestion(state, now)).toBe(true);
}

function expectInTime({ deadline, pausedSince }: OpenStage, wakeAt: string | null): void {
  if (deadline === null || pausedSince !== null) return;
  expect(wakeAt !== null && wakeAt <= deadline).toBe(true);
}

/** Whoever has just claimed, or was given it. */
function claimantOf(act: Act, person: string): Candidate {
  if (act?.command.kind === 'reassign') {
    expect(act.command.to).toBe(person);
    return act.command.receiver;
  }
  expect(act).toMatchObject({ actor: { id: person }, command: { kind: 'claim' } });
  return (act as NonNullable<Act>).actor;
}
