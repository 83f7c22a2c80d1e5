import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { applyCommand, type Applied } from '../../domain/apply.ts';
import type { AccountabilityEvent } from '../../domain/event.ts';
import type { Group, Stage } from '../../domain/policy.ts';
import { REFUSAL_REASONS } from '../../domain/refusal.ts';
import { partiesOf, statusOf, type Decision, type RequestState } from '../../domain/request.ts';
import type { Candidate } from '../../domain/reviewer.ts';
import { actOf, aGroup, aPerson, aRequest, aStage, decide, NOW } from '../support/builders.ts';
import { nextInstant } from '../../domain/timeline.ts';
import { referenceOf } from './reference-model.ts';
import type { Act } from './reference-types.ts';
import { always, peopleOf, setupOf, story, tell } from './stories.ts';

const typesOf = ({ events }: Applied): readonly string[] => events.map((event) => event.type);

type Event<T extends AccountabilityEvent['type']> = Extract<AccountabilityEvent, { type: T }>;

/** Events that the reference tells with more than their name. */
const TELLING: { readonly [T in AccountabilityEvent['type']]?: (event: Event<T>) => string } = {
  stage_opened: ({ stage, deadline, cause }) =>
    `stage_opened ${stage} until ${deadline ?? 'ever'} ${cause}`,
  overridden: ({ before, second, person }) =>
    `overridden from ${before} by ${second === null ? person : `${second} and ${person}`}`,
  decided: ({ decision }) => `decided ${namesOf(decision).join(' for ')}`,
  escalated: ({ index, cause }) => `escalated ${index} by ${cause}`,
  claimed: ({ change, person }) => `claimed ${change} ${person}`,
  reassigned: ({ from, to }) => `reassigned ${from} ${to}`,
  delegated: ({ delegation }) => `delegated ${delegation.person} ${delegation.to}`,
  question_lapsed: ({ question }) => `question_lapsed ${question}`,
  asked: ({ clockStopped }) => (clockStopped ? 'asked, clock stopped' : 'asked'),
  amended: ({ voided }) => `amended ${voided}`,
  review_debt: ({ change }) => `debt ${change}`,
};

function tellingOf(event: AccountabilityEvent): string {
  // Each is found by the very type that it takes.
  const telling = TELLING[event.type] as ((event: AccountabilityEvent) => string) | undefined;
  return telling === undefined ? event.type : telling(event);
}

/** Whoever decided, and in whose name. */
function namesOf({ person, delegatedBy }: Decision): readonly string[] {
  return delegatedBy === null ? [person] : [person, delegatedBy];
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
          deadline: state.stage?.deadline ?? null,
          claims: state.stage?.claims.map(({ person }) => person) ?? [],
          wakeAt: applied.wakeAt,
        }).toEqual(expected(Date.parse(now), act));
      }
    }),
    { numRuns: 1_000 },
  );
});

test('the stories reach every answer, every ending and everything that time does', () => {
  const seen = new Set<string>();
  for (const told of fc.sample(story, { numRuns: 1_000, seed: 20_260_302 }))
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
  const times = ['tick', 'reminded', 'escalated', 'expired', 'stage_opened', 'question_lapsed'];
  const said = [
    'asked',
    'answered',
    'amended',
    'claimed',
    'delegated',
    'reassigned',
    'review_debt',
  ];
  const effects = ['stop', 'reverse', 'force'];
  const answers = ['counted', 'done', 'settled approved', 'settled withdrawn', ...REFUSAL_REASONS];
  for (const one of [...endings, ...times, ...said, ...effects, ...answers])
    expect([...seen]).toContain(one);
});

describe('an approval', () => {
  test('has its quorum in every stage, but where the rule lets time pass a stage', () => {
    fc.assert(
      fc.property(story, (told) => {
        const passedByTime = new Set<number>();
        for (const { before, applied } of tell(told).scenes) {
          if (applied.events.some(({ type }) => type === 'amended')) passedByTime.clear();
          for (const stage of stagesLeftByTime(before, applied)) passedByTime.add(stage);
          const { resolution, decisions, policy } = applied.state;
          if (resolution?.kind !== 'approved' || resolution.cause !== 'people') continue;
          for (const [index, stage] of policy.rule.stages.entries())
            if (!passedByTime.has(index)) expect(hasQuorum(stage, index, decisions)).toBe(true);
        }
      }),
      { numRuns: 400 },
    );
  });

  test('by silence only where the rule says so, below a high tier, behind the deadline', () => {
    always(({ before, applied, now }) => {
      const { resolution } = applied.state;
      if (before.resolution !== null || resolution?.kind !== 'approved') return;
      if (resolution.cause === 'people') return;
      const isRule = applied.state.policy.rule.effect === 'approve';
      if (isRule) return expect(applied.state.heldBy).toEqual([]);
      const last = applied.events.findLast((event) => event.type === 'expired');
      const stage = before.policy.rule.stages[last?.stage ?? -1];
      expect(stage?.onTimeout).toBe('approve');
      expect(last?.stage).toBe(before.policy.rule.stages.length - 1);
      expect(before.tier).not.toBe('high');
      expect(nextInstant(before)! <= now).toBe(true);
    });
  });
});

/** Everybody who approved, each in one group at most, tried in every way. */
function hasQuorum(
  { join, groups }: Stage,
  index: number,
  decisions: readonly Decision[],
): boolean {
  const voices = decisions.filter((one) => one.stage === index && one.verdict === 'approve');
  const names = voices.flatMap(namesOf);
  if (new Set(names).size < names.length) return false;
  const count = groups.map(() => 0);
  const enough = ({ quorum }: Group, at: number): boolean => (count[at] ?? 0) >= quorum;
  const seat = (next: number): boolean => {
    const voice = voices[next];
    if (voice === undefined) return join === 'all' ? groups.every(enough) : groups.some(enough);
    return voice.groups.some((group) => {
      count[group] = (count[group] ?? 0) + 1;
      const found = seat(next + 1);
      count[group] = (count[group] ?? 0) - 1;
      return found;
    });
  };
  return seat(0);
}

/** Stages that ended in this step without a decision: the rule sends the request on. */
function stagesLeftByTime(before: RequestState, { events }: Applied): readonly number[] {
  return events.flatMap((event, index) =>
    event.type === 'stage_opened' && events[index - 1]?.type === 'expired' && before.stage !== null
      ? [event.stage - 1]
      : [],
  );
}

describe('people', () => {
  test('count once per stage, as themselves or in whose name ever', () => {
    always(({ applied }) => {
      const marks = applied.state.decisions.flatMap(({ stage, person, delegatedBy }) =>
        [person, delegatedBy].flatMap((name) => (name === null ? [] : [`${stage} ${name}`])),
      );
      expect(new Set(marks).size).toBe(marks.length);
    }, 800);
  });

  test('never decide or override what is theirs', () => {
    always(({ before, applied }) => {
      const parties = partiesOf(before);
      const { decisions, resolution } = applied.state;
      const acted = [
        ...decisions.flatMap(({ person, delegatedBy }) => [person, delegatedBy ?? person]),
        ...(resolution?.cause === 'requester' ? [] : (resolution?.by ?? [])),
      ];
      expect(acted.filter((one) => parties.includes(one))).toEqual([]);
    });
  });

  test('count only with a role that the stage asks for, of whoever has it now, in each group they count in', () => {
    always(({ act, applied, now }, told) => {
      for (const event of applied.events)
        if (event.type === 'decided')
          expectRight(event.decision, { act, now, people: peopleOf(told), state: applied.state });
    });
  });

  test('decide once and for all: recorded decisions are only ever added to, until the content changes', () => {
    always(({ before, applied }) => {
      const { decisions, amendments } = applied.state;
      if (amendments > before.amendments) return expect(decisions).toEqual([]);
      expect(decisions.slice(0, before.decisions.length)).toEqual(before.decisions);
      expect(decisions.length - before.decisions.length).toBe(
        typesOf(applied).filter((type) => type === 'decided').length,
      );
    });
  });
});

/** That somebody had what a decision asks of them. */
function expectRight(
  decision: Decision,
  around: { act: Act; now: string; people: readonly Candidate[]; state: RequestState },
): void {
  const { act, now, people, state } = around;
  const rule = state.policy.rule.stages[decision.stage];
  const actor = act === null ? [] : [act.actor];
  const holder = [...(decision.delegatedBy === null ? actor : people)].find(
    ({ id }) => id === (decision.delegatedBy ?? decision.person),
  );
  expect(holder?.roles).toContain(decision.role);
  expect(decision.groups.length).toBeGreaterThan(0);
  const targets = rule?.escalations.map((one) => one.to) ?? [];
  for (const group of decision.groups) {
    const asked = [rule?.groups[group]?.role, ...targets];
    expect(holder?.roles.some((role) => asked.includes(role))).toBe(true);
  }
  expect(actor).toMatchObject([{ type: 'person', absent: false }]);
  expect(decision.assurance).toBeGreaterThanOrEqual(rule?.assurance ?? 4);
  expect(mayStandIn(state, { act, decision, now })).toBe(true);
}

/** In one’s own name; by a delegation of the directory, or one of this request that is in force. */
function mayStandIn(
  { delegations }: RequestState,
  { act, decision, now }: { readonly act: Act; readonly decision: Decision; readonly now: string },
): boolean {
  const { person, delegatedBy } = decision;
  if (delegatedBy === null) return true;
  const byDirectory = act?.actor.standsFor.some(({ principal }) => principal.id === delegatedBy);
  const byRequest = delegations.some(
    (one) => one.to === person && one.person === delegatedBy && one.from <= now && now < one.until,
  );
  return byDirectory === true || byRequest;
}

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
        for (const actor of line) state = applyCommand(state, decide(), actOf(actor)).state;
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
