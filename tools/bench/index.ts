/**
 * `npm run bench`: measures the product beside the least that could do the same job, in one run on one
 * machine, and prints Markdown. What each side does is told in docs/benchmarks.md.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { describeMachine, describeVersions, isInMemory } from './machine.ts';
import { measureGated } from './measure-gated.ts';
import { measureInbox } from './measure-inbox.ts';
import { measureLedger } from './measure-ledger.ts';
import { measurePending } from './measure-pending.ts';
import { measureRest } from './measure-rest.ts';
import { measureStart } from './measure-start.ts';
import { HELP, readOptions, UsageError, type Options } from './options.ts';
import { profileReport } from './profile.ts';
import { createReport, type Place } from './servers.ts';
import { openStage } from './stage.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const DOCUMENT = join(ROOT, 'docs', 'benchmarks.md');
/** What takes long with a million rows has a place of its own, and is measured alone. */
const MARKS = {
  product: ['<!-- bench:begin -->', '<!-- bench:end -->'],
  engine: ['<!-- bench:engine:begin -->', '<!-- bench:engine:end -->'],
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

/** What a run has found, as Markdown, by the place in the document that it belongs to. */
type Found = Readonly<Record<keyof typeof MARKS, string[]>>;

async function run(options: Options): Promise<void> {
  const place: Place = { root: ROOT, parent: options.folder, report, signal: abort.signal };
  if (isInMemory(options.folder ?? tmpdir()))
    throw new UsageError('the data would lie in memory, where fsync is free: use --folder');
  const found: Found = { product: [], engine: [], ledger: [] };
  const machine = describeMachine();
  const temporalCli = options.measures.some((one) => one !== 'start')
    ? await onStage(place, options, found)
    : null;
  if (options.measures.includes('start')) found.product.push(await measureStart(place, options));
  const versions = describeVersions(ROOT, temporalCli);
  const how = `Rounds: ${options.rounds} of ${options.seconds} s for each side, in turn, after ${options.warmUpSeconds} s of warm-up.`;
  const facts = [...machine, versions, how].map((line) => `- ${line}`).join('\n');
  report.say(`\n${[facts, ...Object.values(found).flat()].join('\n\n')}\n`);
  if (options.profile !== null) report.say(profileReport(options.profile, ROOT));
  if (!options.write) return;
  for (const [part, marks] of Object.entries(MARKS)) {
    const told = found[part as keyof typeof MARKS];
    if (told.length > 0) write([facts, ...told].join('\n\n'), marks);
  }
}

/** Everything that is measured on the product and its servers. @returns where their Temporal program is. */
async function onStage(place: Place, options: Options, found: Found): Promise<string> {
  const stage = await openStage(place, options);
  const measured = {
    gated: async () => found.product.push(await measureGated(stage)),
    rest: async () => found.product.push(await measureRest(stage)),
    pending: async () => found.engine.push(await measurePending(stage)),
    inbox: async () => found.engine.push(await measureInbox(stage)),
    ledger: async () => found.ledger.push(await measureLedger(stage)), // stops the API
  };
  try {
    for (const [name, measure] of Object.entries(measured))
      if ((options.measures as readonly string[]).includes(name)) await measure();
    return stage.servers.temporalCli;
  } finally {
    await stage.close();
  }
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
