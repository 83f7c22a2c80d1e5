import { insertAccess } from '../prisma/installation-store.ts';
import type { Deps } from './deps.ts';
import type { Principal } from './principal.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Notes who was turned away from what. It is not part of any chain (product contract 3.2). */
export async function recordTurnedAway(
  deps: Deps,
  principal: Principal,
  { route, requestId }: { readonly route: string; readonly requestId: string | null },
): Promise<void> {
  await insertAccess(deps.db, {
    at: deps.now(),
    principalType: principal.type,
    principalId: principal.id,
    route,
    outcome: 'FORBIDDEN',
    requestId: requestId !== null && UUID.test(requestId) ? requestId : null,
  });
}
