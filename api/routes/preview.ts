import type { Content } from '../../application/content.ts';
import { previewRequest } from '../../application/preview.ts';
import type { SubmitDeps } from '../../application/submit-request.ts';
import { callerOf } from '../call.ts';
import { previewShape } from '../contract/preview.ts';
import { submitBody } from '../contract/submission.ts';
import { ok, type Route } from '../route.ts';

export function previewRoute(deps: SubmitDeps): Route {
  return {
    name: 'POST /v1/requests/preview',
    summary: 'Say what would become of a request',
    description:
      'The body of a submission. Nothing is stored or sealed. Who could decide, who is excluded and why, and whether the rule can be met, by the directory as it is now.',
    body: submitBody,
    answers: { 200: { description: 'what would become of it', schema: previewShape } },
    handle: async (call) =>
      // What `submitBody` gives.
      ok(await previewRequest(deps, callerOf(call), call.body as Content)),
  };
}
