import { randomUUID } from 'node:crypto';
import { WorkflowFailedError, WorkflowUpdateFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { RequestShape } from '../../application/request-shape.ts';
import { readInstallation } from '../../prisma/installation-store.ts';
import { recordsOf } from '../../prisma/ledger-store.ts';
import { parseRecord } from '../../ledger/record.ts';
import { submitCommand } from '../../workflows/messages.ts';
import { decideOn, eventually, show, soundChain, submit } from '../support/acts.ts';
import { openStack, type Stack } from '../support/stack.ts';
import { countOf, openTemporalPort, type TemporalPort } from '../workflows/temporal.ts';

// Somebody reaches Temporal's port and may do there what they like.

/** No deadline, no reminder: nothing but the sweep would ever notice. */
const TIMELESS = `id: timeless
kind: ai-decision
rules:
  - name: people decide
    effect: review
    requireView: false
    stages:
      - { name: first line, role: credit-officer, quorum: 1 }
`;

let stack: Stack;
let port: TemporalPort;
beforeAll(async () => {
  stack = await openStack({ policies: [TIMELESS] });
  port = await openTemporalPort(inject('temporalAddress'));
  await eventually('the dispatcher to know this Temporal', 10_000, async () => {
    const installation = await readInstallation(stack.deps.db);
    return installation?.temporalNamespaceId ?? null;
  });
});
afterAll(async () => {
  await port.close();
  await stack.close();
});

const gateOf = (id: string, runId?: string) =>
  port.client.workflow.getHandle(`request/${id}`, runId);

/** A pending request whose gate sleeps, and is known to be open. */
async function waiting(): Promise<{ request: RequestShape; runId: string }> {
  const request = await submit(stack);
  await eventually('the gate', 10_000, async () => {
    const [row] = await stack.deps.db.query<{ gate: string }>(
      'SELECT gate FROM request WHERE id = $1',
      [request.id],
    );
    const history = await port.history(request.id).catch(() => null);
    const sleeps = history !== null && countOf(history, 'workflowTaskCompleted') > 0;
    return sleeps && row?.gate === 'open' ? true : null;
  });
  return { request, runId: (await gateOf(request.id).describe()).runId };
}

/** As the Schedule does it. */
async function sweep(): Promise<{ open: number; ended: number }> {
  const handle = await port.client.workflow.start('sweep', {
    ...{ taskQueue: stack.taskQueue, workflowId: `sweep-${randomUUID()}`, args: [] },
  });
  return (await handle.result()) as { open: number; ended: number };
}

async function incidentsOf(requestId: string, code: string): Promise<unknown[]> {
  const installation = await readInstallation(stack.deps.db);
  const records = await recordsOf(stack.deps.db, installation?.systemStreamId ?? '');
  return records
    .map(({ bytes }) => parseRecord(bytes))
    .flatMap((record) => (record.kind === 'incident' ? [record.body] : []))
    .filter((body) => body.about_stream === requestId && body.code === code);
}

/** Sweeps until the gate of the request runs again, in another run. */
async function comesBack(id: string, before: string): Promise<void> {
  await eventually('the sweep to see it', 15_000, async () => {
    await sweep();
    return (await incidentsOf(id, 'WORKFLOW_ENDED')).length > 0 ? true : null;
  });
  await eventually('another run', 10_000, async () => {
    const found = await gateOf(id)
      .describe()
      .catch(() => null);
    if (found === null || found.runId === before || found.status.name !== 'RUNNING') return null;
    return found.type === 'aiDecision' ? true : null;
  });
}

/** Who may decide does, and that is all that the chain tells. */
async function isDecidedAsEver(request: RequestShape): Promise<void> {
  const answer = await decideOn(stack, 'eve', { request });
  expect(answer.body.outcome.kind).toBe('settled');
  const { kinds } = await soundChain(stack.deps, request.id);
  expect(kinds.filter((kind) => kind === 'decided')).toHaveLength(1);
  expect(kinds.at(-1)).toBe('resolved');
  await gateOf(request.id).result();
}

describe('a gate of a request without any deadline', () => {
  const ENDS: readonly { how: string; end: (id: string) => Promise<unknown> }[] = [
    { how: 'terminated', end: (id) => gateOf(id).terminate('planted') },
    { how: 'cancelled', end: (id) => gateOf(id).cancel() },
    {
      how: 'reset to its beginning',
      end: async (id) =>
        port.client.workflowService.resetWorkflowExecution({
          namespace: 'default',
          workflowExecution: { workflowId: `request/${id}` },
          reason: 'planted',
          requestId: randomUUID(),
          workflowTaskFinishEventId: 4 as never,
        }),
    },
    {
      how: 'deleted with its history',
      end: async (id) => {
        await port.client.workflowService.deleteWorkflowExecution({
          namespace: 'default',
          workflowExecution: { workflowId: `request/${id}` },
        });
        await eventually('the end of it', 10_000, () =>
          gateOf(id)
            .describe()
            .then(
              () => null,
              () => true,
            ),
        );
      },
    },
    {
      how: 'replaced by a workflow of nobody',
      end: async (id) => {
        await gateOf(id).terminate('planted');
        await port.client.workflow.start('planted', {
          ...{ workflowId: `request/${id}`, taskQueue: `nobody-${randomUUID()}`, args: [] },
        });
      },
    },
    {
      how: 'replaced by one that believes to be done',
      end: async (id) => {
        await gateOf(id).terminate('planted');
        const step = { seq: 999, wakeInMs: null, finished: true };
        const args = [{ requestId: id, step }];
        const workflowId = `request/${id}`;
        const fake = await port.client.workflow.start('aiDecision', {
          ...{ workflowId, taskQueue: stack.taskQueue, args },
        });
        await fake.result();
      },
    },
  ];

  test.each(ENDS)('that is $how is sealed once and runs again', async ({ end }) => {
    const { request, runId } = await waiting();
    const before = await soundChain(stack.deps, request.id);
    await end(request.id);
    await comesBack(request.id, runId);
    const sealed = await incidentsOf(request.id, 'WORKFLOW_ENDED');
    expect(sealed[0]).toMatchObject({ change: 'detected', severity: 'high' });
    for (let again = 0; again < 3; again += 1) await sweep();
    expect(await incidentsOf(request.id, 'WORKFLOW_ENDED')).toHaveLength(sealed.length);
    expect((await soundChain(stack.deps, request.id)).kinds).toEqual(before.kinds);
    expect(await show(stack, request.id)).toMatchObject({ status: 'pending', revision: 1 });
    await isDecidedAsEver(request);
  });

  test('that is replaced by one that cannot even be read is ended, and its commands are decided', async () => {
    const { request, runId } = await waiting();
    await gateOf(request.id).terminate('planted');
    await port.client.workflowService.startWorkflowExecution({
      ...{ namespace: 'default', requestId: randomUUID(), workflowId: `request/${request.id}` },
      ...{ workflowType: { name: 'aiDecision' }, taskQueue: { name: stack.taskQueue } },
      input: {
        payloads: [
          { metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from('planted') },
        ],
      },
    });
    const recorded = await decideOn(stack, 'eve', { request });
    expect(recorded.status).toBe(202);
    await eventually('it to fail three times', 60_000, async () => {
      const { pendingWorkflowTask } = (await gateOf(request.id).describe()).raw;
      return (pendingWorkflowTask?.attempt ?? 0) >= 3 ? true : null;
    });
    stack.clock.advance('PT16S');
    const end = await eventually('the decision', 30_000, async () => {
      await sweep();
      return (await show(stack, request.id)).resolution;
    });
    expect(end).toMatchObject({ kind: 'approved', by: ['eve'] });
    expect(await gateOf(request.id).describe()).not.toMatchObject({ runId });
    // Decided before the impostor was ended, the request needs no gate any more; else its own one ends.
    await eventually('no gate to run', 30_000, async () => {
      const { status } = await gateOf(request.id).describe();
      return status.name === 'RUNNING' ? null : true;
    });
    expect((await incidentsOf(request.id, 'WORKFLOW_ENDED')).length).toBeGreaterThan(0);
  }, 120_000);

  test('that is terminated and opened again by a decision, before anybody looks, is sealed too', async () => {
    const { request } = await waiting();
    await gateOf(request.id).terminate('planted');
    await isDecidedAsEver(request);
    await eventually('the incident', 15_000, async () => {
      await sweep();
      return (await incidentsOf(request.id, 'WORKFLOW_ENDED')).length === 1 ? true : null;
    });
    expect((await show(stack, request.id)).status).toBe('approved');
  });

  test('that ends by itself, or waits in peace, is nobody’s incident', async () => {
    const [{ request }, { request: other }] = [await waiting(), await waiting()];
    await isDecidedAsEver(request);
    for (let again = 0; again < 3; again += 1) await sweep();
    for (const { id } of [request, other])
      expect(await incidentsOf(id, 'WORKFLOW_ENDED')).toEqual([]);
  });
});

describe('an Update, a signal, a query or a start', () => {
  const knock = (id: string, commandId: string, updateId: string = randomUUID()) =>
    gateOf(id).executeUpdate(submitCommand, { args: [{ commandId }], updateId });

  test('that names no command is one incident, however often it comes, and changes nothing', async () => {
    const { request } = await waiting();
    const before = await soundChain(stack.deps, request.id);
    const [commandId, updateId] = [randomUUID(), randomUUID()];
    await expect(knock(request.id, commandId, updateId)).rejects.toThrow(WorkflowUpdateFailedError);
    await expect(knock(request.id, commandId, updateId)).rejects.toThrow(WorkflowUpdateFailedError);
    await expect(knock(request.id, commandId)).rejects.toThrow(WorkflowUpdateFailedError);
    expect(await incidentsOf(request.id, 'UNKNOWN_COMMAND')).toMatchObject([
      { change: 'detected', severity: 'high' },
    ]);
    await expect(knock(request.id, randomUUID())).rejects.toThrow(WorkflowUpdateFailedError);
    expect(await incidentsOf(request.id, 'UNKNOWN_COMMAND')).toHaveLength(2);
    expect((await soundChain(stack.deps, request.id)).kinds).toEqual(before.kinds);
    await isDecidedAsEver(request);
  });

  test('of a name that the gate does not know changes nothing', async () => {
    const { request } = await waiting();
    const gate = gateOf(request.id);
    await gate.signal('approve', { by: 'eve' });
    await gate.signal('look', 'and', 'more');
    await expect(gate.query('state')).rejects.toThrow(/state/);
    const forged = gate.executeUpdate('approve', { args: [{ by: 'eve' }] });
    await expect(forged).rejects.toThrow(WorkflowUpdateFailedError);
    expect(await show(stack, request.id)).toMatchObject({ status: 'pending', revision: 1 });
    await isDecidedAsEver(request);
  });

  test.each([
    { what: 'no input', args: () => [] },
    { what: 'a word as request', args: () => [{ requestId: 'planted', step: null }] },
    { what: 'another request', args: (id: string) => [{ requestId: id, step: null }] },
  ])('a gate that is started with $what under an id of its own ends at once', async ({ args }) => {
    const { request } = await waiting();
    const gate = await port.client.workflow.start('vendorApproval', {
      ...{ args: args(request.id), taskQueue: stack.taskQueue },
      workflowId: `request/${randomUUID()}`,
    });
    await expect(gate.result()).rejects.toThrow(WorkflowFailedError);
    expect(await show(stack, request.id)).toMatchObject({ status: 'pending', revision: 1 });
  });

  test('a gate with a made-up place of its request takes the true one with the first step', async () => {
    const { request } = await waiting();
    await gateOf(request.id).terminate('planted');
    const step = { seq: 999_999, wakeInMs: null, finished: false };
    await port.client.workflow.start('aiDecision', {
      ...{ workflowId: `request/${request.id}`, taskQueue: stack.taskQueue },
      args: [{ requestId: request.id, step }],
    });
    await isDecidedAsEver(request);
  });

  test('our own activities, asked by a workflow of theirs, do what they do for anybody: nothing', async () => {
    const { request } = await waiting();
    const forged = { kind: 'command', requestId: request.id, commandId: 'planted' } as const;
    const { createActivities } = await import('../../activities/index.ts');
    const activities = createActivities({
      advanceRequest: async () => {
        throw new TypeError('not reached');
      },
      selfCheck: async () => ({ passed: true }),
      sweep: async () => ({ open: 0, ended: 0 }),
    });
    for (const ref of [forged, null, 7, { kind: 'tick', requestId: `${request.id}'` }])
      await expect(activities.advance(ref as typeof forged)).rejects.toMatchObject({
        ...{ type: 'NOT_FOUND', nonRetryable: true },
      });
  });
});

describe('the Schedule of the sweep', () => {
  const schedule = () => port.client.schedule.getHandle(`countersign-sweep-${stack.taskQueue}`);
  const arranged = async () => {
    await stack.deps.gateway.arrange();
    return schedule().describe();
  };

  test('is made again where somebody deleted, paused or bent it, and sweeps', async () => {
    expect((await arranged()).policies.overlap).toBe('SKIP');
    await schedule().pause('planted');
    expect((await arranged()).state.paused).toBe(false);
    await schedule().update((before) => ({
      ...before,
      action: { ...before.action, workflowType: 'planted' },
    }));
    expect((await arranged()).action).toMatchObject({ workflowType: 'sweep' });
    await schedule().delete();
    await arranged();

    const { request, runId } = await waiting();
    await gateOf(request.id).terminate('planted');
    await schedule().trigger();
    await eventually('another run', 15_000, async () =>
      (await gateOf(request.id).describe()).runId !== runId ? true : null,
    );
    expect(await incidentsOf(request.id, 'WORKFLOW_ENDED')).toHaveLength(1);
    for (const what of ['sweep', 'self-check'])
      await port.client.schedule.getHandle(`countersign-${what}-${stack.taskQueue}`).delete();
  });
});
