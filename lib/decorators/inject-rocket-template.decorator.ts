import { Inject } from '@nestjs/common';
import { getRocketTemplateToken } from '../rocket.tokens.js';

/**
 * Injects a `RocketTemplate`. Without a name: the same as a constructor parameter of that type, and the way for parameters of another type.
 *
 * @param name of a template of `RocketModule.forFeature`, or of a store
 * @publicApi
 */
export function InjectRocketTemplate(name?: string): ParameterDecorator & PropertyDecorator {
  return Inject(getRocketTemplateToken(name));
}
