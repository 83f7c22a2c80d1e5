/**
 * How many voices find a place at most, each in one of the groups that it may count in.
 *
 * @param places free places per group.
 * @param voices for each voice the groups that it may count in.
 * @returns the size of a largest assignment: the same for every order of the voices. @throws never.
 * @source augmenting paths (Kuhn); groups and voices of one stage are few
 */
export function mostPlaced(
  places: readonly number[],
  voices: readonly (readonly number[])[],
): number {
  return placement(places, voices).placed;
}

/**
 * @returns the groups in which one more voice could still be placed; the others are full whoever is moved
 *          within them, and stay so.
 */
export function groupsWithRoom(
  places: readonly number[],
  voices: readonly (readonly number[])[],
): readonly number[] {
  const { seats } = placement(places, voices);
  return places.flatMap((_, group) => {
    const tried = { places, voices, seats: seats.map((held) => [...held]) };
    return findSeat(tried, [group], new Set()) === null ? [] : [group];
  });
}

/** @returns per group the voices that sit there in a largest assignment, earlier voices first, by their index. */
export function seatsOf(
  places: readonly number[],
  voices: readonly (readonly number[])[],
): readonly (readonly number[])[] {
  return placement(places, voices).seats;
}

interface Seating {
  readonly places: readonly number[];
  readonly voices: readonly (readonly number[])[];
  /** Per group the voices that sit there. */
  readonly seats: number[][];
}

function placement(places: readonly number[], voices: readonly (readonly number[])[]) {
  const seating: Seating = { places, voices, seats: places.map(() => []) };
  let placed = 0;
  for (const [voice, groups] of voices.entries()) {
    const group = findSeat(seating, groups, new Set());
    if (group === null) continue;
    seating.seats[group]?.push(voice);
    placed += 1;
  }
  return { placed, seats: seating.seats };
}

/** @returns a group with a free seat, made free by moving others where necessary; null = there is none. */
function findSeat(
  seating: Seating,
  groups: readonly number[],
  visited: Set<number>,
): number | null {
  for (const group of groups) {
    if (visited.has(group)) continue;
    visited.add(group);
    const held = seating.seats[group];
    if (held === undefined) continue;
    if (held.length < (seating.places[group] ?? 0)) return group;
    for (const [at, voice] of held.entries()) {
      const other = findSeat(seating, seating.voices[voice] ?? [], visited);
      if (other === null) continue;
      held.splice(at, 1);
      seating.seats[other]?.push(voice);
      return group;
    }
  }
  return null;
}
