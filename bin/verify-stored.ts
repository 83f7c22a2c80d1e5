import { verifyStoredChain } from '../application/chain.ts';
import { ApplicationError } from '../application/error.ts';
import type { ChainReport } from '../ledger/verify.ts';
import { readConfig, type Config } from './config.ts';
import { withDatabase } from './with-database.ts';
import { SetupError } from './setup-error.ts';
import { EXIT } from './verify-exit.ts';
import { openDeps } from './wire.ts';

/**
 * Verifies the chain of one request in the database.
 *
 * @returns the exit code.
 * @throws SetupError where there is no database, or no such request in it.
 */
export async function verifyStored(id: string, asJson: boolean): Promise<number> {
  const report = await withDatabase(readConfig(), 'reader', (config) => readReport(config, id));
  process.stdout.write(asJson ? `${jsonOf(id, report)}\n` : textOf(id, report));
  if (!report.valid) return EXIT.invalid;
  return report.unopened > 0 ? EXIT.incomplete : EXIT.valid;
}

async function readReport(config: Config, id: string): Promise<ChainReport> {
  const deps = await openDeps(config, 2, 'reader');
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
