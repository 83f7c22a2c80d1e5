/** What the program `verify` ends with. `incomplete`: something is not disclosed, or was erased. */
export const EXIT = { valid: 0, invalid: 1, incomplete: 2, usage: 3 } as const;
