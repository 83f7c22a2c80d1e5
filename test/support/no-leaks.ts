/**
 * A test that prints or leaves something open fails. Loaded before every test file.
 *
 * Printing: `console`, standard output and standard error of the test's own process.
 * Open things: what was given to `track`, and listening servers and child processes whether tracked or not.
 */
import { afterAll, afterEach, beforeEach } from 'vitest';

interface Resource {
  readonly name: string;
  readonly close: () => unknown;
}

const open = new Set<Resource>();
const printed: string[] = [];
const before = handles();
let openedBefore: ReadonlySet<Resource> = new Set();

/**
 * Registers something that must be closed: a pool, a worker, a server, a connection.
 * Opened inside a test, it must be closed when the test and its hooks end; else when the file ends.
 *
 * @returns closes the resource and takes it off the register; call this instead of `close`. Calling it again does nothing.
 */
export function track(name: string, close: () => unknown): () => Promise<void> {
  const resource = { name, close };
  open.add(resource);
  return async () => {
    if (open.delete(resource)) await close();
  };
}

for (const stream of [process.stdout, process.stderr]) {
  const write = stream.write.bind(stream);
  stream.write = ((chunk: string | Uint8Array, ...rest: []) => {
    printed.push(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString());
    return write(chunk, ...rest);
  }) as typeof stream.write;
}
for (const method of ['debug', 'error', 'info', 'log', 'table', 'trace', 'warn'] as const) {
  console[method] = (...values: unknown[]) => {
    printed.push(values.map(String).join(' '));
  };
}

beforeEach(() => {
  openedBefore = new Set(open);
});

// Hooks end in the opposite order of their registration, so these two have the last word.
afterEach(async ({ task }) => {
  const left = task.concurrent === true ? [] : [...open].filter((it) => !openedBefore.has(it));
  await complain(left);
});

afterAll(async () => {
  await complain([...open]);
  const still = await handlesLeft();
  if (still.length > 0) throw new Error(`left open by this file: ${still.join(', ')}`);
});

/** Closes what was left, so that one failure does not become many, and throws what is to be said. */
async function complain(left: readonly Resource[]): Promise<void> {
  const output = printed.splice(0);
  for (const resource of left) {
    open.delete(resource);
    await resource.close();
  }
  if (left.length > 0) throw new Error(`left open: ${left.map((it) => it.name).join(', ')}`);
  if (output.length > 0) throw new Error(`a test must not print: ${output.join('\n').trim()}`);
}

/** Listening servers and child processes: those that keep a port or a machine busy. */
function handles(): readonly string[] {
  const kept = new Set(['TCPServerWrap', 'PipeServerWrap', 'ProcessWrap']);
  return process.getActiveResourcesInfo().filter((name) => kept.has(name));
}

/** What is open beyond the beginning. Waits: a beginning shows a moment later, and an end up to two seconds. */
async function handlesLeft(): Promise<readonly string[]> {
  await new Promise((resolve) => setTimeout(resolve, 10));
  for (let tries = 0; tries < 40 && handles().length > before.length; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return handles().slice(before.length);
}
