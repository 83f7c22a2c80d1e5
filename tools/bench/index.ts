/**
 * `npm run bench`: measures the product beside the least that could do the same job, in one run on one
 * machine, and prints Markdown. What each side does is told in docs/benchmarks.md.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { describeMachine, describeVersions, isInMemory } from './machine.ts';
import { measureGated } from './measure-gated.ts';
import { measureLedger } from './measure-ledger.ts';
import { measureRest } from './measure-rest.ts';
import { measureStart } from './measure-start.ts';
import { HELP, readOptions, UsageError, type Options } from './options.ts';
import { profileReport } from './profile.ts';
import { createReport, type Place } from './servers.ts';
import { openStage } from './stage.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const DOCUMENT = join(ROOT, 'docs', 'benchmarks.md');
/** The log has a place of its own: with a million records it takes long, and is measured alone. */
const MARKS = {
  product: ['<!-- bench:begin -->', '<!-- bench:end -->'],
  ledger: ['<!-- bench:ledger:begin -->', '<!-- bench:ledger:end -->'],
} as const;

const report = createReport();
const abort = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => abort.abort(new Error(`stopped by ${signal}`)));

process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = readOptions(args);
    if (options === null) report.say(HELP);
    else await run(withPaths(options));
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      report.warn(`${error.message}; npm run bench -- --help explains`);
      return 2;
    }
    const reason: unknown = abort.signal.aborted ? abort.signal.reason : error;
    report.warn(reason instanceof Error ? reason.message : String(reason));
    return 1;
  }
}

function withPaths(options: Options): Options {
  const folder = options.folder === null ? null : resolve(options.folder);
  const profile = options.profile === null ? null : resolve(options.profile);
  if (profile !== null) mkdirSync(profile, { recursive: true });
  return { ...options, folder, profile };
}

async function run(options: Options): Promise<void> {
  const place: Place = { root: ROOT, parent: options.folder, report, signal: abort.signal };
  if (isInMemory(options.folder ?? tmpdir()))
    throw new UsageError('the data would lie in memory, where fsync is free: use --folder');
  const parts: string[] = [];
  const ledger: string[] = [];
  const machine = describeMachine();
  let temporalCli: string | null = null;
  if (options.measures.some((one) => one !== 'start')) {
    const stage = await openStage(place, options);
    temporalCli = stage.servers.temporalCli;
    try {
      if (options.measures.includes('gated')) parts.push(await measureGated(stage));
      if (options.measures.includes('rest')) parts.push(await measureRest(stage));
      if (options.measures.includes('ledger')) ledger.push(await measureLedger(stage)); // stops the API
    } finally {
      await stage.close();
    }
  }
  if (options.measures.includes('start')) parts.push(await measureStart(place, options));
  const versions = describeVersions(ROOT, temporalCli);
  const how = `Rounds: ${options.rounds} of ${options.seconds} s for each side, in turn, after ${options.warmUpSeconds} s of warm-up.`;
  const facts = [...machine, versions, how].map((line) => `- ${line}`).join('\n');
  report.say(`\n${[facts, ...parts, ...ledger].join('\n\n')}\n`);
  if (options.profile !== null) report.say(profileReport(options.profile, ROOT));
  if (!options.write) return;
  if (parts.length > 0) write([facts, ...parts].join('\n\n'), MARKS.product);
  if (ledger.length > 0) write([facts, ...ledger].join('\n\n'), MARKS.ledger);
}

/** Replaces what the last run wrote; the words around it are people's. */
function write(text: string, [begin, end]: readonly [string, string]): void {
  const before = readFileSync(DOCUMENT, 'utf8');
  const [from, to] = [before.indexOf(begin), before.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${DOCUMENT} lacks the marks ${begin} and ${end}`);
  const after = `${before.slice(0, from)}${begin}\n\n${text}\n\n${before.slice(to)}`;
  writeFileSync(DOCUMENT, after);
  report.say('docs/benchmarks.md is written');
}
