import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RequestShape } from '../../application/request-shape.ts';
import type { CommandBody } from '../../application/approval-service.ts';
import { verifyStoredChain } from '../../application/chain.ts';
import { openStack, type Stack } from '../support/stack.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await openStack();
});
afterAll(() => stack.close());

const loan = {
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
};

async function decide(who: string, id: string, verdict: 'approve' | 'reject' = 'approve') {
  const view = await stack.call<{ contentDigest: string }>(who, `/v1/requests/${id}/view`);
  expect(view.status).toBe(200);
  const { contentDigest } = view.body;
  return stack.call<CommandBody>(who, `/v1/requests/${id}/decisions`, {
    body: { verdict, contentDigest, rationale: 'looked at the file' },
  });
}

test('the officers do not answer in time, the manager joins, and the risk manager approves', async () => {
  const submitted = await stack.call<RequestShape>('app', '/v1/requests', { body: loan });
  expect(submitted.status).toBe(201);
  const { id } = submitted.body;
  expect(submitted.body).toMatchObject({
    status: 'pending',
    stage: { name: 'first line', index: 0, of: 2, needed: 2, eligible: ['eve', 'omar'] },
  });

  const own = await decide('dana', id);
  expect(own.body.outcome).toMatchObject({ kind: 'refused', reason: 'OWN_REQUEST' });
  expect((await decide('eve', id)).body.outcome).toEqual({
    kind: 'counted',
    approvals: 1,
    needed: 2,
  });

  stack.clock.advance('PT4H');
  await stack.tick(id);
  const late = await stack.call<RequestShape>('app', `/v1/requests/${id}`);
  expect(late.body.stage?.eligible).toEqual(['eve', 'mia', 'omar']);

  expect((await decide('mia', id)).body.outcome).toEqual({
    kind: 'counted',
    approvals: 2,
    needed: 2,
  });
  const last = await decide('rui', id);
  expect(last.body.outcome).toMatchObject({
    kind: 'settled',
    resolution: { kind: 'approved', mayProceed: true, by: ['eve', 'mia', 'rui'] },
  });

  const report = await verifyStoredChain(stack.deps, id);
  expect(report.problems).toEqual([]);
  expect(report.unopened).toBe(0);
  expect(report.records.map(({ record }) => record?.kind)).toEqual([
    'requested',
    'policy_bound',
    'stage_opened',
    'viewed',
    'refused',
    'viewed',
    'decided',
    'reminded',
    'escalated',
    'viewed',
    'decided',
    'stage_opened',
    'viewed',
    'decided',
    'resolved',
  ]);
});
