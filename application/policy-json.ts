const TOKEN =
  /[ \t\n\r]*(?:([{}[\],:])|("(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.]))/y;

const SPACE = /[ \t\n\r]*/y;

/** What may come next: a value, a value or `]`, a key or `}`, a key, `:`, what follows a value, nothing. */
type Expected = 'value' | 'first' | 'firstKey' | 'key' | 'colon' | 'after' | 'end';

/**
 * Where a text stops being JSON; the engine's own message names the place only sometimes.
 *
 * @returns the offset of the first token that may not be there, or the length of the text.
 */
export function jsonErrorOffset(text: string): number {
  const open: string[] = [];
  let expected: Expected = 'value';
  let offset = 0;
  for (;;) {
    TOKEN.lastIndex = offset;
    const match = TOKEN.exec(text);
    SPACE.lastIndex = offset;
    const start = offset + (SPACE.exec(text)?.[0].length ?? 0);
    if (match === null) return Math.min(start, text.length);
    const next = step(expected, match, open);
    if (next === null) return start;
    expected = next;
    offset = TOKEN.lastIndex;
  }
}

function step(
  expected: Expected,
  [, mark, text]: RegExpExecArray,
  open: string[],
): Expected | null {
  const wantsKey = expected === 'key' || expected === 'firstKey';
  const wantsValue = expected === 'value' || expected === 'first';
  if (mark !== undefined) return punctuation(mark, { expected, wantsValue }, open);
  if (wantsKey) return text === undefined ? null : 'colon';
  return wantsValue ? afterValue(open) : null;
}

function punctuation(
  mark: string,
  { expected, wantsValue }: { readonly expected: Expected; readonly wantsValue: boolean },
  open: string[],
): Expected | null {
  if (mark === ':') return expected === 'colon' ? 'value' : null;
  if (mark === ',') return expected === 'after' ? afterComma(open) : null;
  if (mark === '}' || mark === ']') return closes(mark, expected, open) ? afterValue(open) : null;
  if (!wantsValue) return null;
  open.push(mark);
  return mark === '{' ? 'firstKey' : 'first';
}

function closes(mark: string, expected: Expected, open: string[]): boolean {
  const opened = mark === '}' ? '{' : '[';
  const empty = mark === '}' ? 'firstKey' : 'first';
  if (open.at(-1) !== opened || (expected !== 'after' && expected !== empty)) return false;
  open.pop();
  return true;
}

function afterValue(open: readonly string[]): Expected {
  return open.length === 0 ? 'end' : 'after';
}

function afterComma(open: readonly string[]): Expected {
  return open.at(-1) === '{' ? 'key' : 'value';
}
