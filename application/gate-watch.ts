import { gateIdOf } from '../workflows/messages.ts';

/** What the sweep asks of Temporal. @throws EngineUnavailable, all of it. */
export interface GateWatch {
  /** @returns the newest run of each gate; none where Temporal does not know it, or not any more. */
  runsOf(requestIds: readonly string[]): Promise<ReadonlyMap<string, GateRun>>;
  /** Gates that did not end by themselves since then (Unix milliseconds), the newest 1,000. */
  endedRuns(since: number): Promise<readonly EndedRun[]>;
  /** @returns the run of a gate that cannot go on: its code fails again and again; null where it can. */
  stuckRun(requestId: string): Promise<string | null>;
  /** Ends what runs under the id of a gate and is none. */
  evict(requestId: string, runId: string): Promise<void>;
  /** Deletes sweeps that ended well before then (Unix milliseconds), some of them. */
  tidy(before: number): Promise<void>;
}

export interface GateRun {
  /** `foreign`: runs under our id, but is not our workflow, or no worker of ours is asked to run it. */
  readonly state: 'running' | 'ended' | 'foreign';
  readonly runId: string;
}

export interface EndedRun {
  readonly requestId: string;
  readonly runId: string;
}

/** One execution, as Temporal lists it. */
export interface Run {
  readonly workflowId: string;
  readonly runId: string;
  readonly type: string;
  readonly taskQueue: string;
  readonly isRunning: boolean;
  /** How often the task that it is at was tried; 0 in lists. */
  readonly attempts: number;
}

/** Temporal's side of it. @throws EngineUnavailable, all of it. */
export interface RunList {
  /** @returns at most so many. Lists are a little behind the truth. */
  list(query: string, most: number): Promise<readonly Run[]>;
  describe(workflowId: string): Promise<Run | null>;
  terminate(workflowId: string, runId: string): Promise<void>;
  /** Takes an ended run and its history away. */
  remove(workflowId: string, runId: string): Promise<void>;
}

const MOST_ENDED = 1_000;
const MOST_TIDIED = 50;
/** A task that is tried this often fails for a reason of its own. */
const STUCK_ATTEMPTS = 3;
const GATE_ID = /^request\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

export function createWatch(
  runs: RunList,
  ours: { readonly taskQueue: string; readonly types: readonly string[] },
): GateWatch {
  const toGateRun = ({ runId, isRunning, type, taskQueue }: Run): GateRun => {
    if (!isRunning) return { state: 'ended', runId };
    const isOurs = ours.types.includes(type) && taskQueue === ours.taskQueue;
    return { state: isOurs ? 'running' : 'foreign', runId };
  };
  return {
    async runsOf(requestIds) {
      const found = new Map<string, GateRun>();
      if (requestIds.length === 0) return found;
      const query = `ExecutionStatus = "Running" AND WorkflowId IN (${quoted(requestIds.map(gateIdOf))})`;
      for (const run of await runs.list(query, 2 * requestIds.length))
        found.set(requestIdOf(run) ?? '', toGateRun(run));
      // Who is missing in the list is asked for by name.
      for (const requestId of requestIds.filter((id) => !found.has(id))) {
        const run = await runs.describe(gateIdOf(requestId));
        if (run !== null) found.set(requestId, toGateRun(run));
      }
      return found;
    },
    async endedRuns(since) {
      const query = [
        `TaskQueue = ${quoted([ours.taskQueue])} AND WorkflowType IN (${quoted(ours.types)})`,
        'ExecutionStatus IN ("Terminated", "Canceled", "Failed", "TimedOut")',
        `CloseTime > "${new Date(since).toISOString()}"`,
      ].join(' AND ');
      return (await runs.list(query, MOST_ENDED)).flatMap((run) => {
        const requestId = requestIdOf(run);
        return requestId === null ? [] : [{ requestId, runId: run.runId }];
      });
    },
    async stuckRun(requestId) {
      const run = await runs.describe(gateIdOf(requestId));
      return run?.isRunning && run.attempts >= STUCK_ATTEMPTS ? run.runId : null;
    },
    evict: (requestId, runId) => runs.terminate(gateIdOf(requestId), runId),
    async tidy(before) {
      const query = [
        `TaskQueue = ${quoted([ours.taskQueue])} AND WorkflowType = "sweep"`,
        `ExecutionStatus = "Completed" AND CloseTime < "${new Date(before).toISOString()}"`,
      ].join(' AND ');
      for (const { workflowId, runId } of await runs.list(query, MOST_TIDIED))
        await runs.remove(workflowId, runId);
    },
  };
}

const quoted = (words: readonly string[]): string =>
  words.map((word) => JSON.stringify(word)).join(', ');

const requestIdOf = ({ workflowId }: Run): string | null => GATE_ID.exec(workflowId)?.[1] ?? null;
