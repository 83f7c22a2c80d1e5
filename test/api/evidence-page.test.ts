import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import vm from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifierScript } from '../../application/evidence-script.ts';
import type { BundleReport } from '../../ledger/bundle-report.ts';
import { sha256Hex } from '../../ledger/hash.ts';
import { newSigningKey, loadSigningKey } from '../../ledger/signer-key.ts';
import { formatVerifierKey } from '../../ledger/verifier-key.ts';
import { readZip, writeZip, type BundleFiles } from '../../ledger/zip.ts';
import { chromium, openTab, type Tab } from '../support/browser.ts';
import { submit } from '../support/acts.ts';
import { openStack, type Stack } from '../support/stack.ts';

const TITLE = 'Decline </title><script>document.title = "owned"</script> loan \u202e4711';
const RATIONALE = '<img src=x onerror="document.title=1"> & "both" payments\nare real.';

let stack: Stack;
let zip: Uint8Array;
let files: BundleFiles;
let key: string;
let otherKey: string;

beforeAll(async () => {
  stack = await openStack();
  const request = await submit(stack, { onBehalfOf: 'dana', riskTier: 'high', title: TITLE });
  const at = `/v1/requests/${request.id}`;
  await stack.call('eve', `${at}/view`);
  await stack.call('eve', `${at}/decisions`, {
    body: { verdict: 'reject', contentDigest: request.contentDigest, rationale: RATIONALE },
  });
  const response = await fetch(`${stack.address}${at}/evidence`, {
    headers: { Authorization: `Bearer ${stack.bearer('cora')}` },
  });
  zip = new Uint8Array(await response.arrayBuffer());
  files = readZip(zip);
  key = (await stack.call(null, '/v1/log/key')).text.trim();
  const other = loadSigningKey(stack.deps.origin, newSigningKey());
  otherKey = formatVerifierKey(other.verifierKey);
});
afterAll(() => stack.close());

const page = (): string => Buffer.from(files.get('index.html') ?? []).toString();

/** The page with one letter of a record changed, as somebody who wants to deceive would write it. */
function tampered(seq: number): string {
  const path = `records/000${seq}.json`;
  const before = Buffer.from(files.get(path) ?? []);
  const after = before
    .toString()
    .replace(/"nonce":"(.)/, (_, one) => `"nonce":"${one === '0' ? '1' : '0'}`);
  return page().replace(before.toString('base64'), Buffer.from(after).toString('base64'));
}

interface Verifier {
  verifyEmbedded(files: Record<string, string>, key: string): Promise<BundleReport>;
  verifyArchive(zip: Uint8Array, key: string, request?: string): Promise<BundleReport>;
}

/** Runs the very script of a page, with what a browser gives it and nothing of Node. */
function verifierOf(html: string): { verifier: Verifier; embedded: Record<string, string> } {
  const scripts = [...html.matchAll(/<script(?: [^>]*)?>([\s\S]*?)<\/script>/g)].map(
    ([, text]) => text,
  );
  const platform = { crypto, TextEncoder, TextDecoder, atob, btoa, DOMException, Uint8Array };
  const context = vm.createContext({ ...platform });
  vm.runInContext(scripts[1] ?? '', context);
  return {
    verifier: (context as { Countersign: Verifier }).Countersign,
    embedded: JSON.parse(scripts[0] ?? '') as Record<string, string>,
  };
}

describe('the page in a bundle', () => {
  test('holds every file but itself, the list and the seal', () => {
    const { embedded } = verifierOf(page());
    const rest = [...files.keys()].filter(
      (path) =>
        !['bundle.json', 'index.html', 'README.txt'].includes(path) && !path.startsWith('seal/'),
    );
    expect(Object.keys(embedded)).toEqual(rest);
    for (const [path, base64] of Object.entries(embedded))
      expect(base64).toBe(Buffer.from(files.get(path) ?? []).toString('base64'));
  });

  test('carries no address, and no words as markup', () => {
    const outside = page().replace(/<script[\s\S]*?<\/script>/g, '');
    expect(outside).not.toMatch(/<[a-z][^<>]*\s(?:src|href|on\w+|style)=/i);
    expect(outside).not.toMatch(/https?:|@import|url\(/);
    expect(outside).not.toContain('owned"</script>');
    expect(outside).toContain('&lt;/title&gt;&lt;script&gt;');
    expect(outside).toContain('[U+202E]');
    expect(outside).toContain('&lt;img src=x onerror=&quot;');
    expect(outside).toContain('content="default-src &#39;none&#39;; script-src &#39;sha256-');
  });

  test('verifies itself with the code of ledger/, run here without any Node module', async () => {
    const { verifier, embedded } = verifierOf(page());
    const report = await verifier.verifyEmbedded(embedded, `${key}\n`);
    expect(report.problems).toEqual([]);
    expect(report.verdict).toBe('valid');
    const archive = await verifier.verifyArchive(zip, key);
    expect(archive.verdict).toBe('valid');
    const own = await verifier.verifyArchive(zip, key, report.request ?? '');
    expect([own.verdict, own.request]).toEqual(['valid', report.request]);
    const other = await verifier.verifyArchive(zip, key, '5f0c2a52-7d7e-4b0e-9a51-3f5a8f1f6c01');
    expect(other.problems[0]).toMatchObject({ code: 'STREAM_MISMATCH' });
  });

  test('says so with another key, and names the record of which a letter was changed', async () => {
    const { verifier, embedded } = verifierOf(page());
    const stranger = await verifier.verifyEmbedded(embedded, otherKey);
    expect(stranger.problems[0]).toMatchObject({ code: 'UNKNOWN_KEY' });
    const changed = await verifier.verifyEmbedded(verifierOf(tampered(3)).embedded, key);
    expect(changed.problems[0]).toMatchObject({ code: 'INCLUSION_FAILED', seq: 3 });
  });

  test('that was changed is found in the ZIP', async () => {
    const { verifier } = verifierOf(page());
    const changed = new Map(files).set('index.html', Buffer.from(`${page()} `));
    const report = await verifier.verifyArchive(writeZip(changed), key);
    expect(report.problems[0]).toMatchObject({ code: 'BUNDLE_FORMAT', file: 'index.html' });
  });

  test('is made of the same script each time', async () => {
    const script = await verifierScript();
    expect(sha256Hex(script)).toBe(sha256Hex(await verifierScript()));
    expect(page()).toContain(script);
  });
});

const where = chromium === null ? 'SKIPPED: this machine has no Chromium' : `in ${chromium}`;

describe.skipIf(chromium === null)(`the page opened from the disk, ${where}`, () => {
  let tab: Tab;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'countersign-page-'));
    writeFileSync(join(folder, 'bundle.zip'), zip);
    tab = await openTab(chromium ?? '');
  });
  afterAll(async () => {
    await tab.close();
    rmSync(folder, { recursive: true });
  });

  async function open(html: string): Promise<void> {
    const path = join(folder, 'index.html');
    writeFileSync(path, html);
    await tab.open(pathToFileURL(path).href);
  }

  /** Pastes the key, presses the button and waits for the verdict. */
  function verifyWith(pasted: string): Promise<{ kind: string; said: string; bad: string[] }> {
    return tab.run(`(async () => {
      document.getElementById('key').value = ${JSON.stringify(pasted)};
      document.querySelector('#verify button').click();
      return (${WAIT})();
    })()`);
  }

  const WAIT = `async () => {
    const result = document.getElementById('result');
    for (let n = 0; n < 200 && !/valid|invalid|incomplete/.test(result.className); n++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    return { kind: result.className, said: result.innerText, bad: [...document.querySelectorAll('.bad')].map((row) => row.id) };
  }`;

  test('passes with the key, without network, without a complaint, and its words stay words', async () => {
    await open(page());
    expect(await verifyWith(key)).toMatchObject({ kind: 'result valid', bad: [] });
    expect(await tab.run('document.title')).toContain('Decline </title><script>');
    expect(tab.complaints).toEqual([]);
    expect(await tab.run('isSecureContext && location.protocol')).toBe('file:');
  });

  test('fails with another key, and names a changed record', async () => {
    await open(page());
    expect(await verifyWith(otherKey)).toMatchObject({ kind: 'result invalid' });
    await open(tampered(3));
    const changed = await verifyWith(key);
    expect(changed.kind).toBe('result invalid');
    expect(changed.said).toContain('INCLUSION_FAILED');
    expect(changed.bad).toContain('record-3');
    expect(await verifyWith('nonsense')).toMatchObject({ kind: 'result invalid' });
  });

  test('checks the ZIP that is given to it', async () => {
    await open(page());
    const base64 = readFileSync(join(folder, 'bundle.zip')).toString('base64');
    const answer = await tab.run<{ kind: string; said: string }>(`(async () => {
      document.getElementById('key').value = ${JSON.stringify(key)};
      const bytes = Uint8Array.from(atob(${JSON.stringify(base64)}), (one) => one.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], 'bundle.zip'));
      const input = document.getElementById('zip');
      input.files = transfer.files;
      input.dispatchEvent(new Event('change'));
      return (${WAIT})();
    })()`);
    expect(answer.kind).toBe('result valid');
    expect(answer.said).toContain('the one that the log sealed');
  });

  test.each([390, 1280])('fits a screen of %i pixels', async (width) => {
    await open(page());
    await tab.picture({ width });
    expect(await tab.run<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(
      width,
    );
  });
});
