import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { readConfig } from '../../bin/config.ts';
import { silentReport } from '../../bin/embedded/report.ts';
import { findTemporalCli } from '../../bin/embedded/temporal-cli.ts';
import type { RequestShape } from '../../application/request-shape.ts';
import { SEARCH_ATTRIBUTES } from '../../workflows/search-attributes.ts';
import { aPolicySource, decideOn, eventually, submit } from '../support/acts.ts';
import { openStack, type Stack } from '../support/stack.ts';
import { countOf, openTemporalPort, type TemporalPort } from './temporal.ts';

let stack: Stack;
let port: TemporalPort;
beforeAll(async () => {
  const policies = [aPolicySource({ then: { role: 'risk-manager', deadline: 'P2D' } })];
  stack = await openStack({ policies, dispatcher: false });
  port = await openTemporalPort(inject('temporalAddress'));
});
afterAll(async () => {
  await port.close();
  await stack.close();
});

const here = (query: string): string => `TaskQueue = "${stack.taskQueue}" AND ${query}`;

async function idsBy(query: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const run of port.client.workflow.list({ query: here(query) }))
    ids.push(run.workflowId.replace('request/', ''));
  return ids;
}

async function seen(id: string) {
  const { typedSearchAttributes: found } = await port.client.workflow
    .getHandle(`request/${id}`)
    .describe();
  return Object.fromEntries(
    Object.entries(SEARCH_ATTRIBUTES).map(([what, key]) => [what, found.get(key) ?? null]),
  );
}

/** Lists of Temporal are a little behind. */
const listed = (query: string, id: string): Promise<unknown> =>
  eventually(query, 10_000, async () => ((await idsBy(query)).includes(id) ? true : null));

/** Submits, and waits until the gate sleeps. */
async function submitted(): Promise<RequestShape> {
  const request = await submit(stack);
  await eventually('the first workflow task', 10_000, async () => {
    const history = await port.history(request.id).catch(() => null);
    return history !== null && countOf(history, 'workflowTaskCompleted') === 1 ? true : null;
  });
  return request;
}

test('a gate can be searched for by what its request waits for, from its start to its end', async () => {
  const request = await submitted();
  const tier = request.riskTier;
  expect(await seen(request.id)).toEqual({
    ...{ kind: 'ai-decision', status: 'pending', risk: tier, role: ['credit-officer'] },
    due: new Date(request.stage?.deadline ?? ''),
  });
  await listed('CountersignStatus = "pending" AND CountersignRole = "credit-officer"', request.id);

  await decideOn(stack, 'eve', { request });
  expect(await seen(request.id)).toMatchObject({ status: 'pending', role: ['risk-manager'] });
  const due = (await seen(request.id))['due'] as Date;
  expect(due.getTime()).toBeGreaterThan(Date.parse(request.stage?.deadline ?? ''));
  await listed(
    `CountersignRole = "risk-manager" AND CountersignDue > "${new Date().toISOString()}"`,
    request.id,
  );
  expect(await idsBy('CountersignRole = "credit-officer"')).not.toContain(request.id);

  await decideOn(stack, 'rui', { request });
  await port.client.workflow.getHandle(`request/${request.id}`).result();
  expect(await seen(request.id)).toEqual({
    ...{ kind: 'ai-decision', status: 'approved', risk: tier, role: null, due: null },
  });
  await listed('CountersignStatus = "approved" AND ExecutionStatus = "Completed"', request.id);
});

test('they cost no workflow task of their own, and what does not change is not written again', async () => {
  const request = await submitted();
  await decideOn(stack, 'sam', { request }); // refused: nothing to see
  const refused = await port.history(request.id);
  expect(countOf(refused, 'upsertWorkflowSearchAttributes')).toBe(0);
  await decideOn(stack, 'eve', { request });
  await decideOn(stack, 'rui', { request });
  await port.client.workflow.getHandle(`request/${request.id}`).result();
  const history = await port.history(request.id);
  expect(countOf(history, 'workflowTaskCompleted')).toBe(4); // a start and three acts
  expect(countOf(history, 'upsertWorkflowSearchAttributes')).toBe(2);
});

test('a gate that asks first, because its starter knew nothing, is shown too', async () => {
  const request = await submitted();
  await port.client.workflow.getHandle(`request/${request.id}`).terminate('test');
  await stack.deps.gateway.startGate({ requestId: request.id, kind: 'ai-decision', step: null });
  await eventually('the attributes', 10_000, async () =>
    (await seen(request.id))['status'] === 'pending' ? true : null,
  );
  expect(await seen(request.id)).toMatchObject({ kind: 'ai-decision', role: ['credit-officer'] });
});

test('the command line of Temporal lists them', async () => {
  const request = await submitted();
  const query = 'CountersignStatus="pending" AND CountersignKind="ai-decision"';
  await listed(query, request.id);
  const { cacheDir, temporalCliPath } = readConfig();
  const cli = await findTemporalCli({
    ...{ configuredPath: temporalCliPath, cacheDir, report: silentReport },
  });
  const args = ['workflow', 'list', '--address', inject('temporalAddress'), '--output', 'json'];
  const { stdout } = await promisify(execFile)(cli, [...args, '--query', here(query)]);
  const runs = JSON.parse(stdout) as { execution: { workflowId: string } }[];
  expect(runs.map((run) => run.execution.workflowId)).toContain(`request/${request.id}`);
});
