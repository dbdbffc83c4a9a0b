/** How often a config file has changed; brokers of a cluster compare it (RocketMQ: `DataVersion`). */
export interface DataVersion {
  readonly counter: number;
  readonly stateVersion: number;
  readonly timestamp: number;
}

export function firstDataVersion(nowMs: number): DataVersion {
  return { counter: 0, stateVersion: 0, timestamp: nowMs };
}

export function nextDataVersion(version: DataVersion, nowMs: number): DataVersion {
  return { ...version, counter: version.counter + 1, timestamp: nowMs };
}

/** The version that a config file states; a first one where it states none. */
export function dataVersionOf(content: unknown, nowMs: number): DataVersion {
  const stated = isObject(content) ? content['dataVersion'] : undefined;
  if (!isObject(stated)) return firstDataVersion(nowMs);
  const number = (name: string, fallback: number): number => {
    const value = stated[name];
    return typeof value === 'number' ? value : fallback;
  };
  return {
    counter: number('counter', 0),
    stateVersion: number('stateVersion', 0),
    timestamp: number('timestamp', nowMs),
  };
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The named table of a config file; empty where there is none. */
export function tableOf(content: unknown, name: string): Readonly<Record<string, unknown>> {
  const table = isObject(content) ? content[name] : undefined;
  return isObject(table) ? table : {};
}
