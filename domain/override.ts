import type { Actor, Command } from './command.ts';
import type { Answered } from './decision.ts';
import type { Instant } from './instant.ts';
import type { OverrideEffect } from './policy.ts';
import type { RefusalReason } from './refusal.ts';
import { partiesOf, statusOf, type RequestState, type RequestStatus } from './request.ts';
import { resolve } from './resolution.ts';

type Override = Extract<Command, { kind: 'override' }>;

/** On which states an override has an effect (product contract 3.2). */
const HAS_EFFECT_ON: Readonly<Record<OverrideEffect, readonly RequestStatus[]>> = {
  stop: ['held', 'pending'],
  reverse: ['approved'],
  force: ['held', 'pending', 'rejected', 'expired'],
};

/**
 * A named authority stops, reverses or forces, with a reason. It adds to the chain and erases nothing:
 * the decisions before stay where they are.
 *
 * @returns refused with OWN_REQUEST, OVERRIDE_NOT_ALLOWED or REASON_TOO_SHORT, or settled.
 * @throws never.
 */
export function applyOverride(
  state: RequestState,
  command: Override,
  { actor, now }: { readonly actor: Actor; readonly now: Instant },
): Answered {
  const reason = overrideRefusal(state, command, actor);
  if (reason !== null)
    return {
      state,
      events: [{ type: 'refused', command: 'override', reason, contentDigest: null }],
      outcome: { kind: 'refused', reason },
    };
  const { effect } = command;
  const ending = { kind: 'overridden', cause: 'override', by: [actor.id], effect } as const;
  const ended = resolve(state, ending, now);
  return {
    state: ended.state,
    events: [
      { type: 'overridden', effect, before: statusOf(state), person: actor.id },
      ...ended.events,
    ],
    outcome: {
      kind: 'settled',
      resolution: ended.state.resolution as NonNullable<RequestState['resolution']>,
    },
  };
}

function overrideRefusal(
  state: RequestState,
  command: Override,
  actor: Actor,
): RefusalReason | null {
  const right = state.policy.rule.override;
  const allowed =
    right !== null &&
    actor.type === 'person' &&
    actor.roles.includes(right.role) &&
    !actor.absent &&
    right.effects.includes(command.effect) &&
    HAS_EFFECT_ON[command.effect].includes(statusOf(state));
  if (partiesOf(state).includes(actor.id)) return 'OWN_REQUEST';
  if (!allowed) return 'OVERRIDE_NOT_ALLOWED';
  return command.reasonLength < right.minReason ? 'REASON_TOO_SHORT' : null;
}
