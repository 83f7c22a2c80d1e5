import { z } from 'zod';
import type { Content } from '../../application/content.ts';
import { digest, entityId, words } from './common.ts';

/**
 * What may be submitted: the shape of a request's content, and of the context that each kind needs.
 * Everything here is bound by the content digest exactly as it was sent.
 *
 * @source product contract 3.1
 */

const text = (max: number) => z.string().min(1).max(max);
const date = z.iso.date('is a date such as 2026-05-01');
const dataClass = z.enum(['public', 'internal', 'confidential', 'personal']);

/** Any JSON; how deep and how large is checked where the bytes are read. */
const json = z.unknown();
const jsonObject = z.record(z.string(), z.unknown());

const actionSchema = z.strictObject({
  operation: words(200),
  target: words(500),
  parameters: jsonObject.optional(),
});

const inputSchema = z
  .strictObject({
    name: text(200),
    value: json.optional(),
    sha256: digest.optional(),
    dataClass: dataClass.optional(),
    source: text(500).optional(),
    legalBasis: text(200).optional(),
  })
  .refine((input) => (input.value === undefined) !== (input.sha256 === undefined), {
    error: 'carries either value or sha256',
  });

const aiDecisionContext = z.strictObject({
  system: words(200),
  model: z.strictObject({
    provider: text(200).optional(),
    name: words(200),
    version: words(200),
    parameters: jsonObject.optional(),
  }),
  logic: z.strictObject({ kind: text(100), ref: text(500), sha256: digest.optional() }).optional(),
  inputs: z.array(inputSchema).max(100).optional(),
  output: z.strictObject({ value: json, dataClass: dataClass.optional() }),
  rationale: words(20_000),
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

const vendorApprovalContext = z.strictObject({
  vendor: z.union([
    z.strictObject({ id: entityId }),
    z.strictObject({
      legalName: words(300),
      country: z
        .string()
        .regex(/^[A-Z]{2}$/, 'is a country code of two letters')
        .optional(),
      website: z
        .url({ protocol: /^https?$/, error: 'is an address such as https://vendor.example' })
        .max(500)
        .optional(),
    }),
  ]),
  product: z.strictObject({ name: words(300), version: text(100).optional() }),
  useCase: z.strictObject({
    purpose: words(2_000),
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
  owner: entityId,
});

const attachmentSchema = z.strictObject({
  name: text(255),
  mediaType: z
    .string()
    .regex(/^[\w.+-]+\/[\w.+-]+$/, 'is a media type')
    .max(127),
  sha256: digest,
  bytes: z.int().min(0).max(26_214_400),
});

export const attachmentsSchema = z.array(attachmentSchema).max(20).optional();

/** What every kind of request has. */
export const submissionEnvelope = {
  title: words(300),
  summary: words(4_000).optional(),
  action: actionSchema,
  onBehalfOf: entityId.optional(),
  riskTier: z.enum(['low', 'medium', 'high']).optional(),
  attachments: attachmentsSchema,
  callbackUrl: z
    .url({ protocol: /^https?$/, error: 'is an http or https address' })
    .max(2_000)
    .optional(),
} as const;

/** The body of a submission. One shape per kind; more kinds come with policies. */
export const submitBody = z.discriminatedUnion('kind', [
  z
    .strictObject({
      kind: z.literal('ai-decision'),
      ...submissionEnvelope,
      context: aiDecisionContext,
    })
    .meta({ id: 'AiDecisionSubmission' }),
  z
    .strictObject({
      kind: z.literal('vendor-approval'),
      ...submissionEnvelope,
      context: vendorApprovalContext,
    })
    .meta({ id: 'VendorApprovalSubmission' }),
]) satisfies z.ZodType<Content>;
