import { randomBytes } from 'node:crypto';
import { deleteTokens, findPerson, insertToken } from '../prisma/people-store.ts';
import { findApp } from '../prisma/app-store.ts';
import { reading } from '../prisma/directory-store.ts';
import { createApp, getApp, isLive, issueKey, revokeKey } from './apps.ts';
import type { Deps } from './deps.ts';
import { secretHash } from './secret.ts';
import type { DirectoryAuthor } from './directory-changes.ts';
import { addPerson } from './people.ts';
import { BY_ENGINE } from './sealing.ts';
import { SCOPES } from './principal.ts';

/** The sample people of the embedded default (product contract 6). */
const SAMPLE_PEOPLE = [
  { id: 'dana', name: 'Dana Weiss', roles: ['credit-officer'] },
  { id: 'eve', name: 'Eve Lindqvist', roles: ['credit-officer'] },
  { id: 'omar', name: 'Omar Haddad', roles: ['credit-officer'] },
  { id: 'mia', name: 'Mia Rossi', roles: ['credit-manager'] },
  { id: 'rui', name: 'Rui Tavares', roles: ['risk-manager'] },
  { id: 'vic', name: 'Vic Novak', roles: ['vendor-risk'] },
  { id: 'sam', name: 'Sam Okafor', roles: ['security'] },
  { id: 'pia', name: 'Pia Jensen', roles: ['privacy'] },
  { id: 'olga', name: 'Olga Petrova', roles: ['override-authority'] },
  { id: 'cora', name: 'Cora Meyer', roles: ['compliance', 'policy-admin', 'directory-admin'] },
  { id: 'ada', name: 'Ada Brandt', roles: ['auditor'] },
] as const;

/**
 * Who answers for the sample app, and so decides and overrides nothing that it asks. None of the sample
 * people can be spared for that: each is needed on some of its requests, Cora where no policy matches,
 * Olga to override, and an auditor owns nothing that she audits. He has no role and no token.
 */
const SAMPLE_OWNER = { id: 'otto', name: 'Otto Keller', roles: [] } as const;

const SAMPLE_APP = {
  id: 'sample-agent',
  name: 'Sample agent',
  owner: SAMPLE_OWNER.id,
  scopes: [...SCOPES],
  kinds: ['*'],
};

export interface SampleCredentials {
  readonly app: { readonly id: string; readonly key: string };
  readonly people: readonly {
    readonly id: string;
    readonly name: string;
    readonly roles: readonly string[];
    readonly token: string;
  }[];
}

const AUTHOR: DirectoryAuthor = { by: BY_ENGINE, name: 'system', source: 'sample' };
const unremembered = (): void => undefined;

/** Adds the sample people, the sample app and its owner where they are missing. Changes nothing else. */
export async function ensureSampleDirectory(deps: Deps): Promise<void> {
  for (const { id, name, roles } of [...SAMPLE_PEOPLE, SAMPLE_OWNER]) {
    if ((await findPerson(reading(deps.db), id)) !== null) continue;
    await addPerson(deps, AUTHOR, { person: { id, name, roles }, remember: unremembered });
  }
  if ((await findApp(deps.db, SAMPLE_APP.id)) === null)
    await createApp(deps, BY_ENGINE, { app: SAMPLE_APP, remember: unremembered });
}

/**
 * Gives every sample person a new token and the sample app a new key; the ones before end. Only for the
 * file that the embedded default writes when it has none.
 */
export async function issueSampleCredentials(deps: Deps): Promise<SampleCredentials> {
  const now = deps.now();
  const tokens = SAMPLE_PEOPLE.map((person) => ({
    ...person,
    secret: randomBytes(32).toString('base64url'),
  }));
  await deps.db.transaction(async (tx) => {
    await tx.query(deleteTokens());
    for (const { id, secret } of tokens)
      await tx.query(insertToken({ hash: secretHash(secret), person: id, createdAt: now }));
  });
  const { keys } = await getApp(deps, SAMPLE_APP.id);
  for (const key of keys.filter((one) => isLive(one, now)))
    await revokeKey(deps, BY_ENGINE, { appId: SAMPLE_APP.id, keyId: key.id });
  const wish = { appId: SAMPLE_APP.id, expiresAt: null, remember: unremembered };
  const { key } = await issueKey(deps, BY_ENGINE, wish);
  return {
    app: { id: SAMPLE_APP.id, key },
    people: tokens.map(({ id, name, roles, secret }) => ({
      id,
      name,
      roles,
      token: `csp_${secret}`,
    })),
  };
}
