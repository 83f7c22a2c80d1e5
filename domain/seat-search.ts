/** Seats of several stages, some of which need different people. */
export interface SeatQuestion {
  /** People needed, by stage and group. */
  readonly places: readonly (readonly number[])[];
  /** Per person and stage the groups in which they could sit. */
  readonly people: readonly (readonly (readonly number[])[])[];
  /** By stage and stage: whether they need different people. */
  readonly differ: readonly (readonly boolean[])[];
}

export type SeatSearch =
  | {
      readonly kind: 'found';
      /** By stage and group: indices of people. */
      readonly seats: readonly (readonly (readonly number[])[])[];
    }
  | { readonly kind: 'none' }
  | { readonly kind: 'unknown' };

/** Work that may still be done, counted down over everything that one question needs. */
export interface Budget {
  left: number;
}

/**
 * Seats people in every place, nobody twice in a stage or in two stages that differ. People who could sit
 * in the same groups are one kind and are tried once, so large directories with few roles cost little.
 *
 * @returns `none` only after every way was tried; `unknown` once the budget is used up. @throws never.
 */
export function searchSeats(question: SeatQuestion, budget: Budget): SeatSearch {
  const seats = question.places.flatMap((groups, stage) =>
    groups.flatMap((count, group) => Array.from({ length: count }, () => ({ stage, group }))),
  );
  const search: Search = {
    question,
    seats,
    taken: [],
    pools: poolsOf(question),
    failed: new Set(),
    budget,
  };
  if (!sit(search, 0, '')) return { kind: budget.left > 0 ? 'none' : 'unknown' };
  const bySeat = question.places.map((groups) => groups.map((): number[] => []));
  for (const [at, { stage, group }] of seats.entries())
    bySeat[stage]?.[group]?.push(search.taken[at] as number);
  return { kind: 'found', seats: bySeat };
}

const POOLS_PER_STEP = 20;

/** People of one kind who sit in the same stages so far. */
interface Pool {
  readonly groups: readonly (readonly number[])[];
  readonly sitsIn: readonly number[];
  readonly members: number[];
}

interface Search {
  readonly question: SeatQuestion;
  readonly seats: readonly { readonly stage: number; readonly group: number }[];
  /** Per seat the person. */
  readonly taken: number[];
  readonly pools: Map<string, Pool>;
  /** Where no way led on. */
  readonly failed: Set<string>;
  readonly budget: Budget;
}

function poolsOf({ people }: SeatQuestion): Map<string, Pool> {
  const pools = new Map<string, Pool>();
  // Taken from the end, so that who is named first is seated first.
  for (const [person, groups] of [...people.entries()].reverse()) {
    const key = poolKey(groups, []);
    const pool = pools.get(key) ?? { groups, sitsIn: [], members: [] };
    pool.members.push(person);
    pools.set(key, pool);
  }
  return pools;
}

/** In the order of these keys pools are tried: those who could do least come first, they are missed least. */
function poolKey(groups: readonly (readonly number[])[], sitsIn: readonly number[]): string {
  const uses = String(groups.flat().length).padStart(4, '0');
  return `${uses}${JSON.stringify([groups, sitsIn])}`;
}

/** @param last key of the pool of the seat before, in the same group: equal seats are filled in one order. */
function sit(search: Search, at: number, last: string): boolean {
  const seat = search.seats[at];
  if (seat === undefined) return true;
  search.budget.left -= 1 + search.pools.size / POOLS_PER_STEP;
  if (search.budget.left <= 0) return false;
  const situation = situationOf(search, at, last);
  if (search.failed.has(situation)) return false;
  const isSameGroup = isEqual(search.seats[at - 1], seat);
  for (const key of [...search.pools.keys()].sort()) {
    const pool = search.pools.get(key) as Pool;
    if ((isSameGroup && key < last) || !maySit(search, pool, seat)) continue;
    const person = pool.members.pop() as number;
    const next = moved(search, pool, seat.stage);
    next.members.push(person);
    search.taken[at] = person;
    if (sit(search, at + 1, key)) return true;
    next.members.pop();
    pool.members.push(person);
  }
  if (search.budget.left > 0) search.failed.add(situation);
  return false;
}

function isEqual(
  one: Search['seats'][number] | undefined,
  other: Search['seats'][number],
): boolean {
  return one?.stage === other.stage && one.group === other.group;
}

function maySit(
  { question }: Search,
  { groups, sitsIn, members }: Pool,
  { stage, group }: Search['seats'][number],
): boolean {
  return (
    members.length > 0 &&
    (groups[stage]?.includes(group) ?? false) &&
    !sitsIn.some((other) => other === stage || question.differ[stage]?.[other] === true)
  );
}

function moved({ pools }: Search, pool: Pool, stage: number): Pool {
  const sitsIn = [...pool.sitsIn, stage];
  const key = poolKey(pool.groups, sitsIn);
  const next = pools.get(key) ?? { groups: pool.groups, sitsIn, members: [] };
  pools.set(key, next);
  return next;
}

function situationOf({ pools }: Search, at: number, last: string): string {
  const sizes = [...pools].flatMap(([key, { members }]) =>
    members.length === 0 ? [] : [`${key}${members.length}`],
  );
  return `${at} ${last} ${sizes.sort().join(' ')}`;
}
