import { Inject } from '@nestjs/common';
import { getRocketTemplateToken } from '../rocket.tokens.js';

/**
 * Injects the `RocketTemplate`: the same as a constructor parameter of that type, and the way for parameters of another type.
 *
 * @publicApi
 */
export function InjectRocketTemplate(): ParameterDecorator & PropertyDecorator {
  return Inject(getRocketTemplateToken());
}
