import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';

/**
 * Stands in for bin/worker.ts, bin/log.ts and bin/api.ts: the same contract towards the supervisor (ready over
 * the channel, SIGTERM and disconnect drain), nothing behind it. Tells its life in STAND_IN_JOURNAL.
 */
export function standIn(name: 'worker' | 'log' | 'api'): void {
  const note = (event: string) => {
    appendFileSync(
      process.env['STAND_IN_JOURNAL'] ?? '/dev/null',
      `${name} ${event} ${process.pid}\n`,
    );
  };
  if (process.env['STAND_IN_DIES'] === name) process.exit(7);
  const end = (why: string) => {
    note(why);
    setTimeout(
      () => {
        note('ended');
        process.exit(0);
      },
      Number(process.env['STAND_IN_DRAIN_MS'] ?? 20),
    );
  };
  process.once('SIGTERM', () => end('SIGTERM'));
  process.once('disconnect', () => end('disconnect'));
  process.stderr.write(`Error: first words of the ${name}\n`);
  const ready = () => {
    note('ready');
    process.send?.({ type: 'ready' });
  };
  if (name !== 'api') return ready();
  createServer((request, response) => {
    response.statusCode = request.url === '/readyz' ? 200 : 404;
    response.end();
  }).listen(Number(process.env['PORT']), process.env['HOST'], ready);
}
