import type { z } from 'zod';

import { assuranceBodies } from './bodies-assurance.ts';
import { decisionBodies } from './bodies-decision.ts';
import { appBodies, peopleBodies, policyBodies } from './bodies-directory.ts';
import { exchangeBodies } from './bodies-exchange.ts';
import { messageBodies, receiptBodies } from './bodies-execution.ts';
import { openingBodies } from './bodies-opening.ts';
import { readingBodies } from './bodies-oversight.ts';
import { systemBodies } from './bodies-system.ts';

// One closed body per kind of record of version 1. Frozen: a new kind, a new field or a new word is a
// new version of the format. What a person typed is never in a body, and people are commitments only.
// @source docs/record-format.md, section 6; docs/adr/0009-record-version-1.md

/** The closed schema of `body` for every kind of record. */
export const bodySchemas = {
  ...openingBodies,
  ...decisionBodies,
  ...exchangeBodies,
  ...receiptBodies,
  ...messageBodies,
  ...peopleBodies,
  ...appBodies,
  ...policyBodies,
  ...assuranceBodies,
  ...readingBodies,
  ...systemBodies,
} as const;

export type RecordKind = keyof typeof bodySchemas;
export type RecordBody<K extends RecordKind> = z.infer<(typeof bodySchemas)[K]>;

/** Every kind, in the order of the specification's groups. */
export const RECORD_KINDS = Object.keys(bodySchemas) as readonly RecordKind[];
