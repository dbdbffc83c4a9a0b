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
