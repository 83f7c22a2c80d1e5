import { randomUUID } from 'node:crypto';
import { WorkflowFailedError, WorkflowUpdateFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import {
  addReviewers,
  aPolicySource,
  decideOn,
  eventually,
  LOAN,
  show,
  soundChain,
  submit,
} from '../support/acts.ts';
import type { StepResult } from '../../domain/step-result.ts';
import { submitCommand, type CommandRef } from '../../workflows/messages.ts';
import { openStack, startTestWorker, type Stack } from '../support/stack.ts';
import {
  countOf,
  eventsOf,
  everythingIn,
  openTemporalPort,
  type TemporalPort,
} from './temporal.ts';

let stack: Stack;
let port: TemporalPort;
beforeAll(async () => {
  const second = { role: 'risk-manager' };
  const policies = [
    aPolicySource({ id: 'one', when: 'request.action.operation == "one"' }),
    aPolicySource({ id: 'two', when: 'request.action.operation == "two"', then: second }),
    aPolicySource({
      ...{ id: 'long', when: 'request.action.operation == "long"', deadline: 'P10Y' },
    }),
    aPolicySource({
      ...{ id: 'short', when: 'request.action.operation == "short"' },
      ...{ deadline: 'PT2S', reminders: 'PT1S' },
    }),
  ];
  // No dispatcher: what happens here is the workflow's own doing.
  stack = await openStack({ policies, dispatcher: false });
  port = await openTemporalPort(inject('temporalAddress'));
});
afterAll(async () => {
  await port.close();
  await stack.close();
});

const asking = (operation: string) => ({ action: { operation, target: 'loan/1' } });

/** Submits, and waits until the gate sleeps. */
async function submitAndSettle(operation: string) {
  const request = await submit(stack, asking(operation));
  await eventually('the first workflow task', 10_000, async () => {
    const history = await port.history(request.id).catch(() => null);
    return history !== null && countOf(history, 'workflowTaskCompleted') === 1;
  });
  return request;
}

describe('what it costs', () => {
  test('an approval by one person is two workflow tasks, no activity task, and the gate ends', async () => {
    const request = await submitAndSettle('one');
    const answer = await decideOn(stack, 'eve', { request });
    expect(answer.body.outcome.kind).toBe('settled');
    await port.client.workflow.getHandle(`request/${request.id}`).result();
    const history = await port.history(request.id);
    expect(countOf(history, 'workflowTaskCompleted')).toBe(2);
    expect(countOf(history, 'activityTaskScheduled')).toBe(0);
    expect(eventsOf(history).at(-1)).toBe('workflowExecutionCompleted');
  });
});

describe('somebody at the port of Temporal', () => {
  const updateOf = (id: string, ...args: unknown[]) =>
    port.client.workflow
      .getHandle(`request/${id}`)
      .executeUpdate(submitCommand, { args: args as [CommandRef] });

  test.each([
    { what: 'no argument', args: [] },
    { what: 'null', args: [null] },
    { what: 'a command without an id', args: [{}] },
    { what: 'a number as id', args: [{ commandId: 7 }] },
    { what: 'a text as id', args: [{ commandId: 'drop table request' }] },
    { what: 'an id with more behind it', args: [{ commandId: `${randomUUID()}\n` }] },
  ])('is refused with $what before anything is accepted or kept', async ({ args }) => {
    const request = await submitAndSettle('one');
    const before = await port.history(request.id);
    await expect(updateOf(request.id, ...args)).rejects.toThrow(WorkflowUpdateFailedError);
    const after = await port.history(request.id);
    expect(countOf(after, 'workflowExecutionUpdateAccepted')).toBe(0);
    expect(eventsOf(after)).toEqual(eventsOf(before));
  });

  test('changes nothing by naming a command that nobody wrote', async () => {
    const request = await submitAndSettle('one');
    const before = await soundChain(stack.deps, request.id);
    await expect(updateOf(request.id, { commandId: randomUUID() })).rejects.toMatchObject({
      name: 'WorkflowUpdateFailedError',
      cause: { type: 'NOT_FOUND' },
    });
    expect((await soundChain(stack.deps, request.id)).kinds).toEqual(before.kinds);
    expect(await show(stack, request.id)).toMatchObject({
      status: 'pending',
      revision: request.revision,
    });
    expect(stack.faults).toContain(
      'Temporal was given something that the application did not write',
    );
    expect((await decideOn(stack, 'eve', { request })).body.outcome.kind).toBe('settled');
  });

  test('changes nothing by naming the command of another request', async () => {
    const [request, other] = await Promise.all([submitAndSettle('one'), submitAndSettle('two')]);
    await decideOn(stack, 'eve', { request: other });
    const [row] = await stack.deps.db.query<{ id: string }>(
      'SELECT id FROM command WHERE request_id = $1',
      [other.id],
    );
    const before = await soundChain(stack.deps, other.id);
    await expect(updateOf(request.id, { commandId: row?.id })).rejects.toThrow(
      WorkflowUpdateFailedError,
    );
    expect(await show(stack, request.id)).toMatchObject({
      status: 'pending',
      revision: request.revision,
    });
    expect((await soundChain(stack.deps, other.id)).kinds).toEqual(before.kinds);
  });

  test.each([
    { what: 'that does not exist', type: 'NOT_FOUND', idOf: (id: string) => id },
    { what: 'under the id of another one', type: 'NO_GATE', idOf: () => randomUUID() },
  ])('gets no gate for a request $what', async ({ type, idOf }) => {
    const requestId = randomUUID();
    const gate = await port.client.workflow.start('aiDecision', {
      ...{ args: [{ requestId, step: null }], taskQueue: stack.taskQueue },
      workflowId: `request/${idOf(requestId)}`,
    });
    const failure = await gate.result().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(WorkflowFailedError);
    expect(JSON.stringify(failure)).toContain(type);
  });
});

test('histories hold ids and numbers, no word and no person', async () => {
  const [reviewer] = await addReviewers(stack.deps, {
    ...{ role: 'credit-officer', count: 1, prefix: 'zyxquell' },
  });
  const request = await submit(stack, {
    title: 'Plantedtitle 4711',
    summary: 'Plantedsummary',
    action: { operation: 'two', target: 'plantedtarget/4711', parameters: { amount: '98765.43' } },
    onBehalfOf: 'dana',
    context: { ...LOAN.context, system: 'plantedsystem', rationale: 'Plantedrationale' },
  });
  const how = { request, rationale: 'Plantedreason of a reviewer' };
  expect((await decideOn(stack, 'dana', how)).body.outcome).toMatchObject({
    reason: 'OWN_REQUEST',
  });
  expect((await decideOn(stack, reviewer?.token ?? '', how)).body.outcome.kind).toBe('counted');
  const stopped = await stack.call('olga', `/v1/requests/${request.id}/overrides`, {
    body: { effect: 'stop', reason: 'Plantedoverride by an authority' },
  });
  expect(stopped.status).toBe(200);
  const handle = port.client.workflow.getHandle(`request/${request.id}`);
  await handle.result();
  const text = everythingIn([await port.history(request.id), (await handle.describe()).raw]);
  expect(text).toContain(request.id);
  expect(countOf(await port.history(request.id), 'workflowExecutionUpdateCompleted')).toBe(3);
  expect(text).not.toMatch(/planted/i);
  for (const one of ['zyxquell', 'dana', 'olga', 'Olga', 'Dana', 'sample-agent', 'loan', '98765'])
    expect(text).not.toContain(one);
  for (const digest of [request.contentDigest, request.actionDigest])
    expect(text).not.toContain(digest);
});

/** Puts another gate in the place of the one that runs, which believes this. */
async function replaceGate(requestId: string, step: StepResult): Promise<void> {
  await port.client.workflow.getHandle(`request/${requestId}`).terminate('test');
  await port.client.workflow.start('aiDecision', {
    ...{ args: [{ requestId, step }], taskQueue: stack.taskQueue },
    workflowId: `request/${requestId}`,
  });
}

describe('time', () => {
  test('of ten years is slept a month at a time, and looked at in between', async () => {
    const request = await submitAndSettle('long');
    const sleepsOf = async (): Promise<number[]> =>
      ((await port.history(request.id)).events ?? []).flatMap((event) => {
        const timer = event.timerStartedEventAttributes;
        return timer ? [Number(timer.startToFireTimeout?.seconds ?? 0)] : [];
      });
    expect(await sleepsOf()).toEqual([30 * 86_400]);
    const years = Date.parse(request.stage?.deadline ?? '') - Date.now();
    expect(years / 86_400_000).toBeGreaterThan(3_650);

    // As if the month were over.
    await replaceGate(request.id, { seq: 2, wakeInMs: 300, finished: false });
    await eventually('the next month', 8_000, async () =>
      (await sleepsOf()).includes(30 * 86_400) ? true : null,
    );
    expect(await show(stack, request.id)).toMatchObject({ status: 'pending', revision: 1 });
    expect((await decideOn(stack, 'eve', { request })).body.outcome.kind).toBe('settled');
  });

  test('that a gate does not know of is learnt when it is asked to look', async () => {
    const request = await submit(stack, asking('short'));
    await replaceGate(request.id, { seq: 2, wakeInMs: 86_400_000, finished: false });
    await stack.deps.gateway.startGate({ requestId: request.id, kind: 'ai-decision', step: null });
    const end = await eventually(
      'the deadline',
      8_000,
      async () => (await show(stack, request.id)).resolution,
    );
    expect(end).toMatchObject({ kind: 'expired' });
    expect(Date.parse(end.at) - Date.parse(request.stage?.deadline ?? '')).toBeLessThan(2_000);
    const gate = port.client.workflow.getHandle(`request/${request.id}`);
    await gate.result();
    expect(countOf(await gate.fetchHistory(), 'workflowExecutionSignaled')).toBe(1);
  });

  test('reminds and expires by itself, by a real timer', async () => {
    const request = await submit(stack, asking('short'));
    const end = await eventually(
      'the deadline',
      8_000,
      async () => (await show(stack, request.id)).resolution,
    );
    expect(end).toMatchObject({ kind: 'expired', mayProceed: false });
    const late = Date.parse(end.at) - Date.parse(request.stage?.deadline ?? '');
    expect(late).toBeGreaterThanOrEqual(0);
    expect(late).toBeLessThan(2_000);
    expect((await soundChain(stack.deps, request.id)).kinds).toEqual([
      ...['requested', 'policy_bound', 'stage_opened', 'reminded', 'expired', 'resolved'],
    ]);
    await port.client.workflow.getHandle(`request/${request.id}`).result();
    const history = await port.history(request.id);
    expect(countOf(history, 'timerFired')).toBe(2);
  });

  test('that passed in a task queue, while no worker ran, is not added to the deadline', async () => {
    const idle = await openStack({
      policies: [aPolicySource({ deadline: 'PT4S' })],
      worker: false,
      dispatcher: false,
    });
    const request = await submit(idle);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    const stop = await startTestWorker(idle.deps, {
      ...{ taskQueue: idle.taskQueue, temporalAddress: inject('temporalAddress') },
    });
    const end = await eventually(
      'the deadline',
      8_000,
      async () => (await show(idle, request.id)).resolution,
    );
    expect(Date.parse(end.at) - Date.parse(request.stage?.deadline ?? '')).toBeLessThan(1_500);
    await stop();
    await idle.close();
  });
});
