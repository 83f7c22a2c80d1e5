import { statusOf, type RequestStatus } from '../domain/request.ts';
import { ApplicationError } from './error.ts';
import type { KeyUse, Replayable } from './idempotency.ts';
import type { Caller } from './principal.ts';
import { readContent, visibleRequest } from './request-queries.ts';
import { submitRequest, type SubmitDeps } from './submit-request.ts';

/** What can be asked for anew. What was approved or overridden has its answer. */
const REOPENABLE: readonly RequestStatus[] = ['expired', 'rejected', 'withdrawn'];

/**
 * Asks for the same thing again, as a new request under the policies of now. Its first record names the last
 * one of the chain that it continues.
 *
 * @returns 201 with the new request.
 * @throws ApplicationError NOT_FOUND, FORBIDDEN (somebody else asked), CONFLICT (not ended, or answered).
 */
export async function reopenRequest(
  deps: SubmitDeps,
  caller: Caller,
  { requestId, key }: { readonly requestId: string; readonly key: KeyUse | null },
): Promise<Replayable> {
  const { principal } = caller;
  const row = await visibleRequest(deps, principal, requestId);
  const { requester } = row.state;
  if (requester.type !== principal.type || requester.id !== principal.id)
    throw new ApplicationError('FORBIDDEN', 'Only whoever asked for it can ask again.');
  const status = statusOf(row.state);
  if (!REOPENABLE.includes(status))
    throw new ApplicationError(
      'CONFLICT',
      `This request is ${status}; only what expired, was rejected or was withdrawn is opened again.`,
    );
  const content = await readContent(deps, row);
  if (content.kind === 'policy-change')
    throw new ApplicationError('CONFLICT', 'Publish the policy version again instead.');
  return submitRequest(deps, caller, {
    content,
    key,
    reopens: { requestId, leafHash: row.head.leafHash },
  });
}
