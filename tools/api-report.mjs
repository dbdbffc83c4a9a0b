// Writes docs/api/*.api.md, the public surface of each entry point, or checks that they are as the code has it.
// usage: node tools/api-report.mjs [--check]   (after npm run build)
import { readFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';

const root = new URL('..', import.meta.url).pathname;
const isCheck = process.argv.includes('--check');
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const work = mkdtempSync(join(tmpdir(), 'rocket-api-'));
let changed = 0;
try {
  for (const [subpath, target] of Object.entries(exports)) {
    if (typeof target === 'string') continue;
    const name = subpath === '.' ? 'index' : subpath.slice(2).replaceAll('/', '-');
    const config = ExtractorConfig.prepare({
      configObjectFullPath: join(root, 'api-extractor.json'),
      packageJsonFullPath: join(root, 'package.json'),
      configObject: {
        projectFolder: root,
        mainEntryPointFilePath: join(root, target.types),
        compiler: { tsconfigFilePath: join(root, 'tsconfig.build.json'), skipLibCheck: true },
        apiReport: {
          enabled: true,
          reportFileName: `${name}.api.md`,
          reportFolder: join(root, 'docs/api'),
          reportTempFolder: work,
        },
        docModel: { enabled: false },
        dtsRollup: { enabled: false },
        tsdocMetadata: { enabled: false },
        newlineKind: 'lf',
        messages: {
          extractorMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
          tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
          compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Warning } },
        },
      },
    });
    const result = Extractor.invoke(config, { localBuild: !isCheck, showVerboseMessages: false });
    if (result.apiReportChanged) changed++;
    console.log(`${result.apiReportChanged ? 'changed' : 'same   '} docs/api/${name}.api.md`);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
if (isCheck && changed > 0) {
  console.error('The public surface is not what docs/api says. Look at the change, then run: npm run docs:api');
  process.exitCode = 1;
}
