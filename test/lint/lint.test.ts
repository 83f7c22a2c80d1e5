/**
 * A gate that cannot fail is no gate: the rules of `.oxlintrc.json` run over planted violations.
 * The first line of each file under `fixtures/` says what must be reported in it, and nothing else may be.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const fixtures = join(import.meta.dirname, 'fixtures');

const planted = readdirSync(fixtures, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => path.replaceAll('\\', '/'))
  .toSorted()
  .map((file) => ({ file, rules: expectedRules(file) }));

/** The rules of the `// expect:` line, sorted; none for "nothing". */
function expectedRules(file: string): string[] {
  const line = readFileSync(join(fixtures, file), 'utf8').split('\n', 1)[0] ?? '';
  const list = /^\/\/ expect: (.+)$/.exec(line)?.[1];
  if (list === undefined) throw new TypeError(`${file} does not say what to expect`);
  return list === 'nothing' ? [] : list.split(', ').toSorted();
}

describe('lint', () => {
  // The globs of the configuration are relative to its own folder, so the fixtures become a small project.
  const project = mkdtempSync(join(tmpdir(), 'countersign-lint-'));
  let reported: Map<string, Set<string>>;

  beforeAll(async () => {
    cpSync(fixtures, project, { recursive: true });
    for (const file of ['.oxlintrc.json', 'tsconfig.json', 'package.json']) {
      cpSync(join(root, file), join(project, file));
    }
    symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'), 'dir');
    reported = await lint(project);
  });
  afterAll(() => rmSync(project, { recursive: true, force: true }));

  test.each(planted.filter((plant) => plant.rules.length > 0))(
    'reports $rules in $file',
    ({ file, rules }) => {
      expect([...(reported.get(file) ?? [])].toSorted()).toEqual(rules);
    },
  );

  test.each(planted.filter((plant) => plant.rules.length === 0))(
    'is silent about $file',
    ({ file }) => {
      expect([...(reported.get(file) ?? [])]).toEqual([]);
    },
  );

  test('plants violations and legal imports in every folder of the table', () => {
    const folders = ['domain', 'ledger', 'workflows', 'activities', 'prisma', 'application'];
    for (const folder of [...folders, 'api', 'slack', 'client', 'console']) {
      const inside = planted.filter((plant) => plant.file.startsWith(`${folder}/`));
      expect(inside.filter((plant) => plant.rules.length > 0).length, folder).toBeGreaterThan(0);
      expect(inside.filter((plant) => plant.rules.length === 0).length, folder).toBeGreaterThan(0);
    }
  });
});

/** What the linter cannot see: empty sub-folders, imports made at run time, and what a module pulls in. */
describe('the tree', () => {
  test.each(['domain', 'ledger'])('%s is flat', (folder) => {
    const entries = readdirSync(join(root, folder), { withFileTypes: true });
    expect(entries.filter((entry) => entry.isDirectory())).toEqual([]);
  });

  test('no folder of the table goes round its row with import()', () => {
    const folders = ['domain', 'ledger', 'workflows', 'activities', 'prisma', 'application'];
    const sources = [...folders, 'api', 'slack', 'client'].flatMap(sourcesIn);
    const found = sources.filter((file) => /\bimport\(/.test(withoutComments(file)));
    expect(found).toEqual([]);
  });

  test('what a browser runs of the ledger reaches no Node module', () => {
    const entries = sourcesIn('ledger').filter((file) =>
      /^ledger\/(verify|merkle\.ts$)/.test(file),
    );
    expect(reachedBy(entries).filter((name) => name.startsWith('node:'))).toEqual([]);
  });
});

/** Every rule that was reported, by file. */
async function lint(cwd: string): Promise<Map<string, Set<string>>> {
  const oxlint = join(root, 'node_modules/oxlint/bin/oxlint');
  const text = await new Promise<string>((resolve, reject) => {
    execFile(
      process.execPath,
      [oxlint, '--type-aware', '--format', 'json'],
      { cwd, maxBuffer: 64 * 1024 * 1024, timeout: 100_000 },
      (error, stdout) =>
        stdout === '' ? reject(error ?? new Error('no report')) : resolve(stdout),
    );
  });
  const report = JSON.parse(text) as { diagnostics: { code: string; filename: string }[] };
  const byFile = new Map<string, Set<string>>();
  for (const { code, filename } of report.diagnostics) {
    const rules = byFile.get(filename) ?? new Set();
    byFile.set(filename, rules.add(/\(([^)]+)\)$/.exec(code)?.[1] ?? code));
  }
  return byFile;
}

/** Source files of one top folder, relative to the root, generated ones left out; none when it does not exist. */
function sourcesIn(folder: string): string[] {
  return readdirSync(root).includes(folder)
    ? readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .map((path) => posix.join(folder, path.replaceAll('\\', '/')))
        .filter((path) => path.endsWith('.ts') && !path.startsWith('prisma/generated/'))
    : [];
}

function withoutComments(file: string): string {
  const text = readFileSync(join(root, file), 'utf8');
  return text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
}

/** Everything that the files import, directly or through other files of ours; types do not count. */
function reachedBy(entries: readonly string[]): string[] {
  const seen = new Set(entries);
  for (const file of seen) {
    if (!file.endsWith('.ts')) continue;
    const imports = /^(?:import|export)\s+(?!type\b)(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm;
    for (const [, name] of withoutComments(file).matchAll(imports)) {
      if (name !== undefined) {
        seen.add(name.startsWith('.') ? posix.join(posix.dirname(file), name) : name);
      }
    }
  }
  return [...seen];
}
