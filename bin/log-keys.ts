import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { LedgerError } from '../ledger/error.ts';
import { loadSigningKey, type SigningKey } from '../ledger/signer-key.ts';
import { streamHeadName } from '../ledger/stream-head.ts';
import type { Config } from './config.ts';
import { SetupError } from './setup-error.ts';

/** After a rotation the key before lies here, and signs beside the new one. */
export function previousKeyFile({ log }: Config): string {
  return `${log.keyFile.replace(/\.pem$/, '')}.previous.pem`;
}

/**
 * The keys of the log as they are now: the newest first, then the one before it, while it is kept.
 *
 * @throws SetupError in words for a person; never with a part of a key.
 */
export async function readLogKeys(config: Config, origin: string): Promise<SigningKey[]> {
  const { signingKey, previousKey, keyFile } = config.log;
  if (signingKey !== null) {
    const pems = previousKey === null ? [signingKey] : [signingKey, previousKey];
    return pems.map((pem) => load(origin, pem, 'LOG_SIGNING_KEY'));
  }
  const previous = previousKeyFile(config);
  const files = existsSync(previous) ? [keyFile, previous] : [keyFile];
  const keys = await Promise.all(files.map(async (path) => load(origin, await read(path), path)));
  // In the middle of a rotation both files hold the same key for a moment; it signs once.
  return keys.filter((key, at) => keys.findIndex(({ keyId }) => keyId === key.keyId) === at);
}

/** The same, read again only where a file was changed: a rotation takes effect without a restart. */
export function watchedLogKeys(config: Config, origin: string): () => Promise<SigningKey[]> {
  const files = [config.log.keyFile, previousKeyFile(config)];
  let seen = '';
  let keys: SigningKey[] = [];
  return async () => {
    const now = files
      .map((path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0)
      .join(' ');
    if (keys.length === 0 || now !== seen) {
      keys = await readLogKeys(config, origin);
      seen = now;
    }
    return keys;
  };
}

/** @throws SetupError */
export async function readStreamHeadKey(
  { streamHead }: Config,
  origin: string,
): Promise<SigningKey> {
  const pem = streamHead.key ?? (await read(streamHead.keyFile));
  return load(streamHeadName(origin), pem, 'LOG_STREAM_HEAD_KEY');
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new SetupError(`The key ${path} cannot be read. npm start makes it at the first start.`, {
      cause,
    });
  }
}

function load(name: string, pem: string, where: string): SigningKey {
  try {
    return loadSigningKey(name, pem);
  } catch (error) {
    if (error instanceof LedgerError) throw new SetupError(`${where}: ${error.message}.`);
    throw error;
  }
}
