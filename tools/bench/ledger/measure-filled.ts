import { disturbance, figures, ratioOf, spreadBy } from '../compare.ts';
import { table } from '../markdown.ts';
import type { Bench } from '../measure-ledger.ts';
import { runInTurn, runRound, type Round, type Side } from '../stage.ts';
import { plain, spreadOf, withSpread } from '../stats.ts';
import { asAdmin, type LogHome } from './home.ts';

const SMALL = 10_000;
/** Between two turns of sequencer and signer while a log is filled. */
const PORTION = 25_000;
const FILL_LIMIT_MS = 600_000;
const FSCK_LIMIT_MS = 1_800_000;
const AIM_VERIFY = 0.7;
const AIM_PROOF = 1.5;
const AIM_FSCK = 30;
const MILLION = 1_000_000;

/** A log of many records: its size on disk, verification, examination, proofs. */
export async function measureFilled(bench: Bench, wal: string): Promise<string> {
  const { options } = bench.stage;
  const small = await filledLog(bench, 'bench_small', SMALL);
  const big = await filledLog(bench, 'bench_big', options.records);
  const parts = [
    ...[wal, await bytesOf(big)],
    ...[await measureVerify(bench, big), await measureFsck(bench, big)],
    await measureProofs(bench, small, big),
  ];
  return parts.join('\n\n');
}

interface Filled {
  readonly home: LogHome;
  readonly records: number;
  readonly seconds: number;
}

async function filledLog(
  { stage, template, load, keeper, makeLog }: Bench,
  name: string,
  count: number,
): Promise<Filled> {
  const step = stage.report.step(`filling a log with ${plain(count)} records`);
  const begun = performance.now();
  const home = await makeLog(name);
  let records = 0;
  while (records < count) {
    stage.signal.throwIfAborted();
    step.progress(plain(records));
    const portion = Math.min(PORTION, count - records);
    const job = { kind: 'fill', home, template, count: portion };
    records += Number(await load.ask(job, FILL_LIMIT_MS));
    await keeper.ask({ kind: 'drain', home, sign: true }, FILL_LIMIT_MS);
  }
  const seconds = (performance.now() - begun) / 1_000;
  await asAdmin(home.url, 'VACUUM ANALYZE'); // what the server does by itself a minute later
  await asAdmin(home.url, 'CHECKPOINT');
  step.done(`${seconds.toFixed(0)} s`);
  return { home, records, seconds };
}

async function bytesOf({ home, records, seconds }: Filled): Promise<string> {
  const [row] = await asAdmin<Record<'heap' | 'all' | 'leaf' | 'tile' | 'bytes', string>>(
    home.url,
    `SELECT pg_table_size('ledger_record') AS heap, pg_total_relation_size('ledger_record') AS all,
      pg_total_relation_size('log_leaf') AS leaf, pg_total_relation_size('log_tile') AS tile,
      (SELECT avg(octet_length(bytes)) FROM ledger_record) AS bytes`,
  );
  const per = (value: string | undefined): number => Number(value) / records;
  const cells = [
    ...[Number(row?.bytes), per(row?.heap), per(row?.all) - per(row?.heap), per(row?.leaf)],
    ...[per(row?.tile), per(row?.all) + per(row?.leaf) + per(row?.tile)],
  ];
  return [
    `The filled log has ${plain(records)} records; filling took ${plain(seconds)} s (many streams in one commit, then the real sequencer and signer).`,
    table(
      [
        ...['bytes per record on disk', 'its exact bytes', 'table', 'its indexes'],
        ...['place (`log_leaf`)', 'tiles', 'sum'],
      ],
      [[`${plain(records)} records`, ...cells.map(plain)]],
    ),
  ].join('\n\n');
}

async function measureVerify({ stage, load }: Bench, { home }: Filled): Promise<string> {
  const side = (name: string, kind: string): Side => ({
    ...{ name, driver: load },
    job: (asked) => ({ ...asked, kind, home }),
    processes: { PostgreSQL: stage.servers.postgres.pid, client: load.pid },
  });
  const title = 'records/s verified, and merely read';
  const sides = [side('verify', 'verify'), side('SELECT', 'select')];
  const [a = [], b = []] = await runInTurn(stage, sides, { title, callers: 1 });
  const rate = (rounds: readonly Round[]): string => figures(rounds)[0] ?? '';
  const cpu = (rounds: readonly Round[], name: string): string =>
    plain(spreadBy(rounds, (one) => 1_000 * (one.cpu[name] ?? NaN)).median);
  const row = (name: string, rounds: readonly Round[], ratio: string): string[] => [
    ...[name, rate(rounds), cpu(rounds, 'client'), cpu(rounds, 'PostgreSQL'), ratio],
  ];
  const head = ['every chain of the log', 'records/s', 'CPU µs per record', 'in PostgreSQL'];
  const shown = table(
    [...head, `ratio (aim ≥ ${AIM_VERIFY})`],
    [row('read and verify', a, withSpread(ratioOf(a, b))), row('SELECT of the same rows', b, '')],
  );
  return [shown, disturbance([a, b])].filter((part) => part !== null).join('\n\n');
}

async function measureFsck({ stage, load }: Bench, { home, records }: Filled): Promise<string> {
  const { options, report, signal, servers } = stage;
  const side: Side = {
    ...{ name: 'fsck', driver: load },
    job: (asked) => ({ ...asked, kind: 'fsck', home }),
    processes: { PostgreSQL: servers.postgres.pid, client: load.pid },
  };
  const step = report.step(`fsck of ${plain(records)} records`);
  const rounds: Round[] = [];
  for (let round = 1; round <= options.rounds; round += 1) {
    step.progress(`round ${round} of ${options.rounds}`);
    rounds.push(await runRound(side, { callers: 1, ms: FSCK_LIMIT_MS, signal }));
  }
  const seconds = spreadBy(rounds, (one) => one.seconds);
  step.done(`${withSpread(seconds)} s`);
  const million = spreadOf(rounds.map((one) => MILLION / one.rate));
  const shown = table(
    [
      'examination of everything (`npm run selfcheck`)',
      'seconds',
      'records/s',
      `seconds a million (aim ≤ ${AIM_FSCK})`,
    ],
    [
      [
        `${plain(records)} records`,
        withSpread(seconds),
        figures(rounds)[0] ?? '',
        withSpread(million),
      ],
    ],
  );
  return [shown, disturbance([rounds])].filter((part) => part !== null).join('\n\n');
}

async function measureProofs(bench: Bench, small: Filled, big: Filled): Promise<string> {
  const { stage, load } = bench;
  const side = ({ home, records }: Filled): Side => ({
    ...{ name: plain(records), driver: load },
    job: (asked) => ({ ...asked, kind: 'proofs', home }),
    processes: { PostgreSQL: stage.servers.postgres.pid, client: load.pid },
  });
  const title = 'inclusion proofs of any record';
  const [a = [], b = []] = await runInTurn(stage, [side(small), side(big)], { title, callers: 1 });
  const ratio = spreadOf(b.map((one, at) => one.p99 / (a[at]?.p99 ?? NaN)));
  const times = (rounds: readonly Round[]): string[] => [
    withSpread(spreadBy(rounds, (one) => one.rate)),
    withSpread(spreadBy(rounds, (one) => one.p50)),
    withSpread(spreadBy(rounds, (one) => one.p99)),
  ];
  const shown = table(
    [
      'inclusion proofs, one at a time',
      'proofs/s',
      'p50 ms',
      'p99 ms',
      `p99 ratio (aim ≤ ${AIM_PROOF})`,
    ],
    [
      [`log of ${plain(small.records)}`, ...times(a), ''],
      [`log of ${plain(big.records)}`, ...times(b), withSpread(ratio)],
    ],
  );
  return [shown, disturbance([a, b])].filter((part) => part !== null).join('\n\n');
}
