import type { AccountabilityEvent } from '../domain/event.ts';
import type { Instant } from '../domain/instant.ts';
import { factsOfPeople, type PersonFacts, type Reader } from '../prisma/directory-store.ts';

type Named = {
  readonly [T in AccountabilityEvent['type']]?: (
    event: Extract<AccountabilityEvent, { type: T }>,
  ) => readonly (string | null)[];
};

/** People whom the record of an event names beside who acts and who could decide. */
const NAMED: Named = {
  decided: ({ decision }) => [decision.delegatedBy],
  delegated: ({ delegation }) => [delegation.person, delegation.to],
  reassigned: ({ from, to }) => [from, to],
  claimed: ({ person }) => [person],
  overridden: ({ second }) => [second],
  review_debt: ({ debt }) => [debt.person],
  exception_used: ({ exception }) => [exception.approver],
};

/** @returns them, but for those who are known already: each name is sealed under a key of its own. */
export async function namedBeside(
  reader: Reader,
  events: readonly AccountabilityEvent[],
  { known, now }: { readonly known: readonly PersonFacts[]; readonly now: Instant },
): Promise<PersonFacts[]> {
  const seen = new Set<string | null>([null, ...known.map(({ id }) => id)]);
  const ids = events.flatMap(namedIn).filter((id): id is string => !seen.has(id));
  return ids.length === 0 ? [] : factsOfPeople(reader, [...new Set(ids)], now);
}

function namedIn(event: AccountabilityEvent): readonly (string | null)[] {
  // The table is indexed by the very type that each function takes; the compiler cannot follow that.
  const named = NAMED[event.type] as
    ((event: AccountabilityEvent) => readonly (string | null)[]) | undefined;
  return named?.(event) ?? [];
}
