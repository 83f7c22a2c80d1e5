import { z } from 'zod';

// The closed vocabulary of records of version 1. Every string has an enum or a pattern here: no free
// text can enter a record, and every record is ASCII. Frozen: a word more is a new version.
// @source docs/record-format.md, sections 5 and 6; docs/adr/0009-record-version-1.md

// ---- patterns ------------------------------------------------------------------------------------

/** 64 lower-case hex characters: a SHA-256 digest, a leaf hash, a nonce, a commitment. */
export const hex64 = z.string().regex(/^[0-9a-f]{64}$/);
/** An Ed25519 signature. */
export const signature = z.string().regex(/^[0-9a-f]{128}$/);
/** The key id of a C2SP signed note: the first four bytes of its hash. */
export const noteKeyId = z.string().regex(/^[0-9a-f]{8}$/);
/** Random, without meaning: a stream, and so a request, a person's stream, a policy's stream. */
export const streamId = z
  .string()
  .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
/** The log's origin, the first line of its checkpoints: no white space, no plus sign. */
export const origin = z.string().regex(/^[A-Za-z0-9](?:[A-Za-z0-9._:/-]{0,126}[A-Za-z0-9])?$/);
/** An identifier that the operator chose and that names no person: a policy, a role, a kind. */
export const nameId = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/);
/** An opaque identifier that we made: a key, a grant, a question. Never a person's id. */
export const opaqueId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/);
/** An entry of a published list: a check (`V-05`), a control (`5.23`, `CC6.1`), an exception. */
export const itemId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
/** A code of ours, as programs compare it: `CHAIN_PREV`. */
export const codeId = z.string().regex(/^[A-Z][A-Z0-9_]{1,47}$/);
/** A right of an app: `requests:submit`. */
export const scopeId = z.string().regex(/^(?=.{3,64}$)[a-z]+(?:-[a-z]+)*:[a-z]+(?:-[a-z]+)*$/);
/** A kind of request, or `*` for all of them. */
export const kindPattern = z.string().regex(/^(?:\*|[a-z0-9][a-z0-9._-]{0,63})$/);
/** `<policy id>@<version>`. */
export const policyVersion = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}@[1-9][0-9]{0,8}$/);
/** The version of the writing program, as semantic versioning writes it. */
export const softwareVersion = z
  .string()
  .regex(/^[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6}(?:[-+][0-9A-Za-z.+-]{1,40})?$/);
/** What a commitment is about: `comment`, `reason`, `conditions.0`, `client.ip`. */
export const commitPath = z.string().regex(/^(?=.{1,128}$)[a-z][a-z0-9_]*(?:\.[a-z0-9_]+){0,7}$/);
/** RFC 3339, UTC, milliseconds, always `Z`; an instant that exists. */
export const instant = z
  .string()
  .regex(/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/)
  .refine(isInstant);
/** A day in UTC; one that exists. */
export const day = z
  .string()
  .regex(/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/)
  .refine((text) => isInstant(`${text}T00:00:00.000Z`));

// ---- numbers -------------------------------------------------------------------------------------

/** A number of things; also an index that starts at 0. */
export const count = z.int().min(0);
/** A number that starts at 1: a version, an ordinal. */
export const ordinal = z.int().min(1);
/** Seconds, whole. */
export const seconds = z.int().min(0);
/** A share in thousandths: numbers are integers here. */
export const permille = z.int().min(0).max(1_000);
/** 0 asserted by an app, 1 channel, 2 fresh sign-in or third-party signature, 3 passkey. */
export const assuranceLevel = z.int().min(0).max(3);

// ---- people --------------------------------------------------------------------------------------

/** A salted commitment to a person or an account; fields that hold one end in `_c`. */
export const person_c = z.string().regex(/^[0-9a-f]{64}$/);
/** Several; where there are more, a blob lists them and the field is empty. */
export const people_c = z.array(person_c).max(64);

// ---- words ---------------------------------------------------------------------------------------

export const tier = z.enum(['low', 'medium', 'high']);
export const dataClass = z.enum(['public', 'internal', 'confidential', 'personal']);
/** What an AI decision touches. */
export const impact = z.enum(['rights', 'money', 'access', 'none']);
export const severity = z.enum(['notice', 'warning', 'high', 'critical']);
/** Outcomes of checks, worst first. @source vendor-rules 5.2 */
export const checkOutcome = z.enum(['BLOCK', 'HOLD', 'ESCALATE', 'CONDITION', 'WARN', 'PASS']);

export const RESOLUTIONS = ['approved', 'rejected', 'expired', 'withdrawn', 'overridden'] as const;
export const OVERRIDE_EFFECTS = ['stop', 'reverse', 'force'] as const;
export const SURFACES = [
  'rest',
  'slack',
  'console',
  'cli',
  'system',
  'mcp',
  'sidecar',
  'portal',
  'import',
  'temporal',
] as const;

/** What somebody tried to do, where it was refused. */
export const COMMANDS = [
  'submit',
  'view',
  'decide',
  'override',
  'withdraw',
  'escalate',
  'delegate',
  'claim',
  'release',
  'reassign',
  'comment',
  'ask',
  'answer',
  'amend',
  'reopen',
  'acknowledge',
  'cite_precedent',
  'consume',
  'report_outcome',
  'attach',
  'read',
  'export',
  'share',
  'record_decision',
  'publish_policy',
  'change_role',
  'change_absence',
  'change_delegation',
  'change_credential',
  'link_account',
  'change_app',
  'change_webhook',
  'change_register',
  'add_evidence',
  'grant_exception',
  'set_hold',
  'release_hold',
  'erase',
  'review',
] as const;

/** Why it was refused. The first fourteen are the refusal codes of the product. */
export const REFUSAL_REASONS = [
  'NOT_ELIGIBLE',
  'OWN_REQUEST',
  'ALREADY_DECIDED',
  'STALE_DIGEST',
  'NOT_VIEWED',
  'STAGE_CLOSED',
  'RESOLVED',
  'DELEGATION_INVALID',
  'TRAINING_EXPIRED',
  'ASSURANCE_TOO_LOW',
  'REASON_TOO_SHORT',
  'OVERRIDE_NOT_ALLOWED',
  'PRECEDENT_UNANSWERED',
  'EXPIRED',
  // the executor's side
  'NOT_APPROVED',
  'RECEIPT_CONSUMED',
  'RECEIPT_EXPIRED',
  'RECEIPT_REVOKED',
  'RECEIPT_INVALID',
  'ACTION_MISMATCH',
  'LEASE_LAPSED',
  // who clicked cannot be tied to exactly one person, or may not act from there
  'ACCOUNT_UNLINKED',
  'ACCOUNT_AMBIGUOUS',
  'ACCOUNT_EXTERNAL',
  'WORKSPACE_UNKNOWN',
  'SURFACE_NOT_ALLOWED',
  'STEP_UP_REQUIRED',
  'SUPERSEDED',
  'LINK_EXPIRED',
  'LINK_REVOKED',
  // what rules and registers forbid
  'SECOND_PERSON_REQUIRED',
  'REVIEW_DEBT',
  'CONDITION_UNACCEPTED',
  'ACKNOWLEDGEMENT_MISSING',
  'SYSTEM_UNKNOWN',
  'SYSTEM_SUSPENDED',
  'MODEL_NOT_APPROVED',
  'USE_NOT_ALLOWED',
  'DATA_CLASS_NOT_ALLOWED',
  'LINEAGE_MISSING',
  'COMPLETENESS_TOO_LOW',
  'ASSESSMENT_OVERDUE',
  'VOLUME_EXCEEDED',
  'LEGAL_HOLD',
  'RETENTION_FLOOR',
  'POLICY_BLOCKS',
] as const;

/** What stands still or is asked for because of something that ended or is missing. */
export const HOLD_REASONS = [
  'POLICY_ERROR',
  'POLICY_UNSATISFIABLE',
  'FACT_MISSING',
  'FACT_LAPSED',
  'DEPENDENCY',
  'LEGAL_HOLD',
  'EVIDENCE_MISSING',
  'ASSESSMENT_OVERDUE',
  'COMPLETENESS_TOO_LOW',
  'DETECTOR_PENDING',
  'INCIDENT_OPEN',
  'SYSTEM_UNKNOWN',
  'SYSTEM_SUSPENDED',
  'POLICY_REVIEW_OVERDUE',
  'OPERATOR',
] as const;

function isInstant(text: string): boolean {
  const time = Date.parse(text);
  return !Number.isNaN(time) && new Date(time).toISOString() === text; // no 30 February, no :60
}

/**
 * A closed object whose members are declared in sorted order: zod writes its output in the order of
 * the declaration, so `JSON.stringify` of what the schema returns *is* the canonical text.
 */
export function closed<Shape extends z.ZodRawShape>(
  shape: Shape,
): z.ZodObject<Shape, z.core.$strict> {
  const names = Object.keys(shape).sort();
  return z.strictObject(Object.fromEntries(names.map((name) => [name, shape[name]])) as Shape);
}
