import type { Actor } from './command.ts';
import type { Answered } from './decision.ts';
import type { Instant } from './instant.ts';
import type { RefusalReason } from './refusal.ts';
import type { RequestState } from './request.ts';
import { resolve } from './resolution.ts';

/**
 * The requester takes the request back. Nobody else can: a person who owns the asking app or for whom
 * it acts has not asked.
 *
 * @returns refused with EXPIRED, RESOLVED or NOT_ELIGIBLE, or settled. @throws never.
 */
export function applyWithdrawal(
  state: RequestState,
  { actor, now }: { readonly actor: Actor; readonly now: Instant },
): Answered {
  const reason = withdrawalRefusal(state, actor);
  if (reason !== null)
    return {
      state,
      events: [{ type: 'refused', command: 'withdraw', reason, contentDigest: null }],
      outcome: { kind: 'refused', reason },
    };
  const by = actor.type === 'person' ? [actor.id] : [];
  const ended = resolve(state, { kind: 'withdrawn', cause: 'requester', by }, now);
  return {
    state: ended.state,
    events: [{ type: 'withdrawn' }, ...ended.events],
    outcome: {
      kind: 'settled',
      resolution: ended.state.resolution as NonNullable<RequestState['resolution']>,
    },
  };
}

function withdrawalRefusal(
  { requester, resolution }: RequestState,
  actor: Actor,
): RefusalReason | null {
  if (resolution !== null) return resolution.kind === 'expired' ? 'EXPIRED' : 'RESOLVED';
  const asked = actor.type === requester.type && actor.id === requester.id;
  return asked ? null : 'NOT_ELIGIBLE';
}
