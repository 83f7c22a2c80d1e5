import { table } from './markdown.ts';
import type { Round } from './stage.ts';
import { plain, spreadOf, withSpread, type Spread } from './stats.ts';

export function spreadBy(rounds: readonly Round[], value: (round: Round) => number): Spread {
  return spreadOf(rounds.map(value));
}

/** Each round of ours beside the other side's round that was taken in the same turn. */
export function ratioOf(ours: readonly Round[], theirs: readonly Round[]): Spread {
  return spreadOf(ours.map((round, index) => round.rate / (theirs[index]?.rate ?? NaN)));
}

export interface CpuRow {
  readonly name: string;
  readonly rounds: readonly Round[];
}

/** Where the processors' time went, in milliseconds per act; the parts that a row lacks stay empty. */
export function cpuTable(what: string, rows: readonly CpuRow[]): string | null {
  const names = [...new Set(rows.flatMap(({ rounds }) => Object.keys(rounds[0]?.cpu ?? {})))];
  const known = rows.every(({ rounds }) =>
    rounds.every(({ cpu }) => Object.values(cpu).every((value) => value !== null)),
  );
  if (!known) return null;
  const cells = rows.map(({ name, rounds }) => {
    const parts = names.map((part) =>
      rounds[0]?.cpu[part] === undefined ? null : spreadBy(rounds, ({ cpu }) => cpu[part] ?? 0),
    );
    const sum = parts.reduce((total, part) => total + (part?.median ?? 0), 0);
    return [name, ...parts.map((part) => (part === null ? '' : plain(part.median))), plain(sum)];
  });
  return table([what, ...names, 'sum'], cells);
}

/** Whether the figures can be believed: what programs took that have no part in them. */
export function disturbance(sides: readonly (readonly Round[])[]): string | null {
  const shares = sides.flat().flatMap(({ others }) => others ?? []);
  if (shares.length === 0) return null;
  const { median, high } = spreadOf(shares.map((share) => 100 * share));
  return `Programs that have no part in it took ${median.toFixed(0)} % of one core during the rounds (${high.toFixed(0)} % at most).`;
}

/** One round's rate with its spread, and the times of the part that is looked at. */
export function figures(rounds: readonly Round[]): string[] {
  return [
    withSpread(spreadBy(rounds, ({ rate }) => rate)),
    plain(spreadBy(rounds, ({ p50 }) => p50).median),
    plain(spreadBy(rounds, ({ p99 }) => p99).median),
  ];
}
