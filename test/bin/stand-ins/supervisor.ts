// Runs the real supervisor over the stand-ins, in a process of its own that a test may kill.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readConfig } from '../../../bin/config.ts';
import { createReport } from '../../../bin/embedded/report.ts';
import { supervise } from '../../../bin/embedded/supervisor.ts';

const here = dirname(fileURLToPath(import.meta.url));
const report = createReport();
process.exit(
  await supervise({
    config: readConfig(process.env),
    env: process.env,
    root: here,
    report,
    scripts: {
      prepare: join(here, 'prepare.ts'),
      log: join(here, 'log.ts'),
      worker: join(here, 'worker.ts'),
      api: join(here, 'api.ts'),
    },
    restartLimits: { restarts: 3, withinMs: 120_000, firstDelayMs: 20 },
    readyLimitMs: 15_000,
    onReady: async (ready) => report.say(`ready ${JSON.stringify(ready)}`),
  }),
);
