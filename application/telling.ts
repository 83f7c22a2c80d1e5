import type { AccountabilityEvent } from '../domain/event.ts';
import { policyVersionName } from '../domain/policy.ts';
import type { Draft } from '../ledger/append.ts';
import type { Actor as RecordActor } from '../ledger/record.ts';
import { subjectOf } from './principal.ts';
import type { RequestSealing } from './sealing.ts';

// What every record of a step shares, whatever event it tells of.

/** A record to be, before it has its idempotency key. */
type WithoutKey<D> = D extends Draft ? Omit<D, 'cmd'> : never;
export type Unkeyed = WithoutKey<Draft>;

/** The commitment that stands for a subject in the chain. */
export type RefOf = (subject: string) => string;

export type EventOf<T extends AccountabilityEvent['type']> = Extract<
  AccountabilityEvent,
  { type: T }
>;

/** What is the same in every record of a step, but for who acted. */
export type Envelope = Pick<Unkeyed, 'actor' | 'auth' | 'surface' | 'policy'>;

/** One event of the domain with what the step knows around it. */
export interface Telling {
  readonly sealing: RequestSealing;
  readonly ref: RefOf;
}

const ACTOR_TYPE = { app: 'agent', person: 'human' } as const;

/** The caller of the command. */
export function caller({ sealing, ref }: Telling, role: RecordActor['role']): Envelope {
  const { actor, auth, surface } = sealing.by;
  if (actor === null) return engine({ sealing, ref });
  return {
    actor: { type: ACTOR_TYPE[actor.type], role, c: ref(subjectOf(actor)) },
    auth,
    surface,
    policy: policyVersionName(sealing.state.policy),
  };
}

/** Time, and what follows from acts by rule. */
export function engine({ sealing }: Telling): Envelope {
  return {
    actor: { type: 'system', role: 'engine', c: null },
    auth: { level: 0, method: 'internal', proof: null },
    surface: 'system',
    policy: policyVersionName(sealing.state.policy),
  };
}

/** What the policy says alone. */
export function policy(telling: Telling): Envelope {
  return { ...engine(telling), actor: { type: 'policy', role: 'engine', c: null } };
}

/** The commitment of the acting person; null where an app acted. */
export function actingPerson({ sealing, ref }: Telling): string | null {
  const { actor } = sealing.by;
  return actor?.type === 'person' ? ref(subjectOf(actor)) : null;
}

export function personRef(id: string): string {
  return subjectOf({ type: 'person', id });
}

/**
 * People in a record; too many for it are named in a blob, and nobody here. In an order that says nothing
 * of who they are.
 */
export function listed(people: readonly string[], ref: RefOf): string[] {
  return people.length > 64 ? [] : people.map((id) => ref(personRef(id))).sort();
}

/** Which of a stage's parallel groups, as records name it. @returns null for the stage as a whole. */
export function groupName(groupsOfStage: number, groups: readonly number[]): number | null {
  return groupsOfStage === 1 || groups.length !== 1 ? null : (groups[0] ?? null);
}
