// The deployed templates with the test's own policy.
import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { workspace } from './cloud.js';

/** Writes a policy and templates that use it into `folder`. Returns the path of the root template. */
export function templateWith(folder, policy) {
  const own = mkdtempSync(join(folder, 'policy-'));
  writeFileSync(join(own, 'policy.toml'), policy);
  for (const name of readdirSync(join(workspace, 'infra')).filter((file) => file.endsWith('.yaml'))) {
    const deployed = readFileSync(join(workspace, 'infra', name), 'utf8');
    writeFileSync(join(own, name), deployed.replace('MFA_CONFIG_DIR: /opt/cognito-mfa', `MFA_CONFIG_DIR: ${own}`));
  }
  return join(own, 'template.yaml');
}
