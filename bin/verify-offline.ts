import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { BundleReport, BundleTrust } from '../ledger/bundle-report.ts';
import { openCheckpoint } from '../ledger/checkpoint.ts';
import { LedgerError } from '../ledger/error.ts';
import { sha256 } from '../ledger/hash.ts';
import { noteVerifier, parseVerifierKey } from '../ledger/verifier-key.ts';
import { verifyBundle } from '../ledger/verify-bundle.ts';
import { readZip } from '../ledger/zip.ts';
import { SetupError } from './setup-error.ts';
import { EXIT } from './verify-exit.ts';

export interface OfflineOptions {
  /** Verifier keys, or files of them, one a line. */
  readonly keys: readonly string[];
  /** Null: the name of the first key. */
  readonly origin: string | null;
  /** The request that the bundle must be of; null: the one in its name, where it has the name that we give. */
  readonly request: string | null;
  /** Files with checkpoints kept from before. */
  readonly since: readonly string[];
  readonly asJson: boolean;
}

/**
 * Verifies an evidence bundle with nothing but the keys given: no network, no database, no settings.
 *
 * @returns the exit code.
 * @throws SetupError for a file that cannot be read or a key that is none.
 */
export async function verifyOffline(path: string, options: OfflineOptions): Promise<number> {
  const request = options.request ?? OUR_NAME.exec(basename(path))?.[1] ?? null;
  const trust = { ...(await trustOf(options)), ...(request === null ? {} : { request }) };
  const archive = await read(path);
  const report = await reportOf(archive, trust);
  const text = options.asJson
    ? `${JSON.stringify({ bundle: path, origin: trust.origin, ...jsonOf(report) }, null, 2)}\n`
    : textOf(path, trust, report);
  process.stdout.write(text);
  return EXIT[report.verdict];
}

/** A copy may have more behind it; another id in it is another request. */
const OUR_NAME = /^countersign-evidence-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/;

async function trustOf({ keys, origin, since }: OfflineOptions): Promise<BundleTrust> {
  if (keys.length === 0)
    throw new SetupError(
      'Say which key you trust: --key <verifier key, or a file with it>. It never comes from the bundle.',
    );
  const lines = (await Promise.all(keys.map(keyLines))).flat();
  const parsed = await Promise.all(
    lines.map((line) =>
      parseVerifierKey(line, sha256).catch((error: unknown) => {
        if (!(error instanceof LedgerError)) throw error;
        throw new SetupError(`"${line.slice(0, 80)}" is no verifier key: ${error.message}.`);
      }),
    ),
  );
  const logKeys = await Promise.all(parsed.map(noteVerifier));
  const trust = { origin: origin ?? parsed[0]?.name ?? '', logKeys };
  const oldCheckpoints = await Promise.all(since.map(read));
  await Promise.all(oldCheckpoints.map((note, at) => assertOpens(note, trust, since[at] ?? '')));
  return { ...trust, oldCheckpoints };
}

/** A file that the reader named must be what they take it for; the bundle is not to blame. */
async function assertOpens(note: Uint8Array, trust: BundleTrust, path: string): Promise<void> {
  try {
    await openCheckpoint(note, trust);
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    throw new SetupError(`${path} is no checkpoint of ${trust.origin}: ${error.message}.`);
  }
}

async function keyLines(keyOrFile: string): Promise<string[]> {
  const isKey = keyOrFile.includes('+') && !existsSync(keyOrFile);
  const text = isKey ? keyOrFile : (await read(keyOrFile)).toString();
  const lines = text.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new SetupError(`${path} cannot be read.`, { cause });
  }
}

async function reportOf(archive: Uint8Array, trust: BundleTrust): Promise<BundleReport> {
  try {
    return await verifyBundle({ files: readZip(archive), trust, sha256 });
  } catch (error) {
    if (!(error instanceof LedgerError) || error.code !== 'BUNDLE_FORMAT') throw error;
    return unreadable(error.message);
  }
}

/** An archive that cannot be read is an invalid bundle, not a mistake of the reader. */
function unreadable(detail: string): BundleReport {
  return {
    verdict: 'invalid',
    request: null,
    problems: [{ step: 'files', code: 'BUNDLE_FORMAT', seq: null, file: null, detail }],
    checks: [{ step: 'files', result: 'failed', detail: 'the archive' }],
    records: [],
    checkpoint: null,
    absent: { not_disclosed: 0, erased: 0, not_kept: 0 },
    newer: 0,
  };
}

function jsonOf({ records, ...report }: BundleReport): object {
  const rows = records.map(({ leafHash, record }) => ({
    seq: record?.seq ?? null,
    kind: record?.kind ?? null,
    ts: record?.ts ?? null,
    leafHash,
  }));
  return { ...report, records: rows };
}

const MARK = { passed: '✓', failed: '✗', skipped: '–' } as const;

function textOf(path: string, trust: BundleTrust, report: BundleReport): string {
  const { records, checks, problems, absent, newer, verdict } = report;
  const bad = new Set(problems.map(({ seq }) => seq));
  const rows = records.map(({ position, leafHash, record }) => {
    const seq = record?.seq ?? position;
    const kind = (record?.kind ?? '?').padEnd(14);
    return `${bad.has(seq) ? '✗' : '✓'} ${String(seq).padStart(4)}  ${record?.ts ?? '?'.padEnd(24)}  ${kind} ${leafHash}`;
  });
  const steps = checks.map(
    ({ step, result, detail }) => `${MARK[result]} ${step.padEnd(12)} ${detail}`,
  );
  const said = problems.map(({ code, seq, file, detail }) => {
    const where = [seq === null ? null : `record ${seq}`, file].filter((part) => part !== null);
    return `  ${code}${where.length === 0 ? '' : ` at ${where.join(', ')}`}: ${detail}`;
  });
  const missing = `${absent.not_disclosed} not disclosed, ${absent.erased} erased, ${absent.not_kept} not kept`;
  const unanswered = newer === 0 ? '' : `; ${newer} checkpoint(s) of yours newer than the bundle`;
  const verdicts = {
    valid: `valid: ${records.length} records, everything that they name is here`,
    incomplete: `incomplete: ${records.length} records, nothing is wrong; ${missing}${unanswered}`,
    invalid: `INVALID: ${problems.length} problems; the first one says what is wrong`,
  };
  const head = [
    `bundle ${path}`,
    `request ${requestText(trust, report)}`,
    `log    ${trust.origin} (key ${trust.logKeys.map(({ keyId }) => keyId).join(', ')})`,
  ];
  return `${[...head, ...rows, ...steps, verdicts[verdict], ...said].join('\n')}\n`;
}

/** Which request this is: a bundle of another one can be valid, too. */
function requestText({ request: asked }: BundleTrust, { request }: BundleReport): string {
  const said = request ?? 'unknown';
  if (asked === undefined || asked === request) return said;
  return `${said}, and not ${asked}, which was asked for`;
}
