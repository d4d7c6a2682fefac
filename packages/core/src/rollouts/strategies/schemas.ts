import * as z from 'zod/mini';

/* Fields that the options of several strategies have in common. */

/** A share of the traffic. */
export const shareField = z.number().check(z.gt(0), z.lte(1));

/** A count. */
export const wholeField = z.int().check(z.gte(0));

export const promoteField = z.enum(['non-inferior', 'no-harm', 'never']);

const hour = z.int().check(z.gte(0), z.lte(24));

export const scheduleField = z.optional(
  z
    .strictObject({
      daysUtc: z.optional(z.array(z.int().check(z.gte(0), z.lte(6))).check(z.minLength(1))),
      fromHourUtc: z.optional(hour),
      toHourUtc: z.optional(hour),
    })
    .check(
      z.refine(({ fromHourUtc = 0, toHourUtc = 24 }) => fromHourUtc < toHourUtc, 'hours from the earlier to the later'),
    ),
);
