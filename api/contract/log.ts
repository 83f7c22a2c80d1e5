import { z } from 'zod';

/** Decimal, no superfluous zero, below 2^53. */
const count = z
  .string()
  .regex(/^(?:0|[1-9]\d{0,15})$/, 'is a whole number without leading zeros')
  .transform(Number)
  .refine(Number.isSafeInteger, 'is a whole number below 2^53')
  .meta({ override: { type: 'integer', minimum: 0 } });

const stream = z
  .string()
  .regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'is the id of a stream (of a request)');

/** Of a leaf by its index; of a record by its place in a stream, then as a tlog-proof. */
export const inclusionQuery = z
  .strictObject({
    index: count.optional(),
    size: count.optional(),
    stream: stream.optional(),
    seq: count.refine((seq) => seq < 2 ** 31, 'is below 2^31').optional(),
  })
  .refine(
    ({ index, size, stream: of, seq }) =>
      of === undefined
        ? index !== undefined && size !== undefined && seq === undefined
        : seq !== undefined && index === undefined,
    'names index and size, or stream and seq (and a size)',
  );

export const consistencyQuery = z.strictObject({ from: count, to: count });

export const headQuery = z.strictObject({ size: count.optional() });
