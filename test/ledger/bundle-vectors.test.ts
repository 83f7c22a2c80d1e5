import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

import { sha256 } from '../../ledger/hash.ts';
import { noteVerifier, parseVerifierKey } from '../../ledger/verifier-key.ts';
import { verifyBundle } from '../../ledger/verify-bundle.ts';
import { readZip } from '../../ledger/zip.ts';
import { nameOf } from './support/bundle.ts';
import { flipped } from './support/log.ts';

// Made once when version 1 of records and of bundles was frozen, never edited: what was valid stays valid.

const read = (name: string): Uint8Array =>
  readFileSync(new URL(`../vectors/v1-bundle/${name}`, import.meta.url));

async function verify(files: ReadonlyMap<string, Uint8Array>) {
  const key = await parseVerifierKey(Buffer.from(read('log.vkey')).toString().trim(), sha256);
  const logKeys = [await noteVerifier(key)];
  const trust = { origin: key.name, logKeys, oldCheckpoints: [read('old.checkpoint')] };
  return verifyBundle({ files, trust, sha256 });
}

describe('the golden bundle of version 1', () => {
  test('is valid, and continues the checkpoint kept beside it', async () => {
    const report = await verify(readZip(read('valid.zip')));
    expect([report.problems, report.verdict]).toEqual([[], 'valid']);
    expect(report.checks.map(({ result }) => result)).toEqual(Array(10).fill('passed'));
    expect(report.records.map(({ record }) => record?.kind)).toEqual([
      'requested',
      'policy_bound',
      'stage_opened',
      'viewed',
      'decided',
      'viewed',
      'decided',
      'resolved',
      'closed',
    ]);
  });

  test('without two texts is incomplete', async () => {
    const files = readZip(read('incomplete.zip'));
    const report = await verify(files);
    // It was made for a reader without a checkpoint of their own.
    expect(report.problems.map(({ code }) => code)).toEqual(['CONSISTENCY']);
    expect(report.absent).toEqual({ not_disclosed: 2, erased: 0, not_kept: 0 });
  });

  test.each([
    ['records/0004.json', 'NOT_CANONICAL@4'],
    ['proofs/0004.tlog-proof', 'PROOF_FORMAT@4'],
    ['blobs/index.json', 'BUNDLE_FORMAT@-'],
    ['bundle.json', 'EXPORT_SEAL@9'],
    ['README.txt', 'BUNDLE_FORMAT@-'],
  ])('with its first byte of %s changed is refused as %s', async (path, name) => {
    const files = new Map(readZip(read('valid.zip')));
    files.set(path, flipped(files.get(path) ?? new Uint8Array(1), 0));
    expect(nameOf(await verify(files))).toBe(name);
  });
});
