import * as fs from 'node:fs';

/** Opens a file; new ones may be read by everybody and written by their owner, less what the umask takes away. */
export function openDescriptor(path: string, flags: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(path, flags, 0o644, (error, fd) => (error ? reject(error) : resolve(fd)));
  });
}
