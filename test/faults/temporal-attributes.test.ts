import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbeddedTemporal } from '../../bin/embedded/temporal.ts';
import { createWorkflowGateway } from '../../application/workflow-gateway.ts';
import { SEARCH_ATTRIBUTES } from '../../workflows/search-attributes.ts';
import { aPolicySource, decideOn, eventually, show, submit } from '../support/acts.ts';
import { track } from '../support/no-leaks.ts';
import { ownTemporal, type OwnServer } from '../support/own-servers.ts';
import { openStack, type Stack } from '../support/stack.ts';
import { countOf, openTemporalPort, type TemporalPort } from '../workflows/temporal.ts';

// A Temporal whose administrator, or somebody else, takes the search attributes away.

let temporal: OwnServer<EmbeddedTemporal>;
let stack: Stack;
let port: TemporalPort;
beforeAll(async () => {
  temporal = await ownTemporal();
  const temporalAddress = temporal.server().address;
  const when = (word: string): string => `request.action.operation ${word} "short"`;
  const policies = [
    aPolicySource({ id: 'two', when: when('!='), quorum: 2 }),
    aPolicySource({ id: 'short', when: when('=='), deadline: 'PT5S' }),
  ];
  stack = await openStack({ policies, temporalAddress });
  port = await openTemporalPort(temporalAddress);
});
afterAll(async () => {
  await port.close();
  await stack.close();
  await temporal.close();
});

const names: string[] = Object.values(SEARCH_ATTRIBUTES).map(({ name }) => name);
const known = async (): Promise<string[]> => {
  const { operatorService } = port.client.connection as unknown as {
    operatorService: {
      listSearchAttributes(of: object): Promise<{ customAttributes?: object }>;
    };
  };
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace: 'default' });
  return Object.keys(customAttributes ?? {}).filter((name) => names.includes(name));
};

test('everything is decided without them, and they come back by themselves', async () => {
  const before = await submit(stack);
  const timed = await submit(stack, { action: { operation: 'short', target: 'loan/1' } });
  await decideOn(stack, 'eve', { request: before });
  expect((await known()).toSorted()).toEqual(names.toSorted());

  const { operatorService } = port.client.connection as unknown as {
    operatorService: { removeSearchAttributes(of: object): Promise<unknown> };
  };
  await operatorService.removeSearchAttributes({ namespace: 'default', searchAttributes: names });
  expect(await known()).toEqual([]);
  await eventually('Temporal to notice', 60_000, () =>
    port.client.workflow.count('CountersignKind IS NULL').then(
      () => null,
      () => true,
    ),
  );

  // A gate whose own time comes finds out by being refused, and gets over it.
  const gate = port.client.workflow.getHandle(`request/${timed.id}`);
  await gate.result();
  const history = await gate.fetchHistory();
  expect(countOf(history, 'workflowTaskFailed')).toBeGreaterThan(0);
  expect(countOf(history, 'upsertWorkflowSearchAttributes')).toBe(0);
  expect((await show(stack, timed.id)).status).toBe('expired');

  // One gate ran with them, the other one is started without them.
  const after = await submit(stack);
  for (const request of [before, after])
    for (const who of ['eve', 'omar']) await decideOn(stack, who, { request });
  for (const { id } of [before, after])
    await eventually('the decision', 45_000, async () => (await show(stack, id)).resolution);

  const gateway = createWorkflowGateway({
    ...{ connection: { address: temporal.server().address }, namespace: 'default' },
    taskQueue: stack.taskQueue,
  });
  const close = track('gateway', () => gateway.close());
  await gateway.arrange();
  expect((await known()).toSorted()).toEqual(names.toSorted());
  await eventually('the attributes', 20_000, async () => {
    await gateway.arrange();
    return (await gateway.shows()) ? true : null;
  });
  await close();
}, 120_000);
