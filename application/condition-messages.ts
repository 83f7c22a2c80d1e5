import { BAD_TIMESTAMP, BAD_ZONE } from './condition-time.ts';
import { BAD_PATTERN, NOT_A_NUMBER, TEXT_TOO_LONG } from './condition-language.ts';
import { TOO_EXPENSIVE } from './condition-budget.ts';
import { word } from './condition-types.ts';

export const TOO_DEEP = 'the request is nested too deeply';
export const NOT_JSON = 'the request is not JSON';
const UNKNOWN = 'it could not be evaluated';
const TYPE =
  /^[a-z_]+(?:\((?:dyn|string|bool|int|uint)(?:, dyn)?\))?$|^google\.protobuf\.[A-Z]\w{1,20}$/;

/** Texts of ours: they name no value. */
const OURS: readonly string[] = [
  BAD_PATTERN,
  BAD_TIMESTAMP,
  BAD_ZONE,
  NOT_A_NUMBER,
  TEXT_TOO_LONG,
  TOO_EXPENSIVE,
  TOO_DEEP,
  NOT_JSON,
];

type Explain = (match: RegExpExecArray, names: ReadonlySet<string>) => string;

/**
 * The library writes values into its messages ("Unable to convert string 'Jane Doe' to bool"), and a
 * message is sealed. So only what a row here lets through is said; a name must stand in the condition.
 */
const ROWS: readonly (readonly [RegExp, Explain])[] = [
  [
    /^field not found: (.*)$/s,
    ([, name = ''], names) =>
      names.has(name) ? `no such key: ${name.slice(0, 60)}` : 'no such key',
  ],
  [/^unresolved attribute$/, () => 'no such key'],
  [/^index .* out of bounds/s, () => 'no such element'],
  [
    /^found no matching overload for '?([^' ]{1,60})'? applied to '(.*)'$/s,
    ([, name = '', types = '']) => noOverload(name, types),
  ],
  [
    /^type mismatch: expected bool, got (.*)$/s,
    ([, type = '']) => `expected true or false, got ${typeWord(type)}`,
  ],
  [/^type mismatch: iterable/, () => 'neither a list nor a map'],
  [/^(?:int|uint) (?:divide|modulus) by zero/, () => 'division by zero'],
  [/^(?:int|uint) overflow/, () => 'number too large'],
  [/^(timestamp|duration) out of range/, ([, what = '']) => `${what} out of range`],
  [/^Failed to parse duration/, () => 'text is not a duration'],
  [/^Failed to decode bytes/, () => 'bytes are not text'],
  [/^Unable to convert string/, () => 'text is neither true nor false'],
  [/^map key conflict/, () => 'a key occurs twice'],
  [/^unsupported key type/, () => 'unsupported kind of key'],
  [/^Maximum call stack|^Invalid (?:string|array) length/, () => TOO_EXPENSIVE],
];

/**
 * @param message of the library. @param names every name and text that stands in the condition.
 * @returns words of ours, without any value of the request.
 */
export function safeMessage(message: string, names: ReadonlySet<string>): string {
  if (OURS.includes(message)) return message;
  for (const [pattern, explain] of ROWS) {
    const match = pattern.exec(message);
    if (match !== null) return explain(match, names);
  }
  return UNKNOWN;
}

function noOverload(name: string, types: string): string {
  const inner = /^(?:(.*?)\.)?\((.*)\)$/s.exec(types);
  const given = [inner?.[1], ...(inner?.[2] ?? '').split(', ')].filter(
    (type) => type !== undefined && type !== '',
  );
  return `${word(name)} does not take (${given.map((type) => typeWord(type ?? '')).join(', ')})`;
}

function typeWord(type: string): string {
  return TYPE.test(type) ? type.replace(/\(.*$/s, '').replace('google.protobuf.', '') : 'value';
}
