import fc from 'fast-check';
import { applyCommand, openRequest, type Applied } from '../../domain/apply.ts';
import type { Actor } from '../../domain/command.ts';
import type { Instant } from '../../domain/instant.ts';
import type { Group, Rule, Stage } from '../../domain/policy.ts';
import type { RequestState } from '../../domain/request.ts';
import {
  aBinding,
  aPerson,
  aRule,
  aStage,
  aSubmission,
  CONTENT_DIGEST,
  decide,
  HELD,
  NOW,
  OTHER_DIGEST,
  override,
  VIEWED,
} from '../support/builders.ts';
import type { Act, Setup } from './reference-model.ts';

/** A policy, a request under it, people with changing roles, and what they try, one after the other. */
export interface Story {
  readonly rule: Rule;
  readonly tier: RequestState['tier'];
  readonly held: boolean;
  readonly requester: RequestState['requester'];
  readonly onBehalfOf: string | null;
  readonly editors: readonly string[];
  readonly roles: readonly (readonly string[])[];
  readonly moves: readonly Move[];
}

interface Move {
  readonly jump: number | 'to the next instant' | 'just before it';
  readonly who: number;
  readonly kind: 'decide' | 'override' | 'withdraw' | 'view' | 'tick';
  readonly verdict: 'approve' | 'reject';
  readonly effect: 'stop' | 'reverse' | 'force';
  readonly reasonLength: number;
  readonly stale: boolean;
  readonly lostRoles: boolean;
  readonly actor: Pick<Actor, 'absent' | 'assurance' | 'viewed'>;
}

/** One step of a story: what was tried, on what, and what came of it. */
export interface Scene {
  readonly before: RequestState;
  readonly act: Act;
  readonly now: Instant;
  readonly applied: Applied;
}

const PEOPLE = ['p0', 'p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7'] as const;
const APP: Actor = aPerson('loan-agent', { type: 'app', assurance: 0 });
const MINUTE = 60_000;
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

const group: fc.Arbitrary<Group> = record({
  name: fc.constant('group'),
  role,
  quorum: fc.constantFrom(1, 1, 1, 2, 2, 3, 4),
  rejectQuorum: fc.constantFrom(1, 1, 2, 3),
});

const looseStage: fc.Arbitrary<Stage> = record({
  groups: fc.array(group, { minLength: 1, maxLength: 2 }),
  join: fc.constantFrom('all', 'any'),
  deadline: often<string | null>(null, minutes(30 * 24 * 60), 3),
  reminders: fc.array(minutes(20 * 24 * 60), { maxLength: 2 }),
  escalations: fc.array(
    record({
      after: minutes(10 * 24 * 60),
      to: role,
      mode: fc.constantFrom('add', 'replace'),
    }),
    { maxLength: 2 },
  ),
  onTimeout: fc.constantFrom('expire', 'next-stage', 'approve'),
  distinctFrom: fc.subarray(['stage 0', 'stage 1']),
  assurance: fc.constantFrom(0, 0, 0, 1, 2),
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

const overrideRight = record({
  role: fc.constant('boss'),
  minReason: fc.constantFrom(0, 10, 20),
  effects: often<readonly ('stop' | 'reverse' | 'force')[]>(
    ['stop', 'reverse', 'force'],
    fc.subarray(['stop', 'reverse', 'force']),
  ),
});

const rule: fc.Arbitrary<Rule> = record({
  stages,
  requireView: fc.constantFrom(null, null, false, true),
  override: fc.option(overrideRight, { freq: 8 }),
}).map((differs) => aRule(differs));

const move: fc.Arbitrary<Move> = record({
  jump: fc.oneof(
    { weight: 18, arbitrary: fc.integer({ min: 0, max: 90 * MINUTE }) },
    { weight: 3, arbitrary: fc.constant(-30 * MINUTE) },
    { weight: 3, arbitrary: fc.constant<Move['jump']>('to the next instant') },
    { weight: 3, arbitrary: fc.constant<Move['jump']>('just before it') },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 365 * DAY }) },
  ),
  who: fc.nat(PEOPLE.length),
  kind: fc.oneof(
    { weight: 28, arbitrary: fc.constant<Move['kind']>('decide') },
    { weight: 4, arbitrary: fc.constantFrom<Move['kind']>('view', 'tick') },
    { weight: 2, arbitrary: fc.constant<Move['kind']>('override') },
    { weight: 1, arbitrary: fc.constant<Move['kind']>('withdraw') },
  ),
  verdict: often<Move['verdict']>('approve', fc.constant('reject')),
  effect: fc.constantFrom('stop', 'reverse', 'force'),
  reasonLength: often(20, fc.constantFrom(0, 10, 19)),
  stale: often(false, fc.constant(true)),
  lostRoles: often(false, fc.constant(true)),
  actor: record({
    absent: often(false, fc.constant(true)),
    assurance: fc.constantFrom(0, 1, 2, 2, 2, 3, 3),
    viewed: often<string | null>(VIEWED, fc.constant(null)),
  }),
});

const person = fc.constantFrom(...PEOPLE);

export const story: fc.Arbitrary<Story> = record({
  rule,
  tier: fc.constantFrom('low', 'medium', 'high'),
  held: often(false, fc.constant(true)),
  requester: fc.oneof(
    record({ type: fc.constant('app'), id: fc.constant('loan-agent'), owner: person }),
    record({ type: fc.constant('person'), id: person, owner: fc.constant(null) }),
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
  moves: fc.array(move, { maxLength: 24, size: 'max' }),
});

/** @returns the request as it was opened, and every step after it. */
export function tell(told: Story): { readonly opened: Applied; readonly scenes: readonly Scene[] } {
  const { rule: bound, tier, held, requester, onBehalfOf, editors } = told;
  const binding = aBinding({ rule: bound, tier, heldBy: held ? [HELD] : [] });
  const opened = openRequest(aSubmission({ requester, onBehalfOf }), binding, NOW);
  let before: RequestState = { ...opened.state, editors };
  let { wakeAt } = opened;
  let clock = Date.parse(NOW);
  const scenes: Scene[] = [];
  for (const one of told.moves) {
    clock = moved(clock, wakeAt, one.jump);
    const now = new Date(clock).toISOString();
    const act = actOf(told, one);
    const applied = applyCommand(before, act?.command ?? null, { actor: act?.actor ?? null, now });
    scenes.push({ before, act, now, applied });
    before = applied.state;
    wakeAt = applied.wakeAt;
  }
  return { opened, scenes };
}

function moved(clock: number, wakeAt: Instant | null, jump: Move['jump']): number {
  if (typeof jump === 'number') return Math.max(clock + jump, Date.parse(NOW));
  if (wakeAt === null) return clock;
  return Date.parse(wakeAt) - (jump === 'just before it' ? 1 : 0);
}

function actOf({ roles }: Story, one: Move): Act {
  const id = PEOPLE[one.who];
  const held = one.lostRoles ? [] : (roles[one.who] ?? []);
  const actor = id === undefined ? APP : aPerson(id, { ...one.actor, roles: held });
  if (one.kind === 'tick') return null;
  if (one.kind === 'decide')
    return { actor, command: decide(one.verdict, one.stale ? OTHER_DIGEST : CONTENT_DIGEST) };
  if (one.kind === 'override') return { actor, command: override(one.effect, one.reasonLength) };
  return { actor, command: { kind: one.kind } };
}

/** The same request for the reference. */
export function setupOf({ rule: bound, tier, held, ...told }: Story): Setup {
  const { requester } = told;
  const parties = [requester.owner ?? requester.id, told.onBehalfOf, ...told.editors];
  return {
    rule: bound,
    tier,
    held,
    parties: parties.filter((one) => one !== null),
    asker: `${requester.type} ${requester.id}`,
    contentDigest: CONTENT_DIGEST,
  };
}

/** Checks a statement on every step of many stories. */
export function always(statement: (scene: Scene) => void): void {
  const check = fc.property(story, (told) => tell(told).scenes.forEach(statement));
  fc.assert(check, { numRuns: 800 });
}
