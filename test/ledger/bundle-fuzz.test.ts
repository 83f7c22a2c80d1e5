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

  /** Fields of two bytes in both headers of the file in the middle: local (from its start) and list. */
  const withHeader = (change: {
    local?: [number, number];
    list?: [number, number];
  }): Uint8Array => {
    const bytes = Buffer.from(zip);
    const name = 'records/0000.json';
    if (change.local)
      bytes.writeUInt16LE(change.local[1], bytes.indexOf(name) - 30 + change.local[0]);
    if (change.list)
      bytes.writeUInt16LE(change.list[1], bytes.lastIndexOf(name) - 46 + change.list[0]);
    return bytes;
  };

  test.each([
    { why: 'a symbolic link', change: { list: [40, 0o120_777] } },
    { why: 'a device', change: { list: [40, 0o060_644] } },
    { why: 'a program with the rights of its owner', change: { list: [40, 0o104_755] } },
    { why: 'a folder of DOS', change: { list: [38, 0x10] } },
    { why: 'a mark of text', change: { list: [36, 1] } },
    { why: 'a part on another disk', change: { list: [34, 1] } },
    { why: 'an encrypted file', change: { local: [6, 1], list: [8, 1] } },
    { why: 'a file encrypted by its own header only', change: { local: [6, 1] } },
    { why: 'strong encryption', change: { local: [6, 0x41], list: [8, 0x41] } },
    { why: 'a hidden list', change: { local: [6, 0x2000], list: [8, 0x2000] } },
    { why: 'a size behind the file', change: { local: [6, 8], list: [8, 8] } },
    { why: 'the needs of ZIP64', change: { local: [4, 45], list: [6, 45] } },
    { why: 'the needs of ZIP64 in one header', change: { local: [4, 45] } },
    { why: 'a size that ZIP64 would hold', change: { local: [22, 0xffff], list: [24, 0xffff] } },
    { why: 'an extra field', change: { list: [30, 4] } },
    { why: 'a comment', change: { list: [32, 1] } },
  ] as const)('with $why is refused', async ({ change }) => {
    const bytes = withHeader(change as unknown as Parameters<typeof withHeader>[0]);
    expect(await codeOf(() => readZip(bytes))).toBe('BUNDLE_FORMAT');
  });

  test.each(['README.txt', 'records/0000.json'])(
    'with bytes behind %s is refused',
    async (path) => {
      const bytes = Buffer.from(zip);
      const start = bytes.readUInt32LE(zip.length - 22 + 16);
      const packed = bytes.readUInt32LE(bytes.indexOf(path) - 30 + 18);
      const end = bytes.indexOf(path) + path.length + packed;
      const more = Buffer.concat([bytes.subarray(0, end), bytesOf('hidden'), bytes.subarray(end)]);
      more.writeUInt32LE(packed + 6, more.indexOf(path) - 30 + 18);
      more.writeUInt32LE(packed + 6, more.lastIndexOf(path) - 46 + 20);
      more.writeUInt32LE(start + 6, more.length - 22 + 16);
      for (
        let at = start + 6;
        more.readUInt32LE(at) === 0x02014b50;
        at += 46 + more.readUInt16LE(at + 28)
      ) {
        const offset = more.readUInt32LE(at + 42);
        if (offset >= end) more.writeUInt32LE(offset + 6, at + 42);
      }
      await expect(codeOf(() => readZip(more))).resolves.toBe('BUNDLE_FORMAT');
      expect(() => readZip(more)).toThrow(/bytes behind a file/);
    },
  );

  test('with an end as ZIP64 has it is refused', async () => {
    const bytes = Buffer.from(zip);
    bytes.writeUInt16LE(0xffff, bytes.length - 22 + 8);
    bytes.writeUInt16LE(0xffff, bytes.length - 22 + 10);
    expect(await codeOf(() => readZip(bytes))).toBe('BUNDLE_FORMAT');
    const end = Buffer.concat([
      zip.slice(0, -22),
      Buffer.from('PK\x06\x07'),
      Buffer.alloc(16),
      zip.slice(-22),
    ]);
    expect(await codeOf(() => readZip(end))).toBe('BUNDLE_FORMAT');
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
