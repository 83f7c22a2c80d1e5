import { partiesOf, type RequestState } from './request.ts';

/** Roles of the installation that may see every request. */
export const SEES_ALL: readonly string[] = ['compliance', 'auditor', 'override-authority'];

/** Who wants to look. */
export type Reader =
  | { readonly type: 'app'; readonly id: string }
  | {
      readonly type: 'person';
      readonly id: string;
      /** Their own, and those of people whom they stand in for. */
      readonly roles: readonly string[];
    };

/**
 * Whether somebody may know that a request exists. An app sees its own; a person sees what asks for one
 * of their roles (any stage, escalation or override of the rule), what they asked for, own or are acted
 * for, what they decided, and what was handed to them; compliance, auditors and override authorities see all.
 */
export function maySee(state: RequestState, reader: Reader): boolean {
  const { requester } = state;
  if (reader.type === 'app') return requester.type === 'app' && requester.id === reader.id;
  return (
    partiesOf(state).includes(reader.id) ||
    state.decisions.some((decision) => decision.person === reader.id) ||
    state.delegations.some(({ to }) => to === reader.id) ||
    state.discussion.some(({ by }) => by.type === 'person' && by.id === reader.id) ||
    reader.roles.some((role) => SEES_ALL.includes(role) || rolesAsked(state).includes(role))
  );
}

/** Every role that the request's rule can turn to. */
export function rolesAsked(state: RequestState): readonly string[] {
  const { stages, override } = state.policy.rule;
  const asked = stages.flatMap((stage) => [
    ...stage.groups.map((group) => group.role),
    ...stage.escalations.map((escalation) => escalation.to),
  ]);
  if (override === null) return asked;
  const reviews = override.breakGlass === null ? [] : [override.breakGlass.role];
  return [...asked, override.role, ...reviews];
}
