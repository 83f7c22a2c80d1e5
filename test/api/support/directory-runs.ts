import { addDuration } from '../../../domain/instant.ts';
import type { CallOptions, Stack } from '../../support/stack.ts';

type Run = [name: string, who: string, path: string, options?: CallOptions];

/** One good call of each route about absences, delegations, trainings, ends of roles and files. */
export async function directoryRuns(stack: Stack): Promise<Run[]> {
  const [from, until] = ['2026-01-01T00:00:00.000Z', '2999-01-01T00:00:00.000Z'];
  const make = async (path: string, body: object): Promise<string> =>
    (await stack.call<{ id: string }>('cora', path, { body })).body.id;
  await make('/v1/people', { id: 'tia', name: 'Tia', roles: ['security'], team: 'x' });
  await make('/v1/people', { id: 'eric', name: 'Eric', roles: ['security'] });
  await make('/v1/people', { id: 'ugo', name: 'Ugo', roles: ['security'] });
  const { body } = await stack.call<{ items: { id: string }[] }>('cora', '/v1/people/tia/roles');
  const tia = '/v1/people/tia';
  const absence = { from, until, deputy: 'ugo', reason: 'leave' };
  const delegation = { to: 'ugo', until: addDuration(stack.clock.now(), 'P1M'), reason: 'leave' };
  const training = { course: 'bias', version: 1, until };
  const rows = {
    absence: await make(`${tia}/absences`, absence),
    delegation: await make(`${tia}/delegations`, delegation),
    training: await make(`${tia}/trainings`, training),
  };
  const gone = { method: 'DELETE' };
  return [
    ['PATCH /v1/people/:id', 'cora', tia, { method: 'PATCH', body: { team: 'y' } }],
    ['POST /v1/people/:id/departure', 'cora', '/v1/people/eric/departure', { body: {} }],
    [
      'POST /v1/people/import',
      'cora',
      '/v1/people/import?dryRun=true',
      { body: { people: [{ id: 'tia', team: 'z' }, { id: '!' }] } },
    ],
    ['DELETE /v1/people/:id/roles/:grantId', 'cora', `${tia}/roles/${body.items[0]?.id}`, gone],
    ['GET /v1/access-report', 'ada', '/v1/access-report'],
    ['GET /v1/people/:id/absences', 'eve', `${tia}/absences`],
    ['POST /v1/people/:id/absences', 'cora', `${tia}/absences`, { body: absence }],
    ['DELETE /v1/people/:id/absences/:absenceId', 'cora', `${tia}/absences/${rows.absence}`, gone],
    ['GET /v1/people/:id/delegations', 'eve', `${tia}/delegations`],
    ['POST /v1/people/:id/delegations', 'cora', `${tia}/delegations`, { body: delegation }],
    [
      'DELETE /v1/people/:id/delegations/:delegationId',
      'cora',
      `${tia}/delegations/${rows.delegation}`,
      gone,
    ],
    ['GET /v1/people/:id/trainings', 'eve', `${tia}/trainings`],
    ['POST /v1/people/:id/trainings', 'cora', `${tia}/trainings`, { body: training }],
    [
      'DELETE /v1/people/:id/trainings/:trainingId',
      'cora',
      `${tia}/trainings/${rows.training}`,
      gone,
    ],
    ['GET /v1/trainings', 'ada', '/v1/trainings?expiring=P999Y'],
  ];
}
