/** Marks a case that the types say cannot happen. @throws TypeError: it happened, this is a bug. */
export function assertNever(value: never): never {
  throw new TypeError(`unexpected case: ${JSON.stringify(value)}`);
}
