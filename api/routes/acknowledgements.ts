import {
  acknowledge,
  acknowledgementPage,
  type Acknowledgement,
} from '../../application/acknowledgements.ts';
import type { Deps } from '../../application/deps.ts';
import { onceOnly } from '../../application/idempotency.ts';
import { authorOf, nameId, personOf, useOf, versionOf } from '../call.ts';
import { acknowledgementShape, emptyBody, versionsQuery } from '../contract/policies.ts';
import { keysetOf, listOf } from '../page.ts';
import type { Call, Route, RouteAnswer } from '../route.ts';

/** Who has said that they have read a version of a policy. */
export function acknowledgementRoutes(deps: Deps): Route[] {
  return [
    {
      name: 'GET /v1/policies/:id/versions/:version/acknowledgements',
      summary: 'List who has acknowledged a version',
      query: versionsQuery,
      answers: {
        200: { description: 'a page', schema: listOf(acknowledgementShape), headers: ['Link'] },
      },
      handle: async (call) => {
        const policy = nameId(call, 'policy');
        const version = versionOf(call, 'policy');
        return keysetOf(deps, call, {
          path: `/v1/policies/${policy}/versions/${version}/acknowledgements`,
          read: (page) => acknowledgementPage(deps, { policy, version, ...page }),
          place: ({ person }) => person,
        });
      },
    },
    {
      name: 'POST /v1/policies/:id/versions/:version/acknowledgements',
      summary: 'Acknowledge a version: repeated, the answer stays the first one',
      body: emptyBody,
      answers: { 201: { description: 'sealed', schema: acknowledgementShape } },
      handle: async (call) => give(deps, call),
    },
  ];
}

async function give(deps: Deps, call: Call): Promise<RouteAnswer> {
  const policy = nameId(call, 'policy');
  const version = versionOf(call, 'policy');
  const { id } = personOf(call);
  const path = `POST /v1/policies/${policy}/versions/${version}/acknowledgements`;
  return onceOnly(deps, useOf(call, path, null), {
    toAnswer: (body: Acknowledgement) => ({ status: 201, body, headers: {} }),
    work: (remember) => {
      const by = { ...authorOf(call), actor: { type: 'person', id } } as const;
      return acknowledge(deps, by, { policy, version, remember });
    },
  });
}
