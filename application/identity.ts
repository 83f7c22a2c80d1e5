import { timingSafeEqual } from 'node:crypto';
import { findKeyHolder, type KeyHolder } from '../prisma/app-store.ts';
import { personByToken } from '../prisma/directory-store.ts';
import { isLive } from './apps.ts';
import type { Deps } from './deps.ts';
import type { Principal } from './principal.ts';
import { secretHash } from './secret.ts';

/** `cs_<key id>_<secret>`: an app's key as it is sent. */
const APP_KEY = /^cs_([a-z0-9]{8,32})_([A-Za-z0-9_-]{40,64})$/;
/** `csp_<secret>`: the token of a sample person. */
const PERSON_TOKEN = /^csp_([A-Za-z0-9_-]{40,64})$/;

/** How long a key that was good is believed. A revoked key stops within this on every process. */
const BELIEF_MS = 2_000;
const MAX_BELIEFS = 10_000;

/** Who is behind a Bearer credential. */
export interface Authenticator {
  /**
   * @param loopback whether the caller is on this machine: sample tokens work nowhere else.
   * @returns null when the credential names nobody, has expired or was revoked.
   */
  authenticate(bearer: string, loopback: boolean): Promise<Principal | null>;
}

/** @param samplePeople whether tokens of sample people are taken at all. */
export function createAuthenticator(deps: Deps, samplePeople: boolean): Authenticator {
  const beliefs = new Map<string, { readonly holder: KeyHolder; readonly until: number }>();

  const holderOf = async (keyId: string): Promise<KeyHolder | null> => {
    const known = beliefs.get(keyId);
    if (known !== undefined && performance.now() < known.until) return known.holder;
    beliefs.delete(keyId);
    const holder = await findKeyHolder(deps.db, keyId);
    if (holder === null) return null;
    if (beliefs.size >= MAX_BELIEFS) beliefs.clear();
    beliefs.set(keyId, { holder, until: performance.now() + BELIEF_MS });
    return holder;
  };

  const appBehind = async (keyId: string, secret: string): Promise<Principal | null> => {
    const holder = await holderOf(keyId);
    if (holder === null || !timingSafeEqual(holder.secretHash, secretHash(secret))) return null;
    if (!isLive(holder, deps.now()) || holder.app.revokedAt !== null) return null;
    const { id, owner, scopes, kinds } = holder.app;
    return { type: 'app', id, owner, ownerDekId: holder.ownerDekId, scopes, kinds };
  };

  const personBehind = async (secret: string): Promise<Principal | null> => {
    const person = await personByToken(deps.db, secretHash(secret), deps.now());
    if (person === null) return null;
    return { ...person, type: 'person', assurance: 1, method: 'sample_token' };
  };

  return {
    async authenticate(bearer, loopback) {
      const app = APP_KEY.exec(bearer);
      if (app !== null) return appBehind(app[1] as string, app[2] as string);
      const person = PERSON_TOKEN.exec(bearer);
      if (person === null || !loopback || !samplePeople) return null;
      return personBehind(person[1] as string);
    },
  };
}
