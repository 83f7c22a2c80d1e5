import type pg from 'pg';

/** One statement and its values; `$1` counts within the fragment. */
export interface Fragment {
  readonly text: string;
  readonly values: readonly unknown[];
  /** What is written with it, in the same statement of the transaction. */
  readonly also?: readonly Fragment[];
}

/** What runs inside one transaction. Reads happen at once, writes all together at the end. */
export interface Tx {
  query<R extends pg.QueryResultRow>(fragment: Fragment): Promise<R[]>;
  /**
   * Adds a data-modifying statement to the one statement that ends the transaction. All of them see
   * the database as it was before any of them, so none may depend on another.
   */
  write(fragment: Fragment): void;
  /** Adds an expression that must be evaluated with the writes (it raises where it must stop them). */
  fence(fragment: Fragment): void;
}

export type Transaction = <T>(work: (tx: Tx) => Promise<T>) => Promise<T>;

/**
 * Runs `work` in one READ COMMITTED transaction. Writes are sent as one statement, so a step costs few
 * round trips, and work that reads nothing is one statement alone. Everything or nothing is stored.
 *
 * @throws whatever `work` or the database threw, after rolling back.
 */
export function createTransaction(pool: pg.Pool): Transaction {
  return async (work) => {
    const client = await pool.connect();
    const open = new OpenTransaction(client);
    try {
      const result = await work(open);
      await open.commit();
      client.release();
      return result;
    } catch (error) {
      // A connection whose ROLLBACK fails must never go back to the pool.
      const broken = await open.rollback();
      client.release(broken);
      throw error;
    }
  };
}

class OpenTransaction implements Tx {
  readonly #client: pg.PoolClient;
  readonly #writes: Fragment[] = [];
  readonly #fences: Fragment[] = [];
  #begun: Promise<unknown> | null = null;

  constructor(client: pg.PoolClient) {
    this.#client = client;
  }

  async query<R extends pg.QueryResultRow>(fragment: Fragment): Promise<R[]> {
    const begun = this.#begin();
    const result = this.#client.query<R>(prepared(fragment.text, fragment.values));
    const [{ rows }] = await Promise.all([result, begun]);
    return rows;
  }

  write(fragment: Fragment): void {
    this.#writes.push(fragment, ...(fragment.also ?? []));
  }

  fence(fragment: Fragment): void {
    this.#fences.push(fragment);
  }

  async commit(): Promise<void> {
    const statement = merge(this.#writes, this.#fences);
    if (this.#begun === null) {
      if (statement !== null) await this.#client.query(statement);
      return;
    }
    await this.#begun;
    // Sent together: where the writes fail, COMMIT rolls back and says so.
    const written = statement === null ? null : this.#client.query(statement);
    const [{ command }] = await Promise.all([this.#client.query('COMMIT'), written]);
    // COMMIT of a failed transaction answers ROLLBACK without an error.
    if (command !== 'COMMIT') throw new Error('the transaction was rolled back by the database');
  }

  /** @returns true when the connection must be thrown away. */
  async rollback(): Promise<boolean> {
    if (this.#begun === null) return false;
    try {
      await this.#client.query('ROLLBACK');
      return false;
    } catch {
      return true;
    }
  }

  #begin(): Promise<unknown> {
    this.#begun ??= this.#client.query('BEGIN');
    return this.#begun;
  }
}

const NAMES = new Map<string, string>();

/** Statements are prepared once per connection; their number is bounded by the code that writes them. */
export function prepared(text: string, values: readonly unknown[]): pg.QueryConfig {
  let name = NAMES.get(text);
  if (name === undefined) {
    name = `cs${NAMES.size}`;
    NAMES.set(text, name);
  }
  return { name, text, values: [...values] };
}

const MERGED = new Map<string, string>();

function merge(writes: readonly Fragment[], fences: readonly Fragment[]): pg.QueryConfig | null {
  if (writes.length === 0 && fences.length === 0) return null;
  const all = [...writes, ...fences];
  const key = `${writes.length}\n${all.map((fragment) => fragment.text).join('\n')}`;
  let text = MERGED.get(key);
  if (text === undefined) {
    text = mergedText(writes, fences);
    MERGED.set(key, text);
  }
  return prepared(
    text,
    all.flatMap((fragment) => fragment.values),
  );
}

function mergedText(writes: readonly Fragment[], fences: readonly Fragment[]): string {
  let offset = 0;
  const renumbered = ({ text, values }: Fragment): string => {
    const shift = offset;
    offset += values.length;
    return text.replace(/\$(\d+)/g, (_, index: string) => `$${Number(index) + shift}`);
  };
  const steps = writes.map((fragment, index) => `w${index} AS (${renumbered(fragment)})`);
  const guards = fences.map(renumbered);
  const head = steps.length === 0 ? '' : `WITH ${steps.join(', ')} `;
  return `${head}SELECT ${guards.length === 0 ? '1' : guards.join(', ')}`;
}
