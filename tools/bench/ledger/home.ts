import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { registerKey } from '../../../application/log-keys.ts';
import type { Instant } from '../../../domain/instant.ts';
import { loadSigningKey, newSigningKey } from '../../../ledger/signer-key.ts';
import { openDatabase, type Database } from '../../../prisma/database.ts';
import { ensureInstallation } from '../../../prisma/installation-store.ts';
import { migrate } from '../../../prisma/migrate.ts';
import { applyRoles, ROLES, type RoleUse } from '../../../prisma/roles.ts';

/** A log in a database of its own, as the bench's programs hand it to each other. */
export interface LogHome {
  /** Of the superuser; whoever works takes on a role of the product. */
  readonly url: string;
  readonly origin: string;
  readonly signingKey: string;
  /** File of the signer's memory. */
  readonly memory: string;
}

export const SOFTWARE = '0.0.0-bench';
export const now = (): Instant => new Date().toISOString() as Instant;

/** Makes the database, its tables, roles and log, and takes a key into use. */
export async function makeLog(
  name: string,
  at: { readonly adminUrl: string; readonly folder: string; readonly root: string },
): Promise<LogHome> {
  await asAdmin(at.adminUrl, `CREATE DATABASE ${name}`);
  const url = new URL(at.adminUrl);
  url.pathname = `/${name}`;
  await migrate(url.href, join(at.root, 'prisma', 'migrations'), applyRoles);
  const owner = openDatabase(url.href, 2);
  try {
    const cursorKey = randomBytes(32);
    const origin = await ensureInstallation(owner, { origin: `bench/${name}`, cursorKey });
    const signingKey = newSigningKey();
    const deps = { db: owner, origin, software: SOFTWARE, now };
    const { verifierKey: key } = loadSigningKey(origin, signingKey);
    await registerKey(deps, { use: 'log', key, endorsedBy: null });
    const folder = join(at.folder, name);
    mkdirSync(folder, { recursive: true });
    return { url: url.href, origin, signingKey, memory: join(folder, 'head.json') };
  } finally {
    await owner.close();
  }
}

/** With the rights that the product's own program would have. */
export function openLog({ url }: LogHome, role: RoleUse | null, connections: number): Database {
  return openDatabase(url, connections, role === null ? null : ROLES[role]);
}

/** Statements that belong to no program of the product. */
export async function asAdmin<R extends pg.QueryResultRow>(
  url: string,
  statement: string,
): Promise<R[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<R>(statement)).rows;
  } finally {
    await client.end();
  }
}
