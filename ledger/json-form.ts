import { LedgerError } from './error.ts';

/** The keys and indexes on the way to a value; its length is the number of containers around it. */
export type Place = readonly (string | number)[];

/**
 * What one JSON profile allows. The walk below is shared by the strict profile of records
 * (`canonical-json.ts`) and by RFC 8785 for user content (`jcs.ts`); they differ only here.
 */
export type JsonProfile = {
  /** Containers inside each other, the outermost counts 1. */
  readonly maxDepth: number;
  /** Returns the text of the number; throws when the profile has none. */
  readonly numberText: (value: number, at: Place) => string;
  /** Returns the quoted text of the string; throws when the profile refuses it. */
  readonly stringText: (value: string, at: Place) => string;
  /** The same for a key of an object. */
  readonly keyText: (key: string, at: Place) => string;
};

type Walk = { readonly profile: JsonProfile; readonly at: (string | number)[] };

/** @throws LedgerError VALUE_UNREPRESENTABLE, always; `at` is a place, never a value. */
export function unrepresentable(why: string, at: Place): never {
  throw new LedgerError('VALUE_UNREPRESENTABLE', `${why} at /${at.join('/')}`);
}

/**
 * Writes a value as JSON without white space, keys sorted by UTF-16 code units.
 *
 * Unlike `JSON.stringify` it drops and converts nothing: `undefined`, functions, symbols, holes in
 * arrays, class instances (whatever their `toJSON`) are refused, because a sealed value that
 * silently differs from the value meant is worse than a fault. Recursion never exceeds `maxDepth`,
 * so a cycle or a hostile nesting ends in a fault, not in a stack overflow.
 *
 * @throws LedgerError VALUE_UNREPRESENTABLE
 */
export function writeJson(value: unknown, profile: JsonProfile): string {
  return write(value, { profile, at: [] });
}

function write(value: unknown, walk: Walk): string {
  if (value === null) return 'null';
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value === 'number') return walk.profile.numberText(value, walk.at);
  if (typeof value === 'string') return walk.profile.stringText(value, walk.at);
  if (typeof value !== 'object') unrepresentable(`${typeof value} has no JSON form`, walk.at);
  if (walk.at.length >= walk.profile.maxDepth) unrepresentable('nested too deeply', walk.at);
  return Array.isArray(value) ? writeArray(value, walk) : writeObject(value, walk);
}

function writeArray(values: readonly unknown[], walk: Walk): string {
  const { at } = walk;
  if (Object.getPrototypeOf(values) !== Array.prototype) unrepresentable('array subclass', at);
  // `length` is an own key too. More keys mean named properties, fewer mean holes.
  if (Reflect.ownKeys(values).length !== values.length + 1) unrepresentable('sparse array', at);
  let text = '[';
  for (let index = 0; index < values.length; index++) {
    if (index > 0) text += ',';
    at.push(index);
    text += write(values[index], walk);
    at.pop();
  }
  return `${text}]`;
}

function writeObject(value: object, walk: Walk): string {
  const { at, profile } = walk;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) unrepresentable('class instance', at);
  const keys = Object.keys(value);
  if (Reflect.ownKeys(value).length !== keys.length) unrepresentable('symbol or hidden key', at);
  keys.sort(); // by UTF-16 code units, which is what RFC 8785 3.2.3 asks for
  let text = '{';
  for (const key of keys) {
    if (text !== '{') text += ',';
    text += profile.keyText(key, at);
    at.push(key);
    text += `:${write((value as Record<string, unknown>)[key], walk)}`;
    at.pop();
  }
  return `${text}}`;
}
