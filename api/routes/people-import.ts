import type { z } from 'zod';
import type { Deps } from '../../application/deps.ts';
import {
  applyImport,
  previewImport,
  type ImportFile,
  type ImportReport,
} from '../../application/directory-import.ts';
import { onceOnly } from '../../application/idempotency.ts';
import { readCsv, readJson } from '../../application/import-rows.ts';
import { useOf } from '../call.ts';
import { importBody, importQuery, importReport } from '../contract/import.ts';
import { ok, type Call, type Route, type RouteAnswer } from '../route.ts';
import { directoryAuthor } from './people.ts';

const CSV = 'text/csv';

/** People and roles from a file. */
export function importRoutes(deps: Deps): Route[] {
  return [
    {
      name: 'POST /v1/people/import',
      summary: 'Import people and roles from a file (CSV or JSON), all of it or nothing',
      description:
        'With `dryRun=true` it says what each row would change, and every problem. A file adds and changes; it takes nobody and no role away.',
      query: importQuery,
      body: importBody,
      textTypes: [CSV],
      answers: { 200: { description: 'what was changed, or would be', schema: importReport } },
      handle: async (call) => importPeople(deps, call),
    },
  ];
}

async function importPeople(deps: Deps, call: Call): Promise<RouteAnswer> {
  const { dryRun } = call.query as z.infer<typeof importQuery>;
  const file = fileOf(call);
  if (dryRun === 'true') return ok(await previewImport(deps, file));
  return onceOnly(deps, useOf(call, 'POST /v1/people/import', call.text), {
    toAnswer: (report: ImportReport) => ok(report),
    work: (remember) => applyImport(deps, directoryAuthor(call), { file, remember }),
  });
}

function fileOf({ mediaType, text, body }: Call): ImportFile {
  return { ...(mediaType === CSV ? readCsv(text) : readJson(body)), text };
}
