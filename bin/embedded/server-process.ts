import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import type { EndAttempt, ProcessIdentity } from './process-identity.ts';
import { endProcess, identityOf } from './process-identity.ts';

/** A server that this process started. */
export type ServerProcess = {
  readonly child: ChildProcess;
  readonly identity: ProcessIdentity;
  /** How it ended, in words; never rejects. */
  readonly exited: Promise<string>;
  hasExited(): boolean;
};

/** Why a server could not be started or prepared. The message is for a person. */
export class EmbeddedServerError extends Error {
  readonly code = 'EMBEDDED_SERVER';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EmbeddedServerError';
  }
}

export type Command = {
  readonly command: string;
  readonly args: readonly string[];
  readonly options?: SpawnOptions;
};

/**
 * Starts a program as leader of a process group of its own: Ctrl-C in the terminal reaches only the
 * supervisor, which then stops everything in order.
 *
 * @throws EmbeddedServerError when the program cannot be run at all.
 */
export async function startServerProcess(command: Command): Promise<ServerProcess> {
  const child = spawn(command.command, command.args, { ...command.options, detached: true });
  let gone = false;
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      gone = true;
      resolve(signal === null ? `exit code ${code}` : `signal ${signal}`);
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) =>
      reject(new EmbeddedServerError(`${command.command}: ${cause.message}`, { cause })),
    );
  });
  child.on('error', () => {}); // a failed send or kill; the end is seen by `exited`
  const pid = child.pid ?? 0;
  // Null only when it is over already; then nothing may match.
  const identity = identityOf(pid) ?? { pid, startedAt: 'ended' };
  return { child, identity, exited, hasExited: () => gone };
}

/** Ends the server with these attempts and waits until the system has let go of it. */
export async function stopServerProcess(
  server: ServerProcess,
  attempts: readonly EndAttempt[],
): Promise<void> {
  await endProcess(server.identity, attempts);
  await server.exited;
}
