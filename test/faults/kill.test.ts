import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CommandBody } from '../../application/approval-service.ts';
import type { RequestShape } from '../../application/request-shape.ts';
import { checkLog } from '../../application/self-check.ts';
import { embeddedDatabaseUrl } from '../../bin/embedded/postgres.ts';
import { fileMemory } from '../../bin/signer-memory.ts';
import { openDeps } from '../../bin/wire.ts';
import { readLag } from '../../prisma/log-store.ts';
import { aPolicySource, eventually, LOAN, soundChain } from '../support/acts.ts';
import { startProduct, type Product, type Service } from './product.ts';

const LOAD_MS = 40_000;
const LANES = 6;
/** An act that has no answer by then is lost. */
const PATIENCE_MS = 60_000;
/** The supervisor gives up when one of them dies more often within two minutes. */
const KILLS_EACH = 3;

let product: Product;
beforeAll(async () => {
  const policy = aPolicySource({ quorum: 2 });
  product = await startProduct([policy]);
});
afterAll(() => product.close());

/** A small generator of chances, so that a run can be repeated: CHAOS_SEED=<seed>. */
function chances(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Acknowledged<B> {
  readonly status: number;
  readonly body: B;
}

const unexpected: string[] = [];

/** Repeats one act with one key until it is answered for good. */
async function insist<B>(bearer: string, path: string, body: unknown): Promise<Acknowledged<B>> {
  const headers = {
    Authorization: `Bearer ${bearer}`,
    'Content-Type': 'application/json',
    'Idempotency-Key': randomUUID(),
  };
  const deadline = performance.now() + PATIENCE_MS;
  while (performance.now() < deadline) {
    const call = { method: 'POST', headers, body: JSON.stringify(body) };
    const signal = AbortSignal.timeout(20_000);
    const reply = await fetch(`${product.url}${path}`, { ...call, signal }).catch(() => null);
    const text = await reply?.text().catch(() => null);
    if (reply !== null && typeof text === 'string') {
      const { status } = reply;
      if (status === 200 || status === 201) return { status, body: JSON.parse(text) as B };
      if (![202, 409, 503].includes(status)) unexpected.push(`${path}: ${status} ${text}`);
    }
    await sleep(150);
  }
  throw new Error(`no answer to ${path} within ${PATIENCE_MS} ms:\n${product.output()}`);
}

interface Story {
  readonly request: RequestShape;
  readonly decisions: readonly { readonly who: string; readonly body: CommandBody }[];
}

/** One request from its submission to its end: two people decide at once. */
async function tell(reject: boolean): Promise<Story> {
  const { app, people } = product.credentials();
  const tokenOf = (who: string): string => people.find(({ id }) => id === who)?.token ?? '';
  const submitted = await insist<RequestShape>(app.key, '/v1/requests', LOAN);
  const { id, contentDigest } = submitted.body;
  const path = `/v1/requests/${id}/decisions`;
  const verdictOf = (who: string) => (reject && who === 'omar' ? 'reject' : 'approve');
  const answers = await Promise.all(
    ['eve', 'omar'].map(async (who) => {
      const body = { verdict: verdictOf(who), contentDigest };
      return { who, ...(await insist<CommandBody>(tokenOf(who), path, body)) };
    }),
  );
  return { request: submitted.body, decisions: answers };
}

/** Kills at random points until the time is over. @returns how many of each. */
async function killAtRandom(chance: () => number, until: number): Promise<Map<string, number>> {
  const killed = new Map<string, number>();
  const services: Service[] = ['postgres', 'temporal', 'worker', 'log', 'api'];
  const half = performance.now() + (until - performance.now()) / 2;
  while (performance.now() < until) {
    await sleep(800 + chance() * 2_800);
    if (performance.now() > half && !killed.has('supervisor')) {
      killed.set('supervisor', 1);
      await product.killSupervisorAndStart();
      continue;
    }
    const service = services[Math.floor(chance() * services.length)] ?? 'api';
    const before = killed.get(service) ?? 0;
    if (before < KILLS_EACH && product.kill(service)) killed.set(service, before + 1);
  }
  return killed;
}

test('whatever is killed at whatever moment, every acknowledged act is there exactly once', async () => {
  const seed = Number(process.env['CHAOS_SEED'] ?? Date.now());
  const chance = chances(seed);
  const until = performance.now() + LOAD_MS;
  const stories: Story[] = [];
  const lane = async (): Promise<void> => {
    while (performance.now() < until) stories.push(await tell(chance() < 0.3));
  };
  const [killed] = await Promise.all([
    killAtRandom(chance, until),
    ...Array.from({ length: LANES }, lane),
  ]);
  const context = `CHAOS_SEED=${seed}, killed ${JSON.stringify([...killed])}`;
  expect(
    [...killed.values()].reduce((sum, n) => sum + n, 0),
    context,
  ).toBeGreaterThanOrEqual(4);
  expect(stories.length, context).toBeGreaterThan(LANES);
  expect(unexpected, context).toEqual([]);

  await recount(stories, context);
  await examine(context);
  expect(await product.stop(), context).toBe(0);
}, 150_000);

/** The log has a sound place for every record, whoever was killed while it was made. */
async function examine(context: string): Promise<void> {
  const databaseUrl = await embeddedDatabaseUrl(product.config.dataDir, 'owner');
  const deps = await openDeps({ ...product.config, databaseUrl }, 4);
  const memory = fileMemory(join(product.config.log.memoryDir, 'head.json'));
  try {
    await eventually('every record under a checkpoint', 20_000, async () => {
      const { waiting, size, published } = await readLag(deps.db);
      return waiting === 0 && size === published;
    });
    const { problems, records } = await checkLog(deps, { signed: await memory.read() });
    expect(problems, context).toEqual([]);
    expect(records, context).toBeGreaterThan(100);
  } finally {
    await deps.db.close();
  }
}

/** Holds what callers were told against the records, and nothing else. */
async function recount(stories: readonly Story[], context: string): Promise<void> {
  const databaseUrl = await embeddedDatabaseUrl(product.config.dataDir, 'owner');
  const deps = await openDeps({ ...product.config, databaseUrl }, 4);
  try {
    const rows = await deps.db.query<{ id: string; status: string }>(
      'SELECT id, status FROM request',
    );
    const told = new Set(stories.map(({ request }) => request.id));
    expect(told.size, context).toBe(stories.length);
    const samples = rows.filter(({ id }) => !told.has(id));
    expect(samples.length, context).toBeLessThanOrEqual(2);
    const statusOf = new Map(rows.map(({ id, status }) => [id, status]));
    for (const { request, decisions } of stories) {
      const { kinds, report } = await soundChain(deps, request.id);
      const outcomes = decisions.map(({ body }) => body.outcome.kind);
      const refused = outcomes.filter((kind) => kind === 'refused').length;
      expect(kinds.filter((kind) => kind === 'decided').length, context).toBe(2 - refused);
      expect(kinds.filter((kind) => kind === 'refused').length, context).toBe(refused);
      expect(kinds.filter((kind) => kind === 'resolved').length, context).toBe(1);
      for (const { body } of decisions) {
        const place = report.records[body.record?.seq ?? -1];
        expect(place?.leafHash, context).toBe(body.record?.leafHash);
      }
      const settled = decisions.flatMap(({ body }) =>
        body.outcome.kind === 'settled' ? [body.request?.status] : [],
      );
      expect(settled, context).toEqual([statusOf.get(request.id)]);
    }
  } finally {
    await deps.db.close();
  }
}
