import { z } from 'zod';

import { closed } from './fields.ts';
import { bodySchemasV0, type BodyV0, type KindV0 } from './v0-bodies.ts';
import {
  assuranceLevel,
  commitPath,
  count,
  hex64,
  instant,
  origin,
  policyVersion,
  softwareVersion,
  streamId,
  SURFACES,
} from './v0-fields.ts';

// Records of version 0: the envelope as it stood when version 1 was frozen. They are read and verified
// for ever, and never written again. Never edited.
// @source docs/adr/0009-record-version-1.md

const actorSchema = closed({
  type: z.enum(['human', 'agent', 'service', 'system', 'policy']),
  role: z.enum([
    'requester',
    'reviewer',
    'override_authority',
    'compliance',
    'policy_admin',
    'directory_admin',
    'auditor',
    'executor',
    'operator',
    'engine',
    'none',
  ]),
  c: hex64.nullable(),
});

const authSchema = closed({
  level: assuranceLevel,
  method: z.enum([
    'none',
    'internal',
    'api_key',
    'sample_token',
    'slack',
    'session',
    'oidc_token',
    'agent_key',
    'passkey',
  ]),
  proof: hex64.nullable(),
});

const refSchema = closed({
  name: z.enum([
    'request',
    'action',
    'context',
    'view',
    'policy',
    'attachment',
    'model',
    'logic',
    'input',
    'output',
    'eligibility',
    'evidence',
    'report',
  ]),
  sha256: hex64,
  bytes: count,
});

const common = {
  v: z.literal(0),
  log: origin,
  stream: streamId,
  seq: count,
  prev: hex64.nullable(),
  ts: instant,
  anchor: closed({ size: count, root: hex64 }).nullable(),
  actor: actorSchema,
  auth: authSchema,
  cmd: hex64,
  policy: policyVersion.nullable(),
  software: softwareVersion,
  surface: z.enum(SURFACES),
  refs: z.array(refSchema).max(64),
  commits: z.array(closed({ path: commitPath, c: hex64 })).max(64),
  nonce: hex64,
} as const;

type Common = z.infer<z.ZodObject<typeof common>>;

/** One record of version 0, parsed. */
export type RecordV0 = {
  [K in KindV0]: Common & { readonly kind: K; readonly body: BodyV0<K> };
}[KindV0];

/** Kinds whose record must commit to a text, and under which path. */
const REQUIRED_COMMITS: ReadonlyMap<string, string> = new Map([
  ['overridden', 'reason'],
  ['commented', 'text'],
  ['asked', 'text'],
  ['answered', 'text'],
]);

function rightCommits(record: {
  readonly kind: string;
  readonly commits: readonly { readonly path: string }[];
}): boolean {
  const required = REQUIRED_COMMITS.get(record.kind);
  const paths = new Set(record.commits.map((commit) => commit.path));
  return paths.size === record.commits.length && (required === undefined || paths.has(required));
}

function schemaOf(kind: KindV0): z.ZodType<RecordV0> {
  const shape = { ...common, kind: z.literal(kind), body: bodySchemasV0[kind] };
  // The compiler cannot follow one kind through the union; `schemaOf` is the only place that pairs.
  return closed(shape).refine(rightCommits) as unknown as z.ZodType<RecordV0>;
}

/** Whole-record schemas by kind; a Map, because a kind from outside may be `__proto__`. */
export const recordSchemasV0: ReadonlyMap<string, z.ZodType<RecordV0>> = new Map(
  (Object.keys(bodySchemasV0) as KindV0[]).map((kind) => [kind, schemaOf(kind)]),
);
