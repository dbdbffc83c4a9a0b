import { readFile } from 'node:fs/promises';
import { importArrows } from '../support/import-arrows.js';
import { readSources } from '../support/source-files.js';

/** Which entry of the package may load which optional peer. */
const PEERS_OF: Readonly<Record<string, readonly string[]>> = {
  'lib/index.ts': [],
  'lib/engine/index.ts': [],
  'lib/health/index.ts': ['@nestjs/terminus'],
  'lib/instrument/prometheus/index.ts': ['prom-client'],
  'lib/instrument/opentelemetry/index.ts': ['@opentelemetry/api'],
  'lib/microservices/index.ts': ['@nestjs/microservices'],
};

describe('optional peers', () => {
  it.each(Object.entries(PEERS_OF))('%s loads %j and no other', async (entry, allowed) => {
    const manifest = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
      peerDependenciesMeta: Record<string, { optional: boolean }>;
    };
    const optional = Object.keys(manifest.peerDependenciesMeta);
    const arrows = importArrows(await readSources('lib'));
    const seen = new Set([entry]);
    const loaded = new Set<string>();
    for (const path of seen) {
      for (const { target, specifier } of arrows.filter(({ from }) => from.path === path)) {
        if (target !== undefined) seen.add(target);
        else if (optional.some((peer) => specifier === peer)) loaded.add(specifier!);
      }
    }
    expect(seen.size).toBeGreaterThan(1);
    expect([...loaded]).toEqual(allowed);
  });
});
