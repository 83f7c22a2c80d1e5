import { expect, test } from 'vitest';
import { assertNever } from '../../domain/assert-never.ts';

test('a case that the types exclude is a bug', () => {
  expect(() => assertNever('surprise' as never)).toThrow(TypeError);
});
