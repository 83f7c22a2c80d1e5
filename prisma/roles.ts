import type pg from 'pg';

/**
 * Who works on the database, beside the owner of the tables, who migrates. Each may only what it is for.
 *
 * @source docs/adr/0010-log.md
 */
export const ROLES = {
  /** API and worker: read everything, add evidence, change what is no evidence. */
  app: 'countersign_app',
  /** Gives records their place in the log and stores signed checkpoints. */
  sequencer: 'countersign_sequencer',
  /** Verifiers and reports: read. */
  reader: 'countersign_reader',
} as const;

export type RoleUse = keyof typeof ROLES;

/** The database's login may not make the roles, or may not take them on. The message says what to run. */
export class RolesMissing extends Error {
  readonly code = 'ROLES_MISSING';
}

const EVIDENCE = [
  'ledger_log',
  'ledger_record',
  'log_leaf',
  'log_tile',
  'log_state',
  'log_checkpoint',
  'log_key',
  'self_check',
  'opening',
  'reference',
  'dek',
  'policy_version',
  'calendar_version',
  'access_log',
  'person_profile',
  'policy_acknowledgement',
  'policy_exception_use',
  'shadow_evaluation',
  'request_content',
] as const;

/** What may change, or end, in the ordinary course of business. */
const MUTABLE = [
  'person',
  'role_grant',
  'absence',
  'delegation',
  'training',
  'person_token',
  'app',
  'app_key',
  'policy',
  'calendar',
  'policy_proposal',
  'policy_exception',
  'request',
  'request_view',
  'request_waiting',
  'request_audience',
  'request_person',
  'command',
  'review_debt',
] as const;

const INSERTED_BY_APP = [
  'ledger_record',
  'log_queue',
  'opening',
  'reference',
  'dek',
  'policy_version',
  'calendar_version',
  'access_log',
  'self_check',
  'person_profile',
  'policy_acknowledgement',
  'policy_exception_use',
  'shadow_evaluation',
  'request_content',
] as const;

const GRANTS: Readonly<Record<RoleUse, readonly string[]>> = {
  app: [
    `SELECT ON ${[...EVIDENCE, ...MUTABLE, 'installation', 'log_queue', 'idempotency_key'].join(', ')}`,
    `INSERT ON ${[...INSERTED_BY_APP, ...MUTABLE, 'idempotency_key'].join(', ')}`,
    `UPDATE ON ${[...MUTABLE, 'idempotency_key'].join(', ')}`,
    'DELETE ON idempotency_key, person_token, request_waiting',
    // Not its streams and keys: where the installation speaks of itself is fixed.
    'UPDATE (policy_generation, temporal_namespace_id) ON installation',
  ],
  sequencer: [
    'SELECT ON ledger_log, ledger_record, log_leaf, log_tile, log_state, log_checkpoint, log_key, log_queue, installation',
    'INSERT ON ledger_record, log_queue, log_leaf, log_tile, log_checkpoint, log_key',
    'UPDATE ON log_state',
    'DELETE ON log_queue, log_tile',
  ],
  reader: [`SELECT ON ${[...EVIDENCE, ...MUTABLE, 'installation', 'log_queue'].join(', ')}`],
};

/**
 * Makes the roles where they are missing and gives each exactly its rights. Safe to repeat.
 *
 * @param client connected as the owner of the tables.
 * @throws RolesMissing
 */
export async function applyRoles(client: pg.Client): Promise<void> {
  for (const role of Object.values(ROLES)) await ensureRole(client, role);
  // One transaction: nobody who works meanwhile is without rights for a moment.
  await client.query(`BEGIN; ${rightsOf(Object.entries(ROLES) as [RoleUse, string][])} COMMIT`);
}

function rightsOf(roles: readonly [RoleUse, string][]): string {
  return roles
    .flatMap(([use, role]) => [
      `REVOKE ALL ON ALL TABLES IN SCHEMA public FROM ${role};`,
      `GRANT USAGE ON SCHEMA public TO ${role};`,
      ...GRANTS[use].map((grant) => `GRANT ${grant} TO ${role};`),
    ])
    .join(' ');
}

/** Makes the role where it is missing, and makes sure that this login can take it on. */
async function ensureRole(client: pg.Client, role: string): Promise<void> {
  try {
    const { rows } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [role]);
    if (rows.length === 0) await create(client, role);
    if (!(await canTakeOn(client, role))) await client.query(`GRANT ${role} TO CURRENT_USER`);
  } catch (cause) {
    if (!hasCode(cause, ['42501'])) throw cause;
    throw new RolesMissing(
      [
        `The login of DATABASE_URL may not make or take on the role ${role}. Let an administrator run:`,
        ...Object.values(ROLES).map(
          (name) => `  CREATE ROLE ${name} NOLOGIN;  -- unless it exists`,
        ),
        ...Object.values(ROLES).map((name) => `  GRANT ${name} TO <this login>;`),
      ].join('\n'),
      { cause },
    );
  }
}

async function create(client: pg.Client, role: string): Promise<void> {
  try {
    await client.query(`CREATE ROLE ${role} NOLOGIN`);
  } catch (cause) {
    // Another database of this server made it at the same moment: roles belong to the whole server.
    if (!hasCode(cause, ['42710', '23505'])) throw cause;
  }
}

/** Asked by doing it: what membership allows differs between versions of PostgreSQL. */
async function canTakeOn(client: pg.Client, role: string): Promise<boolean> {
  await client.query('BEGIN');
  try {
    await client.query(`SET LOCAL ROLE ${role}`);
    return true;
  } catch (error) {
    if (hasCode(error, ['42501'])) return false;
    throw error;
  } finally {
    await client.query('ROLLBACK');
  }
}

function hasCode(error: unknown, codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
