/** SQLSTATE of a unique key that is there already. */
const UNIQUE_VIOLATION = '23505';
/** SQLSTATE of `fence_policies`: policies were published between reading and writing. */
const POLICIES_MOVED = 'AP002';

/** Connection faults, restarts and exhausted waits: the same call may succeed in a moment. */
const TRANSIENT_STATES: ReadonlySet<string> = new Set([
  '08000',
  '08001',
  '08003',
  '08004',
  '08006',
  '57P01',
  '57P02',
  '57P03',
  '53300',
  '55P03',
  '57014',
  '40001',
  '40P01',
  '25P03',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EHOSTUNREACH',
  // The typed client's words for a connection that could not be made, was too slow, or was closed.
  'P1001',
  'P1008',
  'P1017',
]);

/** pg has no code for these (pg 8.23 client.js, pg-pool index.js). */
const WITHOUT_CODE =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Query read timeout)/;

/**
 * @returns true when the database is out of reach, frozen or overloaded: it decided nothing, or nobody
 *          here knows what. Every act may be repeated.
 */
export function isDatabaseUnavailable(error: unknown): boolean {
  for (let one: unknown = error; one instanceof Error; one = one.cause) {
    if (TRANSIENT_STATES.has(codeOf(one) ?? '')) return true;
    if (TRANSIENT_STATES.has(typedClientState(one) ?? '')) return true;
    if (WITHOUT_CODE.test(one.message)) return true;
    if (one instanceof AggregateError && one.errors.some(isDatabaseUnavailable)) return true;
  }
  return false;
}

/** @returns the name of the violated unique constraint, or null. */
export function violatedUnique(error: unknown): string | null {
  if (codeOf(error) !== UNIQUE_VIOLATION) return null;
  const constraint = (error as { constraint?: unknown }).constraint;
  return typeof constraint === 'string' ? constraint : null;
}

/** @returns true when the policies in memory are older than the ones in force. */
export function isPolicyFence(error: unknown): boolean {
  return codeOf(error) === POLICIES_MOVED;
}

/** The typed client keeps the SQLSTATE below its own code (adapter-pg 7.10, convertDriverError). */
function typedClientState(error: Error): string | null {
  const meta = (error as { meta?: { driverAdapterError?: { cause?: unknown } } }).meta;
  const cause = meta?.driverAdapterError?.cause as { originalCode?: unknown } | undefined;
  return typeof cause?.originalCode === 'string' ? cause.originalCode : null;
}

function codeOf(error: unknown): string | null {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : null;
}
