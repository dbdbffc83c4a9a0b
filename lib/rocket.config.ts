import process from 'node:process';

/** Where the values of an app's configuration are read from. A `ConfigService` of @nestjs/config is one. */
export interface ConfigReader {
  // eslint-disable-next-line typescript/no-unnecessary-type-parameters -- as ConfigService has it
  get<T = string>(name: string): T | undefined;
}

/** A value, or how it is read from the configuration when the app starts. */
export type Configurable<T> = T | ((config: ConfigReader) => T | undefined);

/** The environment of the process. */
export const environmentReader: ConfigReader = {
  // eslint-disable-next-line typescript/no-unnecessary-type-parameters -- as the reader has it
  get: <T>(name: string): T | undefined => process.env[name] as T | undefined,
};

/** `${name}`, or `${name:what stands for it where it is not configured}`. */
const PLACEHOLDER = /\$\{([^:{}]+)(?::([^{}]*))?\}/g;

/**
 * Puts values of the configuration in the place of their names, as Spring does: `${orders.topic}`, `${orders.topic:orders}`.
 *
 * @throws Error a name without a value and without a default; a value that is no text, number or boolean
 */
export function fillPlaceholders(text: string, config: () => ConfigReader): string {
  if (!text.includes('${')) return text;
  return text.replace(PLACEHOLDER, (placeholder: string, name: string, byDefault: string | undefined) => {
    const value = config().get<unknown>(name.trim()) ?? byDefault;
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
    if (value === undefined || value === null) {
      throw new Error(`the configuration has no value for ${placeholder}; "\${${name}:default}" would give one`);
    }
    throw new Error(`the configuration has for ${placeholder} a value that is no text, number or boolean`);
  });
}
