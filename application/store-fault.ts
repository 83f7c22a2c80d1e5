import { isDatabaseUnavailable } from '../prisma/fault.ts';

/** Whether an error says that the database is out of reach or overloaded: the call may be repeated. */
export const isStoreUnavailable = isDatabaseUnavailable;
