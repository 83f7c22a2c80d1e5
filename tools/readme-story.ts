/**
 * Runs the README's story for real: `node tools/readme-story.ts README.md`, with PORT and COUNTERSIGN_DATA_DIR of a
 * running installation.
 *
 * Each fenced `sh` block right after a line `<!-- ci:story -->` is run, in order, in one bash, so variables carry over.
 * `<!-- ci:story status=approved kind=counted -->` also says what the block must print: JSON members, by name and
 * value, anywhere in its output. A command that fails, or a curl that is answered with 4xx or 5xx, fails the story.
 * Two things are replaced in the text: `http://127.0.0.1:3000` (or `localhost`) by the address that runs, and
 * `.countersign/` by its data folder.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

interface Block {
  readonly line: number;
  readonly script: string;
  readonly expected: readonly (readonly [name: string, value: string])[];
}

const LIMIT_MS = 240_000;
const MARK = '::story-block::';

/** curl inside the story: an HTTP error fails, and nothing waits for ever. */
const PRELUDE = [
  'set -euo pipefail',
  'curl() { command curl --fail-with-body --silent --show-error --max-time 90 "$@"; }',
].join('\n');

/** @throws TypeError when a mark is not followed by a fenced `sh` block. */
function storyOf(markdown: string): Block[] {
  const marks = [...markdown.matchAll(/^<!-- ci:story(?<expected>[^\n]*?) -->\n/gm)];
  return marks.map((mark) => {
    const after = markdown.slice(mark.index + mark[0].length);
    const script = /^\s*```(?:sh|bash|shell)\n(?<script>[\s\S]*?)\n```/.exec(after)?.groups?.[
      'script'
    ];
    const line = markdown.slice(0, mark.index).split('\n').length;
    if (script === undefined) throw new TypeError(`line ${line}: no fenced sh block follows`);
    return { line, script, expected: pairsOf(mark.groups?.['expected'] ?? '') };
  });
}

function pairsOf(text: string): (readonly [string, string])[] {
  const words = text.split(' ').filter((word) => word !== '');
  return words.map((word) => {
    const [name = '', ...value] = word.split('=');
    return [name, value.join('=')] as const;
  });
}

function scriptOf(blocks: readonly Block[], port: string, dataDir: string): string {
  const parts = blocks.map((block, index) => `echo; echo '${MARK}${index}'\n${block.script}`);
  return [PRELUDE, ...parts, '']
    .join('\n')
    .replaceAll(/http:\/\/(?:127\.0\.0\.1|localhost):3000/g, `http://127.0.0.1:${port}`)
    .replaceAll(/(?:\.\/)?\.countersign\//g, `${dataDir}/`);
}

/** Runs the whole story; standard error goes where ours goes. */
function runBash(script: string): Promise<{ text: string; ended: string | null }> {
  return new Promise((done, reject) => {
    const child = spawn('bash', ['-c', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const how = signal === null ? `exit code ${String(code)}` : `ended by ${signal}`;
      done({ text, ended: code === 0 ? null : how });
    });
  });
}

/** Whether JSON somewhere in the text has the member; a value stands with or without quotes. */
function prints(text: string, [name, value]: readonly [string, string]): boolean {
  const quote = (part: string) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`"${quote(name)}"\\s*:\\s*"?${quote(value)}"?\\s*[,}\\]]`).test(text);
}

/** What is wrong with one block; null when it was run and printed what it should. */
function problemOf(block: Block, output: string | undefined): string | null {
  if (output === undefined) return 'was not reached';
  const missing = block.expected.filter((pair) => !prints(output, pair));
  return missing.length === 0
    ? null
    : `did not print ${missing.map((pair) => pair.join('=')).join(', ')}`;
}

/** Prints one block's fate and output. */
function report(block: Block, output: string | undefined): boolean {
  const problem = problemOf(block, output);
  console.log(
    `${problem === null ? 'ran' : 'FAILED'}: block at line ${block.line} ${problem ?? ''}`,
  );
  console.log(output?.trimEnd() ?? '');
  return problem === null;
}

async function main(readme: string): Promise<boolean> {
  const blocks = storyOf(readFileSync(readme, 'utf8'));
  if (blocks.length === 0) throw new TypeError(`${readme} has no block marked <!-- ci:story -->`);
  const port = process.env['PORT'] ?? '3000';
  const dataDir = resolve(process.env['COUNTERSIGN_DATA_DIR'] ?? '.countersign');
  const { text, ended } = await runBash(scriptOf(blocks, port, dataDir));
  const outputs = text.split(new RegExp(`\\n${MARK}\\d+\\n`)).slice(1);
  const fine = blocks.map((block, index) => report(block, outputs[index]));
  if (ended !== null) console.log(`FAILED: the story stopped in the last block reached: ${ended}`);
  return ended === null && !fine.includes(false);
}

process.exitCode = (await main(process.argv[2] ?? 'README.md')) ? 0 : 1;
