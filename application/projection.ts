import { statusOf, type Decision, type RequestState } from '../domain/request.ts';
import { policyVersionName } from '../domain/policy.ts';
import type { LedgerRecord } from '../ledger/record.ts';
import type { CheckedRecord } from '../ledger/verify.ts';
import type { StoredHead } from '../prisma/ledger-store.ts';
import { subjectOf } from './principal.ts';

// What programs read of a request is made from the same step that seals its records. Here it is held
// against them: a row that somebody changed says something that no record says.

type Of<K extends LedgerRecord['kind']> = Extract<LedgerRecord, { readonly kind: K }>;

/** A request as its row has it. */
export interface ProjectedRequest {
  readonly kind: string;
  readonly status: string;
  readonly tier: string;
  readonly requesterType: string;
  readonly requesterId: string;
  readonly state: RequestState;
  readonly head: StoredHead;
}

interface Comparison {
  readonly row: ProjectedRequest;
  readonly sealed: readonly LedgerRecord[];
  /** The commitment that stands for a subject in this stream; undefined where none does. */
  readonly refOf: (subject: string) => string | undefined;
}

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
    ...resolutionProblems(comparison),
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
    person === body.person_c &&
    by === body.delegated_by_c
  );
}

function stageProblems({ row, sealed }: Comparison): readonly string[] {
  const { stage } = row.state;
  if (stage === null) return [];
  const opened = sealed.findLast(
    (record): record is Of<'stage_opened'> => record.kind === 'stage_opened',
  );
  if (opened?.body.stage === stage.index && opened.body.deadline === stage.deadline) return [];
  return ['another stage is shown as open, or another deadline, than was sealed'];
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

/** Whoever can end a request by an act of their own. */
function actorsOf(record: LedgerRecord): readonly string[] {
  const { kind, body } = record;
  if (kind === 'decided' || kind === 'overridden') return [body.person_c];
  if (kind === 'withdrawn' && body.person_c !== null) return [body.person_c];
  return [];
}

function sentences(claims: readonly (readonly [holds: boolean, otherwise: string])[]): string[] {
  return claims.flatMap(([holds, otherwise]) => (holds ? [] : [otherwise]));
}
