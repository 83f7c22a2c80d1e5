import type { OpenStage, RequestState } from '../domain/request.ts';
import { stageAt } from '../domain/stage.ts';
import type { LedgerRecord } from '../ledger/record.ts';
import type { RequestRow } from '../prisma/request-store.ts';
import type { Deps } from './deps.ts';
import { jcs } from '../ledger/jcs.ts';
import { sha256Hex } from '../ledger/hash.ts';
import { shownOf } from './request-queries.ts';

// What a person was shown is not stored, only its digest. It can be made again from what is stored, and
// the digest says whether that succeeded.

type Viewed = Extract<LedgerRecord, { readonly kind: 'viewed' }>;

/**
 * Makes the view of one `viewed` record again.
 *
 * @param records the chain up to this record at least.
 * @returns the shown bytes; null where what is stored today gives something else.
 */
export async function viewAgain(
  deps: Deps,
  row: RequestRow,
  { viewed, records }: { readonly viewed: Viewed; readonly records: readonly LedgerRecord[] },
): Promise<Buffer | null> {
  const before = records.filter(({ seq }) => seq < viewed.seq);
  const then = { ...deps, now: () => viewed.ts };
  const state = stateAfter(row.state, before);
  for (const stage of state.stage === null ? [null] : [state.stage, null]) {
    const shown = jcs(await shownOf(then, { ...row, state: { ...state, stage } }));
    if (sha256Hex(shown) === viewed.body.view_digest) return Buffer.from(shown);
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
  return { index, openedAt: opened.ts, deadline, roles, agenda: [] };
}
