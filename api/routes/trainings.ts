import type { z } from 'zod';
import { closeCursor, openCursor } from '../../application/cursor.ts';
import type { Deps } from '../../application/deps.ts';
import { onceOnly } from '../../application/idempotency.ts';
import {
  expiringTrainings,
  recordTraining,
  revokeTraining,
  trainingsPage,
} from '../../application/trainings.ts';
import { nameId, rowId, useOf } from '../call.ts';
import { directoryQuery } from '../contract/directory.ts';
import { newTrainingBody, trainingShape, trainingsQuery } from '../contract/standing-in.ts';
import { listOf, nextLink, pageOf } from '../page.ts';
import { gone, type Call, type Route, type RouteAnswer } from '../route.ts';
import { directoryAuthor } from './people.ts';

type Training = Awaited<ReturnType<typeof recordTraining>>;

/** Trainings that a policy may ask for. */
export function trainingRoutes(deps: Deps): Route[] {
  return [
    {
      name: 'GET /v1/people/:id/trainings',
      summary: "Read a person's trainings, past and future",
      query: directoryQuery,
      answers: { 200: { description: 'a page', schema: listOf(trainingShape), headers: ['Link'] } },
      handle: async (call) => {
        const person = nameId(call, 'person');
        return pageOf(deps, call, {
          path: `/v1/people/${person}/trainings`,
          read: (page) => trainingsPage(deps, { person, ...page }),
          show: (training) => training,
        });
      },
    },
    {
      name: 'POST /v1/people/:id/trainings',
      summary: 'Record a training',
      description:
        'It counts from `from` (now where absent), included, to `until`, not included; from then on the person is not eligible where a policy asks for it.',
      body: newTrainingBody,
      answers: { 201: { description: 'recorded', schema: trainingShape, headers: ['Location'] } },
      handle: async (call) => record(deps, call),
    },
    {
      name: 'DELETE /v1/people/:id/trainings/:trainingId',
      summary: 'Revoke a training, from this millisecond on',
      answers: { 204: { description: 'revoked' } },
      handle: async (call) => {
        const row = { person: nameId(call, 'person'), id: rowId(call, 'training') };
        await revokeTraining(deps, directoryAuthor(call), row);
        return gone();
      },
    },
    {
      name: 'GET /v1/trainings',
      summary: 'List trainings that will end, the first to end first',
      query: trainingsQuery,
      answers: { 200: { description: 'a page', schema: listOf(trainingShape), headers: ['Link'] } },
      handle: async (call) => listExpiring(deps, call),
    },
  ];
}

async function record(deps: Deps, call: Call): Promise<RouteAnswer> {
  const person = nameId(call, 'person');
  const path = `/v1/people/${person}/trainings`;
  return onceOnly(deps, useOf(call, `POST ${path}`), {
    toAnswer: (body: Training) => ({ status: 201, body, headers: { Location: path } }),
    work: (remember) => {
      const { course, version, change, ...more } = call.body as z.infer<typeof newTrainingBody>;
      const { role = null, from = null, until = null } = more;
      const wish = { course, version, change, role, from, until };
      return recordTraining(deps, directoryAuthor(call), { person, wish, remember });
    },
  });
}

async function listExpiring(deps: Deps, call: Call): Promise<RouteAnswer> {
  const path = '/v1/trainings';
  const { limit, cursor, expiring = null } = call.query as z.infer<typeof trainingsQuery>;
  const list = `${path} ${expiring}`;
  const [until = '', id = ''] =
    cursor === undefined ? [] : openCursor(deps, list, cursor).split(' ');
  const after = cursor === undefined ? null : { until, id };
  const rows = await expiringTrainings(deps, expiring, { after, limit: limit + 1 });
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const isMore = rows.length > limit && last !== undefined;
  return {
    status: 200,
    body: { items },
    headers: isMore
      ? nextLink(path, call, closeCursor(deps, list, `${last.until} ${last.id}`))
      : {},
  };
}
