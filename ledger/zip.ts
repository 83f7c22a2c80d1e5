import { Inflate, zipSync, type Zippable } from 'fflate';

import { LedgerError } from './error.ts';

// Files in one ZIP: written in one way only, and read strictly. What other tools forgive (two lists of
// files that differ, names that leave the folder, sizes that lie) is how one archive shows two readers
// two contents, so it is refused here. Runs in a browser too.

/** Paths and contents, in order. */
export type BundleFiles = ReadonlyMap<string, Uint8Array>;

/** What a reader takes, in bytes and numbers; far above what bundles need. */
export type ZipLimits = {
  readonly archive: number;
  readonly files: number;
  readonly file: number;
  /** of all files together, unpacked */
  readonly total: number;
};

export const ZIP_LIMITS: ZipLimits = {
  archive: 64 * 1024 * 1024,
  files: 20_000,
  file: 32 * 1024 * 1024,
  total: 128 * 1024 * 1024,
};

/** Lower-case folders and plain names: nothing that a file system could take for another place. */
const SAFE_PATH =
  /^(?=.{1,200}$)(?:[a-z0-9][a-z0-9-]*\/)*[A-Za-z0-9][A-Za-z0-9-]*(?:\.[a-z0-9-]+)*$/;
const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const END_BYTES = 22;
const STORED = 0;
const DEFLATED = 8;
/** Names are UTF-8; all of ours are ASCII. Any other flag is a feature that is not read. */
const UTF8_NAMES = 0x0800;
/** What a reader must know: 2.0, files packed or not. Above it are encryption, ZIP64 and other packings. */
const NEEDS = 20;
/** Packed bytes at a time: what a bomb can unfold before it is noticed is a thousand times this. */
const CHUNK = 8_192;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function isSafePath(path: string): boolean {
  return SAFE_PATH.test(path);
}

/**
 * Writes a ZIP: the same files in the same order give the same bytes, wherever and whenever.
 *
 * @throws LedgerError BUNDLE_FORMAT for a path that a reader would refuse.
 * @source APPNOTE.TXT of PKWARE, 4.3
 */
export function writeZip(files: BundleFiles): Uint8Array {
  const entries: Zippable = {};
  for (const [path, bytes] of files) {
    if (!isSafePath(path)) throw zipFault('a path that is not safe');
    entries[path] = bytes;
  }
  // The format keeps local time without a zone: these parts are the same in all of them.
  return zipSync(entries, { level: 6, mtime: new Date(1980, 0, 1), os: 0, attrs: 0 });
}

/** One file as the list at the end of the archive has it. */
type Entry = {
  readonly path: string;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  /** of its local header */
  readonly offset: number;
};

/**
 * Reads a ZIP, all of it, in the order of its list.
 *
 * @param archive from outside: nothing in it is believed.
 * @throws LedgerError BUNDLE_FORMAT for anything that is not exactly one list of files and these files
 *         behind each other, for unsafe or repeated paths, and for what exceeds the limits.
 * @source APPNOTE.TXT of PKWARE, 4.3
 */
export function readZip(archive: Uint8Array, limits: ZipLimits = ZIP_LIMITS): BundleFiles {
  if (archive.length > limits.archive) throw zipFault('larger than an archive may be');
  const view = new DataView(archive.buffer, archive.byteOffset, archive.byteLength);
  const entries = readList(archive, view, limits);
  const files = new Map<string, Uint8Array>();
  let at = 0;
  for (const entry of entries) {
    if (entry.offset !== at) throw zipFault('bytes between files');
    const start = at + assertLocal(view, at, entry);
    at = start + entry.packed;
    if (at > archive.length) throw zipFault('a file that goes beyond the archive');
    if (files.has(entry.path)) throw zipFault('a path twice');
    const bytes = unpack(archive.subarray(start, at), entry);
    if (crc32(bytes) !== entry.crc) throw zipFault(`a checksum that does not fit: ${entry.path}`);
    files.set(entry.path, bytes);
  }
  if (at !== listOffset(view)) throw zipFault('bytes before the list of files');
  return files;
}

function listOffset(view: DataView): number {
  return view.getUint32(view.byteLength - END_BYTES + 16, true);
}

/** The end record stands at the very end: no comment, one part, and it counts what is there. */
function readList(archive: Uint8Array, view: DataView, limits: ZipLimits): readonly Entry[] {
  const end = archive.length - END_BYTES;
  if (end < 0 || view.getUint32(end, true) !== END) throw zipFault('no end of a ZIP archive');
  const count = view.getUint16(end + 10, true);
  const isPlain =
    view.getUint32(end + 4, true) === 0 &&
    view.getUint16(end + 8, true) === count &&
    view.getUint16(end + 20, true) === 0;
  const offset = listOffset(view);
  if (!isPlain || offset + view.getUint32(end + 12, true) !== end) {
    throw zipFault('an end that does not fit the archive');
  }
  if (count > limits.files) throw zipFault('more files than there may be');
  const entries: Entry[] = [];
  let at = offset;
  for (let index = 0; index < count; index++) {
    const { entry, length } = readEntry(archive, view, { at, end });
    entries.push(entry);
    at += length;
  }
  if (at !== end) throw zipFault('a list with something behind it');
  assertLimits(entries, limits);
  return entries;
}

function readEntry(
  archive: Uint8Array,
  view: DataView,
  { at, end }: { readonly at: number; readonly end: number },
): { readonly entry: Entry; readonly length: number } {
  if (at + CENTRAL_BYTES > end || view.getUint32(at, true) !== CENTRAL) {
    throw zipFault('a list that breaks off');
  }
  const nameLength = view.getUint16(at + 28, true);
  const length = CENTRAL_BYTES + nameLength;
  const hasMore = view.getUint32(at + 30, true) !== 0; // extra fields, a comment
  if (hasMore || at + length > end) throw zipFault('a list entry of another form');
  const path = decodePath(archive.subarray(at + CENTRAL_BYTES, at + length));
  if (!isReadable(view, at + 6)) throw zipFault(`a feature that is not read: ${path}`);
  // Part of the archive, kind of text, and what a file system would make of it: a link, a device, a program.
  const isPlainFile = view.getUint32(at + 34, true) === 0 && view.getUint32(at + 38, true) === 0;
  if (!isPlainFile) throw zipFault(`not a plain file: ${path}`);
  const entry = {
    path,
    method: view.getUint16(at + 10, true),
    crc: view.getUint32(at + 16, true),
    packed: view.getUint32(at + 20, true),
    size: view.getUint32(at + 24, true),
    offset: view.getUint32(at + 42, true),
  };
  return { entry, length };
}

/** @param at where a header says what its reader must know, and then its flags. */
function isReadable(view: DataView, at: number): boolean {
  return view.getUint16(at, true) <= NEEDS && (view.getUint16(at + 2, true) & ~UTF8_NAMES) === 0;
}

function decodePath(bytes: Uint8Array): string {
  let path = '';
  try {
    path = decoder.decode(bytes);
  } catch (cause) {
    throw new LedgerError('BUNDLE_FORMAT', 'a path that is not UTF-8', { cause });
  }
  if (!isSafePath(path)) throw zipFault('a path that is not safe');
  return path;
}

function assertLimits(entries: readonly Entry[], limits: ZipLimits): void {
  if (entries.some(({ size }) => size > limits.file))
    throw zipFault('a file larger than it may be');
  const total = entries.reduce((sum, { size }) => sum + size, 0);
  if (total > limits.total) throw zipFault('files larger than they may be together');
}

/** The header before a file must say what the list says. @returns its length */
function assertLocal(view: DataView, at: number, entry: Entry): number {
  if (at + LOCAL_BYTES > view.byteLength || view.getUint32(at, true) !== LOCAL) {
    throw zipFault(`no file where the list says: ${entry.path}`);
  }
  const nameLength = view.getUint16(at + 26, true);
  const length = LOCAL_BYTES + nameLength;
  const isSame =
    isReadable(view, at + 4) &&
    view.getUint16(at + 8, true) === entry.method &&
    view.getUint32(at + 14, true) === entry.crc &&
    view.getUint32(at + 18, true) === entry.packed &&
    view.getUint32(at + 22, true) === entry.size &&
    view.getUint16(at + 28, true) === 0 &&
    at + length <= view.byteLength;
  const name = new Uint8Array(
    view.buffer,
    view.byteOffset + at + LOCAL_BYTES,
    isSame ? nameLength : 0,
  );
  if (!isSame || decodePath(name) !== entry.path) {
    throw zipFault(`a file that is not what the list says: ${entry.path}`);
  }
  return length;
}

function unpack(packed: Uint8Array, { method, size, path }: Entry): Uint8Array {
  if (method === STORED) {
    if (packed.length !== size) throw zipFault(`a size that does not fit: ${path}`);
    return packed.slice();
  }
  if (method !== DEFLATED) throw zipFault(`packed in a way that is not read: ${path}`);
  const bytes = inflate(packed, size, path);
  if (isWholeWithoutItsEnd(packed, size, path)) throw zipFault(`bytes behind a file: ${path}`);
  return bytes;
}

/** Packed data says itself where it ends; whatever stands behind that would be seen by nobody. */
function isWholeWithoutItsEnd(packed: Uint8Array, size: number, path: string): boolean {
  try {
    inflate(packed.subarray(0, -1), size, path);
    return true;
  } catch (error) {
    if (error instanceof LedgerError) return false;
    throw error;
  }
}

/** Stops as soon as there is more than the list promised. */
function inflate(packed: Uint8Array, size: number, path: string): Uint8Array {
  const bytes = new Uint8Array(size);
  let filled = 0;
  let isWhole = false;
  const inflater = new Inflate((chunk, final) => {
    if (filled + chunk.length > size) throw zipFault(`a size that does not fit: ${path}`);
    bytes.set(chunk, filled);
    filled += chunk.length;
    isWhole = final;
  });
  try {
    for (let at = 0; at < packed.length; at += CHUNK) {
      inflater.push(packed.subarray(at, at + CHUNK), at + CHUNK >= packed.length);
    }
  } catch (cause) {
    if (cause instanceof LedgerError) throw cause;
    throw new LedgerError('BUNDLE_FORMAT', `a file that cannot be unpacked: ${path}`, { cause });
  }
  if (filled !== size || !isWhole) throw zipFault(`a size that does not fit: ${path}`);
  return bytes;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (CRC_TABLE[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

function zipFault(why: string): LedgerError {
  return new LedgerError('BUNDLE_FORMAT', why);
}
