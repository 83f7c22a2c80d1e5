import { connect } from 'node:net';
import { expect } from 'vitest';
import type { CommandBody } from '../../../application/approval-service.ts';
import type { RequestShape } from '../../../application/request-shape.ts';
import type { Reply, Stack } from '../../support/stack.ts';

/** A loan that two officers and a risk manager decide; otto owns the app, dana is acted for. */
export function aLoan(more: Readonly<Record<string, unknown>> = {}) {
  return {
    kind: 'ai-decision',
    title: 'Decline loan application 4711',
    action: { operation: 'loan.decline', target: 'loan/4711', parameters: { amount: '12500.00' } },
    onBehalfOf: 'dana',
    riskTier: 'high',
    context: {
      system: 'credit-scorer',
      model: { provider: 'acme', name: 'credit-scorer', version: '2026-08-01' },
      output: { value: { decision: 'decline' }, dataClass: 'personal' },
      rationale: 'Debt ratio above 0.55 and two late payments.',
    },
    ...more,
  };
}

/** A loan that the rule "small and sure" approves by itself. */
export function aSureLoan() {
  const loan = aLoan({ riskTier: 'low' });
  return { ...loan, context: { ...loan.context, confidence: 0.99 } };
}

export function aVendor(more: Readonly<Record<string, unknown>> = {}) {
  return {
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
    ...more,
  };
}

/** A policy whose rule cannot be evaluated for what it is asked about: it holds every `hold.` action. */
export const HOLDING_POLICY = `id: holding
kind: ai-decision
when: request.action.operation.startsWith("hold.")
rules:
  - name: large ones
    when: request.context.output.value.amount > 1000
    effect: review
    stages: [{ name: only, role: credit-officer, quorum: 1, deadline: P1D }]
    override: { role: override-authority, minReason: 20, effects: [stop, reverse, force] }
`;

export function aHeldRequest() {
  return aLoan({ action: { operation: 'hold.this', target: 'x' } });
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly errors: readonly { readonly pointer: string; readonly message: string }[];
  readonly requestId: string;
}

/** Is it a problem document of RFC 9457 as the contract writes it? */
export function expectProblem(reply: Reply<unknown>, status: number, code: string): Problem {
  const problem = reply.body as Problem;
  expect({ status: reply.status, code: problem?.code }, reply.text).toEqual({ status, code });
  expect(reply.headers.get('content-type')).toMatch(/^application\/problem\+json(;|$)/);
  expect(problem).toEqual({
    type: `urn:countersign:problem:${code}`,
    title: expect.stringMatching(/\w/),
    status,
    detail: expect.stringMatching(/\w/),
    code,
    errors: expect.any(Array),
    requestId: reply.headers.get('x-request-id'),
  });
  for (const { pointer, message } of problem.errors) {
    expect(pointer).toMatch(/^(\/([^/~]|~[01])*)*$/);
    expect(message).toMatch(/\w/);
  }
  return problem;
}

export async function submit(stack: Stack, body: unknown, who = 'app'): Promise<RequestShape> {
  const reply = await stack.call<RequestShape>(who, '/v1/requests', { body });
  expect(reply.status, reply.text).toBe(201);
  return reply.body;
}

export async function read(stack: Stack, id: string, who = 'app'): Promise<RequestShape> {
  const reply = await stack.call<RequestShape>(who, `/v1/requests/${id}`);
  expect(reply.status, reply.text).toBe(200);
  return reply.body;
}

export interface View {
  readonly requestId: string;
  readonly contentDigest: string;
  readonly content: unknown;
  readonly record: CommandBody['record'];
}

export async function view(stack: Stack, who: string, id: string): Promise<View> {
  const reply = await stack.call<View>(who, `/v1/requests/${id}/view`);
  expect(reply.status, reply.text).toBe(200);
  return reply.body;
}

export type CommandReply = Reply<CommandBody>;

/** Views, then decides on what was seen. */
export async function decide(
  stack: Stack,
  who: string,
  id: string,
  verdict: 'approve' | 'reject' = 'approve',
): Promise<CommandReply> {
  const { contentDigest } = await view(stack, who, id);
  return act(stack, who, `${id}/decisions`, { verdict, contentDigest });
}

export async function act(
  stack: Stack,
  who: string,
  path: string,
  body: unknown,
): Promise<CommandReply> {
  return stack.call<CommandBody>(who, `/v1/requests/${path}`, { body });
}

export interface ChainRecord {
  readonly seq: number;
  readonly leafHash: string;
  readonly raw: Buffer;
  readonly record: { readonly kind: string; readonly body: Readonly<Record<string, unknown>> };
}

export async function chain(stack: Stack, id: string, who = 'cora'): Promise<ChainRecord[]> {
  const reply = await stack.call<{
    records: { seq: number; leafHash: string; bytes: string }[];
  }>(who, `/v1/requests/${id}/chain`);
  expect(reply.status, reply.text).toBe(200);
  return reply.body.records.map(({ seq, leafHash, bytes }) => {
    const raw = Buffer.from(bytes, 'base64');
    return { seq, leafHash, raw, record: JSON.parse(raw.toString()) as ChainRecord['record'] };
  });
}

const STORED = [
  'request',
  'command',
  'ledger_record',
  'opening',
  'reference',
  'dek',
  'idempotency_key',
  'person',
  'role_grant',
  ...(['person_profile', 'absence', 'delegation', 'training'] as const),
  'app',
  'app_key',
  'policy_version',
  'request_view',
] as const;

/** How many rows there are of everything that a call may store. */
export async function countRows(stack: Stack): Promise<Record<string, number>> {
  const [row] = await stack.deps.db.query<Record<string, string>>(
    `SELECT ${STORED.map((table) => `(SELECT count(*) FROM ${table}) AS ${table}`).join(', ')}`,
    [],
  );
  return Object.fromEntries(Object.entries(row ?? {}).map(([table, n]) => [table, Number(n)]));
}

/** Sends bytes as they are. @returns everything that came back until the server closed or went quiet. */
export function sendRaw(
  address: string,
  bytes: string | Uint8Array,
  { quietMs = 3_000 }: { readonly quietMs?: number } = {},
): Promise<string> {
  const { hostname, port } = new URL(address);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let text = '';
    socket.setTimeout(quietMs, () => socket.destroy());
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.on('close', () => resolve(text));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? resolve(text) : reject(error),
    );
    socket.write(bytes);
  });
}
