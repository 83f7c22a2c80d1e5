import fc from 'fast-check';
import type { Actor, Command } from '../../domain/command.ts';
import type { Group, OverrideRight, RiskTier, Rule, Stage } from '../../domain/policy.ts';
import type { RequestState } from '../../domain/request.ts';
import { aRule, aStage, VIEWED } from '../support/builders.ts';

/** What policy says of a content; deadlines in minutes after the ordinary opening. */
export interface Terms {
  readonly rule: Rule;
  readonly tier: RiskTier;
  readonly held: boolean;
  readonly deadlines: readonly (number | null)[];
  readonly mustKnow: boolean;
}

/** A policy, a request under it, people with changing roles, and what they try, one after the other. */
export interface Story {
  readonly terms: Terms;
  /** What policy would say of changed contents. */
  readonly others: readonly Terms[];
  readonly requester: RequestState['requester'];
  readonly onBehalfOf: string | null;
  readonly editors: readonly string[];
  readonly roles: readonly (readonly string[])[];
  readonly teams: readonly (string | null)[];
  /** Who may stand in for whom, by the directory; people by their place in the list. */
  readonly standIns: readonly {
    readonly from: number;
    readonly to: number;
    readonly role: string | null;
    readonly kind: string | null;
  }[];
  readonly moves: readonly Move[];
}

export interface Move {
  readonly jump: number | 'to the next instant' | 'just before it';
  readonly who: number;
  readonly other: number;
  readonly pick: number;
  readonly kind: Command['kind'] | 'tick';
  readonly verdict: 'approve' | 'reject';
  readonly effect: 'stop' | 'reverse' | 'force';
  readonly breakGlass: boolean;
  readonly reasonLength: number;
  /** Of a delegation: minutes from now. */
  readonly span: readonly [number, number];
  readonly stale: boolean;
  readonly lostRoles: boolean;
  readonly actor: Pick<Actor, 'absent' | 'assurance' | 'viewed' | 'owesReview'> & {
    readonly knows: boolean;
    readonly isTrained: boolean;
  };
}

export const PEOPLE = ['p0', 'p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7'] as const;
export const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const role = fc.constantFrom('a', 'b', 'c');
/** Ordinary objects, as JSON gives them. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true });
const minutes = (max: number): fc.Arbitrary<string> =>
  fc.integer({ min: 1, max }).map((count) => `PT${count}M`);
/** The usual value in `outOfTen` of ten cases. */
const often = <T>(usual: T, seldom: fc.Arbitrary<T>, outOfTen = 9): fc.Arbitrary<T> =>
  fc.oneof(
    { weight: outOfTen, arbitrary: fc.constant(usual) },
    { weight: 10 - outOfTen, arbitrary: seldom },
  );
const yes = fc.constant(true);

const group: fc.Arbitrary<Group> = record({
  name: fc.constant('group'),
  role,
  quorum: fc.constantFrom(1, 1, 1, 2, 2, 3, 4),
  rejectQuorum: fc.constantFrom(1, 1, 2, 3),
  conditions: often<Group['conditions']>(
    { team: [], region: [] },
    fc.constant({ team: ['north'], region: [] }),
  ),
  trainings: often<Group['trainings']>([], fc.constant([{ course: 'training', version: 1 }])),
});

const looseStage: fc.Arbitrary<Stage> = record({
  groups: fc.array(group, { minLength: 1, maxLength: 3 }),
  join: fc.constantFrom('all' as const, 'any' as const),
  deadline: often<string | null>(null, minutes(30 * 24 * 60), 3),
  reminders: fc.array(minutes(20 * 24 * 60), { maxLength: 2 }),
  escalations: fc.array(
    record({
      after: minutes(10 * 24 * 60),
      to: role,
      mode: fc.constantFrom('add' as const, 'replace' as const),
    }),
    { maxLength: 2 },
  ),
  onTimeout: fc.constantFrom('expire' as const, 'next-stage' as const, 'approve' as const),
  distinctFrom: fc.subarray(['stage 0', 'stage 1']),
  assurance: fc.constantFrom(0 as const, 0 as const, 0 as const, 1 as const, 2 as const),
}).map((stage) => aStage(stage));

/** What publishing would refuse is not generated: no next stage behind the last, only earlier stages distinct. */
const stages = fc.array(looseStage, { minLength: 1, maxLength: 3 }).map((all) =>
  all.map((stage, index): Stage => {
    const isLast = index === all.length - 1;
    const earlier = all.slice(0, index).map((_, i) => `stage ${i}`);
    return {
      ...stage,
      name: `stage ${index}`,
      onTimeout: isLast && stage.onTimeout === 'next-stage' ? 'expire' : stage.onTimeout,
      distinctFrom: stage.distinctFrom.filter((name) => earlier.includes(name)),
    };
  }),
);

const EFFECTS = ['stop', 'reverse', 'force'] as const;
const overrideRight: fc.Arbitrary<OverrideRight> = record({
  role: fc.constant('boss'),
  minReason: fc.constantFrom(0, 10, 20),
  effects: often<OverrideRight['effects']>(EFFECTS, fc.subarray([...EFFECTS])),
  assurance: fc.constantFrom(0 as const, 0 as const, 2 as const),
  secondPerson: often<OverrideRight['effects']>([], fc.subarray([...EFFECTS]), 5),
  breakGlass: fc.option(record({ role: fc.constantFrom('a', 'boss'), due: minutes(DAY / MINUTE) })),
});

const rule: fc.Arbitrary<Rule> = record({
  effect: often<Rule['effect']>('review', fc.constantFrom('approve', 'reject')),
  stages,
  requireView: fc.constantFrom(null, null, false, true),
  override: fc.option(overrideRight, { freq: 8 }),
}).map((differs) => aRule(differs));

const terms: fc.Arbitrary<Terms> = record({
  rule,
  tier: fc.constantFrom('low' as const, 'medium' as const, 'high' as const),
  held: often(false, yes),
  deadlines: fc.array(often<number | null>(null, fc.integer({ min: 0, max: 60 * 24 * 60 }), 7), {
    minLength: 3,
    maxLength: 3,
  }),
  mustKnow: often(false, yes),
});

const KINDS: readonly (readonly [number, Move['kind']])[] = [
  [28, 'decide'],
  [2, 'view'],
  [3, 'tick'],
  [4, 'override'],
  [1, 'withdraw'],
  [5, 'ask'],
  [6, 'answer'],
  [1, 'comment'],
  [2, 'amend'],
  [4, 'claim'],
  [2, 'release'],
  [5, 'delegate'],
  [3, 'reassign'],
  [3, 'escalate'],
  [2, 'review'],
];
const kind = fc.oneof(
  ...KINDS.map(([weight, one]) => ({ weight, arbitrary: fc.constant(one) })),
) as fc.Arbitrary<Move['kind']>;

const move: fc.Arbitrary<Move> = record({
  jump: fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 0, max: 90 * MINUTE }) },
    { weight: 6, arbitrary: fc.constant(0) },
    { weight: 3, arbitrary: fc.constant<Move['jump']>('to the next instant') },
    { weight: 3, arbitrary: fc.constant<Move['jump']>('just before it') },
    { weight: 2, arbitrary: fc.integer({ min: 0, max: 40 * DAY }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 365 * DAY }) },
  ),
  who: fc.nat(PEOPLE.length),
  other: fc.nat(PEOPLE.length - 1),
  pick: fc.nat(3),
  kind,
  verdict: often<Move['verdict']>('approve', fc.constant('reject')),
  effect: fc.constantFrom(...EFFECTS),
  breakGlass: often(false, yes, 7),
  reasonLength: often(20, fc.constantFrom(0, 10, 19)),
  span: fc.tuple(
    often(0, fc.integer({ min: -60, max: 600 }), 7),
    often(1_000, fc.integer({ min: -60, max: 600 }), 7),
  ),
  stale: often(false, yes),
  lostRoles: often(false, yes),
  actor: record({
    absent: often(false, yes),
    assurance: fc.constantFrom(0 as const, 1 as const, 2 as const, 2 as const, 3 as const),
    viewed: often<string | null>(VIEWED, fc.constant(null)),
    owesReview: often(false, yes),
    knows: often(true, fc.constant(false)),
    isTrained: often(true, fc.constant(false)),
  }),
});

const person = fc.constantFrom(...PEOPLE);
const place = fc.nat(PEOPLE.length - 1);
const byApp = fc.constant('app' as const);
const byPerson = fc.constant('person' as const);

export const story: fc.Arbitrary<Story> = record({
  terms,
  others: fc.array(terms, { minLength: 1, maxLength: 2 }),
  requester: fc.oneof(
    record({ type: byApp, id: fc.constant('loan-agent'), owner: person }),
    record({ type: byPerson, id: person, owner: fc.constant(null) }),
  ),
  onBehalfOf: often<string | null>(null, person, 7),
  editors: often<readonly string[]>(
    [],
    person.map((one) => [one]),
    8,
  ),
  roles: fc.array(fc.subarray(['a', 'b', 'c', 'boss'], { minLength: 1 }), {
    minLength: PEOPLE.length,
    maxLength: PEOPLE.length,
  }),
  teams: fc.array(fc.constantFrom('north', 'north', 'south', null), {
    minLength: PEOPLE.length,
    maxLength: PEOPLE.length,
  }),
  standIns: fc.array(
    record({
      from: place,
      to: place,
      role: often<string | null>(null, role, 7),
      kind: often<string | null>(null, fc.constantFrom('ai-decision', 'payment'), 7),
    }),
    { maxLength: 8 },
  ),
  moves: fc.array(move, { maxLength: 24, size: 'max' }),
});
