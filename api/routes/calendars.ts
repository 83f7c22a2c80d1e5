import type { z } from 'zod';
import {
  calendarPage,
  calendarVersion,
  publishCalendar,
  type Calendar,
  type CalendarPublication,
  type CalendarVersionRow,
} from '../../application/calendars.ts';
import type { Deps } from '../../application/deps.ts';
import { ApplicationError } from '../../application/error.ts';
import { onceOnly } from '../../application/idempotency.ts';
import { authorOf, nameId, useOf, versionOf } from '../call.ts';
import { versionsNamed, versionTag } from '../conditional.ts';
import { calendarBody, calendarShape } from '../contract/calendars.ts';
import { directoryQuery, publishedShape } from '../contract/directory.ts';
import { listOf, pageOf } from '../page.ts';
import type { Call, Route, RouteAnswer } from '../route.ts';

/** Business calendars: immutable versions, the newest of each is in force. */
export function calendarRoutes(deps: Deps): Route[] {
  return [
    {
      name: 'GET /v1/calendars',
      summary: 'List business calendars, newest version of each',
      query: directoryQuery,
      answers: { 200: { description: 'a page', schema: listOf(calendarShape), headers: ['Link'] } },
      handle: async (call) =>
        pageOf(deps, call, {
          path: '/v1/calendars',
          read: (page) => calendarPage(deps, page),
          show: toShape,
        }),
    },
    {
      name: 'GET /v1/calendars/:id/versions/:version',
      summary: 'Read one version of a business calendar',
      answers: {
        200: { description: 'the version', schema: calendarShape, headers: ['ETag'] },
        304: { description: 'it has the ETag of If-None-Match' },
      },
      handle: async (call) => {
        const row = await calendarVersion(
          deps,
          nameId(call, 'calendar'),
          versionOf(call, 'calendar'),
        );
        return { status: 200, body: toShape(row), headers: { ETag: versionTag(row) } };
      },
    },
    {
      name: 'POST /v1/calendars/:id/versions',
      summary: 'Publish the next version of a business calendar',
      description:
        'A first version needs no precondition, later ones the ETag of the newest in If-Match (`*`: whichever it is). In force for every time that is computed from then on.',
      body: calendarBody,
      requestHeaders: ['If-Match'],
      answers: {
        201: {
          description: 'published and sealed',
          schema: publishedShape,
          headers: ['Location', 'ETag'],
        },
      },
      handle: async (call) => publish(deps, call),
    },
  ];
}

async function publish(deps: Deps, call: Call): Promise<RouteAnswer> {
  const id = nameId(call, 'calendar');
  const { id: named = id, ...calendar } = call.body as z.infer<typeof calendarBody>;
  if (named !== id)
    throw new ApplicationError('VALIDATION_FAILED', 'The calendar has another id.', {
      problems: [{ pointer: '/id', message: `is not "${id}", the id in the address` }],
    });
  return onceOnly(deps, useOf(call, `POST /v1/calendars/${id}/versions`), {
    toAnswer: (row: CalendarVersionRow) => ({
      status: 201,
      body: { id: row.id, version: row.version },
      headers: {
        Location: `/v1/calendars/${row.id}/versions/${row.version}`,
        ETag: versionTag(row),
      },
    }),
    work: (remember) =>
      publishCalendar(deps, {
        id,
        calendar: calendar as Calendar,
        source: call.text,
        expected: versionsNamed(call.header('if-match'), id),
        by: byPerson(call),
        remember,
      }),
  });
}

function byPerson(call: Call): CalendarPublication['by'] {
  return { ...authorOf(call), actor: { type: 'person', id: call.principal.id } };
}

function toShape({ document, ...row }: CalendarVersionRow) {
  return { ...row, ...(document as Calendar) };
}
