import type { EntryPage } from './index-entry-page.js';
import type { IndexFile } from './index-file.js';
import {
  readEntryKeyHash,
  readEntryPhysicalOffset,
  readEntryPrevious,
  readEntryTimeDiff,
} from './index-file-format.js';

/** Entries of one read: those before the wanted one are likely to be asked for next. */
const PAGE_ENTRIES = 204;

/**
 * Places of the records that may have a key, youngest first: those whose entry has its hash, and whose store time may lie in the range. The index
 * knows hashes only, and times to the second; the caller looks at the record.
 */
export async function* candidates(
  file: IndexFile,
  keyHash: number,
  beginMs: number,
  endMs: number,
): AsyncGenerator<number, void, undefined> {
  let page: EntryPage | undefined;
  for (let entryNumber = await file.newestOf(keyHash); entryNumber > 0;) {
    let entry = file.entryInMemory(entryNumber) ?? page?.entry(entryNumber);
    if (entry === undefined) {
      page = await file.readEntries(Math.max(1, entryNumber - PAGE_ENTRIES + 1), entryNumber + 1);
      entry = page.entry(entryNumber);
      if (entry === undefined) return;
    }
    const { bytes, at } = entry;
    const { from, to } = storeTimeOf(file, entryNumber, readEntryTimeDiff(bytes, at));
    if (readEntryKeyHash(bytes, at) === keyHash && from <= endMs && to >= beginMs) {
      yield readEntryPhysicalOffset(bytes, at);
    }
    const previous = readEntryPrevious(bytes, at);
    // Entries get older from one to the next. One that does not come before its successor is damaged, and would make a circle.
    if (to < beginMs || previous >= entryNumber) return;
    entryNumber = previous;
  }
}

/**
 * The first and last millisecond in which the record of an entry may have been stored. That of entry 1 is the file's beginning: its timeDiff is counted
 * from the end of the file before, which a search in RocketMQ overlooks.
 */
function storeTimeOf(
  { header }: IndexFile,
  entryNumber: number,
  timeDiff: number,
): { readonly from: number; readonly to: number } {
  const { beginTimestampMs } = header;
  if (entryNumber === 1) return { from: beginTimestampMs, to: beginTimestampMs };
  return { from: beginTimestampMs + timeDiff * 1000, to: beginTimestampMs + timeDiff * 1000 + 999 };
}
