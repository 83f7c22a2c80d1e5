/** Something the operator has to do before this program can run. The message says what. */
export class SetupError extends Error {}
