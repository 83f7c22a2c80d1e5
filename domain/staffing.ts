import { seatsOf } from './matching.ts';
import type { Stage } from './policy.ts';
import { isOwn, namesOf, type Voice } from './reachable.ts';
import { searchSeats, type Budget } from './seat-search.ts';

/** What one stage needs, and who there is for it. */
export interface Demand {
  readonly join: Stage['join'];
  /** Approvals that each group still needs. */
  readonly quorums: readonly number[];
  /** Who could approve, those who should be asked first at the front; several of one person are alternatives. */
  readonly voices: readonly Voice[];
  /** Other demands, by index, that need other people. */
  readonly distinctFrom: readonly number[];
}

/** One person in one place. */
export interface Seat {
  readonly demand: number;
  readonly group: number;
  readonly voice: Voice;
}

export type Staffing =
  | { readonly kind: 'found'; readonly seats: readonly Seat[] }
  /** There is none. */
  | { readonly kind: 'none' }
  /** The search gave up before it was through. */
  | { readonly kind: 'unknown' };

/** What one question may cost, in steps of the search; see `staff`. */
export const MOST_STEPS = 50_000;
const VOICES_PER_STEP = 20;

const NONE: Staffing = { kind: 'none' };

/**
 * Finds people for several stages at once: nobody twice in a stage, nor in two stages that need different
 * people; a name that is stood in for is used up like that of whoever stands in.
 *
 * Stages that do not ask for different people are settled one by one. Where all of a few stages ask for
 * different people of each other, a largest flow is exact. Where only some of them do, a search over kinds
 * of people is exact. Stand-ins are tried where nobody is found
 * without them: exact for single stages and for stages that all differ; among others a person stands in for at
 * most one other, so that `none` may be said although a way exists. Once the budget is used up, what is not
 * settled is `unknown`.
 *
 * @returns `found` only with an assignment that fills every quorum. @throws never.
 * @source docs/adr/0004-policies.md
 */
export function staff(demands: readonly Demand[], budget: Budget = { left: MOST_STEPS }): Staffing {
  const parts = partsOf(demands).map((part) => staffPart(demands, part, budget));
  if (parts.some(({ kind }) => kind === 'none')) return NONE;
  if (parts.some(({ kind }) => kind === 'unknown')) return { kind: 'unknown' };
  return {
    kind: 'found',
    seats: parts.flatMap((part) => (part.kind === 'found' ? part.seats : [])),
  };
}

/** @returns whether two demands need different people. */
export function areDistinct(demands: readonly Demand[], a: number, b: number): boolean {
  return (
    (demands[a]?.distinctFrom.includes(b) ?? false) ||
    (demands[b]?.distinctFrom.includes(a) ?? false)
  );
}

/** Demands in sets that have nothing to do with each other. */
function partsOf(demands: readonly Demand[]): number[][] {
  const parts: number[][] = [];
  for (const index of demands.keys()) {
    const touched = parts.filter((part) => part.some((one) => areDistinct(demands, one, index)));
    const others = parts.filter((part) => !touched.includes(part));
    parts.splice(0, parts.length, ...others, [...touched.flat(), index]);
  }
  return parts.map((part) => part.toSorted((a, b) => a - b));
}

/** Demands of one part with what is chosen: every place must be filled. */
interface Fixed {
  readonly demands: readonly Demand[];
  readonly part: readonly number[];
  /** By demand and group; 0 for groups that are not chosen. */
  readonly places: readonly (readonly number[])[];
  readonly budget: Budget;
}

function staffPart(demands: readonly Demand[], part: readonly number[], budget: Budget): Staffing {
  let gaveUp = false;
  for (const places of choicesOf(demands, part)) {
    if (budget.left <= 0) return { kind: 'unknown' };
    const staffing = staffFixed({ demands, part, places, budget });
    if (staffing.kind === 'found') return staffing;
    gaveUp ||= staffing.kind === 'unknown';
  }
  return gaveUp ? { kind: 'unknown' } : NONE;
}

/** Every way to choose one group of each stage that needs any. */
function* choicesOf(
  demands: readonly Demand[],
  part: readonly number[],
  chosen: readonly (readonly number[])[] = [],
): Generator<readonly (readonly number[])[]> {
  const next = part[chosen.length];
  const demand = next === undefined ? undefined : demands[next];
  if (demand === undefined) {
    yield chosen;
    return;
  }
  const { join, quorums } = demand;
  const options =
    join === 'all'
      ? [quorums]
      : quorums.map((_, group) => quorums.map((quorum, i) => (i === group ? quorum : 0)));
  for (const places of options) yield* choicesOf(demands, part, [...chosen, places]);
}

function staffFixed(fixed: Fixed): Staffing {
  const all = fixed.part.flatMap((index) => fixed.demands[index]?.voices ?? []);
  const couples = couplesOf(all);
  const own = staffOwn(fixed, (voice) => isOwn(voice));
  if (own.kind === 'found' || couples.length === 0) return own;
  return withCouples(fixed, { chosen: [], rest: couples });
}

/** Whoever stands in, and for whom. */
type Couple = Pick<Voice, 'id' | 'standsFor'>;

function couplesOf(voices: readonly Voice[]): Couple[] {
  const couples = voices.filter((voice) => !isOwn(voice));
  return couples.filter((one, at) => couples.findIndex((other) => isSame(one, other)) === at);
}

function isSame(one: Couple, other: Couple): boolean {
  return one.id === other.id && (one.standsFor ?? null) === (other.standsFor ?? null);
}

/** Tries with and without each stand-in in turn. */
function withCouples(
  fixed: Fixed,
  { chosen, rest }: { readonly chosen: readonly Couple[]; readonly rest: readonly Couple[] },
): Staffing {
  const used = new Set(chosen.flatMap(namesOf));
  const isFree = (one: Couple): boolean => !namesOf(one).some((name) => used.has(name));
  const now = staffOwn(fixed, (voice) =>
    isOwn(voice) ? isFree(voice) : chosen.some((one) => isSame(one, voice)),
  );
  if (now.kind === 'found') return now;
  const [next, ...others] = rest.filter(isFree);
  if (next === undefined) return now;
  if (fixed.budget.left <= 0) return { kind: 'unknown' };
  const some = staffOwn(fixed, (voice) =>
    isOwn(voice) ? isFree(voice) : [...chosen, next, ...others].some((one) => isSame(one, voice)),
  );
  // Even with everybody at once, whoever they stand in for: a limit from above, where it is exact.
  if (some.kind === 'none') return NONE;
  const taken = withCouples(fixed, { chosen: [...chosen, next], rest: others });
  return taken.kind === 'found' ? taken : withCouples(fixed, { chosen, rest: others });
}

/** Everybody counts as themselves, once; with the groups of all of their voices that are let in. */
function staffOwn(fixed: Fixed, isLetIn: (voice: Voice) => boolean): Staffing {
  const { demands, part, places } = fixed;
  const offers = offersOf(fixed, isLetIn);
  fixed.budget.left -= 1 + offers.length / VOICES_PER_STEP;
  const inner = part.map((a) => part.map((b) => areDistinct(demands, a, b)));
  const allDiffer = inner.every((row, a) => row.every((differ, b) => differ || a === b));
  if (!allDiffer) {
    const people = offers.map(({ groups }) => groups);
    const search = searchSeats({ places, people, differ: inner }, fixed.budget);
    if (search.kind !== 'found') return search;
    return found(part, search.seats, offers);
  }
  const flat = places.flat();
  const starts = places.map((_, at) => places.slice(0, at).flat().length);
  const seats = seatsOf(
    flat,
    offers.map(({ groups }) =>
      groups.flatMap((mine, at) => mine.map((group) => (starts[at] ?? 0) + group)),
    ),
  );
  if (seats.some((held, place) => held.length < (flat[place] ?? 0))) return NONE;
  const bySeat = places.map((row, at) => row.map((_, g) => seats[(starts[at] ?? 0) + g] ?? []));
  return found(part, bySeat, offers);
}

/** A person with the groups in which they could sit, by demand of the part. */
interface Offer {
  readonly voices: readonly (readonly Voice[])[];
  readonly groups: readonly (readonly number[])[];
}

function offersOf({ demands, part, places }: Fixed, isLetIn: (voice: Voice) => boolean): Offer[] {
  const byPerson = new Map<string, Voice[][]>();
  for (const [at, index] of part.entries())
    for (const voice of (demands[index]?.voices ?? []).filter(isLetIn)) {
      const mine = byPerson.get(voice.id) ?? part.map(() => []);
      mine[at]?.push(voice);
      byPerson.set(voice.id, mine);
    }
  return [...byPerson.values()].map((voices) => ({
    voices,
    groups: voices.map((mine, at) =>
      [...new Set(mine.flatMap(({ groups }) => groups))].filter((g) => (places[at]?.[g] ?? 0) > 0),
    ),
  }));
}

/** @param seats by demand of the part and group: indices of offers. */
function found(
  part: readonly number[],
  seats: readonly (readonly (readonly number[])[])[],
  offers: readonly Offer[],
): Staffing {
  return {
    kind: 'found',
    seats: seats.flatMap((groups, at) =>
      groups.flatMap((held, group) =>
        held.map((offer) => ({
          demand: part[at] as number,
          group,
          voice: voiceIn(offers[offer] as Offer, at, group),
        })),
      ),
    ),
  };
}

function voiceIn({ voices }: Offer, at: number, group: number): Voice {
  const voice = voices[at]?.find(({ groups }) => groups.includes(group));
  if (voice === undefined) throw new TypeError(`nobody sits in group ${group}`);
  return voice;
}
