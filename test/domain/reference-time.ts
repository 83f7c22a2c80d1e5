/** A question, as the reference keeps it: milliseconds; `closed` null = it still stops the clock. */
export interface Asked {
  readonly id: string;
  readonly at: number;
  closed: number | null;
  isAnswered: boolean;
}

/** From the first open question to the last; `to` null = the clock stands. */
export interface Pause {
  readonly from: number;
  to: number | null;
}

export const THIRTY_DAYS = 30 * 86_400_000;

/** @returns milliseconds of a duration of minutes, the only ones that stories use. */
export function millisOf(duration: string): number {
  return Number(/^PT(\d+)M$/.exec(duration)?.[1]) * 60_000;
}

/**
 * When so much time has passed for a stage, not counting the time in which some question was open.
 *
 * @param stands a clock that stands now stands for ever; false = as if it had never been stopped.
 */
export function instantOf(
  opened: number,
  millis: number,
  { pauses, stands }: { readonly pauses: readonly Pause[]; readonly stands: boolean },
): number {
  let at = opened;
  let left = millis;
  for (const { from, to } of pauses) {
    const [first, last] = [Math.max(from, opened), to ?? Infinity];
    if (last <= first) continue;
    if (left <= first - at || (last === Infinity && !stands)) break;
    left -= first - at;
    at = last;
  }
  return at + left;
}
