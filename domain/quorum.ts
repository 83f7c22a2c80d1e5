import type { Tally } from './event.ts';
import type { Group, Stage } from './policy.ts';
import type { Decision } from './request.ts';

export type StageVerdict = 'open' | 'approved' | 'rejected';

/**
 * Whether the decisions settle a stage. `all`: one rejected group rejects, every group must approve;
 * `any`: the first approving group settles, rejected when all groups are (product contract 3.2).
 *
 * @param decisions only those of this stage.
 */
export function stageVerdict(stage: Stage, decisions: readonly Decision[]): StageVerdict {
  const groups = stage.groups.map((_, index) => groupVerdict(stage, index, decisions));
  const every = (verdict: StageVerdict): boolean => groups.every((one) => one === verdict);
  if (stage.join === 'all') {
    if (groups.includes('rejected')) return 'rejected';
    return every('approved') ? 'approved' : 'open';
  }
  if (groups.includes('approved')) return 'approved';
  return every('rejected') ? 'rejected' : 'open';
}

/** The same for one group, by its index in the stage. */
export function groupVerdict(
  stage: Stage,
  index: number,
  decisions: readonly Decision[],
): StageVerdict {
  const group = stage.groups[index] as Group;
  const mine = decisions.filter((decision) => decision.group === index);
  const count = (verdict: Decision['verdict']): number =>
    mine.filter((decision) => decision.verdict === verdict).length;
  if (count('approve') >= group.quorum) return 'approved';
  return count('reject') >= group.rejectQuorum ? 'rejected' : 'open';
}

/**
 * @returns what people are told: `approvals` of `needed`. `all`: of all groups together; `any`: of the
 *          group that lacks fewest, because approvals of different groups never add up to its quorum.
 */
export function tallyOf(stage: Stage, decisions: readonly Decision[]): Tally {
  const groups = stage.groups.map((group, index) => ({
    approvals: decisions.filter((one) => one.verdict === 'approve' && one.group === index).length,
    needed: group.quorum,
  }));
  const alive = groups.filter((_, index) => groupVerdict(stage, index, decisions) !== 'rejected');
  const counted = stage.join === 'all' ? groups : nearest(alive.length > 0 ? alive : groups);
  return {
    approvals: counted.reduce((sum, group) => sum + group.approvals, 0),
    rejections: decisions.filter((decision) => decision.verdict === 'reject').length,
    needed: counted.reduce((sum, group) => sum + group.needed, 0),
  };
}

type Progress = Pick<Tally, 'approvals' | 'needed'>;

function nearest(groups: readonly Progress[]): readonly Progress[] {
  const missing = (group: Progress): number => group.needed - group.approvals;
  return [...groups].sort((a, b) => missing(a) - missing(b)).slice(0, 1);
}
