import { createHash } from 'node:crypto';
import type { RequestState } from '../domain/request.ts';
import type { BundleContent } from '../ledger/bundle.ts';
import { blobPath } from '../ledger/bundle-format.ts';
import type { LedgerRecord } from '../ledger/record.ts';
import type { BundleFiles } from '../ledger/zip.ts';
import { asMarkup, markup, type Html } from './evidence-html.ts';
import { readStory, type Story, type StoryLine } from './evidence-story.ts';
import { verifierScript } from './evidence-script.ts';
import { EVIDENCE_STYLE } from './evidence-style.ts';

// `index.markup` of a bundle: the story for a person, and the verifier itself.

export interface PageSubject {
  readonly about: BundleContent['about'];
  readonly policy: RequestState['policy'];
}

/** Makes `index.markup`; the script is put together once in a process. */
export async function evidencePage(subject: PageSubject): Promise<BundleContent['page']> {
  const script = await verifierScript();
  return (files) => Buffer.from(`<!doctype html>\n${pageOf(subject, files, script).markup}\n`);
}

const hashSource = (text: string): string =>
  `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

function pageOf(subject: PageSubject, files: BundleFiles, script: string): Html {
  const { about } = subject;
  const policy = `default-src 'none'; script-src ${hashSource(script)}; style-src ${hashSource(EVIDENCE_STYLE)}; base-uri 'none'; form-action 'none'`;
  const embedded = Object.fromEntries(
    [...files].map(([path, bytes]) => [path, Buffer.from(bytes).toString('base64')]),
  );
  const story = readStory(files);
  const content = contentOf(files, story);
  const title =
    typeof content?.['title'] === 'string' ? content['title'] : `Request ${about.request}`;
  return markup`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta http-equiv="Content-Security-Policy" content="${policy}" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="referrer" content="no-referrer" />
      <title>Evidence: ${title}</title>
      <style>${asMarkup(EVIDENCE_STYLE)}</style>
    </head>
    <body>
      <main>
        ${header(story, title)} ${verifySection(about)} ${summary(subject, story, content)}
        ${timeline(story)} ${contents(files, story, content)} ${logSection(about)}
      </main>
      <script type="application/json" id="files">${asMarkup(JSON.stringify(embedded))}</script>
      <script>${asMarkup(script)}</script>
    </body>
  </html>`;
}

function header({ records }: Story, title: string): Html {
  const outcome = outcomeOf(records);
  return markup`<header>
    <p class="dim">Evidence of one request</p>
    <h1><bdi>${title}</bdi></h1>
    <p>
      <span class="outcome">${outcome?.body.resolution ?? 'not resolved yet'}</span>
      ${outcome === null ? null : markup`<span>at ${time(outcome.ts)}: the action ${outcome.body.may_proceed ? 'may' : 'may not'} proceed</span>`}
    </p>
    <p class="notice">
      <strong>This page is a help and not evidence.</strong> It came with the bundle, so whoever
      made the bundle made the page. What counts are the files beside it, checked with a verifier of
      your own and the key that you hold.
    </p>
  </header>`;
}

type Resolved = Extract<LedgerRecord, { readonly kind: 'resolved' }>;

function outcomeOf(records: readonly LedgerRecord[]): Resolved | null {
  const last = records.findLast((record) => record.kind === 'resolved');
  return last?.kind === 'resolved' ? last : null;
}

function verifySection({ origin }: PageSubject['about']): Html {
  return markup`<section aria-labelledby="verify-title">
    <h2 id="verify-title">Verify</h2>
    <div class="box">
      <noscript
        ><p>
          Scripts are off here. Use <code>npm run verify -- bundle.zip --key …</code>; README.txt
          says how.
        </p></noscript
      >
      <div id="live" hidden>
        <form id="verify">
          <label for="key">Verifier key of the log, as you hold it from elsewhere</label>
          <input
            type="text"
            id="key"
            name="key"
            autocomplete="off"
            spellcheck="false"
            required
            aria-describedby="key-help"
          />
          <p class="dim" id="key-help">
            One line that begins with <code>${origin}+</code>. Never take it from this bundle.
            Nothing leaves this page: it has no network.
          </p>
          <button type="submit">Verify</button>
        </form>
        <label for="zip"
          >Also check the list of files and its seal: choose the ZIP, or drop it on this page</label
        >
        <input type="file" id="zip" accept=".zip,application/zip" />
        <div id="result" class="result" role="status" aria-live="polite"></div>
      </div>
    </div>
  </section>`;
}

type Content = Readonly<Record<string, unknown>>;

/** What was submitted, as the record's digest names it; null where it is not in the bundle. */
function contentOf(files: BundleFiles, { records }: Story): Content | null {
  const ref = records[0]?.refs.find(({ name }) => name === 'request');
  const bytes = ref === undefined ? undefined : files.get(blobPath(ref.sha256));
  return bytes === undefined ? null : (JSON.parse(Buffer.from(bytes).toString()) as Content);
}

function summary({ about, policy }: PageSubject, story: Story, content: Content | null): Html {
  const { records, lines, nameOf } = story;
  const first = records[0];
  const decided = records.flatMap((record) => (record.kind === 'decided' ? [record] : []));
  const action = content?.['action'] as Content | undefined;
  const behalf = first?.kind === 'requested' ? first.body.on_behalf_of_c : null;
  const eligible = records.flatMap((record) =>
    record.kind === 'stage_opened' ? record.body.eligible_c : [],
  );
  const could = [...new Set(eligible)].map(nameOf).join(', ');
  return markup`<section aria-labelledby="summary-title">
    <h2 id="summary-title">In short</h2>
    <dl>
      <dt>Who asked</dt>
      <dd>
        ${lines[0]?.who ?? '?'}${behalf === null ? '' : `, on behalf of ${nameOf(behalf)}`}, at
        ${time(first?.ts ?? '')}
      </dd>
      <dt>For what</dt>
      <dd>
        <bdi
          >${action === undefined ? 'not disclosed' : `${text(action['operation'])} on ${text(action['target'])}`}</bdi
        >
      </dd>
      <dt>Under which rule</dt>
      <dd>${ruleInWords(policy)}</dd>
      <dt>Who could decide</dt>
      <dd>${could === '' ? 'nobody was asked' : could}</dd>
      <dt>Who decided</dt>
      <dd>
        ${decided.length === 0 ? 'nobody' : decided.map(({ body, ts, surface }) => markup`<div>${nameOf(body.person_c)}: ${body.verdict} at ${time(ts)} (${surface})</div>`)}
      </dd>
      <dt>Request</dt>
      <dd class="digest">${about.request}</dd>
    </dl>
  </section>`;
}

const text = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value);

function ruleInWords({ id, version, rule }: PageSubject['policy']): string {
  const head = `“${rule.name}” of policy ${id}, version ${version}`;
  const when = rule.when === null ? 'it always applies' : `it applies when ${rule.when}`;
  if (rule.effect !== 'review') return `${head}: ${when}; the policy itself says “${rule.effect}”`;
  const stages = rule.stages.map(({ name, groups, deadline }) => {
    const who = groups.map(({ role, quorum }) => `${quorum} of role ${role}`).join(' and ');
    return `“${name}”: ${who}${deadline === null ? '' : ` within ${durationInWords(deadline)}`}`;
  });
  return `${head}: ${when}; then ${stages.join(', then ')}`;
}

const UNITS: Readonly<Record<string, string>> = {
  D: 'day',
  W: 'week',
  TH: 'hour',
  TM: 'minute',
  TS: 'second',
};

/** `P1D` → `1 day`; what has more than one part stays as it is written. */
function durationInWords(duration: string): string {
  const [, time = '', count = '', letter = ''] = /^P(T?)(\d+)([DWHMS])$/.exec(duration) ?? [];
  const unit = UNITS[`${time}${letter}`];
  return unit === undefined ? duration : `${count} ${unit}${count === '1' ? '' : 's'}`;
}

function timeline({ lines }: Story): Html {
  return markup`<section aria-labelledby="story-title">
    <h2 id="story-title">What happened</h2>
    <ol class="story">
      ${lines.map(storyLine)}
    </ol>
  </section>`;
}

function storyLine({ seq, ts, what, who, surface, leafHash, facts, texts }: StoryLine): Html {
  return markup`<li id="record-${seq}">
    <span class="dim">${seq} · ${time(ts)}</span>
    <span class="what"><bdi>${what}</bdi></span>
    <span class="more"
      >by <bdi>${who}</bdi>, from ${surface}${facts.map((fact) => markup` · <bdi>${fact}</bdi>`)}
      ${texts.map(({ path, text: words, state }) =>
        words === null
          ? markup`<p class="dim">${path}: ${state.replace(/_/g, ' ')}</p>`
          : markup`<p class="dim">${path}</p>
              <blockquote dir="auto">${words}</blockquote>`,
      )}
      <span class="digest dim">record ${leafHash.slice(0, 16)}…</span>
      <span class="said" id="said-${seq}"></span
    ></span>
  </li> `;
}

function contents(files: BundleFiles, { records }: Story, content: Content | null): Html {
  const refs = new Map(records.flatMap((record) => record.refs.map((ref) => [ref.sha256, ref])));
  const rows = [...refs.values()].map(({ sha256, name }) => {
    const bytes = files.get(blobPath(sha256));
    const title = markup`${TITLES[name] ?? name}
      <span class="digest dim">${sha256.slice(0, 16)}…</span>`;
    if (bytes === undefined) return markup`<p>${title}: not in this bundle</p>`;
    return markup`<details>
      <summary>${title}</summary>
      <pre dir="auto">${readable(bytes)}</pre>
    </details>`;
  });
  return markup`<section aria-labelledby="contents-title">
    <h2 id="contents-title">What it was about</h2>
    ${content === null ? markup`<p>The content is not in this bundle.</p>` : null} ${rows}
  </section>`;
}

const TITLES: Readonly<Record<string, string>> = {
  request: 'Everything that was submitted',
  action: 'The action',
  policy: 'The policy text',
  view: 'What a person was shown',
};

function readable(bytes: Uint8Array): string {
  const written = Buffer.from(bytes).toString();
  try {
    return JSON.stringify(JSON.parse(written), null, 2);
  } catch {
    return written; // a text of its own, as policies are
  }
}

function logSection({
  origin,
  size,
  root,
  software,
  created,
  disclosure,
}: PageSubject['about']): Html {
  const all = disclosure === 'all' ? 'everything that is kept' : 'what this reader may see';
  return markup`<section aria-labelledby="log-title">
    <h2 id="log-title">Where it is sealed</h2>
    <dl>
      <dt>Log</dt>
      <dd class="digest">${origin}</dd>
      <dt>Signed tree</dt>
      <dd>${size} records, root <span class="digest">${root.slice(0, 16)}…</span></dd>
      <dt>Made</dt>
      <dd>${time(created)} by Countersign ${software}; shows ${all}</dd>
    </dl>
  </section>`;
}

/** Seconds are enough for people; the record has the milliseconds. */
function time(ts: string): Html {
  return markup`<time datetime="${ts}">${ts.slice(0, 19).replace('T', ' ')} UTC</time>`;
}
