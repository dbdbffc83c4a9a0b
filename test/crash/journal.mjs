// What happened, one line each, kept outside of the store. A line is written by one system call: the operating system keeps it, whatever becomes of the process.
import { openSync, writeSync } from 'node:fs';

/** @returns a function that adds a line: an event's name and its facts */
export function openJournal(path) {
  const file = openSync(path, 'a');
  return (event, facts) => {
    writeSync(file, `${JSON.stringify([event, facts])}\n`);
  };
}
