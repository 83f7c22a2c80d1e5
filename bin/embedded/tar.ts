const BLOCK = 512;

/**
 * Takes one regular file out of a tar stream and reads no further than needed.
 *
 * @param name as in the archive; a leading `./` does not count.
 * @throws Error when the archive ends before the file does, or does not hold it.
 * @source POSIX.1-2017 pax, "ustar Interchange Format"
 */
export async function* extractTarEntry(
  source: AsyncIterable<Buffer>,
  name: string,
  maxBytes: number,
): AsyncGenerator<Buffer> {
  const reader = createBlockReader(source);
  for (;;) {
    const header = await reader.read(BLOCK);
    if (header === null || header.every((byte) => byte === 0)) {
      throw new Error(`the archive does not hold ${name}`);
    }
    const entry = parseHeader(header);
    if (entry.size > maxBytes) throw new Error(`${entry.name} is larger than expected`);
    if (entry.isFile && plain(entry.name) === plain(name)) {
      yield* reader.take(entry.size);
      await reader.drain();
      return;
    }
    for await (const _skipped of reader.take(padded(entry.size)));
  }
}

function parseHeader(header: Buffer): { name: string; size: number; isFile: boolean } {
  const text = (start: number, length: number) =>
    header
      .subarray(start, start + length)
      .toString('latin1')
      .replace(/\0.*$/s, '')
      .trim();
  const size = Number.parseInt(text(124, 12) || '0', 8);
  if (!Number.isSafeInteger(size) || size < 0) throw new Error('the archive is damaged');
  const prefix = text(257, 5) === 'ustar' ? text(345, 155) : '';
  const type = text(156, 1);
  return {
    name: prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`,
    size,
    isFile: type === '' || type === '0',
  };
}

function plain(name: string): string {
  return name.replace(/^\.\//, '');
}

function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

function createBlockReader(source: AsyncIterable<Buffer>) {
  const chunks = source[Symbol.asyncIterator]();
  let buffered: Buffer = Buffer.alloc(0);
  const more = async (): Promise<boolean> => {
    const next = await chunks.next();
    if (next.done !== true) buffered = Buffer.concat([buffered, next.value]);
    return next.done !== true;
  };
  async function* take(size: number): AsyncGenerator<Buffer> {
    let left = size;
    while (left > 0) {
      if (buffered.length === 0 && !(await more())) throw new Error('the archive ends too early');
      const part = buffered.subarray(0, left);
      buffered = buffered.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }
  return {
    take,
    /** @returns null at the end of the stream. */
    read: async (size: number): Promise<Buffer | null> => {
      while (buffered.length < size) if (!(await more())) return null;
      const block = buffered.subarray(0, size);
      buffered = buffered.subarray(size);
      return block;
    },
    /** Reads to the end, so that the checksum of the compression is checked too. */
    drain: async (): Promise<void> => {
      do buffered = Buffer.alloc(0);
      while (await more());
    },
  };
}
