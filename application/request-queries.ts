import { withDelegations } from '../domain/delegation.ts';
import { eligibility } from '../domain/eligibility.ts';
import { policyVersionName } from '../domain/policy.ts';
import { partiesOf } from '../domain/request.ts';
import { maySee } from '../domain/visibility.ts';
import { sha256Hex } from '../ledger/hash.ts';
import { jcs } from '../ledger/jcs.ts';
import {
  factsOfPeople,
  peopleWithRoles,
  reading,
  type PersonFacts,
} from '../prisma/directory-store.ts';
import {
  contentOf,
  findRequest,
  formerContents,
  type RequestRow,
} from '../prisma/request-store.ts';
import { act, type ActDeps, type CommandBody } from './approval-service.ts';
import { usesOfRequest } from '../prisma/exception-store.ts';
import type { Content } from './content.ts';
import type { Deps } from './deps.ts';
import { discussionOf, type SaidShape } from './discussion.ts';
import { ApplicationError, notFound } from './error.ts';
import { contentPlace } from './places.ts';
import { readerOf, type Caller, type Principal } from './principal.ts';
import { readShape, withReadable, type RequestShape } from './request-shape.ts';

/** @throws ApplicationError NOT_FOUND when there is none or the caller may not see it. */
export async function visibleRequest(
  deps: Deps,
  principal: Principal,
  id: string,
): Promise<RequestRow> {
  const row = await findRequest(deps.db, id);
  if (row === null || !maySee(row.state, readerOf(principal))) throw notFound();
  return row;
}

export async function getRequest(
  deps: Deps,
  principal: Principal,
  id: string,
): Promise<RequestShape> {
  return readShape(deps, await visibleRequest(deps, principal, id));
}

// ---- view ----------------------------------------------------------------------------------------

/** Exactly what is to be decided (product contract 3.2). */
export interface ViewBody {
  readonly requestId: string;
  readonly contentDigest: string;
  readonly content: Content;
  readonly policy: { readonly id: string; readonly version: number; readonly name: string };
  readonly rule: { readonly name: string; readonly when: string | null };
  /** Rules that would have matched, and did not count because of an exception. */
  readonly exceptions: readonly {
    readonly exception: string;
    readonly policy: string;
    readonly rule: string;
  }[];
  readonly stage: RequestShape['stage'];
  readonly excluded: readonly { readonly person: string; readonly reason: string }[];
  /** What was said about it so far. */
  readonly discussion: readonly SaidShape[];
  readonly record: CommandBody['record'];
}

/**
 * Shows a person what is to be decided and seals that it was shown, with the digest of the shown bytes.
 *
 * @throws ApplicationError NOT_FOUND, FORBIDDEN for apps, CONFLICT while it is changed again and again.
 */
export async function viewRequest(deps: ActDeps, caller: Caller, id: string): Promise<ViewBody> {
  const { principal } = caller;
  if (principal.type !== 'person')
    throw new ApplicationError('FORBIDDEN', 'A view is for people; apps read the request itself.');
  for (let tries = 1; ; tries += 1) {
    const row = await visibleRequest(deps, principal, id);
    const shown = await shownOf(deps, row);
    const body = await sealView(deps, caller, { row, shown });
    // What was changed while it was being shown is shown anew.
    if (body.outcome.kind !== 'refused') return { ...shown, record: body.record };
    if (tries === MOST_LOOKS)
      throw new ApplicationError('CONFLICT', 'The content keeps changing; look again.');
  }
}

/** A content that changes faster than that is nothing to be read. */
const MOST_LOOKS = 5;

async function sealView(
  deps: ActDeps,
  caller: Caller,
  { row, shown }: { readonly row: RequestRow; readonly shown: Omit<ViewBody, 'record'> },
): Promise<CommandBody> {
  const bytes = jcs(shown);
  const view = { name: 'view', sha256: sha256Hex(bytes), bytes: Buffer.byteLength(bytes) } as const;
  const { amendments } = row.state;
  const payload = { kind: 'view', view, shown: bytes, amendments } as const;
  const { body } = await act(deps, caller, { requestId: row.id, payload, key: null });
  return body as CommandBody;
}

/** What a view shows, without the record that seals it; the time is that of `deps.now`. */
export async function shownOf(deps: Deps, row: RequestRow): Promise<Omit<ViewBody, 'record'>> {
  const { state } = row;
  const { rule } = state.policy;
  const [content, shape, excluded, discussion, uses] = await Promise.all([
    readContent(deps, row),
    readShape(deps, row),
    excludedPeople(deps, row),
    discussionOf(deps, row),
    usesOfRequest(deps.db, row.id),
  ]);
  return {
    requestId: row.id,
    contentDigest: state.contentDigest,
    content,
    policy: {
      id: state.policy.id,
      version: state.policy.version,
      name: policyVersionName(state.policy),
    },
    rule: { name: rule.name, when: rule.when },
    exceptions: uses.map(({ exceptionId, policyId, rule: skipped }) => ({
      ...{ exception: exceptionId, policy: policyId, rule: skipped },
    })),
    stage: shape.stage,
    excluded,
    discussion,
  };
}

/** @throws ApplicationError NOT_FOUND when the content was erased, UNREADABLE when it was changed. */
export async function readContent(deps: Deps, row: RequestRow): Promise<Content> {
  const bytes = await contentOf(deps.db, row.id);
  const text = bytes === null ? null : await contentText(deps, row, bytes);
  if (text === null) throw notFound('content');
  return JSON.parse(text) as Content; // ours: it was parsed by its schema when it came in
}

/** @returns what a request asked for before its amendments, oldest first; without what was erased. */
export async function formerContentsOf(
  deps: Deps,
  row: RequestRow,
): Promise<{ readonly content: Content; readonly policyVersion: string }[]> {
  const kept = await formerContents(deps.db, row.id);
  const texts = await Promise.all(kept.map(({ content }) => contentText(deps, row, content)));
  return texts.flatMap((text, at) =>
    // ours: it was parsed by its schema when it came in
    text === null
      ? []
      : [{ content: JSON.parse(text) as Content, policyVersion: kept[at]?.policy ?? '' }],
  );
}

async function contentText(
  deps: Deps,
  { id, dekId }: RequestRow,
  bytes: Uint8Array,
): Promise<string | null> {
  return withReadable(deps, id, async () => {
    await deps.vault.prepare(reading(deps.db), [dekId]);
    return deps.vault.decrypt(dekId, contentPlace(id), bytes);
  });
}

/** People who would be asked but may not decide, and the rule that says so. */
async function excludedPeople(deps: Deps, row: RequestRow): Promise<ViewBody['excluded']> {
  const { state } = row;
  const { stage } = state;
  if (stage === null) return [];
  const now = deps.now();
  const reader = reading(deps.db);
  const handedTo = state.delegations.map(({ to }) => to);
  const [asked, others] = await Promise.all([
    peopleWithRoles(reader, stage.roles.flat(), now),
    factsOfPeople(reader, [...partiesOf(state), ...handedTo], now),
  ]);
  const people = new Map(
    [...asked, ...others].map((person) => [
      person.id,
      withDelegations(state, person, { principals: asked, now }),
    ]),
  );
  const asExcluded = (person: PersonFacts): ViewBody['excluded'] => {
    const may = eligibility(state, stage, person);
    if (may.kind === 'eligible' || may.reason === 'ALREADY_DECIDED') return [];
    return [{ person: person.id, reason: may.reason }];
  };
  return [...people.values()].flatMap(asExcluded).sort((a, b) => (a.person < b.person ? -1 : 1));
}
