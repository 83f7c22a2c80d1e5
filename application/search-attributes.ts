import { SEARCH_ATTRIBUTES } from '../workflows/messages.ts';

type Attribute = (typeof SEARCH_ATTRIBUTES)[keyof typeof SEARCH_ATTRIBUTES];

const ALL: readonly Attribute[] = Object.values(SEARCH_ATTRIBUTES);

/** Temporal's side of it; everything ends within `PROBE_MS`. */
export interface AttributeStore {
  /** @throws where the query names what Temporal does not know, or it cannot be reached. */
  count(query: string): Promise<void>;
  names(): Promise<readonly string[]>;
  add(missing: readonly Attribute[]): Promise<void>;
}

/** Knows whether search attributes can be used, and makes them known. */
export interface Showing {
  /** What was found last: asked before the first answer, then now and then behind it. Never throws. */
  usable(): Promise<boolean>;
  /** They were refused: not used until they are found again. */
  forget(): void;
  /** Has Temporal take them in. Never throws: lists of gates are a convenience. */
  register(): Promise<void>;
}

export const PROBE_MS = 1_000;
const AGAIN_MS = 10_000;
const PROBE = ALL.map(({ name }) => `${name} IS NULL`).join(' AND ');

/**
 * A Temporal that does not know them refuses every start and every task that names them, so they are
 * used only while a query that names them all is answered.
 *
 * @param onFault told once where they may not be registered.
 */
export function createShowing(
  store: AttributeStore,
  onFault: ((message: string, error: unknown) => void) | undefined,
): Showing {
  let known = false;
  let askedAt = -Infinity;
  let asking: Promise<boolean> | null = null;
  let hasWarned = false;

  const probe = async (): Promise<boolean> => {
    known = await store.count(PROBE).then(
      () => true,
      () => false,
    );
    askedAt = performance.now();
    return known;
  };
  const ask = (): Promise<boolean> => (asking ??= probe().finally(() => (asking = null)));

  return {
    async usable() {
      if (askedAt === -Infinity) return ask();
      if (performance.now() - askedAt > AGAIN_MS) void ask();
      return known;
    },
    forget() {
      known = false;
    },
    async register() {
      if (await ask()) return;
      try {
        const names = new Set(await store.names());
        const missing = ALL.filter(({ name }) => !names.has(name));
        if (missing.length > 0) await store.add(missing);
        await ask(); // where Temporal takes some seconds to see them, the next turn does
      } catch (error) {
        if (!hasWarned) onFault?.(NOT_REGISTERED, error);
        hasWarned = true;
      }
    },
  };
}

const FLAGS = { KEYWORD: 'Keyword', KEYWORD_LIST: 'KeywordList', DATETIME: 'Datetime' } as const;

const NOT_REGISTERED = `Temporal does not take in our search attributes. Everything works without them; gates cannot be listed by status or kind until an administrator runs: temporal operator search-attribute create ${ALL.map(
  ({ name, type }) => `--name ${name} --type ${FLAGS[type]}`,
).join(' ')}`;
