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

export const directoryQuery = z.strictObject(pageQuery);

export const newPersonBody = z
  .strictObject({
    id: entityId,
    name: words(200),
    roles: z.array(roleName).max(50).refine(isSet, 'names one twice').default([]),
  })
  .meta({ id: 'NewPerson' });

export const roleGrantBody = z
  .strictObject({ role: roleName, from: instant.optional(), until: instant.optional() })
  .meta({ id: 'RoleGrant' });

const grant = z.object({
  id: z.string(),
  role: z.string(),
  from: instant,
  until: instant.nullable(),
  grantedBy: z.string(),
});

export const personShape = z
  .object({ id: z.string(), name: z.string(), createdAt: instant, roles: z.array(grant) })
  .meta({ id: 'Person' });

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

export const policyShape = z
  .object({
    id: z.string(),
    version: z.int(),
    kind: z.string(),
    enabled: z.boolean(),
    document: z.unknown(),
    source: z.string(),
    sourceSha256: z.string(),
    author: z.string(),
    createdAt: instant,
  })
  .meta({ id: 'PolicyVersion' });

export const publishedShape = z
  .object({ id: z.string(), version: z.int() })
  .meta({ id: 'PublishedPolicy' });

export const policyDocument = z
  .looseObject({})
  .meta({ description: 'a policy document (docs/policies.md), as JSON or YAML' });
