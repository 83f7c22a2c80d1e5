import type { Stage } from '../../domain/policy.ts';
import type { Reviewer } from '../../domain/reviewer.ts';

/** One answer: whose names it uses up, and where it can count. */
export interface Voice {
  readonly names: readonly string[];
  readonly groups: readonly number[];
  readonly isFor: boolean;
}

/**
 * Most voices that find a place, each in one group: for every set of groups, those that can sit outside of
 * it, and the places within.
 *
 * @source Kőnig's theorem; the domain moves voices from seat to seat instead
 */
function mostSeated(places: readonly number[], voices: readonly Pick<Voice, 'groups'>[]): number {
  let least = Infinity;
  for (let set = 0; set < 1 << places.length; set += 1) {
    const isIn = (group: number): boolean => (set & (1 << group)) !== 0;
    const within = places.reduce((sum, most, group) => sum + (isIn(group) ? most : 0), 0);
    const outside = voices.filter(({ groups }) => groups.some((group) => !isIn(group))).length;
    least = Math.min(least, within + outside);
  }
  return least;
}

/** @returns groups in which one more answer would still count. */
export function openGroupsOf({ join, groups }: Stage, voices: readonly Voice[]): readonly number[] {
  const places = groups.map((group) => (join === 'all' ? group.quorum : group.rejectQuorum));
  const counted = voices.filter(({ isFor }) => isFor === (join === 'all'));
  const now = mostSeated(places, counted);
  return groups.flatMap((_, group) =>
    mostSeated(places, [...counted, { groups: [group] }]) > now ? [group] : [],
  );
}

/** @returns `approved`, `rejected` or `open`. */
export function verdictOf(stage: Stage, voices: readonly Voice[]): string {
  const { join, groups } = stage;
  const count = (group: number, isFor: boolean): number =>
    voices.filter((voice) => voice.isFor === isFor && voice.groups.includes(group)).length;
  if (join === 'all') {
    if (groups.some(({ rejectQuorum }, group) => count(group, false) >= rejectQuorum))
      return 'rejected';
    return openGroupsOf(stage, voices).length === 0 ? 'approved' : 'open';
  }
  const open = openGroupsOf(stage, voices);
  if (open.some((group) => count(group, true) >= (groups[group]?.quorum ?? Infinity)))
    return 'approved';
  return open.length === 0 ? 'rejected' : 'open';
}

/** In whose right somebody would speak. */
export interface Way {
  readonly holder: Reviewer;
  /** null = in their own. */
  readonly inName: string | null;
  /** Roles of the holder that can be used. */
  readonly roles: readonly string[];
}

/** @returns those of `among` in which the holder could speak, by role, team and region. */
export function groupsOf(
  { groups }: Stage,
  {
    asked,
    among,
    way: { holder, roles },
  }: {
    readonly asked: readonly (readonly string[])[];
    readonly among: readonly number[];
    readonly way: Way;
  },
): readonly number[] {
  return among.filter((group) => {
    const { team, region } = groups[group]!.conditions;
    return (
      asked[group]!.some((role) => roles.includes(role)) &&
      (team.length === 0 || team.includes(holder.team ?? '')) &&
      (region.length === 0 || region.includes(holder.region ?? ''))
    );
  });
}

export function isTrained({ groups }: Stage, group: number, who: Reviewer): boolean {
  return groups[group]!.trainings.every((asked) =>
    who.trainings.some((one) => one.course === asked.course && one.version >= asked.version),
  );
}
