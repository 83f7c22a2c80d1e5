import fc from 'fast-check';
import { applyCommand, openRequest, type Applied } from '../../domain/apply.ts';
import type { Actor, Command } from '../../domain/command.ts';
import { withDelegations } from '../../domain/delegation.ts';
import { questionsOf } from '../../domain/discussion.ts';
import type { Instant } from '../../domain/instant.ts';
import type { RequestState } from '../../domain/request.ts';
import type { Candidate, StandIn } from '../../domain/reviewer.ts';
import {
  aBinding,
  aCandidate,
  actOf,
  aPerson,
  aPolicy,
  aSubmission,
  at,
  CONTENT_DIGEST,
  decide,
  HELD,
  NOW,
  OTHER_DIGEST,
  tickAt,
} from '../support/builders.ts';
import type { Act, Setup } from './reference-types.ts';
import { MINUTE, PEOPLE, story, type Move, type Story, type Terms } from './story-parts.ts';

export { story } from './story-parts.ts';

/** One step of a story: what was tried, on what, and what came of it. */
export interface Scene {
  readonly before: RequestState;
  readonly act: Act;
  readonly now: Instant;
  readonly applied: Applied;
}

const APP: Actor = aPerson('loan-agent', { type: 'app', assurance: 0 });

/** What policy says of a content, as the domain takes it. */
function bindingOf({ rule, tier, held, deadlines, mustKnow }: Terms) {
  const differs = { rule, tier, heldBy: held ? [HELD] : [] };
  const given = deadlines.slice(0, rule.stages.length).map((minutes) => momentOf(minutes));
  const policy = { ...aPolicy({ rules: [rule] }), requireAcknowledgement: mustKnow };
  return { ...aBinding({ ...differs, deadlines: given }), policy };
}

function momentOf(minutes: number | null): Instant | null {
  return minutes === null ? null : new Date(Date.parse(NOW) + minutes * MINUTE).toISOString();
}

/** @returns the request as it was opened, and every step after it. */
export function tell(told: Story): { readonly opened: Applied; readonly scenes: readonly Scene[] } {
  const { requester, onBehalfOf, editors } = told;
  const submission = aSubmission({ requester, onBehalfOf });
  const opened = openRequest(submission, bindingOf(told.terms), at());
  let before: RequestState = { ...opened.state, editors };
  let { wakeAt } = opened;
  let clock = Date.parse(NOW);
  const scenes: Scene[] = [];
  for (const [index, one] of told.moves.entries()) {
    clock = moved(clock, wakeAt, one.jump);
    const now = new Date(clock).toISOString();
    const act = actIn({ told, before, now }, one, `act-${index}`);
    const applied =
      act === null ? applyCommand(before, null, tickAt(now)) : play(told, before, { act, now });
    scenes.push({ before, act, now, applied });
    before = applied.state;
    wakeAt = applied.wakeAt;
  }
  return { opened, scenes };
}

/** The step reads the delegations of the request itself; what the directory knows is in the act. */
function play(
  told: Story,
  state: RequestState,
  { act, now }: { readonly act: NonNullable<Act>; readonly now: Instant },
): Applied {
  const principals = peopleOf(told);
  const lent = <P extends Candidate>(person: P): P =>
    withDelegations(state, person, { principals, now });
  const { command } = act;
  const read: Command =
    command.kind === 'reassign' ? { ...command, receiver: lent(command.receiver) } : command;
  return applyCommand(state, read, actOf(lent(act.actor), now, act.id));
}

/** A step never goes back behind the one before: see docs/adr/0003-time.md. */
function moved(clock: number, wakeAt: Instant | null, jump: Move['jump']): number {
  if (typeof jump === 'number') return clock + jump;
  if (wakeAt === null) return clock;
  return Math.max(clock, Date.parse(wakeAt) - (jump === 'just before it' ? 1 : 0));
}

/** Everybody as the directory has them, standing in for nobody. */
export function peopleOf({ roles, teams }: Story): readonly Candidate[] {
  return PEOPLE.map((id, index) =>
    aCandidate(id, { roles: roles[index] ?? [], team: teams[index] ?? null, ...WELL }),
  );
}

const WELL = {
  trainings: [{ course: 'training', version: 1 }],
  acknowledged: ['credit-decisions@4'],
} as const;

function standsFor(told: Story, id: string): readonly StandIn[] {
  return told.standIns.flatMap(({ from, to, role, kind }, index): StandIn[] => {
    const principal = peopleOf(told)[from];
    if (PEOPLE[to] !== id || principal === undefined || from === to) return [];
    return [{ id: `standing-${index}`, source: 'delegation', principal, role, kind }];
  });
}

interface Place {
  readonly told: Story;
  readonly before: RequestState;
  readonly now: Instant;
}

/** What only the requester may do is mostly tried by them. */
function whoIn({ requester }: Story, { kind, stale, who }: Move): number {
  if (stale || (kind !== 'amend' && kind !== 'answer')) return who;
  const place = PEOPLE.findIndex((id) => id === requester.id);
  return place < 0 ? PEOPLE.length : place;
}

function actIn({ told, before, now }: Place, one: Move, id: string): Act {
  if (one.kind === 'tick') return null;
  const person = peopleOf(told)[whoIn(told, one)];
  const { knows, isTrained, ...differs } = one.actor;
  const actor =
    person === undefined
      ? APP
      : aPerson(person.id, {
          ...person,
          ...differs,
          roles: one.lostRoles ? [] : person.roles,
          trainings: isTrained ? WELL.trainings : [],
          acknowledged: knows ? WELL.acknowledged : [],
          standsFor: standsFor(told, person.id),
        });
  return { id, actor, command: commandOf({ told, before, now }, one) };
}

type Made = { readonly [K in Command['kind']]?: (place: Place, one: Move) => Command };

/** Commands that say more than their kind. */
const MADE: Made = {
  decide: ({ before }, { verdict, stale }) =>
    decide(verdict, stale ? OTHER_DIGEST : before.contentDigest),
  view: (_, { stale, pick }) => (stale ? { kind: 'view', amendments: pick } : { kind: 'view' }),
  override: (_, { effect, reasonLength, breakGlass }) => {
    return { kind: 'override', effect, reasonLength, breakGlass, lapsed: [] };
  },
  answer: ({ before }, { pick }) => ({ kind: 'answer', question: questionIn(before, pick) }),
  comment: () => ({ kind: 'comment', replyTo: null }),
  amend: ({ told, before }, { pick }) => {
    return { kind: 'amend', amendment: amendmentOf(told, before, pick) };
  },
  delegate: ({ now }, { span, other, reasonLength }) => {
    const [from, until] = span.map((by) => Date.parse(now) + by * MINUTE);
    const to = PEOPLE[other] ?? 'p0';
    return { kind: 'delegate', to, from: textOf(from), until: textOf(until), reasonLength };
  },
  reassign: ({ told }, { other, pick, reasonLength }) => {
    const person = peopleOf(told)[other] ?? aCandidate('p0');
    const receiver = { ...person, standsFor: standsFor(told, person.id) };
    const from = PEOPLE[pick] ?? 'p0';
    return { kind: 'reassign', from, to: person.id, reasonLength, receiver };
  },
  escalate: (_, { pick, reasonLength }) => {
    return { kind: 'escalate', to: [null, 'a', 'b', 'c'][pick] ?? null, reasonLength };
  },
  review: (_, { reasonLength }) => ({ kind: 'review', verdict: 'justified', reasonLength }),
};

function commandOf(place: Place, one: Move): Command {
  const made = one.kind === 'tick' ? undefined : MADE[one.kind];
  return made === undefined ? ({ kind: one.kind } as Command) : made(place, one);
}

const textOf = (millis = 0): Instant => new Date(millis).toISOString();

function questionIn(state: RequestState, pick: number): string {
  const questions = questionsOf(state);
  return questions[pick % Math.max(1, questions.length)]?.id ?? 'none';
}

function amendmentOf(told: Story, state: RequestState, pick: number) {
  const terms = told.others[pick % Math.max(1, told.others.length)] ?? told.terms;
  const digest = (state.amendments + 1).toString(16).padStart(2, '0');
  const digests = { actionDigest: digest.repeat(32), contentDigest: digest.repeat(32) };
  return { ...digests, binding: bindingOf(terms) };
}

/** The same request for the reference. */
export function setupOf(told: Story): Setup {
  const { requester, terms, onBehalfOf, editors } = told;
  const { deadlines } = bindingOf(terms);
  const parties = [requester.owner ?? requester.id, onBehalfOf, ...editors];
  const asker = `${requester.type} ${requester.id}`;
  return {
    ...terms,
    deadlines,
    parties: parties.filter((one) => one !== null),
    asker,
    speaker: requester.owner === null ? asker : `person ${requester.owner}`,
    contentDigest: CONTENT_DIGEST,
    people: peopleOf(told),
  };
}

/** Checks a statement on every step of many stories. */
export function always(statement: (scene: Scene, told: Story) => void, numRuns = 160): void {
  const check = fc.property(story, (told) => {
    for (const scene of tell(told).scenes) statement(scene, told);
  });
  fc.assert(check, { numRuns });
}
