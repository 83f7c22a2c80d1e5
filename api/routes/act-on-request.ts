import type { z } from 'zod';
import { act, type ActDeps } from '../../application/approval-service.ts';
import type { CommandPayload } from '../../application/command-payload.ts';
import { callerOf, requestId, useOf } from '../call.ts';
import { commandAnswer, decisionBody, overrideBody, withdrawalBody } from '../contract/requests.ts';
import type { Call, Route, RouteAnswer } from '../route.ts';

export type ActRouteDeps = ActDeps;

export const ANSWERS: Route['answers'] = {
  200: { description: 'decided: counted, settled, done or refused', schema: commandAnswer },
  202: {
    description: 'recorded, not decided yet: see Location',
    schema: commandAnswer,
    headers: ['Location'],
  },
};

/** @returns the part of a route that brings a command to the step and answers with what came of it. */
export function commandRoute(
  deps: ActRouteDeps,
  name: Route['name'],
  toPayload: (body: unknown) => CommandPayload,
): Pick<Route, 'name' | 'answers' | 'handle'> {
  return {
    name,
    answers: ANSWERS,
    handle: async (call: Call): Promise<RouteAnswer> => {
      const id = requestId(call);
      const key = useOf(call, name.replace(':id', id));
      return act(deps, callerOf(call), { requestId: id, payload: toPayload(call.body), key });
    },
  };
}

/** Decide, override, withdraw. */
export function actRoutes(deps: ActRouteDeps): Route[] {
  const command = (name: Route['name'], toPayload: (body: unknown) => CommandPayload) =>
    commandRoute(deps, name, toPayload);
  return [
    {
      ...command('POST /v1/requests/:id/decisions', decisionPayload),
      summary: 'Approve or reject',
      body: decisionBody,
    },
    {
      ...command('POST /v1/requests/:id/overrides', overridePayload),
      summary: 'Stop, reverse or force, with a reason',
      body: overrideBody,
    },
    {
      ...command('POST /v1/requests/:id/withdrawal', withdrawalPayload),
      summary: 'Take a request back (requester only)',
      body: withdrawalBody,
    },
  ];
}

function decisionPayload(body: unknown): CommandPayload {
  const { verdict, contentDigest, ...words } = body as z.infer<typeof decisionBody>;
  return {
    kind: 'decide',
    verdict,
    contentDigest,
    rationale: words.rationale ?? null,
    conditions: words.conditions ?? [],
    acknowledgements: words.acknowledgements ?? [],
  };
}

function overridePayload(body: unknown): CommandPayload {
  const { effect, reason, breakGlass = false } = body as z.infer<typeof overrideBody>;
  return { kind: 'override', effect, reason, breakGlass };
}

function withdrawalPayload(body: unknown): CommandPayload {
  const { reason = null } = body as z.infer<typeof withdrawalBody>;
  return { kind: 'withdraw', reason };
}
