import { DeterminismViolationError } from '@temporalio/workflow';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { RequestShape } from '../../application/request-shape.ts';
import { aPolicySource, decideOn, eventually, show, submit } from '../support/acts.ts';
import { openStack, type Stack } from '../support/stack.ts';
import { record, recordedHistories, replay, withoutPlace } from './histories.ts';
import { countOf, openTemporalPort, type TemporalPort } from './temporal.ts';

let stack: Stack;
let port: TemporalPort;
beforeAll(async () => {
  const second = { role: 'risk-manager' };
  const isShort = 'request.action.operation == "short"';
  const policies = [
    aPolicySource({ id: 'two', when: 'request.action.operation != "short"', then: second }),
    aPolicySource({ id: 'short', when: isShort, deadline: 'PT2S', reminders: 'PT1S' }),
  ];
  stack = await openStack({ policies, dispatcher: false });
  port = await openTemporalPort(inject('temporalAddress'));
});
afterAll(async () => {
  await port.close();
  await stack.close();
});

type Tell = (request: RequestShape) => Promise<unknown>;

const ask = async (who: string, request: RequestShape, body: object, route: string) => {
  const reply = await stack.call(who, `/v1/requests/${request.id}/${route}`, { body });
  expect(reply.status).toBe(200);
};

const STORIES: readonly { story: string; operation?: string; open?: true; tell: Tell }[] = [
  {
    story: 'approved-in-two-stages',
    tell: async (request) => {
      await decideOn(stack, 'sam', { request }); // refused
      await decideOn(stack, 'eve', { request });
      await decideOn(stack, 'rui', { request });
    },
  },
  { story: 'rejected', tell: (request) => decideOn(stack, 'eve', { request, verdict: 'reject' }) },
  {
    story: 'waiting-in-the-second-stage',
    open: true,
    tell: (request) => decideOn(stack, 'eve', { request }),
  },
  {
    story: 'reminded-and-expired',
    operation: 'short',
    tell: (request) =>
      eventually('the deadline', 8_000, async () => (await show(stack, request.id)).resolution),
  },
  {
    story: 'overridden',
    tell: (request) =>
      ask('olga', request, { effect: 'stop', reason: 'wrong applicant' }, 'overrides'),
  },
  {
    story: 'asked-to-look-again',
    tell: async (request) => {
      const gate = { requestId: request.id, kind: request.kind, step: null };
      await stack.deps.gateway.startGate(gate);
      await decideOn(stack, 'eve', { request });
      await stack.deps.gateway.startGate(gate);
      await decideOn(stack, 'rui', { request });
    },
  },
  { story: 'withdrawn', tell: (request) => ask('app', request, {}, 'withdrawal') },
];

test.each(STORIES)(
  'a request that is $story is replayed as it went',
  async ({ story, ...rest }) => {
    const { operation = 'loan.decline', open = false, tell } = rest;
    const request = await submit(stack, { action: { operation, target: 'loan/1' } });
    await eventually('the first workflow task', 10_000, async () => {
      const history = await port.history(request.id).catch(() => null);
      return history !== null && countOf(history, 'workflowTaskCompleted') === 1;
    });
    await tell(request);
    if (!open) await port.client.workflow.getHandle(`request/${request.id}`).result();
    const history = await port.history(request.id);
    record(story, history);
    expect(await replay([{ name: story, history: withoutPlace(history) }])).toEqual({
      [story]: null,
    });
  },
);

test('a sweep is replayed as it went', async () => {
  const { taskQueue } = stack;
  const workflowId = `sweep-${taskQueue}`;
  const sweep = await port.client.workflow.start('sweep', { taskQueue, workflowId, args: [] });
  await sweep.result();
  const history = await sweep.fetchHistory();
  record('swept', history);
  expect(await replay([{ name: 'swept', history: withoutPlace(history) }])).toEqual({
    swept: null,
  });
});

test('every history that was ever recorded is replayed by the workflows of today', async () => {
  const recorded = recordedHistories();
  expect(recorded.length).toBeGreaterThanOrEqual(STORIES.length + 2);
  const problems = Object.entries(await replay(recorded)).filter(([, problem]) => problem !== null);
  expect(problems).toEqual([]);
});

test('a replay notices when a workflow would go another way', async () => {
  const name = '0.1-approved-in-two-stages.json';
  const found = recordedHistories().find((one) => one.name === name);
  const text = JSON.stringify(found?.history).replaceAll('"submitCommand"', '"anotherUpdate"');
  const answer = await replay([{ name, history: JSON.parse(text) as unknown }]);
  expect(answer[name]).toBeInstanceOf(DeterminismViolationError);
});

test('recorded histories name no machine, no process and no person', () => {
  for (const { name, history } of recordedHistories()) {
    const text = JSON.stringify(history);
    expect(text, name).not.toMatch(/\d+@|\/home\/|\/root\/|\/work\/|\/tmp\/|\/Users\//);
    expect(text, name).not.toMatch(/"(eve|rui|olga|sam|omar|sample-agent)"/);
  }
});
