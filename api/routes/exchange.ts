import type { z } from 'zod';
import { amendRequest } from '../../application/amend-request.ts';
import type { ContentChange } from '../../application/content.ts';
import { discussionOf } from '../../application/discussion.ts';
import { reopenRequest } from '../../application/reopen-request.ts';
import { visibleRequest } from '../../application/request-queries.ts';
import type { SubmitDeps } from '../../application/submit-request.ts';
import { callerOf, requestId, useOf } from '../call.ts';
import {
  amendmentBody,
  answerBody,
  claimBody,
  commentBody,
  discussionShape,
  questionBody,
} from '../contract/commands.ts';
import { requestShape } from '../contract/requests.ts';
import { submitBody } from '../contract/submission.ts';
import { ok, type Call, type Route, type RouteAnswer } from '../route.ts';
import { schemaProblems } from '../schema-problems.ts';
import { ANSWERS, commandRoute, type ActRouteDeps } from './act-on-request.ts';

/** Questions, answers, comments, and what the requester changes or asks for again. */
export function exchangeRoutes(deps: ActRouteDeps & SubmitDeps): Route[] {
  return [
    {
      name: 'GET /v1/requests/:id/discussion',
      summary: 'Questions, answers and comments with their words, oldest first',
      answers: { 200: { description: 'all of them', schema: discussionShape } },
      handle: async (call) => {
        const row = await visibleRequest(deps, call.principal, requestId(call));
        return ok({ items: await discussionOf(deps, row) });
      },
    },
    {
      ...commandRoute(deps, 'POST /v1/requests/:id/questions', (body) => ({
        kind: 'ask',
        ...(body as z.infer<typeof questionBody>),
      })),
      summary: 'Ask the requester; the clock stands until it is answered',
      body: questionBody,
    },
    {
      ...commandRoute(deps, 'POST /v1/requests/:id/answers', (body) => {
        const { questionId, text } = body as z.infer<typeof answerBody>;
        return { kind: 'answer', question: questionId, text };
      }),
      summary: 'Answer a question (requester only)',
      body: answerBody,
    },
    {
      ...commandRoute(deps, 'POST /v1/requests/:id/comments', (body) => {
        const { text, replyTo = null } = body as z.infer<typeof commentBody>;
        return { kind: 'comment', text, replyTo };
      }),
      summary: 'Say something about a request',
      body: commentBody,
    },
    ...changeRoutes(deps),
  ];
}

function changeRoutes(deps: ActRouteDeps & SubmitDeps): Route[] {
  return [
    {
      name: 'POST /v1/requests/:id/amendments',
      summary: 'Change what is asked for (requester only); approvals so far are void',
      body: amendmentBody,
      answers: ANSWERS,
      handle: async (call) => amend(deps, call),
    },
    {
      name: 'POST /v1/requests/:id/reopening',
      summary: 'Ask for the same again, as a new request (requester only)',
      body: claimBody,
      answers: {
        201: { description: 'the new request', schema: requestShape, headers: ['Location'] },
      },
      handle: async (call) => {
        const id = requestId(call);
        const key = useOf(call, `POST /v1/requests/${id}/reopening`);
        return reopenRequest(deps, callerOf(call), { requestId: id, key });
      },
    },
  ];
}

async function amend(deps: ActRouteDeps, call: Call): Promise<RouteAnswer> {
  const id = requestId(call);
  return amendRequest(deps, callerOf(call), {
    requestId: id,
    // The context has the shape of the kind's own once `problemsOf` has found nothing.
    change: call.body as z.infer<typeof amendmentBody> as ContentChange,
    problemsOf: (content) => {
      const parsed = submitBody.safeParse(content);
      return parsed.success ? [] : schemaProblems(parsed.error, content);
    },
    key: useOf(call, `POST /v1/requests/${id}/amendments`),
  });
}
