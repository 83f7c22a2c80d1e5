import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { addReviewers, aPolicySource, decideOn, LOAN, submit } from '../support/acts.ts';
import type { RequestShape } from '../../application/request-shape.ts';
import { submitCommand } from '../../workflows/messages.ts';
import { openStack, type Stack } from '../support/stack.ts';
import { countOf, everythingIn, openTemporalPort, type TemporalPort } from './temporal.ts';

let stack: Stack;
let port: TemporalPort;
beforeAll(async () => {
  const policies = [aPolicySource({ then: { role: 'risk-manager' } })];
  stack = await openStack({ policies });
  port = await openTemporalPort(inject('temporalAddress'));
});
afterAll(async () => {
  await port.close();
  await stack.close();
});

/** Words that no list of ours has: names, titles, reasons, contents. */
const WORDS = [
  'Plantedtitle',
  'Plantedsummary',
  'plantedtarget',
  'Plantedrationale',
  'Plantedreason',
];
const PEOPLE = ['zyxquell', 'dana', 'Dana', 'eve', 'olga', 'Olga', 'rui', 'sample-agent', 'otto'];
const CONTENT = ['98765.43', 'plantedsystem', 'loan.planted', 'credit-scorer'];

const planted = (differs: object = {}) =>
  submit(stack, {
    title: 'Plantedtitle of Jane Doe',
    summary: 'Plantedsummary',
    action: {
      ...{ operation: 'loan.planted', target: 'plantedtarget/4711' },
      parameters: { amount: '98765.43' },
    },
    onBehalfOf: 'dana',
    context: { ...LOAN.context, system: 'plantedsystem', rationale: 'Plantedrationale' },
    ...differs,
  });

const post = async (who: string, request: RequestShape, to: { route: string; body: object }) => {
  const path = `/v1/requests/${request.id}/${to.route}`;
  const reply = await stack.call(who, path, { body: to.body });
  expect(reply.status).toBe(200);
};

/** Everything that Temporal keeps of this installation: each history of each run, and what it lists. */
async function all(): Promise<{ text: string; runs: number; updates: number }> {
  const kept: unknown[] = [];
  let updates = 0;
  for await (const run of port.client.workflow.list({
    query: `TaskQueue = "${stack.taskQueue}"`,
  })) {
    const handle = port.client.workflow.getHandle(run.workflowId, run.runId);
    const history = await handle.fetchHistory();
    updates += countOf(history, 'workflowExecutionUpdateCompleted');
    kept.push(run.raw, history, (await handle.describe()).raw);
  }
  const text = everythingIn(kept);
  return { text: `${text}\n${decoded(text)}`, runs: kept.length / 3, updates };
}

/** What looks like base64 in it, decoded. */
const decoded = (text: string): string =>
  (text.match(/[A-Za-z0-9+/_-]{12,}={0,2}/g) ?? [])
    .map((one) => Buffer.from(one, 'base64').toString('latin1'))
    .join('\n');

test('whole histories hold ids, words of our own lists and instants: no name, no text, no content', async () => {
  const [reviewer] = await addReviewers(stack.deps, {
    ...{ role: 'credit-officer', count: 1, prefix: 'zyxquell' },
  });
  const zyxquell = reviewer?.token ?? '';
  const why = 'Plantedreason of Jane Doe';

  const approved = await planted();
  await decideOn(stack, 'dana', { request: approved, rationale: why }); // refused: their own
  await decideOn(stack, zyxquell, { request: approved, rationale: why });
  await decideOn(stack, 'rui', { request: approved, rationale: why });
  await post('olga', approved, { route: 'overrides', body: { effect: 'reverse', reason: why } });
  const rejected = await planted();
  await decideOn(stack, 'eve', { request: rejected, verdict: 'reject', rationale: why });
  const stopped = await planted();
  await post('olga', stopped, { route: 'overrides', body: { effect: 'stop', reason: why } });
  const withdrawn = await planted();
  await post('app', withdrawn, { route: 'withdrawal', body: { reason: why } });
  const pending = await planted();
  await decideOn(stack, zyxquell, { request: pending, rationale: why });

  // Failures are kept too: of an Update that names nothing, and of a sweep's workflow there is none.
  const gate = port.client.workflow.getHandle(`request/${pending.id}`);
  const forged = gate.executeUpdate(submitCommand, { args: [{ commandId: randomUUID() }] });
  await expect(forged).rejects.toMatchObject({ cause: { type: 'NOT_FOUND' } });
  const swept = await port.client.workflow.start('sweep', {
    ...{ taskQueue: stack.taskQueue, workflowId: `sweep-${randomUUID()}`, args: [] },
  });
  await swept.result();
  for (const { id } of [approved, rejected, stopped, withdrawn])
    await port.client.workflow.getHandle(`request/${id}`).result();

  const { text, runs, updates } = await all();
  expect(runs).toBe(6);
  expect(updates).toBe(8);
  for (const { id } of [approved, rejected, stopped, withdrawn, pending])
    expect(text).toContain(id);
  // What may be there is: the test would see a word that is.
  for (const shown of ['CountersignStatus', 'credit-officer', 'ai-decision', 'withdrawn'])
    expect(text).toContain(shown);
  for (const one of WORDS) expect(text.toLowerCase()).not.toContain(one.toLowerCase());
  expect(text).not.toMatch(/planted|jane|doe\b/i);
  for (const one of CONTENT) expect(text).not.toContain(one);
  for (const one of PEOPLE) expect(text).not.toMatch(new RegExp(`\\b${one}\\b`));
  for (const { contentDigest, actionDigest } of [approved, pending])
    for (const digest of [contentDigest, actionDigest]) expect(text).not.toContain(digest);
});
