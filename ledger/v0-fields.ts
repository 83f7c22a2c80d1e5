import { z } from 'zod';

// The vocabulary of records of version 0, as it stood when version 1 was frozen. Read only: it is here
// so that records sealed before stay verifiable. Never edited.
// @source docs/adr/0009-record-version-1.md

/** 64 lower-case hex characters: a SHA-256 digest, a leaf hash, a nonce, a commitment. */
export const hex64 = z.string().regex(/^[0-9a-f]{64}$/);
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
/** `<policy id>@<version>`. */
export const policyVersion = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}@[1-9][0-9]{0,8}$/);
/** The version of the writing program, as semantic versioning writes it. */
export const softwareVersion = z
  .string()
  .regex(/^[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6}(?:[-+][0-9A-Za-z.+-]{1,40})?$/);
/** What a commitment is about: `comment`, `reason`, `client.ip`. */
export const commitPath = z.string().regex(/^(?=.{1,128}$)[a-z][a-z0-9_]*(?:\.[a-z0-9_]+){0,7}$/);
/** RFC 3339, UTC, milliseconds, always `Z`; an instant that exists. */
export const instant = z
  .string()
  .regex(/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/)
  .refine(isInstant);

/** A number of things; also an index that starts at 0. */
export const count = z.int().min(0);
/** A number that starts at 1: a version, an ordinal. */
export const ordinal = z.int().min(1);
/** Seconds, whole. */
export const seconds = z.int().min(0);

export const tier = z.enum(['low', 'medium', 'high']);
/** 0 asserted by an app, 1 channel, 2 fresh sign-in or third-party signature, 3 passkey. */
export const assuranceLevel = z.int().min(0).max(3);

export const RESOLUTIONS = ['approved', 'rejected', 'expired', 'withdrawn', 'overridden'] as const;
export const OVERRIDE_EFFECTS = ['stop', 'reverse', 'force'] as const;
export const SURFACES = ['rest', 'slack', 'console', 'cli', 'system'] as const;

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
  'comment',
  'ask',
  'answer',
  'amend',
  'consume',
  'report_outcome',
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
  'ACTION_MISMATCH',
  'LEASE_LAPSED',
  // who clicked cannot be tied to exactly one person
  'ACCOUNT_UNLINKED',
  'ACCOUNT_EXTERNAL',
  'WORKSPACE_UNKNOWN',
] as const;

function isInstant(text: string): boolean {
  const time = Date.parse(text);
  return !Number.isNaN(time) && new Date(time).toISOString() === text; // no 30 February, no :60
}
