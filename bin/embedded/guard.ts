// Waits for the end of the supervisor. When that was killed, nobody else is left to stop PostgreSQL
// and Temporal in order. Started by guard-client.ts with a channel and nothing else.
import { appendFileSync } from 'node:fs';
import { z } from 'zod';
import { endProcess, type ProcessIdentity } from './process-identity.ts';
import { ORDERLY, STOP_ORDER, type ServiceName } from './stop-plans.ts';

const messageSchema = z.object({
  logPath: z.string().nullable(),
  services: z.array(
    z.object({
      name: z.enum(STOP_ORDER),
      identity: z.object({ pid: z.number(), startedAt: z.string() }),
    }),
  ),
});

/** What is running; the newest message counts. */
export type GuardMessage = z.infer<typeof messageSchema>;

let watched: GuardMessage = { logPath: null, services: [] };

process.on('message', (message) => {
  watched = messageSchema.parse(message);
});
process.on('disconnect', () => void stopAll());

async function stopAll(): Promise<void> {
  note(`the supervisor is gone; stopping ${watched.services.length} processes`);
  // API and worker lost their own channel too and drain already, both at once.
  const named = (name: ServiceName) => watched.services.filter((one) => one.name === name);
  await Promise.all([...named('api'), ...named('worker')].map(stop));
  for (const service of named('temporal')) await stop(service);
  for (const service of named('postgres')) await stop(service);
  process.exit(0);
}

async function stop({ name, identity }: { name: ServiceName; identity: ProcessIdentity }) {
  const gone = await endProcess(identity, ORDERLY[name]);
  note(`${name} (pid ${identity.pid}) ${gone ? 'has ended' : 'does not end'}`);
}

function note(text: string): void {
  if (watched.logPath === null) return;
  try {
    appendFileSync(watched.logPath, `${new Date().toISOString()} ${text}\n`);
  } catch {
    // The data folder may be gone already; stopping the servers is what matters.
  }
}
