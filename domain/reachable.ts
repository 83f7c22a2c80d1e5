import { mostPlaced } from './matching.ts';
import type { Stage } from './policy.ts';

/** A decision that has been given or could be: who gives it, and where it counts. */
export interface Voice {
  readonly id: string;
  /** Whose right it is, when it is given in somebody's name; absent or null = their own. */
  readonly standsFor?: string | null;
  /** Groups in which it can count, by their index in the stage. */
  readonly groups: readonly number[];
}

/** A stage as it stands at one moment. */
export interface Standing {
  readonly join: Stage['join'];
  /** `rejected`: the group has been decided against and can no longer approve. */
  readonly groups: readonly { readonly quorum: number; readonly rejected: boolean }[];
  /** Given already, with the groups that each may count in. */
  readonly approvals: readonly Pick<Voice, 'groups'>[];
  /**
   * Could still be given, by people who have not decided; several of one person are alternatives, of whom
   * one counts. The groups of a voice are those that the roles asked at present let it count in.
   */
  readonly candidates: readonly Voice[];
}

/** Ways to stand in for others that are tried before the search gives up and answers "no". */
const MOST_WAYS = 1_024;

/**
 * Whether a running stage can still be approved by the people who could decide in it now.
 *
 * Exact where everybody decides in their own right, or where those who stand in for others leave at most
 * 1,024 ways of doing so; beyond that it may say false although a way exists, never true where there is none.
 *
 * @returns `all`: every group can reach its quorum, nobody counting twice; `any`: one group can.
 * @throws never.
 * @source docs/adr/0004-policies.md
 */
export function canStillBeMet({ join, groups, approvals, candidates }: Standing): boolean {
  const given = approvals.map((approval) => approval.groups);
  const places = groups.map(({ quorum }) => quorum);
  if (join === 'all')
    return groups.every(({ rejected }) => !rejected) && canFill({ places, given }, candidates);
  return groups.some(
    ({ rejected }, index) =>
      !rejected &&
      canFill({ places: places.map((quorum, i) => (i === index ? quorum : 0)), given }, candidates),
  );
}

interface Seats {
  /** Approvals that each group needs. */
  readonly places: readonly number[];
  readonly given: readonly (readonly number[])[];
}

/** @returns whether every place can be filled by what was given and by candidates, no name used twice. */
function canFill(seats: Seats, candidates: readonly Voice[]): boolean {
  const voices = onePer(candidates, ({ id, standsFor }) => JSON.stringify([id, standsFor ?? null]));
  const own = voices.filter(isOwn);
  if (isFilled(seats, own)) return true;
  if (own.length === voices.length || !isFilled(seats, onePerPerson(voices))) return false;
  const rest = voices.filter((one) => !isOwn(one));
  return someWay(seats, { chosen: [], rest, own }, [MOST_WAYS]);
}

interface Way {
  /** Stand-ins that are decided on. */
  readonly chosen: readonly Voice[];
  /** Stand-ins still to be decided on. */
  readonly rest: readonly Voice[];
  readonly own: readonly Voice[];
}

/** Tries with and without each stand-in in turn. `left` counts down over the whole search. */
function someWay(seats: Seats, { chosen, rest, own }: Way, left: [number]): boolean {
  const used = new Set(chosen.flatMap(namesOf));
  const free = (voice: Voice): boolean => !namesOf(voice).some((name) => used.has(name));
  const open = rest.filter(free);
  const now = [...chosen, ...own.filter(free)];
  if (isFilled(seats, now)) return true;
  const [next, ...others] = open;
  left[0] -= 1;
  if (next === undefined || left[0] <= 0) return false;
  if (!isFilled(seats, onePerPerson([...now, ...open]))) return false;
  return (
    someWay(seats, { chosen: [...chosen, next], rest: others, own }, left) ||
    someWay(seats, { chosen, rest: others, own }, left)
  );
}

function isFilled({ places, given }: Seats, voices: readonly Pick<Voice, 'groups'>[]): boolean {
  const needed = places.reduce((sum, quorum) => sum + quorum, 0);
  const all = [...given, ...voices.map(({ groups }) => groups)];
  return all.length >= needed && mostPlaced(places, all) === needed;
}

/** Everybody once, with every group that they could count in: more than can be, never less. */
function onePerPerson(voices: readonly Voice[]): Voice[] {
  return onePer(voices, ({ id }) => id);
}

function onePer(voices: readonly Voice[], keyOf: (voice: Voice) => string): Voice[] {
  const byKey = new Map<string, Voice>();
  for (const voice of voices) {
    const groups = byKey.get(keyOf(voice))?.groups ?? [];
    byKey.set(keyOf(voice), { ...voice, groups: [...new Set([...groups, ...voice.groups])] });
  }
  return [...byKey.values()];
}

export function isOwn({ standsFor }: Pick<Voice, 'standsFor'>): boolean {
  return standsFor === undefined || standsFor === null;
}

/** Whoever decides in somebody's name uses up both names. */
export function namesOf({ id, standsFor }: Pick<Voice, 'id' | 'standsFor'>): readonly string[] {
  return standsFor === undefined || standsFor === null ? [id] : [id, standsFor];
}
