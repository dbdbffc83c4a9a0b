import { existsSync, readFileSync } from 'node:fs';

export const HOW_TO_GET_CLIENTS = 'npm ci --prefix bench/peers';

/** @returns {string[]} those of the npm packages that are not installed */
export function missingClients(...names) {
  return names.filter((name) => !existsSync(manifestOf(name))).map((name) => `the npm package ${name}`);
}

/** Names and versions of npm packages, for the results. */
export function clientVersions(...names) {
  return names.map((name) => `${name} ${JSON.parse(readFileSync(manifestOf(name), 'utf8')).version}`).join(', ');
}

function manifestOf(name) {
  return new URL(`../node_modules/${name}/package.json`, import.meta.url);
}
