import { fromMillis, toMillis } from '../domain/instant.ts';
import {
  gatesOf,
  openGates,
  reopenGatesOf,
  silentGates,
  type Gated,
} from '../prisma/gate-store.ts';
import { readInstallation } from '../prisma/installation-store.ts';
import type { GateRun, GateWatch } from './gate-watch.ts';
import type { SealIncident } from './incidents.ts';
import type { Deps } from './deps.ts';
import type { WorkflowGateway } from './workflow-gateway.ts';

// A workflow that somebody ended behind our back is found here, sealed, and started again from the
// records: every minute, as a Temporal Schedule.

export interface SweepDeps extends Pick<Deps, 'db' | 'now' | 'onFault'> {
  readonly gateway: Pick<WorkflowGateway, 'namespaceId'> & { readonly watch: GateWatch };
  readonly seal: SealIncident;
}

export interface SweepReport {
  /** Requests whose gate should run. */
  readonly open: number;
  /** Runs that were found to have been ended, for the first time. */
  readonly ended: number;
}

/** Gates that are compared at once. */
const PAGE = 100;
/** A command that lies unanswered for so long makes its gate a suspect. */
const SILENT_MS = 15_000;
/** For how long sweeps that went well are kept for people to look at. */
const KEPT_MS = 3_600_000;
/** How far back ended runs are looked for; those before are found where nothing runs in their place. */
const LOOK_BACK_MS = 3_600_000;

/**
 * Compares what should run with what runs. Repeating it seals nothing twice.
 *
 * @param onProgress told after each page.
 * @throws EngineUnavailable
 */
export async function sweepGates(deps: SweepDeps, onProgress: () => void): Promise<SweepReport> {
  const installation = await readInstallation(deps.db);
  // Another Temporal than before has lost everything: the dispatcher sees to that, and nobody is to blame.
  if (installation?.temporalNamespaceId !== (await deps.gateway.namespaceId()))
    return { open: 0, ended: 0 };
  // A run a minute is much to keep. Where we may not delete, Temporal's retention does, so nothing is lost by a
  // failure here; where Temporal is away, the next call says so.
  await deps.gateway.watch.tidy(Date.now() - KEPT_MS).catch(() => undefined);
  await evictStuck(deps);
  let open = 0;
  let ended = 0;
  for (let after: string | null = null, isLast = false; !isLast;) {
    onProgress();
    const page: Gated[] = await openGates(deps.db, { after, limit: PAGE });
    open += page.length;
    ended += await sweepPage(deps, page);
    isLast = page.length < PAGE;
    after = page.at(-1)?.requestId ?? after;
  }
  ended += await sweepEnded(deps);
  if (ended > 0) deps.onFault?.(`${ended} gates were ended behind our back; sealed`, null);
  return { open, ended };
}

/**
 * Gates that leave commands lying because their code fails, be it that somebody started them with what
 * cannot be read. What is ended here is sealed and started again like everything that was ended.
 */
async function evictStuck({ db, now, gateway: { watch } }: SweepDeps): Promise<void> {
  const since = fromMillis(toMillis(now()) - SILENT_MS);
  for (const requestId of await silentGates(db, { since, limit: PAGE })) {
    const runId = await watch.stuckRun(requestId);
    if (runId !== null) await watch.evict(requestId, runId);
  }
}

/** Runs that were ended, whether or not something runs in their place. */
async function sweepEnded(deps: SweepDeps): Promise<number> {
  const runs = await deps.gateway.watch.endedRuns(Date.now() - LOOK_BACK_MS);
  const gates = await gatesOf(deps.db, [...new Set(runs.map(({ requestId }) => requestId))]);
  // What is no request of ours, or never had a gate, is somebody else's doing and changes nothing.
  const gated = new Set(gates.filter(({ gate }) => gate !== 'none').map((one) => one.requestId));
  let found = 0;
  for (const { requestId, runId } of runs.filter((run) => gated.has(run.requestId))) {
    const isNew = await deps.seal({ code: 'WORKFLOW_ENDED', key: runId, requestId });
    if (isNew !== 'sealed') continue;
    found += 1;
    // Who runs in its place, be it of our making, asks for the truth.
    await reopenGatesOf(deps.db, [requestId]);
  }
  return found;
}

/** Gates that should run and do not, or that something else has taken the place of. */
async function sweepPage(deps: SweepDeps, page: readonly Gated[]): Promise<number> {
  const { db, seal } = deps;
  const { watch } = deps.gateway;
  const runs = await watch.runsOf(page.map(({ requestId }) => requestId));
  const suspects = page.filter(({ requestId }) => runs.get(requestId)?.state !== 'running');
  if (suspects.length === 0) return 0;
  // Read again: a gate that ended by itself was closed before its workflow ended.
  const still = (
    await gatesOf(
      db,
      suspects.map(({ requestId }) => requestId),
    )
  ).filter(({ gate }) => gate === 'open');
  let found = 0;
  for (const gate of still) {
    const run = runs.get(gate.requestId) ?? null;
    if (run?.state === 'foreign') await watch.evict(gate.requestId, run.runId);
    const key = keyOf(gate, run);
    const isNew = await seal({ code: 'WORKFLOW_ENDED', key, requestId: gate.requestId });
    if (isNew === 'sealed') found += 1;
  }
  await reopenGatesOf(
    db,
    still.map(({ requestId }) => requestId),
  );
  return found;
}

/** A run that was deleted has no name any more: then it is the one that was started last. */
function keyOf({ requestId, since }: Gated, run: GateRun | null): string {
  return run?.runId ?? `${requestId}/${since}`;
}
