// Checks the OpenAPI document with a public linter. No finding is allowed.
import { fileURLToPath } from 'node:url';

import { createConfig, lint } from '@redocly/openapi-core';

const ref = fileURLToPath(new URL('../../../infra/openapi.json', import.meta.url));
const problems = await lint({ ref, config: await createConfig({ extends: ['recommended-strict'] }) });
for (const { severity, ruleId, message, location } of problems) {
  console.error(`${severity} ${ruleId} at ${location[0]?.pointer}: ${message}`);
}
if (problems.length > 0) process.exit(1);
console.log('infra/openapi.json: nothing to say');
