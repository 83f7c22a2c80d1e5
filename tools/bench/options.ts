import { parseArgs } from 'node:util';

export const MEASURES = ['gated', 'rest', 'pending', 'inbox', 'ledger', 'start'] as const;
export type Measure = (typeof MEASURES)[number];

export interface Options {
  readonly measures: readonly Measure[];
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Callers at once of the gated measure. */
  readonly callers: readonly number[];
  /** Connections, each with one call at a time, of the REST measure. */
  readonly connections: number;
  /** Size of the log that is examined and proven from. */
  readonly records: number;
  /** Length of the sustained run from sealing to the signed checkpoint. */
  readonly sustainedSeconds: number;
  /** Requests that lie in the database for "inbox". */
  readonly requests: number;
  /** Where the servers keep their data; null = the system's folder for temporary files. */
  readonly folder: string | null;
  /** Where CPU profiles of the API and the worker go; null = none. */
  readonly profile: string | null;
  readonly write: boolean;
}

/** A wrong argument, in words for a person. */
export class UsageError extends Error {}

export const HELP = `npm run bench -- [measure…] [options]

Measures (all of them when none is named):
  gated    approvals/s and decision latency through REST, beside a bare Temporal workflow
  rest     policy-decided requests/s through REST, beside Express with one durable INSERT
  pending  memory of the product per request that waits in the real engine
  inbox    pages of lists with many requests beside the same with few
  ledger   append, sequencer, publishing, verification, examination and proofs of the log
  start    npm start to ready, fresh and again; memory of the idle processes

Options:
  --rounds <n>        rounds of each side, taken in turn; the median counts (3, at least 3 with --write)
  --seconds <n>       length of one round (8)
  --warm-up <n>       seconds of load before the first round of each side (10)
  --callers <list>    callers at once of "gated" (1,16,64)
  --connections <n>   connections of "rest", one call at a time on each (16)
  --records <n>       size of the log that "ledger" examines and proves from (100000)
  --requests <n>      requests that lie in the database of "inbox", beside 10000 (1000000)
  --sustained <n>     seconds of the run of "ledger" from sealing to the signed checkpoint (60)
  --folder <path>     where the servers keep their data; must lie on a real disk (temporary folder)
  --profile <path>    also writes CPU profiles of API and worker there, and says where the time went
  --write             puts the results into docs/benchmarks.md
  --help              this text

The run starts an embedded PostgreSQL and a Temporal server of its own on free loopback ports, and stops them.`;

/** @returns null when help is asked for. @throws UsageError */
export function readOptions(args: readonly string[]): Options | null {
  const { values, positionals } = parsed(args);
  if (values.help) return null;
  const measures = positionals.map(toMeasure);
  const options: Options = {
    measures: MEASURES.filter((one) => measures.length === 0 || measures.includes(one)),
    rounds: whole('rounds', values.rounds, 100),
    seconds: whole('seconds', values.seconds, 600),
    warmUpSeconds: whole('warm-up', values['warm-up'], 600),
    callers: values.callers.split(',').map((text) => whole('callers', text, 1_000)),
    connections: whole('connections', values.connections, 1_000),
    records: whole('records', values.records, 10_000_000),
    requests: whole('requests', values.requests, 10_000_000),
    sustainedSeconds: whole('sustained', values.sustained, 3_600),
    folder: values.folder ?? null,
    profile: values.profile ?? null,
    write: values.write,
  };
  if (options.write && options.rounds < 3) throw new UsageError('--write needs --rounds 3 or more');
  if (options.write && options.profile !== null)
    throw new UsageError('--profile slows down what it looks at: run it without --write');
  return options;
}

function parsed(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        rounds: { ...text, default: '3' },
        seconds: { ...text, default: '8' },
        'warm-up': { ...text, default: '10' },
        callers: { ...text, default: '1,16,64' },
        connections: { ...text, default: '16' },
        records: { ...text, default: '100000' },
        requests: { ...text, default: '1000000' },
        sustained: { ...text, default: '60' },
        folder: text,
        profile: text,
        write: flag,
        help: flag,
      },
    });
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function toMeasure(word: string): Measure {
  const measure = MEASURES.find((one) => one === word);
  if (measure === undefined)
    throw new UsageError(`there is no measure "${word}"; there are ${MEASURES.join(', ')}`);
  return measure;
}

function whole(name: string, text: string, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new UsageError(`--${name} takes whole numbers from 1 to ${most}, not "${text}"`);
}
