import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Deps } from '../../application/deps.ts';
import {
  ensureSampleDirectory,
  issueSampleCredentials,
} from '../../application/sample-directory.ts';
import { createVault } from '../../application/vault.ts';
import { findFreePort } from '../../bin/embedded/ports.ts';
import { fromMillis } from '../../domain/instant.ts';
import { newSigningKey } from '../../ledger/signer-key.ts';
import { addReviewers, eventually } from '../support/acts.ts';
import { track } from '../support/no-leaks.ts';
import { ownPostgres, ownTemporal } from '../support/own-servers.ts';
import { createTestDatabase, openTestDeps, publishPolicies } from '../support/stack.ts';
import { openTemporalPort, type TemporalPort } from '../workflows/temporal.ts';
import {
  createHolds,
  postgresProxy,
  temporalProxy,
  type Holds,
  type TemporalProxy,
} from './fault-table-wire.ts';

export const FAULTS = [
  'the worker is killed',
  'the API is killed',
  'PostgreSQL is killed and restarted',
  'every connection to PostgreSQL is cut',
  'Temporal is killed and restarted',
  'every connection to Temporal is cut',
] as const;
export type Fault = (typeof FAULTS)[number];

/** Updates that one run of a gate takes here; at nine tenths Temporal asks for another run. */
export const UPDATES = 10;

export interface Answer {
  /** 0 where there was none. */
  readonly status: number;
  readonly text: string;
  readonly replayed: boolean;
}

/** API and worker as processes of their own, with doors in front of their servers that the test holds. */
export interface World {
  readonly deps: Deps;
  readonly port: TemporalPort;
  readonly holds: Holds;
  /** What the worker says to Temporal. */
  readonly uplink: TemporalProxy;
  readonly people: ReadonlyMap<string, string>;
  call(who: string, path: string, how?: { body?: unknown; key?: string }): Promise<Answer>;
  /** The fault itself; nothing is mended yet. */
  strike(fault: Fault): Promise<void>;
  /** Everything runs again. */
  mend(): Promise<void>;
  /** What the processes printed. */
  output(): string;
  close(): Promise<void>;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

interface Child {
  kill(): Promise<void>;
  /** Changes nothing while it runs. */
  start(): Promise<void>;
}

/** One program of the product; it ends with this process. */
function program(name: string, env: NodeJS.ProcessEnv, say: (text: string) => void): Child {
  let child: ChildProcess | null = null;
  return {
    async kill() {
      if (child === null) return;
      const ended = new Promise((resolve) => child?.once('close', resolve));
      child.kill('SIGKILL');
      await ended;
      child = null;
    },
    async start() {
      if (child !== null) return;
      child = spawn(process.execPath, [join(ROOT, 'bin', `${name}.ts`)], {
        ...{ cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] },
      });
      for (const stream of [child.stdout, child.stderr])
        stream?.on('data', (chunk: Buffer) => say(`${name}: ${chunk.toString('utf8')}`));
      const ready = new Promise<void>((resolve, reject) => {
        child?.once('message', () => resolve());
        child?.once('exit', (code) => reject(new Error(`${name} ended with ${code}`)));
      });
      await ready;
    },
  };
}

/** @param people ids by the role that they hold beside the sample people; @param policies YAML. */
export async function openWorld(
  people: readonly { readonly role: string; readonly count: number }[],
  policies: readonly string[],
): Promise<World> {
  const [postgres, temporal] = await Promise.all([
    ownPostgres(),
    ownTemporal({ 'history.maxTotalUpdates': UPDATES }),
  ]);
  const database = await createTestDatabase(postgres.server().adminUrl);
  const key = randomBytes(32);
  const clock = { now: () => fromMillis(Date.now()), advance: () => undefined };
  const base = await openTestDeps(database.url, clock);
  const deps = { ...base, vault: createVault(key) };
  await ensureSampleDirectory(deps);
  const { app, people: samples } = await issueSampleCredentials(deps);
  const added = await Promise.all(people.map((wish) => addReviewers(deps, wish)));
  await publishPolicies(deps, policies);
  const tokens = new Map([...samples, ...added.flat()].map(({ id, token }) => [id, token]));
  tokens.set('app', app.key);

  const holds = createHolds();
  const sql = () => Number(new URL(postgres.server().adminUrl).port);
  const grpc = () => Number(temporal.server().address.split(':')[1]);
  const doors = {
    sql: await postgresProxy(sql, holds),
    up: await temporalProxy(grpc),
    api: await temporalProxy(grpc),
  };
  const url = new URL(database.url);
  url.host = `127.0.0.1:${doors.sql.port}`;
  const apiPort = await findFreePort();
  const env = {
    ...process.env,
    ...{ NODE_ENV: '', COUNTERSIGN_EMBEDDED: 'true', DATABASE_URL: url.href },
    ...{ PORT: String(apiPort), COUNTERSIGN_DATA_DIR: postgres.dataDir },
    ...{ COUNTERSIGN_TASK_QUEUE: `faults-${randomUUID()}`, LOG_STREAM_HEAD_KEY: newSigningKey() },
    ENCRYPTION_KEY: key.toString('hex'),
  };
  let printed = '';
  const say = (text: string): void => void (printed += text);
  const toTemporal = (port: number) => ({ ...env, TEMPORAL_ADDRESS: `127.0.0.1:${port}` });
  const worker = program('worker', toTemporal(doors.up.port), say);
  const api = program('api', toTemporal(doors.api.port), say);
  const port = await openTemporalPort(temporal.server().address);
  const strikes: Record<Fault, () => Promise<void>> = {
    'the worker is killed': () => worker.kill(),
    'the API is killed': () => api.kill(),
    'PostgreSQL is killed and restarted': () => postgres.kill(),
    'every connection to PostgreSQL is cut': async () => doors.sql.cut(),
    'Temporal is killed and restarted': () => temporal.kill(),
    'every connection to Temporal is cut': async () => {
      doors.up.cut();
      doors.api.cut();
    },
  };
  const mend = async (): Promise<void> => {
    await Promise.all([postgres.start(), temporal.start()]);
    await Promise.all([worker.start(), api.start()]);
  };
  const close = track('the processes', async () => {
    await Promise.all([worker.kill(), api.kill()]);
    await port.close();
    await base.db.close();
    await Promise.all([doors.sql.close(), doors.up.close(), doors.api.close()]);
    await Promise.all([postgres.close(), temporal.close()]);
  });
  await mend();
  return {
    ...{ deps, port, holds, uplink: doors.up, people: tokens, mend, close },
    call: (who, path, how = {}) =>
      call(`http://127.0.0.1:${apiPort}${path}`, tokens.get(who) ?? '', how),
    strike: (fault) => strikes[fault](),
    output: () => printed,
  };
}

async function call(
  address: string,
  bearer: string,
  { body, key }: { readonly body?: unknown; readonly key?: string },
): Promise<Answer> {
  const headers = {
    Authorization: `Bearer ${bearer}`,
    ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    ...(key === undefined ? {} : { 'Idempotency-Key': key }),
  };
  const method = key === undefined ? 'GET' : 'POST';
  const sent = body === undefined ? null : JSON.stringify(body);
  try {
    const signal = AbortSignal.timeout(25_000);
    const reply = await fetch(address, { method, headers, body: sent, signal });
    const text = await reply.text();
    return { status: reply.status, text, replayed: reply.headers.has('idempotent-replayed') };
  } catch {
    return { status: 0, text: '', replayed: false };
  }
}

/** Repeats one act with one key until it is answered for good. @throws after `ms`. */
export async function insist(
  world: World,
  ms: number,
  { who, path, ...how }: { who: string; path: string; body?: unknown; key: string },
): Promise<Answer> {
  let last: Answer = { status: 0, text: '', replayed: false };
  try {
    return await eventually('an answer', ms, async () => {
      last = await world.call(who, path, how);
      if (last.status === 200 || last.status === 201) return last;
      if (![0, 202, 409, 503].includes(last.status))
        throw new Error(`${path}: ${last.status} ${last.text}`);
      await sleep(200);
      return null;
    });
  } catch (cause) {
    throw new Error(`${path}: ${last.status} ${last.text}\n${world.output().slice(-4_000)}`, {
      cause,
    });
  }
}
