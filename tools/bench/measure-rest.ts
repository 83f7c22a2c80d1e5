import { MAX_BODY_BYTES } from '../../api/body.ts';
import { POLICY_DECIDES } from './bodies.ts';
import { cpuTable, disturbance, figures, ratioOf } from './compare.ts';
import { table } from './markdown.ts';
import { runInTurn, type Side, type Stage } from './stage.ts';
import { withSpread } from './stats.ts';

const AIM = 0.4;
const AIM_RATE = 1_000;

/** Requests that the policy decides alone, through REST, beside one durable INSERT. @returns Markdown. */
export async function measureRest(stage: Stage): Promise<string> {
  const load = await stage.launch('load-rest', 'load.ts');
  const inserts = await stage.launch('insert-server', 'insert-server.ts');
  const { servers, api, options } = stage;
  const postgres = servers.postgres.pid;
  const submissions = (keyed: boolean): Side => ({
    name: keyed ? 'with Idempotency-Key' : 'Countersign',
    driver: load,
    job: (asked) => ({
      ...{ ...asked, kind: 'submissions', address: servers.apiUrl, path: '/v1/requests', keyed },
      headers: { Authorization: `Bearer ${servers.credentials.app.key}` },
      ...{ body: POLICY_DECIDES, expected: '"status":"approved"' },
    }),
    processes: {
      server: api.pid,
      log: stage.log.pid,
      PostgreSQL: postgres,
      'load generator': load.pid,
    },
  });
  const insert: Side = {
    name: 'Express + INSERT',
    driver: load,
    job: (asked) => ({
      ...{ ...asked, kind: 'submissions', address: inserts.address, path: '/requests' },
      ...{ headers: {}, keyed: false, body: POLICY_DECIDES, expected: '"stored"' },
    }),
    processes: { server: inserts.pid, PostgreSQL: postgres, 'load generator': load.pid },
  };
  const callers = options.connections;
  const [a = [], b = [], c = []] = await runInTurn(
    stage,
    [submissions(false), submissions(true), insert],
    { title: `policy-decided requests/s on ${callers} connections`, callers },
  );
  const rows = [
    ['Countersign', ...figures(a), withSpread(ratioOf(a, c))],
    ['Countersign, each with an Idempotency-Key', ...figures(b), withSpread(ratioOf(b, c))],
    ['Express 5 + one durable INSERT', ...figures(c), ''],
  ];
  const head = [`${callers} connections`, `requests/s (aim ≥ ${AIM_RATE})`, 'p50 ms', 'p99 ms'];
  const cpu = cpuTable('CPU ms per request', [
    { name: 'Countersign', rounds: a },
    { name: 'Countersign, each with an Idempotency-Key', rounds: b },
    { name: 'Express 5 + one durable INSERT', rounds: c },
  ]);
  const size = `The body has ${Buffer.byteLength(POLICY_DECIDES)} bytes; both sides take at most ${MAX_BODY_BYTES}.`;
  const shown = table([...head, `ratio (aim ≥ ${AIM})`], rows);
  const parts = ['### Policy-decided requests', size, shown, cpu, disturbance([a, b, c])];
  return parts.filter((part) => part !== null).join('\n\n');
}
