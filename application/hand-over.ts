import { factsOfPeople, reading } from '../prisma/directory-store.ts';
import { act, type ActDeps } from './approval-service.ts';
import type { CommandPayload } from './command-payload.ts';
import { ApplicationError } from './error.ts';
import type { KeyUse, Replayable } from './idempotency.ts';
import type { Caller } from './principal.ts';

export interface HandOver {
  readonly requestId: string;
  readonly payload: Extract<CommandPayload, { kind: 'delegate' | 'reassign' }>;
  readonly key: KeyUse | null;
}

/**
 * Brings a delegation or a reassignment to the step.
 *
 * @throws ApplicationError VALIDATION_FAILED where somebody named does not exist; else as `act`.
 */
export async function handOver(
  deps: ActDeps,
  caller: Caller,
  { requestId, payload, key }: HandOver,
): Promise<Replayable> {
  const named = payload.kind === 'delegate' ? ['to'] : ['from', 'to'];
  const ids = named.map((field) => String(payload[field as keyof typeof payload]));
  const people = await factsOfPeople(reading(deps.db), ids, deps.now());
  const problems = named.flatMap((field, at) =>
    people.some(({ id }) => id === ids[at])
      ? []
      : [{ pointer: `/${field}`, message: `there is no person "${ids[at] ?? ''}"` }],
  );
  if (problems.length > 0)
    throw new ApplicationError('VALIDATION_FAILED', 'Somebody named does not exist.', { problems });
  return act(deps, caller, { requestId, payload, key });
}
