import { isDatabaseUnavailable } from '../prisma/fault.ts';
import { ApplicationError } from './error.ts';

/** Whether an error says that the database is out of reach or overloaded: the call may be repeated. */
export function isStoreUnavailable(error: unknown): boolean {
  if (error instanceof ApplicationError) return error.code === 'STORE_UNAVAILABLE';
  return isDatabaseUnavailable(error);
}
