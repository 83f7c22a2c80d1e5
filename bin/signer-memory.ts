import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

import type { Checkpoint } from '../ledger/checkpoint.ts';
import { fromHex, toHex } from '../ledger/encoding.ts';
import { LedgerError } from '../ledger/error.ts';
import { closed, count, hex64, origin } from '../ledger/fields.ts';
import type { SignerMemory } from '../ledger/signer.ts';

const memorySchema = closed({ origin, size: count, root: hex64 });

/**
 * The signer's memory as a file of its own, which lies where a restored database does not reach.
 *
 * @param path of the file; its folder is made.
 * @throws LedgerError SIGNER_REFUSED by `read`, where the file is there and cannot be understood: a
 *         signer that has forgotten must not sign.
 */
export function fileMemory(path: string): SignerMemory {
  return {
    async read() {
      const text = await textOf(path);
      return text === null ? null : parseMemory(text, path);
    },
    async write({ origin: name, size, root }) {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await replace(path, `${JSON.stringify({ origin: name, size, root: toHex(root) })}\n`);
    },
  };
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function parseMemory(text: string, path: string): Checkpoint {
  try {
    const { root, ...head } = memorySchema.parse(JSON.parse(text));
    return { ...head, root: fromHex(root) };
  } catch (cause) {
    throw new LedgerError('SIGNER_REFUSED', `the signer's memory ${path} cannot be read`, {
      cause,
    });
  }
}

/** Whole or not at all, also in a power cut: written beside, made durable, then renamed. */
async function replace(path: string, text: string): Promise<void> {
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
