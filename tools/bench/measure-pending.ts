import { setTimeout as sleep } from 'node:timers/promises';
import { PERSON_DECIDES } from './bodies.ts';
import { createPost, expectStatus } from './http-call.ts';
import { table } from './markdown.ts';
import { memoryOf, treeOf } from './processes.ts';
import type { Stage } from './stage.ts';
import { plain, spreadOf, withSpread } from './stats.ts';

const AIM_KIB = 2;
const PENDING = 2_000;
const CALLERS = 16;
/** So that what is under way has ended. */
const IDLE_MS = 15_000;
const COLLECTIONS = 3;
const COLLECT_MS = 3_000;

/**
 * What our processes hold for each request that waits in the real engine: memory before and after so many
 * more wait, each time after a pause without a call and after collecting garbage. The first lots only warm the
 * processes up.
 *
 * @returns Markdown.
 */
export async function measurePending(stage: Stage): Promise<string> {
  const { servers, options, report, signal } = stage;
  const processes = { API: stage.api.pid, worker: stage.worker.pid, log: stage.log.pid };
  const step = report.step(`memory of ${PENDING} pending requests`);
  const post = createPost(servers.apiUrl, CALLERS);
  const submit = async (): Promise<void> => {
    const key = { Authorization: `Bearer ${servers.credentials.app.key}` };
    expectStatus(await post('/v1/requests', key, PERSON_DECIDES), 201);
  };
  const lot = async (what: string): Promise<Readings> => {
    step.progress(what);
    let left = PENDING;
    const caller = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        signal.throwIfAborted();
        await submit();
      }
    };
    await Promise.all(Array.from({ length: CALLERS }, caller));
    await sleep(IDLE_MS, undefined, { signal });
    for (let n = 0; n < COLLECTIONS; n += 1) {
      for (const pid of Object.values(processes)) process.kill(pid, 'SIGUSR2');
      await sleep(COLLECT_MS, undefined, { signal });
    }
    return readingsOf(processes);
  };
  try {
    await lot('warming up');
    const readings = [await lot('warming up')];
    for (let round = 1; round <= options.rounds; round += 1)
      readings.push(await lot(`round ${round} of ${options.rounds}`));
    step.done();
    return markdown(readings);
  } catch (error) {
    step.failed('see below');
    throw error;
  }
}

/** PSS in bytes, by process; null where nobody may read it. */
type Readings = Readonly<Record<string, number | null>>;

function readingsOf(processes: Readonly<Record<string, number>>): Readings {
  const read = Object.entries(processes).map(
    ([name, pid]) => [name, memoryOf(treeOf(pid))?.pss ?? null] as const,
  );
  return Object.fromEntries(read);
}

function markdown(readings: readonly Readings[]): string {
  const names = Object.keys(readings[0] ?? {});
  const growth = (of: (one: Readings) => number): number[] =>
    readings.slice(1).map((one, at) => (of(one) - of(readings[at] as Readings)) / 1_024 / PENDING);
  const of = (name: string) => (one: Readings) => one[name] ?? NaN;
  const sum = (one: Readings): number => names.reduce((all, name) => all + of(name)(one), 0);
  const rows = [...names, 'together'].map((name) => {
    const value = name === 'together' ? sum : of(name);
    return [
      name,
      plain(value(readings[0] as Readings) / 1_048_576),
      plain(value(readings.at(-1) as Readings) / 1_048_576),
      withSpread(spreadOf(growth(value))),
    ];
  });
  const head = [
    'PSS',
    'first MB',
    'last MB',
    `KiB per pending request (aim ≤ ${AIM_KIB} together)`,
  ];
  const what = `Each round adds ${PENDING.toLocaleString('en-US')} requests that wait, each with its workflow, to those that wait already, and reads the memory after ${IDLE_MS / 1_000} s without a call and a collection of all garbage; two such lots go before, so that what grows with use has grown.`;
  return ['### Pending requests', what, table(head, rows)].join('\n\n');
}
