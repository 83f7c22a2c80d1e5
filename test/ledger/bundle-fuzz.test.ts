import fc from 'fast-check';
import { zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';

import {
  parseBlobMarks,
  parseHashes,
  parseKeyLine,
  parseManifest,
  parseOpenings,
} from '../../ledger/bundle-format.ts';
import { readZip, writeZip, ZIP_LIMITS } from '../../ledger/zip.ts';
import { aBundle, verifyFiles } from './support/bundle.ts';
import { bytesOf, codeOf } from './support/log.ts';

// Whatever comes in: an answer or a fault with its code, never anything else.

const files = new Map([
  ['bundle.json', bytesOf('{"a":1}')],
  ['records/0000.json', bytesOf('x'.repeat(5_000))],
  ['README.txt', new Uint8Array()],
]);
const zip = writeZip(files);

/** The archive with each of these letters replaced, wherever they stand. */
function renamed(from: string, to: string): Uint8Array {
  const bytes = Buffer.from(zip);
  for (let at = bytes.indexOf(from); at !== -1; at = bytes.indexOf(from, at + 1))
    bytes.write(to, at);
  return bytes;
}

describe('a ZIP', () => {
  test('is read as it was written, and is the same each time', () => {
    expect(readZip(zip)).toEqual(files);
    expect(writeZip(files)).toEqual(zip);
    expect([...readZip(zip).keys()]).toEqual([...files.keys()]);
  });

  test('of other tools is read too, stored or packed', () => {
    const others = zipSync({
      'a.txt': [bytesOf('hello'), { level: 0 }],
      'b.txt': bytesOf('hello'),
    });
    expect([...readZip(others).keys()]).toEqual(['a.txt', 'b.txt']);
  });

  test.each([
    {
      why: 'a path that leaves the folder',
      bytes: renamed('records/0000.json', '../cords/0000.json'.slice(0, 17)),
    },
    { why: 'an absolute path', bytes: renamed('records/0000.json', '/ecords/0000.json') },
    { why: 'a backslash', bytes: renamed('records/0000.json', 'records\\0000.json') },
    { why: 'a drive', bytes: renamed('records/0000.json', 'c:cords/0000.json') },
    { why: 'a hidden file', bytes: renamed('README.txt', '.EADME.txt') },
    { why: 'a path twice', bytes: renamed('bundle.json', 'README.txt\0'.slice(0, 11)) },
    { why: 'something before it', bytes: Buffer.concat([Buffer.from('MZ'), zip]) },
    { why: 'something behind it', bytes: Buffer.concat([zip, Buffer.from('!')]) },
    { why: 'half of it', bytes: zip.slice(0, zip.length / 2) },
    { why: 'nothing', bytes: new Uint8Array() },
  ])('with $why is refused', async ({ bytes }) => {
    expect(await codeOf(() => readZip(bytes))).toBe('BUNDLE_FORMAT');
  });

  test('with one path twice is refused', async () => {
    const twice = Buffer.from(
      writeZip(
        new Map([
          ['a.txt', bytesOf('1')],
          ['b.txt', bytesOf('2')],
        ]),
      ),
    );
    for (let at = twice.indexOf('b.txt'); at !== -1; at = twice.indexOf('b.txt', at + 1))
      twice.write('a', at);
    expect(await codeOf(() => readZip(twice))).toBe('BUNDLE_FORMAT');
  });

  test('that unfolds to more than it may is refused, whatever it says of itself', async () => {
    const bomb = Buffer.from(writeZip(new Map([['a.txt', new Uint8Array(30_000_000)]])));
    const limits = { ...ZIP_LIMITS, file: 1_000_000 };
    expect(await codeOf(() => readZip(bomb, limits))).toBe('BUNDLE_FORMAT');
    expect(await codeOf(() => readZip(bomb, { ...ZIP_LIMITS, total: 1_000_000 }))).toBe(
      'BUNDLE_FORMAT',
    );
    for (let at = 0; (at = bomb.indexOf(Buffer.from([0x80, 0xc3, 0xc9, 0x01]), at)) !== -1;)
      bomb.writeUInt32LE(10, at); // it lies: ten bytes
    const started = performance.now();
    expect(await codeOf(() => readZip(bomb))).toBe('BUNDLE_FORMAT');
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test('with too many files, or too large, is refused before it is unpacked', async () => {
    expect(await codeOf(() => readZip(zip, { ...ZIP_LIMITS, files: 2 }))).toBe('BUNDLE_FORMAT');
    expect(await codeOf(() => readZip(zip, { ...ZIP_LIMITS, archive: 10 }))).toBe('BUNDLE_FORMAT');
  });

  test('of any bytes, and with any change, gives files or BUNDLE_FORMAT', async () => {
    const change = fc.array(fc.tuple(fc.nat(zip.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(change, fc.uint8Array({ maxLength: 200 }), async (changes, noise) => {
        const bytes = zip.slice();
        for (const [at, value] of changes) bytes[at] = value;
        expect([null, 'BUNDLE_FORMAT']).toContain(await codeOf(() => readZip(bytes)));
        expect(await codeOf(() => readZip(noise))).toBe('BUNDLE_FORMAT');
      }),
      { numRuns: 500 },
    );
  });
});

describe('the files of a bundle', () => {
  test('are parsed or refused with a code, whatever is in them', async () => {
    const bundle = await aBundle();
    const sources = [...bundle.values()].filter(({ length }) => length > 0);
    const damaged = fc
      .tuple(
        fc.constantFrom(...sources),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
      )
      .map(([bytes, changes]) => {
        const copy = bytes.slice();
        for (const [at, value] of changes) copy[at % copy.length] = value;
        return copy;
      });
    const anything = fc.oneof(damaged, fc.uint8Array({ maxLength: 300 }), fc.json().map(bytesOf));
    const parsers = [
      { parse: parseManifest, code: 'BUNDLE_FORMAT' },
      {
        parse: (bytes: Uint8Array) => parseOpenings(bytes, 'openings/people.json'),
        code: 'BUNDLE_FORMAT',
      },
      { parse: parseBlobMarks, code: 'BUNDLE_FORMAT' },
      { parse: parseHashes, code: 'PROOF_FORMAT' },
      { parse: parseKeyLine, code: 'KEY_FORMAT' },
    ] as const;
    await fc.assert(
      fc.asyncProperty(anything, async (bytes) => {
        for (const { parse, code } of parsers)
          expect([null, code]).toContain(await codeOf(() => parse(bytes)));
      }),
      { numRuns: 500 },
    );
  });

  test('in any place of a bundle never make the verifier fail or the bundle valid', async () => {
    const bundle = await aBundle();
    const paths = [...bundle.keys()];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...paths, 'records/0009.json', 'openings/0001.json', 'notes.txt', '../x'),
        fc.oneof(
          fc.uint8Array({ maxLength: 100 }),
          fc.json().map(bytesOf),
          fc.constantFrom(...bundle.values()),
        ),
        async (path, bytes) => {
          const before = bundle.get(path);
          if (before !== undefined && Buffer.compare(before, bytes) === 0) return;
          const report = await verifyFiles(new Map(bundle).set(path, bytes));
          expect(report.verdict).toBe('invalid');
          expect(report.problems.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 300 },
    );
  });
});
