import { parseArgs } from 'node:util';
import { verifyStoredChain } from '../application/chain.ts';
import { ApplicationError } from '../application/error.ts';
import type { ChainReport } from '../ledger/verify.ts';
import { readConfig } from './config.ts';
import { embeddedDatabaseUrl } from './embedded/postgres.ts';
import { openDeps, SetupError } from './wire.ts';

const HELP = `npm run verify -- <request id> [--json]

Recomputes the chain of one request from the exact bytes of its records: form, order, links, time,
the rules of the procedure, and every opening that is still there. Reads DATABASE_URL, or the
embedded database of a running \`npm start\`.

Exit code: 0 valid, 1 invalid, 2 incomplete (something is not disclosed or erased), 3 usage or fault.
`;

const VALID = 0;
const INVALID = 1;
const INCOMPLETE = 2;
const USAGE = 3;

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${message}\n`);
  return USAGE;
});

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { json: { type: 'boolean' }, help: { type: 'boolean' } },
  });
  const [id] = positionals;
  if (values.help === true || id === undefined || positionals.length > 1) {
    process.stdout.write(HELP);
    return values.help === true ? VALID : USAGE;
  }
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id))
    throw new SetupError(`"${id}" is not the id of a request.`);
  const report = await verify(id);
  process.stdout.write(values.json === true ? `${jsonOf(id, report)}\n` : textOf(id, report));
  if (!report.valid) return INVALID;
  return report.unopened > 0 ? INCOMPLETE : VALID;
}

async function verify(id: string): Promise<ChainReport> {
  const config = readConfig();
  const databaseUrl = config.databaseUrl ?? (await embeddedDatabaseUrl(config.dataDir));
  if (databaseUrl === null)
    throw new SetupError('No database: start Countersign (`npm start`) or set DATABASE_URL.');
  const deps = await openDeps({ ...config, databaseUrl }, 2);
  try {
    return await verifyStoredChain(deps, id);
  } catch (error) {
    if (error instanceof ApplicationError && error.code === 'NOT_FOUND')
      throw new SetupError(`There is no request ${id} in this database.`);
    throw error;
  } finally {
    await deps.db.close();
  }
}

function jsonOf(id: string, report: ChainReport): string {
  const { valid, problems, unopened } = report;
  const records = report.records.map(({ leafHash, record }) => ({
    seq: record?.seq ?? null,
    kind: record?.kind ?? null,
    ts: record?.ts ?? null,
    leafHash,
  }));
  return JSON.stringify({ requestId: id, valid, problems, unopened, records }, null, 2);
}

function textOf(id: string, report: ChainReport): string {
  const rows = report.records.map(({ position, leafHash, record }) => {
    const bad = report.problems.some((problem) => problem.seq === (record?.seq ?? position));
    const seq = String(record?.seq ?? position).padStart(4);
    const kind = (record?.kind ?? '?').padEnd(14);
    return `${bad ? '✗' : '✓'} ${seq}  ${record?.ts ?? '?'.padEnd(24)}  ${kind} ${leafHash}`;
  });
  const problems = report.problems.map(
    ({ code, seq, detail }) => `  ${code} at record ${seq ?? '–'}: ${detail}`,
  );
  const count = `${report.records.length} records`;
  const open =
    report.unopened === 0
      ? 'every commitment opened'
      : `${report.unopened} commitments not opened (not disclosed or erased)`;
  const verdict = report.valid
    ? [`valid: ${count}, ${open}`]
    : [`INVALID: ${count}, ${report.problems.length} problems`, ...problems];
  return `${[`request ${id}`, ...rows, ...verdict].join('\n')}\n`;
}
