import { cpuTable, disturbance, figures, ratioOf, type CpuRow } from '../compare.ts';
import { table } from '../markdown.ts';
import type { Bench } from '../measure-ledger.ts';
import { runInTurn, type Round, type Side } from '../stage.ts';
import { withSpread } from '../stats.ts';
import { asAdmin, type LogHome } from './home.ts';
import { CHECKED, PLAIN, PLAIN_TABLES } from './store.ts';

const CONNECTIONS = [8, 32];
const AIM_APPEND = 0.9;
const AIM_SEQUENCER = 3;

/** One record per commit beside a plain insert of the same row, and the sequencer behind it. */
export async function measureStore(bench: Bench): Promise<string> {
  const { stage } = bench;
  const home = await bench.makeLog('bench_append');
  await asAdmin(home.url, PLAIN_TABLES);
  const sides = sidesOf(bench, home);
  const rows: string[][] = [];
  const cpu: CpuRow[] = [];
  for (const callers of CONNECTIONS) {
    const title = `records/s on ${callers} connections`;
    const rounds = await runInTurn(stage, sides, { title, callers });
    rows.push(...rowsOf(rounds, callers));
    cpu.push(
      ...sides.map(({ name }, at) => ({ name: `${name}, ${callers}`, rounds: rounds[at] ?? [] })),
    );
  }
  const head = ['one record per durable commit', 'records/s', 'p50 ms', 'p99 ms'];
  const parts = [
    table([...head, 'append ÷ insert, sequencer ÷ append'], rows),
    cpuTable('CPU ms per record', cpu),
    disturbance(cpu.map(({ rounds }) => rounds)),
  ];
  return parts.filter((part) => part !== null).join('\n\n');
}

/** @param rounds of append, sequencer, plain insert and the one with checks. */
function rowsOf(rounds: readonly Round[][], callers: number): string[][] {
  const [append = [], sequencer = [], plain = [], checked = []] = rounds;
  const [leaves = ''] = figures(sequencer);
  const [ofPlain, ofChecked] = [ratioOf(append, plain), ratioOf(append, checked)].map(withSpread);
  const ofAppend = withSpread(ratioOf(sequencer, append));
  return [
    [`append, ${callers} connections`, ...figures(append), ''],
    [`plain insert, ${callers}`, ...figures(plain), `${ofPlain} (aim ≥ ${AIM_APPEND})`],
    [`plain insert with the same checks, ${callers}`, ...figures(checked), ofChecked ?? ''],
    [`sequencer behind it, ${callers}`, leaves, '', '', `${ofAppend} (aim ≥ ${AIM_SEQUENCER})`],
  ];
}

function sidesOf({ stage, template, load, keeper }: Bench, home: LogHome): Side[] {
  const postgres = stage.servers.postgres.pid;
  const processes = { PostgreSQL: postgres, 'load generator': load.pid };
  const insert = (name: string, into: string): Side => ({
    ...{ name, driver: load, processes },
    job: (asked) => ({ ...asked, kind: 'insert', home, table: into }),
  });
  const append: Side = {
    ...{ name: 'append', driver: load, processes },
    job: (asked) => ({ ...asked, kind: 'append', home, template }),
  };
  const sequencer: Side = {
    ...{ name: 'sequencer', driver: keeper },
    job: () => ({ kind: 'drain', home, sign: false }),
    processes: { PostgreSQL: postgres, sequencer: keeper.pid },
  };
  return [append, sequencer, insert('plain insert', PLAIN), insert('with checks', CHECKED)];
}
