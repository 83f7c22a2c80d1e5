import type { z } from 'zod';
import { handOver } from '../../application/hand-over.ts';
import { callerOf, requestId, useOf } from '../call.ts';
import {
  claimBody,
  escalationBody,
  reassignmentBody,
  requestDelegationBody,
  reviewBody,
} from '../contract/commands.ts';
import type { CommandPayload } from '../../application/command-payload.ts';
import type { Call, Route, RouteAnswer } from '../route.ts';
import { ANSWERS, commandRoute, type ActRouteDeps } from './act-on-request.ts';

/** Who takes a request over: claims, delegations, tasks taken away, escalations, reviews of a broken glass. */
export function handoverRoutes(deps: ActRouteDeps): Route[] {
  return [
    {
      ...commandRoute(deps, 'POST /v1/requests/:id/claims', () => ({ kind: 'claim' })),
      summary: 'Say that you are at it; nobody loses a right by it',
      body: claimBody,
    },
    {
      ...commandRoute(deps, 'DELETE /v1/requests/:id/claims', () => ({ kind: 'release' })),
      summary: 'End your claim',
    },
    {
      ...commandRoute(deps, 'POST /v1/requests/:id/escalations', (body) => {
        const { to = null, reason } = body as z.infer<typeof escalationBody>;
        return { kind: 'escalate', to, reason };
      }),
      summary: 'Bring an escalation of the rule forward',
      body: escalationBody,
    },
    {
      ...commandRoute(deps, 'POST /v1/requests/:id/reviews', (body) => ({
        kind: 'review',
        ...(body as z.infer<typeof reviewBody>),
      })),
      summary: 'Review what somebody did at once, breaking the glass',
      body: reviewBody,
    },
    ...personRoutes(deps),
  ];
}

function personRoutes(deps: ActRouteDeps): Route[] {
  return [
    {
      name: 'POST /v1/requests/:id/delegations',
      summary: 'Let somebody decide in your name, for this request and for a time',
      body: requestDelegationBody,
      answers: ANSWERS,
      handle: async (call) => {
        const { from, ...rest } = call.body as z.infer<typeof requestDelegationBody>;
        const payload = { kind: 'delegate', from: from ?? deps.now(), ...rest } as const;
        return toPerson(deps, call, { name: 'delegations', payload });
      },
    },
    {
      name: 'POST /v1/requests/:id/reassignments',
      summary: 'Take the open stage from one person and give it to another (leads)',
      body: reassignmentBody,
      answers: ANSWERS,
      handle: async (call) => {
        const body = call.body as z.infer<typeof reassignmentBody>;
        const payload = { kind: 'reassign', ...body } as const;
        return toPerson(deps, call, { name: 'reassignments', payload });
      },
    },
  ];
}

interface Handed {
  readonly name: string;
  readonly payload: Extract<CommandPayload, { kind: 'delegate' | 'reassign' }>;
}

async function toPerson(
  deps: ActRouteDeps,
  call: Call,
  { name, payload }: Handed,
): Promise<RouteAnswer> {
  const id = requestId(call);
  const key = useOf(call, `POST /v1/requests/${id}/${name}`);
  return handOver(deps, callerOf(call), { requestId: id, payload, key });
}
