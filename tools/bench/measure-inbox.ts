import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createVault } from '../../application/vault.ts';
import { openDatabase, type Database } from '../../prisma/database.ts';
import { PERSON_DECIDES, POLICY_DECIDES } from './bodies.ts';
import { layRequests, type Template } from './inbox/lay.ts';
import type { PageJob, PageTimes } from './inbox/pages.ts';
import { asAdmin } from './ledger/home.ts';
import { table } from './markdown.ts';
import { cpuMsOf } from './processes.ts';
import type { Program } from './program.ts';
import type { Stage } from './stage.ts';
import { plain, spreadOf, withSpread, type Spread } from './stats.ts';

const AIM = 1.3;
const FEW = 10_000;
const LIMIT = 20;
const DEEP = 100;
const CALLS = 200;
const WARM_UP = 20;
const ANSWER_LIMIT_MS = 600_000;

/** How the copies are made up: what waits for the reviewer is as much in both. */
const WAITING = 3_000;
const SHARES = { vendor: 0.05, rejected: 0.05 } as const;
const DECIDED_BY_HER = { few: 1_000, many: 4_000 } as const;

interface List {
  readonly name: string;
  readonly who: string;
  readonly query: string;
}

/** Eve reviews loans, cora sees everything, vic reviews vendors. */
const LISTS: readonly List[] = [
  { name: 'inbox, newest first', who: 'eve', query: 'eligible=me' },
  { name: 'inbox, most urgent first', who: 'eve', query: 'eligible=me&order=urgent' },
  { name: 'all that a reviewer may see', who: 'eve', query: '' },
  { name: 'all of an app', who: 'app', query: '' },
  { name: 'pending ones of an app', who: 'app', query: 'status=pending' },
  { name: 'everything', who: 'cora', query: '' },
  { name: 'pending ones of everything, most urgent first', who: 'cora', query: 'order=urgent' },
  { name: 'approved ones of one kind', who: 'cora', query: 'status=approved&kind=ai-decision' },
];

/** Pages of lists with many requests in the database, beside the same pages with few. @returns Markdown. */
export async function measureInbox(stage: Stage): Promise<string> {
  const { servers, options, report } = stage;
  const db = openDatabase(servers.postgres.url, 4);
  const pages = await stage.launch('pages', 'inbox/pages.ts');
  try {
    const originals = await makeOriginals(stage);
    const measured: Measured[] = [];
    for (const count of [FEW, options.requests]) {
      const step = report.step(`lists over ${count.toLocaleString('en-US')} requests`);
      step.progress('laying the rows');
      await lay(stage, db, { originals, count });
      const rounds: Measured['rounds'][number][] = [];
      for (let round = 1; round <= options.rounds; round += 1) {
        const times = new Map<string, ListTimes>();
        for (const list of LISTS) {
          stage.signal.throwIfAborted();
          step.progress(`round ${round} of ${options.rounds}, ${list.name}`);
          times.set(list.name, await measureList(stage, pages, list));
        }
        rounds.push(times);
      }
      measured.push({ count, rounds });
      step.done();
    }
    return markdown(measured as [Measured, Measured]);
  } finally {
    await pages.stop();
    await db.close();
  }
}

interface ListTimes extends PageTimes {
  /** CPU milliseconds of API and PostgreSQL per page; null where nobody counts them. */
  readonly cpu: number | null;
}

async function measureList(stage: Stage, pages: Program, list: List): Promise<ListTimes> {
  const used = (): number | null => {
    const [api, postgres] = [cpuMsOf(stage.api.pid), cpuMsOf(stage.servers.postgres.pid)];
    return api === null || postgres === null ? null : api + postgres;
  };
  const before = used();
  const times = (await pages.ask(jobOf(stage, list), ANSWER_LIMIT_MS)) as PageTimes;
  const after = used();
  const read = DEEP - 1 + 2 * (CALLS + WARM_UP);
  return { ...times, cpu: before === null || after === null ? null : (after - before) / read };
}

function jobOf({ servers }: Stage, { who, query }: List): PageJob {
  const { app, people } = servers.credentials;
  const token = who === 'app' ? app.key : people.find(({ id }) => id === who)?.token;
  if (token === undefined) throw new Error(`no sample person ${who}`);
  const path = `/v1/requests?${query}${query === '' ? '' : '&'}limit=${LIMIT}`;
  return { address: servers.apiUrl, token, path, deep: DEEP, calls: CALLS, warmUp: WARM_UP };
}

// ---- rows ----------------------------------------------------------------------------------------

interface Original {
  readonly name: 'waiting' | 'half' | 'vendor' | 'rejected' | 'approved';
  readonly id: string;
}

/** One request of each sort, made by the product. */
async function makeOriginals({ servers }: Stage): Promise<Original[]> {
  const call = async <B>(who: string, path: string, body?: unknown): Promise<B> => {
    const { app, people } = servers.credentials;
    const token = who === 'app' ? app.key : (people.find(({ id }) => id === who)?.token ?? '');
    const reply = await fetch(`${servers.apiUrl}/v1/requests${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!reply.ok) throw new Error(`${path} answered ${reply.status}: ${await reply.text()}`);
    return (await reply.json()) as B;
  };
  const submit = async (body: unknown): Promise<string> =>
    (await call<{ id: string }>('app', '', body)).id;
  const decide = async (who: string, id: string, verdict: string): Promise<void> => {
    const { contentDigest } = await call<{ contentDigest: string }>(who, `/${id}/view`);
    await call(who, `/${id}/decisions`, { verdict, contentDigest, rationale: 'For the bench.' });
  };
  const decision = JSON.parse(PERSON_DECIDES) as { action: object };
  const loan = {
    ...{ ...decision, riskTier: 'medium' },
    action: { ...decision.action, operation: 'loan.decline' },
  };
  const [waiting, half, rejected] = [await submit(loan), await submit(loan), await submit(loan)];
  await decide('eve', half, 'approve');
  await decide('omar', rejected, 'reject');
  const approved = await submit(JSON.parse(POLICY_DECIDES));
  const vendor = await submit(VENDOR);
  return Object.entries({ waiting, half, vendor, rejected, approved }).map(([name, id]) => ({
    name: name as Original['name'],
    id,
  }));
}

const VENDOR = {
  kind: 'vendor-approval',
  title: 'Use Acme Transcribe for meeting notes',
  action: { operation: 'vendor.approve', target: 'vendor/acme-transcribe' },
  context: {
    vendor: { legalName: 'Acme Transcribe GmbH', country: 'DE' },
    product: { name: 'Transcribe' },
    useCase: {
      purpose: 'notes of internal meetings',
      dataClasses: ['internal'],
      deploymentRegion: 'eu-central',
      personalDataEu: false,
      matterSensitivity: 'low',
    },
    owner: 'mia',
  },
};

function templatesOf(originals: readonly Original[], count: number): Template[] {
  const half = count === FEW ? DECIDED_BY_HER.few : DECIDED_BY_HER.many;
  const vendor = Math.round(count * SHARES.vendor);
  const rejected = Math.round(count * SHARES.rejected);
  const approved = count - WAITING - half - vendor - rejected;
  const counts = { waiting: WAITING, half, vendor, rejected, approved };
  return originals.map(({ name, id }) => ({ id, count: counts[name] }));
}

/** In place of what was laid before. */
async function lay(
  { servers }: Stage,
  db: Database,
  { originals, count }: { readonly originals: readonly Original[]; readonly count: number },
): Promise<void> {
  const { url } = servers.postgres;
  await asAdmin(url, `DELETE FROM request WHERE octet_length(content) = 1`);
  for (const name of ['request_waiting', 'request_person'])
    await asAdmin(
      url,
      `DELETE FROM ${name} l WHERE NOT EXISTS (SELECT FROM request r WHERE r.id = l.request_id)`,
    );
  await layRequests(db, {
    vault: createVault(keyOf(servers.folder)),
    templates: templatesOf(originals, count),
    newest: new Date(Date.now() - 60_000),
    apartMs: 10_000_000_000 / count, // four months, whatever lies in them
  });
  await asAdmin(url, 'VACUUM (ANALYZE) request, request_waiting, request_person');
}

function keyOf(folder: string): Uint8Array {
  return Buffer.from(readFileSync(join(folder, 'keys', 'encryption-key'), 'utf8').trim(), 'base64');
}

// ---- what is told --------------------------------------------------------------------------------

interface Measured {
  readonly count: number;
  readonly rounds: readonly ReadonlyMap<string, ListTimes>[];
}

type Part = 'first' | 'deep';

function markdown([few, many]: readonly [Measured, Measured]): string {
  const rows = LISTS.flatMap(({ name }) =>
    (['first', 'deep'] as const).map((part) => {
      const p99 = (of: Measured): Spread => spread(of, { name, part, value: 'p99' });
      const p50 = (of: Measured): string => plain(spread(of, { name, part, value: 'p50' }).median);
      const ratio = p99(many).median / p99(few).median;
      return [
        `${name}, ${part === 'first' ? 'first page' : `page ${DEEP}`}`,
        ...[p50(few), withSpread(p99(few)), p50(many), withSpread(p99(many))],
        plain(ratio),
      ];
    }),
  );
  const cpu = LISTS.map(({ name }) => {
    const [less, more] = [few, many].map(({ rounds }) =>
      spreadOf(rounds.map((round) => round.get(name)?.cpu ?? NaN)),
    ) as [Spread, Spread];
    return [name, withSpread(less), withSpread(more), plain(more.median / less.median)];
  });
  const [less, more] = [few, many].map(({ count }) => count.toLocaleString('en-US'));
  const columns = [
    `pages of ${LIMIT}`,
    ...[less, more].flatMap((count) => [`${count}: p50 ms`, 'p99 ms']),
    `p99 ratio (aim ≤ ${AIM})`,
  ];
  const what = `Both databases hold ${WAITING.toLocaleString('en-US')} requests that wait for the reviewer, and ${DECIDED_BY_HER.few.toLocaleString('en-US')} or ${DECIDED_BY_HER.many.toLocaleString('en-US')} that she has decided and that wait for others; ${100 * SHARES.vendor} % wait for other people, the rest is over. ${CALLS} calls per page and round, one at a time.`;
  const head = ['CPU ms per page, API and PostgreSQL', less, more, 'ratio'] as string[];
  return ['### Lists', what, table(columns, rows), table(head, cpu)].join('\n\n');
}

function spread(
  { rounds }: Measured,
  {
    name,
    part,
    value,
  }: { readonly name: string; readonly part: Part; readonly value: 'p50' | 'p99' },
): Spread {
  return spreadOf(rounds.map((round) => round.get(name)?.[part][value] ?? NaN));
}
