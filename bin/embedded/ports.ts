import { randomInt } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { z } from 'zod';

// Below the range from which the system takes ports for outgoing connections (Linux: 32768, macOS:
// 49152): a port that we want to take again after a restart must not be lent to somebody meanwhile.
const LOWEST = 20_000;
const HIGHEST = 32_767;

export type PortState = 'free' | 'taken' | 'forbidden';

/** Tries to listen on the port for a moment. */
export function portState(port: number, host: string = '127.0.0.1'): Promise<PortState> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve('taken');
      else if (error.code === 'EACCES') resolve('forbidden');
      else reject(error);
    });
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve('free')));
  });
}

/** @returns a free loopback port that is not among `avoid`. */
export async function findFreePort(avoid: readonly number[] = []): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = randomInt(LOWEST, HIGHEST + 1);
    if (!avoid.includes(port) && (await portState(port)) === 'free') return port;
  }
  throw new Error(`no free loopback port between ${LOWEST} and ${HIGHEST}`);
}

const portsSchema = z.record(z.string(), z.number().int().min(1).max(65535));

/**
 * The ports that a server had before, as far as they are free now, else others; they are remembered
 * in `file` for the next start.
 *
 * @param names one per port, e.g. `postgres`.
 * @param fixed take the ports of before even when they seem taken: clients know them already.
 */
export async function rememberedPorts<Name extends string>(
  file: string,
  names: readonly Name[],
  fixed: boolean = false,
): Promise<Record<Name, number>> {
  const known = readPorts(file);
  for (const name of names) {
    const before = known[name];
    if (before !== undefined && (fixed || (await portState(before)) === 'free')) continue;
    known[name] = await findFreePort(Object.values(known));
  }
  writeFileSync(`${file}.new`, `${JSON.stringify(known, null, 2)}\n`);
  renameSync(`${file}.new`, file);
  return Object.fromEntries(names.map((name) => [name, known[name]])) as Record<Name, number>;
}

/** Ports by name; a damaged or missing file only means other ports. */
export function readPorts(file: string): Record<string, number> {
  try {
    return portsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return {};
  }
}
