import { afterAll, beforeAll, expect, test } from 'vitest';
import { aPolicySource, decideOn, show, soundChain, submit } from '../support/acts.ts';
import { ownTemporal, type OwnServer } from '../support/own-servers.ts';
import type { EmbeddedTemporal } from '../../bin/embedded/temporal.ts';
import type { CommandBody } from '../../application/approval-service.ts';
import { openStack, type Reply, type Stack } from '../support/stack.ts';
import { SEARCH_ATTRIBUTES } from '../../workflows/search-attributes.ts';
import { record, replay, withoutPlace } from './histories.ts';
import { eventsOf, openTemporalPort, type History, type TemporalPort } from './temporal.ts';

/** Updates that one run takes here; at nine tenths the server asks for another run. */
const UPDATES = 30;
/** Attempts of people who may not decide, 16 at once. */
const ATTEMPTS = 96;

let temporal: OwnServer<EmbeddedTemporal>;
let stack: Stack;
let port: TemporalPort;
beforeAll(async () => {
  temporal = await ownTemporal({ 'history.maxTotalUpdates': UPDATES });
  const temporalAddress = temporal.server().address;
  const policies = [aPolicySource({ quorum: 2 })];
  stack = await openStack({ policies, temporalAddress });
  port = await openTemporalPort(temporalAddress);
});
afterAll(async () => {
  await port.close();
  await stack.close();
  await temporal.close();
});

/** @returns the history of each run of a gate, the first one first. */
async function runsOf(requestId: string): Promise<History[]> {
  const newest = await port.history(requestId);
  const started = newest.events?.[0]?.workflowExecutionStartedEventAttributes;
  const runs: History[] = [];
  for (let runId = started?.firstExecutionRunId; runId;) {
    const history = await port.history(requestId, runId);
    runs.push(history);
    const last = history.events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes;
    runId = last?.newExecutionRunId;
  }
  return runs;
}

const isRefusal = ({ body }: Reply<CommandBody>): boolean => body.outcome.kind === 'refused';

test('a gate that goes on as a new one with commands in flight loses none and doubles none', async () => {
  const request = await submit(stack);
  const attempts = Array.from({ length: ATTEMPTS }, (_, n) => n);
  const answers: Reply<CommandBody>[] = [];
  const lane = async (): Promise<void> => {
    for (let n = attempts.shift(); n !== undefined; n = attempts.shift())
      answers.push(await decideOn(stack, n === 40 ? 'eve' : 'sam', { request }));
  };
  await Promise.all(Array.from({ length: 16 }, lane));

  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  const counted = { kind: 'counted', approvals: 1, needed: 2 };
  expect(answers.filter((one) => !isRefusal(one)).map(({ body }) => body.outcome)).toEqual([
    counted,
  ]);
  const last = await decideOn(stack, 'omar', { request });
  expect(last.body.outcome.kind).toBe('settled');
  expect((await show(stack, request.id)).resolution).toMatchObject({ by: ['eve', 'omar'] });

  const { kinds } = await soundChain(stack.deps, request.id);
  expect(kinds.filter((kind) => kind === 'refused')).toHaveLength(ATTEMPTS - 1);
  expect(kinds.filter((kind) => kind === 'decided')).toHaveLength(2);

  await port.client.workflow.getHandle(`request/${request.id}`).result();
  const runs = await runsOf(request.id);
  expect(runs.length).toBeGreaterThanOrEqual(3);
  const ends = runs.map((run) => eventsOf(run).at(-1));
  expect(ends.at(-1)).toBe('workflowExecutionCompleted');
  expect(new Set(ends.slice(0, -1))).toEqual(new Set(['workflowExecutionContinuedAsNew']));
  expect(stack.faults).toEqual([]);

  // Who looks for it finds it, whichever run it is in.
  const gate = await port.client.workflow.getHandle(`request/${request.id}`).describe();
  expect(gate.typedSearchAttributes.get(SEARCH_ATTRIBUTES.kind)).toBe('ai-decision');
  expect(gate.typedSearchAttributes.get(SEARCH_ATTRIBUTES.status)).toBe('approved');
  expect(gate.typedSearchAttributes.get(SEARCH_ATTRIBUTES.risk)).toBe(request.riskTier);

  const named = runs.map((run, n) => ({ name: `continued-as-new-${n}`, history: run }));
  record('continued-as-new-first', runs[0] ?? {});
  record('continued-as-new-last', runs.at(-1) ?? {});
  const plain = named.map(({ name, history }) => ({ name, history: withoutPlace(history) }));
  expect(Object.values(await replay(plain))).toEqual(runs.map(() => null));
});
