import { isDeepStrictEqual } from 'node:util';
import { createTwoFilesPatch } from 'diff';

// What changes from one version of a policy to the next: in meaning, place by place, and in its text.

export interface PolicyText {
  readonly version: number;
  readonly document: unknown;
  readonly source: string;
}

/** One thing that changed. */
export interface PolicyDifference {
  /** JSON Pointer into the newer document; into the older one for what was removed. */
  readonly pointer: string;
  readonly change: 'added' | 'removed' | 'changed' | 'moved';
  /** A sentence for a person. */
  readonly words: string;
}

export interface PolicyDiff {
  /** The version before; null where there is none. */
  readonly from: number | null;
  readonly to: number;
  readonly changes: readonly PolicyDifference[];
  /** The texts as a unified diff; empty where they are the same. */
  readonly unified: string;
}

/** A reader has no use for more. */
const MOST_CHANGES = 500;
const LONGEST_VALUE = 200;
/** Lines that may differ before the texts are shown whole, one below the other. */
const MOST_EDITS = 4_000;

/** @param before null where `after` is the first version. @throws never. */
export function diffOf(id: string, before: PolicyText | null, after: PolicyText): PolicyDiff {
  const changes =
    before === null
      ? [{ pointer: '', change: 'added', words: 'the first version' } as const]
      : differences(before.document, after.document, ROOT);
  const rest = changes.length - MOST_CHANGES;
  const more = { pointer: '', change: 'changed', words: `and ${rest} more` } as const;
  return {
    from: before?.version ?? null,
    to: after.version,
    changes: rest > 0 ? [...changes.slice(0, MOST_CHANGES), more] : changes,
    unified: unifiedOf(id, before, after),
  };
}

function unifiedOf(id: string, before: PolicyText | null, after: PolicyText): string {
  if (before?.source === after.source) return '';
  const names = [
    before === null ? '/dev/null' : `${id}@${before.version}`,
    `${id}@${after.version}`,
  ];
  const [old = '', now = ''] = names;
  const texts = [before?.source ?? '', after.source] as const;
  const options = { context: 3, maxEditLength: MOST_EDITS };
  const patch = createTwoFilesPatch(old, now, ...texts, undefined, undefined, options);
  // Too different to be worth comparing line by line.
  return (
    patch ?? [`--- ${old}`, `+++ ${now}`, signed('-', texts[0]), signed('+', texts[1])].join('\n')
  );
}

function signed(sign: string, text: string): string {
  return text
    .split('\n')
    .map((line) => `${sign}${line}`)
    .join('\n');
}

// ---- in meaning ----------------------------------------------------------------------------------

/** Where a value stands: for programs, and for people. */
interface Place {
  readonly pointer: string;
  readonly words: string;
}

const ROOT: Place = { pointer: '', words: '' };

type Fields = Readonly<Record<string, unknown>>;

function differences(before: unknown, after: unknown, at: Place): PolicyDifference[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (isFields(before) && isFields(after)) return fieldDifferences(before, after, at);
  const [was, is] = [namesOf(before), namesOf(after)];
  if (was !== null && is !== null)
    return listDifferences([before as Fields[], was], [after as Fields[], is], at);
  const words = `${at.words || 'the document'}: ${inWords(before)} → ${inWords(after)}`;
  return [{ pointer: at.pointer, change: 'changed', words }];
}

function fieldDifferences(before: Fields, after: Fields, at: Place): PolicyDifference[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys.flatMap((key) => {
    const place = fieldOf(at, key);
    if (!Object.hasOwn(before, key)) return [whole('added', place, after[key])];
    if (!Object.hasOwn(after, key)) return [whole('removed', place, before[key])];
    return differences(before[key], after[key], place);
  });
}

type Named = readonly [items: readonly Fields[], names: readonly string[]];

/** Rules, stages and groups have names: a rule that moved, or one before it that went, is the same rule. */
function listDifferences([old, was]: Named, [items, is]: Named, at: Place): PolicyDifference[] {
  const gone = was.flatMap((name, index) =>
    is.includes(name) ? [] : [whole('removed', itemOf(at, index, name), null)],
  );
  const kept = is.filter((name) => was.includes(name));
  const order = was.filter((name) => is.includes(name));
  const here = is.flatMap((name, index) => {
    const place = itemOf(at, index, name);
    const before = was.indexOf(name);
    if (before === -1) return [whole('added', place, items[index])];
    return [
      ...(kept.indexOf(name) === order.indexOf(name) ? [] : [moved(place, before, index)]),
      ...differences(old[before], items[index], place),
    ];
  });
  return [...gone, ...here];
}

function moved({ pointer, words }: Place, from: number, to: number): PolicyDifference {
  const sentence = `${words} moved from place ${from + 1} to place ${to + 1}`;
  return { pointer, change: 'moved', words: sentence };
}

function whole(
  change: 'added' | 'removed',
  { pointer, words }: Place,
  value: unknown,
): PolicyDifference {
  const what = value === null || value === undefined ? '' : `: ${inWords(value)}`;
  return { pointer, change, words: `${words} ${change}${what}` };
}

function fieldOf({ pointer, words }: Place, key: string): Place {
  const step = key.replaceAll('~', '~0').replaceAll('/', '~1');
  return { pointer: `${pointer}/${step}`, words: words === '' ? key : `${words}, ${key}` };
}

const ONE_OF: Readonly<Record<string, string>> = {
  rules: 'rule',
  stages: 'stage',
  parallel: 'group',
};

function itemOf({ pointer, words }: Place, index: number, name: string): Place {
  const parts = words.split(', ');
  const list = parts.pop() ?? '';
  const item = `${ONE_OF[list] ?? list} "${name}"`;
  return { pointer: `${pointer}/${index}`, words: [...parts, item].join(', ') };
}

/** @returns the names of a list of things that all have one of their own, else null. */
function namesOf(value: unknown): string[] | null {
  if (!Array.isArray(value)) return null;
  const names = value.map((item: unknown) => {
    const name = isFields(item) ? (item['name'] ?? item['role']) : undefined;
    return typeof name === 'string' ? name : null;
  });
  const all = names.filter((name) => name !== null);
  return all.length === value.length && new Set(all).size === all.length ? all : null;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function inWords(value: unknown): string {
  const text = JSON.stringify(value ?? null);
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text;
}
