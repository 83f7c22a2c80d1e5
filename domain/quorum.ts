import type { Tally } from './event.ts';
import { groupsWithRoom, mostPlaced } from './matching.ts';
import type { Stage } from './policy.ts';
import type { Decision } from './request.ts';

export type StageVerdict = 'open' | 'approved' | 'rejected';

/**
 * Whether the decisions settle a stage. `all`: one rejected group rejects, every group must approve;
 * `any`: the first approving group settles, rejected when all groups are (product contract 3.2). Whoever
 * may count in several groups counts in one of them, in the one that helps: so the order of decisions
 * changes nothing about who counts.
 *
 * @param decisions only those of this stage.
 * @source docs/adr/0012-engine.md
 */
export function stageVerdict(stage: Stage, decisions: readonly Decision[]): StageVerdict {
  if (stage.join === 'any') return anyVerdict(stage, decisions);
  const rejections = voicesOf(decisions, 'reject');
  const isRejected = stage.groups.some(
    ({ rejectQuorum }, group) => countIn(rejections, group) >= rejectQuorum,
  );
  if (isRejected) return 'rejected';
  const placed = mostPlaced(quorumsOf(stage), voicesOf(decisions, 'approve'));
  return placed === sum(quorumsOf(stage)) ? 'approved' : 'open';
}

function anyVerdict(stage: Stage, decisions: readonly Decision[]): StageVerdict {
  const open = openGroups(stage, decisions);
  const approvals = voicesOf(decisions, 'approve');
  const isApproved = open.some(
    (group) => countIn(approvals, group) >= (stage.groups[group]?.quorum ?? Infinity),
  );
  if (isApproved) return 'approved';
  return open.length === 0 ? 'rejected' : 'open';
}

/**
 * @returns the groups in which one more decision can count. `all`: those that lack approvals; `any`: those
 *          that are not rejected.
 */
export function openGroups(stage: Stage, decisions: readonly Decision[]): readonly number[] {
  return stage.join === 'all'
    ? groupsWithRoom(quorumsOf(stage), voicesOf(decisions, 'approve'))
    : groupsWithRoom(
        stage.groups.map(({ rejectQuorum }) => rejectQuorum),
        voicesOf(decisions, 'reject'),
      );
}

/**
 * @returns what people are told: `approvals` of `needed`. `all`: of all groups together; `any`: of the
 *          group that lacks fewest, because approvals of different groups never add up to its quorum.
 */
export function tallyOf(stage: Stage, decisions: readonly Decision[]): Tally {
  const approvals = voicesOf(decisions, 'approve');
  const rejections = decisions.filter(({ verdict }) => verdict === 'reject').length;
  if (stage.join === 'all') {
    const quorums = quorumsOf(stage);
    return { approvals: mostPlaced(quorums, approvals), rejections, needed: sum(quorums) };
  }
  const open = openGroups(stage, decisions);
  const groups = stage.groups
    .map(({ quorum }, group) => ({ group, approvals: countIn(approvals, group), needed: quorum }))
    .filter(({ group }) => open.length === 0 || open.includes(group))
    .sort((a, b) => a.needed - a.approvals - (b.needed - b.approvals));
  const [nearest] = groups;
  return { approvals: nearest?.approvals ?? 0, rejections, needed: nearest?.needed ?? 0 };
}

function voicesOf(
  decisions: readonly Decision[],
  verdict: Decision['verdict'],
): readonly (readonly number[])[] {
  return decisions.flatMap((one) => (one.verdict === verdict ? [one.groups] : []));
}

function quorumsOf(stage: Stage): readonly number[] {
  return stage.groups.map(({ quorum }) => quorum);
}

function countIn(voices: readonly (readonly number[])[], group: number): number {
  return voices.filter((groups) => groups.includes(group)).length;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
