import { LedgerError } from '../ledger/error.ts';
import { sha256Hex } from '../ledger/hash.ts';
import { jcs } from '../ledger/jcs.ts';
import type { Content } from './content.ts';
import { ApplicationError } from './error.ts';

/** The canonical form of something that people decide on: what records and digests refer to. */
export interface Digested {
  /** 64 lower-case hex characters. */
  readonly sha256: string;
  readonly bytes: number;
}

export interface Digests {
  readonly action: Digested;
  readonly content: Digested;
}

/**
 * Digests as the contract defines them: over what was sent and the policy version, nothing filled in.
 *
 * @throws ApplicationError VALIDATION_FAILED when the content has no canonical form.
 */
export function digestsOf(content: Content, policyVersion: string): Digests {
  const { kind, action } = content;
  try {
    return {
      action: digested({ kind, action, policyVersion }),
      content: digested({ ...content, policyVersion }),
    };
  } catch (cause) {
    if (!(cause instanceof LedgerError)) throw cause;
    throw new ApplicationError('VALIDATION_FAILED', 'The request has no canonical form.', {
      problems: [{ pointer: '', message: cause.message }],
      cause,
    });
  }
}

function digested(value: unknown): Digested {
  const text = jcs(value);
  return { sha256: sha256Hex(text), bytes: Buffer.byteLength(text) };
}
