import type { LogCheck } from '../application/self-check.ts';
import type { FsckProblem, FsckProgress } from '../ledger/fsck.ts';

const EVERY_MS = 1_000;

/** A line that is written over while it works, on a terminal; elsewhere one line every ten seconds. */
export function fsckProgress(): (done: FsckProgress) => void {
  const isTerminal = process.stderr.isTTY;
  const every = isTerminal ? EVERY_MS : 10 * EVERY_MS;
  const begun = performance.now();
  let said = begun;
  return ({ step, records }) => {
    const now = performance.now();
    if (now - said < every) return;
    said = now;
    const what = step === 'records' ? 'records read' : 'places in the log';
    const line = `${records} ${what}, ${Math.round((now - begun) / 1_000)} s`;
    process.stderr.write(isTerminal ? `\r\u001b[K${line}` : `${line}\n`);
  };
}

export function fsckText(check: LogCheck): string {
  const { records, streams, size, checkpoints, problems, tookMs } = check;
  const seen = `${records} records in ${streams} streams, a log of ${size}, ${checkpoints} checkpoints, ${(tookMs / 1_000).toFixed(1)} s`;
  const word = check.unchecked.length === 0 ? 'valid' : 'incomplete';
  const verdict = check.passed
    ? `${word}: ${seen}`
    : `INVALID: ${seen}; ${problems.length} problems`;
  const unchecked = check.unchecked.map((what) => `  not looked at: ${what}`);
  const lines = problems.map(
    (problem) => `  ${problem.code} ${placeOf(problem)}: ${problem.detail}`,
  );
  return `${process.stderr.isTTY ? '\r\u001b[K' : ''}${[verdict, ...lines, ...unchecked].join('\n')}\n`;
}

function placeOf({ stream, seq, index }: FsckProblem): string {
  const parts = [
    stream === null ? null : `stream ${stream}`,
    seq === null ? null : `record ${seq}`,
    index === null ? null : `index ${index}`,
  ].filter((part) => part !== null);
  return parts.length === 0 ? 'in the log' : `at ${parts.join(', ')}`;
}
