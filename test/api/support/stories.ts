import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { verifyStoredChain } from '../../../application/chain.ts';
import type { CommandBody } from '../../../application/approval-service.ts';
import type { RequestShape } from '../../../application/request-shape.ts';
import { checkLog } from '../../../application/self-check.ts';
import { secretHash } from '../../../application/secret.ts';
import { insertToken } from '../../../prisma/people-store.ts';
import { published } from '../../support/acts.ts';
import type { CallOptions, Reply, Stack } from '../../support/stack.ts';
import { countOf, everythingIn, type TemporalPort } from '../../workflows/temporal.ts';
import { act, chain, read } from './calls.ts';

// What stories about one request ask again and again: what was sealed, and whether everything fits together.

export interface SealedStep {
  readonly seq: number;
  readonly kind: string;
  readonly ts: string;
  readonly actor: { readonly type: string; readonly role: string; readonly c: string | null };
  readonly surface: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** Paths of the words whose commitments lie beside it. */
  readonly words: readonly string[];
}

/** The chain of a request, parsed. */
export async function sealedOf(stack: Stack, id: string): Promise<SealedStep[]> {
  return (await chain(stack, id)).map(({ seq, raw }) => {
    const record = JSON.parse(raw.toString()) as Omit<SealedStep, 'seq' | 'words'> & {
      readonly commits: readonly { readonly path: string }[];
    };
    return { ...record, seq, words: record.commits.map(({ path }) => path) };
  });
}

export async function kindsOf(stack: Stack, id: string): Promise<string[]> {
  return (await sealedOf(stack, id)).map(({ kind }) => kind);
}

/** @returns the newest record of a kind. */
export async function lastOf(stack: Stack, id: string, kind: string): Promise<SealedStep> {
  const found = (await sealedOf(stack, id)).findLast((record) => record.kind === kind);
  if (found === undefined) throw new Error(`no ${kind} in ${id}`);
  return found;
}

/** The commitment that stands for somebody in a chain. */
export async function refOf(stack: Stack, id: string, subject: string): Promise<string | null> {
  const [row] = await stack.deps.db.query<{ commitment: Buffer }>(
    'SELECT commitment FROM reference WHERE stream_id = $1 AND subject = $2',
    [id, subject],
  );
  return row?.commitment.toString('hex') ?? null;
}

/** Sends a command and expects that it is done. @returns what it made, and the request after it. */
export async function done(
  stack: Stack,
  who: string,
  [path, body]: readonly [path: string, body: unknown],
): Promise<CommandBody & { readonly request: RequestShape }> {
  const reply = await act(stack, who, path, body);
  expect(reply.status, reply.text).toBe(200);
  expect(reply.body.outcome.kind, reply.text).toBe('done');
  return reply.body as CommandBody & { readonly request: RequestShape };
}

/** Sends a command that must be refused: answered, sealed with the same reason, and nothing else changed. */
export async function refusedFor(
  stack: Stack,
  who: string,
  { path, body, reason, method }: RefusedAct,
): Promise<SealedStep> {
  const id = path.slice(0, 36);
  const before = await read(stack, id);
  const options: CallOptions = {
    ...(body === undefined ? {} : { body }),
    ...(method === undefined ? {} : { method }),
  };
  const reply: Reply<CommandBody> = await stack.call(who, `/v1/requests/${path}`, options);
  expect(reply.status, reply.text).toBe(200);
  expect(reply.body.outcome, reply.text).toEqual({
    kind: 'refused',
    reason,
    text: expect.stringMatching(/\w/),
  });
  const sealed = (await sealedOf(stack, id))[reply.body.record?.seq ?? -1];
  expect(sealed).toMatchObject({ kind: 'refused', body: { reason } });
  expect(await read(stack, id)).toEqual(before);
  return sealed as SealedStep;
}

export interface RefusedAct {
  /** `<request>/<route>` */
  readonly path: string;
  readonly body?: unknown;
  readonly method?: string;
  readonly reason: string;
}

/** @returns a bearer of somebody who has no sample token. */
export async function tokenOf(stack: Stack, person: string): Promise<string> {
  const secret = randomBytes(32).toString('base64url');
  await stack.deps.db.transaction(async (tx) => {
    tx.write(insertToken({ hash: secretHash(secret), person, createdAt: stack.clock.now() }));
  });
  return `csp_${secret}`;
}

/** However words might be written down. */
function spellings(word: string): string[] {
  const bytes = Buffer.from(word);
  return [word, bytes.toString('hex'), bytes.toString('base64').slice(0, -3)];
}

/**
 * The story of a request is whole: its chain recomputes, the examination of everything finds nothing to say
 * against any row, and none of these words is in a record.
 */
export async function expectWhole(
  stack: Stack,
  id: string,
  words: readonly string[] = [],
): Promise<void> {
  const report = await verifyStoredChain(stack.deps, id);
  expect(report.problems).toEqual([]);
  await published(stack, id);
  const check = await checkLog(stack.deps, { signed: await stack.log.memory.read() });
  expect(check.problems.filter(({ stream }) => stream === id)).toEqual([]);
  const bytes = (await chain(stack, id)).map(({ raw }) => raw.toString('latin1')).join('\n');
  for (const word of words.flatMap(spellings)) expect(bytes).not.toContain(word);
}

/** Everything that Temporal keeps of this installation, as text; and how many Updates went through it. */
export async function keptByTemporal(
  stack: Stack,
  port: TemporalPort,
): Promise<{ readonly text: string; readonly updates: number }> {
  const kept: unknown[] = [];
  let updates = 0;
  const query = `TaskQueue = "${stack.taskQueue}"`;
  for await (const run of port.client.workflow.list({ query })) {
    const handle = port.client.workflow.getHandle(run.workflowId, run.runId);
    const history = await handle.fetchHistory();
    updates += countOf(history, 'workflowExecutionUpdateCompleted');
    kept.push(run.raw, history);
  }
  const text = everythingIn(kept);
  const decoded = (text.match(/[A-Za-z0-9+/_-]{12,}={0,2}/g) ?? [])
    .map((one) => Buffer.from(one, 'base64').toString('latin1'))
    .join('\n');
  return { text: `${text}\n${decoded}`, updates };
}

/** Asks again until the promise keeps. */
export async function until(check: () => Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await check()) return;
    await sleep(50);
  }
  throw new Error(`waited in vain for ${what}`);
}
