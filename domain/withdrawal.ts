import { ended, refused, type Act, type Answered } from './answer.ts';
import { isRequester, type RequestState, type Resolution } from './request.ts';
import { resolve } from './resolution.ts';

/**
 * The requester takes the request back. Nobody else can: a person who owns the asking app or for whom
 * it acts has not asked.
 *
 * @returns refused with EXPIRED, RESOLVED or NOT_ELIGIBLE, or settled. @throws never.
 */
export function applyWithdrawal(state: RequestState, { actor, now }: Act): Answered {
  const reason = ended(state) ?? (isRequester(state, actor) ? null : 'NOT_ELIGIBLE');
  if (reason !== null) return refused(state, 'withdraw', reason);
  const by = actor.type === 'person' ? [actor.id] : [];
  const step = resolve(state, { kind: 'withdrawn', cause: 'requester', by }, now);
  return {
    state: step.state,
    events: [{ type: 'withdrawn' }, ...step.events],
    outcome: { kind: 'settled', resolution: step.state.resolution as Resolution },
  };
}
