import { z } from 'zod';

import { bodySchemas, RECORD_KINDS, type RecordBody, type RecordKind } from './bodies.ts';
import { parseCanonical } from './canonical-json.ts';
import { LedgerError } from './error.ts';
import {
  assuranceLevel,
  closed,
  commitPath,
  count,
  hex64,
  instant,
  origin,
  policyVersion,
  softwareVersion,
  streamId,
  SURFACES,
} from './fields.ts';
import { recordSchemasV0, type RecordV0 } from './v0-record.ts';

/** What is sealed from now on. Frozen: what has to be said otherwise becomes version 2. */
export const RECORD_VERSION = 1;
/** A record's bytes, at most. */
export const MAX_RECORD_BYTES = 16_384;
/** As `refs`, as `commits`, at most. */
export const MAX_LIST = 64;

const actorSchema = closed({
  type: z.enum(['human', 'agent', 'service', 'system', 'policy', 'vendor']),
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
    'lead',
    'system_owner',
    'vendor_admin',
    'vendor_contact',
    'engine',
    'none',
  ]),
  /** commitment to who it was as the transport saw them; null for system and policy */
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
    'portal_link',
    'share_link',
    'client_certificate',
    'passkey',
  ]),
  /** SHA-256 of the stored evidence; null where there is none */
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
    'content',
    'facts',
    'message',
    'notice',
    'diff',
    'catalogue',
    'procedure',
    'assertion',
    'checkpoint',
    'bundle',
    'problems',
    'sample',
  ]),
  sha256: hex64,
  bytes: count,
});

const commitSchema = closed({ path: commitPath, c: hex64 });
const anchorSchema = closed({ size: count, root: hex64 });

/** What the caller says, the same for every kind. */
const spoken = {
  cmd: hex64,
  actor: actorSchema,
  auth: authSchema,
  refs: z.array(refSchema).max(MAX_LIST),
  policy: policyVersion.nullable(),
  surface: z.enum(SURFACES),
} as const;

/** What append adds once per batch. */
export const contextSchema = closed({
  log: origin,
  stream: streamId,
  ts: instant,
  software: softwareVersion,
  anchor: anchorSchema.nullable(),
});

/** What append adds once per record. */
const sealed = {
  v: z.literal(RECORD_VERSION),
  seq: count,
  prev: hex64.nullable(),
  commits: z.array(commitSchema).max(MAX_LIST),
  nonce: hex64,
  ...contextSchema.shape,
} as const;

type Common = z.infer<z.ZodObject<typeof spoken & typeof sealed>>;

/** One record of version 1, parsed. The union of all kinds, told apart by `kind`. */
export type RecordV1 = {
  [K in RecordKind]: Common & { readonly kind: K; readonly body: RecordBody<K> };
}[RecordKind];

/** One record of any version, told apart by `v` and `kind`. */
export type LedgerRecord = RecordV0 | RecordV1;

export type Actor = z.infer<typeof actorSchema>;
export type Auth = z.infer<typeof authSchema>;
export type BlobRef = z.infer<typeof refSchema>;
export type Commit = z.infer<typeof commitSchema>;
export type Anchor = z.infer<typeof anchorSchema>;
export type Surface = (typeof SURFACES)[number];

type RecordSchema = z.ZodType<LedgerRecord>;

function schemaOf(kind: RecordKind): RecordSchema {
  const shape = { ...spoken, ...sealed, kind: z.literal(kind), body: bodySchemas[kind] };
  // The compiler cannot follow one kind through the union; `schemaOf` is the only place that pairs.
  return closed(shape).refine(distinctPaths) as unknown as RecordSchema;
}

/** Whole-record schemas by kind; a Map, because a kind from outside may be `__proto__`. */
const recordSchemas: ReadonlyMap<string, RecordSchema> = new Map(
  RECORD_KINDS.map((kind) => [kind, schemaOf(kind)]),
);

/** The parts of a draft that need checking before it is sealed, by kind. */
export const spokenSchemas: ReadonlyMap<string, z.ZodType> = new Map(
  RECORD_KINDS.map((kind) => [kind, closed({ ...spoken, body: bodySchemas[kind] })]),
);

/** Kinds whose record must commit to a text, and under which path. */
const REQUIRED_COMMITS: ReadonlyMap<string, string> = new Map([
  ['overridden', 'reason'],
  ['commented', 'text'],
  ['asked', 'text'],
  ['answered', 'text'],
]);

type WithPaths = { readonly commits: readonly { readonly path: string }[] };

function distinctPaths({ commits }: WithPaths): boolean {
  return commits.length < 2 || new Set(commits.map(({ path }) => path)).size === commits.length;
}

/** Are the paths distinct, and is the one there that the kind demands? */
export function rightCommits(record: WithPaths & { readonly kind: string }): boolean {
  return distinctPaths(record) && missingCommit(record) === null;
}

/** The path of the text that a record of this kind must commit to, where it does not. */
export function missingCommit(record: WithPaths & { readonly kind: string }): string | null {
  const required = REQUIRED_COMMITS.get(record.kind);
  if (required === undefined) return null;
  return record.commits.some(({ path }) => path === required) ? null : required;
}

/** Every version that was ever written stays readable, each by its own schemas. */
const VERSIONS: ReadonlyMap<unknown, ReadonlyMap<string, RecordSchema>> = new Map<
  unknown,
  ReadonlyMap<string, RecordSchema>
>([
  [0, recordSchemasV0],
  [RECORD_VERSION, recordSchemas],
]);

/**
 * Checks a value against the closed schema of its version and kind.
 *
 * @throws LedgerError SCHEMA, naming the first field that is wrong.
 * @source docs/record-format.md, sections 5 and 6
 */
function checkRecord(value: unknown): LedgerRecord {
  const { v, kind } = (value ?? {}) as { readonly v?: unknown; readonly kind?: unknown };
  const schemas = VERSIONS.get(v);
  if (schemas === undefined) throw new LedgerError('SCHEMA', 'unknown version of record');
  const schema = typeof kind === 'string' ? schemas.get(kind) : undefined;
  if (schema === undefined) throw new LedgerError('SCHEMA', 'unknown kind of record');
  const result = schema.safeParse(value);
  if (!result.success) throw schemaFault(result.error);
  return result.data;
}

/**
 * Reads one record from its exact bytes.
 *
 * @throws LedgerError RECORD_TOO_LARGE, NOT_CANONICAL, SCHEMA
 * @source docs/record-format.md, section 7
 */
export function parseRecord(bytes: Uint8Array): LedgerRecord {
  if (bytes.length > MAX_RECORD_BYTES) {
    throw new LedgerError('RECORD_TOO_LARGE', `a record has at most ${MAX_RECORD_BYTES} bytes`);
  }
  return checkRecord(parseCanonical(bytes));
}

/** A fault that names where, and not what: values may be personal. */
export function schemaFault(error: z.ZodError): LedgerError {
  const issue = error.issues[0];
  const place = issue === undefined ? '' : issue.path.map(String).join('/');
  return new LedgerError('SCHEMA', `record does not fit its schema at /${place}: ${issue?.code}`);
}

/**
 * Every commitment in a record with the path it was made under: `person` for all references to
 * people (`actor.c` and body fields ending in `_c`), else the path in `commits`.
 *
 * @returns in the order actor, body (fields sorted), commits; repeated values are listed repeatedly.
 */
export function commitmentsOf(record: LedgerRecord): readonly Commit[] {
  const found: Commit[] = [];
  if (record.actor.c !== null) found.push({ path: PERSON_PATH, c: record.actor.c });
  for (const [name, value] of Object.entries(record.body)) {
    if (!name.endsWith('_c')) continue;
    for (const c of Array.isArray(value) ? value : [value]) {
      if (typeof c === 'string') found.push({ path: PERSON_PATH, c });
    }
  }
  return [...found, ...record.commits];
}

/** The path of commitments to people and accounts. */
export const PERSON_PATH = 'person';

export { bodySchemas, RECORD_KINDS } from './bodies.ts';
export type { RecordBody, RecordKind } from './bodies.ts';
