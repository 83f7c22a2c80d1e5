import { holdsOverride } from '../domain/override.ts';
import { policyVersionName, RISK_TIERS } from '../domain/policy.ts';
import type { Instant } from '../domain/instant.ts';
import { isRequester } from '../domain/request.ts';
import type { BlobRef } from '../ledger/record.ts';
import { factsOfPeople } from '../prisma/directory-store.ts';
import { exactVersions } from '../prisma/policy-store.ts';
import { contentIn, type RequestRow } from '../prisma/request-store.ts';
import { owesReview } from '../prisma/review-debt-store.ts';
import type { Tx } from '../prisma/transaction.ts';
import { bindingAgain } from './bind-request.ts';
import type { CommandPayload, Prepared } from './command-payload.ts';
import { changed, submittedFacts, type Content, type SubmittedFacts } from './content.ts';
import type { Deps } from './deps.ts';
import { digestsOf } from './content-digests.ts';
import { contentPlace, titlePlace } from './places.ts';
import { candidateIn } from './stage-people.ts';

/** What an amended request is stored and sealed with. */
export interface AmendedContent {
  readonly stored: { readonly title: Uint8Array; readonly content: Uint8Array };
  readonly facts: SubmittedFacts;
  readonly refs: readonly BlobRef[];
  readonly boundTo: readonly BlobRef[];
}

export interface PreparedCommand extends Prepared {
  readonly amended?: AmendedContent;
}

interface About<P> {
  readonly row: RequestRow;
  readonly payload: P;
  readonly now: Instant;
  readonly by: { readonly type: 'app' | 'person'; readonly id: string };
}

/** Reads what a command rests on beside its words, in the transaction that decides it. */
export async function prepareCommand(
  deps: Deps,
  tx: Tx,
  { row, payload, now, by }: About<CommandPayload>,
): Promise<PreparedCommand> {
  if (payload.kind === 'amend')
    // What somebody else wants it to be was held against no shape: it is refused unread.
    return isRequester(row.state, by)
      ? prepareAmendment(deps, tx, { row, payload, now, by })
      : { amendment: null };
  if (payload.kind === 'override') return { lapsed: await lapsedProposers(tx, row, now) };
  if (payload.kind !== 'reassign') return {};
  const [person] = await factsOfPeople(tx, [payload.to], now);
  if (person === undefined) throw new TypeError(`there is no person ${payload.to}`);
  return { receiver: await candidateIn(tx, row.state, { person, now }) };
}

/** @returns who proposed an override before and may not override by now. */
async function lapsedProposers(tx: Tx, { state }: RequestRow, now: Instant): Promise<string[]> {
  const ids = [...new Set(state.proposals.map(({ person }) => person))];
  if (ids.length === 0) return [];
  const people = await factsOfPeople(tx, ids, now);
  const still = await Promise.all(
    people.map(async (person) => {
      const owes = await owesReview(tx, person.id, now);
      return holdsOverride(state, person, { owesReview: owes }) ? person.id : null;
    }),
  );
  return ids.filter((id) => !still.includes(id));
}

/** The newest content with the changed fields, put before the policy versions that the request began under. */
async function prepareAmendment(
  deps: Deps,
  tx: Tx,
  { row, payload, now }: About<Extract<CommandPayload, { kind: 'amend' }>>,
): Promise<PreparedCommand> {
  const { state, dekId, id } = row;
  const bytes = await contentIn(tx, id);
  const text = bytes === null ? null : deps.vault.decrypt(dekId, contentPlace(id), bytes);
  if (text === null) throw new Error(`the content of request ${id} is gone`);
  const content = changed(JSON.parse(text) as Content, payload.change); // ours: parsed when it came in
  const asked = content.riskTier ?? 'medium';
  const tier = RISK_TIERS.indexOf(asked) > RISK_TIERS.indexOf(state.tier) ? asked : state.tier;
  const { requester } = state;
  const { boundUnder } = state.policy;
  const binding = await bindingAgain(deps, tx, { content, requester, now, boundUnder, tier });
  const digests = digestsOf(content, policyVersionName(binding.policy));
  const [version] = await exactVersions(
    tx,
    [binding.policy].filter(({ id: one }) => one !== 'fallback'),
  );
  return {
    amendment: {
      actionDigest: digests.action.sha256,
      contentDigest: digests.content.sha256,
      binding,
    },
    amended: {
      stored: {
        title: deps.vault.encrypt(dekId, titlePlace(id), content.title),
        content: deps.vault.encrypt(dekId, contentPlace(id), JSON.stringify(content)),
      },
      facts: submittedFacts(content),
      refs: [
        { name: 'request', ...digests.content },
        { name: 'action', ...digests.action },
      ],
      boundTo:
        version === undefined
          ? []
          : [
              {
                name: 'policy',
                sha256: version.sourceSha256,
                bytes: Buffer.byteLength(version.source),
              },
            ],
    },
  };
}
