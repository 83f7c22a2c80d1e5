import type { Writable } from 'node:stream';

/** Tells a person what happens: on a terminal with a live line, in a pipe with whole lines. */
export type Report = {
  /** One line that stays. */
  readonly say: (line: string) => void;
  /** One line that stays and asks for attention. */
  readonly warn: (line: string) => void;
  /** Something that may take long; says by itself how long it takes. */
  readonly step: (title: string) => Step;
};

export type Step = {
  /** How far it is, e.g. `12 of 80 MB`. */
  progress(detail: string): void;
  done(detail?: string): void;
  failed(reason: string): void;
};

type Output = Writable & { readonly isTTY?: boolean };

const LIVE_INTERVAL_MS = 250;
const PIPE_INTERVAL_MS = 5_000;

/**
 * @param output a terminal gets one line that is rewritten four times a second; anything else gets
 *        a line when a step has taken 5 s, and one every 5 s after that.
 */
export function createReport(output: Output = process.stdout): Report {
  const screen = createScreen(output);
  return {
    say: screen.write,
    warn: (line) => screen.write(`! ${line}`),
    step: (title) => startStep(title, screen),
  };
}

type Screen = {
  readonly live: boolean;
  /** A line that stays. */
  readonly write: (line: string) => void;
  /** A line that the next one of the same step replaces. Steps may lie in each other: the innermost shows. */
  show(step: symbol, line: string): void;
  /** Takes the line of the step away. */
  clear(step: symbol): void;
};

function createScreen(output: Output): Screen {
  const live = output.isTTY === true;
  const shown = new Map<symbol, string>();
  const newest = () => [...shown.values()].at(-1) ?? '';
  const redraw = () => output.write(`\r\u001b[K${newest()}`);
  return {
    live,
    write: (line) => void output.write(live ? `\r\u001b[K${line}\n${newest()}` : `${line}\n`),
    show: (step, line) => {
      if (!live) return void output.write(`${line}\n`);
      shown.set(step, line);
      redraw();
    },
    clear: (step) => {
      if (live && shown.delete(step)) redraw();
    },
  };
}

function startStep(title: string, screen: Screen): Step {
  const id = Symbol(title);
  const startedAt = performance.now();
  let detail = '';
  const elapsed = () => seconds(performance.now() - startedAt);
  const show = () => screen.show(id, `… ${joined(title, detail)} (${elapsed()})`);
  if (screen.live) show();
  const timer = setInterval(show, screen.live ? LIVE_INTERVAL_MS : PIPE_INTERVAL_MS);
  timer.unref();
  let over = false;
  const end = (mark: string, last: string) => {
    if (over) return;
    over = true;
    clearInterval(timer);
    screen.clear(id);
    screen.write(`${mark} ${joined(title, last)} (${elapsed()})`);
  };
  return {
    progress: (text) => void (detail = text),
    done: (text = '') => end('✓', text),
    failed: (reason) => end('✗', reason),
  };
}

function joined(title: string, detail: string): string {
  return detail === '' ? title : `${title}: ${detail}`;
}

function seconds(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const whole = Math.round(ms / 1000);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** Says nothing. */
export const silentReport: Report = {
  say: () => {},
  warn: () => {},
  step: () => ({ progress: () => {}, done: () => {}, failed: () => {} }),
};
