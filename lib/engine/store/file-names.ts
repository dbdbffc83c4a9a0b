// Directory layout of a store (RocketMQ: StorePathConfigHelper, BrokerPathConfigHelper, UtilAll.offset2FileName).

export const storePaths = (root: string) =>
  ({
    root,
    commitLog: `${root}/commitlog`,
    consumeQueue: `${root}/consumequeue`,
    index: `${root}/index`,
    config: `${root}/config`,
    checkpoint: `${root}/checkpoint`,
    abort: `${root}/abort`,
    lock: `${root}/lock`,
    /** Ours: what recovery cut off is kept here. Outside of `commitlog`, where a broker refuses files of a foreign size. */
    broken: `${root}/broken`,
  }) as const;

export type StorePaths = ReturnType<typeof storePaths>;

/** Files are named by the offset of their first byte: 20 digits. */
export function offsetFileName(offset: number): string {
  return String(offset).padStart(20, '0');
}

/** The offset that a file name stands for; undefined for a file that is not one of the log's. None of them begins where offsets can not be counted any more. */
export function parseOffsetFileName(name: string): number | undefined {
  if (!/^\d{20}$/.test(name)) return undefined;
  const offset = Number(name);
  return Number.isSafeInteger(offset) ? offset : undefined;
}
