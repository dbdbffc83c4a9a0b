import { spawnSync } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * @param {string} name of a program
 * @param {string[]} [folders] looked through before those of the PATH
 * @returns {string | undefined} its path
 */
export function findProgram(name, folders = []) {
  const all = [...folders, ...(process.env.PATH ?? '').split(delimiter)];
  return all.map((folder) => join(folder, name)).find(isExecutable);
}

/** The folders `<parent>/<any>/<child>`, the newest version first. */
export function versionedFolders(parent, child) {
  try {
    const versions = readdirSync(parent).toSorted((a, b) => b.localeCompare(a, 'en', { numeric: true }));
    return versions.map((version) => join(parent, version, child));
  } catch {
    return [];
  }
}

/** The first version number in what a program says about itself. */
export function programVersion(path, ...args) {
  const { stdout, stderr } = spawnSync(path, args, { encoding: 'utf8' });
  return /\d+(?:\.\d+)+/.exec(`${stdout}${stderr}`)?.[0] ?? 'unknown';
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
