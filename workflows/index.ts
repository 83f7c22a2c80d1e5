// The one file that the worker bundles: every export is a workflow.
export { aiDecision } from './ai-decision.ts';
export { selfCheck } from './self-check.ts';
export { sweep } from './sweep.ts';
export { vendorApproval } from './vendor-approval.ts';
