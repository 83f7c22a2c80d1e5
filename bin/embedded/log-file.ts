import {
  closeSync,
  copyFileSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
} from 'node:fs';
import { dirname } from 'node:path';

/**
 * The log of one process. The process writes into the file itself, so it goes on writing when the
 * supervisor dies; the supervisor reads along and keeps the file small.
 */
export type LogFile = {
  readonly path: string;
  /** For `stdio`: opened for appending. */
  readonly fd: number;
  /** @returns the newest lines, oldest first; also after `close`. */
  tail(lines: number): string[];
  close(): void;
};

export type LogOptions = {
  readonly path: string;
  /** Above this size the text moves to `<path>.1`. */
  readonly maxBytes?: number;
  /** Called for each whole line that is written from now on. */
  readonly onLine?: (line: string) => void;
};

const MAX_BYTES = 5 * 1024 * 1024;
const POLL_MS = 300;
const TAIL_BYTES = 64 * 1024;
const CHUNK_BYTES = 256 * 1024;

export function openLogFile({ path, maxBytes = MAX_BYTES, onLine }: LogOptions): LogFile {
  mkdirSync(dirname(path), { recursive: true });
  const fd = openSync(path, 'a+', 0o600);
  const reader = createLineReader(fd, onLine ?? (() => {}));
  const timer = setInterval(() => {
    reader.read();
    if (fstatSync(fd).size > maxBytes) rotate(path, fd);
  }, POLL_MS);
  timer.unref();
  return {
    path,
    fd,
    tail: (lines) => readTail(path).slice(-lines),
    close: () => {
      clearInterval(timer);
      reader.read();
      closeSync(fd);
    },
  };
}

/** What is written between copy and cut is lost: these are logs, not records. */
function rotate(path: string, fd: number): void {
  copyFileSync(path, `${path}.1`);
  ftruncateSync(fd, 0);
}

function createLineReader(fd: number, onLine: (line: string) => void): { read(): void } {
  let offset = fstatSync(fd).size;
  let rest = '';
  const read = () => {
    const { size } = fstatSync(fd);
    if (size < offset) offset = 0;
    while (offset < size) {
      const chunk = readAt(fd, offset, Math.min(CHUNK_BYTES, size - offset));
      if (chunk.length === 0) return;
      offset += chunk.length;
      const lines = (rest + chunk.toString('utf8')).split('\n');
      rest = lines.pop() ?? '';
      lines.forEach(onLine);
    }
  };
  return { read };
}

function readTail(path: string): string[] {
  const fd = openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    const start = Math.max(0, size - TAIL_BYTES);
    const text = readAt(fd, start, size - start).toString('utf8');
    return text.split('\n').filter((line) => line.trim() !== '');
  } finally {
    closeSync(fd);
  }
}

function readAt(fd: number, offset: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  return buffer.subarray(0, readSync(fd, buffer, 0, length, offset));
}
