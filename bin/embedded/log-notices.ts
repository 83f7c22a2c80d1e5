import { stripVTControlCharacters } from 'node:util';
import type { Report } from './report.ts';

const SERIOUS =
  /"level":\s*(?:"(?:warn|warning|error|fatal)"|[456]0)|\blevel=(?:warn|error|fatal)|^(?:\S+\s+){0,2}\[?(?:WARN|ERROR|FATAL)\b|^(?:Uncaught\s)?\w*(?:Error|Warning): /i;
const PER_WINDOW = 5;
const WINDOW_MS = 10_000;
const MAX_WIDTH = 180;

/**
 * Shows the lines of a log that ask for attention, briefly and not too many: the log has them all.
 *
 * @param title what wrote them, e.g. `worker`.
 * @param where path of the log, named when lines are left out.
 */
export function createLogNotices(report: Report, title: string, where: string) {
  let shown = 0;
  let windowFrom = -WINDOW_MS;
  return (line: string): void => {
    if (!SERIOUS.test(line)) return;
    const now = performance.now();
    if (now - windowFrom > WINDOW_MS) {
      windowFrom = now;
      shown = 0;
    }
    shown += 1;
    if (shown <= PER_WINDOW) report.warn(`[${title}] ${brief(line)}`);
    else if (shown === PER_WINDOW + 1) report.warn(`[${title}] more of these in ${where}`);
  };
}

/** Logs may quote what came from outside: no control character reaches the terminal. */
function brief(line: string): string {
  const plain = stripVTControlCharacters(line).replace(/\p{Cc}/gu, ' ');
  return plain.length <= MAX_WIDTH ? plain : `${plain.slice(0, MAX_WIDTH)}…`;
}
