import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { GuardMessage } from './guard.ts';
import { identityOf, type ProcessIdentity } from './process-identity.ts';

/** A small process that stops the watched ones in order when this one is killed. */
export type Guard = {
  /** Replaces what is watched. */
  watch(services: GuardMessage['services']): void;
  /** null while it is being started again. */
  identity(): ProcessIdentity | null;
  /** Ends the guard; what it watched stays as it is. */
  close(): Promise<void>;
};

type Options = {
  /** Where the guard says what it did; null: nowhere. */
  readonly logPath: string | null;
  /** The guard has another pid now. */
  readonly onChange?: () => void;
};

const SCRIPT = fileURLToPath(new URL('guard.ts', import.meta.url));
const RESPAWN_MS = 500;

export function startGuard({ logPath, onChange = () => {} }: Options): Guard {
  let services: GuardMessage['services'] = [];
  let closed = false;
  let child = spawnGuard();

  function spawnGuard(): ChildProcess {
    const guard = fork(SCRIPT, [], {
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    guard.on('error', () => {}); // a message that came too late; its end is handled below
    guard.once('exit', () => {
      if (!closed) setTimeout(respawn, RESPAWN_MS).unref();
    });
    guard.unref();
    guard.channel?.unref();
    tell(guard);
    return guard;
  }
  function respawn(): void {
    if (closed) return;
    child = spawnGuard();
    onChange();
  }
  function tell(guard: ChildProcess): void {
    if (guard.connected) guard.send({ logPath, services } satisfies GuardMessage, () => {});
  }
  return {
    watch: (list) => {
      services = list;
      tell(child);
    },
    identity: () => (child.pid === undefined ? null : identityOf(child.pid)),
    close: async () => {
      closed = true;
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.ref();
      child.kill('SIGKILL');
      await ended;
    },
  };
}
