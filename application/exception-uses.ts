import { isInForce, type RuleException, type UsedException } from '../domain/rule-exception.ts';
import type { AccountabilityEvent } from '../domain/event.ts';
import type { Instant } from '../domain/instant.ts';
import type { Reader } from '../prisma/directory-store.ts';
import { exceptionsRunning, insertExceptionUse, lockUses } from '../prisma/exception-store.ts';
import type { Tx } from '../prisma/transaction.ts';

/** Exceptions in force, read where nothing in memory is to be relied on. */
export async function runningExceptions(reader: Reader, now: Instant): Promise<RuleException[]> {
  return (await exceptionsRunning(reader, now)).filter((one) => isInForce(one, now));
}

/**
 * Counts each use in the transaction that seals it: nobody else counts a use of the same exception until
 * it ends.
 *
 * @param used as a binding says. @returns the same with how often each has been used, this time included.
 */
export async function countUses(
  tx: Tx,
  used: readonly UsedException[],
  { requestId, now }: { readonly requestId: string; readonly now: Instant },
): Promise<UsedException[]> {
  if (used.length === 0) return [];
  const before = await lockUses(
    tx,
    used.map(({ id }) => id),
  );
  return used.map((one) => {
    const uses = (before.get(one.id) ?? 0) + 1;
    const { id: exceptionId, ruleIndex } = one;
    tx.write(insertExceptionUse({ exceptionId, ordinal: uses, requestId, ruleIndex, at: now }));
    return { ...one, uses };
  });
}

/**
 * The same for what a step has brought about: an amended content is bound anew, and may use exceptions.
 *
 * @returns what was applied, with the uses that its events say counted; itself where they say none.
 */
export async function withCountedUses<
  A extends { readonly events: readonly AccountabilityEvent[] },
>(tx: Tx, applied: A, at: { readonly requestId: string; readonly now: Instant }): Promise<A> {
  const used = applied.events.flatMap((event) =>
    event.type === 'exception_used' ? [event.exception] : [],
  );
  if (used.length === 0) return applied;
  const counted = await countUses(tx, used, at);
  const events = applied.events.map((event) => {
    if (event.type !== 'exception_used') return event;
    return { ...event, exception: counted[used.indexOf(event.exception)] ?? event.exception };
  });
  return { ...applied, events };
}
