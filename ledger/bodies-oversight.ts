import { z } from 'zod';

import {
  closed,
  commitPath,
  count,
  hex64,
  instant,
  nameId,
  opaqueId,
  ordinal,
  person_c,
  streamId,
} from './fields.ts';

// Who read, who took away, what must stay, what was destroyed.
// @source docs/record-format.md, section 6.5

/** Who read, who took away, what must stay, what was destroyed. */
export const readingBodies = {
  accessed: closed({
    what: z.enum([
      'request',
      'view',
      'chain',
      'attachment',
      'opening',
      'evidence',
      'log',
      'trace',
      'search',
      'report',
      'directory',
      'vendor',
      'system',
    ]),
    purpose: z
      .enum(['review', 'compliance', 'audit', 'investigation', 'subject_request', 'support'])
      .nullable(),
    person_c: person_c.nullable(),
    /** the grant or the link that allowed it */
    grant: opaqueId.nullable(),
    link: opaqueId.nullable(),
    /** of what was read, where that is one blob */
    sha256: hex64.nullable(),
    /** where the record lies in another stream than what was read */
    about_stream: streamId.nullable(),
    /** how much: records (of the log: leaves from `first_index` on), and openings among them */
    records: count.nullable(),
    first_index: count.nullable(),
    openings: count.nullable(),
    /** true: personal parts were withheld */
    masked: z.boolean(),
  }),
  /** `sha256` and `bytes`: of `bundle.json` for evidence, of the file itself otherwise. */
  exported: closed({
    what: z.enum([
      'evidence',
      'period',
      'report',
      'search',
      'completeness',
      'subject_data',
      'audit',
      'log',
    ]),
    purpose: z
      .enum(['review', 'compliance', 'audit', 'investigation', 'subject_request', 'support'])
      .nullable(),
    sha256: hex64,
    bytes: count,
    /** sealed records in it */
    records: count,
    files: count.nullable(),
    /** texts disclosed, withheld from this reader, and erased before */
    openings: count.nullable(),
    withheld: count.nullable(),
    erased: count.nullable(),
    /** the tree its proofs lead to; null where it has none */
    size: count.nullable(),
    root: hex64.nullable(),
    /** newest record of the stream in it */
    head_seq: count.nullable(),
    head_leaf: hex64.nullable(),
    /** the period it covers */
    from: instant.nullable(),
    until: instant.nullable(),
    encrypted: z.boolean(),
    person_c: person_c.nullable(),
    grant: opaqueId.nullable(),
  }),
  legal_hold_set: closed({
    hold: opaqueId,
    scope: z.enum(['stream', 'subject', 'policy', 'system', 'vendor', 'period', 'everything']),
    ground: z.enum(['litigation', 'regulator', 'audit', 'investigation']),
    about_stream: streamId.nullable(),
    policy_id: nameId.nullable(),
    subject_c: person_c.nullable(),
    from: instant.nullable(),
    until: instant.nullable(),
    person_c: person_c.nullable(),
  }),
  legal_hold_released: closed({
    hold: opaqueId,
    reason: z.enum(['ENDED', 'MISTAKE', 'REPLACED']),
    person_c: person_c.nullable(),
    second_c: person_c.nullable(),
  }),
  /** Openings and blobs of this stream were destroyed; the records stay. */
  erased: closed({
    erasure: opaqueId,
    ground: z.enum(['subject_request', 'consent_withdrawn', 'retention', 'court', 'mistake']),
    subject_c: person_c.nullable(),
    requester_c: person_c.nullable(),
    approver_c: person_c.nullable(),
    /** the request that approved it */
    request: streamId.nullable(),
    /** what was opened by what is gone; `seq` null: a reference to a person */
    commitments: z.array(closed({ seq: count.nullable(), path: commitPath, c: hex64 })).max(64),
    /** digests of blobs that are gone */
    blobs: z.array(hex64).max(32),
    /** numbers of records whose very bytes had to go */
    redacted: z.array(count).max(32),
    /** data keys destroyed */
    keys: count,
    /** SHA-256 of the key service's confirmation */
    proof: hex64.nullable(),
    /** this record of how many: long lists are split */
    part: ordinal,
    parts: ordinal,
  }),
} as const;
