import { RISK_TIERS } from '../domain/policy.ts';
import { findRequest } from '../prisma/request-store.ts';
import { maySee } from '../domain/visibility.ts';
import { act, type ActDeps } from './approval-service.ts';
import { changed, type Content, type ContentChange } from './content.ts';
import { ApplicationError, notFound, type FieldProblem } from './error.ts';
import type { KeyUse, Replayable } from './idempotency.ts';
import { readerOf, type Caller } from './principal.ts';
import { readContent } from './request-queries.ts';

export interface AmendmentAsked {
  readonly requestId: string;
  readonly change: ContentChange;
  /** Holds the whole content, as it would be, against the shape of its kind. */
  readonly problemsOf: (content: Content) => readonly FieldProblem[];
  readonly key: KeyUse | null;
}

/**
 * Brings an amendment to the step, after it was held against the shape that the request's kind asks for.
 * Somebody else than the requester is refused there, and that is sealed.
 *
 * @throws ApplicationError NOT_FOUND; VALIDATION_FAILED where nothing is changed, the changed content has not
 *         the shape of its kind, the tier would fall, or the change of a policy is to be changed.
 */
export async function amendRequest(
  deps: ActDeps,
  caller: Caller,
  { requestId, change, problemsOf, key }: AmendmentAsked,
): Promise<Replayable> {
  const row = await findRequest(deps.db, requestId);
  if (row === null) throw notFound();
  const isVisible = maySee(row.state, readerOf(caller.principal));
  if (!isVisible && caller.principal.type === 'app') throw notFound();
  // What the content is now must not show in an answer to somebody who may not see it.
  if (isVisible) assertSound(await readContent(deps, row), { change, problemsOf });
  return act(deps, caller, { requestId, payload: { kind: 'amend', change }, key });
}

function assertSound(
  content: Content,
  { change, problemsOf }: Pick<AmendmentAsked, 'change' | 'problemsOf'>,
): void {
  if (content.kind === 'policy-change')
    throw invalid([
      { pointer: '', message: 'publish another version instead: this one stays as it is' },
    ]);
  const fields = Object.keys(change);
  if (fields.length === 0) throw invalid([{ pointer: '', message: 'changes nothing' }]);
  const problems = problemsOf(changed(content, change));
  if (problems.length > 0) throw invalid(problems);
  const before = content.riskTier ?? 'medium';
  const { riskTier = before } = change;
  if (RISK_TIERS.indexOf(riskTier) < RISK_TIERS.indexOf(before))
    throw invalid([
      { pointer: '/riskTier', message: `is below ${before}; a tier can only be raised` },
    ]);
}

function invalid(problems: readonly FieldProblem[]): ApplicationError {
  return new ApplicationError('VALIDATION_FAILED', 'The request cannot be changed like that.', {
    problems,
  });
}
