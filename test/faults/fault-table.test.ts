import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkLog } from '../../application/self-check.ts';
import type { RequestShape } from '../../application/request-shape.ts';
import { eventually } from '../support/acts.ts';
import { PEOPLE, POLICIES } from './fault-table-acts.ts';
import { commandsMet, decisionsMet } from './fault-table-cells.ts';
import { idIn, kindsOf, wave, type Cell, type Outcome } from './fault-table-wave.ts';
import { FAULTS, openWorld, type World } from './fault-table-world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(PEOPLE, POLICIES);
});
afterAll(() => world.close());

const WAVES: readonly { readonly what: string; readonly cells: (fault: number) => Cell[] }[] = [
  { what: 'decisions', cells: decisionsMet },
  { what: 'every other command', cells: commandsMet },
];
const TABLE = FAULTS.flatMap((name, index) => WAVES.map((one) => ({ name, index, ...one })));

describe.each(TABLE)('$name: $what', ({ name: fault, index, cells: cellsOf }) => {
  const cells = cellsOf(index);
  let outcomes: ReadonlyMap<string, Outcome> = new Map();
  beforeAll(async () => {
    outcomes = await wave(world, fault, cells);
  }, 150_000);

  test.each(cells)('$name, $phase', async ({ name, phase, thenHolds }) => {
    const outcome = outcomes.get(`${name}, ${phase}`);
    if (outcome === undefined) throw new Error('the fault did not meet it');
    await wasDoneOnce(outcome);
    await stands(outcome);
    await thenHolds?.(world, outcome);
  });

  test('a full examination finds nothing', async () => {
    const { problems } = await checkLog(world.deps, { signed: null });
    expect(problems).toEqual([]);
  });
});

/** What was acknowledged is there exactly once, and what was not at most once. */
async function wasDoneOnce({ prepared, met, meanwhile, answers }: Outcome): Promise<void> {
  const { before, adds, outcome, act } = prepared;
  const id = prepared.requestId ?? idIn(answers[0]);
  const sealed = meanwhile.slice(before.length);
  expect([[], adds]).toContainEqual(sealed);
  expect(await kindsOf(world, id)).toEqual([...before, ...adds]);
  if (act === null) return;
  const [answer, again] = answers;
  expect(JSON.parse(answer?.text ?? 'null')).toMatchObject(outcome);
  expect(again).toMatchObject({ status: answer?.status, text: answer?.text, replayed: true });
  expect([0, 200, 201, 202, 503]).toContain(met.status);
  if (met.status !== 200 && met.status !== 201) return;
  expect(JSON.parse(met.text)).toMatchObject(outcome);
}

/** The request is where its chain says, nothing is approved below its quorum, and its gate is where it should be. */
async function stands({ prepared, answers }: Outcome): Promise<void> {
  const id = prepared.requestId ?? idIn(answers[0]);
  const { text } = await world.call('app', `/v1/requests/${id}`);
  const request = JSON.parse(text) as RequestShape;
  const decided = [...prepared.before, ...prepared.adds].filter((kind) => kind === 'decided');
  expect(request).toMatchObject({ id, status: prepared.status });
  expect(request.decisions).toHaveLength(decided.length);
  if (request.status === 'approved') expect(decided).toHaveLength(2);
  const goesOn = prepared.gateGoesOn ?? prepared.status === 'pending';
  await eventually(`the gate to be ${goesOn ? 'there' : 'done'}`, 20_000, async () => {
    const gate = await world.port.client.workflow.getHandle(`request/${id}`).describe();
    return (gate.status.name === 'RUNNING') === goesOn;
  });
}
