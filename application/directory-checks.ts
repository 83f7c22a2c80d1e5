import type { LedgerRecord } from '../ledger/record.ts';
import type { SideRows } from '../prisma/side-store.ts';

// Who may decide is read from rows: each must say what a record of the person's stream says. Of team and
// region the records hold commitments alone: when they changed is held, to what is not without the key.

type Of<K extends LedgerRecord['kind']> = Extract<LedgerRecord, { readonly kind: K }>;

const bodiesOf = <K extends LedgerRecord['kind']>(
  sealed: readonly LedgerRecord[],
  kind: K,
): Of<K>[] => sealed.filter((record): record is Of<K> => record.kind === kind);

/** @returns one sentence for each row of the directory that is missing, added or says something else. */
export function directoryProblems(
  sealed: readonly LedgerRecord[],
  rows: SideRows,
): readonly string[] {
  return [
    ...grantProblems(sealed, rows),
    ...absenceProblems(sealed, rows),
    ...delegationProblems(sealed, rows),
    ...trainingProblems(sealed, rows),
    ...personProblems(sealed, rows),
  ];
}

/** What a record made, and when another one cut it short. */
interface Held {
  readonly says: readonly unknown[];
  readonly cutAt: string | null;
}

interface Kept {
  readonly id: string;
  readonly cutAt: string | null;
  readonly says: readonly unknown[];
}

/** Rows against what was sealed: the same ones, saying the same. */
function differences(
  what: string,
  held: ReadonlyMap<string, Held>,
  rows: readonly Kept[],
): readonly string[] {
  const wrong = rows.flatMap(({ id, says, cutAt }) => {
    const record = held.get(id);
    if (record === undefined) return [`the ${what} ${id} was never sealed`];
    const isSame = JSON.stringify([says, cutAt]) === JSON.stringify([record.says, record.cutAt]);
    return isSame ? [] : [`the ${what} ${id} is kept otherwise than it was sealed`];
  });
  const kept = new Set(rows.map(({ id }) => id));
  const gone = [...held.keys()].filter((id) => !kept.has(id)).length;
  return gone === 0 ? wrong : [...wrong, `sealed, and gone: ${what}, ${gone} times`];
}

function grantProblems(sealed: readonly LedgerRecord[], { grants }: SideRows): readonly string[] {
  const ends = new Map(
    bodiesOf(sealed, 'role_ended').map(({ body }) => [body.grant, 'at' in body ? body.at : null]),
  );
  const held = new Map(
    bodiesOf(sealed, 'role_granted').map(({ body }) => [
      body.grant,
      { says: [body.role, body.from, body.until], cutAt: ends.get(body.grant) ?? null },
    ]),
  );
  const rows = grants.map(({ id, role, from, until, cutAt }) => ({
    ...{ id, cutAt },
    says: [role, from, until],
  }));
  return differences('role', held, rows);
}

/** Whom the commitments of a stream stand for; whoever was erased is nobody here. */
function namesIn({ references }: SideRows): (c: string | null) => string | null | undefined {
  const names = new Map(references.map(({ c, subject }) => [c, subject.replace(/^person:/, '')]));
  return (c) => (c === null ? null : names.get(c));
}

function absenceProblems(sealed: readonly LedgerRecord[], side: SideRows): readonly string[] {
  const nameOf = namesIn(side);
  const records = bodiesOf(sealed, 'absence_set');
  const cuts = new Map(
    records.flatMap(({ body, ts }) =>
      body.change === 'cancelled' ? [[body.absence, ts] as const] : [],
    ),
  );
  const erased = new Set<string>();
  const held = new Map<string, Held>();
  for (const { body } of records.filter((one) => one.body.change === 'set')) {
    const deputy = nameOf(body.deputy_c);
    if (deputy === undefined) erased.add(body.absence);
    const says = [body.from, body.until, deputy ?? null];
    held.set(body.absence, { says, cutAt: cuts.get(body.absence) ?? null });
  }
  const rows = side.absences.map(({ id, from, until, deputy, cutAt }) => ({
    ...{ id, cutAt },
    says: [from, until, erased.has(id) ? null : deputy],
  }));
  return differences('absence', held, rows);
}

function delegationProblems(sealed: readonly LedgerRecord[], side: SideRows): readonly string[] {
  const nameOf = namesIn(side);
  const records = bodiesOf(sealed, 'delegation_set');
  const cuts = new Map(
    records.flatMap(({ body, ts }) =>
      body.change === 'cancelled' ? [[body.delegation, ts] as const] : [],
    ),
  );
  const erased = new Set<string>();
  const held = new Map<string, Held>();
  for (const { body } of records.filter((one) => one.body.change === 'set')) {
    const to = nameOf(body.to_c);
    if (to === undefined) erased.add(body.delegation);
    const says = [body.from, body.until, to ?? null, body.role, 'kind' in body ? body.kind : null];
    held.set(body.delegation, { says, cutAt: cuts.get(body.delegation) ?? null });
  }
  const rows = side.delegations.map(({ id, from, until, to, role, kind, cutAt }) => ({
    ...{ id, cutAt },
    says: [from, until, erased.has(id) ? null : to, role, kind],
  }));
  return differences('delegation', held, rows);
}

function trainingProblems(
  sealed: readonly LedgerRecord[],
  { trainings }: SideRows,
): readonly string[] {
  const records = bodiesOf(sealed, 'training');
  const cuts = new Map(
    records.flatMap(({ body, ts }) =>
      body.change === 'revoked' ? [[body.training, ts] as const] : [],
    ),
  );
  const held = new Map(
    records
      .filter(({ body }) => body.change === 'completed' || body.change === 'waived')
      .map(({ body }) => [
        body.training,
        {
          says: [body.course, body.version, body.role, body.from, body.until, body.change],
          cutAt: cuts.get(body.training) ?? null,
        },
      ]),
  );
  const rows = trainings.map(({ id, course, version, role, from, until, change, cutAt }) => ({
    ...{ id, cutAt },
    says: [course, version, role, from, until, change],
  }));
  return differences('training', held, rows);
}

function personProblems(
  sealed: readonly LedgerRecord[],
  { people, places }: SideRows,
): readonly string[] {
  const changes = bodiesOf(sealed, 'person_changed');
  const left = changes.find(({ body }) => body.change === 'left')?.ts ?? null;
  const moves = changes.flatMap(({ body, seq, ts }) =>
    body.change === 'team_changed' ? [[seq, ts]] : [],
  );
  const newest = places.at(-1);
  return people.flatMap(({ leftAt, team, region }) => [
    ...(leftAt === left ? [] : ['that somebody left is kept otherwise than it was sealed']),
    ...(JSON.stringify(places.map(({ seq, createdAt }) => [seq, createdAt])) ===
    JSON.stringify(moves)
      ? []
      : ['team and region were changed at other times than was sealed']),
    ...(team === (newest?.team ?? null) && region === (newest?.region ?? null)
      ? []
      : ['team and region are not the ones of the last change']),
  ]);
}
