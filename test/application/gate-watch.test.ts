import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { createWatch, type Run, type RunList } from '../../application/gate-watch.ts';

const OURS = { taskQueue: 'ours', types: ['aiDecision', 'vendorApproval'] };

const aRun = (differs: Partial<Run> = {}): Run => ({
  workflowId: `request/${randomUUID()}`,
  runId: randomUUID(),
  type: 'aiDecision',
  taskQueue: 'ours',
  isRunning: true,
  attempts: 0,
  ...differs,
});

/** Temporal with these runs: some of them listed, all of them known by name. */
function watching(listed: readonly Run[], known: readonly Run[] = []) {
  const queries: string[] = [];
  const removed: string[] = [];
  const runs: RunList = {
    list: async (query) => {
      queries.push(query);
      return listed;
    },
    describe: async (workflowId) => known.find((run) => run.workflowId === workflowId) ?? null,
    terminate: async () => undefined,
    remove: async (_, runId) => void removed.push(runId),
  };
  return { watch: createWatch(runs, OURS), queries, removed };
}

const idOf = ({ workflowId }: Run): string => workflowId.replace('request/', '');

test('a gate is running, ended, foreign or unknown, also where lists are behind', async () => {
  const [listed, late, ended] = [aRun(), aRun(), aRun({ isRunning: false })];
  const foreign = [aRun({ type: 'planted' }), aRun({ taskQueue: 'theirs' })];
  const unknown = randomUUID();
  const { watch } = watching([listed, ...foreign], [late, ended]);
  const ids = [listed, late, ended, ...foreign].map(idOf);
  const found = await watch.runsOf([...ids, unknown]);
  expect([...ids, unknown].map((id) => found.get(id)?.state ?? 'unknown')).toEqual([
    ...['running', 'running', 'ended', 'foreign', 'foreign', 'unknown'],
  ]);
});

test('nobody is asked about no gate', async () => {
  const { watch, queries } = watching([aRun()]);
  expect((await watch.runsOf([])).size).toBe(0);
  expect(queries).toEqual([]);
});

test('ended runs whose id is not that of a request are left out', async () => {
  const run = aRun({ isRunning: false });
  const { watch } = watching([
    run,
    aRun({ workflowId: 'request/planted' }),
    aRun({ workflowId: 'x' }),
  ]);
  expect(await watch.endedRuns(0)).toEqual([{ requestId: idOf(run), runId: run.runId }]);
});

test('a gate whose task fails again and again is stuck, one that is at work or has ended is not', async () => {
  const [stuck, busy] = [aRun({ attempts: 3 }), aRun({ attempts: 2 })];
  const ended = aRun({ attempts: 9, isRunning: false });
  const { watch } = watching([], [stuck, busy, ended]);
  expect(await watch.stuckRun(idOf(stuck))).toBe(stuck.runId);
  for (const run of [busy, ended, aRun()]) expect(await watch.stuckRun(idOf(run))).toBeNull();
});

test('only sweeps of ours that went well are taken away', async () => {
  const old = aRun({ workflowId: 'sweep', isRunning: false });
  const { watch, queries, removed } = watching([old]);
  await watch.tidy(Date.parse('2026-11-21T12:00:00Z'));
  expect(removed).toEqual([old.runId]);
  expect(queries).toEqual([
    'TaskQueue = "ours" AND WorkflowType = "sweep" AND ExecutionStatus = "Completed" AND CloseTime < "2026-11-21T12:00:00.000Z"',
  ]);
});
