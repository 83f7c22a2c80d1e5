import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import pg from 'pg';
import { inject } from 'vitest';
import { createActivities } from '../../activities/index.ts';
import { createApi, type ApiDeps } from '../../api/create-api.ts';
import { watchReadiness } from '../../api/health.ts';
import { createMetrics } from '../../api/metrics.ts';
import { listen } from '../../api/server.ts';
import { advanceRequest } from '../../application/advance-request.ts';
import { createChangeWaiter } from '../../application/change-waiter.ts';
import type { Deps } from '../../application/deps.ts';
import { startDispatcher } from '../../application/dispatcher.ts';
import { createGateStarter } from '../../application/gate-starter.ts';
import { createIncidents, unknownCommand } from '../../application/incidents.ts';
import { createAuthenticator } from '../../application/identity.ts';
import { startLogKeeper } from '../../application/log-keeper.ts';
import { registerKey } from '../../application/log-keys.ts';
import { createPolicyCache, publishPolicy } from '../../application/policies.ts';
import {
  ensureSampleDirectory,
  issueSampleCredentials,
  type SampleCredentials,
} from '../../application/sample-directory.ts';
import { selfCheck } from '../../application/self-check.ts';
import { BY_ENGINE } from '../../application/sealing.ts';
import { sweepGates } from '../../application/sweep.ts';
import { createVault } from '../../application/vault.ts';
import { createWorkflowGateway } from '../../application/workflow-gateway.ts';
import { addDuration, fromMillis, toMillis, type Instant } from '../../domain/instant.ts';
import type { AssuranceLevel } from '../../domain/policy.ts';
import type { StepRef, StepResult } from '../../domain/step-result.ts';
import type { Checkpoint } from '../../ledger/checkpoint.ts';
import { loadSigningKey, newSigningKey, type SigningKey } from '../../ledger/signer-key.ts';
import type { SignerMemory } from '../../ledger/signer.ts';
import { streamHeadName } from '../../ledger/stream-head.ts';
import { openDatabase } from '../../prisma/database.ts';
import { ensureInstallation } from '../../prisma/installation-store.ts';
import { migrate } from '../../prisma/migrate.ts';
import { applyRoles, ROLES } from '../../prisma/roles.ts';
import { track } from './no-leaks.ts';

/** Time as a test wants it: real time plus what it was moved by. */
export interface TestClock {
  now(): Instant;
  /** Moves time on by an ISO 8601 duration. */
  advance(duration: string): void;
}

export interface Reply<B> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: B;
  readonly text: string;
}

export interface CallOptions {
  readonly method?: string;
  readonly body?: unknown;
  /** Sent as it is, instead of `body` as JSON. */
  readonly raw?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** The product in this process on a database of its own: API, worker, dispatcher, sample people. */
export interface Stack {
  readonly address: string;
  readonly databaseUrl: string;
  readonly taskQueue: string;
  readonly deps: ApiDeps;
  readonly clock: TestClock;
  readonly credentials: SampleCredentials;
  /** What went wrong in the background, for tests that expect it. */
  readonly faults: readonly string[];
  /** Sequencer and signer. */
  readonly log: TestLog;
  /** Bearer of a sample person, or of the sample app with `app`; a person's token is its own. */
  bearer(who: string): string;
  /** @param who a sample person, `app`, a person's token, or null for no credential. */
  call<B = never>(who: string | null, path: string, options?: CallOptions): Promise<Reply<B>>;
  /** Lets the time that has passed take effect on one request, as its workflow would. */
  tick(requestId: string): Promise<void>;
  close(): Promise<void>;
}

export interface StackOptions {
  /** Without a worker, commands and gates wait as rows. */
  readonly worker?: boolean;
  readonly dispatcher?: boolean;
  /** Policies to publish instead of the sample ones, as YAML. */
  readonly policies?: readonly string[];
  readonly decisionTimeoutMs?: number;
  readonly temporalAddress?: string;
  /** Superuser of another PostgreSQL than that of the test run. */
  readonly postgresAdminUrl?: string;
  /** Stands between the worker and the step. */
  readonly aroundStep?: AroundStep;
  /** Highest assurance level that signing in could reach here; absent = what is built. */
  readonly reachableAssurance?: AssuranceLevel;
}

/** Calls the step, and may do something before it returns. */
export type AroundStep = (step: () => Promise<StepResult>, ref: StepRef) => Promise<StepResult>;

const SAMPLES = ['credit-decisions', 'vendor-approval', 'policy-change'] as const;
const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

let runtimeInstalled = false;

/** The SDK keeps its own signals and log lines to itself. */
export function installRuntime(): void {
  if (runtimeInstalled) return;
  runtimeInstalled = true;
  Runtime.install({
    shutdownSignals: [],
    logger: new DefaultLogger('ERROR', () => undefined),
    telemetryOptions: { logging: { filter: 'ERROR' } },
  });
}

/** A migrated database of its own. */
export async function createTestDatabase(
  adminUrl: string = inject('postgresAdminUrl'),
): Promise<{ url: string; drop: () => Promise<void> }> {
  const admin = new URL(adminUrl);
  const name = `t${randomBytes(8).toString('hex')}`;
  await runAsAdmin(admin, `CREATE DATABASE ${name}`);
  const url = new URL(admin);
  url.pathname = `/${name}`;
  await migrate(url.href, path('../../prisma/migrations'), applyRoles);
  return { url: url.href, drop: () => runAsAdmin(admin, `DROP DATABASE ${name} WITH (FORCE)`) };
}

async function runAsAdmin(url: URL, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function createClock(): TestClock {
  let offset = 0;
  const now = (): Instant => fromMillis(Date.now() + offset);
  return {
    now,
    advance(duration) {
      const from = now();
      offset += toMillis(addDuration(from, duration)) - toMillis(from);
    },
  };
}

/** Use cases on a database, without any front door. */
export async function openTestDeps(databaseUrl: string, clock: TestClock): Promise<Deps> {
  const cursorKey = randomBytes(32);
  const owner = openDatabase(databaseUrl, 1);
  const origin = await ensureInstallation(owner, { origin: 'test.countersign/log', cursorKey });
  await owner.close();
  // With the rights of the product's own programs, and no others.
  const db = openDatabase(databaseUrl, 10, ROLES.app);
  return {
    db,
    vault: createVault(randomBytes(32)),
    now: () => clock.now(),
    origin,
    software: '0.0.0-test',
    cursorKey,
    publicUrl: 'http://127.0.0.1',
    fallbackRole: 'compliance',
  };
}

export interface TestLog {
  readonly signingKey: SigningKey;
  readonly streamHeadSigner: SigningKey;
  readonly memory: SignerMemory;
  stop(): Promise<void>;
}

/** Sequencer and signer of a log of its own, with the rights of the role that they have in the product. */
export async function openTestLog(
  deps: Deps,
  databaseUrl: string,
  onFault: (message: string, error: unknown) => void = () => undefined,
): Promise<TestLog> {
  const signingKey = loadSigningKey(deps.origin, newSigningKey());
  const streamHeadSigner = loadSigningKey(streamHeadName(deps.origin), newSigningKey());
  const owner = openDatabase(databaseUrl, 1);
  for (const [use, { verifierKey: key }] of [
    ['log', signingKey],
    ['stream_head', streamHeadSigner],
  ] as const)
    await registerKey({ ...deps, db: owner }, { use, key, endorsedBy: null });
  await owner.close();
  const db = openDatabase(databaseUrl, 4, ROLES.sequencer);
  const memory = memoryOf(null);
  const keeper = startLogKeeper({ ...deps, db, memory, keys: async () => [signingKey] }, onFault);
  let stopped: Promise<void> | null = null;
  return {
    signingKey,
    streamHeadSigner,
    memory,
    stop: () => (stopped ??= keeper.stop().then(() => db.close())),
  };
}

/** The signer's memory, in memory. */
export function memoryOf(first: Checkpoint | null): SignerMemory {
  let last = first;
  return {
    read: async () => last,
    write: async (head) => {
      last = head;
    },
  };
}

function samplePolicies(): Promise<string[]> {
  return Promise.all(SAMPLES.map((name) => readFile(path(`../../policies/${name}.yaml`), 'utf8')));
}

/** Publishes first versions, as YAML. */
export async function publishPolicies(deps: Deps, sources: readonly string[]): Promise<void> {
  for (const source of sources) {
    const id = /^id: *(\S+)/m.exec(source)?.[1] ?? '';
    await publishPolicy(deps, {
      id,
      source,
      format: 'yaml',
      expected: null,
      author: { ...BY_ENGINE, name: 'system' },
      remember: () => undefined,
    });
  }
}

/** Starts everything; `close` ends it and drops the database. */
export async function openStack(options: StackOptions = {}): Promise<Stack> {
  const database = await createTestDatabase(options.postgresAdminUrl);
  const clock = createClock();
  const faults: string[] = [];
  const base = await openTestDeps(database.url, clock);
  const temporalAddress = options.temporalAddress ?? inject('temporalAddress');
  const taskQueue = `test-${randomUUID()}`;
  const gateway = createWorkflowGateway({
    connection: { address: temporalAddress },
    namespace: 'default',
    taskQueue,
    ...(options.decisionTimeoutMs === undefined
      ? {}
      : { decisionTimeoutMs: options.decisionTimeoutMs }),
  });
  const onFault = (message: string): void => void faults.push(message);
  const withFaults: Deps = {
    ...base,
    onFault,
    ...(options.reachableAssurance === undefined
      ? {}
      : { reachableAssurance: options.reachableAssurance }),
  };
  const gates = createGateStarter(withFaults, gateway);
  const waiter = createChangeWaiter(withFaults);
  const readiness = await watchReadiness([
    { name: 'PostgreSQL', check: async () => void (await base.db.query('SELECT 1')) },
  ]);
  const log = await openTestLog(base, database.url, onFault);
  const deps: ApiDeps = {
    ...withFaults,
    streamHeadSigner: log.streamHeadSigner,
    gateway,
    gateNeeded: (gate) => gates.need(gate),
    policies: createPolicyCache(base),
    authenticator: createAuthenticator(base, true),
    waiter,
    readiness,
    metrics: createMetrics({ lag: () => null }),
  };
  await ensureSampleDirectory(deps);
  await publishPolicies(deps, options.policies ?? (await samplePolicies()));
  const credentials = await issueSampleCredentials(deps);
  const stopWorker =
    options.worker === false
      ? async () => undefined
      : await startTestWorker(deps, {
          ...{ taskQueue, temporalAddress, around: options.aroundStep, gateway },
        });
  const dispatcher = options.dispatcher === false ? null : startDispatcher(deps);
  const server = await listen(createApi(deps), { host: '127.0.0.1', port: 0 });

  const bearer = (who: string): string => {
    if (who === 'app') return credentials.app.key;
    if (who.startsWith('csp_')) return who;
    const person = credentials.people.find(({ id }) => id === who);
    if (person === undefined) throw new TypeError(`no sample person ${who}`);
    return person.token;
  };
  const close = track('stack', async () => {
    readiness.stop();
    waiter.stop();
    await server.close(1_000);
    await dispatcher?.stop();
    await gates.drain();
    await stopWorker();
    await log.stop();
    await gateway.close();
    await base.db.close();
    await database.drop();
  });
  return {
    address: server.address,
    databaseUrl: database.url,
    taskQueue,
    deps,
    clock,
    credentials,
    faults,
    log,
    bearer,
    call: (who, at, call) => callApi(server.address, who === null ? null : bearer(who), at, call),
    tick: async (requestId) => void (await advanceRequest(deps, { kind: 'tick', requestId })),
    close,
  };
}

/** A worker of its own task queue. @returns stops it. */
export async function startTestWorker(
  deps: Deps,
  to: {
    readonly taskQueue: string;
    readonly temporalAddress: string;
    readonly around?: AroundStep | undefined;
    /** Absent: gates are not swept. */
    readonly gateway?: ReturnType<typeof createWorkflowGateway>;
  },
): Promise<() => Promise<void>> {
  const around: AroundStep = to.around ?? ((step) => step());
  const seal = createIncidents(deps);
  const { gateway } = to;
  installRuntime();
  const connection = await NativeConnection.connect({ address: to.temporalAddress });
  const worker = await Worker.create({
    connection,
    namespace: 'default',
    taskQueue: to.taskQueue,
    workflowBundle: { codePath: inject('workflowBundlePath') },
    activities: createActivities({
      advanceRequest: (ref) => around(() => advanceRequest(deps, ref), ref),
      selfCheck: (id, onProgress) => selfCheck(deps, { id, signed: null, onProgress }),
      sweep: async (onProgress) =>
        gateway === undefined
          ? { open: 0, ended: 0 }
          : sweepGates({ ...deps, gateway, seal }, onProgress),
      shows: async () => gateway?.shows() ?? true,
      reportUnknown: async (ref) => void (await seal(unknownCommand(ref))),
      onFault: deps.onFault,
    }),
    shutdownGraceTime: '1s',
    shutdownForceTime: '5s',
  });
  const running = worker.run();
  return async () => {
    if (worker.getState() === 'RUNNING') worker.shutdown();
    await running;
    await connection.close();
  };
}

async function callApi<B>(
  address: string,
  bearer: string | null,
  at: string,
  { method, body, raw, headers, signal }: CallOptions = {},
): Promise<Reply<B>> {
  const sent = raw ?? (JSON.stringify(body) as string | undefined);
  const response = await fetch(`${address}${at}`, {
    method: method ?? (sent === undefined ? 'GET' : 'POST'),
    headers: {
      ...(bearer === null ? {} : { Authorization: `Bearer ${bearer}` }),
      ...(sent === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...headers,
    },
    ...(sent === undefined ? {} : { body: sent as NonNullable<RequestInit['body']> }),
    signal: signal ?? null,
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  const parsed = isJson && text !== '' ? (JSON.parse(text) as B) : (null as B);
  return { status: response.status, headers: response.headers, body: parsed, text };
}
