import { disturbance, spreadBy } from '../compare.ts';
import { table } from '../markdown.ts';
import type { Bench } from '../measure-ledger.ts';
import { runRound, type Round, type Side } from '../stage.ts';
import { plain, withSpread } from '../stats.ts';
import type { Published } from './publish.ts';

const CONNECTIONS = 32;
const AIM_RATE = 3_000;
const AIM_P99_MS = 1_500;
const ASK_LIMIT_MS = 10_000;

type LiveRound = Round & Published;

/** Everything at once, as it runs: seal, append, sequence, sign, store the checkpoint. */
export async function measureLive(bench: Bench): Promise<string> {
  const { stage, template, load, keeper } = bench;
  const { options, signal, report } = stage;
  const home = await bench.makeLog('bench_live');
  const side = (name: string, rate: number | null): Side => ({
    ...{ name, driver: load },
    job: (asked) => ({ ...asked, kind: 'publish', home, template, rate }),
    processes: {
      PostgreSQL: stage.servers.postgres.pid,
      'load generator': load.pid,
      keeper: keeper.pid,
    },
  });
  const run = async (name: string, rate: number | null, seconds: number): Promise<LiveRound> => {
    const asked = { callers: CONNECTIONS, ms: seconds * 1_000, signal };
    return (await runRound(side(name, rate), asked)) as LiveRound;
  };
  const step = report.step('from sealing to the signed checkpoint');
  try {
    await keeper.ask({ kind: 'keep', home }, ASK_LIMIT_MS);
    step.progress('warming up');
    await run('sustained', null, options.warmUpSeconds);
    step.progress(`sustained, ${options.sustainedSeconds} s`);
    const full = await run('sustained', null, options.sustainedSeconds);
    const halves: LiveRound[] = [];
    for (let round = 1; round <= options.rounds; round += 1) {
      step.progress(`half the rate, round ${round} of ${options.rounds}`);
      halves.push(await run('half the rate', Math.ceil(full.rate / 2), options.seconds));
    }
    await keeper.ask({ kind: 'rest' }, ASK_LIMIT_MS);
    step.done(
      `${plain(full.rate)} published/s; p99 ${plain(spreadBy(halves, (one) => one.p99).median)} ms at half`,
    );
    return shown(full, halves, options.sustainedSeconds);
  } catch (error) {
    step.failed('see below');
    throw error;
  }
}

function shown(full: LiveRound, halves: readonly LiveRound[], seconds: number): string {
  const figure = (of: (round: LiveRound) => number): string =>
    withSpread(spreadBy(halves, of as (round: Round) => number));
  const rows = [
    [
      `as fast as it goes, ${seconds} s`,
      plain(full.appended / full.seconds),
      plain(full.rate),
      ...[plain(full.p50), plain(full.p99)],
    ],
    [
      'at half that rate',
      figure((one) => one.appended / one.seconds),
      figure((one) => one.rate),
      ...[figure((one) => one.p50), figure((one) => one.p99)],
    ],
  ];
  const head = table(
    [
      `${CONNECTIONS} connections, one record per commit`,
      'appended/s',
      `published/s (aim ≥ ${plain(AIM_RATE)})`,
      'append → published p50 ms',
      `p99 ms (aim ≤ ${plain(AIM_P99_MS)})`,
    ],
    rows,
  );
  return [head, disturbance([[full], halves])].filter((part) => part !== null).join('\n\n');
}
