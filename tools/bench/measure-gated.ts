import { PERSON_DECIDES } from './bodies.ts';
import { cpuTable, disturbance, figures, ratioOf, type CpuRow } from './compare.ts';
import { table } from './markdown.ts';
import { runInTurn, type Side, type Stage } from './stage.ts';
import { withSpread } from './stats.ts';

const AIM = 0.9;
/** May decide in the stage of policies/bench-gate.yaml. */
const ROLE = 'credit-officer';

/** Gated approvals through REST beside the least that a gate can be in Temporal. @returns Markdown. */
export async function measureGated(stage: Stage): Promise<string> {
  const load = await stage.launch('load-gated', 'load.ts');
  const bareWorker = await stage.launch('bare-worker', 'bare/worker.ts');
  const bareClient = await stage.launch('bare-client', 'bare/client.ts');
  const { servers, api, worker } = stage;
  const { postgres, temporal, apiUrl, credentials } = servers;
  const people = credentials.people.filter(({ roles }) => roles.includes(ROLE));
  const tokens = people.map(({ token }) => token);
  const ours: Side = {
    name: 'Countersign',
    driver: load,
    job: (asked) => ({
      ...{ ...asked, kind: 'approvals', address: apiUrl, body: PERSON_DECIDES },
      ...{ appKey: credentials.app.key, tokens },
    }),
    processes: {
      ...{
        API: api.pid,
        worker: worker.pid,
        log: stage.log.pid,
        Temporal: temporal.pid,
        PostgreSQL: postgres.pid,
      },
      'load generator': load.pid,
    },
  };
  const bare: Side = {
    name: 'bare workflow',
    driver: bareClient,
    job: (asked) => asked,
    processes: {
      ...{ worker: bareWorker.pid, Temporal: temporal.pid },
      'load generator': bareClient.pid,
    },
  };
  const rows: string[][] = [];
  const cpu: CpuRow[] = [];
  for (const callers of stage.options.callers) {
    const title = `gated approvals/s at ${callers} callers`;
    const [a = [], b = []] = await runInTurn(stage, [ours, bare], { title, callers });
    rows.push([String(callers), ...figures(a), ...figures(b), withSpread(ratioOf(a, b))]);
    cpu.push(
      { name: `Countersign, ${callers}`, rounds: a },
      { name: `bare workflow, ${callers}`, rounds: b },
    );
  }
  const head = ['callers', 'approvals/s', 'decision p50 ms', 'p99 ms'];
  const beside = ['bare workflow/s', 'Update p50 ms', 'p99 ms', `ratio (aim ≥ ${AIM})`];
  const times = cpuTable('CPU ms per approval', cpu);
  const shown = table([...head, ...beside], rows);
  const others = disturbance(cpu.map(({ rounds }) => rounds));
  const parts = ['### Gated approvals', shown, times, others];
  return parts.filter((part) => part !== null).join('\n\n');
}
