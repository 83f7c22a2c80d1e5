import { markGateOpen } from '../prisma/request-store.ts';
import type { Deps } from './deps.ts';
import { EngineUnavailable, type Gate, type WorkflowGateway } from './workflow-gateway.ts';

/** Starts workflows soon after their requests were stored, in its own time. */
export interface GateStarter {
  /** Never throws and never waits; what is lost here the dispatcher finds as a row. */
  need(gate: Gate): void;
  /** Leaves what waits to the dispatcher. Resolves when nothing is being started any more. */
  drain(): Promise<void>;
}

const AT_ONCE = 4;
/** Beyond this the rows are left to the dispatcher: memory is bounded, requests are not lost. */
const MAX_WAITING = 2_000;
/** Started gates are marked together. */
const MARK_AT = 50;

export function createGateStarter(
  deps: Pick<Deps, 'db' | 'onFault'>,
  gateway: Pick<WorkflowGateway, 'startGate'>,
): GateStarter {
  const waiting: Gate[] = [];
  let started: string[] = [];
  const running = new Set<Promise<void>>();

  const mark = async (): Promise<void> => {
    const ids = started;
    started = [];
    if (ids.length > 0) await markGateOpen(deps.db, ids);
  };

  const runner = async (): Promise<void> => {
    for (let gate = waiting.shift(); gate !== undefined; gate = waiting.shift()) {
      try {
        await gateway.startGate(gate);
        started.push(gate.requestId);
      } catch (error) {
        if (error instanceof EngineUnavailable)
          waiting.length = 0; // rows wait better than we do
        else
          deps.onFault?.('a workflow could not be started; the dispatcher will try again', error);
      }
      if (started.length >= MARK_AT || waiting.length === 0) await mark();
    }
  };

  const launch = (): void => {
    const run = runner()
      .catch((error: unknown) =>
        deps.onFault?.('started workflows could not be marked; the dispatcher will look', error),
      )
      .finally(() => running.delete(run));
    running.add(run);
  };

  return {
    need(gate) {
      if (waiting.length >= MAX_WAITING) return;
      waiting.push(gate);
      if (running.size < AT_ONCE) launch();
    },
    async drain() {
      waiting.length = 0;
      await Promise.all(running);
    },
  };
}
