import { z } from 'zod';
import type { DevCredentials } from './embedded/dev-credentials.ts';

export type Submitted = { readonly kind: string; readonly id: string; readonly status: string };

const listSchema = z.object({ items: z.array(z.unknown()) });
const requestSchema = z.object({ id: z.string(), kind: z.string(), status: z.string() });
const CALL_LIMIT_MS = 30_000;

/** The AI decision of the README's story: a model wants to decline a loan. */
export const SAMPLE_AI_DECISION = {
  kind: 'ai-decision',
  title: 'Decline loan application 4711',
  summary: 'Model recommends to decline: debt ratio 0.61.',
  action: {
    operation: 'loan.decline',
    target: 'loan/4711',
    parameters: { amount: '12500.00', currency: 'EUR' },
  },
  onBehalfOf: 'dana',
  riskTier: 'high',
  context: {
    system: 'credit-scorer',
    model: {
      provider: 'acme',
      name: 'credit-scorer',
      version: '2026-08-01',
      parameters: { temperature: 0 },
    },
    inputs: [
      {
        name: 'application',
        value: { income: 41000 },
        dataClass: 'personal',
        source: 'core-banking',
        legalBasis: 'contract',
      },
    ],
    output: { value: { decision: 'decline' }, dataClass: 'personal' },
    rationale: 'Debt ratio above 0.55 and two late payments.',
    confidence: 0.83,
    recipient: 'applicant',
    impact: { affected: 1, effect: 'rights', reversible: false },
    riskAssessment: { ref: 'ra/credit-scorer', date: '2026-05-01' },
  },
} as const;

/** A purchase that needs the eyes of vendor risk, security and, for personal data, privacy. */
export const SAMPLE_VENDOR_APPROVAL = {
  kind: 'vendor-approval',
  title: 'Approve Example Transcripts for client interviews',
  summary: 'A transcription service; recordings of clients in the EU.',
  action: {
    operation: 'vendor.approve',
    target: 'vendor/example-transcripts',
    parameters: { value: '18000.00', currency: 'EUR' },
  },
  riskTier: 'medium',
  context: {
    vendor: {
      legalName: 'Example Transcripts GmbH',
      country: 'DE',
      website: 'https://transcripts.example',
    },
    product: { name: 'Transcripts Cloud', version: '3' },
    useCase: {
      purpose: 'Transcribe interviews with clients',
      dataClasses: ['confidential', 'personal'],
      deploymentRegion: 'EU',
      personalDataEu: true,
      matterSensitivity: 'medium',
    },
    contract: { start: '2027-01-01', end: '2027-12-31', value: '18000.00', currency: 'EUR' },
    owner: 'dana',
  },
} as const;

/**
 * Submits the two samples through REST, as the sample app, unless it has requests already. Safe to
 * repeat after a crash: each sample has an `Idempotency-Key` of its own.
 *
 * @returns what was submitted; empty when there was something before.
 * @throws Error with the server's answer when it refuses.
 */
export async function submitSamples(
  apiUrl: string,
  { app }: DevCredentials,
): Promise<readonly Submitted[]> {
  const list = await call(`${apiUrl}/v1/requests?limit=1`, { headers: authorization(app.key) });
  if (listSchema.parse(list).items.length > 0) return [];
  return [
    await submit(apiUrl, app.key, SAMPLE_AI_DECISION),
    await submit(apiUrl, app.key, SAMPLE_VENDOR_APPROVAL),
  ];
}

async function submit(apiUrl: string, key: string, sample: { kind: string }): Promise<Submitted> {
  const answer = await call(`${apiUrl}/v1/requests`, {
    method: 'POST',
    headers: {
      ...authorization(key),
      'content-type': 'application/json',
      'idempotency-key': `sample-${sample.kind}`,
    },
    body: JSON.stringify(sample),
  });
  return requestSchema.parse(answer);
}

function authorization(key: string): Record<string, string> {
  return { authorization: `Bearer ${key}` };
}

async function call(url: string, init: RequestInit): Promise<unknown> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(CALL_LIMIT_MS) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text.slice(0, 500)}`);
  return JSON.parse(text);
}

/** One line for a shell: submits an AI decision as the sample app. */
export function curlToSubmit(apiUrl: string, { app }: DevCredentials): string {
  const { inputs: _inputs, ...context } = SAMPLE_AI_DECISION.context;
  const body = { ...SAMPLE_AI_DECISION, title: 'Decline loan application 4712', context };
  return (
    `curl -sS ${apiUrl}/v1/requests -H 'Authorization: Bearer ${app.key}' ` +
    `-H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`
  );
}

/** @param id null: the list of requests. */
export function curlToShow(apiUrl: string, { app }: DevCredentials, id: string | null): string {
  const path = id === null ? '/v1/requests?limit=5' : `/v1/requests/${id}`;
  return `curl -sS '${apiUrl}${path}' -H 'Authorization: Bearer ${app.key}'`;
}
