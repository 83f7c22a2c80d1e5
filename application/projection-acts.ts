import type { RecordV1 } from '../ledger/record.ts';
import {
  personIn,
  presentRecords,
  sentences,
  type Comparison,
  type Now,
} from './projection-comparison.ts';
import { subjectOf } from './principal.ts';

// What people did to a request beside deciding, held against the records: who is a party by it, what was
// said, and who wanted to override.

export function actProblems(comparison: Comparison): readonly string[] {
  const records = presentRecords(comparison.sealed);
  if (records === null) return [];
  return [
    ...partyProblems(comparison, records),
    ...saidProblems(comparison, records),
    ...proposalProblems(comparison, records),
  ];
}

const ofKind = <K extends RecordV1['kind']>(records: readonly RecordV1[], kind: K): Now<K>[] =>
  records.filter((record): record is Now<K> => record.kind === kind);

function partyProblems(comparison: Comparison, records: readonly RecordV1[]): readonly string[] {
  const { state } = comparison.row;
  const [first] = ofKind(records, 'requested');
  const amended = ofKind(records, 'amended');
  const changed = new Set(
    amended.flatMap(({ body }) => (body.person_c === null ? [] : [body.person_c])),
  );
  const editors = state.editors.map((id) => personIn(comparison, id) ?? '');
  const held = records.slice(records.findLastIndex(({ kind }) => kind === 'amended') + 1);
  return sentences([
    [
      first !== undefined &&
        first.body.on_behalf_of_c === personIn(comparison, state.onBehalfOf) &&
        first.body.owner_c === personIn(comparison, state.requester.owner) &&
        editors.length === changed.size &&
        editors.every((c) => changed.has(c)),
      'somebody else is shown as a party than was sealed',
    ],
    [
      amended.length === state.amendments &&
        amended.reduce((sum, { body }) => sum + body.voided, 0) === state.voided,
      'it was amended more or less often than is shown',
    ],
    [
      state.resolution !== null || ofKind(held, 'held').length === state.heldBy.length,
      'it is held for other reasons than were sealed',
    ],
  ]);
}

function saidProblems(comparison: Comparison, records: readonly RecordV1[]): readonly string[] {
  const sealed = records.flatMap(({ kind, ts, actor, body }) =>
    kind === 'asked' || kind === 'answered'
      ? [`${ts} ${actor.c ?? ''} ${kind} ${body.question}`]
      : kind === 'commented'
        ? [`${ts} ${actor.c ?? ''} ${kind} ${body.comment}`]
        : [],
  );
  const shown = comparison.row.state.discussion.map((entry) => {
    const by = `${entry.at} ${comparison.refOf(subjectOf(entry.by)) ?? ''}`;
    if (entry.kind === 'question') return `${by} asked ${entry.id}`;
    return entry.kind === 'answer'
      ? `${by} answered ${entry.question}`
      : `${by} commented ${entry.id}`;
  });
  const isSame = sealed.length === shown.length && sealed.every((line, at) => line === shown[at]);
  return isSame ? [] : ['something else is shown as having been said than was sealed'];
}

function proposalProblems(comparison: Comparison, records: readonly RecordV1[]): readonly string[] {
  const { state } = comparison.row;
  const wanted = new Set(
    ofKind(records, 'refused').flatMap(({ ts, body }) =>
      body.reason === 'SECOND_PERSON_REQUIRED' ? [`${ts} ${body.person_c ?? ''}`] : [],
    ),
  );
  return sentences([
    [
      state.proposals.every(({ person, at }) =>
        wanted.has(`${at} ${personIn(comparison, person) ?? ''}`),
      ),
      'somebody is shown as wanting an override who did not ask for it',
    ],
  ]);
}
