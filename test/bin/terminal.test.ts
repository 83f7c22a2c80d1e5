import { appendFileSync, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { openLogFile } from '../../bin/embedded/log-file.ts';
import { createLogNotices } from '../../bin/embedded/log-notices.ts';
import { createReport, silentReport } from '../../bin/embedded/report.ts';
import { temporaryFolder } from './temporary-folder.ts';

describe('report', () => {
  test('a pipe gets whole lines, and for a short step only its end', () => {
    const { output, text } = makeOutput(false);
    const report = createReport(output);
    const step = report.step('Starting');
    report.say('meanwhile');
    step.done('well');
    step.failed('not twice');
    expect(text().replace(/\d\.\d s/, 'x')).toBe('meanwhile\n✓ Starting: well (x)\n');
  });

  test('a terminal gets a live line that gives way to lines that stay', async () => {
    const { output, text } = makeOutput(true);
    const report = createReport(output);
    const step = report.step('Downloading');
    step.progress('12 of 80 MB');
    await sleep(300);
    report.warn('slow');
    step.failed('no');
    expect(text()).toContain('… Downloading: 12 of 80 MB (');
    expect(text()).toContain('! slow\n');
    expect(text().endsWith('\n')).toBe(true);
    expect(text()).toContain('✗ Downloading: no (');
  });

  test('of steps in each other the inner one shows until it ends', () => {
    const { output, text } = makeOutput(true);
    const report = createReport(output);
    const outer = report.step('outer');
    const inner = report.step('inner');
    inner.done();
    outer.done();
    const seen = text().match(/(outer|inner)/g);
    expect(seen).toEqual(['outer', 'inner', 'outer', 'inner', 'outer', 'outer']);
  });
});

describe('log', () => {
  test('is read along by lines, and moved aside when it is too large', async () => {
    const path = join(temporaryFolder(), 'logs', 'api.log');
    const lines: string[] = [];
    const log = openLogFile({ path, maxBytes: 100, onLine: (line) => lines.push(line) });
    appendFileSync(path, `half`);
    await sleep(350);
    appendFileSync(path, ` line\n${'x'.repeat(200)}\n`);
    await sleep(700);
    appendFileSync(path, 'after\n');
    log.close();
    expect(lines).toEqual(['half line', 'x'.repeat(200), 'after']);
    expect(statSync(path).size).toBeLessThan(100);
    expect(readFileSync(`${path}.1`, 'utf8')).toContain('half line');
    expect(log.tail(1)).toEqual(['after']);
    expect(existsSync(path)).toBe(true);
  });

  test.each([
    ['{"level":"info","msg":"error handling is ready"}', false],
    ['{"level":"warn","msg":"slow"}', true],
    ['{"level":50,"msg":"x"}', true],
    ['2026-11-21T00:00:00Z [WARN] slow', true],
    ['TypeError: x is not a function', true],
    ['served 12 requests', false],
  ])('%s is shown: %s', (line, expected) => {
    expect(shownOf([line]).length > 0).toBe(expected);
  });

  test('many lines are cut off with the place of the rest, and none steers the terminal', () => {
    const shown = shownOf(Array.from({ length: 20 }, (_, n) => `Error: \u001b[2J\u0007 ${n}`));
    expect(shown).toHaveLength(6);
    expect(shown[5]).toContain('the/api.log');
    expect(shown.join('')).not.toMatch(/\p{Cc}/u);
  });
});

function shownOf(lines: readonly string[]): string[] {
  const shown: string[] = [];
  const report = { ...silentReport, warn: (line: string) => void shown.push(line) };
  lines.forEach(createLogNotices(report, 'api', 'the/api.log'));
  return shown;
}

function makeOutput(isTTY: boolean) {
  const stream = new PassThrough();
  const chunks: string[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk.toString('utf8')));
  const text = () => {
    const rest: unknown = stream.read();
    if (rest instanceof Buffer) chunks.push(rest.toString('utf8'));
    return chunks.join('');
  };
  return { output: Object.assign(stream, { isTTY }), text };
}
