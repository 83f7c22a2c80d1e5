import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError, processEnvironment, readConfig, VARIABLES, type Config } from './config.ts';
import { readDevCredentials, type DevCredentials } from './embedded/dev-credentials.ts';
import { createReport, type Report } from './embedded/report.ts';
import { supervise, type Ready } from './embedded/supervisor.ts';
import { curlToShow, curlToSubmit, submitSamples, type Submitted } from './samples.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const KEY_LIMIT_MS = 5_000;

process.stdout.on('error', () => {}); // the terminal is gone: the servers still stop in order
process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  const [option] = args;
  if (option === '--help' || option === '-h') return showHelp();
  if (option !== undefined) {
    process.stderr.write(`npm start knows no "${option}"; npm start -- --help explains.\n`);
    return 2;
  }
  const report = createReport();
  const config = configOrNull();
  if (config === null) return 2;
  return supervise({
    config,
    report,
    root: ROOT,
    env: processEnvironment(),
    scripts: {
      prepare: join(ROOT, 'bin', 'prepare.ts'),
      log: join(ROOT, 'bin', 'log.ts'),
      worker: join(ROOT, 'bin', 'worker.ts'),
      api: join(ROOT, 'bin', 'api.ts'),
    },
    onReady: (ready) => welcome(config, ready, report),
  });
}

function configOrNull(): Config | null {
  try {
    return readConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return null;
  }
}

function showHelp(): number {
  const width = Math.max(...VARIABLES.map(({ name }) => name.length));
  const rows = VARIABLES.map(({ name, meaning, fallback }) => {
    const otherwise = fallback === '' ? '' : ` (otherwise: ${fallback})`;
    return `  ${name.padEnd(width)}  ${meaning}${otherwise}`;
  });
  process.stdout.write(
    [
      'npm start: starts PostgreSQL, Temporal, the worker and the API, and keeps them running.',
      'Ctrl-C drains and stops what it started, in order; a second Ctrl-C hurries.',
      'State lies in .countersign/ and survives a restart. Logs: .countersign/logs/.',
      '',
      'Environment variables:',
      ...rows,
      '',
    ].join('\n'),
  );
  return 0;
}

/** What a person needs to go on. */
async function welcome(config: Config, ready: Ready, report: Report): Promise<void> {
  const path = join(config.dataDir, 'dev-credentials.json');
  const credentials = ready.embedded ? readDevCredentials(path) : null;
  const samples = credentials === null ? [] : await trySamples(ready, credentials, report);
  const lines = [
    '',
    'Countersign runs.',
    ...addresses(config, ready, await logKey(ready, credentials)),
    ...(credentials === null ? withoutSamples(config, ready) : people(credentials, path)),
    ...sampleLines(samples),
    ...(credentials === null ? [] : curlLines(ready, credentials, samples)),
    '',
    'Ctrl-C stops everything.',
  ];
  for (const line of lines) report.say(line);
}

/** A rotated or revoked sample key is no reason not to run. */
async function trySamples(
  { apiUrl }: Ready,
  credentials: DevCredentials,
  report: Report,
): Promise<readonly Submitted[]> {
  try {
    return await submitSamples(apiUrl, credentials);
  } catch (error) {
    report.warn(`No samples: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
}

/** The operator hands it on; verifiers must not take it from the log itself. */
async function logKey({ apiUrl }: Ready, credentials: DevCredentials | null): Promise<string> {
  if (credentials?.log.verifierKey) return credentials.log.verifierKey;
  const path = `${apiUrl}/v1/log/key`;
  try {
    const response = await fetch(path, { signal: AbortSignal.timeout(KEY_LIMIT_MS) });
    if (response.ok) return (await response.text()).trim();
    return `(${path} answered ${response.status})`;
  } catch (error) {
    return `(${path}: ${error instanceof Error ? error.message : String(error)})`;
  }
}

function addresses(config: Config, ready: Ready, key: string): string[] {
  const rows: [string, string | null][] = [
    ['API', config.publicUrl],
    ['docs', `${config.publicUrl}/docs`],
    ['Temporal', ready.temporalAddress],
    ['Temporal UI', ready.temporalUiUrl],
    ['database', withoutPassword(ready.databaseUrl)],
    ['log key', key],
  ];
  return rows.flatMap(([name, value]) => (value === null ? [] : [`  ${name.padEnd(12)}${value}`]));
}

function withoutPassword(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  url.password = '';
  url.search = ''; // may hold another password
  return url.href;
}

function people({ people: all }: DevCredentials, path: string): string[] {
  const rows = all.map(({ id, roles }) => `  ${id.padEnd(12)}${roles.join(', ')}`);
  return ['', `Sample people (tokens and the app's key: ${path}):`, ...rows];
}

function sampleLines(samples: readonly Submitted[]): string[] {
  if (samples.length === 0) return [];
  const rows = samples.map(({ kind, id, status }) => `  ${id}  ${kind}, ${status}`);
  return ['', 'Sample requests:', ...rows];
}

function withoutSamples(config: Config, ready: Ready): string[] {
  if (config.databaseUrl !== null || ready.embedded) return [];
  return ['', `There are no sample people: HOST=${config.host} is not loopback, or production.`];
}

function curlLines(
  { apiUrl }: Ready,
  credentials: DevCredentials,
  samples: readonly Submitted[],
): string[] {
  const show = curlToShow(apiUrl, credentials, samples[0]?.id ?? null);
  const title = samples.length === 0 ? 'Show the newest requests:' : 'Show a sample request:';
  return ['', 'Submit an AI decision:', curlToSubmit(apiUrl, credentials), '', title, show];
}
