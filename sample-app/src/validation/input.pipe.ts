import { BadRequestException, Injectable, ValidationPipe, type ArgumentMetadata } from '@nestjs/common';
import { sentencesOf } from './sentences.js';

/** Makes DTOs of bodies and queries; what does not fit is answered with 400 and a sentence. */
@Injectable()
export class InputPipe extends ValidationPipe {
  constructor() {
    super({
      transform: true,
      whitelist: true,
      forbidNonWhitelisted: true,
      exceptionFactory: (errors) => new BadRequestException(sentencesOf(errors)),
    });
  }

  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (metadata.type === 'body' && (typeof value !== 'object' || value === null || Array.isArray(value))) {
      throw new BadRequestException('Send a JSON object, with the header "content-type: application/json".');
    }
    try {
      return (await super.transform(value, metadata)) as unknown;
    } catch (error) {
      // class-transformer walks the body by recursion, and a body can be nested deeper than the stack is.
      if (error instanceof RangeError) throw new BadRequestException('The body is nested too deep.');
      throw error;
    }
  }
}
