import type { OpenStage, RequestState } from '../domain/request.ts';
import { stageAt } from '../domain/stage.ts';
import type { LedgerRecord } from '../ledger/record.ts';
import { viewCommands } from '../prisma/command-store.ts';
import { reading } from '../prisma/directory-store.ts';
import type { RequestRow } from '../prisma/request-store.ts';
import type { CommandPayload } from './command-payload.ts';
import type { Deps } from './deps.ts';
import { commandPlace } from './places.ts';
import { jcs } from '../ledger/jcs.ts';
import { sha256Hex } from '../ledger/hash.ts';
import { shownOf } from './request-queries.ts';

// What a person was shown is kept with the command that showed it. Views of earlier versions kept only the
// digest: they are made again from what is stored, and the digest says whether that succeeded.

type Viewed = Extract<LedgerRecord, { readonly kind: 'viewed' }>;

/** So many views of one request are looked through. */
const MOST_VIEWS = 2_000;

/**
 * Finds the view of one `viewed` record, or makes it again.
 *
 * @param records the chain up to this record at least.
 * @returns the shown bytes; null where what is stored today gives something else.
 */
export async function viewAgain(
  deps: Deps,
  row: RequestRow,
  { viewed, records }: { readonly viewed: Viewed; readonly records: readonly LedgerRecord[] },
): Promise<Buffer | null> {
  const kept = await keptView(deps, row, viewed.body.view_digest);
  if (kept !== null) return kept;
  const before = records.filter(({ seq }) => seq < viewed.seq);
  const then = { ...deps, now: () => viewed.ts };
  const state = stateAfter(row.state, before);
  for (const stage of state.stage === null ? [null] : [state.stage, null]) {
    const shown = jcs(await shownOf(then, { ...row, state: { ...state, stage } }));
    if (sha256Hex(shown) === viewed.body.view_digest) return Buffer.from(shown);
  }
  return null;
}

async function keptView(
  deps: Deps,
  { id, dekId }: RequestRow,
  digest: string | null,
): Promise<Buffer | null> {
  await deps.vault.prepare(reading(deps.db), [dekId]);
  for (const command of await viewCommands(deps.db, id, MOST_VIEWS)) {
    const text = deps.vault.decrypt(dekId, commandPlace(command.id), command.payload);
    const payload = text === null ? null : (JSON.parse(text) as CommandPayload); // ours
    if (payload?.kind !== 'view' || payload.view.sha256 !== digest) continue;
    return payload.shown === undefined ? null : Buffer.from(payload.shown);
  }
  return null;
}

/** The parts of the state that a view shows, as they were after these records. */
function stateAfter(state: RequestState, records: readonly LedgerRecord[]): RequestState {
  const decided = records.filter(({ kind }) => kind === 'decided').length;
  return {
    ...state,
    decisions: state.decisions.slice(0, decided),
    stage: stageAfter(state, records),
  };
}

function stageAfter(state: RequestState, records: readonly LedgerRecord[]): OpenStage | null {
  const opened = records.findLast((record) => record.kind === 'stage_opened');
  if (opened?.kind !== 'stage_opened') return null;
  const { stage: index, deadline } = opened.body;
  let roles: readonly (readonly string[])[] = stageAt(state, index).groups.map(({ role }) => [
    role,
  ]);
  for (const record of records) {
    if (record.kind !== 'escalated' || record.body.stage !== index) continue;
    const { to_role: to, mode } = record.body;
    roles = roles.map((group) => (mode === 'replace' ? [to] : [...new Set([...group, to])]));
  }
  return {
    ...{ index, openedAt: opened.ts, deadline, roles, agenda: [] },
    ...{ pausedSince: null, pausedSeconds: 0, claims: [], barred: [], isStuck: false },
  };
}
