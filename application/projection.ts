import { statusOf, type Decision } from '../domain/request.ts';
import { policyVersionName } from '../domain/policy.ts';
import type { LedgerRecord } from '../ledger/record.ts';
import type { CheckedRecord } from '../ledger/verify.ts';
import { subjectOf } from './principal.ts';
import { actProblems } from './projection-acts.ts';
import {
  sentences,
  type Comparison,
  type Of,
  type ProjectedRequest,
} from './projection-comparison.ts';
import { stageProblems } from './projection-stage.ts';

export type { ProjectedRequest } from './projection-comparison.ts';

// What programs read of a request is made from the same step that seals its records. Here it is held
// against them: a row that somebody changed says something that no record says.

/**
 * @param records of the request's stream, all of them sound.
 * @param references commitments of the stream, by subject.
 * @returns one sentence for each thing that the row says and the records do not; none where it is true.
 */
export function projectionProblems(
  row: ProjectedRequest,
  records: readonly CheckedRecord[],
  references: ReadonlyMap<string, string>,
): readonly string[] {
  const sealed = records.flatMap(({ record }) => (record === null ? [] : [record]));
  const comparison = { row, sealed, refOf: (subject: string) => references.get(subject) };
  return [
    ...headProblems(row, records),
    ...openingProblems(comparison),
    ...contentProblems(comparison),
    ...decisionProblems(comparison),
    ...stageProblems(comparison),
    ...actProblems(comparison),
    ...resolutionProblems(comparison),
    ...debtProblems(comparison),
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

/** What the first records say: who asked for what kind of thing, under which rule. */
function openingProblems({ row, sealed, refOf }: Comparison): readonly string[] {
  const { state } = row;
  const [first] = sealed;
  const bound = sealed.findLast(
    (record): record is Of<'policy_bound'> => record.kind === 'policy_bound',
  );
  const requester = { type: state.requester.type, id: state.requester.id } as const;
  return sentences([
    [row.kind === state.kind && kindOf(first) === state.kind, 'its kind is another one'],
    [
      row.requesterType === requester.type && row.requesterId === requester.id,
      'its columns name another requester than its state',
    ],
    [
      first?.actor.c === refOf(subjectOf(requester)),
      'the requester is another one than was sealed',
    ],
    [
      bound === undefined ||
        (bound.body.rule === state.policy.ruleIndex &&
          bound.policy === policyVersionName(state.policy)),
      'the rule that governs is another one than was sealed',
    ],
  ]);
}

function kindOf(first: LedgerRecord | undefined): string | null {
  return first?.kind === 'requested' ? first.body.kind : null;
}

function contentProblems({ row, sealed }: Comparison): readonly string[] {
  const { state, status, tier } = row;
  const content = sealed.findLast(
    (record): record is Of<'requested'> | Of<'amended'> =>
      record.kind === 'requested' || record.kind === 'amended',
  );
  return sentences([
    [
      content?.body.content_digest === state.contentDigest,
      'the content digest is another one than was sealed',
    ],
    [
      content?.body.action_digest === state.actionDigest,
      'the action digest is another one than was sealed',
    ],
    [
      tier === state.tier && content?.body.tier === state.tier,
      'the risk tier is another one than was sealed',
    ],
    [status === statusOf(state), `"${status}" is listed, but it is not its status`],
  ]);
}

/** Decisions since the last amendment, one by one: those before are void. */
function decisionProblems({ row, sealed, refOf }: Comparison): readonly string[] {
  const from = sealed.findLastIndex(({ kind }) => kind === 'amended');
  const decided = sealed
    .slice(from + 1)
    .filter((record): record is Of<'decided'> => record.kind === 'decided');
  const { decisions } = row.state;
  if (decided.length !== decisions.length)
    return [`${decisions.length} decisions are shown, ${decided.length} were sealed`];
  const wrong = decisions.findIndex((decision, at) => {
    const record = decided[at];
    return record === undefined || !isSame(decision, record, refOf);
  });
  return wrong === -1 ? [] : [`decision ${wrong + 1} is shown otherwise than it was sealed`];
}

function isSame(shown: Decision, { body, ts }: Of<'decided'>, refOf: Comparison['refOf']): boolean {
  const person = refOf(subjectOf({ type: 'person', id: shown.person }));
  const { delegatedBy } = shown;
  const by = delegatedBy === null ? null : refOf(subjectOf({ type: 'person', id: delegatedBy }));
  return (
    shown.verdict === body.verdict &&
    shown.stage === body.stage &&
    shown.at === ts &&
    isOnSameRight(shown, body) &&
    person === body.person_c &&
    by === body.delegated_by_c
  );
}

/** Records of version 0 do not say under which role or delegation somebody decided. */
function isOnSameRight(shown: Decision, body: Of<'decided'>['body']): boolean {
  if (!('delegation' in body)) return true;
  return shown.delegation === body.delegation && (shown.role === null || shown.role === body.role);
}

function resolutionProblems({ row, sealed, refOf }: Comparison): readonly string[] {
  const resolved = sealed.findLast(
    (record): record is Of<'resolved'> => record.kind === 'resolved',
  );
  const shown = row.state.resolution;
  const words = shown?.kind ?? 'nothing';
  const wanted = resolved?.body.resolution ?? 'nothing';
  if (words !== wanted) return [`it is shown as ended by ${words}, sealed is ${wanted}`];
  if (shown === null || resolved === undefined) return [];
  const { may_proceed: mayProceed, effect } = resolved.body;
  const acted = new Set(sealed.flatMap(actorsOf));
  const by = shown.by.map((id) => refOf(subjectOf({ type: 'person', id })));
  return sentences([
    [
      shown.mayProceed === mayProceed && shown.effect === effect,
      'whether it may proceed is shown otherwise than it was sealed',
    ],
    [shown.at === resolved.ts, 'it is shown as ended at another time than was sealed'],
    [
      by.every((c) => c !== undefined && acted.has(c)),
      'somebody is shown as having ended it who did not act',
    ],
  ]);
}

/** A review that is owed takes a right away: who owes it, until when, and whether it was paid. */
function debtProblems({ row, sealed, refOf }: Comparison): readonly string[] {
  const { debt } = row.state;
  const last = sealed.findLast(
    (record): record is Of<'review_debt'> => record.kind === 'review_debt',
  );
  if (debt === null && last === undefined) return [];
  const words = { open: 'opened', overdue: 'overdue', settled: 'settled' } as const;
  const isSame =
    debt !== null &&
    last?.body.debt === debt.id &&
    last.body.due === debt.due &&
    last.body.change === words[debt.status] &&
    last.body.person_c === refOf(subjectOf({ type: 'person', id: debt.person }));
  return isSame ? [] : ['a review is shown as owed otherwise than it was sealed'];
}

/** Whoever can end a request by an act of their own. */
function actorsOf(record: LedgerRecord): readonly string[] {
  const { kind, body } = record;
  if (kind === 'decided') return [body.person_c];
  if (kind === 'overridden')
    return [
      body.person_c,
      ...('second_c' in body && body.second_c !== null ? [body.second_c] : []),
    ];
  if (kind === 'withdrawn' && body.person_c !== null) return [body.person_c];
  return [];
}
