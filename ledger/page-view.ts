import type { BundleProblem, BundleReport } from './bundle-report.ts';
import { LedgerError } from './error.ts';

// The live part of the page inside a bundle: a key goes in, what was checked comes out. Everything is
// written as text, never as markup.

/** The few things of a browser that are used here; Node's types do not name them. */
type Element = {
  textContent: string | null;
  className: string;
  value: string;
  hidden: boolean;
  disabled: boolean;
  readonly classList: { add(name: string): void; remove(name: string): void };
  readonly files: ArrayLike<PageFile> | null;
  append(...nodes: (Element | string)[]): void;
  replaceChildren(...nodes: Element[]): void;
  addEventListener(type: string, listener: (event: PageEvent) => void): void;
};
type PageFile = { readonly size: number; arrayBuffer(): Promise<ArrayBuffer> };
type PageEvent = {
  preventDefault(): void;
  readonly dataTransfer: { readonly files: ArrayLike<PageFile> } | null;
};
type Page = {
  getElementById(id: string): Element | null;
  createElement(name: string): Element;
  querySelectorAll(selector: string): Iterable<Element>;
  readonly documentElement: Element;
};

export type Verifiers = {
  readonly verifyEmbedded: (
    files: Readonly<Record<string, string>>,
    key: string,
  ) => Promise<BundleReport>;
  readonly verifyArchive: (
    archive: Uint8Array,
    key: string,
    request?: string,
  ) => Promise<BundleReport>;
};

const STEP_WORDS: Readonly<Record<BundleReport['checks'][number]['step'], string>> = {
  checkpoint: 'The log is signed with the key that you hold',
  records: 'Every record is in the signed log, unchanged',
  chain: 'The records follow each other without a gap',
  procedure: 'The procedure was kept: who decided, on what, in which order',
  head: 'Nothing was cut off at the end',
  consistency: 'The log continues the one that you knew',
  disclosed: 'Texts, people and contents are the ones that were sealed',
  erasures: 'What was erased was erased by a sealed act',
  seal: 'The list of files is the one that the log sealed',
  files: 'Every file is the one that was listed',
};
const MARK = { passed: '✓', failed: '✗', skipped: '–' } as const;

/** Does nothing outside of a page. */
export function startPage(verifiers: Verifiers): void {
  const page = (globalThis as { readonly document?: Page }).document;
  if (page === undefined) return;
  const at = (id: string): Element => {
    const element = page.getElementById(id);
    if (element === null) throw new TypeError(`the page has no ${id}`);
    return element;
  };
  const key = at('key');
  const embedded = JSON.parse(at('files').textContent ?? '{}') as Record<string, string>;
  const run = (what: string, verify: () => Promise<BundleReport>): void => {
    const done = show(page, at, what);
    verify().then(
      (report) => done.report(report),
      (error: unknown) => done.fault(error),
    );
  };
  const runArchive = (files: ArrayLike<PageFile> | null): void => {
    const file = files?.[0];
    if (file === undefined) return;
    run('the whole ZIP, with its list of files and its seal', async () => {
      const { request } = await verifiers.verifyEmbedded(embedded, key.value);
      const bytes = new Uint8Array(await file.arrayBuffer());
      return verifiers.verifyArchive(bytes, key.value, request ?? undefined);
    });
  };
  at('live').hidden = false;
  at('verify').addEventListener('submit', (event) => {
    event.preventDefault();
    run('the files in this page', () => verifiers.verifyEmbedded(embedded, key.value));
  });
  at('zip').addEventListener('change', () => runArchive(at('zip').files));
  page.documentElement.addEventListener('dragover', (event) => event.preventDefault());
  page.documentElement.addEventListener('drop', (event) => {
    event.preventDefault();
    runArchive(event.dataTransfer?.files ?? null);
  });
}

/** Clears what an earlier run said. @returns what says the outcome of this one */
function show(page: Page, at: (id: string) => Element, what: string) {
  const result = at('result');
  for (const row of page.querySelectorAll('.bad')) row.classList.remove('bad');
  for (const note of page.querySelectorAll('.said')) note.textContent = '';
  result.className = 'result';
  const line = (name: string, text: string): Element => {
    const element = page.createElement(name);
    element.textContent = text;
    return element;
  };
  const verdict = (kind: string, title: string, ...more: Element[]): void => {
    result.className = `result ${kind}`;
    result.replaceChildren(line('h3', title), ...more);
  };
  verdict('', 'Checking …');
  return {
    report(report: BundleReport): void {
      const list = page.createElement('ul');
      for (const { step, result: outcome, detail } of report.checks) {
        const item = line('li', `${MARK[outcome]} ${STEP_WORDS[step]}: ${detail}`);
        item.className = outcome;
        list.append(item);
      }
      for (const problem of report.problems) markRecord(page, problem);
      verdict(
        report.verdict,
        titleOf(report),
        line('p', `Checked: ${what}, of request ${report.request ?? 'unknown'}.`),
        ...problemsOf(report, line),
        list,
      );
    },
    fault(error: unknown): void {
      verdict('invalid', 'Could not be checked', line('p', faultText(error)));
    },
  };
}

function titleOf({ verdict, records, absent }: BundleReport): string {
  if (verdict === 'valid') return `Valid: ${records.length} records, and everything that they name`;
  if (verdict === 'invalid') return 'INVALID: do not rely on this bundle';
  const { not_disclosed: hidden, erased, not_kept: lost } = absent;
  return `Incomplete: nothing is wrong, but ${hidden} not disclosed, ${erased} erased, ${lost} not kept`;
}

function problemsOf(
  { problems }: BundleReport,
  line: (name: string, text: string) => Element,
): Element[] {
  return problems.slice(0, 5).map(({ code, seq, file, detail }) => {
    const where = [seq === null ? '' : `record ${seq}`, file ?? ''].filter((part) => part !== '');
    const text = `${code}${where.length === 0 ? '' : ` at ${where.join(', ')}`}: ${detail}`;
    const element = line('p', text);
    element.className = 'problem';
    return element;
  });
}

/** The row of the story that a problem is about. */
function markRecord(page: Page, { seq, code, detail }: BundleProblem): void {
  if (seq === null) return;
  page.getElementById(`record-${seq}`)?.classList.add('bad');
  const note = page.getElementById(`said-${seq}`);
  if (note !== null && note.textContent === '') note.textContent = `✗ ${code}: ${detail}`;
}

function faultText(error: unknown): string {
  if (error instanceof LedgerError && error.code === 'KEY_FORMAT')
    return 'This is no verifier key. It is one line: name+8 hex digits+base64.';
  if (error instanceof LedgerError) return `${error.code}: ${error.message}`;
  const name = (error as { readonly name?: unknown } | null)?.name;
  if (name === 'NotSupportedError' || typeof crypto === 'undefined' || crypto.subtle === undefined)
    return 'This browser cannot check Ed25519 signatures here. Use a newer one, or "npm run verify".';
  return String(error);
}
