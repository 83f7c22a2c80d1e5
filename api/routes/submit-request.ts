import type { Content } from '../../application/content.ts';
import { submitRequest, type SubmitDeps } from '../../application/submit-request.ts';
import { callerOf, useOf } from '../call.ts';
import { requestShape } from '../contract/requests.ts';
import { submitBody } from '../contract/submission.ts';
import type { Route } from '../route.ts';

export function submitRoute(deps: SubmitDeps): Route {
  return {
    name: 'POST /v1/requests',
    summary: 'Submit a request',
    description: 'What was acknowledged survives any crash. Apps look at resolution.mayProceed.',
    body: submitBody,
    answers: {
      201: {
        description: 'pending, held, or decided by policy',
        schema: requestShape,
        headers: ['Location'],
      },
    },
    handle: async (call) =>
      submitRequest(deps, callerOf(call), {
        content: call.body as Content, // what `submitBody` gives
        key: useOf(call, 'POST /v1/requests'),
      }),
  };
}
