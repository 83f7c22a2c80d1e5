import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { applyCommand, type Applied } from '../../domain/apply.ts';
import type { AccountabilityEvent } from '../../domain/event.ts';
import type { Stage } from '../../domain/policy.ts';
import { REFUSAL_REASONS } from '../../domain/refusal.ts';
import { partiesOf, statusOf, type Decision, type RequestState } from '../../domain/request.ts';
import { aGroup, aPerson, aRequest, aStage, decide, NOW } from '../support/builders.ts';
import { referenceOf } from './reference-model.ts';
import { always, setupOf, story, tell } from './stories.ts';

const typesOf = ({ events }: Applied): readonly string[] => events.map((event) => event.type);

/** An event as the reference tells it. */
function tellingOf(event: AccountabilityEvent): string {
  if (event.type === 'stage_opened')
    return `stage_opened ${event.stage} until ${event.deadline ?? 'ever'}`;
  return event.type === 'overridden' ? `overridden from ${event.before}` : event.type;
}

/** The answer in one word, as the reference gives it. */
function wordOf({ outcome }: Applied): string | null {
  if (outcome?.kind === 'refused') return outcome.reason;
  if (outcome?.kind === 'settled') return `settled ${outcome.resolution.kind}`;
  return outcome?.kind ?? null;
}

test('the domain does what an independent reading of the contract does', () => {
  fc.assert(
    fc.property(story, (told) => {
      const expected = referenceOf(setupOf(told), Date.parse(NOW));
      for (const { act, now, applied } of tell(told).scenes) {
        const { state } = applied;
        expect({
          answer: wordOf(applied),
          events: applied.events.map(tellingOf),
          status: statusOf(state),
          openStage: state.stage?.index ?? null,
          roles: state.stage?.roles ?? [],
        }).toEqual(expected(Date.parse(now), act));
      }
    }),
    { numRuns: 4_000 },
  );
});

test('the stories reach every answer, every ending and everything that time does', () => {
  const seen = new Set<string>();
  for (const told of fc.sample(story, { numRuns: 600, seed: 20_260_302 }))
    for (const { applied } of tell(told).scenes) {
      const { resolution } = applied.state;
      seen.add(wordOf(applied) ?? 'tick');
      for (const type of typesOf(applied)) seen.add(type);
      if (resolution !== null) seen.add(`${resolution.kind} by ${resolution.cause}`);
      if (resolution !== null) seen.add(`${resolution.effect}`);
    }
  const endings = [
    'approved by people',
    'approved by policy',
    'rejected by people',
    'expired by deadline',
  ];
  const times = ['tick', 'reminded', 'escalated', 'expired', 'stage_opened'];
  const effects = ['stop', 'reverse', 'force'];
  const answers = ['counted', 'done', 'settled approved', 'settled withdrawn', ...REFUSAL_REASONS];
  for (const one of [...endings, ...times, ...effects, ...answers])
    expect([...seen]).toContain(one);
});

describe('an approval', () => {
  test('has its quorum in every stage, but where the rule lets time pass a stage', () => {
    fc.assert(
      fc.property(story, (told) => {
        const passedByTime = new Set<number>();
        for (const { before, applied } of tell(told).scenes) {
          for (const stage of stagesLeftByTime(before, applied)) passedByTime.add(stage);
          const { resolution, decisions, policy } = applied.state;
          if (resolution?.kind !== 'approved' || resolution.cause !== 'people') continue;
          for (const [index, stage] of policy.rule.stages.entries())
            if (!passedByTime.has(index)) expect(hasQuorum(stage, index, decisions)).toBe(true);
        }
      }),
      { numRuns: 1_500 },
    );
  });

  test('by silence only where the rule says so, below a high tier, behind the deadline', () => {
    always(({ before, applied, now }) => {
      const { resolution } = applied.state;
      if (before.resolution !== null || resolution?.kind !== 'approved') return;
      if (resolution.cause === 'people') return;
      const last = applied.events.findLast((event) => event.type === 'expired');
      const stage = before.policy.rule.stages[last?.stage ?? -1];
      expect(stage?.onTimeout).toBe('approve');
      expect(last?.stage).toBe(before.policy.rule.stages.length - 1);
      expect(before.tier).not.toBe('high');
      expect(before.stage?.deadline && before.stage.deadline <= now).toBe(true);
    });
  });
});

/** Counted with a list of names alone, from what is recorded. */
function hasQuorum(stage: Stage, index: number, decisions: readonly Decision[]): boolean {
  const full = stage.groups.map((group, place) => {
    const names = decisions
      .filter((one) => one.stage === index && one.group === place && one.verdict === 'approve')
      .map((one) => one.person);
    return new Set(names).size >= group.quorum;
  });
  return stage.join === 'all' ? !full.includes(false) : full.includes(true);
}

/** Stages that ended in this step without a decision: the rule sends the request on. */
function stagesLeftByTime(before: RequestState, { events }: Applied): readonly number[] {
  return events.flatMap((event, index) =>
    event.type === 'stage_opened' && events[index - 1]?.type !== 'decided' && before.stage !== null
      ? [event.stage - 1]
      : [],
  );
}

describe('people', () => {
  test('count once per stage', () => {
    always(({ applied }) => {
      const marks = applied.state.decisions.map((one) => `${one.stage} ${one.person}`);
      expect(new Set(marks).size).toBe(marks.length);
    });
  });

  test('never decide or override what is theirs', () => {
    always(({ before, applied }) => {
      const parties = partiesOf(before);
      const { decisions, resolution } = applied.state;
      const acted = [
        ...decisions.map((one) => one.person),
        ...(resolution?.cause === 'requester' ? [] : (resolution?.by ?? [])),
      ];
      expect(acted.filter((one) => parties.includes(one))).toEqual([]);
    });
  });

  test('count only with a role that the open stage asks for now, present and strongly enough known', () => {
    always(({ act, applied }) => {
      for (const event of applied.events) {
        if (event.type !== 'decided') continue;
        const { stage, group, assurance } = event.decision;
        const rule = applied.state.policy.rule.stages[stage];
        const targets = rule?.escalations.map((one) => one.to) ?? [];
        const asked = [rule?.groups[group]?.role, ...targets];
        expect(act?.actor.roles.some((role) => asked.includes(role))).toBe(true);
        expect(act?.actor).toMatchObject({ type: 'person', absent: false });
        expect(assurance).toBeGreaterThanOrEqual(rule?.assurance ?? 4);
      }
    });
  });

  test('decide once and for all: recorded decisions are only ever added to', () => {
    always(({ before, applied }) => {
      const { decisions } = applied.state;
      expect(decisions.slice(0, before.decisions.length)).toEqual(before.decisions);
      expect(decisions.length - before.decisions.length).toBe(
        typesOf(applied).filter((type) => type === 'decided').length,
      );
    });
  });
});

test('nobody is told that the quorum is there while the stage is still open', () => {
  always(({ before, applied }) => {
    const { outcome, state } = applied;
    if (outcome?.kind !== 'counted' || state.stage?.index !== before.stage?.index) return;
    expect(outcome.approvals).toBeLessThan(outcome.needed);
  });
});

describe('simultaneous approvals in any order', () => {
  const outsiders = [
    aPerson('sam'),
    aPerson('eve', { absent: true }),
    aPerson('otto', { roles: ['credit-officer'] }),
  ];
  const crowd = fc.record({
    quorum: fc.integer({ min: 1, max: 4 }),
    officers: fc.integer({ min: 0, max: 6 }),
    parallel: fc.boolean(),
  });

  test('count the first k of those who may, and nobody else', () => {
    fc.assert(
      fc.property(crowd, fc.infiniteStream(fc.nat()), ({ quorum, officers, parallel }, chance) => {
        const groups = [aGroup({ quorum }), aGroup({ role: 'privacy', quorum: 1 })];
        const before = aRequest({ stages: [parallel ? aStage({ groups }) : aStage({ quorum })] });
        const able = Array.from({ length: officers }, (_, index) =>
          aPerson(`officer-${index}`, { roles: ['credit-officer'] }),
        );
        const line = shuffled([...able, ...outsiders], chance);
        let state = before;
        for (const actor of line) state = applyCommand(state, decide(), { actor, now: NOW }).state;
        const first = line.filter((one) => able.includes(one)).slice(0, quorum);
        expect(state.decisions.map((one) => one.person)).toEqual(first.map((one) => one.id));
        const settled = officers >= quorum && !parallel;
        expect(statusOf(state)).toBe(settled ? 'approved' : 'pending');
      }),
      { numRuns: 1_000 },
    );
  });
});

function shuffled<T>(all: readonly T[], chance: fc.Stream<number>): readonly T[] {
  return all
    .map((one) => ({ one, place: chance.next().value ?? 0 }))
    .sort((a, b) => a.place - b.place)
    .map(({ one }) => one);
}
