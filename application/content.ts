import { z } from 'zod';

/**
 * What may be submitted: the shape of a request's content, and of the context that each kind needs.
 * Everything here is bound by the content digest exactly as it was sent.
 *
 * @source product contract 3.1
 */

const text = (max: number) => z.string().min(1).max(max);
const id = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'is an id: a-z, 0-9, dot, dash, underscore');
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'is 64 lower-case hex characters');
const date = z.iso.date('is a date such as 2026-05-01');
export const dataClass = z.enum(['public', 'internal', 'confidential', 'personal']);

/** Any JSON; how deep and how large is checked where the bytes are read. */
const json = z.unknown();
const jsonObject = z.record(z.string(), z.unknown());

export const actionSchema = z.strictObject({
  operation: text(200),
  target: text(500),
  parameters: jsonObject.optional(),
});

const inputSchema = z
  .strictObject({
    name: text(200),
    value: json.optional(),
    sha256: sha256.optional(),
    dataClass: dataClass.optional(),
    source: text(500).optional(),
    legalBasis: text(200).optional(),
  })
  .refine((input) => (input.value === undefined) !== (input.sha256 === undefined), {
    error: 'carries either value or sha256',
  });

export const aiDecisionContext = z.strictObject({
  system: text(200),
  model: z.strictObject({
    provider: text(200).optional(),
    name: text(200),
    version: text(200),
    parameters: jsonObject.optional(),
  }),
  logic: z.strictObject({ kind: text(100), ref: text(500), sha256: sha256.optional() }).optional(),
  inputs: z.array(inputSchema).max(100).optional(),
  output: z.strictObject({ value: json, dataClass: dataClass.optional() }),
  rationale: text(20_000),
  confidence: z.number().min(0).max(1).optional(),
  recipient: text(500).optional(),
  impact: z
    .strictObject({
      affected: z.int().min(0).optional(),
      effect: z.enum(['rights', 'money', 'access', 'none']).optional(),
      reversible: z.boolean().optional(),
    })
    .optional(),
  riskAssessment: z.strictObject({ ref: text(500), date }).optional(),
});

/** Optional parts of an AI decision's context: how many are there is the completeness score. */
const COUNTED = ['logic', 'inputs', 'confidence', 'recipient', 'impact', 'riskAssessment'] as const;

export const vendorApprovalContext = z.strictObject({
  vendor: z.union([
    z.strictObject({ id }),
    z.strictObject({
      legalName: text(300),
      country: z
        .string()
        .regex(/^[A-Z]{2}$/, 'is a country code of two letters')
        .optional(),
      website: z.url().max(500).optional(),
    }),
  ]),
  product: z.strictObject({ name: text(300), version: text(100).optional() }),
  useCase: z.strictObject({
    purpose: text(2_000),
    dataClasses: z.array(dataClass).max(4),
    deploymentRegion: text(100),
    personalDataEu: z.boolean(),
    matterSensitivity: z.enum(['low', 'medium', 'high']),
  }),
  contract: z
    .strictObject({
      start: date,
      end: date,
      value: z
        .string()
        .regex(/^\d{1,15}(\.\d{1,4})?$/, 'is an amount as a string')
        .optional(),
      currency: z
        .string()
        .regex(/^[A-Z]{3}$/, 'is a currency code of three letters')
        .optional(),
    })
    .optional(),
  owner: id,
});

const attachmentSchema = z.strictObject({
  name: text(255),
  mediaType: z
    .string()
    .regex(/^[\w.+-]+\/[\w.+-]+$/, 'is a media type')
    .max(127),
  sha256,
  bytes: z.int().min(0).max(26_214_400),
});

const envelope = {
  title: text(300),
  summary: text(4_000).optional(),
  action: actionSchema,
  onBehalfOf: id.optional(),
  riskTier: z.enum(['low', 'medium', 'high']).optional(),
  attachments: z.array(attachmentSchema).max(20).optional(),
  callbackUrl: z
    .url({ protocol: /^https?$/ })
    .max(2_000)
    .optional(),
} as const;

/** The body of a submission. One shape per kind; more kinds come with policies. */
export const submissionSchema = z.discriminatedUnion('kind', [
  z
    .strictObject({ kind: z.literal('ai-decision'), ...envelope, context: aiDecisionContext })
    .meta({ id: 'AiDecisionSubmission' }),
  z
    .strictObject({
      kind: z.literal('vendor-approval'),
      ...envelope,
      context: vendorApprovalContext,
    })
    .meta({ id: 'VendorApprovalSubmission' }),
]);

/** What was submitted, as it was sent: no defaults filled in. */
export type Content = z.infer<typeof submissionSchema>;

export const KINDS = ['ai-decision', 'vendor-approval'] as const;

/** @returns how many optional parts of the context are there, or null where the kind counts none. */
export function completenessOf(content: Content): { supplied: number; of: number } | null {
  if (content.kind !== 'ai-decision') return null;
  const { context } = content;
  const supplied = COUNTED.filter((part) => context[part] !== undefined).length;
  return { supplied, of: COUNTED.length };
}
