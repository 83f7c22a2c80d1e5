import './page-config.ts';

import { fromBase64 } from './base64.ts';
import type { BundleReport, BundleTrust } from './bundle-report.ts';
import { LedgerError } from './error.ts';
import { startPage } from './page-view.ts';
import { noteVerifier, parseVerifierKey } from './verifier-key.ts';
import { verifyBundle, verifyBundleContent } from './verify-bundle.ts';
import { readZip, type BundleFiles } from './zip.ts';

// What the page inside a bundle runs: the verifier itself, with the browser's own SHA-256 and Ed25519.
// Bundled into one script when a bundle is made; nothing is loaded from anywhere.

/** @param bytes of any length. @returns 32 bytes */
async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes)));
}

/**
 * @param keyLine as the reader pasted it: never from the page.
 * @throws LedgerError KEY_FORMAT
 */
async function trustOf(keyLine: string): Promise<BundleTrust> {
  const key = await parseVerifierKey(keyLine.trim(), sha256);
  return { origin: key.name, logKeys: [await noteVerifier(key)] };
}

/** Checks the files that the page carries: all but itself, the list of files and its seal. */
export async function verifyEmbedded(
  embedded: Readonly<Record<string, string>>,
  keyLine: string,
): Promise<BundleReport> {
  const trust = await trustOf(keyLine);
  return verifyBundleContent({ files: filesOf(embedded), trust, sha256 });
}

/**
 * Checks the whole ZIP: the list of files, its seal and this page, too.
 *
 * @param request the one that the page is of; a ZIP of another one is not what it seems.
 */
export async function verifyArchive(
  archive: Uint8Array,
  keyLine: string,
  request?: string,
): Promise<BundleReport> {
  const trust = { ...(await trustOf(keyLine)), ...(request === undefined ? {} : { request }) };
  return verifyBundle({ files: readZip(archive), trust, sha256 });
}

function filesOf(embedded: Readonly<Record<string, string>>): BundleFiles {
  const entries = Object.entries(embedded).map(([path, base64]) => {
    const bytes = fromBase64(base64);
    if (bytes === null) throw new LedgerError('BUNDLE_FORMAT', `not base64: ${path}`);
    return [path, bytes] as const;
  });
  return new Map(entries);
}

startPage({ verifyEmbedded, verifyArchive });
