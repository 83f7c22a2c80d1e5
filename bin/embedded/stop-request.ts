import type { Report } from './report.ts';

/** Asks the supervisor to stop everything, once and for all. */
export type StopRequest = {
  /** Aborted by the first request. */
  readonly signal: AbortSignal;
  /** Resolves with the exit code at the first request. */
  readonly requested: Promise<number>;
  /** Resolves when somebody who waits for the end asks again. */
  readonly hurried: Promise<void>;
  request(sentence: string, exitCode: number): void;
  /** Signals have their ordinary meaning again. */
  detach(): void;
};

// A Ctrl-C reaches the supervisor from the terminal and again from bootstrap and npm, which pass it
// on: what comes within this time is the same wish.
const SAME_WISH_MS = 1_500;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Listens to signals and to the end of the process that started this one, where it gave a channel. */
export function createStopRequest(report: Report): StopRequest {
  const controller = new AbortController();
  const requested = Promise.withResolvers<number>();
  const hurried = Promise.withResolvers<void>();
  let firstAt = 0;

  const request = (sentence: string, exitCode: number) => {
    if (controller.signal.aborted) return;
    firstAt = performance.now();
    report.say(sentence);
    controller.abort(new Error('stopping'));
    requested.resolve(exitCode);
  };
  const onSignal = (signal: NodeJS.Signals) => {
    if (!controller.signal.aborted) return request(`${signal}: stopping everything in order`, 0);
    if (performance.now() - firstAt < SAME_WISH_MS) return;
    report.say('Hurrying');
    hurried.resolve();
  };
  const onDisconnect = () => request('npm is gone: stopping everything in order', 0);
  for (const signal of SIGNALS) process.on(signal, onSignal);
  if (process.connected) process.on('disconnect', onDisconnect);
  return {
    signal: controller.signal,
    requested: requested.promise,
    hurried: hurried.promise,
    request,
    detach: () => {
      for (const signal of SIGNALS) process.off(signal, onSignal);
      process.off('disconnect', onDisconnect);
    },
  };
}
