import { setTimeout as sleep } from 'node:timers/promises';
import { PERSON_DECIDES } from './bodies.ts';
import { readTemplate, type Template } from './ledger/chains.ts';
import { asAdmin, makeLog, type LogHome } from './ledger/home.ts';
import { measureFilled } from './ledger/measure-filled.ts';
import { measureLive } from './ledger/measure-live.ts';
import { measureStore } from './ledger/measure-store.ts';
import { table } from './markdown.ts';
import type { Program } from './program.ts';
import { runRound, type Side, type Stage } from './stage.ts';
import { plain } from './stats.ts';

const LOOK_MS = 50;

/** What the measures of the log share. */
export interface Bench {
  readonly stage: Stage;
  readonly template: Template;
  /** Works on a log. */
  readonly load: Program;
  /** Sequencer and signer. */
  readonly keeper: Program;
  readonly makeLog: (name: string) => Promise<LogHome>;
}

/** The log, part by part, on copies of an approval that the product has just sealed. @returns Markdown. */
export async function measureLedger(stage: Stage): Promise<string> {
  const { servers, report } = stage;
  const wal = await walOfApprovals(stage);
  const template = await readTemplate(servers.postgres.url);
  await stage.api.stop(); // from here on nothing but what is measured
  await stage.worker.stop();
  await stage.log.stop();
  const load = await stage.launch('ledger-load', 'ledger/load.ts');
  const keeper = await stage.launch('ledger-keeper', 'ledger/keeper.ts');
  const place = { adminUrl: servers.postgres.adminUrl, folder: servers.folder, root: stage.root };
  const bench: Bench = {
    ...{ stage, template, load, keeper },
    makeLog: (name) => makeLog(name, place),
  };
  const bytes = template.records.map((text) => text.length);
  const mean = bytes.reduce((sum, one) => sum + one, 0) / bytes.length;
  report.say(`rows: ${template.records.length} records of ${plain(mean)} bytes a stream`);
  const rows = `Rows are copies of an approval that the product has just sealed, each in a stream of its own: ${template.records.length} records of ${Math.min(...bytes)} to ${Math.max(...bytes)} bytes, ${plain(mean)} on average.`;
  const stored = await measureStore(bench);
  const live = await measureLive(bench);
  const filled = await measureFilled(bench, wal);
  return ['### The log', rows, stored, live, filled].join('\n\n');
}

/** Gated approvals over REST, and how far the write-ahead log has moved when all is in the log. */
async function walOfApprovals(stage: Stage): Promise<string> {
  const { servers, api, worker, options, report, signal } = stage;
  const step = report.step('WAL bytes per approval');
  const load = await stage.launch('load-approvals', 'load.ts');
  const people = servers.credentials.people.filter(({ roles }) => roles.includes('credit-officer'));
  const side: Side = {
    name: 'Countersign',
    driver: load,
    job: (asked) => ({
      ...{ ...asked, kind: 'approvals', address: servers.apiUrl, body: PERSON_DECIDES },
      ...{ appKey: servers.credentials.app.key, tokens: people.map(({ token }) => token) },
    }),
    processes: {
      API: api.pid,
      worker: worker.pid,
      log: stage.log.pid,
      PostgreSQL: servers.postgres.pid,
      load: load.pid,
    },
  };
  const asked = { callers: 16, signal };
  // A page's first change after a checkpoint is written whole: not what the approval itself costs.
  await asAdmin(servers.postgres.adminUrl, 'CHECKPOINT');
  await runRound(side, { ...asked, ms: options.warmUpSeconds * 1_000 });
  const before = await moved(stage, null);
  const { done } = await runRound(side, { ...asked, ms: options.seconds * 1_000 });
  const { lsn, records } = await moved(stage, before);
  await load.stop();
  step.done(`${plain(lsn / done)} bytes`);
  return table(
    ['gated approvals', 'WAL bytes per approval', 'records per approval'],
    [[`${done} through REST, 16 at once`, plain(lsn / done), plain(records / done)]],
  );
}

interface Moved {
  readonly lsn: number;
  readonly records: number;
}

/** Waits until every record is published. */
async function moved({ servers, signal }: Stage, since: Moved | null): Promise<Moved> {
  for (;;) {
    await sleep(LOOK_MS, undefined, { signal });
    const [row] = await asAdmin<{ lsn: string; size: string; isQuiet: boolean }>(
      servers.postgres.url,
      `SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS lsn, s.size, s.size = (SELECT max(size)
          FROM log_checkpoint) AND NOT EXISTS (SELECT FROM log_queue) AS "isQuiet" FROM log_state s`,
    );
    if (row?.isQuiet !== true) continue;
    const now = { lsn: Number(row.lsn), records: Number(row.size) };
    return since === null
      ? now
      : { lsn: now.lsn - since.lsn, records: now.records - since.records };
  }
}
