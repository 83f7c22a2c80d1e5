import type { Draft } from '../ledger/append.ts';
import { commandKey } from '../ledger/hash.ts';
import {
  insertAcknowledgement,
  listAcknowledgements,
  lockAcknowledger,
  type AcknowledgementRow,
} from '../prisma/acknowledgement-store.ts';
import { reading } from '../prisma/directory-store.ts';
import { referencesOf, streamHead } from '../prisma/ledger-store.ts';
import { policyStream } from '../prisma/policy-store.ts';
import type { Deps } from './deps.ts';
import { notFound } from './error.ts';
import type { Remember } from './idempotency.ts';
import { policyVersion } from './policy-queries.ts';
import { subjectOf } from './principal.ts';
import { openBook, sealDrafts, type SealedBy } from './sealing.ts';

export type Acknowledgement = AcknowledgementRow;

/**
 * A person says that they have read a version of a policy, sealed in their own stream. Where the policy asks
 * for it, they may decide under the version from the commit on. Whoever repeats it gets the first one.
 *
 * @throws ApplicationError NOT_FOUND where there is no such version; the built-in policy asks nobody.
 */
export async function acknowledge(
  deps: Deps,
  by: SealedBy & { readonly actor: { readonly type: 'person'; readonly id: string } },
  asked: {
    readonly policy: string;
    readonly version: number;
    readonly remember: Remember<Acknowledgement>;
  },
): Promise<Acknowledgement> {
  const { policy, version, remember } = asked;
  const aboutStream = await policyStream(reading(deps.db), policy);
  if (aboutStream === null) throw notFound('policy version');
  await policyVersion(deps, policy, version);
  return deps.db.transaction(async (tx) => {
    const now = deps.now();
    const row = { person: by.actor.id, policy, version, at: now };
    const person = await lockAcknowledger(tx, row);
    if (person === null) throw notFound('person');
    if (person.before !== null) {
      const first = { ...row, at: person.before };
      remember(tx, first);
      return first;
    }
    const { streamId: stream, dekId } = person;
    const [head, references] = await Promise.all([
      streamHead(tx, stream),
      referencesOf(tx, stream),
      deps.vault.prepare(tx, [dekId]),
    ]);
    const book = openBook(references);
    const c = book.of(subjectOf(by.actor));
    const draft: Draft = {
      kind: 'acknowledged',
      cmd: commandKey(`${policy}@${version}`, 'acknowledged'),
      actor: { type: 'human', role: 'none', c },
      auth: by.auth,
      surface: by.surface,
      policy: `${policy}@${version}`,
      body: {
        ...{ person_c: c, of: 'policy', policy_id: policy, version, item: null },
        about_stream: aboutStream,
      },
    };
    const to = {
      stream,
      about: 'person',
      head,
      now,
      keys: new Map<string, string>(),
      dekId,
    } as const;
    const sealed = sealDrafts(deps, to, { drafts: [draft], book });
    tx.write(insertAcknowledgement(row));
    for (const fragment of sealed.fragments) tx.write(fragment);
    remember(tx, row);
    return row;
  });
}

/** In order of person. @throws ApplicationError NOT_FOUND */
export async function acknowledgementPage(
  deps: Deps,
  page: {
    readonly policy: string;
    readonly version: number;
    readonly after: string | null;
    readonly limit: number;
  },
): Promise<Acknowledgement[]> {
  await policyVersion(deps, page.policy, page.version);
  return listAcknowledgements(deps.db, page);
}
