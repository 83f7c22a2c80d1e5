import type { z } from 'zod';
import {
  absencesPage,
  cancelAbsence,
  setAbsence,
  type AbsenceView,
} from '../../application/absences.ts';
import type { Deps } from '../../application/deps.ts';
import { onceOnly } from '../../application/idempotency.ts';
import { nameId, personOf, rowId, useOf } from '../call.ts';
import { directoryQuery } from '../contract/directory.ts';
import { absenceShape, newAbsenceBody } from '../contract/standing-in.ts';
import { listOf, pageOf } from '../page.ts';
import { gone, type Call, type Route, type RouteAnswer } from '../route.ts';
import { directoryAuthor } from './people.ts';

/** Absences, with deputies. */
export function absenceRoutes(deps: Deps): Route[] {
  return [
    {
      name: 'GET /v1/people/:id/absences',
      summary: "Read a person's absences, past and future",
      query: directoryQuery,
      answers: { 200: { description: 'a page', schema: listOf(absenceShape), headers: ['Link'] } },
      handle: async (call) => {
        const person = nameId(call, 'person');
        return pageOf(deps, call, {
          path: `/v1/people/${person}/absences`,
          read: (page) => absencesPage(deps, personOf(call), { person, ...page }),
          show: toAbsence,
        });
      },
    },
    {
      name: 'POST /v1/people/:id/absences',
      summary: 'Record an absence, with a deputy who decides meanwhile',
      description:
        'From `from`, included, to `until`, not included. The absent person is not eligible; the deputy is, with their rights.',
      body: newAbsenceBody,
      answers: { 201: { description: 'recorded', schema: absenceShape, headers: ['Location'] } },
      handle: async (call) => record(deps, call),
    },
    {
      name: 'DELETE /v1/people/:id/absences/:absenceId',
      summary: 'Cancel an absence, or end it early',
      answers: { 204: { description: 'cancelled' } },
      handle: async (call) => {
        const row = { person: nameId(call, 'person'), id: rowId(call, 'absence') };
        await cancelAbsence(deps, directoryAuthor(call), row);
        return gone();
      },
    },
  ];
}

async function record(deps: Deps, call: Call): Promise<RouteAnswer> {
  const person = nameId(call, 'person');
  const path = `/v1/people/${person}/absences`;
  return onceOnly(deps, useOf(call, `POST ${path}`), {
    toAnswer: (absence: AbsenceView) => ({
      status: 201,
      body: toAbsence(absence),
      headers: { Location: path },
    }),
    work: (remember) => {
      const { from, until, deputy, reason } = call.body as z.infer<typeof newAbsenceBody>;
      const wish = { from, until, deputy: deputy ?? null, reason: reason ?? null };
      return setAbsence(deps, directoryAuthor(call), { person, wish, remember });
    },
  });
}

function toAbsence(absence: AbsenceView) {
  const { id, person, from, until, deputy, reason, recordedBy, createdAt, cancelledAt } = absence;
  return { id, person, from, until, deputy, reason, recordedBy, createdAt, cancelledAt };
}
