import { randomBytes, randomUUID } from 'node:crypto';
import { addDuration, type Instant } from '../domain/instant.ts';
import type { Draft } from '../ledger/append.ts';
import { commandKey } from '../ledger/hash.ts';
import {
  findApp,
  insertApp,
  insertAppKey,
  keysOf,
  listApps,
  lockApp,
  revokeAppKey,
  type AppKeyRow,
  type AppRow,
} from '../prisma/app-store.ts';
import { factsOfPeople, reading } from '../prisma/directory-store.ts';
import { violatedUnique } from '../prisma/fault.ts';
import { referencesOf, streamHead } from '../prisma/ledger-store.ts';
import type { Tx } from '../prisma/transaction.ts';
import type { Deps } from './deps.ts';
import { ApplicationError, notFound } from './error.ts';
import type { Remember } from './idempotency.ts';
import { subjectOf, type Scope } from './principal.ts';
import { openBook, sealDrafts, type SealedBy } from './sealing.ts';
import { secretHash } from './secret.ts';

/** Live keys of one app, at most: the old and the new one while it rotates. */
const MAX_LIVE_KEYS = 2;
const KEY_LIFETIME = 'P1Y';

export interface NewApp {
  readonly id: string;
  readonly name: string;
  /** The person who answers for what the app asks; never eligible on its requests. */
  readonly owner: string;
  readonly scopes: readonly Scope[];
  readonly kinds: readonly string[];
}

/** A new key with the only copy of its secret: `key` is what the app sends as Bearer. */
export interface IssuedKey {
  readonly id: string;
  readonly key: string;
  readonly createdAt: Instant;
  readonly expiresAt: Instant;
}

export interface AppWithKeys extends AppRow {
  readonly keys: readonly AppKeyRow[];
}

/**
 * Registers an app. It can do nothing until it has a key.
 *
 * @throws ApplicationError CONFLICT when the id is taken; VALIDATION_FAILED when the owner is nobody.
 */
export async function createApp(
  deps: Deps,
  by: SealedBy,
  { app, remember }: { readonly app: NewApp; readonly remember: Remember<AppWithKeys> },
): Promise<AppWithKeys> {
  const now = deps.now();
  const [owner] = await factsOfPeople(reading(deps.db), [app.owner], now);
  if (owner === undefined)
    throw new ApplicationError('VALIDATION_FAILED', 'The owner is not in the directory.', {
      problems: [{ pointer: '/owner', message: `there is no person "${app.owner}"` }],
    });
  await deps.vault.prepare(reading(deps.db), [owner.dekId]);
  const row: AppRow = { ...app, streamId: randomUUID(), createdAt: now, revokedAt: null };
  const created = { ...row, keys: [] };
  try {
    await deps.db.transaction(async (tx) => {
      tx.write(insertApp(row));
      await sealChange(deps, tx, { row, by, now, change: 'created', key: null, expires: null });
      remember(tx, created);
    });
  } catch (error) {
    if (violatedUnique(error) !== 'app_pkey') throw error;
    throw new ApplicationError('CONFLICT', `There is an app "${app.id}" already.`);
  }
  return created;
}

export interface KeyWish {
  readonly appId: string;
  /** null = in a year. */
  readonly expiresAt: Instant | null;
  readonly remember: Remember<IssuedKey>;
}

/**
 * Makes a key. Two may live at once, so that an app changes over without a gap.
 *
 * @throws ApplicationError NOT_FOUND; CONFLICT when two keys live already.
 */
export async function issueKey(
  deps: Deps,
  by: SealedBy,
  { appId, expiresAt, remember }: KeyWish,
): Promise<IssuedKey> {
  const secret = randomBytes(32).toString('base64url');
  const id = randomBytes(8).toString('hex');
  return deps.db.transaction(async (tx) => {
    const now = deps.now();
    const row = await lockApp(tx, appId);
    if (row === null || row.revokedAt !== null) throw notFound('app');
    const live = (await keysOf(tx, appId)).filter((key) => isLive(key, now));
    if (live.length >= MAX_LIVE_KEYS)
      throw new ApplicationError('CONFLICT', 'This app has two live keys; revoke one first.');
    const expires = expiresAt ?? addDuration(now, KEY_LIFETIME);
    if (expires <= now)
      throw new ApplicationError('VALIDATION_FAILED', 'The key would have expired already.', {
        problems: [{ pointer: '/expiresAt', message: 'is not in the future' }],
      });
    const key = { id, appId, createdAt: now, expiresAt: expires, revokedAt: null };
    tx.write(insertAppKey({ ...key, secretHash: secretHash(secret) }));
    const change = live.length === 0 ? 'key_created' : 'key_rotated';
    await sealChange(deps, tx, { row, by, now, change, key: id, expires });
    const issued = { id, key: `cs_${id}_${secret}`, createdAt: now, expiresAt: expires };
    remember(tx, issued);
    return issued;
  });
}

/** @throws ApplicationError NOT_FOUND when the app has no such live key. */
export async function revokeKey(
  deps: Deps,
  by: SealedBy,
  { appId, keyId }: { readonly appId: string; readonly keyId: string },
): Promise<void> {
  await deps.db.transaction(async (tx) => {
    const now = deps.now();
    const row = await lockApp(tx, appId);
    const key = row === null ? undefined : (await keysOf(tx, appId)).find(({ id }) => id === keyId);
    if (row === null || key === undefined || key.revokedAt !== null) throw notFound('key');
    tx.write(revokeAppKey(keyId, now));
    await sealChange(deps, tx, { row, by, now, change: 'key_revoked', key: keyId, expires: null });
  });
}

export function isLive(key: AppKeyRow, now: Instant): boolean {
  return key.revokedAt === null && now < key.expiresAt;
}

export async function getApp(deps: Deps, id: string): Promise<AppWithKeys> {
  const row = await findApp(deps.db, id);
  if (row === null) throw notFound('app');
  return { ...row, keys: await keysOf(reading(deps.db), id) };
}

/** In order of id. */
export async function appsPage(
  deps: Deps,
  page: { readonly after: string | null; readonly limit: number },
): Promise<AppRow[]> {
  return listApps(deps.db, page);
}

interface AppChange {
  readonly row: AppRow;
  readonly by: SealedBy;
  readonly now: Instant;
  readonly change: 'created' | 'key_created' | 'key_rotated' | 'key_revoked';
  readonly key: string | null;
  readonly expires: Instant | null;
}

/** Seals a change in the app's own stream. The stream's references fall under the people they name. */
async function sealChange(deps: Deps, tx: Tx, { row, by, now, ...what }: AppChange): Promise<void> {
  const subjects = [row.owner, ...(by.actor?.type === 'person' ? [by.actor.id] : [])];
  const [people, head, references] = await Promise.all([
    factsOfPeople(tx, subjects, now),
    streamHead(tx, row.streamId),
    referencesOf(tx, row.streamId),
  ]);
  const owner = people.find((person) => person.id === row.owner);
  if (owner === undefined) throw new TypeError(`app ${row.id} has no owner`);
  await deps.vault.prepare(
    tx,
    people.map((person) => person.dekId),
  );
  const keys = new Map(
    people.map((person) => [subjectOf({ type: 'person', id: person.id }), person.dekId]),
  );
  const book = openBook(references);
  const draft: Draft = {
    kind: 'app_changed',
    cmd: commandKey(`app:${row.id}`, `${what.change}/${what.key ?? ''}`),
    actor:
      by.actor === null
        ? { type: 'system', role: 'engine', c: null }
        : { type: 'human', role: 'directory_admin', c: book.of(subjectOf(by.actor)) },
    auth: by.auth,
    surface: by.surface,
    policy: null,
    body: {
      app: row.id,
      change: what.change,
      owner_c: book.of(subjectOf({ type: 'person', id: row.owner })),
      key: what.key,
      expires: what.expires,
      scopes: what.change === 'created' ? [...row.scopes] : null,
      kinds: what.change === 'created' ? [...row.kinds] : null,
    },
  };
  const place = { stream: row.streamId, about: 'app', head } as const;
  const to = { ...place, now, keys, dekId: owner.dekId };
  for (const fragment of sealDrafts(deps, to, { drafts: [draft], book }).fragments)
    tx.write(fragment);
}
