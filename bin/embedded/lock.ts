import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { identityOf, isAlive } from './process-identity.ts';

const holderSchema = z.object({ pid: z.number(), startedAt: z.string(), about: z.string() });

/** Who holds a lock, and what it wants others to know. */
export type LockHolder = z.infer<typeof holderSchema>;

export type LockAttempt =
  { readonly kind: 'held'; release(): void } | { readonly kind: 'taken'; readonly by: LockHolder };

/**
 * Takes a lock file for this process, without waiting. A lock whose holder is dead, or whose text a
 * power cut damaged, is taken over.
 *
 * @param about shown to whom the lock is refused, e.g. an address.
 */
export function tryLock(path: string, about: string): LockAttempt {
  mkdirSync(dirname(path), { recursive: true });
  const own = ownText(about);
  for (;;) {
    if (createWhole(path, own)) return { kind: 'held', release: () => release(path, own) };
    const text = readOrNull(path);
    const by = text === null ? null : parseHolder(text);
    if (by !== null && isAlive(by)) return { kind: 'taken', by };
    if (text !== null) discard(path, text);
  }
}

function ownText(about: string): string {
  const identity = identityOf(process.pid);
  if (identity === null) throw new TypeError('this process does not find itself');
  return JSON.stringify({ ...identity, about });
}

/** link() either makes the file with its whole text or fails: no lock is ever half written. */
function createWhole(path: string, text: string): boolean {
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  writeFileSync(draft, text);
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Two processes may both see a dead lock: who then moved a living one away puts it back. */
function discard(path: string, seen: string): void {
  const aside = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return;
    throw error;
  }
  const moved = readFileSync(aside, 'utf8');
  if (moved !== seen) createWhole(path, moved);
  rmSync(aside, { force: true });
}

function release(path: string, own: string): void {
  if (readOrNull(path) === own) rmSync(path, { force: true });
}

function parseHolder(text: string): LockHolder | null {
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null;
    throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
