import { z } from 'zod';
import type { Scope } from '../../application/principal.ts';
import { entityId, instant, pageQuery, roleName, words } from './common.ts';

/** What an app's key may allow; the compiler holds it to the scopes that are checked. */
const SCOPES = [
  'requests:submit',
  'requests:read',
  'requests:withdraw',
] as const satisfies readonly Scope[];

const isSet = (items: readonly string[]): boolean => new Set(items).size === items.length;

/** Of acts that say all by their address. */
export const nothing = z.strictObject({});

export const directoryQuery = z.strictObject(pageQuery);

export const newPersonBody = z
  .strictObject({
    id: entityId,
    name: words(200),
    roles: z.array(roleName).max(50).refine(isSet, 'names one twice').default([]),
    team: words(100).optional(),
    region: words(100).optional(),
  })
  .meta({ id: 'NewPerson' });

export const personChangeBody = z
  .strictObject({
    name: words(200).optional(),
    team: words(100).nullish(),
    region: words(100).nullish(),
  })
  .refine((wish) => Object.keys(wish).length > 0, 'changes nothing')
  .meta({ id: 'PersonChange', description: 'absent: stays; null: taken away' });

export const roleGrantBody = z
  .strictObject({ role: roleName, from: instant.optional(), until: instant.optional() })
  .meta({ id: 'RoleGrant' });

const grant = z.object({
  id: z.string(),
  role: z.string(),
  from: instant,
  until: instant.nullable(),
  endedAt: instant.nullable().meta({ description: 'first instant without it, where it was ended' }),
  grantedBy: z.string(),
});

export const personShape = z
  .object({
    id: z.string(),
    name: z.string(),
    team: z.string().nullable(),
    region: z.string().nullable(),
    createdAt: instant,
    leftAt: instant.nullable(),
    roles: z.array(grant),
  })
  .meta({ id: 'Person' });

export const privilegedShape = grant
  .extend({ person: z.string(), grantedAt: instant })
  .meta({ id: 'PrivilegedGrant' });

export const accessQuery = z.strictObject({ ...pageQuery, at: instant.optional() });

export const rolesShape = z.object({ items: z.array(grant) });

export const newAppBody = z
  .strictObject({
    id: entityId,
    name: words(200),
    owner: entityId,
    scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length).refine(isSet, 'names one twice'),
    kinds: z
      .array(z.string().regex(/^(\*|[a-z0-9][a-z0-9._-]{0,63})$/, 'is a kind, or * for every kind'))
      .min(1)
      .max(50)
      .refine(isSet, 'names one twice'),
  })
  .meta({ id: 'NewApp' });

const keyShape = z.object({
  id: z.string(),
  createdAt: instant,
  expiresAt: instant,
  revokedAt: instant.nullable(),
});

export const appShape = z
  .object({
    id: z.string(),
    name: z.string(),
    owner: z.string(),
    scopes: z.array(z.string()),
    kinds: z.array(z.string()),
    createdAt: instant,
    revokedAt: instant.nullable(),
  })
  .meta({ id: 'App' });

export const keysShape = z.object({ items: z.array(keyShape) });

export const newKeyBody = z.strictObject({ expiresAt: instant.optional() }).meta({ id: 'NewKey' });

export const issuedKeyShape = z
  .object({
    id: z.string(),
    key: z.string().meta({ description: 'sent as Bearer; shown this once' }),
    createdAt: instant,
    expiresAt: instant,
  })
  .meta({ id: 'IssuedKey' });

export const publishedShape = z
  .object({ id: z.string(), version: z.int() })
  .meta({ id: 'PublishedPolicy' });
