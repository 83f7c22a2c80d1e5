/** What is submitted: an AI decision of ordinary size, without personal data. */
const DECISION = {
  kind: 'ai-decision',
  title: 'Grant loan application 4711',
  summary: 'Model recommends to grant: debt ratio 0.21, no late payments in seven years.',
  action: {
    operation: 'loan.grant',
    target: 'loan/4711',
    parameters: { amount: '1250.00', currency: 'EUR' },
  },
  riskTier: 'low',
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
        value: { income: 41000, term: 24 },
        dataClass: 'internal',
        source: 'core-banking',
        legalBasis: 'contract',
      },
    ],
    output: { value: { decision: 'grant' }, dataClass: 'internal' },
    rationale: 'Debt ratio below 0.25, income stable for four years, no late payments.',
    confidence: 0.993,
    recipient: 'applicant',
    impact: { affected: 1, effect: 'money', reversible: true },
    riskAssessment: { ref: 'ra/credit-scorer', date: '2026-05-01' },
  },
} as const;

/** The rule "small and sure" of the sample policy credit-decisions approves it. */
export const POLICY_DECIDES = JSON.stringify(DECISION);

/** policies/bench-gate.yaml wants one person. */
export const PERSON_DECIDES = JSON.stringify({
  ...DECISION,
  action: { ...DECISION.action, operation: 'bench.grant' },
});
