import { applyDecorators } from '@nestjs/common';
import { Transform } from 'class-transformer';
import { ValidateBy } from 'class-validator';

const BUSINESS_ID = /^[\w.-]{1,64}$/;

/** The number of an order, fee or refund. It becomes the key of messages, where a space would separate two keys. A number is taken for its text. */
export function IsBusinessId(): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) => (typeof value === 'number' ? String(value) : value)),
    ValidateBy({
      name: 'isBusinessId',
      validator: {
        validate: (value) => typeof value === 'string' && BUSINESS_ID.test(value),
        defaultMessage: (args) => `${args?.property} must be 1 to 64 letters, digits, "_", "-" or "."`,
      },
    }),
  );
}
