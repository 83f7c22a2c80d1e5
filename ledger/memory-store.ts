import type { SealedRecord } from './append.ts';
import type { LedgerStore } from './store.ts';

/** A store in memory, with the same promises as the database's: for tests and offline use. */
export function createMemoryStore(): LedgerStore {
  const streams = new Map<string, SealedRecord[]>();
  const of = (stream: string): readonly SealedRecord[] => streams.get(stream) ?? [];
  return {
    async head(stream) {
      const last = of(stream).at(-1);
      return last === undefined ? null : { seq: last.seq, leafHash: last.leafHash, ts: last.ts };
    },
    async findByCommand(stream, cmds) {
      return of(stream).filter((record) => cmds.includes(record.cmd));
    },
    async insert(records) {
      const first = records[0];
      if (first === undefined) return true;
      const before = of(first.stream);
      if (!continues(before, records)) return false;
      streams.set(first.stream, [...before, ...records]);
      return true;
    },
    async records(stream, fromSeq = 0) {
      return of(stream).slice(fromSeq);
    },
  };
}

function continues(before: readonly SealedRecord[], records: readonly SealedRecord[]): boolean {
  const cmds = new Set(before.map((record) => record.cmd));
  let last = before.at(-1);
  for (const record of records) {
    if (record.seq !== (last === undefined ? 0 : last.seq + 1)) return false;
    if (record.prev !== (last?.leafHash ?? null) || cmds.has(record.cmd)) return false;
    cmds.add(record.cmd);
    last = record;
  }
  return true;
}
