import { statusOf, type RequestState } from '../domain/request.ts';
import type { LedgerRecord } from '../ledger/record.ts';
import type { CheckedRecord } from '../ledger/verify.ts';
import type { StoredHead } from '../prisma/ledger-store.ts';

// What programs read of a request is made from the same step that seals its records. Here it is held
// against them: a row that somebody changed says something that no record says.

type Of<K extends LedgerRecord['kind']> = Extract<LedgerRecord, { readonly kind: K }>;

/** A request as its row has it. */
export interface ProjectedRequest {
  readonly status: string;
  readonly state: RequestState;
  readonly head: StoredHead;
}

/**
 * @param records of the request's stream, all of them sound.
 * @returns one sentence for each thing that the row says and the records do not; none where it is true.
 */
export function projectionProblems(
  row: ProjectedRequest,
  records: readonly CheckedRecord[],
): readonly string[] {
  const sealed = records.flatMap(({ record }) => (record === null ? [] : [record]));
  return [
    ...headProblems(row, records),
    ...stateProblems(row, sealed),
    ...resolutionProblems(row, sealed),
  ];
}

function headProblems(
  { head }: ProjectedRequest,
  records: readonly CheckedRecord[],
): readonly string[] {
  const last = records.at(-1);
  if (last?.leafHash === head.leafHash && records.length === head.seq + 1) return [];
  return [`the request names record ${head.seq} as its last, the chain ends otherwise`];
}

function stateProblems(
  { state, status }: ProjectedRequest,
  sealed: readonly LedgerRecord[],
): readonly string[] {
  const problems: string[] = [];
  const content = sealed.findLast(
    (record): record is Of<'requested'> | Of<'amended'> =>
      record.kind === 'requested' || record.kind === 'amended',
  );
  if (content?.body.content_digest !== state.contentDigest)
    problems.push('the content digest is another one than was sealed');
  if (content?.body.action_digest !== state.actionDigest)
    problems.push('the action digest is another one than was sealed');
  const decided = decisionsOf(sealed);
  if (decided !== state.decisions.length)
    problems.push(`${state.decisions.length} decisions are shown, ${decided} were sealed`);
  if (status !== statusOf(state)) problems.push(`"${status}" is listed, but it is not its status`);
  return problems;
}

/** Decisions since the last amendment: those before are void. */
function decisionsOf(sealed: readonly LedgerRecord[]): number {
  const from = sealed.findLastIndex(({ kind }) => kind === 'amended');
  return sealed.slice(from + 1).filter(({ kind }) => kind === 'decided').length;
}

function resolutionProblems(
  { state }: ProjectedRequest,
  sealed: readonly LedgerRecord[],
): readonly string[] {
  const resolved = sealed.findLast(
    (record): record is Of<'resolved'> => record.kind === 'resolved',
  );
  const shown = state.resolution;
  const words = shown?.kind ?? 'nothing';
  const wanted = resolved?.body.resolution ?? 'nothing';
  if (words !== wanted) return [`it is shown as ended by ${words}, sealed is ${wanted}`];
  if (shown === null || resolved === undefined) return [];
  const { may_proceed: mayProceed, effect } = resolved.body;
  if (shown.mayProceed === mayProceed && shown.effect === effect) return [];
  return ['whether it may proceed is shown differently than it was sealed'];
}
