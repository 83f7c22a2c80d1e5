import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandBody } from '../../application/approval-service.ts';
import { verifyStoredChain } from '../../application/chain.ts';
import type { Deps } from '../../application/deps.ts';
import { addPerson } from '../../application/people.ts';
import type { RequestShape } from '../../application/request-shape.ts';
import { BY_ENGINE } from '../../application/sealing.ts';
import { secretHash } from '../../application/secret.ts';
import type { ChainReport } from '../../ledger/verify.ts';
import { insertToken } from '../../prisma/people-store.ts';
import type { Reply, Stack } from './stack.ts';

/** The ordinary submission: nothing personal, nobody acted for, no view asked for. */
export const LOAN = {
  kind: 'ai-decision',
  title: 'Decline loan application 4711',
  action: { operation: 'loan.decline', target: 'loan/4711' },
  context: {
    system: 'credit-scorer',
    model: { name: 'credit-scorer', version: '2026-08-01' },
    output: { value: { decision: 'decline' } },
    rationale: 'Debt ratio above 0.55.',
  },
};

interface StageDiffers {
  readonly role?: string;
  readonly quorum?: number;
  readonly deadline?: string;
  readonly reminders?: string;
  /** Another stage after it. */
  readonly then?: { readonly role: string; readonly deadline?: string };
  readonly when?: string;
  readonly id?: string;
}

/** A policy of one or two plain stages without a view, as YAML. */
export function aPolicySource(differs: StageDiffers = {}): string {
  const { role = 'credit-officer', quorum = 1, deadline = 'P1D', reminders = '' } = differs;
  const second =
    differs.then === undefined
      ? []
      : [
          '      - name: second line',
          `        role: ${differs.then.role}`,
          '        quorum: 1',
          `        deadline: ${differs.then.deadline ?? 'P1D'}`,
        ];
  return [
    `id: ${differs.id ?? 'plain'}`,
    'kind: ai-decision',
    ...(differs.when === undefined ? [] : [`when: ${differs.when}`]),
    'rules:',
    '  - name: people decide',
    '    effect: review',
    '    requireView: false',
    '    override: { role: override-authority, minReason: 5, effects: [stop, reverse, force] }',
    '    stages:',
    '      - name: first line',
    `        role: ${role}`,
    `        quorum: ${quorum}`,
    `        deadline: ${deadline}`,
    ...(reminders === '' ? [] : [`        reminders: [${reminders}]`]),
    ...second,
    '',
  ].join('\n');
}

export async function submit(stack: Stack, differs: object = {}): Promise<RequestShape> {
  const reply = await stack.call<RequestShape>('app', '/v1/requests', {
    body: { ...LOAN, ...differs },
  });
  if (reply.status !== 201) throw new Error(`submitting answered ${reply.status}: ${reply.text}`);
  return reply.body;
}

export interface Deciding {
  readonly verdict?: 'approve' | 'reject';
  readonly key?: string;
  readonly rationale?: string;
}

/** Decides on what was submitted, without looking. */
export function decideOn(
  stack: Stack,
  who: string,
  { request, ...how }: Deciding & { readonly request: RequestShape },
): Promise<Reply<CommandBody>> {
  return stack.call<CommandBody>(who, `/v1/requests/${request.id}/decisions`, {
    body: {
      verdict: how.verdict ?? 'approve',
      contentDigest: request.contentDigest,
      ...(how.rationale === undefined ? {} : { rationale: how.rationale }),
    },
    headers: how.key === undefined ? {} : { 'Idempotency-Key': how.key },
  });
}

export async function show(stack: Stack, id: string): Promise<RequestShape> {
  const reply = await stack.call<RequestShape>('app', `/v1/requests/${id}`);
  return reply.body;
}

/** @returns a token for each of `count` new people who hold the role. */
export async function addReviewers(
  deps: Deps,
  { role, count, prefix = role }: { role: string; count: number; prefix?: string },
): Promise<{ readonly id: string; readonly token: string }[]> {
  const people: { id: string; token: string }[] = [];
  for (let n = 0; n < count; n += 1) {
    const id = `${prefix}-${n}`;
    const secret = randomBytes(32).toString('base64url');
    await addPerson(
      deps,
      { by: BY_ENGINE, name: 'system', source: 'sample' },
      { person: { id, name: `${prefix} ${n}`, roles: [role] }, remember: () => undefined },
    );
    await deps.db.transaction(async (tx) => {
      tx.write(insertToken({ hash: secretHash(secret), person: id, createdAt: deps.now() }));
    });
    people.push({ id, token: `csp_${secret}` });
  }
  return people;
}

/** @returns the kinds of the records of a request, after its chain was recomputed without a problem. */
export async function soundChain(
  deps: Pick<Deps, 'db' | 'vault' | 'origin'>,
  id: string,
): Promise<{ readonly kinds: string[]; readonly report: ChainReport }> {
  const report = await verifyStoredChain(deps, id);
  if (report.problems.length > 0) throw new Error(`${id}: ${JSON.stringify(report.problems)}`);
  return { kinds: report.records.map(({ record }) => record?.kind ?? 'unreadable'), report };
}

/** Asks again until there is an answer. @throws after `ms`. */
export async function eventually<T>(
  what: string,
  ms: number,
  probe: () => Promise<T | null | undefined | false>,
): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const found = await probe();
    if (found !== null && found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`waited ${ms} ms in vain for ${what}`);
    await sleep(50);
  }
}

/** The answer of `GET …/chain`. */
export interface Chain {
  readonly records: readonly {
    readonly seq: number;
    readonly index: number | null;
    readonly leafHash: string;
    readonly bytes: string;
  }[];
  readonly checkpoint: string | null;
}

/** Waits until a checkpoint covers everything that a request has sealed so far. */
export async function published(stack: Stack, id: string): Promise<Chain> {
  for (let tries = 0; tries < 200; tries += 1) {
    const { body } = await stack.call<Chain>('cora', `/v1/requests/${id}/chain`);
    const size = Number(body.checkpoint?.split('\n')[1] ?? 0);
    if (body.records.every(({ index }) => index !== null && index < size)) return body;
    await sleep(50);
  }
  throw new Error('not published in time');
}
