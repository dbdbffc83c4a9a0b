// The floor that everything is measured against: plain Node writes the same bytes in groups of the same size, each group synced before the next.
import fs from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const write = promisify(fs.write);
const fdatasync = promisify(fs.fdatasync);

/**
 * @param {string} directory where the file is made
 * @param {{ groupSize: number, recordBytes: number, totalRecords: number }} work
 * @returns {Promise<number>} records a second
 */
export async function measureFloor(directory, { groupSize, recordBytes, totalRecords }) {
  const path = join(directory, `floor-${groupSize}-${recordBytes}`);
  const fd = fs.openSync(path, 'w');
  const group = Buffer.alloc(groupSize * recordBytes, 'r');
  const groups = Math.ceil(totalRecords / groupSize);
  const startedMs = performance.now();
  for (let i = 0; i < groups; i++) {
    await write(fd, group, 0, group.length, i * group.length);
    await fdatasync(fd);
  }
  const tookMs = performance.now() - startedMs;
  fs.closeSync(fd);
  fs.rmSync(path);
  return (groups * groupSize * 1000) / tookMs;
}
