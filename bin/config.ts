import { createPrivateKey } from 'node:crypto';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';

/** Everything that the environment decides. Paths are absolute; absent is `null`. */
export type Config = {
  /** Of the owner of the tables. null: the supervisor starts an embedded PostgreSQL. */
  readonly databaseUrl: string | null;
  /** Logins with fewer rights; null: `databaseUrl`, whose connections take on the role instead. */
  readonly databaseLogins: DatabaseLogins;
  readonly temporal: TemporalConfig;
  readonly port: number;
  readonly host: string;
  /** Address in links, without a slash at the end. */
  readonly publicUrl: string;
  readonly log: {
    readonly origin: string | null;
    /** Ed25519 private key, PKCS#8 PEM. */
    readonly signingKey: string | null;
    /** The key before, which signs beside it while verifiers still hold only that one; PEM. */
    readonly previousKey: string | null;
    /** File that holds the key when `signingKey` is null. */
    readonly keyFile: string;
    /** Where the signer remembers, outside the database, what it signed last. */
    readonly memoryDir: string;
  };
  /** Signs which record is the last of a stream; Ed25519, PKCS#8 PEM. */
  readonly streamHead: {
    readonly key: string | null;
    /** File that holds the key when `key` is null. */
    readonly keyFile: string;
  };
  readonly encryption: {
    /** 32 bytes. */
    readonly key: Uint8Array | null;
    /** File that holds the key when `key` is null. */
    readonly keyFile: string;
  };
  readonly dataDir: string;
  readonly cacheDir: string;
  /** Folder of policy files that are published at start; null: none, because nobody named one. */
  readonly policiesDir: string | null;
  readonly temporalCliPath: string | null;
  readonly production: boolean;
  /** Set by the supervisor: the database is the embedded one, sample people and tokens exist. */
  readonly embedded: boolean;
};

/** See prisma/roles.ts. */
export type DatabaseLogins = {
  readonly app: string | null;
  readonly sequencer: string | null;
  readonly reader: string | null;
};

export type TemporalConfig = {
  /** `host:port`; null: the supervisor starts an embedded dev server. */
  readonly address: string | null;
  readonly namespace: string;
  readonly apiKey: string | null;
  /** null: no TLS. Members are paths of PEM files and the name to expect. */
  readonly tls: TlsConfig | null;
  readonly taskQueue: string;
  /** Address of Temporal's own pages, where known. */
  readonly uiUrl: string | null;
};

export type TlsConfig = {
  readonly certPath: string | null;
  readonly keyPath: string | null;
  readonly caPath: string | null;
  readonly serverName: string | null;
};

/** Wrong values of the environment: one sentence each, naming its variable. */
export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(`The environment is not usable:\n${problems.map((line) => `  ${line}`).join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** The variables that a person may set, in the order in which `npm start -- --help` lists them. */
export const VARIABLES: readonly { name: string; meaning: string; fallback: string }[] = [
  { name: 'DATABASE_URL', meaning: 'any PostgreSQL 15 or newer', fallback: 'embedded PostgreSQL' },
  {
    name: 'DATABASE_APP_URL',
    meaning: 'login of API and worker, member of countersign_app',
    fallback: 'DATABASE_URL, taking on that role',
  },
  {
    name: 'DATABASE_SEQUENCER_URL',
    meaning: 'login of the log, member of countersign_sequencer',
    fallback: 'DATABASE_URL, taking on that role',
  },
  {
    name: 'DATABASE_READER_URL',
    meaning: 'login of verifiers, member of countersign_reader',
    fallback: 'DATABASE_URL, taking on that role',
  },
  { name: 'TEMPORAL_ADDRESS', meaning: 'host:port of a Temporal service', fallback: 'embedded' },
  { name: 'TEMPORAL_NAMESPACE', meaning: 'namespace there', fallback: 'default' },
  { name: 'TEMPORAL_API_KEY', meaning: 'key for Temporal Cloud; switches TLS on', fallback: '' },
  { name: 'TEMPORAL_TLS', meaning: 'true or false', fallback: 'true when one of the next is set' },
  { name: 'TEMPORAL_TLS_CLIENT_CERT_PATH', meaning: 'PEM file of our certificate', fallback: '' },
  { name: 'TEMPORAL_TLS_CLIENT_KEY_PATH', meaning: 'PEM file of its key', fallback: '' },
  { name: 'TEMPORAL_TLS_SERVER_CA_CERT_PATH', meaning: 'PEM file of their CA', fallback: '' },
  { name: 'TEMPORAL_TLS_SERVER_NAME', meaning: 'name in their certificate', fallback: '' },
  { name: 'TEMPORAL_CLI_PATH', meaning: 'the temporal program', fallback: 'found or fetched' },
  { name: 'PORT', meaning: 'port of API and console', fallback: '3000' },
  { name: 'HOST', meaning: 'address to listen on', fallback: '127.0.0.1' },
  { name: 'PUBLIC_URL', meaning: 'address in links', fallback: 'from HOST and PORT' },
  { name: 'LOG_ORIGIN', meaning: 'name of the log, fixed at first start', fallback: 'random' },
  { name: 'LOG_SIGNING_KEY', meaning: 'Ed25519, PKCS#8 PEM', fallback: 'made at first start' },
  { name: 'LOG_SIGNING_KEY_PREVIOUS', meaning: 'the key before, after a rotation', fallback: '' },
  { name: 'LOG_STREAM_HEAD_KEY', meaning: 'Ed25519, PKCS#8 PEM', fallback: 'made at first start' },
  { name: 'ENCRYPTION_KEY', meaning: '32 bytes, base64 or hex', fallback: 'made at first start' },
  { name: 'COUNTERSIGN_DATA_DIR', meaning: 'embedded state', fallback: '.countersign' },
  {
    name: 'COUNTERSIGN_CACHE_DIR',
    meaning: 'fetched server programs, shared by clones',
    fallback: '${XDG_CACHE_HOME:-~/.cache}/countersign',
  },
  {
    name: 'COUNTERSIGN_POLICIES',
    meaning: 'folder of policy files to publish at start',
    fallback: 'policies; none with a DATABASE_URL',
  },
  { name: 'NODE_ENV', meaning: 'production: no sample people', fallback: '' },
];

const text = z.string().optional();

const addressOfTemporal = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[^\s:/@]+):\d{1,5}$/, 'must be host:port without a scheme')
  .optional();

const databaseUrl = z
  .string()
  .refine(isPostgresUrl, 'must be postgresql://user:password@host:port/database')
  .optional();

const httpUrl = z
  .string()
  .refine(isHttpUrl, 'must be an http:// or https:// address without query')
  .optional();

const port = z
  .string()
  .regex(/^\d{1,5}$/, 'must be a number from 1 to 65535')
  .transform(Number)
  .refine((value) => value >= 1 && value <= 65535, 'must be a number from 1 to 65535')
  .optional();

const host = z
  .string()
  .regex(/^[A-Za-z0-9.:_-]+$/, 'must be an IP address or a host name')
  .optional();

const flag = z
  .enum(['true', 'false', '1', '0'], 'must be true or false')
  .transform((value) => value === 'true' || value === '1')
  .optional();

const origin = z
  .string()
  .max(255, 'must be at most 255 characters')
  .regex(/^[^\s+]+$/u, 'must be a name without white space and without "+" (C2SP log origin)')
  .optional();

const signingKey = z
  .string()
  .transform((value) => value.replaceAll('\\n', '\n')) // one-line environment files
  .refine(
    (value) => !value.startsWith('kms:'),
    'names a key service; this version signs with a PKCS#8 PEM key only',
  )
  .refine(isSigningKey, 'must be an Ed25519 key as PKCS#8 PEM ("-----BEGIN PRIVATE KEY-----")')
  .optional();

const encryptionKey = z
  .string()
  .transform(keyBytes)
  .refine((bytes) => bytes.length === 32, 'must be 32 bytes, as 64 hex digits or as base64')
  .optional();

const environment = z.object({
  DATABASE_URL: databaseUrl,
  DATABASE_APP_URL: databaseUrl,
  DATABASE_SEQUENCER_URL: databaseUrl,
  DATABASE_READER_URL: databaseUrl,
  TEMPORAL_ADDRESS: addressOfTemporal,
  TEMPORAL_NAMESPACE: text,
  TEMPORAL_API_KEY: text,
  TEMPORAL_TLS: flag,
  TEMPORAL_TLS_CLIENT_CERT_PATH: text,
  TEMPORAL_TLS_CLIENT_KEY_PATH: text,
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: text,
  TEMPORAL_TLS_SERVER_NAME: text,
  TEMPORAL_CLI_PATH: text,
  PORT: port,
  HOST: host,
  PUBLIC_URL: httpUrl,
  LOG_ORIGIN: origin,
  LOG_SIGNING_KEY: signingKey,
  LOG_SIGNING_KEY_PREVIOUS: signingKey,
  LOG_STREAM_HEAD_KEY: signingKey,
  ENCRYPTION_KEY: encryptionKey,
  COUNTERSIGN_DATA_DIR: text,
  COUNTERSIGN_CACHE_DIR: text,
  COUNTERSIGN_POLICIES: text,
  COUNTERSIGN_EMBEDDED: flag,
  COUNTERSIGN_TASK_QUEUE: text,
  COUNTERSIGN_ENCRYPTION_KEY_FILE: text,
  COUNTERSIGN_LOG_KEY_FILE: text,
  COUNTERSIGN_STREAM_HEAD_KEY_FILE: text,
  COUNTERSIGN_SIGNER_DIR: text,
  COUNTERSIGN_TEMPORAL_UI_URL: httpUrl,
  XDG_CACHE_HOME: text,
  NODE_ENV: text,
});

type Environment = z.infer<typeof environment>;

/** The environment of this process: what `readConfig` reads and what programs started here inherit. */
export function processEnvironment(): NodeJS.ProcessEnv {
  return process.env;
}

/**
 * Makes sense of the environment; nothing else in the product does.
 *
 * @param env an empty value counts as absent.
 * @param cwd relative paths start here.
 * @throws ConfigError with every problem at once.
 */
export function readConfig(
  env: Readonly<Record<string, string | undefined>> = processEnvironment(),
  cwd: string = process.cwd(),
): Config {
  const parsed = environment.safeParse(withoutEmpty(env));
  if (!parsed.success) throw new ConfigError(parsed.error.issues.map(sentence));
  const problems = contradictions(parsed.data);
  if (problems.length > 0) throw new ConfigError(problems);
  return toConfig(parsed.data, cwd);
}

function toConfig(env: Environment, cwd: string): Config {
  const dataDir = resolve(cwd, env.COUNTERSIGN_DATA_DIR ?? '.countersign');
  const listen = { host: env.HOST ?? '127.0.0.1', port: env.PORT ?? 3000 };
  const production = env.NODE_ENV === 'production';
  return {
    ...listen,
    ...toDatabase(env),
    temporal: toTemporal(env, cwd),
    publicUrl: env.PUBLIC_URL?.replace(/\/+$/, '') ?? localUrl(listen),
    ...toKeys(env, dataDir, cwd),
    dataDir,
    cacheDir: resolve(cwd, env.COUNTERSIGN_CACHE_DIR ?? defaultCacheDir(env)),
    policiesDir: toPoliciesDir(env, cwd),
    temporalCliPath:
      env.TEMPORAL_CLI_PATH === undefined ? null : resolve(cwd, env.TEMPORAL_CLI_PATH),
    production,
    embedded: env.COUNTERSIGN_EMBEDDED === true && !production,
  };
}

/** The samples suit the sample people, so they go with the embedded default only. */
function toPoliciesDir(env: Environment, cwd: string): string | null {
  const own = env.DATABASE_URL !== undefined && env.COUNTERSIGN_EMBEDDED !== true;
  if (env.COUNTERSIGN_POLICIES === undefined && own) return null;
  return resolve(cwd, env.COUNTERSIGN_POLICIES ?? 'policies');
}

function toDatabase(env: Environment): Pick<Config, 'databaseUrl' | 'databaseLogins'> {
  return {
    databaseUrl: env.DATABASE_URL ?? null,
    databaseLogins: {
      app: env.DATABASE_APP_URL ?? null,
      sequencer: env.DATABASE_SEQUENCER_URL ?? null,
      reader: env.DATABASE_READER_URL ?? null,
    },
  };
}

function toKeys(
  env: Environment,
  dataDir: string,
  cwd: string,
): Pick<Config, 'log' | 'streamHead' | 'encryption'> {
  const folder = join(dataDir, 'keys');
  const logKeyFile = env.COUNTERSIGN_LOG_KEY_FILE ?? join(folder, 'log-signing-key.pem');
  const headKeyFile = env.COUNTERSIGN_STREAM_HEAD_KEY_FILE ?? join(folder, 'stream-head-key.pem');
  const encryptionKeyFile = env.COUNTERSIGN_ENCRYPTION_KEY_FILE ?? join(folder, 'encryption-key');
  return {
    log: {
      origin: env.LOG_ORIGIN ?? null,
      signingKey: env.LOG_SIGNING_KEY ?? null,
      previousKey: env.LOG_SIGNING_KEY_PREVIOUS ?? null,
      keyFile: resolve(cwd, logKeyFile),
      memoryDir: resolve(cwd, env.COUNTERSIGN_SIGNER_DIR ?? join(dataDir, 'signer')),
    },
    streamHead: { key: env.LOG_STREAM_HEAD_KEY ?? null, keyFile: resolve(cwd, headKeyFile) },
    encryption: {
      key: env.ENCRYPTION_KEY ?? null,
      keyFile: resolve(cwd, encryptionKeyFile),
    },
  };
}

function toTemporal(env: Environment, cwd: string): TemporalConfig {
  return {
    address: env.TEMPORAL_ADDRESS ?? null,
    namespace: env.TEMPORAL_NAMESPACE ?? 'default',
    apiKey: env.TEMPORAL_API_KEY ?? null,
    tls: toTls(env, cwd),
    taskQueue: env.COUNTERSIGN_TASK_QUEUE ?? 'countersign',
    uiUrl: env.COUNTERSIGN_TEMPORAL_UI_URL ?? null,
  };
}

function toTls(env: Environment, cwd: string): TlsConfig | null {
  const path = (value: string | undefined) => (value === undefined ? null : resolve(cwd, value));
  const tls = {
    certPath: path(env.TEMPORAL_TLS_CLIENT_CERT_PATH),
    keyPath: path(env.TEMPORAL_TLS_CLIENT_KEY_PATH),
    caPath: path(env.TEMPORAL_TLS_SERVER_CA_CERT_PATH),
    serverName: env.TEMPORAL_TLS_SERVER_NAME ?? null,
  };
  const meant = Object.values(tls).some((value) => value !== null) || env.TEMPORAL_API_KEY;
  return (env.TEMPORAL_TLS ?? Boolean(meant)) ? tls : null;
}

/** What no single variable shows. */
function contradictions(env: Environment): string[] {
  const problems: string[] = [];
  const cert = env.TEMPORAL_TLS_CLIENT_CERT_PATH !== undefined;
  const key = env.TEMPORAL_TLS_CLIENT_KEY_PATH !== undefined;
  if (cert !== key) {
    problems.push(
      'TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH must be set together',
    );
  }
  if (env.TEMPORAL_API_KEY !== undefined && env.TEMPORAL_ADDRESS === undefined) {
    problems.push('TEMPORAL_API_KEY is set, but TEMPORAL_ADDRESS, where it is meant for, is not');
  }
  return problems;
}

/** Where a program on this machine reaches a server that listens on `host`. */
export function localUrl({ host, port }: { host: string; port: number }): string {
  const any: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };
  const name = any[host] ?? (host.includes(':') ? `[${host}]` : host);
  return `http://${name}:${port}`;
}

/** @returns whether only programs on this machine can reach `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function withoutEmpty(
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
}

/** Values are never repeated: several variables hold secrets. */
function sentence(issue: z.core.$ZodIssue): string {
  return `${issue.path.join('.')} ${issue.message}`;
}

function defaultCacheDir(env: Environment): string {
  return join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'countersign');
}

function isPostgresUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, pathname } = new URL(value);
  return /^postgres(ql)?:$/.test(protocol) && pathname.length > 1;
}

function isHttpUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, search, hash } = new URL(value);
  return /^https?:$/.test(protocol) && search === '' && hash === '';
}

function isSigningKey(value: string): boolean {
  try {
    return createPrivateKey(value).asymmetricKeyType === 'ed25519';
  } catch {
    return false;
  }
}

function keyBytes(value: string): Uint8Array {
  const hex = /^[0-9a-fA-F]{64}$/.test(value);
  return Uint8Array.from(Buffer.from(value, hex ? 'hex' : 'base64'));
}
