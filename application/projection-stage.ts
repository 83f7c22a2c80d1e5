import { requiresView } from '../domain/decision.ts';
import { openQuestions } from '../domain/discussion.ts';
import { fromMillis, millisBetween, toMillis, type Instant } from '../domain/instant.ts';
import type { OpenStage } from '../domain/request.ts';
import { earlier, givenDeadline, stageAt } from '../domain/stage.ts';
import { sha256Hex } from '../ledger/hash.ts';
import type { LedgerRecord, RecordV1 } from '../ledger/record.ts';
import {
  personIn,
  presentRecords,
  sentences,
  type Comparison,
  type Now,
} from './projection-comparison.ts';

// The stage that is open, held against the records: when it ends, what it asks, and who may decide.

export function stageProblems(comparison: Comparison): readonly string[] {
  const { row, sealed } = comparison;
  const { stage } = row.state;
  if (stage === null) return [];
  const from = openingOf(sealed);
  const opened = sealed[from];
  const isSame = opened?.kind === 'stage_opened' && opened.body.stage === stage.index;
  const wrong = 'another stage is shown as open, or another deadline, than was sealed';
  if (!isSame) return [wrong];
  const records = presentRecords(sealed);
  const isDue =
    records === null
      ? opened.body.deadline === stage.deadline
      : isOnTime(comparison, stage, { records, from });
  return [
    ...(isDue ? [] : [wrong]),
    ...(records === null ? [] : ruleProblems(comparison, stage, records.slice(from))),
    ...rightsProblems(comparison, sealed.slice(from)),
  ];
}

/** @returns where the open stage begins: one record for each of its groups. */
function openingOf(sealed: readonly LedgerRecord[]): number {
  let from = sealed.findLastIndex(({ kind }) => kind === 'stage_opened');
  while (sealed[from - 1]?.kind === 'stage_opened') from -= 1;
  return from;
}

// ---- time ----------------------------------------------------------------------------------------

/** What the clock of a stage shows by the records: questions stop it, answers and their lapse start it. */
interface ClockShown {
  readonly open: Map<string, Instant>;
  pausedSince: Instant | null;
  pausedSeconds: number;
  deadline: Instant | null;
}

interface Since {
  readonly records: readonly RecordV1[];
  /** Where the stage begins. */
  readonly from: number;
}

function isOnTime({ row }: Comparison, stage: OpenStage, since: Since): boolean {
  const { state } = row;
  const clock = clockAfter(since, givenDeadline(state, stage.index));
  const open = openQuestions(state).map(({ id }) => id);
  const end = stage.agenda.find(({ kind }) => kind === 'deadline')?.at ?? null;
  return (
    stage.openedAt === since.records[since.from]?.ts &&
    open.length === clock.open.size &&
    open.every((id) => clock.open.has(id)) &&
    stage.pausedSince === clock.pausedSince &&
    stage.pausedSeconds === clock.pausedSeconds &&
    end === stage.deadline &&
    isDeadline(stage, clock, stageAt(state, stage.index).calendar)
  );
}

function clockAfter({ records, from }: Since, given: Instant | null): ClockShown {
  const clock: ClockShown = {
    ...{ open: new Map(), pausedSince: null, pausedSeconds: 0, deadline: null },
  };
  for (const [at, record] of records.entries()) {
    if (at === from && record.kind === 'stage_opened') {
      clock.deadline = record.body.deadline;
      clock.pausedSince = clock.open.size > 0 ? record.ts : null;
      clock.pausedSeconds = 0;
    } else turn(clock, record, given);
  }
  return clock;
}

/** In a calendar the pause counts working time, which the records do not know: it is a later one. */
function isDeadline(stage: OpenStage, clock: ClockShown, calendar: string | null): boolean {
  if (stage.deadline === clock.deadline) return true;
  const isLater = (clock.deadline ?? '') < (stage.deadline ?? '');
  return calendar !== null && stage.pausedSeconds > 0 && isLater;
}

function turn(clock: ClockShown, record: RecordV1, given: Instant | null): void {
  if (record.kind === 'asked') {
    clock.open.set(record.body.question, record.body.due ?? '');
    clock.pausedSince ??= record.ts;
  }
  if (record.kind === 'answered') {
    const wasOpen = clock.open.delete(record.body.question);
    if (wasOpen) resume(clock, record.ts, given);
  }
  if (record.kind === 'reminded' && record.body.about === 'question') {
    const [first] = [...clock.open].sort(([, a], [, b]) => (a < b ? -1 : 1));
    if (first === undefined) return;
    clock.open.delete(first[0]);
    resume(clock, first[1], given);
  }
}

function resume(clock: ClockShown, now: Instant, given: Instant | null): void {
  const { pausedSince, deadline } = clock;
  if (clock.open.size > 0 || pausedSince === null) return;
  const stood = Math.max(0, millisBetween(pausedSince, now));
  const moved = deadline === null ? null : fromMillis(toMillis(deadline) + stood);
  clock.deadline = earlier(moved, given);
  clock.pausedSeconds += Math.floor(stood / 1_000);
  clock.pausedSince = null;
}

// ---- rule and rights -----------------------------------------------------------------------------

/** What the rule asks in this stage, as it was sealed when it opened. */
function ruleProblems(
  { row, sealed }: Comparison,
  stage: OpenStage,
  since: readonly RecordV1[],
): readonly string[] {
  const { state } = row;
  const rule = stageAt(state, stage.index);
  const opened = since.filter(
    (record): record is Now<'stage_opened'> => record.kind === 'stage_opened',
  );
  const bound = sealed.findLast(({ kind }) => kind === 'policy_bound') as
    Now<'policy_bound'> | undefined;
  const groups = rule.groups.every((group, at) => {
    const body = opened[at]?.body;
    return (
      body?.role === group.role &&
      body.quorum === group.quorum &&
      body.reject_quorum === group.rejectQuorum &&
      body.assurance === rule.assurance &&
      body.name_digest === sha256Hex(rule.name)
    );
  });
  return sentences([
    [
      groups && opened.length === rule.groups.length,
      'the stage asks something else than was sealed when it opened',
    ],
    [
      bound === undefined ||
        (bound.body.require_view === requiresView(state) &&
          bound.body.stages === state.policy.rule.stages.length &&
          bound.body.min_reason === (state.policy.rule.override?.minReason ?? null)),
      'the rule asks for something else than was sealed when it was bound',
    ],
  ]);
}

/** Who may decide by what happened since the stage was opened: roles, delegations, tasks taken away. */
function rightsProblems(comparison: Comparison, since: readonly LedgerRecord[]): readonly string[] {
  const { row, sealed } = comparison;
  const { stage, delegations } = row.state;
  const turnedTo = new Set(
    since.flatMap((record) =>
      record.kind === 'stage_opened'
        ? [record.body.role]
        : record.kind === 'escalated'
          ? [record.body.to_role]
          : [],
    ),
  );
  const handed = new Map(
    sealed.flatMap((record) =>
      record.kind === 'delegated' ? [[record.body.delegation, record.body] as const] : [],
    ),
  );
  const taken = new Set(
    since.flatMap((record) => (record.kind === 'reassigned' ? [record.body.from_c] : [])),
  );
  const barred = stage?.barred ?? [];
  return sentences([
    [
      stage?.roles.flat().every((role) => turnedTo.has(role)) ?? true,
      'a role may decide that nothing sealed has turned to',
    ],
    [
      delegations.length === handed.size &&
        delegations.every(({ id, person: by, to, from, until }) => {
          const body = handed.get(id);
          const isSame = body?.from === from && body.until === until;
          return (
            isSame &&
            body.person_c === personIn(comparison, by) &&
            body.to_c === personIn(comparison, to)
          );
        }),
      'somebody may decide for somebody else who was never handed it, or the other way round',
    ],
    [
      barred.length === taken.size &&
        barred.every((id) => taken.has(personIn(comparison, id) ?? null)),
      'from somebody else it was taken away than was sealed',
    ],
  ]);
}
