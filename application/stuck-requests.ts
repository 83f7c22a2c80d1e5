import { escalateWhereStuck } from '../domain/escalation.ts';
import { withDelegations } from '../domain/delegation.ts';
import { stageAt } from '../domain/stage.ts';
import {
  directoryInForce,
  factsOfPeople,
  peopleWithRoles,
  reading,
  type PersonFacts,
} from '../prisma/directory-store.ts';
import { pendingRequests, type RequestRow } from '../prisma/request-store.ts';
import { advanceRequest } from './advance-request.ts';
import type { Deps } from './deps.ts';

// A right that ends, an absence that begins, a training that expires: no act on a request, and yet it may
// now be one that nobody there can approve. That turns to its escalations at once, not at its deadline.

/** Requests that are looked at together. */
const PAGE = 200;

/**
 * @returns what looks, when called, whether the directory has changed since the last call, and takes a step
 *          in every request that nobody can approve any more. The first call looks in any case: the directory
 *          may have changed while nobody looked.
 */
export function createStuckWatch(deps: Deps): () => Promise<void> {
  let known: string | null = null;
  return async () => {
    const directory = await directoryInForce(deps.db, deps.now());
    if (directory === known) return;
    await stepWhereStuck(deps);
    known = directory; // not before: what failed is looked at again
  };
}

async function stepWhereStuck(deps: Deps): Promise<void> {
  for (let after: string | null = null; ;) {
    const rows: readonly RequestRow[] = await pendingRequests(deps.db, { after, limit: PAGE });
    const people = await peopleOf(deps, rows);
    for (const row of rows)
      // The step looks again, in its own transaction; here it is only found out where it is worth it.
      if (isStuck(deps, row, people))
        await advanceRequest(deps, { kind: 'tick', requestId: row.id });
    if (rows.length < PAGE) return;
    after = rows.at(-1)?.id ?? after;
  }
}

/** Everybody whom the open stages of these requests turn to, or may turn to; looked up once. */
async function peopleOf(deps: Deps, rows: readonly RequestRow[]): Promise<PersonFacts[]> {
  const reader = reading(deps.db);
  const now = deps.now();
  const roles = rows.flatMap(({ state }) => {
    if (state.stage === null) return [];
    const { escalations } = stageAt(state, state.stage.index);
    return [...state.stage.roles.flat(), ...escalations.map(({ to }) => to)];
  });
  const handedTo = rows.flatMap(({ state }) => state.delegations.map(({ to }) => to));
  const [holders, others] = await Promise.all([
    roles.length === 0 ? [] : peopleWithRoles(reader, [...new Set(roles)], now),
    handedTo.length === 0 ? [] : factsOfPeople(reader, [...new Set(handedTo)], now),
  ]);
  return [...new Map([...others, ...holders].map((one) => [one.id, one])).values()];
}

function isStuck(deps: Deps, { state }: RequestRow, people: readonly PersonFacts[]): boolean {
  const now = deps.now();
  const candidates = people.map((one) => withDelegations(state, one, { principals: people, now }));
  return escalateWhereStuck(state, candidates).events.length > 0;
}
