import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatVerifierKey } from '../../ledger/verifier-key.ts';
import { writeZip } from '../../ledger/zip.ts';
import { aBundle, BUNDLE_ORIGIN, logKey, logOf, storyBytes } from '../ledger/support/bundle.ts';
import { OTHER_STREAM, STREAM } from '../ledger/support/drafts.ts';
import { aSigningKey, bytesOf, flipped } from '../ledger/support/log.ts';

const program = fileURLToPath(new URL('../../bin/verify.ts', import.meta.url));
const key = formatVerifierKey(logKey.verifierKey);
const IT_IS = new RegExp(`^request ${STREAM}$`, 'm');
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'countersign-verify-'));
  const whole = await aBundle({ since: [4] });
  const record = whole.get('records/0004.json') ?? new Uint8Array();
  const at = Buffer.from(record).indexOf('"nonce":"') + 9;
  const less = await aBundle({
    mark: (path) => (path === 'rationale' ? 'not_disclosed' : 'disclosed'),
  });
  const leaves = [
    whole.get('keys/0000.json') ?? new Uint8Array(),
    bytesOf('a stranger'),
    ...storyBytes,
  ];
  const written = {
    'valid.zip': writeZip(whole),
    [`countersign-evidence-${STREAM} (1).zip`]: writeZip(whole),
    [`countersign-evidence-${OTHER_STREAM}.zip`]: writeZip(whole),
    'changed.zip': writeZip(new Map(whole).set('records/0004.json', flipped(record, at))),
    'less.zip': writeZip(less),
    'cut.zip': writeZip(whole).slice(0, 5_000),
    'key.txt': `# the key of our log\n${key}\n`,
    'old.checkpoint': await logOf(leaves).checkpoint(4),
    'newer.checkpoint': await logOf([...leaves, bytesOf('later')]).checkpoint(leaves.length + 1),
    'other.checkpoint': await logOf([bytesOf('rewritten'), ...leaves.slice(1)]).checkpoint(4),
  };
  for (const [name, content] of Object.entries(written)) writeFileSync(join(folder, name), content);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** In a folder where nothing is, and without settings: nothing of an installation is at hand. */
function verify(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: folder,
    env: {},
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

describe('npm run verify -- bundle.zip', () => {
  test.each([
    { args: ['valid.zip', '--key', key], status: 0, says: /^valid: 9 records/m },
    {
      args: ['valid.zip', '--key', 'key.txt', '--origin', BUNDLE_ORIGIN],
      status: 0,
      says: /^valid/m,
    },
    {
      args: ['valid.zip', '--key', key, '--since', 'old.checkpoint'],
      status: 0,
      says: /✓ consistency/,
    },
    {
      args: ['changed.zip', '--key', key],
      status: 1,
      says: /INCLUSION_FAILED at record 4, records\/0004.json/,
    },
    { args: ['cut.zip', '--key', key], status: 1, says: /BUNDLE_FORMAT/ },
    {
      args: ['valid.zip', '--key', key, '--since', 'other.checkpoint'],
      status: 1,
      says: /CONSISTENCY/,
    },
    {
      args: ['valid.zip', '--key', key, '--origin', 'other.example/log'],
      status: 1,
      says: /ORIGIN_MISMATCH/,
    },
    {
      args: ['valid.zip', '--key', key, '--since', 'newer.checkpoint'],
      status: 2,
      says: /ask for a newer bundle[^]*^incomplete: .* 1 checkpoint\(s\) of yours newer/m,
    },
    {
      args: ['changed.zip', '--key', key, '--since', 'newer.checkpoint'],
      status: 1,
      says: /INCLUSION_FAILED at record 4/,
    },
    { args: ['valid.zip', '--key', key, '--request', STREAM], status: 0, says: IT_IS },
    { args: [`countersign-evidence-${STREAM} (1).zip`, '--key', key], status: 0, says: IT_IS },
    {
      args: ['valid.zip', '--key', key, '--request', OTHER_STREAM],
      status: 1,
      says: /, and not .* which was asked for[^]*STREAM_MISMATCH at record 0/,
    },
    {
      args: [`countersign-evidence-${OTHER_STREAM}.zip`, '--key', key],
      status: 1,
      says: /STREAM_MISMATCH at record 0/,
    },
    { args: ['less.zip', '--key', key], status: 2, says: /^incomplete: .* 2 not disclosed/m },
  ])('$args ends with $status', ({ args, status, says }) => {
    const result = verify(...args);
    expect(result.stderr).toBe('');
    expect(result.stdout).toMatch(says);
    expect(result.status).toBe(status);
  });

  test('with another key believes nothing', () => {
    const other = formatVerifierKey(aSigningKey(BUNDLE_ORIGIN, 'e').verifierKey);
    expect(verify('valid.zip', '--key', other)).toMatchObject({ status: 1 });
  });

  test.each([
    { args: [], says: /^$/ },
    { args: ['valid.zip'], says: /--key/ },
    { args: ['absent.zip', '--key', key], says: /cannot be read/ },
    { args: ['valid.zip', '--key', 'absent.txt'], says: /cannot be read/ },
    { args: ['valid.zip', '--key', 'a+b+c'], says: /no verifier key/ },
    { args: ['valid.zip', '--key', key, '--since', 'key.txt'], says: /no checkpoint/ },
    { args: ['valid.zip', '--keys', key], says: /keys/ },
    { args: ['5f0c2a52-7d7e-4b0e-9a51-3f5a8f1f6c01', '--key', key], says: /for bundles/ },
  ])('$args is a mistake of the caller: 3', ({ args, says }) => {
    const result = verify(...args);
    expect(result.stderr).toMatch(says);
    expect(result.status).toBe(3);
  });

  test('--json says the same to programs', () => {
    const { status, stdout } = verify('changed.zip', '--key', key, '--json');
    const report = JSON.parse(stdout) as {
      verdict: string;
      problems: { code: string; seq: number }[];
    };
    expect(status).toBe(1);
    expect(report).toMatchObject({ verdict: 'invalid', origin: BUNDLE_ORIGIN });
    expect(report.problems[0]).toMatchObject({ code: 'INCLUSION_FAILED', seq: 4 });
  });
});
