// Writes docs/errors.md from the error table. usage: npm run docs:errors
import { writeFileSync } from 'node:fs';

import { ERROR_TABLE } from 'nestjs-rocket';

const rows = ERROR_TABLE.map(({ code, meaning, remedy }) => `| \`${code}\` | ${meaning} | ${remedy} |`);
const text = `# Errors

Every error that nestjs-rocket throws is a class with a stable \`code\`, \`fields\` that say what it is about, and a \`cause\` where there is one. Match on the code or the
class; texts may change. This table is checked against the code.

| Code | When | What to do |
|---|---|---|
${rows.join('\n')}

A handler throws \`NonRetryableError\` (code \`NON_RETRYABLE\`) itself, to say that its message can never be handled.
`;
writeFileSync(new URL('../docs/errors.md', import.meta.url), text);
